"""The class or the cohort that a student's record names: nobody is taken out of it, and it does not go, before they have another or none.

Never here: that whoever has a home belongs to it (`students`).
"""

from collections.abc import Sequence
from typing import Any, Literal

from homeroom.engine.behaviour import Refusal
from homeroom.records.declare import Before, Unit

TOLD_MAX = 10
"""Students that a refusal names at the most."""
HomeColumn = Literal["class_id", "cohort_id"]
"""The column of a student's record that names it."""
_WORDS = {"class_id": "home class", "cohort_id": "cohort"}


def keep_home(column: HomeColumn) -> Before:
    """Return the hook of what can be a home: `conflict` that names students whose home it is, when it is to go."""

    async def check(unit: Unit, old: Any, new: Any) -> None:
        if old is not None and new is None:
            sql = f"SELECT user_id FROM students WHERE {column} = $1 ORDER BY user_id LIMIT {TOLD_MAX}"
            if found := await unit.fetch(sql, old.id):
                raise _at_home(column, [row["user_id"] for row in found])

    return check


async def check_not_home(unit: Unit, column: HomeColumn, place: str, person: str) -> None:
    """Raise `conflict` when the place that somebody is to leave is their home."""
    sql = f"SELECT FROM students WHERE user_id = $1 AND {column} = $2"
    if await unit.fetch(sql, person, place):
        raise _at_home(column, (person,))


def _at_home(column: HomeColumn, students: Sequence[str]) -> Refusal:
    whose = ", ".join(map(repr, students))
    msg = f"this is the {_WORDS[column]} of {whose}: give them another one first, or none"
    return Refusal("conflict", msg, data={"field": column, "students": list(students)})
