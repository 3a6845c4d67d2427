"""Polls of a class session: opened, voted in, closed, and the anonymous ones counted.

How an anonymous vote is kept so that nothing stored or shown joins a person to a choice, and yet it is durable when it is
acknowledged, and counted exactly once:

 1. `poll_vote` causes no event, so nothing with an author is stored of its choices: its receipt, by which the vote sent again gets
    its first answer, holds a digest of all but these. In one transaction it arms a deadline whose *key* is the ballot — a random
    word and the choices, no person — and sends the session a `poll_mark`.
 2. `poll_mark`, a moment later and from the system, causes the event that this person has voted (sent without the person), which is
    what refuses a second vote. A mark that comes second voids its ballot. The message is deleted in the same transaction. Whose mark
    is on its way is known in memory only: so a new life sends itself a `poll_resume`, which comes behind every mark of the lives
    before (messages from one to another keep their order); until then a vote of which it cannot know is answered `unavailable`.
 3. The ballots' deadlines come back within a second, and then within `AGAIN_MS` again and again, each after a time of its own by
    chance: so the urn, which is in memory only, knows all of them even after a crash, and neither their times nor their order tell
    those of the votes. Deadlines are deleted when they end: nothing of a ballot outlives the count.
 4. After `poll_close`, when every voter's ballot is in the urn, one event tells the totals of all, and the deadlines are dropped. There
    are no totals before: two of them would tell who voted in between. With fewer than `SECRET_MIN` voters there are none at all.

What remains: somebody who reads the database itself in the second in which a vote is cast could see which rows were written together.
After that it shows who has voted, in which order, and ballots in another; once the poll is counted, it shows no ballots at all.
Never here: who may vote (the kind's row in `actors.session`).
"""

from collections.abc import Callable
from typing import Any

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.session_memory import SessionMemory
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol.session_floor import (
    OPEN_POLLS_MAX,
    POLLS_MAX,
    SECRET_MIN,
    Brought,
    Poll,
    PollClose,
    PollClosed,
    PollCounted,
    PollMark,
    PollMarked,
    PollOpen,
    PollOpened,
    PollResume,
    PollVote,
    PollVoted,
)
from homeroom.protocol.session_state import SessionState

BALLOT, COUNT = "ballot.", "count."
FIRST_MS = 1_000
AGAIN_MS = 30_000
RESUME_MS = 500
"""A vote that came before a new life knew who has voted may come again so much later."""
SETTLE_MS = 1_000
PATIENCE_MS = 120_000
"""So long after its end a poll waits for ballots that are missing; then those that are there are counted."""


class Polls:
    """Decides the verbs of polls; holds nothing but the urns, whose mark is on its way, and where that is not known yet."""

    __slots__ = ("_casting", "_id", "_memory", "_sure", "_unsure", "_urns", "_word")

    def __init__(self, id: str, memory: SessionMemory) -> None:
        self._id = id
        self._memory = memory
        self._urns: dict[str, set[str]] = {}
        self._casting: set[tuple[str, str]] = set()
        self._sure: dict[str, int] = {}
        self._unsure: frozenset[str] = frozenset()
        self._word = ""

    def wake(self, context: Context) -> Decision:
        """Begin a life: of polls opened in an earlier one, the urn is complete only when every ballot had time to come back.

        And who has voted in them is known only when the message returned here has come.
        """
        polls = self._memory.shown.polls.items()
        self._unsure = frozenset(name for name, poll in polls if poll.anonymous and not poll.counted)
        if not self._unsure:
            return NOTHING
        self._sure = dict.fromkeys(self._unsure, context.now + AGAIN_MS)
        self._word = f"{context.random.getrandbits(96):024x}"
        return Decision(tells=(Tell(f"session:{self._id}", PollResume(self._word)),))

    def decide(self, command: Any, context: Context) -> Decision | None:
        """Answer a verb of polls; `None` when it is none. Raises `Refusal` as each verb says."""
        decide = _DECISIONS.get(type(command))
        return decide(self, command, context) if decide else None

    def fired(self, key: str, context: Context) -> Decision | None:
        """Answer a deadline of polls; `None` when it is none."""
        if key.startswith(BALLOT):
            return self._come_back(key, context)
        return self._count(key.removeprefix(COUNT), context.now) if key.startswith(COUNT) else None

    # --- verbs

    def _open(self, command: PollOpen, context: Context) -> Decision:
        """`full` for too many polls in all or at once; `bad_command` for options that are the same, and for both kinds."""
        polls = self._memory.shown.polls
        if len(polls) >= POLLS_MAX:
            raise Refusal("full", f"a session holds {POLLS_MAX} polls")
        if sum(1 for poll in polls.values() if not poll.closed) >= OPEN_POLLS_MAX:
            raise Refusal("full", f"{OPEN_POLLS_MAX} polls are open")
        if command.anonymous and command.changeable:
            raise _unfit("changeable", "false when the poll is anonymous")
        options = tuple(fit_name("options", option) for option in command.options)
        if len(set(options)) < len(options):
            raise _unfit("options", "options that differ")
        name, question = str(context.seq), fit_text("question", command.question)
        opened = PollOpened(name, question, options, command.multiple, command.anonymous, command.changeable)
        return Decision((opened,), reply=Brought(name))

    def _vote(self, command: PollVote, context: Context) -> Decision:
        """`not_found`, `bad_command` for choices that are none, `conflict` when closed and for a second vote."""
        poll = self._find(command.poll)
        choices = _fit_choices(poll, command.choices)
        if poll.closed:
            raise Refusal("conflict", "the poll is closed")
        if poll.anonymous:
            return self._cast(command.poll, choices, context)
        before = poll.votes.get(context.caller.user)
        if before is not None and not poll.changeable:
            raise _voted()
        return NOTHING if before == choices else Decision((PollVoted(command.poll, context.caller.user, choices),))

    def _cast(self, id: str, choices: tuple[int, ...], context: Context) -> Decision:
        """`unavailable` for a moment in a new life, to those who may have voted in an earlier one."""
        user = context.caller.user
        if user in self._memory.voters.get(id, ()) or (id, user) in self._casting:
            raise _voted()
        if id in self._unsure:
            raise Refusal("unavailable", "votes cast before are still coming in", retry_ms=RESUME_MS)
        ballot = f"{BALLOT}{id}.{context.random.getrandbits(128):032x}.{'-'.join(map(str, choices))}"
        self._casting.add((id, user))
        self._urn(id).add(ballot)
        mark = Tell(f"session:{self._id}", PollMark(id, user, ballot))
        return Decision(tells=(mark,), timers=(At(ballot, context.now + context.random.randint(1, FIRST_MS)),))

    def _resume(self, command: PollResume, context: Context) -> Decision:
        """Know who has voted, when it is this life that asked: one before may have ended before it was answered."""
        if command.word == self._word:
            self._unsure = frozenset()
        return NOTHING

    def _mark(self, command: PollMark, context: Context) -> Decision:
        """Note who has voted; a second mark of one person, should there be one, voids its ballot."""
        self._casting.discard((command.poll, command.user))
        poll = self._memory.shown.polls.get(command.poll)
        if poll is not None and not poll.counted and command.user not in self._memory.voters.get(command.poll, ()):
            return Decision((PollMarked(command.poll, command.user),))
        self._urn(command.poll).discard(command.ballot)
        return Decision(timers=(Disarm(command.ballot),))

    def _close(self, command: PollClose, context: Context) -> Decision:
        """`not_found`; what is closed already is told nothing."""
        poll = self._find(command.poll)
        return NOTHING if poll.closed else _closing(command.poll, poll, context.now)

    # --- counting

    def _come_back(self, ballot: str, context: Context) -> Decision:
        name = ballot.split(".")[1]
        poll = self._memory.shown.polls.get(name)
        if poll is None or poll.counted:
            return NOTHING
        self._urn(name).add(ballot)
        return Decision(timers=(At(ballot, context.now + context.random.randint(AGAIN_MS // 2, AGAIN_MS)),))

    def _count(self, id: str, now: int) -> Decision:
        """Tell the totals, or look again in a moment when ballots or marks are still on their way."""
        poll = self._memory.shown.polls.get(id)
        if poll is None or poll.counted:
            return NOTHING
        if not self._is_complete(id, now) and now < poll.closed + PATIENCE_MS:
            return Decision(timers=(At(COUNT + id, now + SETTLE_MS),))
        ballots = self._urns.pop(id, set())
        if len(ballots) < SECRET_MIN:
            counted = PollCounted(id, len(ballots), withheld=bool(ballots))
        else:
            counted = PollCounted(id, len(ballots), _totals(poll, ballots))
        return Decision((counted,), timers=tuple(Disarm(ballot) for ballot in sorted(ballots)))

    def _is_complete(self, id: str, now: int) -> bool:
        casting = any(poll == id for poll, _ in self._casting)
        full = len(self._urns.get(id, ())) == len(self._memory.voters.get(id, ()))
        return full and not casting and id not in self._unsure and now >= self._sure.get(id, 0)

    def _urn(self, id: str) -> set[str]:
        return self._urns.setdefault(id, set())

    def _find(self, id: str) -> Poll:
        poll = self._memory.shown.polls.get(id)
        if poll is None:
            raise Refusal("not_found", "no such poll")
        return poll


_DECISIONS: dict[type[Any], Callable[[Polls, Any, Context], Decision]] = {
    PollOpen: Polls._open,
    PollVote: Polls._vote,
    PollMark: Polls._mark,
    PollResume: Polls._resume,
    PollClose: Polls._close,
}


def close_polls(shown: SessionState, now: int) -> Decision:
    """Return the end of every poll that is open."""
    closing = [_closing(name, poll, now) for name, poll in shown.polls.items() if not poll.closed]
    events = tuple(event for decision in closing for event in decision.events)
    return Decision(events, timers=tuple(timer for decision in closing for timer in decision.timers))


def _closing(id: str, poll: Poll, now: int) -> Decision:
    timers = (At(COUNT + id, now + SETTLE_MS),) if poll.anonymous else ()
    return Decision((PollClosed(id),), timers=timers)


def _fit_choices(poll: Poll, choices: tuple[int, ...]) -> tuple[int, ...]:
    """Return the choices in the order of the options; raises `bad_command` for more than may be, twice the same, or none of them."""
    chosen = tuple(sorted(set(choices)))
    if len(chosen) < len(choices) or chosen[-1] >= len(poll.options):
        raise _unfit("choices", f"different numbers from 0 to {len(poll.options) - 1}")
    if len(chosen) > 1 and not poll.multiple:
        raise _unfit("choices", "one option")
    return chosen


def _totals(poll: Poll, ballots: set[str]) -> tuple[int, ...]:
    counts = [0] * len(poll.options)
    for ballot in ballots:
        for place in ballot.rpartition(".")[2].split("-"):
            counts[int(place)] += 1
    return tuple(counts)


def _voted() -> Refusal:
    return Refusal("conflict", "you have voted already")


def _unfit(field: str, allowed: str) -> Refusal:
    return Refusal("bad_command", f"{field}: {allowed}", data={"field": field, "allowed": allowed})
