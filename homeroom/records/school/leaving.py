"""What ends when a student leaves the school, withdrawn or graduated: places in classes and cohorts, enrolments, mentorships, slots to come.

Each ends as it does when an admin ends it, with its own events, audit and counters. Parents' links go on, so that they find what is
kept; nothing of it begins again by itself when the student comes back. Never here: another role, and a farewell (`standing`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from homeroom.records.declare import RecordType, Unit
from homeroom.records.intake import misfit
from homeroom.records.school.classes import CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT_MEMBERSHIP
from homeroom.records.school.courses import ENROLMENT
from homeroom.records.school.schedules import SCHEDULE

HOMES = ("class_id", "cohort_id")
_PLACES = "SELECT id FROM {table} WHERE user_id = $1 AND part = $2 ORDER BY id"
_STUDENT = "EXISTS (SELECT FROM users u WHERE u.id = $1 AND u.role = 'student' AND u.deleted_at IS NULL)"
_ENROLMENTS = f"""SELECT id FROM enrolments WHERE user_id = $1 AND status = 'active'
AND (part = 'student' OR {_STUDENT}) ORDER BY id"""
"""Whoever assists in a course and becomes a teacher goes on: that fits the new role as well."""
_MENTORSHIPS = "SELECT id FROM mentorships WHERE student_id = $1 AND active ORDER BY id"
_SLOTS = f"""SELECT id FROM schedules WHERE student_id = $1 AND status = 'scheduled' AND end_at > $2 AND {_STUDENT} ORDER BY id"""
"""What becomes of them with another role, or a farewell, is said by that."""


def has_left(record: Any) -> bool:
    """Tell whether a student's record says that the student is not at the school any more."""
    return record is not None and record.status != "active"


def no_home(old: Any, new: Any) -> Mapping[str, None]:
    """Return that whoever has left has no home class and no cohort; raises `bad_command` for one that is given at the same time."""
    if not has_left(new):
        return {}
    for name in HOMES:
        if getattr(new, name) not in {None, getattr(old, name, None)}:
            raise misfit(name, f"the student is {new.status}", "nothing, unless the status is active")
    return dict.fromkeys(HOMES)


async def end_places(unit: Unit, person: str, mentorship: RecordType) -> None:
    """End all that somebody stood in as a student of the school; `mentorship` is the type of those who mentor them."""
    for members, part in ((CLASS_MEMBERSHIP, "student"), (COHORT_MEMBERSHIP, "member")):
        await unit.delete_many(members, await _ids(unit, _PLACES.format(table=members.plural), person, part))
    enrolments = await _ids(unit, _ENROLMENTS, person)
    await unit.update_many(ENROLMENT, {one: {"status": "withdrawn"} for one in enrolments})
    mentorships = await _ids(unit, _MENTORSHIPS, person)
    await unit.update_many(mentorship, {one: {"active": False} for one in mentorships})
    slots = await _ids(unit, _SLOTS, person, unit.now)
    await unit.update_many(SCHEDULE, {one: {"status": "cancelled"} for one in slots}, "schedule.status_changed")


async def _ids(unit: Unit, sql: str, *args: object) -> Sequence[str]:
    return [row["id"] for row in await unit.fetch(sql, *args)]
