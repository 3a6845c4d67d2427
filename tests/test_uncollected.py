"""Loading without looking for garbage: what is collected again afterwards, and what never is."""

import gc
from collections.abc import Iterator

import pytest

from homeroom.uncollected import uncollected


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the collector as it was found."""
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


def test_nothing_is_collected_within_and_everything_again_afterwards() -> None:
    gc.enable()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_within_is_not_looked_at_again() -> None:
    with uncollected():
        made: list[list[object]] = [[]]
        assert any(each is made for each in gc.get_objects())
    assert not any(each is made for each in gc.get_objects())


def test_a_load_that_fails_lets_the_collector_go_on() -> None:
    gc.enable()
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
