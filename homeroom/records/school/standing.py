"""What a person stands in because of a role, and what becomes of it when the role is another one, or the person is deleted.

Each relation ends as it does when an admin ends it: with its own rules, events, audit and counters, and with whoever followed a
channel by it let go. Never here: logins, which end as well (`users`), and what was written by or about the person, which stays.
"""

from homeroom.engine.behaviour import Refusal
from homeroom.records.declare import Unit
from homeroom.records.school.classes import CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT_MEMBERSHIP
from homeroom.records.school.courses import ENROLMENT
from homeroom.records.school.guardianships import end_links
from homeroom.records.school.leaving import call_off, ids_of, set_all
from homeroom.records.school.people import PART_ROLES
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import TEACHING

TOLD_MAX = 20
"""Courses that a refusal names at the most."""
_COURSES = "SELECT id FROM courses WHERE teacher_id = $1 ORDER BY id LIMIT $2"
_STUDENT = "SELECT id, status FROM students WHERE user_id = $1 AND (status = 'active' OR class_id IS NOT NULL OR cohort_id IS NOT NULL)"
_RELIED_ON = """SELECT
ARRAY(SELECT id FROM courses WHERE teacher_id = $1 ORDER BY id LIMIT $3) AS courses,
ARRAY(SELECT id FROM mentorships WHERE mentor_id = $1 AND active ORDER BY id LIMIT $3) AS mentorships,
ARRAY(SELECT id FROM teachings WHERE teacher_id = $1 ORDER BY id LIMIT $3) AS teachings,
ARRAY(SELECT id FROM class_memberships WHERE user_id = $1 AND part = 'teacher' ORDER BY id LIMIT $3) AS class_memberships,
ARRAY(SELECT id FROM cohort_memberships WHERE user_id = $1 AND part = 'mentor' ORDER BY id LIMIT $3) AS cohort_memberships,
ARRAY(SELECT id FROM schedules WHERE mentor_id = $1 AND status = 'scheduled' AND end_at > $2 ORDER BY id LIMIT $3) AS schedules,
ARRAY(SELECT id FROM grading_tasks WHERE assignee_id = $1 AND status = 'open' ORDER BY id LIMIT $3) AS grading_tasks"""
"""What stands and falls with a teacher or mentor, by the table that names the person."""
_SLOTS = """SELECT id FROM schedules WHERE status = 'scheduled' AND end_at > $2
AND ((student_id = $1 AND $3 <> 'student') OR (mentor_id = $1 AND $3 <> 'teacher')) ORDER BY id"""
_PARTS = "SELECT id FROM {table} WHERE user_id = $1 AND part <> ALL($2::text[]) ORDER BY id"
_ENROLMENTS = (
    "SELECT id FROM enrolments WHERE user_id = $1 AND part <> ALL($2::text[]) AND status = 'active' ORDER BY id"
)
_TEACHINGS = "SELECT id FROM teachings WHERE teacher_id = $1 AND $2 <> 'teacher' ORDER BY id"
_MENTORSHIPS = """SELECT id FROM mentorships
WHERE ((mentor_id = $1 AND $2 <> 'teacher') OR (student_id = $1 AND $2 <> 'student')) AND active ORDER BY id"""


async def end_unfit(unit: Unit, person: str, role: str) -> None:
    """End the relations of somebody who had another role before, and now has `role`; raises `conflict` for a course's own teacher."""
    if role != "teacher":
        await _keep_courses_taught(unit, person)
    if role != "student":
        await _end_student(unit, person)
    await end_links(unit, person)
    fit = [part for part, roles in PART_ROLES.items() if role in roles]
    for members in (CLASS_MEMBERSHIP, COHORT_MEMBERSHIP):
        await unit.delete_many(members, await ids_of(unit, _PARTS.format(table=members.plural), person, fit))
    await unit.delete_many(TEACHING, await ids_of(unit, _TEACHINGS, person, role))
    await set_all(unit, ENROLMENT, await ids_of(unit, _ENROLMENTS, person, fit), "status", "withdrawn")
    await set_all(unit, MENTORSHIP, await ids_of(unit, _MENTORSHIPS, person, role), "active", False)
    await call_off(unit, await ids_of(unit, _SLOTS, person, unit.now, role))


async def _keep_courses_taught(unit: Unit, person: str) -> None:
    courses = await ids_of(unit, _COURSES, person, TOLD_MAX)
    if courses:
        msg = "role: courses have this person as their teacher: hand them over first"
        raise Refusal("conflict", msg, data={"field": "role", "courses": courses})


async def _end_student(unit: Unit, person: str) -> None:
    """Let the student's record say that it is over; home class and cohort end with it."""
    for row in await unit.fetch(_STUDENT, person):
        status = "withdrawn" if row["status"] == "active" else row["status"]
        await unit.update(STUDENT, row["id"], {"status": status, "class_id": None, "cohort_id": None})


async def end_all(unit: Unit, person: str) -> None:
    """End all relations of somebody who is being deleted; raises `conflict` that names who relies on this person.

    What the person wrote, and what was written about them, stays, and the name is still found by the id.
    """
    await _keep_who_is_relied_on(unit, person)
    await end_unfit(unit, person, "")


async def _keep_who_is_relied_on(unit: Unit, person: str) -> None:
    (found,) = await unit.fetch(_RELIED_ON, person, unit.now, TOLD_MAX)
    by = {name: ids for name, ids in found.items() if ids}
    if by:
        what = ", ".join(name.replace("_", " ") for name in by)
        msg = f"others rely on this person: {what}; hand them over first, or say `active: false`, which lets nobody in and keeps everything"
        raise Refusal("conflict", msg, data={"by": by, "instead": {"active": False}})
