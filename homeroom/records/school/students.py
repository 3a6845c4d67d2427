"""Students as the school knows them, and the mentors who look after them. A student's id elsewhere is that of the person.

The home class and the cohort stand here; who belongs to them follows. Never here: parents, whose links are the table of
guardians, and the person's name, which is the user's.
"""

from typing import Literal

from msgspec import Struct

from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id
from homeroom.records.columns import Code, Day, Row
from homeroom.records.declare import Deed, RecordType, Reference, Unit, each, role, table, to
from homeroom.records.notice import NAME, Notice
from homeroom.records.school.classes import CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT_MEMBERSHIP
from homeroom.records.school.learners import COUNTED, count_records
from homeroom.records.school.leaving import end_places, has_left, no_home
from homeroom.records.school.people import begin_record, check_here, check_still
from homeroom.records.school.relations import (
    guardian_of,
    guardians_of,
    is_me,
    leaders_of,
    leads_student,
    mentor_of,
    mentors_of,
    teaches_student,
)
from homeroom.records.search import words_in_name
from homeroom.records.tallies import Tally

_BY_ADMINS = allow(ADMINS)
_CLASSES = (
    "SELECT m.class_id FROM class_memberships m WHERE m.user_id = r.user_id AND m.part = 'student'"
    " UNION SELECT r.class_id"
)


class Student(Row, frozen=True, kw_only=True):
    """A student of the school, with the number that the school gave."""

    user_id: Id
    number: Code
    class_id: Id | None = None
    cohort_id: Id | None = None
    birth_date: Day | None = None
    status: Literal["active", "withdrawn", "graduated"] = "active"


async def _follow(unit: Unit, old: Student | None, new: Student | None) -> None:
    """Let the student belong to the home class and the cohort, and no longer to those before; to none who has left."""
    if new is None:
        return
    if old is not None and old.status != new.status == "active":
        await check_still(unit, STUDENT, new)
    await _move(unit, CLASS_MEMBERSHIP, ("class_id", "student"), old, new)
    await _move(unit, COHORT_MEMBERSHIP, ("cohort_id", "member"), old, new)
    if has_left(new) and not has_left(old):
        if old is None:
            await begin_record(unit, new.user_id)
        await end_places(unit, new.user_id, MENTORSHIP)


async def _move(unit: Unit, membership: RecordType, what: tuple[str, str], old: Student | None, new: Student) -> None:
    column, part = what
    before, after = getattr(old, column, None), getattr(new, column)
    if before == after:
        return
    # Held: whoever takes the student out of the new one at the same time waits, and finds that it is the home by then.
    sql = f"SELECT id, {column} AS home FROM {membership.plural} WHERE user_id = $1 AND {column} = ANY($2::text[]) ORDER BY id FOR UPDATE"
    found = {
        row["home"]: row["id"] for row in await unit.fetch(sql, new.user_id, [home for home in (before, after) if home])
    }
    if before in found:
        await unit.delete(membership, found[before])
    if after is not None and after not in found:
        await unit.insert(membership, {column: after, "user_id": new.user_id, "part": part})


class RegisterStudent(Struct, frozen=True):
    """Register a person as a student, with a home class, a cohort and a mentor at once."""

    user_id: Id
    number: Code
    class_id: Id | None = None
    cohort_id: Id | None = None
    birth_date: Day | None = None
    mentor_id: Id | None = None


async def _register(unit: Unit, body: RegisterStudent) -> Student:
    values = {name: getattr(body, name) for name in body.__struct_fields__ if name != "mentor_id"}
    student: Student = await unit.insert(STUDENT, values)
    if body.mentor_id is not None:
        await _give_mentor(unit, body.mentor_id, body.user_id)
    return student


async def _give_mentor(unit: Unit, mentor: str, student: str) -> None:
    """Let somebody be mentored: where the two were mentor and student before, that begins again, or goes on."""
    found = await unit.fetch(_MENTORED, mentor, student)
    if found:
        await unit.update(MENTORSHIP, found[0]["id"], {"active": True})
    else:
        await unit.insert(MENTORSHIP, {"mentor_id": mentor, "student_id": student})


_MENTORED = """SELECT m.id FROM users u JOIN mentorships m ON m.mentor_id = u.id AND m.student_id = $2
WHERE u.id = $1 FOR KEY SHARE OF u"""
"""With the mentor held, of whom the row says something by a role."""


def _path(student: Student) -> str:
    return f"{STUDENT.door}/{student.id}"


STUDENT = RecordType(
    name="student",
    plural="students",
    row=Student,
    channels=(
        table(),
        role("admin"),
        each("class", _CLASSES, "ids"),
        to("user", "user_id"),
        each("user", f"{mentors_of('r.user_id')} UNION {leaders_of('r.user_id')}"),
        each("user", guardians_of("r.user_id")),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "teaches", "mentor", "leads")
    | allow(("student",), "own")
    | allow(("parent",), "guardian"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    tells=("student.registered",),
    relations={
        "own": is_me("r.user_id"),
        "mentor": mentor_of("r.user_id"),
        "teaches": teaches_student("r.user_id"),
        "leads": leads_student("r.user_id"),
        "guardian": guardian_of("r.user_id"),
    },
    references={
        "user_id": Reference("user", role="student", first=True),
        "class_id": Reference("class"),
        "cohort_id": Reference("cohort"),
    },
    hidden={"birth_date": allow(ADMINS) | allow(("student",), "own") | allow(("parent",), "guardian")},
    filters=("user_id", "number", "class_id", "cohort_id", "status"),
    searches={"words": words_in_name("user_id")},
    sorts=("number", "created_at"),
    unique=(("user_id",), ("number",)),
    fill=no_home,
    after=_follow,
    counts=count_records,
    counted=COUNTED,
    deeds=(
        Deed("register", "POST /api/students/register", _BY_ADMINS, RegisterStudent, Student, _register, made=_path),
    ),
)


class Mentorship(Row, frozen=True, kw_only=True):
    """That a mentor looks after a student, while it is `active`."""

    mentor_id: Id
    student_id: Id
    active: bool = True


def _begins(old: Mentorship | None, new: Mentorship | None) -> bool:
    return new is not None and new.active and not (old is not None and old.active)


async def _follow_mentee(unit: Unit, old: Mentorship | None, new: Mentorship | None) -> None:
    """Let nobody be a mentee who has left the school; then tell of a new one."""
    mentee = _mentee(new)
    if mentee is not None and mentee != _mentee(old):
        await check_here(unit, "student_id", (mentee,))
    await _tell_mentor(unit, old, new)


def _mentee(row: Mentorship | None) -> str | None:
    return row.student_id if row is not None and row.active else None


async def _tell_mentor(unit: Unit, old: Mentorship | None, new: Mentorship | None) -> None:
    """Tell the mentor of a student who is new to them; one that begins again is held to what both are by now."""
    if new is not None and _begins(old, new):
        if old is not None:
            await check_still(unit, MENTORSHIP, new)
        body = {"student_id": new.student_id, "mentor_id": new.mentor_id}
        unit.post(f"user:{new.mentor_id}", "student.registered", body)


_REGISTERED = Notice(
    "student.registered",
    "VALUES (r.mentor_id)",
    title=lambda mentorship: f"{NAME} is new to you",
    named="student_id",
    when=_begins,
    over=lambda old, new: old.mentor_id != new.mentor_id,
    data=("student_id",),
    url="/mentorships/{id}",
)
_BOTH = "r.mentor_id = :me OR r.student_id = :me"

MENTORSHIP = RecordType(
    name="mentorship",
    plural="mentorships",
    row=Mentorship,
    channels=(
        table(),
        role("admin"),
        to("user", "mentor_id"),
        to("user", "student_id"),
        each("user", guardians_of("r.student_id")),
    ),
    read=allow(ADMINS) | allow(("teacher", "student"), "own") | allow(("parent",), "guardian"),
    create=_BY_ADMINS,
    update=_BY_ADMINS,
    delete=_BY_ADMINS,
    relations={"own": _BOTH, "guardian": guardian_of("r.student_id")},
    references={
        "mentor_id": Reference("user", role="teacher", first=True),
        "student_id": Reference("user", role="student", first=True),
    },
    filters=("mentor_id", "student_id", "active"),
    sorts=("created_at",),
    unique=(("mentor_id", "student_id"),),
    indexes=(("student_id", "mentor_id"),),
    after=_follow_mentee,
    notices=(_REGISTERED,),
    tallies=(Tally("mentees", {"mentor": "mentor_id"}, when={"active": (True,)}),),
)
