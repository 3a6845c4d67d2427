"""Answers of an exam that a person has to look at: what was suggested, and what the person did with the suggestion.

Never here: making suggestions, and the points of the sitting, which its exam keeps.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Description, Row
from homeroom.records.declare import Action, Moment, RecordType, Reference, role, table, to
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
    """One answer to be looked at by its assignee; `points` are those that were given in the end."""

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
    """Accept the suggestion, adjust it, or reject it; `points` are those to be given, left out when it is accepted."""

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
    if old is not None and old.status == "done":
        raise Refusal("conflict", "this answer was looked at already", data={"status": old.status})
    return {}


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
    references={
        "student_id": Reference("user", role="student"),
        "assignee_id": Reference("user", role="teacher"),
    },
    made_by_server=frozenset({"action", "points", "status", "reviewed_at"}),
    mine=frozenset({"assignee_id"}),
    filters=("exam_id", "student_id", "question_id", "assignee_id", "status", "action"),
    sorts=("created_at", "reviewed_at"),
    unique=(("exam_id", "student_id", "question_id"),),
    indexes=(("assignee_id", "status"),),
    fill=_open_only,
    tallies=(Tally("gradings_open", {"mentor": "assignee_id"}, when={"status": ("open",)}),),
    actions=(
        Action(
            "review", "POST /api/grading-tasks/{id}/review", "grading_task.reviewed", _ASSIGNED, _review, ReviewGrading
        ),
    ),
)  # fmt: skip
