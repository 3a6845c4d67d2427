"""What the hooks of several record types ask about people: their role, and whether they belong to a class or a course.

They are asked after the write, so that only whoever may write learns of it. Never here: what follows from it, which each record type says.
"""

from collections.abc import Iterable, Mapping, Sequence

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

_ROLES = "SELECT id, role FROM users WHERE id = ANY($1::text[]) AND deleted_at IS NULL"
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
    """Raise `bad_command` that names all of `people`, the ids in a field that is a list, who are not there or cannot have the part."""
    roles, allowed = await _roles(unit, people), " or ".join(sorted(PART_ROLES[part]))
    wrong = [
        (f"{field}[{place}]", f"{person!r} is a {roles[person]}" if person in roles else f"there is no {person!r}", f"the id of a {allowed}")
        for place, person in enumerate(people)
        if roles.get(person) not in PART_ROLES[part]
    ]  # fmt: skip
    if wrong:
        raise misfits(wrong)


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
