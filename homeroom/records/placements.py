"""Who belongs where: each row of a type that says so puts one person into one class, course or cohort.

From one declaration come the news of a write, for the server that wrote, and the statement by which servers ask what has changed.
Never here: what is kept in mind of it (`http.places`), and what belonging permits.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from homeroom.engine.database import Database
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType
from homeroom.records.place import Place

_NAMES = """SELECT 'user' AS type, id, id AS person, '' AS place, '' AS part, name, updated_at AS at FROM users
WHERE updated_at >= $1 AND deleted_at IS NULL ORDER BY updated_at"""
"""Who is called what, be they somewhere or not."""
_GONE = """SELECT entity_type AS type, entity_id AS id, '' AS person, '' AS place, '' AS part, '' AS name, at FROM audit_logs
WHERE action = 'deleted' AND at >= $1 AND entity_type = ANY($2::text[])"""


class Placed(Struct, frozen=True):
    """What a row says since `at` (Unix ms): the person is in `place` (`course:cs1`) as `part`; empty: it says nothing (any more).

    `name` is empty where it was not looked up.
    """

    type: str
    id: str
    person: str
    place: str
    part: str
    name: str
    at: int


def placed(type: RecordType, place: Place, old: Row | None, new: Row | None, now: int) -> Placed:
    """Return what a change of a row says."""
    row: Any = new if new is not None else old
    counts = new is not None and all(getattr(row, name) in wanted for name, wanted in place.when.items())
    where = f"{place.kind}:{getattr(row, place.of)}" if counts else ""
    part = place.part or row.part
    return Placed(type.name, row.id, getattr(row, place.person), where, part, "", now)


class Placements:
    """What the tables say."""

    def __init__(self, database: Database, types: Iterable[RecordType]) -> None:
        self._database = database
        found = [(one, one.place) for one in types if one.place is not None]
        self._names = [one.name for one, _ in found]
        self._sql = " UNION ALL ".join(_changed(one, place) for one, place in found) + " ORDER BY at"

    async def changed_since(self, since: int) -> list[Placed]:
        """Return what was said or taken back at or after `since` (Unix ms): first what is gone; all there is for 0."""
        gone = await self._database.fetch(_GONE, since, self._names) if since else []
        rows = [*gone, *await self._database.fetch(self._sql, since)]
        names = await self._database.fetch(_NAMES, since)
        return [Placed(*row.values()) for row in (*rows, *names)]


def _changed(type: RecordType, place: Place) -> str:
    """Return the statement for rows that were written at or after `$1`."""
    said = [f"r.{name} IN ({', '.join(repr(value) for value in wanted)})" for name, wanted in place.when.items()]
    return (
        f"SELECT '{type.name}' AS type, r.id, r.{place.person} AS person, "  # noqa: S608 - declared
        f"CASE WHEN {' AND '.join(said) or 'TRUE'} THEN '{place.kind}:' || r.{place.of} ELSE '' END AS place, "
        f"{repr(place.part) if place.part else 'r.part'} AS part, coalesce(u.name, '') AS name, r.updated_at AS at "
        f"FROM {type.plural} r LEFT JOIN users u ON u.id = r.{place.person} WHERE r.updated_at >= $1"
    )
