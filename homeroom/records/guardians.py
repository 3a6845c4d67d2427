"""Parents and the children they stand for (their wards).

A link is never deleted but ended, with the time of it, so that servers that ask what has changed hear of it too; each change is
written into the audit of both. Never here: what a parent may see (each actor's rules), and who may link whom (the command line).
"""

from collections.abc import Sequence

from msgspec import Struct

from homeroom.engine.behaviour import SYSTEM, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection
from homeroom.protocol.access import GUARDIAN_ROLE
from homeroom.records.audit import write_audit

WARDS_MAX = 100
"""Children that one parent stands for at the most."""
GUARDIANS_MAX = 20
"""Parents that stand for one child at the most: each is told of its results."""
WARD_ROLE = "student"


class Link(Struct, frozen=True):
    """That a parent stands for a child, or, no longer `active`, did so until `at` (Unix ms of the last change)."""

    guardian: str
    ward: str
    active: bool
    at: int


class Guardians:
    """The table of links."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def link(self, guardian: str, ward: str, *, by: str = SYSTEM) -> bool:
        """Let `guardian` stand for `ward`; tells whether that is new.

        Raises `Refusal`: `not_found` for somebody who does not exist, `conflict` when they are no parent and no student,
        `full` at `WARDS_MAX` children of the one or `GUARDIANS_MAX` parents of the other.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await _check_people(connection, guardian, ward)
            if not await connection.execute(_LINK, guardian, ward, now):
                return False
            (row,) = await connection.fetch(_COUNT, guardian, ward)
            if row["wards"] > WARDS_MAX:
                raise Refusal("full", f"a parent stands for {WARDS_MAX} children at the most")
            if row["guardians"] > GUARDIANS_MAX:
                raise Refusal("full", f"{GUARDIANS_MAX} parents stand for a child at the most")
            await _write_audits(connection, (guardian, ward), "linked", by, now)
        return True

    async def unlink(self, guardian: str, ward: str, *, by: str = SYSTEM) -> None:
        """Let `guardian` stand for `ward` no longer; raises `not_found` when they do not."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await connection.execute(_UNLINK, guardian, ward, now):
                raise Refusal("not_found", f"{guardian} does not stand for {ward}")
            await _write_audits(connection, (guardian, ward), "unlinked", by, now)

    async def wards_of(self, guardian: str) -> frozenset[str]:
        """Return the children whom `guardian` stands for."""
        rows = await self._database.fetch("SELECT ward FROM guardians WHERE guardian = $1 AND active", guardian)
        return frozenset(row["ward"] for row in rows)

    async def known(self, guardians: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Return the pairs that were ever linked, of these guardians."""
        rows = await self._database.fetch(
            "SELECT guardian, ward FROM guardians WHERE guardian = ANY($1::text[])", list(guardians)
        )
        return frozenset((row["guardian"], row["ward"]) for row in rows)

    async def changed_since(self, since: int) -> list[Link]:
        """Return the links that were made or ended at or after `since` (Unix ms), the oldest change first."""
        rows = await self._database.fetch(_CHANGED, since)
        return [Link(row["guardian"], row["ward"], row["active"], row["at"]) for row in rows]


_LINK = """INSERT INTO guardians (guardian, ward, changed_at) VALUES ($1, $2, $3)
ON CONFLICT (guardian, ward) DO UPDATE SET active = true, changed_at = excluded.changed_at WHERE NOT guardians.active"""
_UNLINK = "UPDATE guardians SET active = false, changed_at = $3 WHERE guardian = $1 AND ward = $2 AND active"
_COUNT = """SELECT count(*) FILTER (WHERE guardian = $1) AS wards, count(*) FILTER (WHERE ward = $2) AS guardians
FROM guardians WHERE (guardian = $1 OR ward = $2) AND active"""
_CHANGED = "SELECT guardian, ward, active, changed_at AS at FROM guardians WHERE changed_at >= $1 ORDER BY changed_at"
_LOCK = "SELECT id, role FROM users WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE"


async def _check_people(connection: Connection, guardian: str, ward: str) -> None:
    """Raise `Refusal` unless both exist in their roles; holds both rows, so that two links of one parent come one by one."""
    rows = await connection.fetch(_LOCK, [guardian, ward])
    roles = {row["id"]: row["role"] for row in rows}
    for user, wanted in ((guardian, GUARDIAN_ROLE), (ward, WARD_ROLE)):
        if user not in roles:
            raise Refusal("not_found", f"there is nobody with the id {user!r}")
        if roles[user] != wanted:
            raise Refusal("conflict", f"{user} is a {roles[user]}, not a {wanted}")


async def _write_audits(connection: Connection, pair: tuple[str, str], action: str, by: str, at: int) -> None:
    guardian, ward = pair
    await write_audit(connection, ("user", guardian), f"ward_{action}", by=by, at=at, detail=ward)
    await write_audit(connection, ("user", ward), f"guardian_{action}", by=by, at=at, detail=guardian)
