"""What the tests of records may ask for."""

import pytest

from tests.records.clock import SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that goes on by a second at each look."""
    return SteppingClock()
