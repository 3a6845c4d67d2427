"""An exam once it is published: it opens and closes, by itself or by hand, gives more time, stops the clocks, announces, releases.

    draft --publish--> published --open--> open --close--> closed

It closes by itself only when the time of the last student is over, with its grace: each sitting's own deadline comes first. Whatever is
granted is granted here or refused here, one after the other, so that an exam is never extended and closed at once (E8).
Never here: drafts (`exam_draft`), and the students' part (`exam_seats`).
"""

from collections.abc import Callable

from homeroom.actors.exam_draft import announce_exam
from homeroom.actors.exam_memory import CLOSE, OPEN, REMIND, Hall
from homeroom.actors.fitting import fit_text
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Fired, Refusal, Tell
from homeroom.protocol import exam as verbs
from homeroom.protocol.exam import MINUTES_MAX, Seat
from homeroom.protocol.exam_events import (
    Announced,
    Closed,
    Extended,
    Granted,
    Held,
    Opened,
    Paused,
    Published,
    Released,
    Resumed,
)
from homeroom.protocol.exam_messages import Finish, GoOn, HoldClock, Prolong, ShowResult, Unlock
from homeroom.protocol.inbox import Notify
from homeroom.protocol.sitting import GRACE_MS

REMIND_MS = 300_000


def publish(hall: Hall, command: verbs.Publish, context: Context) -> Decision:
    """`conflict` without questions, or when the exam would have closed already; once published is nothing."""
    state, settings = hall.shown, hall.settings
    if state.status != "draft":
        return NOTHING
    if not state.questions:
        raise Refusal("conflict", "the exam has no questions")
    if settings.closes and settings.closes <= context.now:
        raise Refusal("conflict", "the exam would have closed already")
    timers = []
    if settings.opens:
        timers.append(At(OPEN, settings.opens))
        if settings.opens - REMIND_MS > context.now:
            timers.append(At(REMIND, settings.opens - REMIND_MS))
    if settings.closes:
        timers.append(At(CLOSE, settings.closes + GRACE_MS))
    return Decision((Published(),), tells=hall.notify(hall.memory.seats, announce_exam(hall)), timers=tuple(timers))


def open_exam(hall: Hall, command: verbs.Open, context: Context) -> Decision:
    """`conflict` for a draft, and once it is closed; open already is nothing."""
    if hall.shown.status == "open":
        return NOTHING
    if hall.shown.status != "published":
        raise Refusal("conflict", f"the exam is {_called(hall)}")
    return _open(hall)


def close_exam(hall: Hall, command: verbs.Close, context: Context) -> Decision:
    """`conflict` unless it is open; closed already is nothing. Every sitting is submitted as it stands."""
    if hall.shown.status == "closed":
        return NOTHING
    _check_open(hall)
    return _close(hall, context, by_hand=True)


def fired(hall: Hall, command: Fired, context: Context) -> Decision:
    """Carry out a deadline, if it still holds."""
    act = _DEADLINES.get(command.key)
    return act(hall, context) if act else NOTHING


def _open_by_itself(hall: Hall, context: Context) -> Decision:
    return _open(hall) if hall.shown.status == "published" else NOTHING


def _close_by_itself(hall: Hall, context: Context) -> Decision:
    """Close when the last student's time is over; look again then, if it is not. Clocks that stand look again when they go on."""
    due = hall.ends(context.now)
    if hall.shown.status not in {"published", "open"} or not due:
        return NOTHING
    return Decision(timers=(At(CLOSE, due),)) if due > context.now else _close(hall, context, by_hand=False)


def _remind(hall: Hall, context: Context) -> Decision:
    if hall.shown.status != "published":
        return NOTHING
    notice = Notify(
        type="exam.starts_soon",
        title="Your exam starts in 5 minutes",
        message=hall.settings.title,
        data={"exam": hall.id},
        priority="high",
        url=f"/exams/{hall.id}",
        key=f"exam:{hall.id}.reminder",
    )
    return Decision(tells=hall.notify(hall.memory.seats, notice))


_DEADLINES: dict[str, Callable[[Hall, Context], Decision]] = {
    OPEN: _open_by_itself,
    CLOSE: _close_by_itself,
    REMIND: _remind,
}


def _open(hall: Hall) -> Decision:
    return Decision((Opened(),), tells=hall.tell(hall.prepared(), Unlock()), timers=(Disarm(OPEN), Disarm(REMIND)))


def _close(hall: Hall, context: Context, *, by_hand: bool) -> Decision:
    seats = hall.memory.seats
    users = [user for user in hall.prepared() if seats[user].status != "submitted"]
    tells = hall.tell(users, Finish("closed", context.now, by_hand))
    closed = Closed(by_hand)
    timers = (Disarm(CLOSE), Disarm(OPEN), Disarm(REMIND))
    if hall.settings.release != "at_close" or hall.shown.released:
        return Decision((closed,), tells=tells, timers=timers)
    return Decision((closed, Released()), tells=(*tells, *_show_results(hall)), timers=timers)


# --- more time, and time that stands


def extend(hall: Hall, command: verbs.Extend, context: Context) -> Decision:
    """`conflict` for a draft, a closed exam or a submitted sitting, `not_found` for who is not listed, `full` beyond a week in all."""
    if hall.shown.status not in {"published", "open"}:
        raise Refusal("conflict", f"the exam is {_called(hall)}: it cannot be extended")
    if command.user is None:
        return _extend_all(hall, command.minutes, context)
    seat = _seat(hall, command.user)
    if seat.status == "submitted" or _ran_out(hall, seat, context.now):
        raise Refusal("conflict", "the sitting is submitted: reopen it instead")
    _check_extra(seat.extra + command.minutes)
    prolong = Prolong(command.minutes, context.now)
    tells = hall.tell([command.user], prolong) if seat.status != "listed" else ()
    return Decision((Granted(command.user, command.minutes),), tells=tells)


def _ran_out(hall: Hall, seat: Seat, now: int) -> bool:
    """Tell whether the deadline of a sitting has fired, or is firing now: then it is ended, and not extended (E8)."""
    stands = seat.held or hall.shown.paused
    return seat.status == "running" and not stands and now > seat.closes + GRACE_MS


def _extend_all(hall: Hall, minutes: int, context: Context) -> Decision:
    ends = hall.ends(context.now)
    if ends and context.now > ends:
        raise Refusal("conflict", "the exam is closing: it cannot be extended")
    _check_extra(hall.shown.extra + minutes)
    closes = hall.shown.closes + minutes * 60_000 if hall.shown.closes else 0
    tells = hall.tell(hall.prepared(), Prolong(minutes, context.now))
    return Decision((Extended(minutes, closes),), tells=tells)


def pause(hall: Hall, command: verbs.Pause, context: Context) -> Decision:
    """`conflict` unless the exam is open, or the student's sitting runs; `not_found` for who is not listed; paused already is nothing."""
    _check_open(hall)
    if command.user is not None:
        return _hold(hall, command.user, HoldClock("student", context.now))
    if hall.shown.paused:
        return NOTHING
    tells = hall.tell(hall.prepared(), HoldClock("exam", context.now))
    return Decision((Paused(),), tells=tells, timers=(Disarm(CLOSE),))


def resume(hall: Hall, command: verbs.Resume, context: Context) -> Decision:
    """As `pause`; what goes on already is nothing."""
    _check_open(hall)
    state = hall.shown
    if command.user is not None:
        return _hold(hall, command.user, GoOn("student"))
    if not state.paused:
        return NOTHING
    closes = state.closes + context.now - state.paused if state.closes else 0
    timers = (At(CLOSE, closes + GRACE_MS),) if closes else ()
    return Decision((Resumed(closes),), tells=hall.tell(hall.prepared(), GoOn("exam")), timers=timers)


def _hold(hall: Hall, user: str, told: HoldClock | GoOn) -> Decision:
    seat, on = _seat(hall, user), isinstance(told, HoldClock)
    if seat.status != "running":
        raise Refusal("conflict", "the sitting does not run")
    if seat.held == on:
        return NOTHING
    return Decision((Held(user, on),), tells=hall.tell([user], told))


# --- words and results


def announce(hall: Hall, command: verbs.Announce, context: Context) -> Decision:
    """`conflict` for a draft: nobody would hear it."""
    if hall.shown.status == "draft":
        raise Refusal("conflict", "the exam is a draft: nobody would hear it")
    return Decision((Announced(fit_text("text", command.text), context.caller.name[:200]),))


def release(hall: Hall, command: verbs.Release, context: Context) -> Decision:
    """`conflict` until the exam is closed, and while sittings run that were reopened since; released already is nothing.

    What is not graded yet follows when it is.
    """
    if hall.shown.released:
        return NOTHING
    if hall.shown.status != "closed":
        raise Refusal("conflict", "close the exam first")
    if running := len(hall.memory.again):
        msg = f"sittings that were reopened and still run: {running}"
        raise Refusal("conflict", msg, data={"running": running})
    return Decision((Released(),), tells=_show_results(hall))


def _show_results(hall: Hall) -> tuple[Tell, ...]:
    return hall.tell([user for user, seat in hall.memory.seats.items() if seat.begun], ShowResult())


# --- what several of them need


def _called(hall: Hall) -> str:
    return "not published yet" if hall.shown.status == "draft" else hall.shown.status


def _check_open(hall: Hall) -> None:
    if hall.shown.status != "open":
        raise Refusal("conflict", f"the exam is {_called(hall)}, not open")


def _check_extra(minutes: int) -> None:
    if minutes > MINUTES_MAX:
        raise Refusal("full", f"an exam is extended by {MINUTES_MAX} minutes at the most")


def _seat(hall: Hall, user: str) -> Seat:
    seat = hall.memory.seats.get(user)
    if seat is None:
        raise Refusal("not_found", "no such student in this exam")
    return seat
