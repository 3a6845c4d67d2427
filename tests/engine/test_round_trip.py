"""BEGIN and COMMIT that go with statements: what is kept, what is not, and how often the server is asked."""

from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection, DatabaseError, Refused, UniqueViolation

ADD = "INSERT INTO noted (n) VALUES ($1) RETURNING n, pg_current_xact_id()::text AS number"


@pytest.fixture
async def noted(database: Database) -> Database:
    await database.execute("CREATE TABLE noted (n bigint PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
    return database


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the statements that were sent, each a round trip."""
    statements: list[str] = []
    plain = Connection._execute

    async def execute(connection: Connection, sql: str, args: Any, extra: bool) -> Any:
        statements.append(sql)
        return await plain(connection, sql, args, extra)

    monkeypatch.setattr(Connection, "_execute", execute)
    return statements


async def kept(database: Database) -> list[int]:
    return [row["n"] for row in await database.fetch("SELECT n FROM noted ORDER BY n")]


async def test_a_transaction_takes_as_many_round_trips_as_it_has_statements(noted: Database, sent: list[str]) -> None:
    async with noted.connection() as connection:
        sent.clear()
        connection.begin()
        (first,) = await connection.fetch(ADD, 1)
        assert await kept(noted) == []
        (last,) = await connection.fetch_and_commit(ADD, 2)
        assert (first["n"], last["n"], first["number"]) == (1, 2, last["number"])
        assert [sql for sql in sent if sql == ADD] == [ADD, ADD]
        assert not {"BEGIN", "COMMIT"} & {*sent}
        assert await kept(noted) == [1, 2]
        (row,) = await connection.fetch("SELECT pg_current_xact_id()::text AS number")
        assert row["number"] != last["number"], "it is over"


async def test_one_statement_that_begins_and_commits_is_a_transaction_too(noted: Database) -> None:
    async with noted.connection() as connection:
        connection.begin()
        await connection.fetch_and_commit(ADD, 1)
        await connection.roll_back()
    assert await kept(noted) == [1]


async def test_a_statement_that_fails_is_not_committed_nor_is_what_came_before_it(noted: Database) -> None:
    async with noted.connection() as connection:
        connection.begin()
        await connection.fetch(ADD, 1)
        with pytest.raises(Refused) as caught:
            await connection.fetch_and_commit("SELECT 1 / $1::bigint", 0)
        assert caught.value.sqlstate == "22012"
        await connection.roll_back()
        assert await connection.fetch("SELECT n FROM noted") == []


async def test_a_commit_that_is_refused_is_told_as_such(noted: Database) -> None:
    await noted.fetch(ADD, 1)
    async with noted.connection() as connection:
        connection.begin()
        with pytest.raises(UniqueViolation) as caught:
            await connection.fetch_and_commit(ADD, 1)
        assert caught.value.constraint == "noted_pkey"
        await connection.roll_back()
        assert [row["n"] for row in await connection.fetch("SELECT n FROM noted")] == [1]


async def test_what_could_not_be_sent_has_begun_nothing(noted: Database, sent: list[str]) -> None:
    async with noted.connection() as connection:
        connection.begin()
        with pytest.raises(DatabaseError):
            await connection.fetch(ADD, "no number")
        sent.clear()
        await connection.roll_back()
        assert sent == []
        await connection.fetch(ADD, 1)
    assert await kept(noted) == [1]


async def test_a_transaction_of_nothing_costs_nothing(noted: Database, sent: list[str]) -> None:
    async with noted.connection() as connection:
        sent.clear()
        async with connection.transaction():
            pass
        with pytest.raises(KeyError):
            async with connection.transaction():
                raise KeyError
    assert sent == []


async def test_a_script_belongs_to_the_transaction_that_it_opens(noted: Database) -> None:
    async with noted.connection() as connection:
        connection.begin()
        await connection.script("INSERT INTO noted VALUES (1); INSERT INTO noted VALUES (2)")
        assert [row["n"] for row in await connection.fetch("SELECT n FROM noted")] == [1, 2]
        await connection.roll_back()
    assert await kept(noted) == []
