"""Questions to read models, answered from rows in memory as the database would: filtered, ordered, cut.

Never here: where the rows are kept (`journal_memory`), and what may stand in them (`read_model`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from homeroom.engine.behaviour import Lookup
from homeroom.engine.read_model import STREAM

Cells = Mapping[str, Any]


class Shelf(Protocol):
    """The rows of one stream: table → key → row."""

    @property
    def rows(self) -> Mapping[str, Mapping[tuple[Any, ...], Cells]]:
        """Return the rows by table."""


def look_up(streams: Mapping[str, Shelf], key: Sequence[str], lookup: Lookup) -> list[Cells]:
    """Return the rows of `streams` that a cleaned `lookup` asks for, each with its stream when it asks everywhere."""
    found = [row for row in _candidates(streams, lookup) if _matches(row, lookup)]
    columns = (lookup.order, STREAM, *key)
    found.sort(key=lambda row: [_rank(row[column]) for column in columns], reverse=not lookup.ascending)
    if lookup.everywhere:
        return found[: lookup.limit]
    return [{column: row[column] for column in row if column != STREAM} for row in found[: lookup.limit]]


def _candidates(streams: Mapping[str, Shelf], lookup: Lookup) -> Iterator[Cells]:
    for name, shelf in streams.items():
        if _stands(shelf, lookup):
            for row in shelf.rows.get(lookup.table, {}).values():
                yield {STREAM: name, **row}


def _stands(shelf: Shelf, lookup: Lookup) -> bool:
    """Tell whether the stream has the row that it must have in another table, and not the one that it must not."""
    within = lookup.within is None or _is_within(shelf, *lookup.within)
    return within and (lookup.without is None or not _is_within(shelf, *lookup.without))


def _is_within(shelf: Shelf, table: str, where: Mapping[str, Any]) -> bool:
    anyof = {column: value if isinstance(value, tuple) else (value,) for column, value in where.items()}
    rows = shelf.rows.get(table, {}).values()
    return any(all(row[column] in values for column, values in anyof.items()) for row in rows)


def _equals(row: Cells, where: Mapping[str, Any]) -> bool:
    return all(row[column] == value for column, value in where.items())


def _matches(row: Cells, lookup: Lookup) -> bool:
    below, above = lookup.below, lookup.above
    return (
        _equals(row, lookup.where)
        and (below is None or (row[below[0]] is not None and row[below[0]] < below[1]))
        and (above is None or (row[above[0]] is not None and row[above[0]] > above[1]))
        and all(
            row[column] is not None and part.lower() in row[column].lower() for column, part in lookup.contains.items()
        )
        and (lookup.beyond is None or _is_beyond(row, lookup, *lookup.beyond))
    )


def _is_beyond(row: Cells, lookup: Lookup, value: Any, stream: str) -> bool:
    here, last = (_rank(row[lookup.order]), row[STREAM]), (_rank(value), stream)
    return here > last if lookup.ascending else here < last


def _rank(value: Any) -> tuple[bool, Any]:
    """Return what orders values as the database does: nothing comes after everything."""
    return value is None, value
