"""The log of channels in PostgreSQL: the contract, and what only a real database does."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio

from homeroom.engine.channel_log import Announcement
from homeroom.engine.channel_log_postgres import PostgresChannelLog
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.journal import Unavailable
from homeroom.engine.journal_postgres import PostgresJournal
from tests.engine.channel_log_contract import CLASS, TABLE, ChannelLogContract, Logged

FEED = "SELECT event_type, target_type || ':' || target_id AS source, payload, channels, actor_id FROM activity_feed ORDER BY id"


@dataclass
class PostgresLogged(Logged):
    database: Database

    async def activity(self) -> Sequence[tuple[str, str, Any]]:
        rows = await self.database.fetch(FEED)
        return [(row["event_type"], row["source"], json.loads(row["payload"])) for row in rows]


class TestPostgresChannelLog(ChannelLogContract):
    @pytest.fixture
    async def logged(self, database: Database) -> AsyncIterator[PostgresLogged]:
        async with trio.open_nursery() as nursery:
            journal = PostgresJournal(database, CommitSettings(linger_ms=0))
            await nursery.start(journal.run)
            yield PostgresLogged(PostgresChannelLog(database), journal, database)
            nursery.cancel_scope.cancel()

    async def test_the_activity_names_its_author_and_its_channels(
        self, logged: PostgresLogged, database: Database
    ) -> None:
        await logged.log.announce(await logged.told(CLASS, TABLE))
        (row,) = await database.fetch(FEED)
        assert (row["actor_id"], row["channels"]) == ("eve", [CLASS, TABLE])

    async def test_several_that_append_to_the_same_streams_at_once_neither_wait_for_each_other_for_ever_nor_leave_a_gap(
        self, logged: PostgresLogged
    ) -> None:
        told = [await logged.told(*((CLASS, TABLE) if n % 2 else (TABLE, CLASS))) for n in range(8)]
        async with trio.open_nursery() as nursery:
            for announcement in told:
                nursery.start_soon(logged.log.announce, announcement)
        for stream in (CLASS, TABLE):
            assert [record.seq for record in await logged.journal.read(stream, 0, 99, 99)] == list(range(1, 9))

    async def test_of_two_servers_that_carry_the_same_message_one_writes(self, logged: PostgresLogged) -> None:
        announcement = await logged.told(CLASS)
        found: list[object] = []

        async def carry(one: Announcement) -> None:
            found.append(await logged.log.announce(one))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(partial(carry, announcement))
        assert sum(place is not None for place in found) == 1
        assert await logged.log.heads([CLASS]) == {CLASS: 1}

    async def test_a_database_that_refuses_is_unavailable_and_the_message_stays(
        self, logged: PostgresLogged, database: Database
    ) -> None:
        announcement = await logged.told(CLASS)
        await database.execute("ALTER TABLE activity_feed RENAME TO elsewhere")
        with pytest.raises(Unavailable):
            await logged.log.announce(announcement)
        assert [message.number for message in await logged.journal.messages()] == [announcement.number]
        assert await logged.log.heads([CLASS]) == {CLASS: 0}
