"""What people are told of a class session where they are not looking: that it is planned, moved, near, begun, or off.

A notice goes to those who are expected: enrolled or in an open session before, not in it now, not barred, and never to the owner.
Each has a key of its own, so that the same is never told twice. Reminders are durable deadlines: they come also after a crash, move with
the start, and end with it; one that comes so late that the next is due is not sent at all. A burst of moves is no burst of notices: the first
is told at once, and at the end of `MOVES_MS` where the start has come to rest.
Never here: whether a notice interrupts anybody (the inbox decides).
"""

from typing import NamedTuple

from msgspec.structs import replace

from homeroom.actors.session_memory import MOVES_MS, SessionMemory, bound_to, may_tell_move
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Tell
from homeroom.protocol.inbox import Notify, Priority
from homeroom.protocol.session_state import SessionState, is_in
from homeroom.protocol.session_words import MINUTE_MS, Reminded

REMIND = "remind."
MOVED = "moved"
"""The deadline at which it is told where a start is that was moved several times."""
LATE_MS = 2 * MINUTE_MS
"""Who was reminded of the planned start is told of the real one only when that is later by more than this."""
STALE_MS = 10 * MINUTE_MS
"""So long after the planned start its reminder is of no use."""


class Reminder(NamedTuple):
    """A reminder so many minutes before the start; `until`: minutes before it when it is too late for this one."""

    minutes: int
    until: float
    type: str
    title: str
    message: str


REMINDERS = {
    15: Reminder(15, 5, "session.starting_soon", "Session starting soon", "{} starts in 15 minutes"),
    5: Reminder(5, 0, "session.join_now", "Join now available", "{} starts in 5 minutes"),
    0: Reminder(0, -STALE_MS / MINUTE_MS, "session.starts", "Session starts now", "{} is about to begin"),
}
"""By minutes before the start (requirements 1.0: 15, 5, and at the start)."""


def expected(memory: SessionMemory, context: Context) -> tuple[str, ...]:
    """Return the people who are expected and not in the session; of one for its course its students too.

    Whoever came by a course is expected as long as they belong to it, a further teacher as well as a student.
    """
    shown = memory.shown
    course = context.members(f"course:{shown.course}") if shown.audience == "course" else ()
    before = (user for user in shown.people if _stays(memory, user, context))
    people = dict.fromkeys((*memory.roster, *before, *course))
    return tuple(
        user for user in people if user not in memory.barred and user != shown.owner and not is_in(shown, user)
    )


def _stays(memory: SessionMemory, user: str, context: Context) -> bool:
    place = bound_to(memory, user)
    return not place or user in context.members(place) or context.belongs(user, place)


def arm_reminders(starts: int, now: int) -> tuple[At | Disarm, ...]:
    """Return the timers of a start at `starts` Unix ms; a reminder whose time has passed is not sent."""
    dues = {minutes: starts - minutes * MINUTE_MS for minutes in REMINDERS}
    return tuple(
        At(f"{REMIND}{minutes}", due) if due > now else Disarm(f"{REMIND}{minutes}") for minutes, due in dues.items()
    )


def disarm_reminders() -> tuple[Disarm, ...]:
    """Return the end of all that would be told before the start."""
    return (*(Disarm(f"{REMIND}{minutes}") for minutes in REMINDERS), Disarm(MOVED))


def remind(id: str, memory: SessionMemory, key: str, context: Context) -> Decision:
    """Answer the deadline `key`: tell those who are expected, unless it was sent, moved, or is too late."""
    shown, reminder = memory.shown, REMINDERS[int(key.removeprefix(REMIND))]
    due, until = (shown.starts - int(minutes * MINUTE_MS) for minutes in (reminder.minutes, reminder.until))
    if shown.status != "scheduled" or reminder.minutes in memory.reminded or not due <= context.now < until:
        return NOTHING
    notice = _notice(id, shown, reminder.type, reminder.title, reminder.message.format(shown.title))
    tells = _tell(expected(memory, context), notice)
    return Decision((Reminded(reminder.minutes),), tells=tells) if tells else NOTHING


def tell_scheduled(id: str, shown: SessionState, people: tuple[str, ...]) -> tuple[Tell, ...]:
    """Return what people newly on the list are told."""
    live = shown.status == "live"
    title = "Session has started, join now" if live else "You are invited to a session"
    type_ = "session.started" if live else "session.scheduled"
    return _tell(people, _notice(id, shown, type_, title, shown.title))


def tell_rescheduled(
    id: str, memory: SessionMemory, shown: SessionState, context: Context
) -> tuple[tuple[Tell, ...], tuple[At, ...]]:
    """Return what is told at once when the start is moved, or the deadline at which it will be; `shown` has the new start."""
    if may_tell_move(memory, context.now):
        return _tell_move(id, memory, shown, context), ()
    return (), (At(MOVED, memory.moved + MOVES_MS),)


def tell_moves(id: str, memory: SessionMemory, context: Context) -> Decision:
    """Answer the deadline `MOVED`: tell the start as it is now."""
    shown = memory.shown
    return Decision(tells=_tell_move(id, memory, shown, context)) if shown.status == "scheduled" else NOTHING


def _tell_move(id: str, memory: SessionMemory, shown: SessionState, context: Context) -> tuple[Tell, ...]:
    notice = _notice(id, shown, "session.rescheduled", "Session moved", f"{shown.title} has another time")
    return _tell(expected(memory, context), replace(notice, key=f"{notice.key}:{context.now}"))


def tell_started(id: str, memory: SessionMemory, context: Context) -> tuple[Tell, ...]:
    """Return what is told at the real start, unless the reminder of the planned one has just said so."""
    shown = memory.shown
    if 0 in memory.reminded and context.now - shown.starts <= LATE_MS:
        return ()
    notice = _notice(id, shown, "session.started", "Session has started, join now", shown.title)
    return _tell(expected(memory, context), notice)


def tell_cancelled(
    id: str, memory: SessionMemory, reason: str, context: Context, also: tuple[str, ...] = ()
) -> tuple[Tell, ...]:
    """Return what is told when it does not take place: to everybody who would have come, and to those named in `also`."""
    shown = memory.shown
    message = f"{shown.title}: {reason}" if reason else shown.title
    inside = tuple(user for user in shown.people if is_in(shown, user) and user != shown.owner)
    notice = _notice(id, shown, "session.cancelled", "Session cancelled", message)
    return _tell((*expected(memory, context), *inside, *also), notice)


def _notice(id: str, shown: SessionState, type_: str, title: str, message: str) -> Notify:
    return Notify(
        type=type_,
        title=title,
        message=message,
        data={"session": id, "starts": shown.starts},
        priority=_PRIORITIES.get(type_, "normal"),
        url=f"/live-sessions/{id}",
        key=f"session:{id}:{type_.removeprefix('session.')}:{shown.starts}",
    )


def _tell(people: tuple[str, ...], notice: Notify) -> tuple[Tell, ...]:
    return tuple(Tell(f"inbox:{user}", notice) for user in people)


_PRIORITIES: dict[str, Priority] = dict.fromkeys(
    ("session.join_now", "session.starts", "session.started", "session.cancelled"), "high"
)
