"""The real engine with every kind of actor on a journal in memory or another, for what a driver without an engine cannot show."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Guardians, Refusal, nobody
from homeroom.engine.clock import TrioClock
from homeroom.engine.courier import Deliver
from homeroom.engine.database import Database
from homeroom.engine.engine import NOWHERE, Engine
from homeroom.engine.envelope import Done, Joined, Watch
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import MemoryJournal, MemoryStore
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.named import Strangers, no_strangers
from homeroom.protocol.stored import MsgpackFrames, StoredWire


class Onlooker:
    """A subscriber that keeps its frames."""

    format = "msgpack"
    closed = False

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.user = caller.user
        self.frames: list[dict[str, Any]] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(msgspec.msgpack.decode(frame))

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()

    def events(self, to: str, frame: str = "ev") -> list[tuple[str, dict[str, Any]]]:
        """Return type and data of all events of a stream, those of `ev` frames or of `sig` frames."""
        return [
            (event["type"], event["d"])
            for found in self.frames
            if found["t"] == frame and found["to"] == to
            for event in found["e"]
        ]


class School:
    """A running engine. Leaving `open_school` ends it like a kill; the store outlives it."""

    def __init__(self, engine: Engine, store: MemoryStore) -> None:
        self.engine = engine
        self.store = store

    async def do(self, to: str, command: Any, caller: Caller = SYSTEM_CALLER) -> Any:
        """Carry out a command; returns its reply, raises its `Refusal`."""
        answer = await self.engine.ref(to).ask(command, caller)
        if isinstance(answer, Refusal):
            raise answer
        assert isinstance(answer, Done)
        return answer.reply

    async def watch(self, to: str, onlooker: Onlooker, since: int | None = None) -> Joined:
        """Subscribe; returns what was joined, raises the `Refusal`."""
        send, receive = trio.open_memory_channel[Joined | Refusal](1)
        cursor = None if since is None else (self.engine.epoch, since)
        self.engine.ref(to).tell(Watch(onlooker, onlooker.caller, cursor, send.send_nowait))
        answer = await receive.receive()
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def ask(self, listing: str, query: Any, caller: Caller) -> Any:
        """Return what a list, called by its name, answers to a query; raises its `Refusal`."""
        (found,) = [one for kind in KINDS for one in kind.lists if one.name == listing]
        if not found.rule.permits(caller.role, ()):
            raise Refusal("forbidden", "this list is not for you")
        return await self.engine.look_up(found.ask(query, caller))

    async def state(self, to: str, caller: Caller) -> Any:
        """Return a fresh view as builtin types."""
        return (await self.engine.ref(to).read(caller, None, 1)).state


@asynccontextmanager
async def open_school(
    store: MemoryStore | None = None,
    guardians: Guardians = nobody,
    beyond: Mapping[str, Deliver] = NOWHERE,
    strangers: Strangers = no_strangers,
) -> AsyncIterator[School]:
    """Run an engine with all kinds on `store`, or on a new one."""
    journal = MemoryJournal(store)
    async with open_school_on(journal, journal.store, guardians, beyond, strangers) as school:
        yield school


@asynccontextmanager
async def open_school_on(
    journal: MemoryJournal | PostgresJournal,
    store: MemoryStore,
    guardians: Guardians = nobody,
    beyond: Mapping[str, Deliver] = NOWHERE,
    strangers: Strangers = no_strangers,
) -> AsyncIterator[School]:
    """Run an engine with all kinds on a journal."""
    await journal.ensure_tables(table for kind in KINDS for table in kind.tables)
    wire, hub, clock = StoredWire(), Hub({"msgpack": MsgpackFrames()}), TrioClock(await journal.now())
    engine = Engine(
        KINDS,
        journal,
        wire,
        hub,
        clock=clock,
        random=Random(1),
        guardians=guardians,
        beyond=beyond,
        strangers=strangers,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        await nursery.start(engine.run)
        yield School(engine, store)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_kept_school(database: Database) -> AsyncIterator[School]:
    """Run an engine with all kinds on a real database: one start of a server."""
    journal = PostgresJournal(database, CommitSettings(linger_ms=0))
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        async with open_school_on(journal, MemoryStore()) as school:
            yield school
        nursery.cancel_scope.cancel()
