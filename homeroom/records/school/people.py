"""What the hooks of several record types ask about people: their role, and whether they belong to a class or a course.

They are asked after the write, so that only whoever may write learns of it. Never here: what follows from it, which each record type says.
"""

from collections.abc import Iterable, Mapping

from homeroom.engine.behaviour import Refusal
from homeroom.records.declare import Unit

PART_ROLES: Mapping[str, frozenset[str]] = {
    "student": frozenset({"student"}),
    "teacher": frozenset({"teacher"}),
    "mentor": frozenset({"teacher"}),
    "member": frozenset({"student"}),
    "assistant": frozenset({"teacher", "student"}),
}
"""The roles of a person who may have a part in a class, a course or a cohort."""

_ROLES = "SELECT id, role FROM users WHERE id = ANY($1::text[])"
_IN_CLASS = """SELECT FROM unnest($1::text[], $2::text[]) AS asked (class_id, user_id) WHERE NOT EXISTS (SELECT FROM class_memberships m
WHERE m.class_id = asked.class_id AND m.user_id = asked.user_id AND m.part = 'student') LIMIT 1"""


async def check_parts(unit: Unit, parts: Iterable[tuple[str, str]]) -> None:
    """Raise `bad_command` unless each person has a role that fits the part; a person who is not there is refused elsewhere."""
    wanted = list(parts)
    found = await unit.fetch(_ROLES, [user for user, _ in wanted]) if wanted else []
    roles = {row["id"]: row["role"] for row in found}
    for user, part in wanted:
        if user in roles and roles[user] not in PART_ROLES[part]:
            allowed = " or ".join(sorted(PART_ROLES[part]))
            msg = f"user_id: a {part} is a {allowed}, and this is a {roles[user]}"
            raise Refusal("bad_command", msg, data={"field": "user_id", "allowed": allowed})


async def check_in_class(unit: Unit, places: Iterable[tuple[str, str]]) -> None:
    """Raise `conflict` unless each student, the second of a pair, belongs to the class, the first."""
    wanted = list(places)
    if wanted and await unit.fetch(_IN_CLASS, [group for group, _ in wanted], [student for _, student in wanted]):
        raise Refusal("conflict", "this student is not in this class", data={"field": "student_id"})
