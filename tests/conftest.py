"""What every test may ask for: a real PostgreSQL, and a fresh, migrated database in it."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest
import trio

from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
from homeroom.engine.migrate import migrate
from homeroom.engine.postgres import PostgresSettings

def pytest_configure() -> None:
    """Hear Ctrl-C, and let the processes of the tests hear it: what a script starts in the background ignores it, and hands that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


MIGRATIONS = files("homeroom.records") / "migrations"
TRIAL = PostgresSettings(allow_unsafe=True)
"""How tests connect: their server does not sync, which makes it fast."""


async def run_sql(dsn: str, *statements: str) -> None:
    """Run statements, each on its own, outside a transaction."""
    async with open_database(dsn, TRIAL) as database:
        for statement in statements:
            await database.execute(statement)


async def _migrate(dsn: str) -> None:
    async with open_database(dsn, TRIAL) as database:
        await migrate(database, MIGRATIONS)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One server for all tests of this process: real, and unsafe in a power loss only."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), UNSAFE)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """Return the name of a migrated database to copy."""
    trio.run(run_sql, postgres.dsn, "CREATE DATABASE template_homeroom")
    trio.run(_migrate, postgres.dsn_of("template_homeroom"))
    return "template_homeroom"


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres, template_database: str) -> Callable[[], str]:
    """Return a function that makes a migrated database and returns its DSN."""
    numbers = count(1)

    def make() -> str:
        name = f"trial_{next(numbers)}"
        trio.run(run_sql, postgres.dsn, f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
        return postgres.dsn_of(name)

    return make


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, new_database: Callable[[], str]) -> Iterator[str]:
    """Return the DSN of a fresh, migrated database, dropped after the test."""
    dsn = new_database()
    yield dsn
    name = dsn.rpartition("?")[0].rpartition("/")[2]
    trio.run(run_sql, postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Offer connections to a fresh, migrated database."""
    async with open_database(database_url, TRIAL) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty data directory."""
    return tmp_path / "data"
