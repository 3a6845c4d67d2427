"""What a class session remembers beside what it shows, and what an event does to that memory.

Its ledger holds one visit a person: the newest interval of its attendance whole, and the length of those before it. They never
overlap, because a person is in a session once, so their sum is their union. Every part is bounded by `PEOPLE_MAX`.
Never here: the wire state (`protocol.session_state`), and decisions.
"""

from collections.abc import Callable, Collection
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.actors.chat_memory import ChatMemory
from homeroom.engine.behaviour import Caller, Fact
from homeroom.protocol.access import ADMINS
from homeroom.protocol.session_floor import PollCounted, PollMarked, QuestionAsked, QuestionWithdrawn
from homeroom.protocol.session_state import SessionState
from homeroom.protocol.session_words import (
    MINUTE_MS,
    Cancelled,
    Changed,
    Ended,
    Enrolled,
    Expelled,
    HandedOver,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Reminded,
)

MOVES_MS = 5 * MINUTE_MS
"""Within so long after it was told that the start was moved, further moves wait, to be told as one."""


class Visits(Struct, frozen=True):
    """A person's attendance: how many intervals, the ms of those before the newest, and the newest (`left` 0: it goes on).

    `first` is when the first interval began: as the sheet says it, at the join or the first sign of life.
    `reason` says how the newest ended. An interval in which the person was never heard of begins and ends at the same time.
    """

    count: int
    before: int
    joined: int
    left: int = 0
    reason: str = ""
    first: int = 0


class SessionMemory(Struct):
    """The state of a session: what it shows, and what only the session knows.

    `roster` are the people enrolled, `barred` those who may not come. `reminded`: the reminders of the present start that were sent, in
    minutes before it. `withdrawn`: the questions whose text no replay shows. `voters`: who has voted in each anonymous poll
    that is not counted yet. `moved`: when the start was last moved and that was told at once. `seen`: when each person last did something here, as the server's events tell.
    `came_by`: by which course each came who was not on the list of a session for that course; they stay as long as they belong to it.
    """

    shown: SessionState = field(default_factory=SessionState)
    chat: ChatMemory = field(default_factory=ChatMemory)
    roster: dict[str, None] = field(default_factory=dict)
    barred: dict[str, None] = field(default_factory=dict)
    ledger: dict[str, Visits] = field(default_factory=dict)
    reminded: list[int] = field(default_factory=list)
    asked: int = 0
    withdrawn: list[str] = field(default_factory=list)
    voters: dict[str, dict[str, None]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    came_by: dict[str, str] = field(default_factory=dict)


def total_ms(visits: Visits, now: int) -> int:
    """Return how long a person has been there up to `now` (Unix ms), by all its intervals together."""
    return visits.before + (visits.left or now) - visits.joined


def leads(memory: SessionMemory, caller: Caller) -> bool:
    """Tell whether `caller` leads the session: its owner, and admins."""
    return caller.role in ADMINS or (bool(memory.shown.owner) and caller.user == memory.shown.owner)


def has_lost_course(memory: SessionMemory, user: str, places: Collection[str]) -> bool:
    """Tell whether somebody who belongs to `places` came by a course that is not among them any more; of what is open nobody asks."""
    place = bound_to(memory, user)
    return bool(place) and place not in places


def bound_to(memory: SessionMemory, user: str) -> str:
    """Return the place by which alone somebody is one of its people (`course:cs1`), empty when by more than that.

    Nobody is bound while the session is open to all.
    """
    course = memory.came_by.get(user)
    return f"course:{course}" if course is not None and memory.shown.audience != "open" else ""


def may_tell_move(memory: SessionMemory, now: int) -> bool:
    """Tell whether a start that is moved at `now` (Unix ms) is told at once: the one before was told long enough ago."""
    return now >= memory.moved + MOVES_MS


def known_people(memory: SessionMemory) -> set[str]:
    """Return everybody whom the session knows."""
    return memory.roster.keys() | memory.barred.keys() | memory.shown.people.keys()


def remember(memory: SessionMemory, fact: Fact) -> None:
    """Let `fact` change what is remembered; to be called before what is shown changes."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(memory, fact, fact.event)


def notice(memory: SessionMemory, fact: Fact) -> None:
    """Remember that one of the people did something; to be called with every event, after the others."""
    if fact.by in memory.shown.people:
        memory.seen[fact.by] = fact.at


def _changed(memory: SessionMemory, fact: Fact, e: Changed) -> None:
    if e.starts != memory.shown.starts:
        memory.reminded.clear()
        memory.moved = fact.at if may_tell_move(memory, fact.at) else memory.moved


def _reminded(memory: SessionMemory, fact: Fact, e: Reminded) -> None:
    memory.reminded.append(e.minutes)


def _enrolled(memory: SessionMemory, fact: Fact, e: Enrolled) -> None:
    for user in e.people or ():
        memory.roster[user] = None
        memory.barred.pop(user, None)
        memory.came_by.pop(user, None)


def _expelled(memory: SessionMemory, fact: Fact, e: Expelled) -> None:
    for user in e.people or ():
        memory.barred[user] = None
        memory.roster.pop(user, None)


def _handed_over(memory: SessionMemory, fact: Fact, e: HandedOver) -> None:
    memory.barred.pop(e.owner, None)
    memory.came_by.pop(e.owner, None)


def _joined(memory: SessionMemory, fact: Fact, e: ParticipantJoined) -> None:
    last = memory.ledger.get(e.user)
    if last is None:
        memory.ledger[e.user] = Visits(1, 0, fact.at, first=fact.at)
    else:
        memory.ledger[e.user] = Visits(last.count + 1, total_ms(last, fact.at), fact.at, first=last.first)
    memory.barred.pop(e.user, None)
    shown = memory.shown
    known = e.user in memory.roster or e.user in shown.people or e.user == shown.owner
    if shown.audience == "course" and not known:
        memory.came_by.setdefault(e.user, shown.course)


def _lost(memory: SessionMemory, fact: Fact, e: ParticipantLost) -> None:
    _close(memory, e.user, e.at, "lost")


def _returned(memory: SessionMemory, fact: Fact, e: ParticipantReturned) -> None:
    """Let the interval go on; one in which the person was never heard of begins only now, unless it did something itself."""
    visits = memory.ledger[e.user]
    unheard = visits.left == visits.joined and fact.by != e.user
    joined = fact.at if unheard else visits.joined
    first = joined if visits.count == 1 else visits.first
    memory.ledger[e.user] = replace(visits, joined=joined, left=0, reason="", first=first)


def _left(memory: SessionMemory, fact: Fact, e: ParticipantLeft) -> None:
    _close(memory, e.user, memory.ledger[e.user].left or fact.at, e.reason)


def _ended(memory: SessionMemory, fact: Fact, e: Ended) -> None:
    _close_all(memory, fact.at, "ended")


def _cancelled(memory: SessionMemory, fact: Fact, e: Cancelled) -> None:
    _close_all(memory, fact.at, "cancelled")


def _close_all(memory: SessionMemory, at: int, reason: str) -> None:
    for user, visits in memory.ledger.items():
        if not visits.left:
            _close(memory, user, at, reason)


def _close(memory: SessionMemory, user: str, at: int, reason: str) -> None:
    memory.ledger[user] = replace(memory.ledger[user], left=at, reason=reason)


def _asked(memory: SessionMemory, fact: Fact, e: QuestionAsked) -> None:
    memory.asked += 1


def _withdrawn(memory: SessionMemory, fact: Fact, e: QuestionWithdrawn) -> None:
    memory.withdrawn.append(e.id)


def _marked(memory: SessionMemory, fact: Fact, e: PollMarked) -> None:
    if e.user is not None:
        memory.voters.setdefault(e.id, {})[e.user] = None


def _counted(memory: SessionMemory, fact: Fact, e: PollCounted) -> None:
    memory.voters.pop(e.id, None)


_CHANGES: dict[type[Any], Callable[[SessionMemory, Fact, Any], None]] = {
    Changed: _changed,
    Reminded: _reminded,
    Enrolled: _enrolled,
    Expelled: _expelled,
    HandedOver: _handed_over,
    ParticipantJoined: _joined,
    ParticipantLost: _lost,
    ParticipantReturned: _returned,
    ParticipantLeft: _left,
    Ended: _ended,
    Cancelled: _cancelled,
    QuestionAsked: _asked,
    QuestionWithdrawn: _withdrawn,
    PollMarked: _marked,
    PollCounted: _counted,
}
