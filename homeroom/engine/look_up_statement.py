"""A question to a read model as one SQL statement. Names stand in it quoted and come from declarations; values are arguments.

Never here: sending it, and what may be asked (`read_model`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from homeroom.engine.behaviour import Lookup
from homeroom.engine.group_statement import quoted, table_name
from homeroom.engine.kind import Table
from homeroom.engine.read_model import STREAM, ReadModels

COLLATION = """SELECT coalesce((SELECT collname FROM pg_collation JOIN unnest(ARRAY[
'pg_unicode_fast', 'pg_c_utf8', 'und-x-icu', 'unicode', 'C.utf8', 'C.UTF-8']) WITH ORDINALITY AS known (name, place)
ON collname = known.name WHERE collnamespace = 'pg_catalog'::regnamespace
AND collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))
ORDER BY place LIMIT 1), 'default') AS name"""
"""Which collation knows the two cases of all letters: the best that this database has, since its own may know ASCII alone."""


def look_up_statement(stream: str, lookup: Lookup, models: ReadModels, collation: str) -> tuple[str, Sequence[Any]]:
    """Return a cleaned question as SQL with its arguments; texts are compared in any case by the letters of `collation`."""
    table = models.table(lookup.table)
    asked = _Conditions(table, collation)
    if not lookup.everywhere:
        asked.texts.append(f"{_STREAM} = {asked.place(stream, 'text')}")
    asked.compare(table, "asked", [(column, "=", value) for column, value in lookup.where.items()])
    bounds = ((lookup.below, "<"), (lookup.above, ">"))
    asked.compare(table, "asked", [(bound[0], sign, bound[1]) for bound, sign in bounds if bound is not None])
    asked.contain(lookup.contains)
    if lookup.within is not None:
        asked.stand_within(models.table(lookup.within[0]), lookup.within[1])
    if lookup.without is not None:
        asked.stand_within(models.table(lookup.without[0]), lookup.without[1], there="NOT EXISTS")
    if lookup.beyond is not None:
        asked.go_beyond(lookup, *lookup.beyond)
    return _select(table, lookup, asked), asked.args


_STREAM = f"asked.{quoted(STREAM)}"


class _Conditions:
    """What stands behind WHERE, and the arguments that it names."""

    def __init__(self, table: Table, collation: str) -> None:
        self._table = table
        self._collation = quoted(collation)
        self.texts: list[str] = []
        self.args: list[Any] = []

    def place(self, value: Any, type_: str) -> str:
        """Add an argument, and return how it is named."""
        self.args.append(value)
        return f"${len(self.args)}::{type_}"

    def compare(self, table: Table, alias: str, asked: Sequence[tuple[str, str, Any]]) -> None:
        """Add comparisons of columns; with nothing only equality is asked for."""
        for column, sign, value in asked:
            name = f"{alias}.{quoted(column)}"
            right = f"{sign} {self.place(value, table.columns[column])}" if value is not None else "IS NULL"
            self.texts.append(f"{name} {right}")

    def contain(self, asked: Mapping[str, str]) -> None:
        """Add that texts contain others: by `strpos`, which knows no wildcards that somebody could send."""
        for column, part in asked.items():
            whole = f"lower(asked.{quoted(column)} COLLATE {self._collation})"
            self.texts.append(f"strpos({whole}, lower({self.place(part, 'text')} COLLATE {self._collation})) > 0")

    def stand_within(self, other: Table, where: Mapping[str, Any], there: str = "EXISTS") -> None:
        """Add that the stream has such a row in another table, or has none."""
        inner = _Conditions(other, self._collation)
        inner.args = self.args
        inner.texts.append(f"other.{quoted(STREAM)} = {_STREAM}")
        inner.compare(
            other, "other", [(column, "=", one) for column, one in where.items() if not isinstance(one, tuple)]
        )
        for column, several in where.items():
            if isinstance(several, tuple):
                among = inner.place(list(several), f"{other.columns[column]}[]")
                inner.texts.append(f"other.{quoted(column)} = ANY({among})")
        self.texts.append(f"{there} (SELECT FROM {table_name(other.name)} AS other WHERE {' AND '.join(inner.texts)})")

    def go_beyond(self, lookup: Lookup, value: Any, stream: str) -> None:
        """Add that a row comes after the last one seen; nothing comes after everything."""
        column, sign = f"asked.{quoted(lookup.order)}", ">" if lookup.ascending else "<"
        if value is None:
            behind = f"{column} IS NULL AND {_STREAM} {sign} {self.place(stream, 'text')}"
            self.texts.append(f"({behind})" if lookup.ascending else f"({behind} OR {column} IS NOT NULL)")
            return
        last = f"({self.place(value, self._table.columns[lookup.order])}, {self.place(stream, 'text')})"
        behind = f"({column}, {_STREAM}) {sign} {last}"
        self.texts.append(f"({behind} OR {column} IS NULL)" if lookup.ascending else behind)


def _select(table: Table, lookup: Lookup, asked: _Conditions) -> str:
    way = "ASC" if lookup.ascending else "DESC"
    order = ", ".join(f"asked.{quoted(column)} {way}" for column in dict.fromkeys((lookup.order, STREAM, *table.key)))
    shown = (STREAM, *table.columns) if lookup.everywhere else tuple(table.columns)
    columns = ", ".join(f"asked.{quoted(column)}" for column in shown)
    where = f" WHERE {' AND '.join(asked.texts)}" if asked.texts else ""
    limit = asked.place(lookup.limit, "bigint")
    return f"SELECT {columns} FROM {table_name(table.name)} AS asked{where} ORDER BY {order} LIMIT {limit}"  # noqa: S608 - the same
