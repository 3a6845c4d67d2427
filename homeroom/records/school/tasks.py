"""Tasks that mentors give to students: the mentor owns one, the student moves its status.

Never here: exams and their deadlines, which are actors.
"""

from typing import Any, Literal

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Description, Instant, Row, Title
from homeroom.records.declare import Action, Moment, RecordType, Reference, each, table, to
from homeroom.records.notice import Notice
from homeroom.records.school.relations import guardian_of, guardians_of, mentor_of, teaches_student
from homeroom.records.tallies import Tally

Status = Literal["pending", "in_progress", "done", "cancelled"]


class Task(Row, frozen=True, kw_only=True):
    """Something to be done, until `due_at` where that is said."""

    mentor_id: Id
    student_id: Id
    title: Title
    description: Description = ""
    due_at: Instant | None = None
    status: Status = "pending"
    done_at: Millis | None = None


class TaskStatus(Struct, frozen=True):
    """Move a task to another status; only who gave it cancels it, or takes it up again when it was cancelled."""

    status: Status


def _move(task: Task, body: TaskStatus, moment: Moment) -> dict[str, Any]:
    if body.status == task.status:
        raise Refusal("conflict", f"this task is {task.status} already", data={"status": task.status})
    if "cancelled" in (task.status, body.status) and moment.caller.user == task.student_id:
        raise Refusal("forbidden", "whoever gave a task cancels it")
    return {"status": body.status, "done_at": moment.now if body.status == "done" else None}


def _is_given(old: Task | None, new: Task | None) -> bool:
    """Tell whether somebody has a task that was not theirs before, or was cancelled."""
    if new is None or new.status == "cancelled":
        return False
    return old is None or old.student_id != new.student_id or (old.status == "cancelled" and new.status != "done")


def _is_taken_away(old: Task, new: Task) -> bool:
    """Tell whether a task is that student's no more, or is not to be done any more."""
    return old.student_id != new.student_id or old.status != "cancelled" == new.status


_ASSIGNED = Notice(
    "task.assigned",
    "VALUES (r.student_id)",
    title=lambda task: task.title,
    when=_is_given,
    over=_is_taken_away,
    message=lambda task: "A new task for you",
    data=("mentor_id", "due_at"),
    url="/tasks/{id}",
)
_OWNED = allow(ADMINS) | allow(("teacher",), "own")

TASK = RecordType(
    name="task",
    plural="tasks",
    row=Task,
    channels=(
        table(),
        to("user", "mentor_id"),
        to("user", "student_id"),
        each("user", guardians_of("r.student_id")),
    ),
    read=_OWNED | allow(("student",), "assigned") | allow(("parent",), "guardian") | allow(("teacher",), "mentor"),
    create=allow(ADMINS) | allow(("teacher",), "gives"),
    update=allow(ADMINS) | allow(("teacher",), "gives"),
    delete=_OWNED,
    relations={
        "own": "r.mentor_id = :me",
        "gives": f"r.mentor_id = :me AND ({mentor_of('r.student_id')} OR {teaches_student('r.student_id')})",
        "mentor": mentor_of("r.student_id"),
        "assigned": "r.student_id = :me",
        "guardian": guardian_of("r.student_id"),
    },
    wants={"gives": "tasks are given by oneself, to students whom one looks after or teaches", "own": "{mentor_id!r} gave it, and you did not", "assigned": "it is a task of {student_id!r}, and not yours"},
    references={
        "mentor_id": Reference("user", role="teacher"),
        "student_id": Reference("user", role="student"),
    },
    made_by_server=frozenset({"status", "done_at"}),
    mine=frozenset({"mentor_id"}),
    filters=("mentor_id", "student_id", "status", "due_at"),
    sorts=("due_at", "created_at", "title"),
    indexes=(("student_id", "status"), ("mentor_id", "status"), ("student_id", "due_at")),
    actions=(
        Action(
            "status", "PATCH /api/tasks/{id}/status", "task.status_changed",
            _OWNED | allow(("student",), "assigned"), _move, TaskStatus,
        ),
    ),
    notices=(_ASSIGNED,),
    words={"created": "task.assigned"},
    aliases={"due_date": "due_at"},
    spellings={"status": {"canceled": "cancelled", "completed": "done"}},
    tallies=(
        Tally("tasks_open", {"mentor": "mentor_id", "student": "student_id"}, when={"status": ("pending", "in_progress")}),
    ),
)  # fmt: skip
