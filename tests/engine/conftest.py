"""What the tests of actors may ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

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
