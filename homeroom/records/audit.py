"""Who changed what: rows that are written in the transaction of the change, and never changed themselves.

What a row held, before and after, is for admins; whoever may read the record itself learns when, by whom and which of the
columns they see: the values may be of a time when it was not theirs. Never here: what people say in rooms (their journal is its own
audit), tokens and passwords.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection
from homeroom.protocol.access import ADMINS, SYSTEM_ROLE
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.paging import decode_after, encode_after
from homeroom.records.catalog import Catalog
from homeroom.records.faults import told_as_refusals
from homeroom.records.listing import within_bytes

WRITE = """INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, detail, at)
VALUES ($1, $2, $3, $4, $5, $6)"""
READ = """SELECT action, changed_by, detail, at FROM audit_logs
WHERE entity_type = $1 AND entity_id = $2 ORDER BY id DESC LIMIT $3"""
_PAGE = within_bytes(
    """SELECT id, action, changed_by, detail, old_value, new_value, at FROM audit_logs
WHERE entity_type = $1 AND entity_id = $2 AND ($3::bigint IS NULL OR id < $3::bigint) ORDER BY id DESC LIMIT $4::bigint""",
    "coalesce(octet_length(q.old_value), 0) + coalesce(octet_length(q.new_value), 0)",
    "id, action, changed_by, detail, old_value, new_value, at",
)
LIMIT, LIMIT_MAX = 50, 100
_PLACE = "audit:row"
"""Stands for the stream in a page's `after`, which here holds a row's number alone."""


class AuditRow(Struct, frozen=True):
    """One change; `at` in Unix ms, `by` a user id or `"system"`."""

    action: str
    by: str
    detail: str
    at: int


class Changed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a thing; `changed_by` is a user id or `"system"`, `created_at` Unix ms.

    `fields` are the columns that it changed. The values before and after are for admins.
    """

    action: str
    changed_by: str
    created_at: int
    fields: tuple[str, ...] = ()
    detail: str = ""
    old_value: dict[str, Any] | None = None
    new_value: dict[str, Any] | None = None


class Changes(Struct, frozen=True):
    """A page of changes, the newest first; `after` leads to the next one, empty when there is none."""

    items: tuple[Changed, ...]
    after: str = ""


async def write_audit(
    connection: Connection, entity: tuple[str, str], action: str, *, by: str, at: int, detail: str = ""
) -> None:
    """Add a row about `entity`, a pair of type and id, inside the transaction of `connection`."""
    await connection.execute(WRITE, *entity, action, by, detail, at)


async def read_audit(database: Database, entity: tuple[str, str], limit: int = 100) -> list[AuditRow]:
    """Return the newest rows about `entity`, the newest first."""
    rows = await database.fetch(READ, *entity, limit)
    return [AuditRow(row["action"], row["changed_by"], row["detail"], row["at"]) for row in rows]


class AuditReader:
    """Reads the audit for those who may."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    async def page(self, entity: tuple[str, str], caller: Caller, limit: int = LIMIT, after: str = "") -> Changes:
        """Return a page of the changes of `entity`, a pair of type and id.

        Raises `not_found` for what the caller may not read, and `bad_command` for an `after` of another list.
        """
        limit, behind = max(1, min(limit, LIMIT_MAX)), _behind(after)
        with told_as_refusals():
            unseen = None if caller.role in (*ADMINS, SYSTEM_ROLE) else await self._unseen(entity, caller)
            rows = await self._database.fetch(_PAGE, *entity, behind, limit + 1)
        page = rows[:limit]
        after = encode_after(page[-1]["id"], _PLACE) if page and page[0]["found"] > len(page) else ""
        return Changes(tuple(_changed(row, unseen) for row in page), after)

    async def _unseen(self, entity: tuple[str, str], caller: Caller) -> frozenset[str]:
        """Return the columns of a record that the caller does not see; raises `not_found`."""
        record = self._catalog.types.get(entity[0])
        row = None
        if record is not None:
            statement = self._catalog.texts.of(record, caller.role).read
            row = await self._database.fetch_row(statement, caller.user, entity[1])
        if row is None:
            raise Refusal("not_found", NO_SUCH_THING)
        return frozenset(row["unseen"])


def _behind(after: str) -> int | None:
    try:
        place = decode_after(after, int)
    except RemoteProtocolError as error:
        raise Refusal(error.code, error.msg, data=error.data) from None
    return None if place is None else place[0]


def _changed(row: Any, unseen: frozenset[str] | None) -> Changed:
    """Return a row as it may be seen: `unseen` is `None` for those who see all."""
    old, new = _values(row["old_value"]), _values(row["new_value"])
    fields = tuple(name for name in {**(old or {}), **(new or {})} if not unseen or name not in unseen)
    told: Mapping[str, Any] = {"old_value": old, "new_value": new, "detail": row["detail"]} if unseen is None else {}
    return Changed(action=row["action"], changed_by=row["changed_by"], created_at=row["at"], fields=fields, **told)


def _values(text: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None if text is None else msgspec.json.decode(text)
    return found
