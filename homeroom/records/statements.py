"""The SQL by which rows of a record type are read and written, one text for each role of the callers.

Every text over the row `r` returns the same columns, which `rows.Kept` reads: the row as JSON, and what its caller may do
with it. `$1` is always the caller's id. A write and its looks are one statement, so the looks see the new row beside all
others as they were before: nobody gives themselves a right by the same write that needs it.
Never here: sending them, and lists (`listing`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from homeroom.protocol.access import SYSTEM_ROLE, Rule
from homeroom.records.access import ALL, allowed, sights
from homeroom.records.columns import Column, Row
from homeroom.records.declare import Channel, RecordType

FOR_CHANGE = "FOR NO KEY UPDATE OF r"
"""Holds a row, and lets others go on referring to it."""
FOR_DELETE = "FOR UPDATE OF r"
_COLUMN = re.compile(r"\br\.(\w+)")


class Statements:
    """The texts of one record type for callers of one role; each is made once."""

    def __init__(self, type: RecordType, role: str, users: str) -> None:
        self.type, self.role = type, role
        self._users = users
        names = ", ".join(type.columns)
        self._given = f"json_populate_recordset(NULL::{type.plural}, $2::text::json)"
        self._insert = f"INSERT INTO {type.plural} ({names}) SELECT {names} FROM {self._given} AS r"  # noqa: S608 - declared
        anew = ", ".join(f"{name} = g.{name}" for name in type.columns)
        self._update = f"UPDATE {type.plural} AS t SET {anew} FROM {self._given} AS g WHERE t.id = g.id"  # noqa: S608 - declared
        self.read = (
            f"SELECT {row_json(type.columns)} AS row, {unseen(type, role)} AS unseen FROM {type.plural} AS r "  # noqa: S608 - declared
            f"WHERE r.id = $2 AND {allowed(type, type.read, role)} AND $1::text IS NOT NULL"
        )
        self.delete = _delete(type)
        self._texts: dict[tuple[str, Rule | str], str] = {}
        self._decisive: dict[Rule, frozenset[str]] = {}

    def hold(self, rule: Rule, how: str = FOR_CHANGE) -> str:
        """Return what holds the rows with the ids `$2` until the end, in the order of their ids, looked at by `rule`."""
        return self._made(how, rule, lambda: f"{self._looks(rule)} {self._where('id')} {how}")

    def insert(self) -> str:
        """Return what adds the rows in the JSON `$2`, looked at by the rule for creating."""
        return self._writing("insert", self._insert, self.type.create)

    def insert_permitted(self) -> str:
        """Return what does the same, but adds no row that the rule does not permit to be: of one nothing else is found out."""
        rule = self.type.create
        said = f"{self._insert} WHERE ({allowed(self.type, rule, self.role)}) IS TRUE"
        return self._writing("insert_permitted", said, None)

    def update(self, rule: Rule) -> str:
        """Return what puts the rows in the JSON `$2` in the place of those with their ids, looked at by `rule`."""
        return self._writing("update", self._update, rule)

    def update_of(self, rule: Rule, befores: Sequence[Row], rows: Sequence[Row]) -> str:
        """Return what does the same with held rows, and asks again only where what holding them has told may be otherwise now."""
        told = [name for name in self._telling(rule) if name in self.type.columns]
        pairs = list(zip(befores, rows, strict=True))
        if self.type.by_hand or any(getattr(old, name) != getattr(new, name) for name in told for old, new in pairs):
            return self.update(rule)
        return self._writing("update_beside", self._update, None)

    def insert_missing(self) -> str:
        """Return what adds those of the rows in the JSON `$2` that are not there and clash with none, looked at as `insert` does."""
        return self._writing("insert_missing", f"{self._insert} ON CONFLICT DO NOTHING", self.type.create)

    def referring(self, column: str) -> str:
        """Return what holds all rows whose `column` is one of `$2`, in the order of their ids, to be removed or cleared."""
        return self._made(
            "referring", column, lambda: f"{self._looks(self.type.delete)} {self._where(column)} {FOR_DELETE}"
        )

    def permit(self, rule: Rule) -> str:
        """Return what tells whether `rule` permits all rows to be in the JSON `$2`, nothing where it needs none of them for that.

        It is asked before anything else is, so that nobody learns from another answer what is not theirs. Of a table made by
        hand a row has more columns than are known before it is written, so there only the look after the write tells.
        """
        said = allowed(self.type, rule, self.role)
        if said == ALL or self.type.by_hand:
            return ""
        return self._made(
            "permit",
            rule,
            lambda: (
                f"SELECT coalesce(bool_and(({said}) IS TRUE), TRUE) AS may FROM {self._given} AS r WHERE $1::text IS NOT NULL"  # noqa: S608 - declared
            ),
        )

    def decisive(self, rule: Rule) -> frozenset[str]:
        """Return the columns on which it depends whether `rule` permits a row."""
        found = self._decisive.get(rule)
        if found is None:
            found = self._decisive[rule] = frozenset(_COLUMN.findall(allowed(self.type, rule, self.role)))
        return found

    def _writing(self, what: str, said: str, rule: Rule | None) -> str:
        """Return a statement that writes, with what is asked of its rows then; without a `rule` they were permitted by itself."""
        of = "t." if said is self._update else ""
        fits = what == "update_beside"
        return self._made(
            what,
            rule or "",
            lambda: f"WITH r AS ({said} RETURNING {of}*) {self._looks(rule, written=True, fits=fits)} FROM r",
        )

    def _telling(self, rule: Rule) -> frozenset[str]:
        """Return the columns on which it depends whether `rule` permits a row, and whether those whom it names fit."""
        return self.decisive(rule) | {name for name, to in self.type.references.items() if to.role is not None}

    def _where(self, column: str) -> str:
        return f"FROM {self.type.plural} AS r WHERE r.{column} = ANY($2::text[]) ORDER BY r.id"

    def _made(self, what: str, key: Rule | str, make: Callable[[], str]) -> str:
        made = self._texts.get((what, key))
        if made is None:
            made = self._texts[what, key] = make()
        return made

    def _looks(self, rule: Rule | None, *, written: bool = False, fits: bool = False) -> str:
        """Return the SELECT of a row that is held, or has been `written`.

        Whether the caller sees it matters before, who it names after, unless they are known to fit: every predicate costs PostgreSQL, asked or only made ready.
        """
        record, role = self.type, self.role
        sees = "FALSE" if written else allowed(record, record.read, role)
        may = allowed(record, rule, role) if rule is not None else ALL
        unfit = self._unfit() if written and not fits else _names(())
        return (
            f"SELECT {row_json(record.columns)} AS row, $1::text IS NOT NULL AND {sees} AS sees, "
            f"{may} AS may, {unseen(record, role)} AS unseen, {closed(record, role)} AS closed, "
            f"{unfit} AS unfit, {streams(record.channels, 'row')} AS rows, {streams(record.channels, 'ids')} AS ids, "
            "pg_current_xact_id()::text AS number"
        )

    def _unfit(self) -> str:
        """Return the names of the columns that hold a person of another role than they should."""
        return _names(
            (
                name,
                f"r.{name} IS NULL OR EXISTS (SELECT FROM {self._users} u WHERE u.id = r.{name} AND u.role = '{to.role}' AND u.deleted_at IS NULL)",
            )
            for name, to in self.type.references.items()
            if to.role is not None
        )


class Texts:
    """The statements of all types and roles, made when they are first needed."""

    def __init__(self, users: str = "users") -> None:
        self._users = users
        self._made: dict[tuple[str, str], Statements] = {}

    def of(self, type: RecordType, role: str = SYSTEM_ROLE) -> Statements:
        """Return those of a type for callers of `role`."""
        made = self._made.get((type.name, role))
        if made is None:
            made = self._made[type.name, role] = Statements(type, role, self._users)
        return made


def _delete(type: RecordType) -> str:
    """Return what removes the rows with the ids `$1` at the time `$2`, or makes their farewell."""
    at = "$2::bigint"
    if type.farewell:
        return f"UPDATE {type.plural} SET {type.farewell.replace(':now', at)} WHERE id = ANY($1::text[]) AND {at} IS NOT NULL"  # noqa: S608 - declared
    return f"DELETE FROM {type.plural} WHERE id = ANY($1::text[]) AND {at} IS NOT NULL"  # noqa: S608 - declared


def row_json(columns: Mapping[str, Column]) -> str:
    """Return the columns of `r` as one JSON object in text; nested values are nested in it."""
    picked = ", ".join(f"r.{name}::json" if one.kind == "json" else f"r.{name}" for name, one in columns.items())
    named = ", ".join(columns)
    return f"(SELECT row_to_json(x) FROM (SELECT {picked}) AS x ({named}))::text"  # noqa: S608 - declared


def unseen(type: RecordType, role: str) -> str:
    """Return the names of the hidden columns of `r` that the caller does not see, as a `text[]`."""
    return _names(sights(type, role).items())


def closed(type: RecordType, role: str) -> str:
    """Return the names of the columns of `r` that the caller must not set, as a `text[]`."""
    return _names((name, allowed(type, rule, role)) for name, rule in type.settable.items())


def streams(channels: Iterable[Channel], shape: str) -> str:
    """Return the addresses of the channels of one shape as a `text[]`, with NULL where there is none."""
    found = [_stream(channel) for channel in channels if channel.shape == shape]
    return " || ".join(found) if found else "ARRAY[]::text[]"


def _stream(channel: Channel) -> str:
    if channel.many:
        return f"ARRAY(SELECT '{channel.kind}:' || q.id FROM ({channel.ids}) AS q (id))"  # noqa: S608 - declared
    return f"ARRAY['{channel.kind}:' || ({channel.ids})]"


def _names(verdicts: Iterable[tuple[str, str]]) -> str:
    """Return the names whose predicate is not true."""
    cases = [f"CASE WHEN {predicate} THEN NULL ELSE '{name}' END" for name, predicate in verdicts]
    return f"array_remove(ARRAY[{', '.join(cases)}]::text[], NULL)" if cases else "ARRAY[]::text[]"
