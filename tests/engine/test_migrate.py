"""Migrations: each once, in order, whoever starts; and a named error for everything that is not right."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
import trio

from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import EmbeddedPostgres
from homeroom.engine.migrate import (
    MigrationChanged,
    MigrationFailed,
    MigrationMissing,
    MigrationNameError,
    MigrationOutOfOrder,
    migrate,
    read_migrations,
)
from tests.conftest import MIGRATIONS, TRIAL, run_sql

NUMBERS = count(1)


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"empty_{next(NUMBERS)}"
    trio.run(run_sql, postgres.dsn, f"CREATE DATABASE {name}")
    yield postgres.dsn_of(name)
    trio.run(run_sql, postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    async with open_database(empty_url, TRIAL) as database:
        yield database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (n int);")
    (tmp_path / "notes.txt").write_text("no migration")
    return tmp_path


async def tables(database: Database) -> list[str]:
    rows = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row["tablename"] for row in rows]


async def test_what_is_missing_is_carried_out_in_order_and_once(empty: Database, folder: Path) -> None:
    assert list(await migrate(empty, folder)) == ["0001_one.sql", "0002_two.sql"]
    assert list(await migrate(empty, folder)) == []
    (folder / "0003_three.sql").write_text("CREATE TABLE three AS SELECT n FROM one")
    assert list(await migrate(empty, folder)) == ["0003_three.sql"]
    assert await tables(empty) == ["migrations", "one", "three", "two"]


async def test_a_changed_migration_is_refused(empty: Database, folder: Path) -> None:
    await migrate(empty, folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE other (n int);")
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int);")
    with pytest.raises(MigrationChanged, match="0001_one"):
        await migrate(empty, folder)
    assert "three" not in await tables(empty)


async def test_a_database_that_is_ahead_of_the_program_is_refused(empty: Database, folder: Path) -> None:
    await migrate(empty, folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationMissing, match="0002_two"):
        await migrate(empty, folder)


async def test_a_new_migration_in_an_old_gap_is_refused(empty: Database, folder: Path) -> None:
    (folder / "0005_five.sql").write_text("SELECT 1")
    await migrate(empty, folder)
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int);")
    with pytest.raises(MigrationOutOfOrder, match="0003_three"):
        await migrate(empty, folder)


async def test_a_failing_migration_is_rolled_back_and_those_before_it_stand(empty: Database, folder: Path) -> None:
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int); SELECT 1 / 0;")
    with pytest.raises(MigrationFailed, match="0003_three"):
        await migrate(empty, folder)
    assert await tables(empty) == ["migrations", "one", "two"]
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int);")
    assert list(await migrate(empty, folder)) == ["0003_three.sql"]


async def test_programs_that_start_at_once_carry_out_everything_once(empty_url: str, folder: Path) -> None:
    (folder / "0003_slow.sql").write_text("SELECT pg_sleep(0.2); INSERT INTO one VALUES (2)")
    done: list[str] = []

    async def start() -> None:
        async with open_database(empty_url, TRIAL) as database:
            done.extend(await migrate(database, folder))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(start)
    assert done == ["0001_one.sql", "0002_two.sql", "0003_slow.sql"]


async def test_a_migration_given_up_leaves_no_lock_and_no_half_work(empty: Database, folder: Path) -> None:
    (folder / "0003_slow.sql").write_text("CREATE TABLE three (n int); SELECT pg_sleep(60)")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(migrate, empty, folder)
        while not await empty.fetch("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    await empty.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    (folder / "0003_slow.sql").unlink()
    assert list(await migrate(empty, folder)) == []
    assert "three" not in await tables(empty)


@pytest.mark.parametrize("name", ["1_short.sql", "0003-dash.sql", "0003_Capital.sql", "0002_again.sql"])
def test_a_wrong_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1")
    with pytest.raises(MigrationNameError, match=name):
        read_migrations(folder)


async def test_the_product_s_own_migrations_are_in_the_package_and_fit(empty: Database) -> None:
    assert "0001_journal.sql" in await migrate(empty, MIGRATIONS)
    assert {"journal", "snapshots", "deadlines", "messages", "epoch"} <= set(await tables(empty))
