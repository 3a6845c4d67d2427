"""The rows of uploads that failed: there for a while, so that their owners find out why, and then removed like any other.

The events and the audit of them stay. Never here: their bytes, which go at once (`reception`).
"""

from homeroom.engine.behaviour import SYSTEM_CALLER
from homeroom.engine.clock import Clock
from homeroom.records.repeats import KEPT_MS
from homeroom.records.school.uploads import UPLOAD
from homeroom.records.store import Store
from homeroom.records.unit import Unit

TOGETHER = 100
"""Rows that one transaction removes at the most."""
_OLD = "SELECT id FROM uploads WHERE status = 'failed' AND updated_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
"""Who is held is being sent again this moment, or removed by another server."""


async def sweep_failed(store: Store, clock: Clock) -> int:
    """Remove the rows that failed `KEPT_MS` ago, as long as keys are known by which they are sent again; returns how many."""
    before, gone, some = clock.now() - KEPT_MS, 0, TOGETHER

    async def remove(unit: Unit) -> int:
        ids = [row["id"] for row in await unit.fetch(_OLD, before, TOGETHER)]
        await unit.delete_many(UPLOAD, ids)
        return len(ids)

    while some == TOGETHER:
        some = await store.once((UPLOAD.name,), SYSTEM_CALLER, None, remove)
        gone += some
    return gone
