"""The students' part of an exam: coming and going, and what their sittings ask and report.

A student's sitting gets its paper when the student comes in, or starts; its keys are then with the sitting, which grades by itself.
Never here: when an exam opens and closes (`exam_run`), and what a sitting does (`sitting`).
"""

from homeroom.actors.exam_memory import Hall
from homeroom.actors.sitting_rows import look_up_results, look_up_sittings
from homeroom.engine.behaviour import NOTHING, Context, Decision, Refusal, Tell
from homeroom.protocol import exam as verbs
from homeroom.protocol.exam_events import Began, Ended, Joined, Left
from homeroom.protocol.exam_messages import Call, Decline, Finish, Report, ShowResult, Unlock

NO_EXAM = "no such exam"


def join(hall: Hall, command: verbs.Join, context: Context) -> Decision:
    """`conflict` once the exam is closed. Answers with the address of the student's sitting; coming in again changes nothing."""
    state, user = hall.shown, context.caller.user
    if state.status == "closed":
        raise Refusal("conflict", "the exam is closed")
    here = user in state.participants
    participants = len(state.participants) + (not here)
    reply = verbs.Admission(
        hall.sitting(user),
        context.now,
        state.status,
        hall.settings.opens,
        state.closes,
        hall.settings.minutes,
        participants,
    )
    return Decision(reply=reply) if here else _come_in(hall, user, context.caller.name[:200], context, reply)


def leave(hall: Hall, command: verbs.Leave, context: Context) -> Decision:
    """Who is not here is told nothing."""
    here, user = hall.shown.participants, context.caller.user
    return Decision((Left(user, len(here) - 1),)) if user in here else NOTHING


def call(hall: Hall, command: Call, context: Context) -> Decision:
    """Answer a sitting whose student wants to start; who is not listed learns no more than that there is nothing."""
    user, state = command.user, hall.shown
    seat = hall.memory.seats.get(user)
    if seat is None or state.status in {"none", "draft", "deleted"}:
        return _decline(user, hall, "not_found", NO_EXAM)
    if state.status == "closed":
        return _decline(user, hall, "conflict", "the exam is closed")
    if user not in state.participants:
        came = _come_in(hall, user, command.name or seat.name, context)
        if state.status == "open":
            return came if seat.status == "listed" else _also(came, hall.tell([user], Unlock()))
        return _also(came, _decline(user, hall, "conflict", "the exam is not open yet").tells)
    if state.status == "open":
        return Decision(tells=hall.tell([user], Unlock()))
    return _decline(user, hall, "conflict", "the exam is not open yet")


def report(hall: Hall, command: Report, context: Context) -> Decision:
    """Note that a sitting runs, or was submitted; a result that is due is asked for. Of who is not listed any more, nothing.

    One that was reopened while the right answers were being shown to the others ends again at once.
    """
    seat = hall.memory.seats.get(command.user)
    if seat is None:
        return NOTHING
    state = hall.shown
    if command.status == "running":
        started = state.started + (not seat.begun)
        began = Began(started, state.submitted - (seat.status == "submitted"), command.user, command.closes)
        known = state.released and hall.settings.reveal
        tells = hall.tell([command.user], Finish("closed", context.now)) if known else ()
        return Decision((began,), tells=tells, timers=hall.look_again(context.now, command.closes))
    if seat.status == "submitted":
        return NOTHING
    shows = hall.tell([command.user], ShowResult()) if state.released else ()
    timers = hall.look_again(context.now) if seat.held else ()
    unheard = () if seat.begun else (Began(state.started + 1, state.submitted, command.user),)
    return Decision((*unheard, Ended(state.submitted + 1, command.user)), tells=shows, timers=timers)


def _come_in(hall: Hall, user: str, name: str, context: Context, reply: verbs.Admission | None = None) -> Decision:
    joined = Joined(user, name, len(hall.shown.participants) + 1)
    prepares = hall.memory.seats[user].status == "listed"
    tells = hall.tell([user], hall.preparation(user, name, context.now)) if prepares else ()
    return Decision((joined,), reply=reply, tells=tells)


def _decline(user: str, hall: Hall, code: str, msg: str) -> Decision:
    return Decision(tells=hall.tell([user], Decline("not_found" if code == "not_found" else "conflict", msg)))


def _also(decision: Decision, tells: tuple[Tell, ...]) -> Decision:
    return Decision(decision.events, decision.reply, tells=(*decision.tells, *tells), timers=decision.timers)


# --- what staff ask


def ask_paper(hall: Hall, command: verbs.AskPaper, context: Context) -> Decision:
    """Answer with the questions and their keys."""
    return Decision(reply=verbs.PaperAnswer(tuple(hall.memory.items.values()), hall.memory.seed))


def ask_students(hall: Hall, command: verbs.AskStudents, context: Context) -> Decision:
    """Answer with who is listed."""
    return Decision(reply=verbs.StudentsAnswer(dict(hall.memory.seats)))


def ask_sittings(hall: Hall, command: verbs.AskSittings, context: Context) -> Decision:
    """Answer with a page of sittings."""
    return Decision(lookup=look_up_sittings(hall.id, command.limit, command.after))


def ask_results(hall: Hall, command: verbs.AskResults, context: Context) -> Decision:
    """Answer with the sheet of results: who never came has no sitting, and is on it because the exam lists them."""
    state = hall.shown
    return Decision(lookup=look_up_results(hall.id, dict(hall.memory.seats), state.questions, state.points))
