"""Read models as data: which tables the kinds declare, and what may stand in a row of one.

Both journals check here, so a row that one would take and the other refuse does not exist.
Never here: SQL beyond the names of column types, and a connection.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.kind import Table

COLUMN_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "text": (str,),
        "bigint": (int,),
        "integer": (int,),
        "boolean": (bool,),
        "double precision": (float, int),
        "bytea": (bytes,),
    }
)
"""The column types a `Table` may use, and what a row may hold for each (`None` besides)."""

_RANGES = MappingProxyType({"bigint": 2**63, "integer": 2**31})
_NAME = re.compile(r"\A[a-z][a-z0-9_]{0,47}\Z")
STREAM = "stream"


def storable_text(text: str) -> str:
    """Return `text` as every store can hold it: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class ReadModels:
    """The declared tables; checks and cleans what goes into them."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def declare(self, tables: Iterable[Table]) -> Sequence[Table]:
        """Add declarations and return them checked; raises `ValueError` for a bad or contradicting one."""
        found = tuple(tables)
        for table in found:
            _check_table(table)
            if self._tables.setdefault(table.name, table) != table:
                raise ValueError(f"the read model {table.name!r} is declared twice, and differently")
        return found

    def table(self, name: str) -> Table:
        """Return the declaration of `name`; raises `ValueError` for an undeclared one."""
        try:
            return self._tables[name]
        except KeyError:
            raise ValueError(f"the read model {name!r} is not declared; declared: {sorted(self._tables)}") from None

    def clean_row(self, row: Row) -> Row:
        """Return `row` with storable values; raises `ValueError` for wrong columns or types."""
        table = self.table(row.table)
        if row.key.keys() != set(table.key):
            raise ValueError(f"a row of {table.name!r} needs the key {table.key}, not {tuple(row.key)}")
        if not row.key.keys().isdisjoint(row.values):
            raise ValueError(f"a row of {table.name!r} sets its own key among its values: {tuple(row.values)}")
        return Row(table.name, _clean_values(table, row.key, nullable=False), _clean_values(table, row.values))

    def clean_rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return `rows` cleaned and merged: one row a key, later values over earlier ones, in order of first mention."""
        merged: dict[tuple[Any, ...], Row] = {}
        for row in map(self.clean_row, rows):
            where = (row.table, *(row.key[column] for column in self._tables[row.table].key))
            known = merged.get(where)
            merged[where] = row if known is None else Row(row.table, row.key, {**known.values, **row.values})
        return tuple(merged.values())

    def clean_lookup(self, lookup: Lookup) -> Lookup:
        """Return `lookup` with storable values; raises `ValueError` for a table or column not declared."""
        table = self.table(lookup.table)
        for column in (lookup.order, *(bound[0] for bound in (lookup.below, lookup.above) if bound)):
            _type_of(table, column)
        return replace(
            lookup,
            limit=max(0, lookup.limit),
            where=_clean_values(table, lookup.where),
            below=_clean_bound(table, lookup.below),
            above=_clean_bound(table, lookup.above),
            contains={column: _clean_part(table, column, text) for column, text in lookup.contains.items()},
            within=self._clean_within(lookup.within),
            without=self._clean_within(lookup.without),
            beyond=_clean_beyond(table, lookup),
        )

    def _clean_within(self, within: tuple[str, Mapping[str, Any]] | None) -> tuple[str, Mapping[str, Any]] | None:
        if within is None:
            return None
        table = self.table(within[0])
        return within[0], {column: _clean_any(table, column, value) for column, value in within[1].items()}


def _check_table(table: Table) -> None:
    """Raise `ValueError` unless the declaration can become a table."""
    for name in (table.name, *table.columns):
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name for a read model: a-z, 0-9 and _, a letter first, at most 48")
    if STREAM in table.columns:
        raise ValueError(f"the read model {table.name!r} declares 'stream', which is there by itself")
    if missing := set(table.key) - set(table.columns):
        raise ValueError(f"the read model {table.name!r} has no column for its key {sorted(missing)}")
    if any(not index or not set(index) <= {*table.columns, STREAM} for index in table.indexes):
        raise ValueError(f"an index of the read model {table.name!r} is of no columns of its: {table.indexes}")
    for column, type_ in table.columns.items():
        if type_ not in COLUMN_TYPES:
            raise ValueError(f"{table.name}.{column} is {type_!r}; allowed: {', '.join(COLUMN_TYPES)}")


def _type_of(table: Table, column: str) -> str:
    try:
        return table.columns[column]
    except KeyError:
        raise ValueError(f"{table.name!r} has no column {column!r}; it has {tuple(table.columns)}") from None


def _clean_bound(table: Table, bound: tuple[str, Any] | None) -> tuple[str, Any] | None:
    return None if bound is None else (bound[0], _clean(table, bound[0], bound[1], nullable=False))


def _clean_beyond(table: Table, lookup: Lookup) -> tuple[Any, str] | None:
    if lookup.beyond is None:
        return None
    value, stream = lookup.beyond
    return _clean(table, lookup.order, value, nullable=True), storable_text(stream)


def _clean_part(table: Table, column: str, text: str) -> str:
    """Return a part of a text as it would be stored; only texts contain something."""
    if _type_of(table, column) != "text":
        raise ValueError(
            f"{table.name}.{column} is {table.columns[column]}: only in a text something can be looked for"
        )
    part: str = _clean(table, column, text, nullable=False)
    return part


def _clean_values(table: Table, values: Mapping[str, Any], *, nullable: bool = True) -> dict[str, Any]:
    return {column: _clean(table, column, value, nullable=nullable) for column, value in values.items()}


def _clean_any(table: Table, column: str, value: Any) -> Any:
    """Return a value, or each of several, as it would be stored."""
    if isinstance(value, tuple):
        return tuple(_clean(table, column, one, nullable=False) for one in value)
    return _clean(table, column, value, nullable=True)


def _clean(table: Table, column: str, value: Any, *, nullable: bool) -> Any:
    type_ = _type_of(table, column)
    if value is None and nullable:
        return None
    if type(value) is str and type_ == "text":
        return storable_text(value)
    if not _fits(type_, value):
        raise ValueError(
            f"{table.name}.{column} is {type_} and cannot hold a {type(value).__name__} such as {value!r:.40}"
        )
    return value


def _fits(type_: str, value: Any) -> bool:
    """Tell whether a column of `type_` holds `value`; `True` is no number here."""
    if isinstance(value, bool) or not isinstance(value, COLUMN_TYPES[type_]):
        return isinstance(value, bool) and type_ == "boolean"
    limit = _RANGES.get(type_)
    return limit is None or not isinstance(value, int) or -limit <= value < limit
