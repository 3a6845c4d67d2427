"""The time of a sitting: its start, its deadline, extensions, pauses, and its end. The server owns all of it (P17).

    prepared --start--> running --student, deadline, closed, expelled--> submitted
                          ^                                                 |
                          +------ reopen; more time granted before the end -+

The deadline is decided and stored when the sitting starts: its minutes from then, and never later than the exam closes for this
student. It fires `GRACE_MS` after it, also after a crash or a time without a server. Nothing a client says about time is believed.
Never here: which answers count (`sitting_answers`).
"""

from dataclasses import replace
from typing import Any, NamedTuple

from homeroom.actors.exam_rows import look_up_seat
from homeroom.actors.sitting_answers import check_device
from homeroom.actors.sitting_marks import judge_all, settle
from homeroom.actors.sitting_memory import PAUSE_HUSH_MS, Place
from homeroom.engine.behaviour import NOTHING, At, Consult, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol import exam_messages as messages
from homeroom.protocol.sitting import GRACE_MS, ExtendSitting, Reopen, Start, StartAnswer, Submit, SubmitReply
from homeroom.protocol.sitting_events import (
    ClockStopped,
    ClockWentOn,
    Declined,
    Extended,
    Locked,
    Prepared,
    Reopened,
    Requested,
    StaffChanged,
    Started,
    Submitted,
    TakenOver,
    Unlocked,
)
from homeroom.protocol.sitting_state import answered

DEADLINE = "deadline"
MINUTES_MOST = 60 * 1_440
"""Minutes of a sitting with all its extensions."""


class Terms(NamedTuple):
    """What a deadline follows from; `window` in Unix ms, 0: none."""

    exam: str
    user: str
    minutes: int
    window: int


def _terms(place: Place) -> Terms:
    state = place.shown
    return Terms(state.exam, state.user, state.minutes, state.window)


# --- before the start


def prepare(place: Place, command: messages.Prepare, context: Context) -> Decision:
    """Take the paper, once; who waits to start, starts. One that has ended says so: the exam did not hear of it, if its student was off the list."""
    if place.shown.status not in {"none", "waiting", "declined"}:
        return Decision(tells=(place.tell_exam("submitted"),)) if place.shown.status == "submitted" else NOTHING
    c = command
    prepared = Prepared(
        exam=c.exam, user=c.user, title=c.title, minutes=c.minutes, window=c.window, opened=c.opened, name=c.name,
        specialty=c.specialty, held=c.held, reveal=c.reveal, ranked=c.ranked, staff=c.staff, paper=c.paper,
    )  # fmt: skip
    if not place.memory.wanted or not c.opened:
        return Decision((prepared,))
    if c.held:
        return Decision((prepared,))  # it starts when the clock goes on
    started = _start_now(place, Terms(c.exam, c.user, c.minutes, c.window), context.now, place.memory.device)
    return replace(started, events=(prepared, *started.events))


def unlock(place: Place, command: messages.Unlock, context: Context) -> Decision:
    """Let the sitting start; who waits to, does."""
    state = place.shown
    if state.status != "prepared":
        return NOTHING
    events: tuple[Any, ...] = () if state.opened else (Unlocked(),)
    if not place.memory.wanted or state.paused:
        return Decision(events)
    started = _start_now(place, _terms(place), context.now, place.memory.device)
    return replace(started, events=(*events, *started.events))


def decline(place: Place, command: messages.Decline, context: Context) -> Decision:
    """Tell the student who waits that it cannot start."""
    return Decision((Declined(command.code, command.msg),)) if place.memory.wanted else NOTHING


def start(place: Place, command: Start, context: Context) -> Decision | Consult:
    """`not_found` for who is not listed; `conflict` while the exam is not open, and when the sitting is submitted; `too_late` when the exam
    has closed. Else it runs, asks the exam for its paper, or waits for a clock that stands. What is refused leaves no record.

    A sitting that runs goes on: `start` from another device takes over from the one before, which the stream tells it.
    """
    state = place.shown
    if state.status == "submitted":
        raise Refusal("conflict", "the sitting is submitted")
    if state.status == "running":
        events = () if command.device == state.device else (TakenOver(command.device),)
        return Decision(events, reply=_answer(place, context, "running", state.closes))
    if state.status != "prepared" or not state.opened:
        return _ask(place, command, context)
    if state.paused:
        asked = () if place.memory.wanted else (Requested(command.device),)
        return Decision(asked, reply=_answer(place, context, "waiting", 0))
    if state.window and context.arrived > state.window:
        raise Refusal("too_late", "the exam has closed", data={"closed": state.window})
    return _start_now(place, _terms(place), context.now, command.device)


def _ask(place: Place, command: Start, context: Context) -> Decision | Consult:
    """Ask the exam, unless that is under way or of no use; its answer starts the sitting or declines."""
    reply = _answer(place, context, "waiting", 0)
    if place.memory.wanted:
        return Decision(reply=reply)
    exam, _, user = place.address.partition(":")[2].partition(".")
    if not exam:
        raise Refusal("not_found", "no such exam")
    if context.found is None:
        return Consult(f"exam:{exam}", look_up_seat(user))
    if context.found != "open":
        raise Refusal(*_CLOSED_DOORS.get(context.found, ("not_found", "no such exam")))
    call = messages.Call(user, context.caller.name[:200])
    return Decision((Requested(command.device),), reply=reply, tells=(Tell(f"exam:{exam}", call),))


_CLOSED_DOORS = {
    "published": ("conflict", "the exam is not open yet"),
    "closed": ("conflict", "the exam is closed"),
}
"""Why nobody starts, by how the exam stands; else there is none, as far as the student may know."""


def _start_now(place: Place, terms: Terms, now: int, device: str) -> Decision:
    """Start the clock: the deadline is decided here, once."""
    closes = now + terms.minutes * 60_000
    if terms.window:
        closes = min(closes, max(terms.window, now))
    report = Tell(f"exam:{terms.exam}", messages.Report(terms.user, "running", closes))
    return Decision(
        (Started(closes, device),),
        reply=StartAnswer("running", closes, now, 0),
        tells=(*place.silence(closes + GRACE_MS, terms.user), report),
        timers=(At(DEADLINE, closes + GRACE_MS),),
        signals=place.signal("running", closes=closes) if place.shown.exam else (),
    )


def _answer(place: Place, context: Context, status: Any, closes: int) -> StartAnswer:
    return StartAnswer(status, closes, context.now, answered(place.shown))


# --- more time, and time that stands


def extend(place: Place, command: ExtendSitting, context: Context) -> Decision:
    """`conflict` once it is submitted, `full` beyond `MINUTES_MOST`."""
    if place.shown.status not in {"prepared", "running"}:
        raise Refusal("conflict", "the sitting has ended: reopen it instead")
    return _lengthen(place, command.minutes)


def prolong(place: Place, command: messages.Prolong, context: Context) -> Decision:
    """Take the exam's grant; a sitting that ended by itself goes on when the grant was made before that (E8)."""
    state = place.shown
    by_itself = state.status == "submitted" and state.reason == "deadline" and state.result is None
    if state.status not in {"prepared", "running"} and not (by_itself and command.at <= state.closes + GRACE_MS):
        return NOTHING
    return _lengthen(place, command.minutes)


def _lengthen(place: Place, minutes: int) -> Decision:
    state = place.shown
    if state.minutes + minutes > MINUTES_MOST:
        raise Refusal("full", f"a sitting has at most {MINUTES_MOST} minutes")
    if state.status == "prepared":
        return Decision((Extended(minutes),))
    closes = state.closes + minutes * 60_000
    return _go_on(place, Extended(minutes, closes), closes, afresh=state.status != "running")


def reopen(place: Place, command: Reopen, context: Context) -> Decision:
    """`conflict` unless it is submitted and neither its result is released nor the keys; nobody comes back who was expelled."""
    state, memory = place.shown, place.memory
    if state.status != "submitted" or state.result is not None or state.reason == "expelled":
        raise Refusal("conflict", "only a submitted sitting whose result is not released can be reopened")
    if memory.ordered and memory.reveal:
        raise Refusal("conflict", "the right answers are out: the sitting stays submitted")
    closes = context.now + command.minutes * 60_000
    return _go_on(place, Reopened(closes), closes, afresh=True)


def _go_on(place: Place, event: Any, closes: int, *, afresh: bool) -> Decision:
    stands = (
        place.shown.paused > 0
    )  # the inbox is silent for longer already, and the deadline comes when the clock goes on
    tells = place.silence(closes + GRACE_MS) if afresh else () if stands else (place.hush(closes),)
    timers = () if stands else (At(DEADLINE, closes + GRACE_MS),)
    report = place.tell_exam("running", closes)
    return Decision((event,), tells=(*tells, report), timers=timers, signals=place.signal("running", closes=closes))


def hold(place: Place, command: messages.HoldClock, context: Context) -> Decision:
    """Stop the clock, since the exam said so; one that had run out by then, or stands for this reason already, is left alone."""
    state = place.shown
    since = min(max(command.at or context.now, place.memory.ran), context.now)
    ran_out = place.runs and not state.paused and since >= state.closes
    if state.status not in {"prepared", "running"} or command.whose in state.holds or ran_out:
        return NOTHING
    if not place.runs:
        return Decision((ClockStopped(command.whose, since),))
    hush = place.hush(context.now + PAUSE_HUSH_MS)
    return Decision((ClockStopped(command.whose, since),), tells=(hush,), timers=(Disarm(DEADLINE),))


def go_on(place: Place, command: messages.GoOn, context: Context) -> Decision:
    """Let the clock go on, the deadline later by as long as it stood, and who waits to start, start; nothing while another hold is there."""
    state = place.shown
    if command.whose not in state.holds:
        return NOTHING
    if len(state.holds) > 1:
        return Decision((ClockWentOn(command.whose),))
    if not place.runs:
        return _go_on_before_start(place, ClockWentOn(command.whose), context.now)
    closes = state.closes + context.now - state.paused
    timers = (At(DEADLINE, closes + GRACE_MS),)
    tells = (place.hush(closes), place.tell_exam("running", closes))
    signals = place.signal("running", closes=closes)
    return Decision((ClockWentOn(command.whose, closes),), tells=tells, timers=timers, signals=signals)


def _go_on_before_start(place: Place, went_on: ClockWentOn, now: int) -> Decision:
    state = place.shown
    if not place.memory.wanted or not state.opened:
        return Decision((went_on,))
    window = state.window + now - state.paused if state.window else 0
    started = _start_now(place, _terms(place)._replace(window=window), now, place.memory.device)
    return replace(started, events=(went_on, *started.events))


# --- the end


def submit(place: Place, command: Submit, context: Context) -> Decision:
    """`conflict` before the start, and when another device writes. A second time answers as the first; after the deadline it ended by itself."""
    state = place.shown
    if state.status == "submitted":
        return Decision(reply=SubmitReply(state.submitted, state.reason, answered(state)))
    if not place.runs:
        raise Refusal("conflict", "the sitting has not started")
    _check_writes(place, command.device)
    over = not state.paused and context.arrived > state.closes + GRACE_MS
    reason = "deadline" if over else "student"
    return _end(place, context, reason, state.closes, command.client_at)


def _check_writes(place: Place, device: str) -> None:
    """Raise `conflict` for another device than the one that writes; one without a name is taken for it as long as there was no other."""
    check_device(place, device)
    writes = place.shown.device
    if place.memory.taken_over and device != writes:
        raise Refusal("conflict", "there were several devices: name the one that hands in", data={"device": writes})


def fired(place: Place, context: Context) -> Decision:
    """Submit what is saved when the deadline has passed; look again when it was moved."""
    state = place.shown
    if not place.runs or state.paused:
        return NOTHING
    if context.now < state.closes + GRACE_MS:
        return Decision(timers=(At(DEADLINE, state.closes + GRACE_MS),))
    return _end(place, context, "deadline", state.closes)


def finish(place: Place, command: messages.Finish, context: Context) -> Decision:
    """End with the exam: at once when that was said by hand, else with its own deadline; nobody starts any more."""
    state = place.shown
    if place.runs:
        ends = command.by_hand or command.reason == "expelled"
        stands = state.paused or state.closes
        return _end(place, context, command.reason, min(stands, command.at)) if ends else NOTHING
    if state.status != "prepared":
        return NOTHING
    if command.reason == "expelled":
        return Decision((Declined("not_found", "no such exam"),))
    events: tuple[Any, ...] = (Locked(),) if state.opened else ()
    told = (Declined("conflict", "the exam is closed"),) if place.memory.wanted else ()
    return Decision((*events, *told))


def _end(place: Place, context: Context, reason: Any, closes: int, client_at: int = 0) -> Decision:
    """Submit, judge what the server can, and let everybody know."""
    count = answered(place.shown)
    events, tells = settle(place, judge_all(place), context)
    return Decision(
        (Submitted(reason, count, closes, client_at), *events),
        reply=SubmitReply(context.now, reason, count),
        tells=(*place.end_silence(), place.tell_exam("submitted"), *tells),
        timers=(Disarm(DEADLINE),),
        signals=place.signal("submitted"),
    )


def change_staff(place: Place, command: messages.SetStaff, context: Context) -> Decision:
    """Let others watch, and those who may no longer watch no more."""
    before, after = place.memory.staff, command.staff
    if not place.shown.exam or before == after:
        return NOTHING
    return Decision((StaffChanged(after),), evict=tuple(user for user in before if user not in after))
