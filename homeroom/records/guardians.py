"""Parents and the children they stand for (their wards), for the command line and for those who follow the links.

Never here: rules of a link (`school.guardianships`), what a parent may see, and who may link whom: whoever calls has asked.
"""

from collections.abc import Sequence

from homeroom.engine.behaviour import SYSTEM, Caller, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.protocol.access import SYSTEM_ROLE
from homeroom.records.quiet import quiet_store
from homeroom.records.school.guardianships import GUARDIANSHIP, Link
from homeroom.records.store import Store

_LINKED = "SELECT id FROM guardianships WHERE guardian_id = $1 AND ward_id = $2 AND active"
_CHANGED = """SELECT guardian, ward, active, changed_at AS at FROM guardians g WHERE changed_at >= $1
AND (active OR NOT EXISTS (SELECT FROM guardians n WHERE n.guardian = g.guardian AND n.ward = g.ward AND n.active))
ORDER BY changed_at, id"""


class Guardians:
    """The links. Changes go through `store`; without one they are found out by servers that ask."""

    def __init__(self, database: Database, clock: Clock, store: Store | None = None) -> None:
        self._database = database
        self._store = store or quiet_store(database, clock)

    async def link(self, guardian: str, ward: str, *, by: str = SYSTEM) -> bool:
        """Let `guardian` stand for `ward`; tells whether that is new.

        Raises `Refusal`: `bad_command` for somebody who does not exist, or is no parent or no student, `conflict` for links in a
        ring, `full` for too many.
        """
        async with self._store.unit(Caller(by, SYSTEM_ROLE)) as unit:
            if await unit.fetch(_LINKED, guardian, ward):
                return False
            await unit.insert(GUARDIANSHIP, {"guardian_id": guardian, "ward_id": ward})
        return True

    async def unlink(self, guardian: str, ward: str, *, by: str = SYSTEM) -> None:
        """Let `guardian` stand for `ward` no longer; raises `not_found` when they do not."""
        async with self._store.unit(Caller(by, SYSTEM_ROLE)) as unit:
            found = await unit.fetch(_LINKED, guardian, ward)
            if not found:
                raise Refusal("not_found", f"{guardian} does not stand for {ward}")
            await unit.delete(GUARDIANSHIP, found[0]["id"])

    async def known(self, guardians: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Return the pairs that were ever linked, of these guardians."""
        rows = await self._database.fetch(
            "SELECT guardian, ward FROM guardians WHERE guardian = ANY($1::text[])", list(guardians)
        )
        return frozenset((row["guardian"], row["ward"]) for row in rows)

    async def changed_since(self, since: int) -> list[Link]:
        """Return the links that were made or ended at or after `since` (Unix ms), the oldest change first.

        One that ended and was made anew is told as it is.
        """
        rows = await self._database.fetch(_CHANGED, since)
        return [Link(row["guardian"], row["ward"], row["active"], row["at"]) for row in rows]
