"""What ends when a student leaves the school, withdrawn or graduated: places in classes and cohorts, enrolments, mentorships, slots to come.

Each ends as it does when an admin ends it, with its own events, audit and counters. Parents' links go on, so that they find what is
kept; nothing of it begins again by itself when the student comes back. Never here: another role, and a farewell (`standing`).
"""

from collections.abc import Collection, Mapping
from typing import Any

from homeroom.records.declare import Moment, RecordType, Unit
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


def no_home(old: Any, new: Any, moment: Moment) -> Mapping[str, None]:
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
        await unit.delete_many(members, await ids_of(unit, _PLACES.format(table=members.plural), person, part))
    await set_all(unit, ENROLMENT, await ids_of(unit, _ENROLMENTS, person), "status", "withdrawn")
    await set_all(unit, mentorship, await ids_of(unit, _MENTORSHIPS, person), "active", False)
    await call_off(unit, await ids_of(unit, _SLOTS, person, unit.now))


async def call_off(unit: Unit, slots: Collection[str]) -> None:
    """Cancel slots, by their ids."""
    await set_all(unit, SCHEDULE, slots, "status", "cancelled", "schedule.status_changed")


async def set_all(  # noqa: PLR0917 - which rows, and what they come to
    unit: Unit, type: RecordType, ids: Collection[str], column: str, value: object, event: str | None = None
) -> None:
    """Let a column of rows be `value`; nobody is asked whether they may."""
    await unit.update_many(type, {one: {column: value} for one in ids}, event)


async def ids_of(unit: Unit, sql: str, *args: object) -> list[str]:
    """Return the ids that a statement finds, and hold their rows: what somebody else takes away in the same instant is none of them."""
    return [row["id"] for row in await unit.fetch(f"{sql} FOR UPDATE", *args)]
