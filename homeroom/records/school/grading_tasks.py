"""Answers of an exam that a person has to look at: what was suggested, and what the person did with the suggestion.

A task is about one answer for good, and so is its suggestion, which admins and programs of theirs record. Never here: making
suggestions, and the points of the sitting, which its exam keeps.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Description, Row
from homeroom.records.declare import Action, Moment, RecordType, Reference, Unit, role, table, to
from homeroom.records.intake import misfit
from homeroom.records.school.exam_papers import Answer, check_answer, points_of
from homeroom.records.tallies import Tally

POINTS_MAX = 10_000
Points = Annotated[float, Meta(ge=0, le=POINTS_MAX)]
Verdict = Literal["accepted", "adjusted", "rejected"]


class Suggestion(Struct, frozen=True):
    """The points that somebody, or a program, would give, and why."""

    points: Points
    reason: Description = ""
    by: Annotated[str, Meta(min_length=1, max_length=100)] = "system"


class GradingTask(Row, frozen=True, kw_only=True):
    """One answer to be looked at by its assignee, who watches over the exam; `points` are those that were found right in the end.

    They are kept here alone: into the sitting they come when the exam's staff grade it (`PUT /api/sittings/{id}/marks/{question}`).
    """

    exam_id: Id
    student_id: Id
    question_id: Id
    assignee_id: Id
    suggestion: Suggestion | None = None
    action: Verdict | None = None
    points: Points | None = None
    comment: Description = ""
    status: Literal["open", "done"] = "open"
    reviewed_at: Millis | None = None


class ReviewGrading(Struct, frozen=True):
    """Accept the suggestion, adjust it, or reject it; `points` are those to be given, left out when it is accepted.

    The sitting's own points stay as they are: whoever watches over the exam grades it (`PUT /api/sittings/{id}/marks/{question}`).
    """

    action: Verdict
    points: Points | None = None
    comment: Description = ""


def _review(task: GradingTask, body: ReviewGrading, moment: Moment) -> dict[str, Any]:
    if task.status == "done":
        raise Refusal("conflict", "this answer was looked at already", data={"status": task.status})
    return {
        "action": body.action,
        "points": _points(task, body),
        "comment": body.comment,
        "status": "done",
        "reviewed_at": moment.now,
    }


def _points(task: GradingTask, body: ReviewGrading) -> float | None:
    """Return the points that are given; a rejected suggestion needs none of its own."""
    if body.action == "accepted":
        if task.suggestion is None:
            raise Refusal("conflict", "nothing was suggested that could be accepted", data={"field": "action"})
        return task.suggestion.points
    if body.action == "adjusted" and body.points is None:
        raise Refusal("bad_command", "points: who adjusts says the points", data={"field": "points"})
    return body.points


def _open_only(old: GradingTask | None, new: GradingTask, moment: Moment) -> dict[str, Any]:
    """Raise `conflict` for a task that is done, `bad_command` for another answer or suggestion than it was made with."""
    if old is None:
        return {}
    if old.status == "done":
        raise Refusal("conflict", "this answer was looked at already", data={"status": old.status})
    for name in _FIXED:
        if getattr(old, name) != getattr(new, name):
            raise misfit(name, "it stays as the task was made", "what it is")
    return {}


_FIXED = ("exam_id", "student_id", "question_id", "suggestion")


async def _check_exam(unit: Unit, old: GradingTask | None, new: GradingTask | None) -> None:
    """Hold a task against its exam when it is made or given to somebody else, and points against the question."""
    if new is None:
        return
    answer, worth = Answer(new.exam_id, new.student_id, new.question_id, new.assignee_id), None
    if old is None or old.assignee_id != new.assignee_id:
        worth = await check_answer(unit, answer)
    elif new.points is not None:
        worth = await points_of(unit, answer)
    given = {"points": new.points, "suggestion.points": None if new.suggestion is None else new.suggestion.points}
    for field, points in given.items():
        if worth is not None and points is not None and points > worth:
            raise misfit(field, f"the question is worth {worth:g}", f"0 to {worth:g}")


_ASSIGNED = allow(ADMINS) | allow(("teacher",), "assignee")

GRADING_TASK = RecordType(
    name="grading_task",
    plural="grading_tasks",
    row=GradingTask,
    channels=(table(), role("admin"), to("user", "assignee_id")),
    read=_ASSIGNED,
    create=_ASSIGNED,
    update=_ASSIGNED,
    delete=allow(ADMINS),
    relations={"assignee": "r.assignee_id = :me"},
    wants={"assignee": "it is for {assignee_id!r} to look at, and not for you"},
    references={
        "student_id": Reference("user", role="student"),
        "assignee_id": Reference("user", role="teacher"),
    },
    made_by_server=frozenset({"action", "points", "status", "reviewed_at"}),
    settable={"suggestion": allow(ADMINS)},
    mine=frozenset({"assignee_id"}),
    filters=("exam_id", "student_id", "question_id", "assignee_id", "status", "action"),
    sorts=("created_at", "reviewed_at"),
    unique=(("exam_id", "student_id", "question_id"),),
    indexes=(("assignee_id", "status"),),
    fill=_open_only,
    before=_check_exam,
    tallies=(Tally("gradings_open", {"mentor": "assignee_id"}, when={"status": ("open",)}),),
    actions=(
        Action(
            "review", "POST /api/grading-tasks/{id}/review", "grading_task.reviewed", _ASSIGNED, _review, ReviewGrading
        ),
    ),
)  # fmt: skip
