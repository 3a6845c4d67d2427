"""One browser, and one demo school, for all tests of a process that do not harm them: starting either takes seconds."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.browser import Browser, connect_browser, running_browser
from tests.e2e.serving import Serving, running_server


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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a demo school that nobody kills."""
    with running_server(tmp_path_factory.mktemp("demo")) as serving:
        yield serving


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a demo school of the test's own, to be killed and started again."""
    with running_server(tmp_path_factory.mktemp("mortal")) as serving:
        yield serving
