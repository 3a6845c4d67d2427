"""What every test may ask for: a real PostgreSQL, and a fresh, migrated database in it."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import count
from pathlib import Path
from shutil import disk_usage, rmtree
from tempfile import TemporaryDirectory

import asyncpg
import pytest
import trio
from hypothesis import settings

from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
from homeroom.engine.migrate import migrate
from homeroom.engine.postgres_settings import PostgresSettings

# What one process of a run has compiled, the others need not compile again: some hundred modules in each, and many are started.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Examples are many and small; how long one of them takes on a busy machine proves nothing.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let the processes of the tests hear it: what a script starts in the background ignores it, and hands that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collectstart() -> None:
    """Leave the garbage where it is while tests are gathered: there is none to speak of."""
    gc.disable()


def pytest_sessionfinish() -> None:
    """Look once for what was left unclosed, so that pytest's own five looks at the end pass over all that was not garbage."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Let the garbage collector look only at what tests make: thousands of gathered tests stay to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


MIGRATIONS = files("homeroom.records") / "migrations"
IN_MEMORY = "homeroom-tests-"
QUIET = {**UNSAFE, "autovacuum": "off"}
"""How the tests' server runs: nothing of it works but for a test, as no database of theirs grows old."""
ROOM_BYTES = 2 * 1024**3
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


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Offer a folder for a database, in memory where there is room: one has some thousand files, and many disks take long over them."""
    with TemporaryDirectory(prefix=f"{IN_MEMORY}{os.getpid()}-", dir=_memory(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _memory() -> Path | None:
    """Return the file system in memory, without what killed runs left there; `None` when there is none, or no room."""
    memory = Path("/dev/shm")  # noqa: S108 - only folders of our own are made in it
    if not memory.is_dir() or disk_usage(memory).free < ROOM_BYTES:
        return None
    for left in memory.glob(f"{IN_MEMORY}*"):
        if not Path("/proc", left.name.removeprefix(IN_MEMORY).partition("-")[0]).exists():
            rmtree(left, ignore_errors=True)
    return memory


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for all tests of this process: real, and unsafe in a power loss only."""
    with quick_folder() as folder:
        server = EmbeddedPostgres(folder, QUIET)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def steward(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], None]]:
    """Return what makes and drops databases: over one connection, as a new one for each of some hundred costs more than the databases."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        connection = runner.run(asyncpg.connect(postgres.dsn))

        def carry_out(statement: str) -> None:
            runner.run(connection.execute(statement))

        yield carry_out
        runner.run(connection.close())


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres, steward: Callable[[str], None]) -> str:
    """Return the name of a migrated database to copy."""
    steward("CREATE DATABASE template_homeroom")
    trio.run(_migrate, postgres.dsn_of("template_homeroom"))
    return "template_homeroom"


@pytest.fixture(scope="session")
def new_database(
    postgres: EmbeddedPostgres, steward: Callable[[str], None], template_database: str
) -> Callable[[], str]:
    """Return a function that makes a migrated database and returns its DSN."""
    numbers = count(1)

    def make() -> str:
        name = f"trial_{next(numbers)}"
        steward(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
        return postgres.dsn_of(name)

    return make


@pytest.fixture
def database_url(steward: Callable[[str], None], new_database: Callable[[], str]) -> Iterator[str]:
    """Return the DSN of a fresh, migrated database, dropped after the test."""
    dsn = new_database()
    yield dsn
    name = dsn.rpartition("?")[0].rpartition("/")[2]
    steward(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Offer connections to a fresh, migrated database."""
    async with open_database(database_url, TRIAL) as opened:
        yield opened


@pytest.fixture
def home() -> Iterator[Path]:
    """Return the path of a data directory that is not there yet."""
    with quick_folder() as folder:
        yield folder / "data"
