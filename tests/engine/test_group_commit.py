"""Group commit: what waits goes out together, what is quiet goes at once, and only the guilty fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.behaviour import Row
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings, Pace
from homeroom.engine.group_statement import compose
from homeroom.engine.journal import Append, Outgoing, Superseded, Unavailable
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.kind import Table
from homeroom.engine.read_model import ReadModels
from tests.engine.journal_contract import ROOM, event, events

QUICK = CommitSettings(linger_ms=0)


@asynccontextmanager
async def running(database: Database, settings: CommitSettings = QUICK) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database, settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        yield journal
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def blocked_writer(database: Database, journal: PostgresJournal) -> AsyncIterator[None]:
    """Hold up the writer with one append under way, until the body ends."""
    async with trio.open_nursery() as nursery, database.transaction() as other:
        await other.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
        nursery.start_soon(journal.append, Append("room:first", events(1, 1)))
        while not await other.fetch("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'journal'::regclass"):
            await trio.lowlevel.checkpoint()
        yield


async def test_what_waits_for_a_commit_goes_out_in_the_next_one(database: Database) -> None:
    async with running(database) as journal:
        async with trio.open_nursery() as nursery, blocked_writer(database, journal):
            for n in range(100):
                nursery.start_soon(journal.append, Append(f"room:{n}", events(1, 2)))
            await wait_all_tasks_blocked()
            assert journal.statistics()["pending"] == 101
        assert journal.statistics()["commits"] == 2
        assert journal.statistics()["records"] == 201


async def test_who_decides_in_the_turn_of_the_loop_in_which_the_writer_wakes_comes_along(database: Database) -> None:
    """A commit missed is a whole window more to wait; and the loop takes a turn's tasks in either order."""

    async def decide(turns: int, number: int) -> None:
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        await journal.append(Append(f"room:{number}.{turns}", events(1, 1)))

    async with running(database) as journal:
        for number in range(20):
            async with trio.open_nursery() as nursery:
                for turns in (0, 1):
                    nursery.start_soon(decide, turns, number)
        assert journal.statistics()["commits"] == 20


async def test_two_appends_of_one_stream_keep_their_order(database: Database) -> None:
    async with running(database) as journal:
        async with trio.open_nursery() as nursery, blocked_writer(database, journal):
            for n in range(1, 4):
                nursery.start_soon(journal.append, Append(ROOM, [event(n)]))
                await wait_all_tasks_blocked()
        assert [record.seq for record in (await journal.load(ROOM)).tail] == [1, 2, 3]
        assert journal.statistics()["commits"] == 4


async def test_a_full_queue_refuses_at_once(database: Database) -> None:
    async with running(database, CommitSettings(linger_ms=0, capacity=2)) as journal:
        async with trio.open_nursery() as nursery, blocked_writer(database, journal):
            for n in range(2):
                nursery.start_soon(journal.append, Append(f"room:{n}", events(1, 1)))
            await wait_all_tasks_blocked()
            with pytest.raises(Unavailable, match="full"):
                await journal.append(Append("room:late", events(1, 1)))
        assert (await journal.load("room:1")).head == 1
        assert (await journal.load("room:late")).head == 0


async def test_an_append_given_up_while_it_waits_is_not_written(database: Database) -> None:
    async with running(database) as journal:
        async with blocked_writer(database, journal):
            with trio.move_on_after(0) as scope:
                await journal.append(Append(ROOM, events(1, 1)))
            assert scope.cancelled_caught
        await journal.append(Append("room:next", events(1, 1)))
        assert (await journal.load(ROOM)).head == 0


async def test_a_load_waits_for_what_is_being_written(database: Database) -> None:
    async with running(database) as journal:
        heads = []

        async def load() -> None:
            heads.append((await journal.load("room:first")).head)

        async with trio.open_nursery() as nursery, blocked_writer(database, journal):
            nursery.start_soon(load)
            await wait_all_tasks_blocked()
            assert heads == []
        assert heads == [1]


async def test_only_the_guilty_of_a_group_fails(database: Database) -> None:
    async with running(database) as journal:
        await journal.append(Append("room:taken", events(1, 1)))
        outcomes: dict[str, str] = {}

        async def append(stream: str) -> None:
            try:
                await journal.append(Append(stream, events(1, 1), (Outgoing("room:x", "hear", b""),)))
                outcomes[stream] = "kept"
            except (Superseded, Unavailable) as error:
                outcomes[stream] = type(error).__name__

        async with trio.open_nursery() as nursery, blocked_writer(database, journal):
            for stream in ("room:1", "room:taken", "room:nul\0", "room:2"):
                nursery.start_soon(append, stream)
            await wait_all_tasks_blocked()
        assert outcomes == {"room:1": "kept", "room:taken": "Superseded", "room:nul\0": "Unavailable", "room:2": "kept"}
        assert [message.source for message in await journal.messages()] in (["room:1", "room:2"], ["room:2", "room:1"])
        assert journal.statistics()["doubts"] == 0


async def test_a_journal_that_does_not_run_refuses(database: Database) -> None:
    journal = PostgresJournal(database)
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(1, 1)))
    async with running(database) as journal:
        pass
    with pytest.raises(Unavailable):
        await journal.append(Append(ROOM, events(1, 1)))


async def test_closing_answers_everybody_who_waits(database: Database) -> None:
    refusals = []

    async def append(journal: PostgresJournal, stream: str) -> None:
        try:
            await journal.append(Append(stream, events(1, 1)))
        except Unavailable as error:
            refusals.append(str(error))

    journal = PostgresJournal(database, QUICK)
    async with trio.open_nursery() as callers, trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        async with database.transaction() as other:
            await other.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
            for n in range(3):
                callers.start_soon(append, journal, f"room:{n}")
                await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert refusals == ["the journal was closed"] * 3


def test_the_first_commit_after_a_quiet_time_goes_at_once() -> None:
    pace = Pace(0.02)
    assert pace.wait_s(100.0) == 0
    pace.note(100.0, 1)
    assert pace.wait_s(100.001) == 0, "one commit is no load"


def test_under_load_commits_keep_their_distance() -> None:
    pace, now, commits = Pace(0.02), 0.0, 0
    while now < 10.0:
        now += pace.wait_s(now)
        pace.note(now, 3)
        commits += 1
        now += 0.005
    assert 300 <= commits <= 510, "at most one in 20 ms, the first burst apart"
    assert pace.wait_s(now) > 0
    assert pace.wait_s(now + 3.0) == 0, "quiet again"


def test_a_lone_caller_waits_for_company_that_never_comes_only_now_and_then() -> None:
    pace, now, commits = Pace(0.02), 0.0, 0
    while now < 10.0:
        now += pace.wait_s(now)
        pace.note(now, 1)
        commits += 1
        now += 0.002  # the commit, and the next command after its answer
    assert commits > 4_000, "lingering for each would leave 500"


def test_no_linger_means_never_to_wait() -> None:
    pace = Pace(0)
    for n in range(1000):
        pace.note(n / 1000, 1)
    assert pace.wait_s(1.0) == 0


def test_a_statement_holds_only_the_parts_that_are_there() -> None:
    models = ReadModels()
    plain = compose([Append(ROOM, events(1, 1))], models)
    assert plain.sql.startswith("INSERT INTO journal")
    assert not plain.numbered
    assert "unnest" not in plain.sql, "a single row needs no arrays"
    many = compose([Append("room:2", events(5, 9)), Append(ROOM, events(1, 1))], models)
    assert many.sql == compose([Append(ROOM, events(1, 2))], models).sql
    assert [len(column) for column in many.args] == [6] * 10
    telling = compose([Append(ROOM, events(1, 1), (Outgoing("room:2", "hear", b""),), {"a": 1})], models)
    assert telling.numbered
    assert telling.sql.count("INSERT INTO") == 3


def test_rows_of_one_shape_share_a_part() -> None:
    models = ReadModels()
    models.declare([Table("said", ("seq",), {"seq": "bigint", "body": "text", "at": "bigint"})])
    whole = [Append(f"room:{n}", rows=[Row("said", {"seq": 1}, {"body": "x", "at": n})]) for n in range(5)]
    turned = [Append(f"room:{n}", rows=[Row("said", {"seq": 1}, {"at": n, "body": "x"})]) for n in range(5)]
    part = [Append("room:x", rows=[Row("said", {"seq": 1}, {"body": "x"})])]
    assert compose(whole, models).sql == compose(turned, models).sql
    assert compose([*whole, *part], models).sql.count("INSERT INTO") == 2
