"""Who counts as an active student, kept as counters of the person and of the school: a student by role, unless the record says otherwise.

A person without a student's record counts, as in a school that was set up by class lists; one who is withdrawn or graduated does not.
It depends on two rows, of which either may change, so neither counts for itself as in `tallies`. Never here: whose dashboard shows it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from homeroom.records.declare import Unit
from homeroom.records.school.leaving import has_left
from homeroom.records.tallies import SCHOOL, Count

ACTIVE_STUDENTS = "active_students"
COUNTED = f"""WITH active AS (SELECT u.id FROM users u WHERE u.role = 'student' AND u.deleted_at IS NULL
AND NOT EXISTS (SELECT FROM students s WHERE s.user_id = u.id AND s.status <> 'active'))
SELECT 'student:' || id AS scope, '{ACTIVE_STUDENTS}' AS name, '' AS day, 1::bigint AS value FROM active
UNION ALL SELECT '{SCHOOL}', '{ACTIVE_STUDENTS}', '', count(*) FROM active"""
"""All that is kept here, counted from the rows."""
_LEFT = "SELECT user_id AS id FROM students WHERE user_id = ANY($1::text[]) AND status <> 'active'"
_STUDENTS = """SELECT id FROM users WHERE id = ANY($1::text[]) AND role = 'student' AND deleted_at IS NULL
ORDER BY id FOR KEY SHARE"""
"""Held, so that whoever gives one of them another role, or deletes them, finds what was written here."""
Pairs = Sequence[tuple[Any, Any]]
"""A row before (`None`: it is new) and after (`None`: it is gone), each."""


async def count_people(unit: Unit, rows: Pairs) -> None:
    """Count users who become students, or are none any more: before their records end because of it."""
    changed = _changed((_student(old), _student(new)) for old, new in rows)
    known = changed.keys() & {old.id for old, _ in rows if old is not None}
    left = await _ids(unit, _LEFT, known)
    _add(unit, {one: by for one, by in changed.items() if one not in left})


async def count_records(unit: Unit, rows: Pairs) -> None:
    """Count students whose records come to say that they have left, or do no longer."""
    changed = _changed((_left(new), _left(old)) for old, new in rows)
    students = await _ids(unit, _STUDENTS, changed.keys())
    _add(unit, {one: by for one, by in changed.items() if one in students})


def _student(person: Any) -> str | None:
    return person.id if person is not None and person.role == "student" else None


def _left(record: Any) -> str | None:
    return record.user_id if has_left(record) else None


def _changed(pairs: Iterable[tuple[str | None, str | None]]) -> Mapping[str, int]:
    """Return by how much people count more: one less whom a pair names first, one more whom it names last."""
    found = Counter[str]()
    for less, more in pairs:
        found.update({one: by for one, by in ((less, -1), (more, 1)) if one is not None and less != more})
    return {one: by for one, by in found.items() if by}


async def _ids(unit: Unit, sql: str, people: Collection[str]) -> frozenset[str]:
    return frozenset(row["id"] for row in await unit.fetch(sql, sorted(people))) if people else frozenset()


def _add(unit: Unit, changed: Mapping[str, int]) -> None:
    for person, by in changed.items():
        unit.count(Count(f"student:{person}", ACTIVE_STUDENTS, ""), by)
        unit.count(Count(SCHOOL, ACTIVE_STUDENTS, ""), by)
