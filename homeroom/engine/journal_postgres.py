"""The journal in PostgreSQL: reads over a small pool, appends through one writer (`group_commit`).

Every method raises `Unavailable` within 3 s when the database does not answer, and reads only after everything
in doubt has been settled. Never here: the driver, and what the bytes mean.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from itertools import chain
from typing import Any

import trio

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings, GroupCommit
from homeroom.engine.group_statement import quoted, table_name
from homeroom.engine.journal import Append, Deadline, Loaded, Message, Receipt, Record, Saved, Unavailable
from homeroom.engine.kind import Table
from homeroom.engine.look_up_statement import COLLATION, look_up_statement
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.read_model import STREAM, ReadModels

BIGINT_MOST = 2**63 - 1
_TABLES_LOCK = 0x726561646D6F646C
"""The advisory lock under which read models are made: the letters `readmodl`."""

_RECORD = "seq, type, at, by, body, client, command, digest, reply"
_LOAD = """SELECT coalesce((SELECT max(seq) FROM journal WHERE stream = $1), 0) AS head,
saved.seq, saved.version, saved.body,
ARRAY(SELECT key FROM deadlines WHERE stream = $1 ORDER BY key) AS keys,
ARRAY(SELECT due FROM deadlines WHERE stream = $1 ORDER BY key) AS dues,
EXISTS (SELECT FROM receipts WHERE stream = $1) AS receipts
FROM (VALUES ($1)) AS asked (stream) LEFT JOIN snapshots AS saved ON saved.stream = asked.stream"""
_READ = f"SELECT {_RECORD} FROM journal WHERE stream = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"  # noqa: S608 - constants
_RECEIPT = """SELECT seq, digest, reply FROM journal WHERE stream = $1 AND client = $2 AND command = $3
UNION ALL SELECT NULL, digest, reply FROM receipts WHERE stream = $1 AND client = $2 AND command = $3"""
_NEWEST = """SELECT greatest(
(SELECT max(command) FROM journal WHERE stream = $1 AND client = $2),
(SELECT max(command) FROM receipts WHERE stream = $1 AND client = $2)) AS command"""
_SAVE = """INSERT INTO snapshots (stream, seq, version, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, version = excluded.version, body = excluded.body
WHERE snapshots.seq <= excluded.seq"""
# A bisection over the primary key: `at` grows with `seq`.
_SEQ_AT = """WITH RECURSIVE search (low, high) AS (
SELECT 0::bigint, coalesce(max(seq), 0) + 1 FROM journal WHERE stream = $1
UNION ALL
SELECT CASE WHEN before THEN middle ELSE low END, CASE WHEN before THEN high ELSE middle END
FROM search, LATERAL (SELECT (low + high) / 2) AS half (middle), LATERAL (
SELECT coalesce((SELECT at < $2 FROM journal WHERE stream = $1 AND seq = middle), true)) AS side (before)
WHERE high - low > 1)
SELECT low FROM search WHERE high - low = 1"""

_KNOWN = """SELECT stream FROM unnest($1::text[]) AS asked (stream)
WHERE EXISTS (SELECT FROM journal WHERE journal.stream = asked.stream)
OR EXISTS (SELECT FROM snapshots WHERE snapshots.stream = asked.stream)"""


def _nobody_heard(rows: Sequence[Row]) -> None:
    """Do nothing: nobody asked for the rows."""


class PostgresJournal:
    """The `Journal` protocol on a migrated database; appends need `run` to be running.

    `wrote` is told the rows of read models once an append has ended, and must not wait.
    """

    def __init__(
        self,
        database: Database,
        settings: CommitSettings | None = None,
        *,
        wrote: Callable[[Sequence[Row]], None] = _nobody_heard,
    ) -> None:
        self._database = database
        self._models = ReadModels()
        self._writer = GroupCommit(database, self._models, settings or CommitSettings())
        self.company = self._writer.company
        self._collation = "default"
        self._wrote = wrote

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry out appends until cancelled."""
        await self._writer.run(task_status=task_status)

    async def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Make the tables of the declared read models, and columns and indexes that are new; existing rows have null there.

        Raises `ValueError` for a bad declaration or one that contradicts an existing table.
        """
        declared = self._models.declare(tables)
        with _unavailable():
            async with self._database.transaction() as connection:
                await connection.fetch("SELECT pg_advisory_xact_lock($1)", _TABLES_LOCK)
                self._collation = (await connection.fetch(COLLATION))[0]["name"]
                if declared:  # the driver takes no empty script
                    await connection.script(";".join(chain.from_iterable(map(table_statements, declared))))
                found = await connection.fetch(_COLUMNS, [table.name for table in declared])
                for table in declared:
                    check_columns(table, {row["name"]: row["type"] for row in found if row["model"] == table.name})

    async def append(self, unit: Append) -> Sequence[Message]:
        """Make `unit` durable together with those of others; raises `Superseded`, or `Unavailable` in doubt."""
        if unit.rows:
            unit = replace(unit, rows=self._models.clean_rows(unit.rows))
        elif not (unit.records or unit.tells or unit.arm or unit.disarm or unit.consumed or unit.receipts):
            return ()
        try:
            return await self._writer.append(unit)
        finally:  # whoever hears of rows reads them anew, so one time too many is no harm
            if unit.rows:
                self._wrote(unit.rows)

    async def load(self, stream: str) -> Loaded:
        """Read the newest snapshot, what came after it, and the deadlines."""
        await self._writer.wait_in_flight(stream)
        (row,) = await self._fetch(_LOAD, stream)
        saved = None if row["seq"] is None else Saved(row["seq"], row["version"], row["body"])
        start = saved.seq if saved else 0
        tail = await self.read(stream, start, row["head"], BIGINT_MOST) if row["head"] > start else ()
        deadlines = dict(zip(row["keys"], row["dues"], strict=True))
        return Loaded(max(row["head"], start), saved, tail, deadlines, row["receipts"])

    async def read(self, stream: str, after: int, upto: int, limit: int) -> Sequence[Record]:
        """Read events `after` < seq <= `upto`, at most `limit`."""
        rows = await self._fetch(_READ, stream, after, min(upto, BIGINT_MOST), max(limit, 0))
        return [_record(row) for row in rows]

    async def receipt(self, stream: str, client: str, command: int) -> tuple[Receipt, int | None] | None:
        """Find what became of a command, in both places."""
        rows = await self._fetch(_RECEIPT, stream, client, command)
        return (Receipt(client, command, rows[0]["digest"], rows[0]["reply"]), rows[0]["seq"]) if rows else None

    async def newest_command(self, stream: str, client: str) -> int:
        """Return the largest command number of `client`, 0 if there is none."""
        (row,) = await self._fetch(_NEWEST, stream, client)
        return row["command"] or 0

    async def save(self, stream: str, saved: Saved) -> None:
        """Keep a snapshot unless a newer one is there."""
        await self._fetch(_SAVE, stream, saved.seq, saved.version, saved.body)

    async def deadlines(self, upto: int) -> Sequence[Deadline]:
        """Read the deadlines due by `upto`, the earliest first."""
        sql = "SELECT stream, key, due FROM deadlines WHERE due <= $1 ORDER BY due, stream, key"
        return [Deadline(row["stream"], row["key"], row["due"]) for row in await self._fetch(sql, upto)]

    async def on_start(self) -> Sequence[Deadline]:
        """Read the deadlines without a due time."""
        sql = "SELECT stream, key FROM deadlines WHERE due IS NULL ORDER BY stream, key"
        return [Deadline(row["stream"], row["key"], None) for row in await self._fetch(sql)]

    async def messages(self) -> Sequence[Message]:
        """Read the messages not yet carried out, by number."""
        rows = await self._fetch("SELECT number, source, target, verb, body FROM messages ORDER BY number")
        return [Message(row["number"], row["source"], row["target"], row["verb"], row["body"]) for row in rows]

    async def look_up(self, stream: str, lookup: Lookup) -> list[Mapping[str, Any]]:
        """Answer a question to a read model; raises `ValueError` for a table or column not declared."""
        cleaned = self._models.clean_lookup(lookup)
        sql, args = look_up_statement(stream, cleaned, self._models, self._collation)
        return [dict(row) for row in await self._fetch(sql, *args)]

    async def known(self, streams: Sequence[str]) -> frozenset[str]:
        """Return those of `streams` that have events or a snapshot."""
        rows = await self._fetch(_KNOWN, list(streams))
        return frozenset(row["stream"] for row in rows)

    async def seq_at(self, stream: str, at: int) -> int:
        """Return the number before the first event at or after `at`."""
        (row,) = await self._fetch(_SEQ_AT, stream, at)
        return int(row["low"])

    async def epoch(self) -> str:
        """Return the name of the database's history."""
        (row,) = await self._fetch("SELECT name FROM epoch")
        return str(row["name"])

    async def now(self) -> int:
        """Return the database's clock in Unix ms."""
        (row,) = await self._fetch("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now")
        return int(row["now"])

    def statistics(self) -> Mapping[str, float]:
        """Return the figures of the writer and, with `pool_` before them, of the pool."""
        pool = {f"pool_{name}": value for name, value in self._database.statistics().items()}
        return {**self._writer.statistics(), **pool}

    async def _fetch(self, sql: str, *args: Any) -> list[Any]:
        """Return rows read after everything in doubt was settled."""
        with _unavailable(), trio.move_on_after(self._database.settings.timeout_s):
            await self._writer.doubts.settle()
            return await self._database.fetch(sql, *args)
        raise Unavailable("no answer from the database in time")


@contextmanager
def _unavailable() -> Iterator[None]:
    """Say in the journal's words that the database did not do what was asked."""
    try:
        yield
    except DatabaseError as error:
        raise Unavailable(str(error)) from error


def _record(row: Any) -> Record:
    seq, type_, at, by, body, client, command, digest, reply = row
    return Record(seq, type_, at, by, body, None if client is None else Receipt(client, command, digest, reply))


_COLUMNS = """SELECT model, attname AS name, format_type(atttypid, NULL) AS type FROM unnest($1::text[]) AS asked (model)
JOIN pg_attribute ON attrelid = to_regclass('read_' || model) AND attnum > 0 AND NOT attisdropped"""


def _column(name: str, type_: str) -> str:
    return f"{quoted(name)} {type_}" + (' COLLATE "C"' if type_ == "text" else "")


def table_statements(table: Table) -> Sequence[str]:
    """Return what makes the table of a read model, or gives an existing one its new columns."""
    columns = ", ".join(_column(name, type_) for name, type_ in table.columns.items())
    key = ", ".join(map(quoted, (STREAM, *table.key)))
    name = table_name(table.name)
    added = [f"ADD COLUMN IF NOT EXISTS {_column(*each)}" for each in table.columns.items() if each[0] not in table.key]
    return [
        f"CREATE TABLE IF NOT EXISTS {name} ({_column(STREAM, 'text')}, {columns}, PRIMARY KEY ({key}))",
        *([f"ALTER TABLE {name} {', '.join(added)}"] if added else []),
        *(_index(table, columns) for columns in table.indexes),
    ]


def _index(table: Table, columns: tuple[str, ...]) -> str:
    """Return what makes an index; its name is short whatever its columns are called."""
    ordered = (*columns, *(() if STREAM in columns else (STREAM,)))
    digest = blake2b(" ".join(ordered).encode(), digest_size=4).hexdigest()
    name = quoted(f"read_{table.name}_{digest}")
    return f"CREATE INDEX IF NOT EXISTS {name} ON {table_name(table.name)} ({', '.join(map(quoted, ordered))})"


def check_columns(table: Table, found: Mapping[str, str]) -> None:
    """Raise `ValueError` when the existing table's columns are not what is declared."""
    for name, type_ in table.columns.items():
        if found.get(name) != type_:
            raise ValueError(
                f"the read model {table.name!r} declares {name} as {type_}, its table has {found.get(name)}"
            )
