"""Slots of series at times that the clocks skip: how much later than meant each stands, so that a series moved there and back is as before.

Never here: the arithmetic of the clocks (`recurrence`), and what moves a series (`schedule_series`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from homeroom.records.declare import Unit
from homeroom.records.recurrence import Meant

READ = """SELECT r.id, r.start_at, coalesce(s.late, 0) AS late, r.end_at, r.occurrence_at, coalesce(o.late, 0) AS occurrence_late
FROM schedules AS r LEFT JOIN skipped_times AS s ON s.slot = r.id AND s.at = r.start_at
LEFT JOIN skipped_times AS o ON o.slot = r.id AND o.at = r.occurrence_at"""
"""The statement that reads places, without its conditions on `r`."""
_FORGET = "DELETE FROM skipped_times WHERE slot = ANY($1::text[])"
_KEEP = """INSERT INTO skipped_times (slot, at, late) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
ON CONFLICT (slot, at) DO UPDATE SET late = excluded.late"""


class Place(Struct, frozen=True):
    """Where a slot of a series stands, and where the rule had put it."""

    id: str
    start: Meant
    end_at: int
    occurrence: Meant

    @property
    def start_at(self) -> int:
        """Return when it begins, Unix ms."""
        return self.start.at

    def times(self) -> dict[str, int]:
        """Return the columns of the slot that say so."""
        return {"start_at": self.start.at, "end_at": self.end_at, "occurrence_at": self.occurrence.at}


def read_place(row: Any) -> Place:
    """Return a row of `READ`."""
    start, occurrence = Meant(row["start_at"], row["late"]), Meant(row["occurrence_at"], row["occurrence_late"])
    return Place(row["id"], start, row["end_at"], occurrence)


async def keep_meant(unit: Unit, places: Iterable[Place], before: Iterable[Place] = ()) -> None:
    """Keep what is meant of slots that were put to `places`, and forget what was of those that they had `before`."""
    if left := sorted({slot for slot, _ in _late(before)}):
        await unit.execute(_FORGET, left)
    if kept := sorted(_late(places).items()):
        slots, moments = zip(*(key for key, _ in kept), strict=True)
        await unit.execute(_KEEP, list(slots), list(moments), [late for _, late in kept])


def _late(places: Iterable[Place]) -> Mapping[tuple[str, int], int]:
    """Return by how much each slot is later than meant at a moment of its own, where it is."""
    return {(one.id, meant.at): meant.late for one in places for meant in (one.start, one.occurrence) if meant.late}
