"""The SQL by which rows of a record type are read and written, one text for each role of the callers.

Every text over the row `r` returns the same columns, which `rows.Kept` reads: the row as JSON, and what its caller may do
with it. `$1` is always the caller's id. A write and its looks are one statement, so the looks see the new row beside all
others as they were before: nobody gives themselves a right by the same write that needs it.
Never here: sending them, and lists (`listing`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from homeroom.protocol.access import SYSTEM_ROLE, Rule
from homeroom.records.access import ALL, allowed, sights
from homeroom.records.columns import Column, Row
from homeroom.records.declare import Channel, RecordType
from homeroom.records.schema import USER


class How(NamedTuple):
    """How rows are held until the end; with `people`, the people whom they say something of by a role are held before (`Reference.first`)."""

    sql: str
    people: bool = False


FOR_CHANGE = How("FOR NO KEY UPDATE OF r")
"""Holds a row, and lets others go on referring to it."""
AFTER_PEOPLE = How(FOR_CHANGE.sql, people=True)
FOR_DELETE = How("FOR UPDATE OF r")
"""Holds a row alone: nobody refers to it anew meanwhile, and nobody is found to fit by it (`Statements._unfit`)."""
_FIT = frozenset({"update_beside", "update_fit"})
"""Writes of which it is known that those whom the rows name fit."""
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
        # By the ids as well: of rows in a JSON alone PostgreSQL expects a hundred, and reads all of a small table to find them.
        found = "t.id = ANY($3::text[]) AND t.id = g.id"
        self._update = f"UPDATE {type.plural} AS t SET {anew} FROM {self._given} AS g WHERE {found}"  # noqa: S608 - declared
        self.read = (
            f"SELECT {row_json(type.columns)} AS row, {unseen(type, role)} AS unseen FROM {type.plural} AS r "  # noqa: S608 - declared
            f"WHERE r.id = $2 AND {allowed(type, type.read, role)} AND $1::text IS NOT NULL"
        )
        self.delete = _delete(type)
        self._texts: dict[tuple[str | How, Rule | str], str] = {}
        self._decisive: dict[Rule, frozenset[str]] = {}
        self._named_by_role = [name for name, to in type.references.items() if to.role is not None]

    def hold(self, rule: Rule, how: How = FOR_CHANGE) -> str:
        """Return what holds the rows with the ids `$2` until the end, in the order of their ids, looked at by `rule`."""
        # What is looked at comes before what is held: and so do the people.
        return self._made(
            how,
            rule,
            lambda: f"{self._looks(rule)}{self._people() if how.people else ''} {self._where('id')} {how.sql}",
        )

    def insert(self) -> str:
        """Return what adds the rows in the JSON `$2`, looked at by the rule for creating."""
        return self._writing("insert", self._insert, self.type.create)

    def insert_permitted(self) -> str:
        """Return what does the same, but adds no row that the rule does not permit to be: of one nothing else is found out."""
        rule = self.type.create
        said = f"{self._insert} WHERE ({allowed(self.type, rule, self.role)}) IS TRUE"
        return self._writing("insert_permitted", said, None)

    def update(self, rule: Rule) -> str:
        """Return what puts the rows in the JSON `$2`, of the ids `$3`, in the place of those with their ids, looked at by `rule`."""
        return self._writing("update", self._update, rule)

    def update_of(self, rule: Rule, befores: Sequence[Row], rows: Sequence[Row]) -> str:
        """Return what does the same with held rows, and asks again only where what holding them has told may be otherwise now."""
        pairs = list(zip(befores, rows, strict=True))

        def differ(names: Iterable[str]) -> bool:
            known = [name for name in names if name in self.type.columns]
            return any(getattr(old, name) != getattr(new, name) for name in known for old, new in pairs)

        if self.type.by_hand or differ(self._named_by_role):
            return self.update(rule)
        if differ(self.decisive(rule)):
            return self._writing("update_fit", self._update, rule)
        return self._writing("update_beside", self._update, None)

    def insert_missing(self) -> str:
        """Return what adds those of the rows in the JSON `$2` that are not there and clash with none, looked at as `insert` does."""
        return self._writing("insert_missing", f"{self._insert} ON CONFLICT DO NOTHING", self.type.create)

    def referring(self, column: str) -> str:
        """Return what holds all rows whose `column` is one of `$2`, in the order of their ids, to be removed or cleared."""
        return self._made(
            "referring", column, lambda: f"{self._looks(self.type.delete)} {self._where(column)} {FOR_DELETE.sql}"
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
        fits = what in _FIT
        return self._made(
            what,
            rule or "",
            lambda: f"WITH r AS ({said} RETURNING {of}*) {self._looks(rule, written=True, fits=fits)} FROM r",
        )

    def _where(self, column: str) -> str:
        return f"FROM {self.type.plural} AS r WHERE r.{column} = ANY($2::text[]) ORDER BY r.id"

    def _made(self, what: str | How, key: Rule | str, make: Callable[[], str]) -> str:
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
        """Return the names of the columns that hold a person of another role than they should.

        Who is found to fit is held as by the reference itself: until the end nobody gives them another role, or deletes them, and
        whoever is doing so this moment is waited for.
        """

        def fits(name: str) -> str:
            role = self.type.references[name].role
            there = f"u.id = r.{name} AND u.role = '{role}' AND u.deleted_at IS NULL"
            return f"r.{name} IS NULL OR EXISTS (SELECT FROM {self._users} u WHERE {there} FOR KEY SHARE)"

        return _names((name, fits(name)) for name in self._named_by_role)

    def _people(self) -> str:
        """Return a column more, that holds the people whom a row says something of by a role, in the order of their ids."""
        named = ", ".join(f"r.{name}" for name, to in self.type.references.items() if to.first)
        found = f"SELECT u.id FROM {self._users} u WHERE u.id IN ({named})"  # noqa: S608 - declared
        return f", ARRAY({found} ORDER BY u.id FOR KEY SHARE) AS people"


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


def to_change(type: RecordType, names: Collection[str]) -> How:
    """Return how a row is held of which somebody is to change the columns `names`.

    A person whose role is among them alone: another role ends what the person is by the one before, and nobody gives them more of it
    meanwhile. What such a change would end after its people, as the change holds them: so of two neither has what the other waits for.
    """
    if type.name == USER and "role" in names:
        return FOR_DELETE
    return AFTER_PEOPLE if any(to.first for to in type.references.values()) else FOR_CHANGE


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
