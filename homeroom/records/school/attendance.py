"""Who was there: one mark for each student of a class and day. The stream of a class never says whose.

Never here: who attended a live session, which that session counts itself.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, STAFF, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Day, Row
from homeroom.records.declare import Deed, Moment, RecordType, Reference, Unit, each, table, to
from homeroom.records.intake import ERRORS_TOLD, misfit
from homeroom.records.notice import NAME, Notice
from homeroom.records.school.people import check_in_class, outside_class
from homeroom.records.school.relations import (
    guardian_of,
    guardians_of,
    is_me,
    mentor_of,
    mentors_of,
    teaches_class,
)
from homeroom.records.tallies import Tally

MARKS_MAX = 200
Presence = Literal["present", "absent", "late", "excused"]
Note = Annotated[str, Meta(max_length=500)]
_BY_TEACHERS = allow(ADMINS) | allow(("teacher",), "teaches")


class Attendance(Row, frozen=True, kw_only=True):
    """Whether a student was there on a day, and who said so."""

    class_id: Id
    student_id: Id
    date: Day
    status: Presence
    note: Note = ""
    marked_by: Id


def _marked(old: Attendance | None, new: Attendance, moment: Moment) -> dict[str, str]:
    return {"marked_by": moment.caller.user}


async def _check_rows(unit: Unit, rows: Sequence[tuple[Attendance | None, Attendance | None]]) -> None:
    """Raise `bad_command` for a day that is still to come by the clocks of the school, `conflict` for a student of another class."""
    today = unit.today.isoformat()
    if any(new is not None and new.date > today for _, new in rows):
        raise misfit("date", "nobody was there yet on a day to come", f"a day up to {today}")
    await check_in_class(
        unit, (_place(new) for old, new in rows if new and (old is None or _place(old) != _place(new)))
    )


def _place(row: Attendance) -> tuple[str, str]:
    return row.class_id, row.student_id


class Mark(Struct, frozen=True):
    """The mark of one student."""

    student_id: Id
    status: Presence
    note: Note = ""


class MarkClass(Struct, frozen=True):
    """Mark the attendance of a class on a day; marks of that day that are there already are changed."""

    class_id: Id
    date: Day
    marks: Annotated[tuple[Mark, ...], Meta(min_length=1, max_length=MARKS_MAX)]


class Marked(Struct, frozen=True):
    """How many students were marked anew, marked otherwise than before, and left as they were."""

    marked: int
    updated: int
    unchanged: int


async def _mark_class(unit: Unit, body: MarkClass) -> Marked:
    await unit.permit(ATTENDANCE, {"class_id": body.class_id})
    marks = {mark.student_id: mark for mark in body.marks}
    if len(marks) != len(body.marks):
        raise Refusal("bad_command", "marks: a student stands here twice", data={"field": "marks"})
    await unit.lock(f"attendance.{body.class_id}.{body.date}")
    sql = "SELECT id, student_id FROM attendance WHERE class_id = $1 AND date = $2"
    known = {row["student_id"]: row["id"] for row in await unit.fetch(sql, body.class_id, body.date)}
    await _check_listed(unit, body, known)
    said = {student: {"status": marks[student].status, "note": marks[student].note} for student in sorted(marks)}
    changes = {known[student]: values for student, values in said.items() if student in known}
    before = {row.id: row.version for row in await unit.get_many(ATTENDANCE, tuple(changes), "update")}
    changed = await unit.update_many(ATTENDANCE, changes)
    where = {"class_id": body.class_id, "date": body.date}
    new = [{**where, "student_id": student, **values} for student, values in said.items() if student not in known]
    await unit.insert_many(ATTENDANCE, new)
    updated = sum(row.version != before[row.id] for row in changed)
    return Marked(len(new), updated, len(changed) - updated)


async def _check_listed(unit: Unit, body: MarkClass, known: Collection[str]) -> None:
    """Raise `conflict` that names all who are no students of the class; whoever has a mark of that day may have left since."""
    new = [mark.student_id for mark in body.marks if mark.student_id not in known]
    strangers = {student for _, student in await outside_class(unit, ((body.class_id, one) for one in new))}
    wrong = [(place, mark.student_id) for place, mark in enumerate(body.marks) if mark.student_id in strangers]
    if wrong:
        told = [
            {"field": f"marks[{place}].student_id", "wrong": f"{student!r} is no student of class {body.class_id!r}"}
            for place, student in wrong[:ERRORS_TOLD]
        ]
        data = {"field": told[0]["field"], **({"errors": told} if len(wrong) > 1 else {})}
        raise Refusal("conflict", f"{told[0]['field']}: {told[0]['wrong']}", data=data)


When = Callable[[Attendance | None, Attendance | None], bool]
_TOLD = frozenset({"absent", "late"})
"""Marks that parents are told of."""


def _becomes(status: Presence) -> When:
    def when(old: Attendance | None, new: Attendance | None) -> bool:
        return new is not None and new.status == status and (old is None or old.status != status or _is_moved(old, new))

    return when


def _is_moved(old: Attendance, new: Attendance) -> bool:
    """Tell whether a mark is another student's now: the parents of the one before see it no more."""
    return old.student_id != new.student_id


def _is_corrected(old: Attendance | None, new: Attendance | None) -> bool:
    """Tell whether parents were told of a mark that is none of those any more; from one of those to another they are told of that."""
    if old is None or new is None or _is_moved(old, new):
        return False
    return old.status in _TOLD and new.status not in _TOLD


def _notice(what: str, when: When, said: Callable[[Attendance], str]) -> Notice:
    return Notice(
        f"attendance.{what}",
        guardians_of("r.student_id"),
        title=lambda mark: f"{NAME} {said(mark)}",
        named="student_id",
        when=when,
        over=_is_moved,
        message=lambda mark: mark.note,
        data=("student_id", "class_id", "date"),
        url="/attendance/{id}",
    )


_NOTICES = (
    _notice("absent", _becomes("absent"), lambda mark: f"was absent on {mark.date}"),
    _notice("late", _becomes("late"), lambda mark: f"was late on {mark.date}"),
    _notice("corrected", _is_corrected, lambda mark: f"was {mark.status} on {mark.date} after all"),
)

ATTENDANCE = RecordType(
    name="attendance",
    plural="attendance",
    row=Attendance,
    channels=(
        table(),
        to("class", "class_id", "ids"),
        to("user", "student_id"),
        each("user", guardians_of("r.student_id")),
        each("user", mentors_of("r.student_id")),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "teaches", "mentor")
    | allow(("student",), "own")
    | allow(("parent",), "guardian"),
    create=_BY_TEACHERS,
    update=_BY_TEACHERS,
    delete=_BY_TEACHERS,
    relations={
        "teaches": teaches_class("r.class_id"),
        "own": is_me("r.student_id"),
        "mentor": mentor_of("r.student_id"),
        "guardian": guardian_of("r.student_id"),
    },
    wants={"teaches": "you are no teacher of class {class_id!r}"},
    references={
        "class_id": Reference("class"),
        "student_id": Reference("user", role="student"),
        "marked_by": Reference("user"),
    },
    made_by_server=frozenset({"marked_by"}),
    mine=frozenset({"marked_by"}),
    filters=("class_id", "student_id", "date", "status"),
    sorts=("date", "created_at"),
    unique=(("class_id", "date", "student_id"),),
    indexes=(("student_id", "date"),),
    fill=_marked,
    notices=_NOTICES,
    tallies=(
        Tally("attendance", {"class": "class_id", "student": "student_id", "school": ""}, by="status", day="date"),
    ),
    together=_check_rows,
    deeds=(
        Deed(
            "mark", "POST /api/attendance/mark", allow(STAFF), MarkClass, Marked, _mark_class,
            also=("POST /api/classes/{class_id}/attendance",),
        ),
    ),
    words={"created": "attendance.marked"},
)  # fmt: skip
