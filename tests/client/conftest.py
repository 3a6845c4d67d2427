"""A school to talk to. Tests also ask for `autojump_clock`, each by itself: it has to stand among a test's own arguments."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

import pytest
import trio

from homeroom.client import Client, open_client
from homeroom.client.token import TokenSource
from tests.client.school import School

GOOD = "good"
Opens = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    """Return a running school."""
    return School(nursery)


@pytest.fixture
def opened(school: School) -> Opens:
    """Return `open_client` for that school, with chance that is the same every time."""

    def open_at_school(token: TokenSource = GOOD, **options: Any) -> AbstractAsyncContextManager[Client]:
        return open_client("ws://school/ws", token, dial=school.dial, random=Random(7), **options)

    return open_at_school
