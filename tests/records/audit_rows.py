"""The rows of the audit as they are kept, for tests. Never here: who may read them."""

from typing import NamedTuple

from homeroom.engine.database import Database

_NEWEST = """SELECT action, changed_by, detail FROM audit_logs
WHERE entity_type = 'user' AND entity_id = $1 ORDER BY id DESC"""


class AuditRow(NamedTuple):
    """One change; `by` is a user id or `"system"`."""

    action: str
    by: str
    detail: str


async def read_audit(database: Database, person: str) -> list[AuditRow]:
    """Return the rows about a person, the newest first."""
    return [AuditRow(*row.values()) for row in await database.fetch(_NEWEST, person)]
