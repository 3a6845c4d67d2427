"""What the tests of the engine may ask for."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from homeroom.engine import cluster
from tests.conftest import quick_folder
from tests.engine.trial import House


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """Keep what is logged instead of printing it."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
async def house(nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock) -> House:
    """Return an engine that runs on an empty journal. The test itself must ask for `autojump_clock` as well."""
    return await House(nursery).start()


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """Return a data directory that was made once and in which no server ever ran, to be copied."""
    with quick_folder() as folder:
        cluster.initialise(cluster.find_binaries(), folder / "postgres", sync=False)
        yield folder / "postgres"


@pytest.fixture
def used_home(home: Path, initialised: Path) -> Path:
    """Return a home whose data directory is there already: for tests of what comes after that."""
    copytree(initialised, home / "postgres")
    return home
