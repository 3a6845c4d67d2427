"""Who changed what: rows that are written in the transaction of the change, and never changed themselves.

Never here: what people say in rooms (their journal is its own audit), tokens and passwords.
"""

from msgspec import Struct

from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection

WRITE = """INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, detail, at)
VALUES ($1, $2, $3, $4, $5, $6)"""
READ = """SELECT action, changed_by, detail, at FROM audit_logs
WHERE entity_type = $1 AND entity_id = $2 ORDER BY id DESC LIMIT $3"""


class AuditRow(Struct, frozen=True):
    """One change; `at` in Unix ms, `by` a user id or `"system"`."""

    action: str
    by: str
    detail: str
    at: int


async def write_audit(
    connection: Connection, entity: tuple[str, str], action: str, *, by: str, at: int, detail: str = ""
) -> None:
    """Add a row about `entity`, a pair of type and id, inside the transaction of `connection`."""
    await connection.execute(WRITE, *entity, action, by, detail, at)


async def read_audit(database: Database, entity: tuple[str, str], limit: int = 100) -> list[AuditRow]:
    """Return the newest rows about `entity`, the newest first."""
    rows = await database.fetch(READ, *entity, limit)
    return [AuditRow(row["action"], row["changed_by"], row["detail"], row["at"]) for row in rows]
