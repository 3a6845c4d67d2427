"""The engine on a real PostgreSQL: what the memory journal promises in the other tests holds there too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Done, Watch
from homeroom.engine.hub import Hub
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.waiter import Waiter
from homeroom.protocol.stored import MsgpackFrames, StoredWire
from tests.engine.trial import ADA, TALLY, Add, Boom, Find, Remind, Send, Sink

pytestmark = pytest.mark.usefixtures("logs")


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Engine]:
    """Run an engine; at the end it is cancelled, with nothing saved."""
    journal = PostgresJournal(database)
    await journal.ensure_tables(TALLY.tables)
    hub = Hub({"msgpack": MsgpackFrames()})
    clock = TrioClock(await journal.now())
    engine = Engine([TALLY], journal, StoredWire(), hub, clock=clock, random=Random(7))
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await nursery.start(hub.run)
        await nursery.start(engine.run)
        yield engine
        nursery.cancel_scope.cancel()


async def done(engine: Engine, command: Any, to: str = "tally:a", **identity: Any) -> Done:
    answer = await engine.ref(to).ask(command, ADA, **identity)
    assert isinstance(answer, Done), answer
    return answer


async def arrival(sink: Sink, count: int) -> None:
    """Wait until so many events have come."""
    with trio.fail_after(10):
        while len(sink.events) < count:
            await trio.testing.wait_all_tasks_blocked(0.005)


async def test_everything_acknowledged_is_there_once_after_an_abrupt_end(database: Database) -> None:
    identity: dict[str, Any] = {"client": "ada/tab", "number": 9, "digest": b"d" * 16}
    async with running(database) as engine:
        first = await done(engine, Add(2, times=3), **identity)
        await done(engine, Send("tally:b", 5))
        await done(engine, Remind("lost"))
        assert isinstance(await engine.ref("tally:a").ask(Boom("apply"), ADA), Refusal)
        assert (await done(engine, Find())).reply == [6, 4, 2]
    async with running(database) as engine:
        sink = Sink()
        waiter: Waiter[Any] = Waiter()
        engine.ref("tally:a").tell(Watch(sink, ADA, (engine.epoch, 1), waiter.take))
        assert (await waiter.wait()).state is None
        again = await done(engine, Add(2, times=3), **identity)
        assert (again.again, again.seq) == (True, first.seq)
        await arrival(sink, 4)
        assert sink.numbers == [2, 3, 4, 5]
        assert [event["type"] for event in sink.events[-2:]] == ["tally.sent", "tally.reminded"]
        page = await engine.ref("tally:b").read(ADA, None, 1)
        assert page.state == {"total": 5, "events": 1}


async def test_a_drained_engine_leaves_snapshots_and_the_next_one_goes_on(database: Database) -> None:
    async with running(database) as engine:
        for _ in range(5):
            await done(engine, Add(1))
        await engine.drain()
    async with running(database) as engine:
        assert (await done(engine, Add(1))).reply == {"total": 6, "seq": 6}
        assert engine.statistics()["counters"]["crashes"] == 0
