"""The plan of a class session and its course: made, changed, begun, ended, cancelled.

    scheduled ──start──▶ live ──end──▶ ended
        └─────cancel──▶ cancelled        ▲ by the system after LIVE_MS
        └─ by the system, LAPSE_MS after its planned end, when nobody has started it

Never here: who may (the kind's row in `actors.session`), and people who come and go (`session_people`).
"""

from collections.abc import Callable, Collection
from typing import Any

from msgspec.structs import replace

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.own_course import check_own_course
from homeroom.actors.session_memory import SessionMemory
from homeroom.actors.session_notices import (
    arm_reminders,
    disarm_reminders,
    tell_cancelled,
    tell_rescheduled,
    tell_scheduled,
    tell_started,
)
from homeroom.actors.session_polls import close_polls
from homeroom.engine.behaviour import NOTHING, SYSTEM, At, Caller, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol.access import ADMINS
from homeroom.protocol.presence import Disengage, Exit
from homeroom.protocol.session_state import SessionState, is_in, seats_taken
from homeroom.protocol.session_words import (
    MINUTE_MS,
    AdmitEarly,
    Audience,
    Cancel,
    Cancelled,
    Change,
    Changed,
    Create,
    Created,
    DoorsOpened,
    End,
    Ended,
    Enrolled,
    Material,
    RecordingSet,
    SetRecording,
    Start,
    Started,
)

MINUTES = 60
LONGEST_MS = 24 * 60 * MINUTE_MS
FARTHEST_MS = 2 * 366 * 24 * 60 * MINUTE_MS
LIVE_MS = 12 * 60 * MINUTE_MS
"""A session that nobody ends is ended after so long."""
LAPSE_MS = 120 * MINUTE_MS
"""A session that nobody has started is cancelled so long after its planned end."""
LAPSE = "lapse"

OVER = {"ended": "the session has ended", "cancelled": "the session was cancelled"}


def check_not_over(shown: SessionState) -> None:
    """Raise `conflict` for a session that has ended or was cancelled."""
    if shown.status in OVER:
        raise Refusal("conflict", OVER[shown.status], data={"status": shown.status})


def dismiss(id: str, user: str) -> tuple[Tell, ...]:
    """Return what a presence is told when its person is not in the session any more."""
    address = f"session:{id}"
    return (Tell(f"presence:{user}", Exit(address)), Tell(f"presence:{user}", Disengage(address)))


def is_for(shown: SessionState, places: Collection[str]) -> bool:
    """Tell whether who belongs to `places` may come without being on the list."""
    return shown.audience == "open" or (shown.audience == "course" and f"course:{shown.course}" in places)


def lapse(id: str, memory: SessionMemory, context: Context) -> Decision:
    """Answer the deadline `LAPSE`: end what nobody ended, cancel what nobody started."""
    shown, now = memory.shown, context.now
    if shown.status == "live" and now >= shown.started + LIVE_MS:
        return _finish(id, memory, Ended(), context)
    if shown.status == "scheduled" and now >= shown.ends + LAPSE_MS:
        return _finish(id, memory, Cancelled("it was not started"), context)
    return NOTHING


def _create(id: str, memory: SessionMemory, command: Create, context: Context) -> Decision:
    """`conflict` when it exists, `bad_command` for times that cannot be, `forbidden` for another's name as owner, and for a group."""
    if memory.shown.created:
        raise Refusal("conflict", "the session exists")
    owner, owner_name = _owner(command, context)
    _check_course(command.audience, command.course, context)
    ends = _fit_times(command.starts, command.ends, command.minutes, context.now)
    created = Created(
        fit_name("title", command.title),
        command.starts,
        ends,
        owner,
        owner_name,
        command.description and fit_text("description", command.description),
        command.course,
        command.capacity,
        command.audience,
        _fit_materials(command.materials),
        command.group,
    )
    people = tuple(user for user in dict.fromkeys(command.people) if user != owner)
    listed = (Enrolled(len(people), people),) if people else ()
    return Decision(
        (created, *listed),
        tells=tell_scheduled(id, SessionState(title=created.title, starts=created.starts), people),
        timers=(*arm_reminders(created.starts, context.now), At(LAPSE, ends + LAPSE_MS)),
    )


def _change(id: str, memory: SessionMemory, command: Change, context: Context) -> Decision:
    """`conflict` when it is over, for the start of a live one, and for a capacity that is exceeded; `forbidden` as `_check_group`."""
    shown = memory.shown
    check_not_over(shown)
    changed = _changed(shown, command, context.now)
    _check_group(shown, changed, context.caller)
    if changed == _as_it_is(shown):
        return NOTHING
    _check_moved_course(shown, changed, context)
    moved = changed.starts != shown.starts
    if moved and shown.status == "live":
        raise Refusal("conflict", "the session has started already")
    if changed.capacity and changed.capacity < seats_taken(shown):
        raise Refusal("conflict", f"{seats_taken(shown)} people are in the session")
    if shown.status == "live":
        return Decision((changed,))
    later = replace(shown, title=changed.title, starts=changed.starts)
    reminders = arm_reminders(changed.starts, context.now) if moved else ()
    told, soon = tell_rescheduled(id, memory, later, context) if moved else ((), ())
    timers: tuple[At | Disarm, ...] = (*reminders, *soon, At(LAPSE, changed.ends + LAPSE_MS))
    return Decision((changed,), tells=told, timers=timers)


def _check_group(shown: SessionState, changed: Changed, caller: Caller) -> None:
    """Raise `forbidden` for opening the session of a study group, or putting it under another course: its owner may be a student."""
    if not shown.group or caller.role in ADMINS:
        return
    for field in ("audience", "course"):
        if getattr(changed, field) != getattr(shown, field):
            raise Refusal("forbidden", "the session of a study group stays with the group", data={"field": field})


def _check_course(audience: Audience, course: str, context: Context) -> None:
    """Raise `bad_command` for a session for its course that has none, `forbidden` for a course that is not the caller's."""
    if audience == "course" and not course:
        raise _unfit("course", "the course that it is for")
    check_own_course(course, context, known=audience == "course")


def _check_moved_course(shown: SessionState, changed: Changed, context: Context) -> None:
    """Raise as `_check_course`, and `conflict` for another course: the members of the one before have it in their lists."""
    if (shown.audience, shown.course) == (changed.audience, changed.course):
        return
    if shown.audience == "course" and shown.course != changed.course:
        raise Refusal("conflict", "a session for its course stays with that one", data={"field": "course"})
    _check_course(changed.audience, changed.course, context)


def _start(id: str, memory: SessionMemory, command: Start, context: Context) -> Decision:
    """`conflict` when it is over; what is live already is told nothing."""
    check_not_over(memory.shown)
    if memory.shown.status == "live":
        return NOTHING
    timers: tuple[At | Disarm, ...] = (*disarm_reminders(), At(LAPSE, context.now + LIVE_MS))
    return Decision((Started(),), tells=tell_started(id, memory, context), timers=timers)


def _end(id: str, memory: SessionMemory, command: End, context: Context) -> Decision:
    """`conflict` for one that has not started or was cancelled; what has ended already is told nothing."""
    status = memory.shown.status
    if status == "ended":
        return NOTHING
    check_not_over(memory.shown)
    if status == "scheduled":
        raise Refusal("conflict", "the session has not started; cancel it instead", data={"status": status})
    return _finish(id, memory, Ended(command.recording or ""), context)


def _cancel(id: str, memory: SessionMemory, command: Cancel, context: Context) -> Decision:
    """`conflict` for one that is live or has ended; what is cancelled already is told nothing."""
    status = memory.shown.status
    if context.caller.role == SYSTEM:
        return _call_off(id, memory, command, context)
    if status == "cancelled":
        return NOTHING
    check_not_over(memory.shown)
    if status == "live":
        raise Refusal("conflict", "the session is live; end it instead", data={"status": status})
    reason = command.reason and fit_name("reason", command.reason)
    return _finish(id, memory, Cancelled(reason), context)


def _call_off(id: str, memory: SessionMemory, command: Cancel, context: Context) -> Decision:
    """End it, however far it has come, because its study group is no more or called it off; its owner, who did not ask for it, is told too."""
    shown = memory.shown
    if shown.status in OVER:
        return NOTHING
    if shown.status == "live":
        return _finish(id, memory, Ended(), context)
    owner = (shown.owner,) if shown.owner else ()
    return _finish(id, memory, Cancelled(command.reason), context, also=owner)


def _finish(
    id: str, memory: SessionMemory, event: Ended | Cancelled, context: Context, also: tuple[str, ...] = ()
) -> Decision:
    """Return the end of it all: polls closed, everybody out, nothing armed but the counting of polls; `also` are told of a cancelling."""
    shown = memory.shown
    inside = (user for user in shown.people if is_in(shown, user))
    told = tell_cancelled(id, memory, event.reason, context, also) if isinstance(event, Cancelled) else ()
    closed = close_polls(shown, context.now)
    return Decision(
        (*closed.events, event),
        tells=(*told, *(tell for user in inside for tell in dismiss(id, user))),
        timers=(*closed.timers, *disarm_reminders(), Disarm(LAPSE)),
    )


def _admit_early(id: str, memory: SessionMemory, command: AdmitEarly, context: Context) -> Decision:
    """`conflict` when it is over; what is open already is told nothing."""
    check_not_over(memory.shown)
    done = memory.shown.early or memory.shown.status == "live"
    return NOTHING if done else Decision((DoorsOpened(),))


def _set_recording(id: str, memory: SessionMemory, command: SetRecording, context: Context) -> Decision:
    """`conflict` for one that was cancelled; the same link again is nothing."""
    if memory.shown.status == "cancelled":
        raise Refusal("conflict", OVER["cancelled"])
    return NOTHING if command.url == memory.shown.recording else Decision((RecordingSet(command.url),))


# --- what several of them need


def _owner(command: Create, context: Context) -> tuple[str, str]:
    caller = context.caller
    if caller.role == "system":
        return command.owner, command.owner_name
    if command.group:
        raise Refusal("forbidden", "a study group plans its sessions itself", data={"field": "group"})
    if command.owner not in ("", caller.user):
        raise Refusal("forbidden", "a session belongs to whoever makes it", data={"field": "owner"})
    return caller.user, caller.name[:200]


def _fit_times(starts: int, ends: int | None, minutes: int | None, now: int) -> int:
    """Return the end of a plan; raises `bad_command` for one that is given twice, lies in the past, or makes no sense."""
    if ends is not None and minutes is not None:
        raise _unfit("minutes", "either `ends` or `minutes`")
    until = ends if ends is not None else starts + (minutes or MINUTES) * MINUTE_MS
    if not starts < until <= starts + LONGEST_MS:
        raise _unfit("ends", "after the start, by 24 hours at the most")
    if until <= now or starts > now + FARTHEST_MS:
        raise _unfit("starts", "not over yet, and within two years")
    return until


def _unfit(field: str, allowed: str) -> Refusal:
    return Refusal("bad_command", f"{field}: {allowed}", data={"field": field, "allowed": allowed})


def _fit_materials(materials: tuple[Material, ...]) -> tuple[Material, ...]:
    return tuple(Material(fit_name("materials.title", each.title), each.url) for each in materials)


def _as_it_is(shown: SessionState) -> Changed:
    return Changed(
        shown.title,
        shown.starts,
        shown.ends,
        shown.description,
        shown.course,
        shown.capacity,
        shown.audience,
        shown.materials,
    )


def _changed(shown: SessionState, command: Change, now: int) -> Changed:
    """Return the whole plan as it would be: a start that moves alone takes the end with it."""
    given = {
        "title": command.title and fit_name("title", command.title),
        "description": command.description and fit_text("description", command.description),
        "course": command.course,
        "capacity": command.capacity,
        "audience": command.audience,
        "materials": None if command.materials is None else _fit_materials(command.materials),
    }
    changed = replace(_as_it_is(shown), **{field: value for field, value in given.items() if value is not None})
    if command.starts is None and command.ends is None and command.minutes is None:
        return changed
    starts = shown.starts if command.starts is None else command.starts
    ends = command.ends
    if ends is None and command.minutes is None:
        ends = starts + shown.ends - shown.starts
    return replace(changed, starts=starts, ends=_fit_times(starts, ends, command.minutes, now))


PLAN_DECISIONS: dict[type[Any], Callable[[str, SessionMemory, Any, Context], Decision]] = {
    Create: _create,
    Change: _change,
    Start: _start,
    End: _end,
    Cancel: _cancel,
    AdmitEarly: _admit_early,
    SetRecording: _set_recording,
}
