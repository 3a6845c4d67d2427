"""The journal while its database is killed, frozen or slow: no false answer, an answer in time, and back by itself."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
import trio

from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres, open_embedded
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.journal import Append, Journal, JournalError, Loaded, Receipt, Record, Superseded, Unavailable
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.migrate import migrate
from tests.conftest import MIGRATIONS, TRIAL
from tests.engine.journal_contract import ROOM, events

log = structlog.get_logger(__name__)
PATIENCE_S = 30
LOOK_S = 0.005
"""Between two looks at what tells nobody when it comes: whoever spins takes the processor from the server that is waited for."""
HASTY = replace(TRIAL, timeout_s=1.5)
"""Bounds short enough for a test; the real ones are tested once."""


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database, CommitSettings(linger_ms=5))
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        yield journal
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def own_server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Run a server that this test may kill, migrated."""
    async with open_embedded(home, UNSAFE) as server:
        async with open_database(server.dsn, TRIAL) as database:
            await migrate(database, MIGRATIONS)
        yield server


def processes(pid: int) -> list[int]:
    """Return a server and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stop processes in their tracks until the body ends."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is true."""
    with trio.fail_after(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await trio.sleep(LOOK_S)


async def load_when_back(journal: Journal, stream: str) -> Loaded:
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                return await journal.load(stream)
            except Unavailable:
                await trio.sleep(LOOK_S)


@dataclass
class Talker:
    """Says numbered things on a stream of its own, again after a doubt, and remembers what was acknowledged."""

    stream: str
    goal: int
    acknowledged: set[int] = field(default_factory=set)
    refusals: int = 0

    async def talk(self, journal: Journal) -> None:
        head = number = 0
        while len(self.acknowledged) < self.goal:
            receipt = Receipt("ada/tab", number + 1, b"d")
            try:
                await journal.append(Append(self.stream, [Record(head + 1, "said", head + 1, "ada", b"x", receipt)]))
                head += 1
            except JournalError:
                self.refusals += 1
                head = (await load_when_back(journal, self.stream)).head
                if await self._kept(journal, number + 1) is None:
                    continue
            number += 1
            self.acknowledged.add(number)

    async def _kept(self, journal: Journal, number: int) -> tuple[Receipt, int | None] | None:
        with trio.fail_after(PATIENCE_S):
            while True:
                try:
                    return await journal.receipt(self.stream, "ada/tab", number)
                except Unavailable:
                    await trio.sleep(LOOK_S)


def acknowledged_by_all(talkers: Iterable[Talker]) -> int:
    return min(len(talker.acknowledged) for talker in talkers)


async def test_a_killed_server_loses_and_doubles_nothing_that_was_acknowledged(home: Path) -> None:
    talkers = [Talker(f"room:{n}", goal=150) for n in range(12)]
    async with own_server(home) as server, open_database(server.dsn, TRIAL) as database, running(database) as journal:
        async with trio.open_nursery() as nursery:
            for talker in talkers:
                nursery.start_soon(talker.talk, journal)
            for goal in (20, 60):
                await until(lambda: acknowledged_by_all(talkers) >= goal)  # noqa: B023 - asked in this round only
                os.kill(server.pid, signal.SIGKILL)
                await until(lambda: any(talker.refusals for talker in talkers))
                for talker in talkers:
                    talker.refusals = 0
        for talker in talkers:
            kept = [r.receipt.command for r in (await journal.load(talker.stream)).tail if r.receipt]
            lost, doubled = talker.acknowledged - set(kept), len(kept) - len(set(kept))
            log.info("after two kills", acknowledged=len(talker.acknowledged), lost=len(lost), doubled=doubled)
            assert kept == sorted(talker.acknowledged), "each once, in order, and nothing else"


async def test_a_killed_session_is_a_doubt_that_is_settled(home: Path) -> None:
    async with own_server(home) as server, open_database(server.dsn, TRIAL) as database, running(database) as journal:
        await journal.append(Append(ROOM, events(1, 1)))
        async with database.transaction() as other:
            await other.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(expect_unavailable, journal)
                await other.execute(_KILL_WAITING)
        assert journal.statistics()["doubts"] == 1
        assert (await load_when_back(journal, ROOM)).head == 1
        await journal.append(Append(ROOM, events(2, 2)))


_KILL_WAITING = """DO $$ BEGIN LOOP
PERFORM pg_stat_clear_snapshot();
PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock';
EXIT WHEN FOUND; END LOOP; END $$"""


async def expect_unavailable(journal: Journal) -> None:
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(2, 2)))


async def test_a_frozen_server_is_answered_for_in_time_and_comes_back(home: Path) -> None:
    async with own_server(home) as server, open_database(server.dsn, TRIAL) as database, running(database) as journal:
        await journal.append(Append(ROOM, events(1, 1)))
        with frozen(*processes(server.pid)):
            for _ in range(2):
                begun = trio.current_time()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(expect_unavailable, journal)
                    for call in (journal.now, journal.epoch, journal.messages):
                        nursery.start_soon(_expect_refusal, call)
                assert trio.current_time() - begun < 4
        begun = trio.current_time()
        head = (await load_when_back(journal, ROOM)).head
        assert trio.current_time() - begun < 5
        assert head in {1, 2}, "in doubt: it may have been done, but never by half"
        await journal.append(Append(ROOM, events(head + 1, head + 1)))
        assert [record.seq for record in (await journal.load(ROOM)).tail] == list(range(1, head + 2))


async def _expect_refusal(call: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(Unavailable):
        await call()


async def test_nothing_is_read_while_a_frozen_session_may_still_write(home: Path) -> None:
    async with own_server(home) as server, open_database(server.dsn, HASTY) as database, running(database) as journal:
        await journal.append(Append(ROOM, events(1, 1)))
        (row,) = await database.fetch("SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO journal%'")
        with frozen(row["pid"]):
            await expect_unavailable(journal)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await journal.load(ROOM)
        head = (await load_when_back(journal, ROOM)).head
        for _ in range(3):
            assert (await journal.load(ROOM)).head == head, "what was answered once does not change behind it"
        with pytest.raises(Superseded):
            await journal.append(Append(ROOM, events(head, head)))


async def test_a_server_that_is_away_refuses_at_once_and_is_not_stormed(home: Path) -> None:
    async with open_database(f"postgresql://nobody@/none?host={home}", TRIAL) as database, running(database) as journal:
        begun = trio.current_time()
        for _ in range(50):
            await expect_unavailable(journal)
            await _expect_refusal(journal.now)
        assert trio.current_time() - begun < 3
        assert database.gate.attempts <= 10
