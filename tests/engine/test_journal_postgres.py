"""The journal in PostgreSQL: the contract, and what only a real database does."""

from collections.abc import AsyncIterator

import pytest
import trio

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.journal import Append
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.kind import Table
from tests.engine.journal_contract import ROOM, SAID, JournalContract, OpenedJournal, OpenJournal, whole

QUICK = CommitSettings(linger_ms=0)
SEEN = Table("seen", ("person",), {"person": "text"})


class TestPostgresJournal(JournalContract):
    @pytest.fixture
    async def open_journal(self, database: Database) -> AsyncIterator[OpenJournal]:
        async with trio.open_nursery() as nursery:

            async def open_it() -> OpenedJournal:
                journal = PostgresJournal(database, QUICK)
                await nursery.start(journal.run)
                return journal

            yield open_it
            nursery.cancel_scope.cancel()

    async def test_a_new_column_is_added_to_an_old_table(self, open_journal: OpenJournal) -> None:
        old = await open_journal()
        await old.ensure_tables([SAID])
        await old.append(Append(ROOM, rows=[Row("said", {"seq": 1}, {"body": "old"})]))
        new = await open_journal()
        await new.ensure_tables([Table("said", ("seq",), {**SAID.columns, "likes": "bigint"})])
        await new.append(Append(ROOM, rows=[Row("said", {"seq": 2}, {"likes": 3})]))
        found = await new.look_up(ROOM, Lookup("said", whole, "seq", 9))
        assert [row["likes"] for row in found] == [3, None]
        await old.append(Append(ROOM, rows=[Row("said", {"seq": 3}, {"body": "the older program goes on"})]))

    async def test_no_tables_and_one_of_keys_alone_may_be_declared_again_and_again(
        self, open_journal: OpenJournal, database: Database
    ) -> None:
        for tables in ([], [SEEN], [], [SAID]) * 2:
            await (await open_journal()).ensure_tables(tables)
        rows = await database.fetch("SELECT tablename AS name FROM pg_tables WHERE starts_with(tablename, 'read_')")
        assert {row["name"] for row in rows} == {"read_said", "read_seen"}

    async def test_a_declaration_that_contradicts_the_table_is_refused_and_changes_nothing(
        self, open_journal: OpenJournal, database: Database
    ) -> None:
        await (await open_journal()).ensure_tables([SAID])
        other = Table("said", ("seq",), {"seq": "bigint", "author": "bigint", "body": "text", "gone": "boolean"})
        with pytest.raises(ValueError, match="author as bigint, its table has text"):
            await (await open_journal()).ensure_tables([SEEN, other])
        rows = await database.fetch("SELECT to_regclass('read_seen') IS NULL AS nothing")
        assert rows[0]["nothing"]

    async def test_declared_indexes_are_made_once_and_new_ones_are_added_to_an_old_table(
        self, open_journal: OpenJournal, database: Database
    ) -> None:
        both = (("author", "seq"), ("body", "stream"))
        for indexes in ((), both, both):
            table = Table("said", ("seq",), SAID.columns, indexes)
            await (await open_journal()).ensure_tables([table])
        rows = await database.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'read_said'")
        found = sorted(row["indexdef"].partition("(")[2] for row in rows)
        assert found == ["author, seq, stream)", "body, stream)", "stream, seq)"]

    async def test_programs_that_start_at_once_make_the_tables_once(self, open_journal: OpenJournal) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon((await open_journal()).ensure_tables, [SAID])
