"""What several tests of the doors ask for."""

import pytest
import trio

from tests.http.rest_school import School


@pytest.fixture
async def rest_school(nursery: trio.Nursery) -> School:
    """Return a running school."""
    return await School().open(nursery)
