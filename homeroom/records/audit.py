"""Who changed what: rows that are written in the transaction of the change, and never changed themselves.

What a row held, before and after, is for admins; whoever may read the record itself learns when, by whom and which of the
columns they see: the values may be of a time when it was not theirs. Never here: what people say in rooms (their journal is its own
audit), tokens and passwords.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.engine.postgres import Connection
from homeroom.protocol.access import ADMINS, SYSTEM_ROLE
from homeroom.protocol.paging import encode_after
from homeroom.records.catalog import Catalog
from homeroom.records.faults import told_as_refusals
from homeroom.records.intake import check_storable, misfit
from homeroom.records.listing import within_bytes
from homeroom.records.named import Named
from homeroom.records.pages import of_another_list, read_after
from homeroom.records.reads import Reads
from homeroom.records.vocabulary import Vocabulary

WRITE = """INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, detail, at)
VALUES ($1, $2, $3, $4, $5, $6)"""
_NAMES = "id, entity_type, entity_id, action, changed_by, detail, old_value, new_value, at"
_BYTES = "coalesce(octet_length(q.old_value), 0) + coalesce(octet_length(q.new_value), 0)"
_PAGE = within_bytes(
    f"""SELECT {_NAMES} FROM audit_logs
WHERE entity_type = $1 AND entity_id = $2 AND ($3::bigint IS NULL OR id < $3::bigint) ORDER BY id DESC LIMIT $4::bigint""",  # noqa: S608 - ours
    _BYTES,
    _NAMES,
)
_OF_ALL = f"SELECT {_NAMES} FROM audit_logs"  # noqa: S608 - ours
_NEWEST = "ORDER BY at DESC, id DESC LIMIT"
LIMIT, LIMIT_MAX = 50, 100
_PLACE = "audit:row"
"""Stands for the stream in a page's `after`, which here holds a row's number alone."""
_PLACE_OF_ALL = "audit:"
"""What stands there in a page over all things: the row's number behind it, and its time as the order."""
_NUMBER = re.compile(r"\A[0-9]{1,18}\Z")
_ASKED: Mapping[str, str] = MappingProxyType(
    {
        "entity_type": "entity_type = {}::text",
        "entity_id": "entity_id = {}::text",
        "changed_by": "changed_by = {}::text",
        "action": "action = {}::text",
        "start": "at >= {}::bigint",
        "end": "at <= {}::bigint",
    }
)
"""Field of an `AuditQuery` -> what it asks of a row. Only what is asked for is in the statement, so that the fitting index serves."""


Beside = Literal["logged_in", "logout", "refresh_reused", "calendar_link_made", "calendar_link_revoked"]
"""What is written of people beside the changes of records."""


class Changed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a thing; `changed_by` is a user id or `"system"`, `created_at` Unix ms.

    `fields` are the columns that it changed. The values before and after are for admins.
    """

    id: str
    entity_type: str
    entity_id: str
    action: str
    changed_by: str
    created_at: int
    fields: tuple[str, ...] = ()
    detail: str = ""
    old_value: dict[str, Any] | None = None
    new_value: dict[str, Any] | None = None


class Changes(Struct, frozen=True):
    """A page of changes, the newest first; `after` leads to the next one, empty when there is none. `people`: whom it names, if asked."""

    items: tuple[Changed, ...]
    after: str = ""
    people: dict[str, Named] | UnsetType = UNSET


class AuditQuery(Struct, frozen=True, kw_only=True):
    """Which changes of whatever things; `start` and `end` in Unix ms, both inclusive. What is empty asks for nothing."""

    entity_type: str = ""
    entity_id: str = ""
    changed_by: str = ""
    action: str = ""
    start: int | None = None
    end: int | None = None
    limit: int = LIMIT
    after: str = ""


async def write_audit(
    connection: Connection, entity: tuple[str, str], action: Beside, *, by: str, at: int, detail: str = ""
) -> None:
    """Add a row about `entity`, a pair of type and id, inside the transaction of `connection`."""
    await connection.execute(WRITE, *entity, action, by, detail, at)


class AuditReader:
    """Reads the audit for those who may."""

    def __init__(self, reads: Reads, catalog: Catalog) -> None:
        self._reads = reads
        self._catalog = catalog
        self._words = Vocabulary(catalog.types.values())
        told = (event.partition(".")[2] for event in self._words.events)
        self.actions = tuple(sorted({*told, *get_args(Beside)}))
        """What may have been done."""

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of things of which changes are told, in their order."""
        return self._words.types

    def type_of(self, word: str) -> str:
        """Return the type that `word` names, in the singular or the plural, with `_`, `-` or neither; raises `bad_command` for none."""
        return self._words.type_of(word, "entity_type")

    def check_action(self, word: str) -> None:
        """Raise `bad_command` for what nobody can have done; empty asks for nothing."""
        if word and word not in self.actions:
            raise misfit("action", f"no such action: {word[:64]!r}", "one of " + ", ".join(self.actions))

    async def search(self, query: AuditQuery, caller: Caller) -> Changes:
        """Return a page of the changes of all things, for admins; raises `forbidden` for others, `bad_command` as `page` does."""
        if caller.role not in (*ADMINS, SYSTEM_ROLE):
            raise Refusal(
                "forbidden", "the audit of all things is for admins: of one that you may read there is its own"
            )
        limit = max(1, min(query.limit, LIMIT_MAX))
        sql, args = _searching(query, limit)
        with told_as_refusals():
            rows = await self._reads.fetch(caller.user, sql, *args)
        page = rows[:limit]
        more = bool(page) and page[0]["found"] > len(page)
        after = encode_after(page[-1]["at"], f"{_PLACE_OF_ALL}{page[-1]['id']}") if more else ""
        return Changes(tuple(_changed(row, None) for row in page), after)

    async def page(self, entity: tuple[str, str], caller: Caller, limit: int = LIMIT, after: str = "") -> Changes:
        """Return a page of the changes of `entity`, a pair of type and id.

        Raises `not_found` for what the caller may not read, and `bad_command` for an `after` of another list.
        """
        limit, behind = max(1, min(limit, LIMIT_MAX)), _behind(after)
        with told_as_refusals():
            unseen = None if caller.role in (*ADMINS, SYSTEM_ROLE) else await self._unseen(entity, caller)
            rows = await self._reads.fetch(caller.user, _PAGE, *entity, behind, limit + 1)
        page = rows[:limit]
        after = encode_after(page[-1]["id"], _PLACE) if page and page[0]["found"] > len(page) else ""
        return Changes(tuple(_changed(row, unseen) for row in page), after)

    async def _unseen(self, entity: tuple[str, str], caller: Caller) -> frozenset[str]:
        """Return the columns of a record that the caller does not see; raises `not_found`."""
        record, rows = self._catalog.types.get(entity[0]), list[Any]()
        if record is not None:
            statement = self._catalog.texts.of(record, caller.role).read
            rows = await self._reads.fetch(caller.user, statement, caller.user, entity[1])
        if not rows:
            raise Refusal("not_found", NO_SUCH_THING)
        return frozenset(rows[0]["unseen"])


def _searching(query: AuditQuery, limit: int) -> tuple[str, list[Any]]:
    """Return the statement of a page over all things, of one row more than it has, and its arguments."""
    args: list[Any] = []
    conditions: list[str] = []
    for name, condition in _ASKED.items():
        value = getattr(query, name)
        if value not in {"", None}:
            args.append(check_storable(name, value) if isinstance(value, str) else value)
            conditions.append(condition.format(f"${len(args)}"))
    if (place := _behind_of_all(query.after)) is not None:
        args += place
        conditions.append(f"(at, id) < (${len(args) - 1}::bigint, ${len(args)}::bigint)")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return within_bytes(f"{_OF_ALL}{where} {_NEWEST} {limit + 1}", _BYTES, _NAMES), args


def _behind_of_all(after: str) -> tuple[int, int] | None:
    """Return the time and the number of the last row seen."""
    place = read_after(after, int)
    if place is None:
        return None
    number = place[1].removeprefix(_PLACE_OF_ALL)
    if place[0] is None or not _NUMBER.match(number):
        raise of_another_list()
    return place[0], int(number)


def _behind(after: str) -> int | None:
    place = read_after(after, int)
    return None if place is None else place[0]


def _changed(row: Any, unseen: frozenset[str] | None) -> Changed:
    """Return a row as it may be seen: `unseen` is `None` for those who see all."""
    old, new = _values(row["old_value"]), _values(row["new_value"])
    fields = tuple(name for name in {**(old or {}), **(new or {})} if not unseen or name not in unseen)
    told: Mapping[str, Any] = {"old_value": old, "new_value": new, "detail": row["detail"]} if unseen is None else {}
    names = {name: row[name] for name in ("entity_type", "entity_id", "action", "changed_by")}
    return Changed(id=str(row["id"]), **names, created_at=row["at"], fields=fields, **told)


def _values(text: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None if text is None else msgspec.json.decode(text)
    return found
