"""What the tests of a process share, as each takes seconds to start: a browser, and schools that they do each other no harm in."""

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, connect_browser, running_browser
from tests.e2e.journey import GRACE_MS
from tests.e2e.server import Server


@pytest.fixture(scope="session")
def browser_address() -> Iterator[str]:
    """Give the address of a running browser."""
    with running_browser() as address:
        yield address


@pytest.fixture
async def browser(browser_address: str) -> AsyncIterator[Browser]:
    """Give the browser; pages opened by a test are closed with it."""
    async with connect_browser(browser_address) as connected:
        yield connected


# --- schools with a database of their own


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the data directory of a demo school after its first start, to be copied; made once for all processes of a run."""
    mine = tmp_path_factory.getbasetemp()
    ours = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    data = ours / "furnished"
    with (ours / "furnished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            make_data(data)
    return data


def make_data(data: Path) -> None:
    """Start a demo school for the first time, end it, and put its data directory at `data`, whole or not at all."""
    with Server().opened() as server:
        server.end()
        half = data.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.move(server.data, half)
        half.rename(data)


@pytest.fixture(scope="session")
def first_school(furnished: Path) -> Iterator[Server]:
    """Run a demo school as a person starts it."""
    with Server(lifted=False).furnish(furnished).opened() as made:
        yield made


@pytest.fixture
def demo(first_school: Server) -> Iterator[Server]:
    """Give the demo school, in whose lobby others were before; whoever kills it starts it again."""
    with first_school.lent():
        yield first_school


# --- schools on a database that outlives them


@pytest.fixture(scope="session")
def common(new_database: Callable[[], str]) -> Iterator[Server]:
    """Run a demo school for many tests, each with rooms, classes or figures of its own."""
    with Server(database=new_database()).opened() as made:
        yield made


@pytest.fixture(scope="session")
def brisk(new_database: Callable[[], str]) -> Iterator[Server]:
    """Run another, planted, where whoever is cut off is missed after `GRACE_MS`."""
    settings = {"PLANTED_GRACE_MS": str(GRACE_MS)}
    with Server(settings, database=new_database(), planted=True).opened() as made:
        yield made


@pytest.fixture
def server(common: Server) -> Iterator[Server]:
    """Give a demo school, which others use before and after; whoever kills it starts it again."""
    with common.lent():
        yield common
