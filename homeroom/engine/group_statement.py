"""Many appends as one SQL statement: composed of only the parts that are there, each an `unnest` of arrays.

One statement in autocommit is one round trip and one commit, and cannot leave a transaction open. The number of
different texts is small (which parts, which columns), so each is prepared once a connection. A part with a single row is
a plain `VALUES`: the usual case when it is quiet, and a third cheaper for the server than arrays of one.
Never here: sending it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from homeroom.engine.behaviour import Row
from homeroom.engine.journal import Append, Message, Receipt
from homeroom.engine.kind import Table
from homeroom.engine.read_model import STREAM, ReadModels

COMPOSED_KEPT = 500
"""How many composed texts are remembered."""


class Part(NamedTuple):
    """One part of the statement: SQL with `{}` for its source of rows, and the types of their columns."""

    sql: str
    types: tuple[str, ...]


JOURNAL = Part(
    "INSERT INTO journal (stream, seq, type, at, by, body, client, command, digest, reply) SELECT * FROM {} AS given",
    ("text", "bigint", "text", "bigint", "text", "bytea", "text", "bigint", "bytea", "bytea"),
)
RECEIPTS = Part(
    "INSERT INTO receipts (stream, client, command, digest, reply) SELECT * FROM {} AS given",
    ("text", "text", "bigint", "bytea", "bytea"),
)
MESSAGES = Part(
    "INSERT INTO messages (source, target, verb, body) SELECT source, target, verb, body "
    "FROM {} AS sent (source, target, verb, body, place) ORDER BY place RETURNING number",
    ("text", "text", "text", "bytea", "bigint"),
)
CONSUMED = Part("DELETE FROM messages USING {} AS done (number) WHERE messages.number = done.number", ("bigint",))
DISARM = Part(
    "DELETE FROM deadlines USING {} AS gone (stream, key) "
    "WHERE deadlines.stream = gone.stream AND deadlines.key = gone.key",
    ("text", "text"),
)
ARM = Part(
    "INSERT INTO deadlines (stream, key, due) SELECT * FROM {} AS given "
    "ON CONFLICT (stream, key) DO UPDATE SET due = excluded.due",
    ("text", "text", "bigint"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A finished text and its arguments. `numbered`: the rows it returns are the numbers of the messages."""

    sql: str
    args: Sequence[Any]
    numbered: bool


def compose(units: Sequence[Append], models: ReadModels) -> Statement:
    """Return the statement that carries out `units`, of which no two are of one stream."""
    parts: list[tuple[Part, bool]] = []
    args: list[Any] = []
    for part, rows in _parts(units, models):
        parts.append((part, len(rows) > 1))
        args.extend(zip(*rows, strict=True) if len(rows) > 1 else rows[0])
    return Statement(_text(tuple(parts)), args, parts[0][0] is MESSAGES)


def _parts(units: Sequence[Append], models: ReadModels) -> Iterator[tuple[Part, Sequence[Sequence[Any]]]]:
    """Yield each part that has something to do, with its rows."""
    for part, make in _ROWS:
        rows = [row for unit in units for row in make(unit)]
        if part is MESSAGES:
            rows = [(*row, place) for place, row in enumerate(rows)]
        if rows:
            yield part, rows
    shapes: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
    for unit in units:
        for row in unit.rows:
            shapes.setdefault((row.table, *sorted(row.values)), []).append((unit.stream, row))
    for (name, *values), changes in sorted(shapes.items(), key=lambda shape: shape[0]):
        table = models.table(name)
        yield (
            upsert(table.name, table.key, tuple(values), tuple(table.columns.items())),
            [_cells(stream, row, table, values) for stream, row in changes],
        )


def _record_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for record in unit.records:
        yield (unit.stream, record.seq, record.type, record.at, record.by, record.body, *_receipt_cells(record.receipt))


def _receipt_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for receipt in unit.receipts:
        yield (unit.stream, *_receipt_cells(receipt))


def _receipt_cells(receipt: Receipt | None) -> Sequence[Any]:
    return (None,) * 4 if receipt is None else (receipt.client, receipt.command, receipt.digest, receipt.reply)


def _message_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for tell in unit.tells:
        yield (unit.stream, tell.to, tell.do, tell.body)


def _consumed_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for number in unit.consumed:
        yield (number,)


def _disarm_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for key in unit.disarm:
        if key not in unit.arm:
            yield (unit.stream, key)


def _arm_rows(unit: Append) -> Iterator[Sequence[Any]]:
    for key, due in unit.arm.items():
        yield (unit.stream, key, due)


_ROWS = (
    (MESSAGES, _message_rows),
    (JOURNAL, _record_rows),
    (RECEIPTS, _receipt_rows),
    (CONSUMED, _consumed_rows),
    (DISARM, _disarm_rows),
    (ARM, _arm_rows),
)


def _cells(stream: str, row: Row, table: Table, values: Iterable[str]) -> Sequence[Any]:
    return (stream, *(row.key[column] for column in table.key), *(row.values[column] for column in values))


@lru_cache(maxsize=COMPOSED_KEPT)
def upsert(table: str, key: tuple[str, ...], values: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Part:
    """Return the part that sets `values` of the rows of one read model, and makes the rows that are not there."""
    types = dict(columns)
    names = ", ".join(map(quoted, (STREAM, *key, *values)))
    settings = ", ".join(f"{quoted(value)} = excluded.{quoted(value)}" for value in values)
    action = f"DO UPDATE SET {settings}" if settings else "DO NOTHING"
    sql = (
        f"INSERT INTO {table_name(table)} ({names}) SELECT * FROM {{}} AS given "  # noqa: S608 - quoted, and declared by a kind
        f"ON CONFLICT ({', '.join(map(quoted, (STREAM, *key)))}) {action}"
    )
    return Part(sql, ("text", *(types[column] for column in (*key, *values))))


@lru_cache(maxsize=COMPOSED_KEPT)
def _text(parts: tuple[tuple[Part, bool], ...]) -> str:
    """Return the parts as one statement: the first is the main one, the others stand in its WITH."""
    place = 0
    texts = []
    for part, many in parts:
        arguments = (f"${place + n}::{type_}" for n, type_ in enumerate(part.types, 1))
        source = f"unnest({'[], '.join(arguments)}[])" if many else f"(VALUES ({', '.join(arguments)}))"
        texts.append(part.sql.format(source))
        place += len(part.types)
    asides = ", ".join(f"part_{n} AS ({text})" for n, text in enumerate(texts[1:], 1))
    return f"WITH {asides} {texts[0]}" if asides else texts[0]


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def table_name(model: str) -> str:
    """Return the table of a read model: read models share a prefix and never meet the product's other tables."""
    return quoted(f"read_{model}")


def numbered(units: Sequence[Append], numbers: Sequence[int]) -> Mapping[str, Sequence[Message]]:
    """Return the messages of each stream, given the numbers in the order in which the statement wrote them."""
    rest = iter(sorted(numbers))
    return MappingProxyType(
        {
            unit.stream: [Message(next(rest), unit.stream, tell.to, tell.do, tell.body) for tell in unit.tells]
            for unit in units
        }
    )
