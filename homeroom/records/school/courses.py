"""Courses and who takes part: a course has one teacher of its own, and further people by enrolment.

Never here: classes, whose members need no enrolment in a course.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from homeroom.protocol.access import ADMINS, STAFF, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Code, Description, Row, Title
from homeroom.records.declare import Deed, RecordType, Reference, Unit, each, role, table, to
from homeroom.records.place import Place
from homeroom.records.school.people import check_here, check_listed, check_parts, check_unused, newcomers
from homeroom.records.school.relations import (
    guardian_in_course,
    guardian_of,
    guardians_of,
    in_course,
    is_me,
    teaches_course,
)
from homeroom.records.search import words_in
from homeroom.records.tallies import Tally

ENROL_MAX = 500
_BY_TEACHER = allow(ADMINS) | allow(("teacher",), "own")


class Course(Row, frozen=True, kw_only=True):
    """A course; its code is its own."""

    code: Code
    title: Title
    description: Description = ""
    teacher_id: Id
    term_id: Id | None = None


async def _hand_over(unit: Unit, old: Course | None, new: Course | None) -> None:
    """Let a teacher who hands the course over hear nothing more of it."""
    if old is not None and (new is None or new.teacher_id != old.teacher_id):
        unit.withdraw(f"course:{old.id}", (old.teacher_id,))


class EnrolPeople(Struct, frozen=True):
    """Enrol people in a course, those too who took part once; those who take part already stay as they are."""

    course_id: Id
    people: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ENROL_MAX)]
    part: Literal["student", "assistant"] = "student"


class EnrolledPeople(Struct, frozen=True):
    """Who takes part now and did not before, and who did."""

    enrolled: tuple[Id, ...]
    already: tuple[Id, ...]


async def _enrol(unit: Unit, body: EnrolPeople) -> EnrolledPeople:
    await unit.get(COURSE, body.course_id)
    await unit.permit(ENROLMENT, {"course_id": body.course_id, "part": body.part})
    await check_listed(unit, "people", body.people, body.part)
    wanted = sorted(set(body.people))
    over = {row["user_id"]: row["id"] for row in await unit.fetch(_OVER, body.course_id, wanted)}
    known = {row["user_id"] for row in await unit.fetch(_KNOWN, body.course_id, wanted)}
    await unit.update_many(ENROLMENT, {row: {"status": "active", "part": body.part} for row in over.values()})
    new = [person for person in wanted if person not in known]
    rows = [{"course_id": body.course_id, "user_id": person, "part": body.part} for person in new]
    await unit.insert_many(ENROLMENT, rows)
    return EnrolledPeople(tuple(sorted([*new, *over])), tuple(sorted(known.difference(over))))


_KNOWN = "SELECT user_id FROM enrolments WHERE course_id = $1 AND user_id = ANY($2::text[])"
_OVER = """SELECT id, user_id FROM enrolments
WHERE course_id = $1 AND user_id = ANY($2::text[]) AND status <> 'active' ORDER BY id FOR NO KEY UPDATE"""
"""Withdrawn or completed: who is enrolled once more takes part again. Held, so that of two who do so one finds it begun."""


COURSE = RecordType(
    name="course",
    plural="courses",
    row=Course,
    channels=(table(), role("admin"), to("course", "id"), to("user", "teacher_id")),
    read=allow(STAFF) | allow(("student",), "member") | allow(("parent",), "guardian"),
    create=_BY_TEACHER,
    update=_BY_TEACHER,
    delete=_BY_TEACHER,
    relations={
        "own": is_me("r.teacher_id"),
        "member": in_course("r.id"),
        "guardian": guardian_in_course("r.id"),
    },
    wants={"own": "{teacher_id!r} is its teacher, and you are not: others have it made or changed by an admin"},
    references={"teacher_id": Reference("user", role="teacher"), "term_id": Reference("term")},
    filters=("code", "teacher_id", "term_id"),
    searches={"words": words_in(("code", "title"))},
    sorts=("code", "title", "created_at"),
    unique=(("code",),),
    before=_hand_over,
    after=check_unused("course"),
    tallies=(Tally("courses", {"school": ""}),),
    deeds=(Deed("enrol", "POST /api/courses/{course_id}/enrol", allow(STAFF), EnrolPeople, EnrolledPeople, _enrol),),
    aliases={"students": "people"},
    mine=frozenset({"teacher_id"}),
    own_id=True,
    place=Place("course", "teacher_id", "id", part="teacher"),
)


class Enrolment(Row, frozen=True, kw_only=True):
    """That somebody takes part in a course."""

    course_id: Id
    user_id: Id
    part: Literal["student", "teacher", "assistant"] = "student"
    status: Literal["active", "withdrawn", "completed"] = "active"


async def _check_enrolments(unit: Unit, rows: Sequence[tuple[Enrolment | None, Enrolment | None]]) -> None:
    await check_parts(unit, ((new.user_id, new.part) for old, new in rows if new is not None and not _ends(old, new)))
    await check_here(unit, "user_id", newcomers((_standing(old), _standing(new)) for old, new in rows))
    for old, new in rows:
        if old is not None and not _takes_part(new, old):
            unit.withdraw(f"course:{old.course_id}", (old.user_id,))


def _ends(old: Enrolment | None, new: Enrolment) -> bool:
    """Tell whether it only comes to an end, which needs no fitting role."""
    return old is not None and new.status != "active" and (new.user_id, new.part) == (old.user_id, old.part)


def _standing(row: Enrolment | None) -> Enrolment | None:
    return row if row is not None and row.status == "active" else None


def _takes_part(new: Enrolment | None, old: Enrolment) -> bool:
    return new is not None and new.status == "active" and (new.course_id, new.user_id) == (old.course_id, old.user_id)


_ENROLS = allow(ADMINS) | allow(("teacher",), "enrols")

ENROLMENT = RecordType(
    name="enrolment",
    plural="enrolments",
    row=Enrolment,
    channels=(
        table(),
        role("admin"),
        to("course", "course_id", "ids"),
        to("user", "user_id"),
        each("user", guardians_of("r.user_id"), "ids"),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "teaches", "own")
    | allow(("student",), "own")
    | allow(("parent",), "guardian"),
    create=_ENROLS,
    update=_ENROLS,
    delete=_ENROLS,
    relations={
        "own": is_me("r.user_id"),
        "teaches": teaches_course("r.course_id"),
        "enrols": f"r.part <> 'teacher' AND ({teaches_course('r.course_id')})",
        "guardian": guardian_of("r.user_id"),
    },
    wants={"enrols": "you are no teacher of course {course_id!r}, or it is as a teacher"},
    references={"course_id": Reference("course", on_delete="cascade"), "user_id": Reference("user", first=True)},
    filters=("course_id", "user_id", "part", "status"),
    sorts=("created_at", "user_id"),
    unique=(("course_id", "user_id"),),
    indexes=(("user_id", "course_id"),),
    together=_check_enrolments,
    also=("/api/enrollments",),
    place=Place("course", "user_id", "course_id", when={"status": ("active",)}),
)
