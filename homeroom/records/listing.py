"""Lists of rows: what a query asks for as SQL. Pages go on behind the last row seen, whatever came or went before it.

Rules of this file: only declared columns are filtered or ordered by; every value is an argument of the statement; of a hidden
column nothing is to be found out: who filters or orders by it gets the rows in which they see it.
Never here: running it, and what the door calls its parameters.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec

from homeroom.protocol.access import SYSTEM_ROLE
from homeroom.protocol.paging import encode_after
from homeroom.records.access import ALL, NONE, allowed, said, sights
from homeroom.records.columns import Column
from homeroom.records.declare import RecordType
from homeroom.records.intake import check_storable, misfit
from homeroom.records.lens import Lens
from homeroom.records.pages import of_another_list, read_after
from homeroom.records.rows import seen
from homeroom.records.schema import USER
from homeroom.records.statements import row_json, unseen

LIMIT, LIMIT_MAX = 50, 100
TOTAL_MAX = 10_000
"""How far a list is counted: so many stands for more as well."""
PAGE_BYTES = 262_144
"""What the rows of a page come to at the most; a single one that is longer is a page of its own."""
_TYPES: Mapping[str, tuple[type[Any], str]] = {
    "text": (str, "text"),
    "integer": (int, "bigint"),
    "number": (float, "double precision"),
    "flag": (bool, "boolean"),
    "list": (str, "text"),
}
_BOUNDS: Mapping[str, str] = {"_from": ">=", "_to": "<="}
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked for. `filters`: a column's value by its name, or a bound of it, both inclusive, by its name and `_from` or `_to`.

    An empty value means rows without one; words of an enumeration may be several, joined by commas. `sort` is a column, with a
    `-` for the greatest first; rows without a value come last. `fields`: columns to show, all when empty. `include`: what else
    is answered beside the rows, `people` and `total`.
    """

    limit: int = LIMIT
    after: str = ""
    sort: str = ""
    filters: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    fields: Sequence[str] = ()
    include: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Listing:
    """A page: the rows as the caller sees them, and the `after` of the next page, empty when there is none."""

    items: list[dict[str, Any]]
    after: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as a statement; `$1` is the caller's id, `args` come behind it."""

    sql: str
    args: tuple[Any, ...]
    limit: int
    order: str


class _Composer:
    """Collects the conditions of one statement, and its arguments."""

    def __init__(self, type: RecordType, role: str) -> None:
        self.type = type
        self.role = role
        self.conditions = ["$1::text IS NOT NULL", allowed(type, type.read, role)]
        self.args: list[Any] = []
        self._sights = sights(type, role)

    def arg(self, value: Any, sql_type: str) -> str:
        """Return the place of a value in the statement."""
        self.args.append(value)
        return f"${len(self.args) + 1}::{sql_type}"

    def looks_at(self, column: str) -> None:
        """Leave out the rows in which the caller does not see `column`."""
        if column in self._sights:
            self.conditions.append(f"({self._sights[column]})")

    def filter(self, name: str, given: Any) -> None:
        """Add what `name` asks for."""
        if name in self.type.searches:
            place = self.arg(check_storable(name, str(given)), "text")
            self.conditions.append(f"({self.type.searches[name].replace(':value', place)})")
            return
        column, operator = _filtered(self.type, name)
        self.looks_at(column.name)
        self.conditions.append("".join(self._compared(column, name, operator, given)))

    def _compared(self, column: Column, name: str, operator: str, given: Any) -> Iterator[str]:
        place, sql_type = f"r.{column.name}", _TYPES[column.kind][1]
        if given == "" and column.optional and operator == "=":
            yield f"{place} IS NULL"
        elif name in self.type.lenses:
            yield self._through(self.type.lenses[name]).replace(
                ":value", self.arg(_value(column, name, given), sql_type)
            )
        elif column.kind == "list":
            yield f"{self.arg(_value(column, name, given), sql_type)} = ANY({place})"
        elif column.words:
            words = [_value(column, name, word) for word in str(given).split(",")]
            yield f"{place} = ANY({self.arg(words, 'text[]')})"
        else:
            exactly = ' COLLATE "C"' if column.kind == "text" and operator != "=" else ""
            yield f"{place} {operator} {self.arg(_value(column, name, given), sql_type)}{exactly}"

    def _through(self, lens: Lens) -> str:
        """Return what a lens asks: who may not know what other rows say finds nothing by them."""
        known = ALL if self.role == SYSTEM_ROLE else lens.known.get(self.role, NONE)
        return f"({said(lens.own)} OR {said(known)} AND {said(lens.further)})"


def list_statement(type: RecordType, query: ListQuery, role: str) -> Asked:
    """Return the statement of one row more than the page has; raises `bad_command` that names what is wrong."""
    composer = _Composer(type, role)
    column, descending = _sorted_by(type, query.sort)
    limit = max(1, min(query.limit, LIMIT_MAX))
    for name, given in query.filters.items():
        composer.filter(name, given)
    composer.looks_at(column.name)
    order = _asked(type, query)
    behind = _behind(composer, column, descending, query.after, order)
    if behind:
        composer.conditions.append(behind)
    shown = {name: type.columns[name] for name in _shown(type, query.fields)}
    sql = (
        f"SELECT {row_json(shown)} AS row, {unseen(type, role)} AS unseen, r.id AS id, r.{column.name} AS place "  # noqa: S608 - declared; values are arguments
        f"FROM {type.plural} AS r WHERE {' AND '.join(composer.conditions)} "
        f"ORDER BY {_order(column, descending)} LIMIT {limit + 1}"
    )
    return Asked(within_bytes(sql, "octet_length(q.row)", "row, unseen, id, place"), tuple(composer.args), limit, order)


def count_statement(type: RecordType, query: ListQuery, role: str) -> Asked:
    """Return the statement that counts the rows of all pages of a list, up to `TOTAL_MAX`; raises as `list_statement` does."""
    composer = _Composer(type, role)
    for name, given in query.filters.items():
        composer.filter(name, given)
    composer.looks_at(_sorted_by(type, query.sort)[0].name)
    found = f"SELECT FROM {type.plural} AS r WHERE {' AND '.join(composer.conditions)} LIMIT {TOTAL_MAX}"
    return Asked(f"SELECT count(*) AS total FROM ({found}) AS q", tuple(composer.args), 1, "")  # noqa: S608 - as above


def people_of(type: RecordType, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the people whom `rows`, as they are shown, name."""
    columns = [name for name, to in type.references.items() if to.to == USER]
    return {row[name] for row in rows for name in columns if row.get(name)}


def within_bytes(sql: str, size: str, names: str) -> str:
    """Return the statement of the first rows `q` of `sql` that fit into a page by their `size`, one at least.

    `found` is how many there are.
    """
    size = f"sum({size}) OVER (ROWS UNBOUNDED PRECEDING) AS bytes"
    return (
        f"SELECT {names}, found FROM (SELECT q.*, {size}, row_number() OVER () AS number, count(*) OVER () AS found "  # noqa: S608 - declared
        f"FROM ({sql}) AS q) AS page WHERE number = 1 OR bytes <= {PAGE_BYTES} ORDER BY number"
    )


def listed(rows: Sequence[Any], asked: Asked) -> Listing:
    """Return the page that `rows` are."""
    page = rows[: asked.limit]
    more = bool(page) and rows[0]["found"] > len(page)
    after = encode_after(page[-1]["place"], f"{asked.order}:{page[-1]['id']}") if more else ""
    return Listing([seen(row) for row in page], after)


def _filtered(type: RecordType, name: str) -> tuple[Column, str]:
    """Return the column that `name` filters by, and how."""
    if name in type.filters:
        column, operator = type.columns[name], "="
    else:
        base, mark, bound = name.rpartition("_")
        operator = _BOUNDS.get(mark + bound, "")
        if not operator or base not in type.filters:
            raise misfit(name, "no such filter", "one of " + ", ".join(type.filters))
        column = type.columns[base]
    if column.kind not in _TYPES or (operator != "=" and column.kind in ("list", "flag")):
        raise misfit(name, "no such filter", "one of " + ", ".join(type.filters))
    return column, operator


def _value(column: Column, name: str, given: Any) -> Any:
    """Return a value of a query as the column holds it; raises `bad_command` that names the parameter."""
    wanted = _TYPES[column.kind][0]
    try:
        value = msgspec.convert(given, wanted, strict=False)
    except ValueError:
        raise misfit(name, "a value of another type", wanted.__name__) from None
    if column.words and value not in column.words:
        raise misfit(name, f"no such {name}", "one of " + ", ".join(column.words))
    if isinstance(value, str):
        check_storable(name, value)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise misfit(name, "too large", "a number of 63 bits")
    return value


def _sorted_by(type: RecordType, sort: str) -> tuple[Column, bool]:
    """Return the column that a list is ordered by, and whether the greatest comes first."""
    name = sort.removeprefix("-") or "id"
    if name != "id" and (name not in type.sorts or type.columns[name].kind not in _TYPES):
        raise misfit("sort", f"not by {name}", "one of " + ", ".join(("id", *type.sorts)))
    return type.columns[name], sort.startswith("-")


def _shown(type: RecordType, fields: Sequence[str]) -> list[str]:
    """Return the columns to show, in the order of the declaration; a row always says which one it is."""
    for name in fields:
        if name not in type.columns:
            raise misfit("fields", f"{name} is no column", "some of " + ", ".join(type.columns))
    return [name for name in type.columns if not fields or name in fields or name in ("id", "version")]


def _order(column: Column, descending: bool) -> str:
    direction = " DESC" if descending else ""
    if column.name == "id":
        return f"r.id{direction}"
    last = " NULLS LAST" if column.optional and descending else ""
    return f"r.{column.name}{direction}{last}, r.id{direction}"


def _asked(type: RecordType, query: ListQuery) -> str:
    """Return what stands in a page's `after` for the list it is of: under other filters, or in another order, there is no next page."""
    said = msgspec.json.encode(
        (type.name, query.sort or "id", sorted((name, str(one)) for name, one in query.filters.items()))
    )
    return "".join(chr(ord("a") + octet % 16) for octet in sha256(said).digest()[:16])


def _behind(composer: _Composer, column: Column, descending: bool, after: str, order: str) -> str:
    """Return the condition of the rows behind the last one seen, nothing for the first page.

    Raises `bad_command` for an `after` of another list.
    """
    value_type, sql_type = _TYPES[column.kind]
    place = read_after(after, value_type)
    if place is None:
        return ""
    list_of, _, seen_last = place[1].partition(":")
    if list_of != order:
        raise of_another_list("of another list, or of this one in another order")
    if isinstance(place[0], str):
        check_storable("after", place[0])
    than = "<" if descending else ">"
    value, last = place[0], composer.arg(seen_last, "text")
    if column.name == "id":
        return f"r.id {than} {last}"
    if value is None:
        return f"(r.{column.name} IS NULL AND r.id {than} {last})"
    behind = f"(r.{column.name}, r.id) {than} ({composer.arg(value, sql_type)}, {last})"
    return f"({behind} OR r.{column.name} IS NULL)" if column.optional else behind
