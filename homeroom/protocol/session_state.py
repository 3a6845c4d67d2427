"""A class session as its subscribers see it, what an event does to that state, and the answers of its verbs.

`reduce_session` serves the actor and every client alike, which is why state + events equals a fresh view.
Never here: the words (`session_words`, `session_floor`), and what a session remembers beside what it shows (`actors.session`).
"""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat import Name
from homeroom.protocol.chat_state import SHOWN, ChatState, Happening, enter_chat, reduce_chat, show_chat
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.session_floor import (
    HandLowered,
    HandRaised,
    Poll,
    PollClosed,
    PollCounted,
    PollMarked,
    PollOpened,
    PollVoted,
    Question,
    QuestionAnswered,
    QuestionAsked,
    QuestionUpvoted,
    QuestionWithdrawn,
)
from homeroom.protocol.session_words import (
    Audience,
    Cancelled,
    Capacity,
    Changed,
    Created,
    DoorsOpened,
    Ended,
    Enrolled,
    Expelled,
    HandedOver,
    Materials,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Recording,
    RecordingSet,
    Standing,
    Started,
    Status,
)

FACES_MAX = 5
"""Faces on the card of a session (requirements 1.3)."""


class Participant(Struct, frozen=True):
    """A person who is or was in the session: role in the school, name, when it first came and when it came last (Unix ms)."""

    role: Annotated[str, Meta(max_length=20)]
    name: Name
    joined: Millis
    since: Millis
    standing: Standing = "here"


class SessionState(Struct):
    """A session, the same for everybody who may see it. `created` is 0 while it does not exist; times are Unix ms, 0: not yet.

    `starts`, `ends`: as planned; `started`, `ended`: as it was. `early`: everybody may join before the usual time. `enrolled`: how
    many are on the list. `group`: the study group that planned it. `hands` are in the order raised. Presence of participants comes as `room.presence`.
    """

    title: str = ""
    description: str = ""
    course: str = ""
    status: Status = "scheduled"
    audience: Audience = "listed"
    owner: str = ""
    owner_name: str = ""
    created: Millis = 0
    starts: Millis = 0
    ends: Millis = 0
    started: Millis = 0
    ended: Millis = 0
    capacity: Capacity = 0
    early: bool = False
    recording: Recording = ""
    reason: str = ""
    enrolled: int = 0
    materials: Materials = ()
    group: str = ""
    people: dict[str, Participant] = field(default_factory=dict)
    hands: list[str] = field(default_factory=list)
    questions: dict[str, Question] = field(default_factory=dict)
    polls: dict[str, Poll] = field(default_factory=dict)
    chat: ChatState = field(default_factory=ChatState)


def reduce_session(state: SessionState, fact: Happening, window: int = SHOWN) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)
    else:
        reduce_chat(state.chat, fact, window)


def show_session(state: SessionState, window: int = SHOWN) -> SessionState:
    """Return a copy of `state` that later changes do not reach, with the newest `window` messages."""
    return replace(
        state,
        people=dict(state.people),
        hands=list(state.hands),
        questions=dict(state.questions),
        polls=dict(state.polls),
        chat=show_chat(state.chat, window),
    )


def is_in(state: SessionState, user: str) -> bool:
    """Tell whether `user` is in the session, or its seat is kept for it."""
    person = state.people.get(user)
    return person is not None and person.standing != "gone"


def seats_taken(state: SessionState) -> int:
    """Return how many seats are taken, by the lost ones too; the owner needs none."""
    return sum(1 for user, person in state.people.items() if person.standing != "gone" and user != state.owner)


def first_faces(state: SessionState) -> list[tuple[str, Participant]]:
    """Return the first five who are in the session, with their ids."""
    inside = [(user, person) for user, person in state.people.items() if person.standing != "gone"]
    return sorted(inside, key=lambda each: (each[1].joined, each[0]))[:FACES_MAX]


# --- what an event does


def _plan(state: SessionState, e: Created | Changed) -> None:
    state.title, state.starts, state.ends = e.title, e.starts, e.ends
    state.description, state.course, state.capacity = e.description, e.course, e.capacity
    state.audience, state.materials = e.audience, e.materials


def _created(state: SessionState, fact: Happening, e: Created) -> None:
    _plan(state, e)
    state.owner, state.owner_name, state.group, state.created = e.owner, e.owner_name, e.group, fact.at


def _changed(state: SessionState, fact: Happening, e: Changed) -> None:
    _plan(state, e)


def _started(state: SessionState, fact: Happening, e: Started) -> None:
    state.status, state.started = "live", fact.at


def _ended(state: SessionState, fact: Happening, e: Ended) -> None:
    state.status, state.ended = "ended", fact.at
    state.recording = e.recording or state.recording
    _empty(state)


def _cancelled(state: SessionState, fact: Happening, e: Cancelled) -> None:
    state.status, state.ended, state.reason = "cancelled", fact.at, e.reason
    _empty(state)


def _empty(state: SessionState) -> None:
    """Let nobody be in the session any more."""
    state.hands.clear()
    for user, person in state.people.items():
        if person.standing != "gone":
            state.people[user] = replace(person, standing="gone")


def _opened(state: SessionState, fact: Happening, e: DoorsOpened) -> None:
    state.early = True


def _counted_list(state: SessionState, fact: Happening, e: Enrolled | Expelled) -> None:
    state.enrolled = e.count


def _handed_over(state: SessionState, fact: Happening, e: HandedOver) -> None:
    state.owner, state.owner_name = e.owner, e.owner_name


def _joined(state: SessionState, fact: Happening, e: ParticipantJoined) -> None:
    before = state.people.get(e.user)
    joined = before.joined if before is not None else fact.at
    state.people[e.user] = Participant(e.role, e.name, joined, fact.at)
    if e.user not in state.chat.reads:
        enter_chat(state.chat, e.user)


def _stand(state: SessionState, user: str, standing: Standing) -> None:
    person = state.people.get(user)
    if person is not None:
        state.people[user] = replace(person, standing=standing)


def _lost(state: SessionState, fact: Happening, e: ParticipantLost) -> None:
    _stand(state, e.user, "lost")


def _returned(state: SessionState, fact: Happening, e: ParticipantReturned) -> None:
    _stand(state, e.user, "here")


def _left(state: SessionState, fact: Happening, e: ParticipantLeft) -> None:
    _stand(state, e.user, "gone")
    if e.user in state.hands:
        state.hands.remove(e.user)


def _recorded(state: SessionState, fact: Happening, e: RecordingSet) -> None:
    state.recording = e.url


def _raised(state: SessionState, fact: Happening, e: HandRaised) -> None:
    state.hands.append(e.user)


def _lowered(state: SessionState, fact: Happening, e: HandLowered) -> None:
    if e.user in state.hands:
        state.hands.remove(e.user)


def _asked(state: SessionState, fact: Happening, e: QuestionAsked) -> None:
    state.questions[e.id] = Question(e.text, fact.by, e.name, fact.at)


def _upvoted(state: SessionState, fact: Happening, e: QuestionUpvoted) -> None:
    question = state.questions.get(e.id)
    if question is not None:
        others = tuple(user for user in question.upvoters if user != e.user)
        state.questions[e.id] = replace(question, upvoters=(*others, e.user) if e.on else others)


def _answered(state: SessionState, fact: Happening, e: QuestionAnswered) -> None:
    question = state.questions.get(e.id)
    if question is not None:
        state.questions[e.id] = replace(question, answered=fact.at, answer=e.text, answered_by=fact.by)


def _withdrawn(state: SessionState, fact: Happening, e: QuestionWithdrawn) -> None:
    state.questions.pop(e.id, None)


def _poll_opened(state: SessionState, fact: Happening, e: PollOpened) -> None:
    counts = () if e.anonymous else (0,) * len(e.options)
    state.polls[e.id] = Poll(e.question, e.options, fact.at, e.multiple, e.anonymous, e.changeable, counts=counts)


def _poll_voted(state: SessionState, fact: Happening, e: PollVoted) -> None:
    poll = state.polls.get(e.id)
    if poll is None:
        return
    counts = list(poll.counts)
    for place in poll.votes.get(e.user, ()):
        counts[place] -= 1
    for place in e.choices:
        counts[place] += 1
    votes = {**poll.votes, e.user: e.choices}
    state.polls[e.id] = replace(poll, votes=votes, voters=len(votes), counts=tuple(counts))


def _poll_marked(state: SessionState, fact: Happening, e: PollMarked) -> None:
    poll = state.polls.get(e.id)
    if poll is not None:
        state.polls[e.id] = replace(poll, voters=poll.voters + 1)


def _poll_closed(state: SessionState, fact: Happening, e: PollClosed) -> None:
    poll = state.polls.get(e.id)
    if poll is not None:
        state.polls[e.id] = replace(poll, closed=fact.at, counted=not poll.anonymous, votes={})


def _poll_counted(state: SessionState, fact: Happening, e: PollCounted) -> None:
    poll = state.polls.get(e.id)
    if poll is not None:
        state.polls[e.id] = replace(poll, counted=True, voters=e.voters, counts=e.counts, withheld=e.withheld)


_CHANGES: dict[type[Any], Callable[[SessionState, Any, Any], None]] = {
    Created: _created,
    Changed: _changed,
    Started: _started,
    Ended: _ended,
    Cancelled: _cancelled,
    DoorsOpened: _opened,
    Enrolled: _counted_list,
    Expelled: _counted_list,
    HandedOver: _handed_over,
    ParticipantJoined: _joined,
    ParticipantLost: _lost,
    ParticipantReturned: _returned,
    ParticipantLeft: _left,
    RecordingSet: _recorded,
    HandRaised: _raised,
    HandLowered: _lowered,
    QuestionAsked: _asked,
    QuestionUpvoted: _upvoted,
    QuestionAnswered: _answered,
    QuestionWithdrawn: _withdrawn,
    PollOpened: _poll_opened,
    PollVoted: _poll_voted,
    PollMarked: _poll_marked,
    PollClosed: _poll_closed,
    PollCounted: _poll_counted,
}


# --- answers


class Entered(Struct, frozen=True):
    """The answer to `join`: what the session is doing, how many are in it, and since when the caller is (Unix ms)."""

    status: Status
    inside: int
    since: Millis


class Attendee(Struct, frozen=True):
    """A person who is or was in the session."""

    user: Id
    role: str
    name: Name
    joined: Millis
    standing: Standing


class AttendeeList(Struct, frozen=True):
    """Who is and was in the session, in the order in which they first came; `inside` counts those who are."""

    people: tuple[Attendee, ...]
    inside: int


class Attended(Struct, frozen=True):
    """How long a person was there: in all (ms, the union of its intervals), in how many intervals, and from when to when.

    `first` is when its first interval began, as in the sheet: when it joined or, where nothing was heard of it then, the first sign of its life. `last` is 0 while the person is still there.
    """

    user: Id
    role: str
    name: Name
    total_ms: int
    intervals: int
    first: Millis
    last: Millis


class AttendanceList(Struct, frozen=True):
    """The attendance that the caller may see, in the order in which people first came; `final`: it does not change any more."""

    people: tuple[Attended, ...]
    final: bool


class RosterList(Struct, frozen=True):
    """Who is on the list, and who may not come."""

    enrolled: tuple[Id, ...]
    barred: tuple[Id, ...]
