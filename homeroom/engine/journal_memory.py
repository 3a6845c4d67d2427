"""The journal in memory: complete, and as strict as the one in PostgreSQL; for simulation, trials and fast tests.

What is kept lives in a `MemoryStore`, which outlives engines: a second `MemoryJournal` on the same store is a restart.
A `fates` hook decides what befalls each call, so every fault that a database can cause happens here on demand, and
the same way again for the same seed. Never here: threads, files, randomness.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import trio

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.company import Company
from homeroom.engine.journal import Append, Deadline, Loaded, Message, Receipt, Record, Saved, Superseded, Unavailable
from homeroom.engine.kind import Table
from homeroom.engine.look_up_memory import look_up
from homeroom.engine.read_model import ReadModels

ResultT = TypeVar("ResultT")
START_MS = 1_750_000_000_000
"""The Unix time of trio's time 0 in a store that was not told another."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one call: `delay` s before the work, `lag` s between the work and the answer, and how it fails.

    `fail="before"`: `Unavailable`, and nothing happened. `fail="after"`: the work is done — an append is durable — but
    the caller gets `Unavailable`: the commit in doubt.
    """

    delay: float = 0.0
    lag: float = 0.0
    fail: Literal["", "before", "after"] = ""


WELL = Fate()
Fates = Callable[[str, str], Fate]
"""Called once a call with the method's name and the stream ("" where there is none)."""
Pause = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass."""


def all_well(method: str, stream: str) -> Fate:
    """Let every call succeed at once."""
    return WELL


@dataclass(slots=True)
class _Stream:
    """All that is kept of one stream."""

    records: list[Record] = field(default_factory=list)
    receipts: dict[str, dict[int, tuple[Receipt, int]]] = field(default_factory=dict)
    alone: dict[str, dict[int, Receipt]] = field(default_factory=dict)  # of commands without an event
    saved: Saved | None = None
    deadlines: dict[str, int | None] = field(default_factory=dict)
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = field(default_factory=dict)


class MemoryStore:
    """What survives the engine: give the same store to the next journal, and it finds everything there."""

    def __init__(self, epoch: str = "memory", start_ms: int = START_MS) -> None:
        self.epoch = epoch
        self.start_ms = start_ms
        self.models = ReadModels()
        self.streams: dict[str, _Stream] = {}
        self.messages: dict[int, Message] = {}
        self.next_message = 1

    def stream(self, name: str) -> _Stream:
        """Return the stream, made empty if nothing happened to it yet."""
        return self.streams.setdefault(name, _Stream())

    def peek(self, name: str) -> _Stream:
        """Return the stream for reading only: asking about a stream does not make it."""
        return self.streams.get(name) or _Stream()

    def write(self, unit: Append) -> Sequence[Message]:
        """Carry out `unit` wholly, or raise before anything changed: `Superseded`, or `ValueError` for a bad row."""
        rows = self.models.clean_rows(unit.rows)
        stream = self.stream(unit.stream)
        _refuse_superseded(stream, unit)
        for record in unit.records:
            _add(stream, record)
        for receipt in unit.receipts:
            stream.alone.setdefault(receipt.client, {})[receipt.command] = receipt
        for key in unit.disarm:
            stream.deadlines.pop(key, None)
        stream.deadlines.update(unit.arm)
        for number in unit.consumed:
            self.messages.pop(number, None)
        for row in rows:
            _upsert(stream, self.models.table(row.table), row)
        return self._post(unit)

    def _post(self, unit: Append) -> Sequence[Message]:
        sent = []
        for tell in unit.tells:
            message = Message(self.next_message, unit.stream, tell.to, tell.do, tell.body)
            self.messages[message.number] = message
            self.next_message += 1
            sent.append(message)
        return sent


class MemoryJournal:
    """The `Journal` protocol on a `MemoryStore`.

    `fates` decides over each call, `pause` lets its delays pass; `available = False` makes every call raise `Unavailable` until it is set again.
    """

    def __init__(self, store: MemoryStore | None = None, fates: Fates = all_well, pause: Pause = trio.sleep) -> None:
        self.store = store if store is not None else MemoryStore()
        self.fates = fates
        self._pause = pause
        self.available = True
        self.company = Company()  # an append costs nothing here, so nobody waits
        self._pending = 0
        self._counts = {"appends": 0, "records": 0, "failures": 0}

    async def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Make room for the declared read models; raises `ValueError` for a bad declaration."""
        self.store.models.declare(tables)
        await trio.lowlevel.checkpoint()

    async def append(self, unit: Append) -> Sequence[Message]:
        """Make `unit` durable, or raise `Superseded` or `Unavailable`; cancelled during `lag` it is durable."""
        self._pending += 1
        try:
            sent = await self._undergo("append", unit.stream, lambda: self.store.write(unit))
        except (Unavailable, Superseded):
            self._counts["failures"] += 1
            raise
        finally:
            self._pending -= 1
        self._counts["appends"] += 1
        self._counts["records"] += len(unit.records)
        return sent

    async def load(self, stream: str) -> Loaded:
        """Read the newest snapshot, what came after it, and the deadlines."""
        return await self._undergo("load", stream, lambda: _loaded(self.store.peek(stream)))

    async def read(self, stream: str, after: int, upto: int, limit: int) -> Sequence[Record]:
        """Read events `after` < seq <= `upto`, at most `limit`."""
        end = min(upto, max(after, 0) + max(limit, 0))
        return await self._undergo("read", stream, lambda: self.store.peek(stream).records[max(after, 0) : max(end, 0)])

    async def receipt(self, stream: str, client: str, command: int) -> tuple[Receipt, int | None] | None:
        """Find what became of a command, in both places."""
        return await self._undergo("receipt", stream, lambda: _receipt(self.store.peek(stream), client, command))

    async def newest_command(self, stream: str, client: str) -> int:
        """Return the largest command number of `client`, 0 if there is none."""
        return await self._undergo("newest_command", stream, lambda: _newest(self.store.peek(stream), client))

    async def save(self, stream: str, saved: Saved) -> None:
        """Keep a snapshot unless a newer one is there."""
        await self._undergo("save", stream, lambda: _save(self.store.stream(stream), saved))

    async def deadlines(self, upto: int) -> Sequence[Deadline]:
        """Read the deadlines due by `upto`, the earliest first."""
        return await self._undergo("deadlines", "", lambda: _due(self.store.streams, upto))

    async def on_start(self) -> Sequence[Deadline]:
        """Read the deadlines without a due time."""
        return await self._undergo("on_start", "", lambda: _undated(self.store.streams))

    async def messages(self) -> Sequence[Message]:
        """Read the messages not yet carried out, by number."""
        return await self._undergo(
            "messages", "", lambda: [self.store.messages[n] for n in sorted(self.store.messages)]
        )

    async def look_up(self, stream: str, lookup: Lookup) -> list[Mapping[str, Any]]:
        """Answer a question to a read model; raises `ValueError` for a table or column not declared."""
        cleaned = self.store.models.clean_lookup(lookup)
        key = self.store.models.table(cleaned.table).key

        def find() -> list[Mapping[str, Any]]:
            return look_up(
                self.store.streams if cleaned.everywhere else {stream: self.store.peek(stream)}, key, cleaned
            )

        return await self._undergo("look_up", stream, find)

    async def known(self, streams: Sequence[str]) -> frozenset[str]:
        """Return those of `streams` that have records or a snapshot."""

        def find() -> frozenset[str]:
            found = ((name, self.store.peek(name)) for name in streams)
            return frozenset(name for name, stream in found if stream.records or stream.saved is not None)

        return await self._undergo("known", "", find)

    async def seq_at(self, stream: str, at: int) -> int:
        """Return the number before the first event at or after `at`."""
        return await self._undergo(
            "seq_at", stream, lambda: bisect_left(self.store.peek(stream).records, at, key=lambda record: record.at)
        )

    async def epoch(self) -> str:
        """Return the store's epoch."""
        return await self._undergo("epoch", "", lambda: self.store.epoch)

    async def now(self) -> int:
        """Return the store's start plus trio's time, in Unix ms: `MockClock` moves it."""
        return await self._undergo("now", "", lambda: self.store.start_ms + int(trio.current_time() * 1000))

    def statistics(self) -> Mapping[str, float]:
        """Return `pending` appends now, and `appends`, `records` and `failures` so far."""
        return {"pending": self._pending, **self._counts}

    async def _undergo(self, method: str, stream: str, work: Callable[[], ResultT]) -> ResultT:
        """Do `work` at one instant of time, as the fate of this call allows."""
        fate = self.fates(method, stream)
        await self._pause(fate.delay)
        self._refuse_unavailable(method, fate.fail == "before")
        result = work()
        if fate.lag:
            await self._pause(fate.lag)
        self._refuse_unavailable(method, fate.fail == "after")
        return result

    def _refuse_unavailable(self, method: str, failing: bool) -> None:
        if failing or not self.available:
            raise Unavailable(f"{method}: no answer from the journal")


def _refuse_superseded(stream: _Stream, unit: Append) -> None:
    """Raise `Superseded` unless the numbers follow the stream's head and every command is new."""
    head = len(stream.records)
    seqs = [record.seq for record in unit.records]
    if seqs != list(range(head + 1, head + 1 + len(seqs))):
        raise Superseded(f"{unit.stream}: {seqs} do not follow {head}")
    for record in unit.records:
        receipt = record.receipt
        if receipt and receipt.command in stream.receipts.get(receipt.client, {}):
            raise Superseded(f"{unit.stream}: command {receipt.command} of {receipt.client} is there already")
    for receipt in unit.receipts:
        if receipt.command in stream.alone.get(receipt.client, {}):
            raise Superseded(f"{unit.stream}: command {receipt.command} of {receipt.client} is there already")


def _receipt(stream: _Stream, client: str, command: int) -> tuple[Receipt, int | None] | None:
    found = stream.receipts.get(client, {}).get(command)
    alone = stream.alone.get(client, {}).get(command)
    return (alone, None) if found is None and alone is not None else found


def _newest(stream: _Stream, client: str) -> int:
    return max((*stream.receipts.get(client, ()), *stream.alone.get(client, ())), default=0)


def _add(stream: _Stream, record: Record) -> None:
    stream.records.append(record)
    if record.receipt:
        stream.receipts.setdefault(record.receipt.client, {})[record.receipt.command] = (record.receipt, record.seq)


def _upsert(stream: _Stream, table: Table, row: Row) -> None:
    """Set the given columns of the row with this key; columns never set are `None`."""
    rows = stream.rows.setdefault(table.name, {})
    known = rows.setdefault(tuple(row.key[column] for column in table.key), dict.fromkeys(table.columns))
    known.update(row.key)
    known.update(row.values)


def _save(stream: _Stream, saved: Saved) -> None:
    if stream.saved is None or stream.saved.seq <= saved.seq:
        stream.saved = saved


def _loaded(stream: _Stream) -> Loaded:
    start = stream.saved.seq if stream.saved else 0
    tail = tuple(stream.records[start:])
    return Loaded(len(stream.records), stream.saved, tail, dict(stream.deadlines), bool(stream.alone))


def _due(streams: Mapping[str, _Stream], upto: int) -> Sequence[Deadline]:
    found = [
        (due, name, key)
        for name, stream in streams.items()
        for key, due in stream.deadlines.items()
        if due is not None and due <= upto
    ]
    return [Deadline(name, key, due) for due, name, key in sorted(found)]


def _undated(streams: Mapping[str, _Stream]) -> Sequence[Deadline]:
    found = ((name, key) for name, stream in streams.items() for key, due in stream.deadlines.items() if due is None)
    return [Deadline(name, key, None) for name, key in sorted(found)]
