"""A row as a statement of `statements` returned it: what it holds, and what its caller may do with it.

Never here: SQL, and what is told of a row (`telling`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from homeroom.records.breath import Breath
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType

_decode = msgspec.json.decode


class Kept(Struct, frozen=True):
    """A row that is being written.

    `values` are its columns as builtin types. The caller `sees` it (asked of one that is held alone), and `may` do what was asked for; it
    does not see the columns `unseen` and must not set those `closed`. `unfit` columns hold a person of a wrong role (asked of one that has
    been written). It is told on the streams `rows` with
    all that it holds, and on `ids` without.
    """

    type: RecordType
    values: Mapping[str, Any]
    sees: bool
    may: bool
    unseen: Collection[str]
    closed: Collection[str]
    unfit: Collection[str]
    rows: frozenset[str]
    ids: frozenset[str]

    @property
    def id(self) -> str:
        """Return its id."""
        return str(self.values["id"])

    @property
    def version(self) -> int:
        """Return the number of this state of it."""
        return int(self.values["version"])

    def row(self) -> Row:
        """Return it as the structure of its type; raises `ValueError` when the table holds what the declaration does not allow."""
        row: Row = msgspec.convert(self.values, self.type.row)
        return row

    def shown(self) -> dict[str, Any]:
        """Return what the caller sees of it."""
        return without(self.values, self.unseen)

    def told(self) -> dict[str, Any]:
        """Return what everybody who hears of it may see: nothing of what is hidden from somebody."""
        return without(self.values, self.type.hidden)


def kept(type: RecordType, row: Any) -> Kept:
    """Return a row of one of the `Statements` that write."""
    return Kept(
        type,
        _decode(row["row"]),
        row["sees"] is True,
        row["may"] is True,
        row["unseen"],
        row["closed"],
        row["unfit"],
        frozenset(filter(None, row["rows"])),
        frozenset(filter(None, row["ids"])),
    )


async def all_kept(type: RecordType, rows: Sequence[Any]) -> list[Kept]:
    """Return rows of one of the `Statements` that write."""
    breath, found = Breath(), list[Kept]()
    for row in rows:
        found.append(kept(type, row))
        await breath.taken()
    return found


async def as_rows(all_of: Sequence[Kept]) -> list[Any]:
    """Return rows as the structures of their type."""
    breath, rows = Breath(), list[Any]()
    for one in all_of:
        rows.append(one.row())
        await breath.taken()
    return rows


def seen(row: Any) -> dict[str, Any]:
    """Return a row of a statement that only reads, as its caller sees it."""
    return without(_decode(row["row"]), row["unseen"])


def plain(value: Any) -> Any:
    """Return a structure as what JSON has, so that it can be compared with what is kept."""
    return _decode(msgspec.json.encode(value))


def without(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return `values` but for those of `names`."""
    return {name: value for name, value in values.items() if name not in names} if names else dict(values)


def as_json(rows: Sequence[Any]) -> str:
    """Return rows, or the values of some, as the statements that write them take them."""
    return msgspec.json.encode(rows).decode()
