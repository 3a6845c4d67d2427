"""Classes and who belongs to them: the teachers who are assigned, the students who are enrolled.

A membership is there or is not; ending one ends the person's subscription to the class. Never here: the import of lists
(`class_lists`), and what is taught (`subjects`).
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from homeroom.protocol.access import ADMINS, STAFF, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Label, Row, Title
from homeroom.records.declare import Deed, RecordType, Reference, Unit, each, role, table, to
from homeroom.records.place import Place
from homeroom.records.school.class_lists import ClassList, ClassListReport, import_class_list
from homeroom.records.school.homes import check_not_home, keep_home
from homeroom.records.school.people import check_here, check_listed, check_parts, check_unused, newcomers
from homeroom.records.school.relations import (
    guardian_in_class,
    guardian_of,
    guardians_of,
    in_class,
    is_me,
    teachers_of_class,
    teaches_class,
)
from homeroom.records.tallies import Tally

_BY_ADMINS = allow(ADMINS)
ENROL_MAX = 500


class SchoolClass(Row, frozen=True, kw_only=True):
    """A class of the school, in a term or for good."""

    title: Title
    grade: Label = ""
    room: Label = ""
    term_id: Id | None = None


class EnrolStudents(Struct, frozen=True):
    """Enrol students in a class; those who are in it already stay as they are."""

    class_id: Id
    students: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ENROL_MAX)]


class Enrolled(Struct, frozen=True):
    """Who is in it now and was not before, and who was."""

    enrolled: tuple[Id, ...]
    already: tuple[Id, ...]


async def _enrol(unit: Unit, body: EnrolStudents) -> Enrolled:
    await unit.get(CLASS, body.class_id)
    await unit.permit(CLASS_MEMBERSHIP, {"class_id": body.class_id, "part": "student"})
    await check_listed(unit, "students", body.students, "student")
    wanted = sorted(set(body.students))
    sql = "SELECT user_id FROM class_memberships WHERE class_id = $1 AND user_id = ANY($2::text[])"
    already = {row["user_id"] for row in await unit.fetch(sql, body.class_id, wanted)}
    new = tuple(student for student in wanted if student not in already)
    rows = [{"class_id": body.class_id, "user_id": student, "part": "student"} for student in new]
    await unit.insert_many(CLASS_MEMBERSHIP, rows)
    return Enrolled(new, tuple(sorted(already)))


async def _import(unit: Unit, body: ClassList) -> ClassListReport:
    await unit.get(CLASS, body.class_id)
    await unit.permit(CLASS_MEMBERSHIP, {"class_id": body.class_id, "part": "student"})
    return await import_class_list(unit, body, CLASS_MEMBERSHIP)


CLASS = RecordType(
    name="class",
    plural="classes",
    row=SchoolClass,
    channels=(table(), role("admin", "teacher"), to("class", "id")),
    read=allow(STAFF) | allow(("student",), "member") | allow(("parent",), "guardian"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={"member": in_class("r.id"), "guardian": guardian_in_class("r.id")},
    references={"term_id": Reference("term")},
    filters=("term_id", "grade"),
    sorts=("title", "grade", "created_at"),
    indexes=(("title",),),
    tallies=(Tally("classes", {"school": ""}),),
    deeds=(
        Deed("enrol", "POST /api/classes/{class_id}/enrol", allow(STAFF), EnrolStudents, Enrolled, _enrol),
        Deed(
            "import",
            "POST /api/classes/{class_id}/import",
            allow(STAFF),
            ClassList,
            ClassListReport,
            _import,
            asked=("dry_run",),
            text=("text/csv", "csv"),
        ),
    ),
    aliases={"people": "students"},
    own_id=True,
    before=keep_home("class_id"),
    after=check_unused("class"),
)


class ClassMembership(Row, frozen=True, kw_only=True):
    """That somebody belongs to a class, as one of its teachers or students."""

    class_id: Id
    user_id: Id
    part: Literal["teacher", "student"]


async def _check_left(unit: Unit, old: ClassMembership | None, new: ClassMembership | None) -> None:
    """Let whoever leaves hear nothing more of the class."""
    if old is not None and (new is None or (new.class_id, new.user_id) != (old.class_id, old.user_id)):
        await check_not_home(unit, "class_id", old.class_id, old.user_id)
        unit.withdraw(f"class:{old.class_id}", (old.user_id,))


async def _check_joined(unit: Unit, rows: Sequence[tuple[ClassMembership | None, ClassMembership | None]]) -> None:
    """Ask for fitting roles, only now: what somebody is, is not for whoever may not enrol. Then tell of it."""
    await check_parts(unit, ((new.user_id, new.part) for _, new in rows if new is not None))
    await check_here(unit, "user_id", newcomers(rows))
    await _tell_enrolled(unit, [new for old, new in rows if old is None and new is not None and new.part == "student"])


async def _tell_enrolled(unit: Unit, new: Sequence[ClassMembership]) -> None:
    """Tell those who may know who is in the class: the student, the parents, who teaches there, the office; to the class ids alone."""
    if not new:
        return
    found = await unit.fetch(_CONCERNED, [row.class_id for row in new], [row.user_id for row in new])
    for row in new:
        body = {"student_id": row.user_id, "class_id": row.class_id}
        concerned = [
            each["person"] for each in found if (each["class_id"], each["student"]) == (row.class_id, row.user_id)
        ]
        for stream in ("table:students", "role:admin", *(f"user:{person}" for person in (row.user_id, *concerned))):
            unit.post(stream, "student.enrolled", body)
        unit.post(f"class:{row.class_id}", "student.enrolled", {"id": row.id, "class_id": row.class_id})


_CONCERNED = (
    "SELECT q.class_id, q.student, p.person FROM unnest($1::text[], $2::text[]) AS q (class_id, student) "
    f"CROSS JOIN LATERAL ({guardians_of('q.student')} UNION {teachers_of_class('q.class_id')}) AS p (person) "
    "ORDER BY 1, 2, 3"
)
"""The parents of each student, and who teaches the class."""


_ENROLS = f"r.part = 'student' AND ({teaches_class('r.class_id')})"
_BY_TEACHERS = allow(ADMINS) | allow(("teacher",), "enrols")

CLASS_MEMBERSHIP = RecordType(
    name="class_membership",
    plural="class_memberships",
    row=ClassMembership,
    channels=(
        table(),
        role("admin"),
        to("class", "class_id", "ids"),
        to("user", "user_id"),
        each("user", guardians_of("r.user_id"), "ids"),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "teaches", "own")
    | allow(("student",), "own", "teacher_of_mine")
    | allow(("parent",), "guardian", "teacher_of_child"),
    create=_BY_TEACHERS,
    update=allow(ADMINS),
    delete=_BY_TEACHERS,
    relations={
        "own": is_me("r.user_id"),
        "teaches": teaches_class("r.class_id"),
        "enrols": _ENROLS,
        "teacher_of_mine": f"r.part = 'teacher' AND {in_class('r.class_id')}",
        "guardian": guardian_of("r.user_id"),
        "teacher_of_child": f"r.part = 'teacher' AND {guardian_in_class('r.class_id')}",
    },
    wants={"enrols": "you are no teacher of class {class_id!r}, or it is not as a student"},
    references={"class_id": Reference("class", on_delete="cascade"), "user_id": Reference("user", first=True)},
    filters=("class_id", "user_id", "part"),
    sorts=("created_at", "user_id"),
    unique=(("class_id", "user_id"),),
    indexes=(("user_id", "class_id"),),
    before=_check_left,
    together=_check_joined,
    tallies=(
        Tally("teachers", {"class": "class_id", "mentor": "user_id"}, when={"part": ("teacher",)}),
        Tally("students", {"class": "class_id", "student": "user_id"}, when={"part": ("student",)}),
    ),
    place=Place("class", "user_id", "class_id"),
    tells=("student.enrolled",),
)
