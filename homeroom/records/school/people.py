"""What the hooks of several record types ask about people: their role, whether they are here, and whether they belong to a class or a course.

They are asked after the write, so that only whoever may write learns of it. Never here: what follows from it, which each record type says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.records.columns import Row
from homeroom.records.declare import After, RecordType, Unit
from homeroom.records.intake import misfit, misfits

PART_ROLES: Mapping[str, frozenset[str]] = {
    "student": frozenset({"student"}),
    "teacher": frozenset({"teacher"}),
    "mentor": frozenset({"teacher"}),
    "member": frozenset({"student"}),
    "assistant": frozenset({"teacher", "student"}),
}
"""The roles of a person who may have a part in a class, a course or a cohort."""
NOBODY_THERE = "there is no such thing"
"""The same words as of an id that nobody ever had."""

LEFT_AS = "(SELECT s.status FROM students s WHERE s.user_id = u.id AND s.status <> 'active' AND u.role = 'student') AS left_as"
"""As what a person `u` has left the school as a student, nothing for all others."""

_ROLES = "SELECT id, role FROM users WHERE id = ANY($1::text[]) AND deleted_at IS NULL"
_LISTED = f"""SELECT u.id, u.role, {LEFT_AS} FROM users u WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL
ORDER BY u.id FOR KEY SHARE OF u"""
"""Held, as by a row that refers to them: nobody gives one of them another role, or deletes them, before their places are written."""
_HERE = """SELECT s.user_id, s.status FROM students s JOIN users u ON u.id = s.user_id AND u.role = 'student'
WHERE s.user_id = ANY($1::text[]) ORDER BY s.user_id FOR SHARE OF s"""
"""Held, so that whoever lets one of them leave in the same instant finds what was written here, or is found by it."""
_SHARE_NAMES = (
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('student.' || name, 0)) FROM unnest($1::text[]) AS name"
)
_TAKE_NAME = "SELECT pg_advisory_xact_lock(hashtextextended('student.' || $1, 0))"
"""The like for those who have no record yet, which may begin as that of somebody who has left."""
_DELETED = "SELECT FROM audit_logs WHERE entity_type = $1 AND entity_id = $2 AND action = 'deleted' LIMIT 1"
_OUTSIDE = """SELECT class_id, user_id FROM unnest($1::text[], $2::text[]) AS asked (class_id, user_id) WHERE NOT EXISTS
(SELECT FROM class_memberships m WHERE m.class_id = asked.class_id AND m.user_id = asked.user_id AND m.part = 'student')"""


async def check_parts(unit: Unit, parts: Iterable[tuple[str, str]]) -> None:
    """Raise `bad_command` unless each person has a role that fits the part; whoever was deleted is as if never there."""
    wanted = list(parts)
    roles = await _roles(unit, [user for user, _ in wanted])
    for user, part in wanted:
        allowed = " or ".join(sorted(PART_ROLES[part]))
        if user not in roles:
            raise misfit("user_id", NOBODY_THERE, "the id of what there is")
        if roles[user] not in PART_ROLES[part]:
            raise misfit("user_id", f"a {part} is a {allowed}, and this is a {roles[user]}", allowed)


async def check_listed(unit: Unit, field: str, people: Sequence[str], part: str) -> None:
    """Raise `bad_command` that names all of `people`, the ids in a field that is a list, who are not there or cannot have the part.

    The others are held until the end.
    """
    found = {row["id"]: row for row in await unit.fetch(_LISTED, list(people))}
    faults = ((place, _fault(person, found.get(person), part)) for place, person in enumerate(people))
    wrong = [(f"{field}[{place}]", *fault) for place, fault in faults if fault is not None]
    if wrong:
        raise misfits(wrong)


def _fault(person: str, row: Any, part: str) -> tuple[str, str] | None:
    """Return what is wrong with a person of a list, and what is allowed."""
    allowed = f"the id of a {' or '.join(sorted(PART_ROLES[part]))}"
    if row is None:
        return f"there is no {person!r}", allowed
    if row["role"] not in PART_ROLES[part]:
        return f"{person!r} is a {row['role']}", allowed
    return (f"{person!r} is {row['left_as']}", f"the id of {still_here(person)}") if row["left_as"] else None


def still_here(person: str) -> str:
    """Return who is allowed in the place of a student who has left the school, and what is to be done before it is this one."""
    return f"a student who is at the school: an admin makes the record of {person!r} active first"


async def check_here(unit: Unit, field: str, people: Iterable[str]) -> None:
    """Raise `bad_command` for a student who has left the school, of those who are given a new place; holds their records until the end.

    Not to be asked of a place that somebody has already: whoever lets them leave holds the record, and waits for the place.
    """
    wanted = sorted(set(people))
    without = await _without_record(unit, field, wanted)
    if without:
        await unit.fetch(_SHARE_NAMES, without)
        await _without_record(unit, field, without)


async def _without_record(unit: Unit, field: str, people: Sequence[str]) -> list[str]:
    """Return who of `people` has no record, or is no student; raises as `check_here`."""
    found = {row["user_id"]: row["status"] for row in await unit.fetch(_HERE, people)} if people else {}
    for person, status in found.items():
        if status != "active":
            raise misfit(field, f"the student {person!r} is {status}", still_here(person))
    return [person for person in people if person not in found]


async def begin_record(unit: Unit, person: str) -> None:
    """Wait for whoever gives somebody without a record a place, and let others wait: for a record that begins as that of one who has left."""
    await unit.fetch(_TAKE_NAME, person)


def newcomers(rows: Iterable[tuple[Any, Any]]) -> list[str]:
    """Return the `user_id` of every row, before and after, that puts somebody where they were not by it before."""
    return [new.user_id for old, new in rows if new is not None and (old is None or old.user_id != new.user_id)]


async def check_still(unit: Unit, type: RecordType, row: Row) -> None:
    """Raise `bad_command` unless those whom a row names by a role still have it: for one that was over, and begins again."""
    wanted = {name: to.role for name, to in type.references.items() if to.role is not None}
    roles = await _roles(unit, [getattr(row, name) for name in wanted])
    for name, role in wanted.items():
        if roles.get(getattr(row, name)) != role:
            raise misfit(name, f"this person is no {role}", f"the id of a {role}")


async def _roles(unit: Unit, people: Sequence[str]) -> Mapping[str, str]:
    """Return the roles of those of `people` who are there. Who is referred to by what this unit wrote, or held for that, keeps theirs."""
    return {row["id"]: row["role"] for row in await unit.fetch(_ROLES, list(people))} if people else {}


def check_unused(type: str) -> After:
    """Return the hook of a type with a channel of its own: `conflict` for the id of one that was deleted, whose history is still there.

    It is asked after the write: whoever deletes the same id at the same time has ended by then.
    """

    async def check(unit: Unit, old: Row | None, new: Row | None) -> None:
        if old is None and new is not None and await unit.fetch(_DELETED, type, new.id):
            raise Refusal("conflict", "id: taken before, by what was deleted: choose another", data={"fields": ["id"]})

    return check


async def check_in_class(unit: Unit, places: Iterable[tuple[str, str]]) -> None:
    """Raise `conflict` unless each student, the second of a pair, belongs to the class, the first."""
    for group, student in await outside_class(unit, places):
        raise Refusal("conflict", f"{student!r} is no student of class {group!r}", data={"field": "student_id"})


async def outside_class(unit: Unit, places: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs of a class and a person who is no student of it."""
    wanted = list(places)
    if not wanted:
        return []
    found = await unit.fetch(_OUTSIDE, [group for group, _ in wanted], [student for _, student in wanted])
    return [(row["class_id"], row["user_id"]) for row in found]
