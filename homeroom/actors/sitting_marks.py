"""How a sitting is judged: marks by the server and by people, late values that are let count, and the release of the result.

Never here: how many points an answer earns (`protocol.grading`), and deadlines (`sitting_clock`).
"""

from collections.abc import Mapping
from typing import Any

from homeroom.actors.fitting import fit_text
from homeroom.actors.sitting_memory import Place
from homeroom.engine.behaviour import NOTHING, Context, Decision, Refusal, Tell
from homeroom.protocol import board
from homeroom.protocol.board import Score
from homeroom.protocol.exam_messages import ShowResult
from homeroom.protocol.exam_paper import Key, Question
from homeroom.protocol.grading import Mark, grade, is_complete, score
from homeroom.protocol.inbox import Notify
from homeroom.protocol.sitting import AdmitLate, AskResult, Grade, Result, Review, ReviewAnswer
from homeroom.protocol.sitting_events import AnswerSaved, Graded, ReleaseOrdered, ResultReleased

PERIODS: tuple[board.Period, ...] = ("weekly", "monthly", "all_time")


def judge_all(place: Place) -> dict[str, Mark]:
    """Return the marks that are missing: of what was never judged, and of answers changed since."""
    memory = place.memory
    asked = [
        question for question in memory.paper.questions if question.id in memory.touched or not _judged(place, question)
    ]
    return {question.id: judge(place, question, _value(place, question.id)) for question in asked}


def judge(place: Place, question: Question, value: Any) -> Mark:
    """Return the server's mark for a value of a question."""
    return grade(question, place.memory.paper.keys.get(question.id, Key()), value)


def settle(place: Place, marks: Mapping[str, Mark], context: Context) -> tuple[tuple[Any, ...], tuple[Tell, ...]]:
    """Return the events and messages by which `marks` are given, and the result released where that was ordered."""
    every = {**place.memory.marks, **marks}
    complete = is_complete(every)
    graded = Graded(complete, dict(marks))
    if not (complete and place.memory.ordered):
        return (graded,), ()
    events, tells = release(place, every, context)
    return (graded, *events), tells


def release(place: Place, marks: Mapping[str, Mark], context: Context) -> tuple[tuple[Any, ...], tuple[Tell, ...]]:
    """Return the event that releases `marks`, the notices to student and parents, and the points for the boards if the exam is ranked."""
    memory = place.memory
    points, most = score(marks), memory.paper.points
    result = Result(points, most, dict(marks), dict(memory.paper.keys) if memory.reveal else {})
    boards = _points(place, points) if memory.ranked else ()
    return (ResultReleased(result),), (*_notices(place, result, context), *boards)


def _points(place: Place, points: int) -> tuple[Tell, ...]:
    """Return the points for the boards of every period, those of all specialties and of the exam's own."""
    told = Score(place.shown.user, place.shown.name, points, place.address)
    scopes = dict.fromkeys(("all", place.memory.specialty or "all"))
    return tuple(Tell(f"board:{period}.{scope}", told) for period in PERIODS for scope in scopes)


def _notices(place: Place, result: Result, context: Context) -> tuple[Tell, ...]:
    """Return the notice to the student, and to each of its parents the same, saying whose result it is.

    A correction says so, with the points before; where these stay, nobody is told.
    """
    before, name = place.shown.result, place.shown.name or place.shown.user
    if before is not None and before.score == result.score:
        return ()
    result_of = "Corrected result" if before else "Result"
    to_parents = _notice(place, result, f"{result_of} of {name}", context)
    return (
        Tell(f"inbox:{place.shown.user}", _notice(place, result, result_of, context)),
        *(Tell(f"inbox:{guardian}", to_parents) for guardian in context.guardians(place.shown.user)),
    )


def _notice(place: Place, result: Result, heading: str, context: Context) -> Notify:
    state, points, most = place.shown, result.score, result.most
    before = state.result
    instead = f", instead of {before.score}" if before else ""
    correction = {"corrected": True, "before": before.score} if before else {}
    return Notify(
        type="exam.graded",
        title=f"{heading}: {state.title}"[:200],
        message=f"{points} of {most} points{instead}",
        data={
            "exam": state.exam,
            "sitting": place.address,
            "student": state.user,
            "score": points,
            "most": most,
            **correction,
        },
        url=f"/exams/{state.exam}",
        key=f"{place.address}.{context.seq}" if before else place.address,
    )


def show_result(place: Place, command: ShowResult, context: Context) -> Decision:
    """Release what is judged already, and remember to release the rest when it is; a second order is nothing."""
    if place.memory.ordered:
        return NOTHING
    ordered = ReleaseOrdered()
    if not place.shown.graded:
        return Decision((ordered,))
    events, tells = release(place, place.memory.marks, context)
    return Decision((ordered, *events), tells=tells)


def grade_by_hand(place: Place, command: Grade, context: Context) -> Decision:
    """`conflict` until it is submitted, `not_found` for a question that is not in the exam, `bad_command` for too many points."""
    question = _submitted_question(place, command.question)
    if command.points > question.points:
        data = {"field": "points", "allowed": f"integer 0 to {question.points}"}
        raise Refusal("bad_command", f"points: the question is worth {question.points}", data=data)
    before = place.memory.marks.get(question.id)
    mark = Mark(command.points, question.points, _comment(command, before), context.caller.user)
    if before == mark:
        return NOTHING
    events, tells = settle(place, {question.id: mark}, context)
    return Decision(events, tells=tells)


def _comment(command: Grade, before: Mark | None) -> str:
    """Return the comment of a mark: the one that was there, unless another is given."""
    if command.comment is None:
        return before.comment if before else ""
    return fit_text("comment", command.comment) if command.comment else ""


def admit_late(place: Place, command: AdmitLate, context: Context) -> Decision:
    """`conflict` until it is submitted, `not_found` when there is no late value of the question."""
    question = _submitted_question(place, command.question)
    late = place.shown.late.get(question.id)
    if late is None:
        raise Refusal("not_found", "no late value of this question")
    rev = max(late.rev, _rev(place, question.id) + 1)
    saved = AnswerSaved(question.id, rev, late.arrived, late.value, "admitted")
    events, tells = settle(place, {question.id: judge(place, question, late.value)}, context)
    return Decision((saved, *events), tells=tells)


def ask_result(place: Place, command: AskResult, context: Context) -> Decision:
    """`conflict` until the result is released, and where the student never began."""
    if not place.shown.started:
        raise Refusal("conflict", "the sitting was not begun: there is no result", data={"status": place.shown.status})
    if place.shown.result is None:
        raise Refusal("conflict", "the result is not released yet")
    return Decision(reply=place.shown.result)


def review(place: Place, command: Review, context: Context) -> Decision:
    """Answer with everything; the score only when every mark is there."""
    memory, state = place.memory, place.shown
    reply = ReviewAnswer(
        questions=memory.paper.questions,
        keys=dict(memory.paper.keys),
        answers=dict(state.answers),
        late=dict(state.late),
        marks=dict(memory.marks),
        score=score(memory.marks) if state.graded else None,
        most=memory.paper.points,
        flags=tuple(state.flags),
        closes=state.closes,
        submitted=state.submitted,
        reason=state.reason,
        released=state.result is not None,
    )
    return Decision(reply=reply)


def _submitted_question(place: Place, id: str) -> Question:
    if place.shown.status != "submitted":
        raise Refusal("conflict", "the sitting is not submitted")
    question = place.question(id)
    if question is None:
        raise Refusal("not_found", "no such question in this exam")
    return question


def _judged(place: Place, question: Question) -> bool:
    return question.id in place.memory.marks


def _value(place: Place, id: str) -> Any:
    saved = place.shown.answers.get(id)
    return saved.value if saved else None


def _rev(place: Place, id: str) -> int:
    saved = place.shown.answers.get(id)
    return saved.rev if saved else 0
