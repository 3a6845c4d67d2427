"""The people of a class session: enrolled and expelled, coming in and going out, lost and back again.

Attendance counts what the server observes, never what a client claims (guarantees, E12). Who joins enters its presence; should the presence
know of no sign of life, it says `away` since then, and the interval holds nothing. A person whose connections are gone is
lost from the time it was last heard of; back within `RETURN_MS` it counts as having been here, later it has left.
Joining again while one is here, or lost, changes nothing. What somebody does in the session is a sign of life too, also without
a connection: a lost person is back by it, and the time up to it counts.
Never here: what a presence takes for a sign of life, and who may (the kind's row in `actors.session`).
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from homeroom.actors.session_memory import SessionMemory, bound_to, known_people
from homeroom.actors.session_notices import tell_scheduled
from homeroom.actors.session_plan import OVER, check_not_over, dismiss
from homeroom.engine.behaviour import NOTHING, SYSTEM, At, Context, Decision, Refusal, Tell
from homeroom.protocol.access import ADMINS, STAFF
from homeroom.protocol.presence import Beat, Engage, Enter
from homeroom.protocol.session_state import (
    Attendee,
    AttendeeList,
    Entered,
    RosterList,
    SessionState,
    is_in,
    seats_taken,
)
from homeroom.protocol.session_words import (
    CAPACITY_MAX,
    OPENS_MS,
    PEOPLE_MAX,
    Attendees,
    Away,
    Back,
    Cancel,
    End,
    Enroll,
    Enrolled,
    Expel,
    Expelled,
    HandedOver,
    HandOver,
    Join,
    Leave,
    LoseCourse,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Roster,
)

RETURN_MS = 120_000
UNSEEN_MS = 1_000
"""Who was last heard of within so long after joining was not here at all."""
VISITS_MAX = 100
RETURNS = "returns"
ACTIVITY = "In a live session"


def _join(id: str, memory: SessionMemory, command: Join, context: Context) -> Decision:
    """`conflict` when it is over or too early, `full` when no seat is left; who is here already is told since when."""
    shown, caller = memory.shown, context.caller
    check_not_over(shown)
    if is_in(shown, caller.user):
        return Decision(reply=_entered(shown, shown.people[caller.user].since))
    _check_open(shown, context)
    _check_seat(memory, caller.user)
    joined = ParticipantJoined(caller.user, caller.role, caller.name[:200])
    address, presence = f"session:{id}", f"presence:{caller.user}"
    tells = (Tell(presence, Enter(address)), Tell(presence, Engage(address, ACTIVITY)))
    return Decision((joined,), reply=_entered(shown, context.now, more=1), tells=tells)


def _check_open(shown: SessionState, context: Context) -> None:
    """Raise `conflict` before the doors open; staff and the owner come in at any time."""
    caller, opens = context.caller, shown.starts - OPENS_MS
    if shown.status == "live" or shown.early or caller.role in STAFF or caller.user == shown.owner:
        return
    if context.now < opens:
        raise Refusal("conflict", "the session does not open yet", data={"opens": opens})


def _check_seat(memory: SessionMemory, user: str) -> None:
    """Raise `full` when the seats are taken, or too many people, or this one too often, were here."""
    shown = memory.shown
    if user != shown.owner and seats_taken(shown) >= (shown.capacity or CAPACITY_MAX):
        raise Refusal("full", f"no seat is left: its capacity is {shown.capacity or CAPACITY_MAX}")
    known = known_people(memory)
    if user not in known and len(known) >= PEOPLE_MAX:
        raise Refusal("full", f"a session knows {PEOPLE_MAX} people")
    visits = memory.ledger.get(user)
    if visits is not None and visits.count >= VISITS_MAX:
        raise Refusal("full", f"you have come {VISITS_MAX} times")


def _entered(shown: SessionState, since: int, more: int = 0) -> Entered:
    inside = sum(1 for person in shown.people.values() if person.standing != "gone")
    return Entered(shown.status, inside + more, since)


def _leave(id: str, memory: SessionMemory, command: Leave, context: Context) -> Decision:
    """Who is not here is told nothing."""
    user = context.caller.user
    if not is_in(memory.shown, user):
        return NOTHING
    return Decision((ParticipantLeft(user, "left"),), tells=dismiss(id, user))


def _enroll(id: str, memory: SessionMemory, command: Enroll, context: Context) -> Decision:
    """`conflict` when it is over, `full` for too many people; who is on the list already stays there.

    `forbidden` for the session of a study group: its people come from the group itself, or from an admin of the school.
    """
    check_not_over(memory.shown)
    if memory.shown.group and context.caller.role not in (SYSTEM, *ADMINS):
        raise Refusal("forbidden", "people come to this session by joining its study group")
    owner, roster = memory.shown.owner, memory.roster
    people = tuple(user for user in dict.fromkeys(command.people) if user not in roster and user != owner)
    if not people:
        return NOTHING
    _check_known(memory, people)
    return Decision((Enrolled(len(roster) + len(people), people),), tells=tell_scheduled(id, memory.shown, people))


def _expel(id: str, memory: SessionMemory, command: Expel, context: Context) -> Decision:
    """`forbidden` for the owner; of a listed session only who is known can be expelled, others are told nothing.

    The study group takes nobody off when it is over: whoever was there still reads what was said.
    """
    shown = memory.shown
    if context.caller.role == SYSTEM and shown.status in OVER:
        return NOTHING
    if shown.owner and shown.owner in command.people:
        raise Refusal("forbidden", "the owner cannot be expelled")
    known = known_people(memory)
    may = (user for user in dict.fromkeys(command.people) if user in known or shown.audience != "listed")
    people = tuple(user for user in may if user not in memory.barred)
    if not people:
        return NOTHING
    _check_known(memory, people)
    return _take_out(id, memory, people)


def _hand_over(id: str, memory: SessionMemory, command: HandOver, context: Context) -> Decision:
    """Give it another owner and take the one before out of it; when it is over, nothing."""
    former = memory.shown.owner
    if memory.shown.status in OVER or former == command.owner:
        return NOTHING
    out = _take_out(id, memory, (former,) if former else ())
    handed = HandedOver(command.owner, command.owner_name)
    return dataclasses.replace(out, events=(handed, *out.events))


def _lose_course(id: str, memory: SessionMemory, command: LoseCourse, context: Context) -> Decision:
    """Let go of who came by the course, unless it is open to all by now; who belongs to the course again can come again."""
    user = command.user
    if bound_to(memory, user) != f"course:{command.course}":
        return NOTHING
    if not is_in(memory.shown, user):
        return Decision(evict=(user,))
    return Decision((ParticipantLeft(user, "removed"),), tells=dismiss(id, user), evict=(user,))


def _take_out(id: str, memory: SessionMemory, people: tuple[str, ...]) -> Decision:
    inside = tuple(user for user in people if is_in(memory.shown, user))
    count = len(memory.roster.keys() - set(people))
    return Decision(
        (Expelled(count, people), *(ParticipantLeft(user, "removed") for user in inside)),
        tells=tuple(tell for user in inside for tell in dismiss(id, user)),
        evict=people,
    )


def _check_known(memory: SessionMemory, people: Iterable[str]) -> None:
    if len(known_people(memory).union(people)) > PEOPLE_MAX:
        raise Refusal("full", f"a session knows {PEOPLE_MAX} people")


# --- presence


def _away(id: str, memory: SessionMemory, command: Away, context: Context) -> Decision:
    """Close the interval where the person was last heard of or did something, and keep its seat for a time."""
    person = memory.shown.people.get(command.user)
    if person is None or person.standing != "here":
        return NOTHING
    joined = memory.ledger[command.user].joined
    at = min(max(command.at, joined, memory.seen.get(command.user, 0)), context.now)
    at = joined if at - joined < UNSEEN_MS else at
    due = min((at, *_lost_since(memory).values())) + RETURN_MS
    return Decision((ParticipantLost(command.user, at),), timers=(At(RETURNS, due),))


def _back(id: str, memory: SessionMemory, command: Back, context: Context) -> Decision:
    """Let the interval of a lost person go on, or take it for gone when the grace has passed."""
    since = _lost_since(memory).get(command.user)
    if since is None:
        return NOTHING
    if command.at - since > RETURN_MS:
        return _drop(id, (command.user,))
    return Decision((ParticipantReturned(command.user),))


def be_back(memory: SessionMemory, command: Any, answer: Decision, context: Context) -> Decision:
    """Return `answer` to what a lost person did here, within the grace, with its return; its presence hears of it as well.

    The return follows what was done, whose number may be an id by now, but comes before going and the end.
    """
    user = context.caller.user
    since = _lost_since(memory).get(user)
    if since is None or context.now - since > RETURN_MS:
        return answer
    back = (ParticipantReturned(user),)
    ends = isinstance(command, Leave | End | Cancel)
    events = (*back, *answer.events) if ends else (*answer.events, *back)
    return dataclasses.replace(answer, events=events, tells=(Tell(f"presence:{user}", Beat()), *answer.tells))


def give_up(id: str, memory: SessionMemory, context: Context) -> Decision:
    """Answer the deadline `RETURNS`: whoever did not come back in time has left."""
    lost, now = _lost_since(memory), context.now
    late = tuple(user for user, since in lost.items() if since + RETURN_MS <= now)
    dropped, rest = _drop(id, late), [since for user, since in lost.items() if user not in late]
    timers = (At(RETURNS, min(rest) + RETURN_MS),) if rest else ()
    return Decision(dropped.events, tells=dropped.tells, timers=timers)


def _drop(id: str, users: tuple[str, ...]) -> Decision:
    tells = tuple(tell for user in users for tell in dismiss(id, user))
    return Decision(tuple(ParticipantLeft(user, "lost") for user in users), tells=tells)


def _lost_since(memory: SessionMemory) -> dict[str, int]:
    """Return the lost people with the time when each was last heard of."""
    people = memory.shown.people
    return {user: memory.ledger[user].left for user, person in people.items() if person.standing == "lost"}


# --- questions


def _attendees(id: str, memory: SessionMemory, command: Attendees, context: Context) -> Decision:
    people = sorted(memory.shown.people.items(), key=lambda each: (each[1].joined, each[0]))
    attendees = tuple(Attendee(user, one.role, one.name, one.joined, one.standing) for user, one in people)
    return Decision(reply=AttendeeList(attendees, sum(1 for one in attendees if one.standing != "gone")))


def _roster(id: str, memory: SessionMemory, command: Roster, context: Context) -> Decision:
    return Decision(reply=RosterList(tuple(memory.roster), tuple(memory.barred)))


PEOPLE_DECISIONS: dict[type[Any], Callable[[str, SessionMemory, Any, Context], Decision]] = {
    Join: _join,
    Leave: _leave,
    Enroll: _enroll,
    Expel: _expel,
    HandOver: _hand_over,
    LoseCourse: _lose_course,
    Away: _away,
    Back: _back,
    Attendees: _attendees,
    Roster: _roster,
}
