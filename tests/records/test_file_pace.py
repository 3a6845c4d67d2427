"""The least pace of a file: judged over windows of waiting, and never by what we do ourselves."""

from collections.abc import AsyncIterator, Iterable

import pytest
import trio
from trio.testing import MockClock

from homeroom.records.files.pace import Paced, TooSlow


async def coming(pieces: Iterable[tuple[float, int]]) -> AsyncIterator[bytes]:
    """Yield pieces of so many bytes, each so many seconds after it is waited for."""
    for pause, size in pieces:
        await trio.sleep(pause)
        yield b"x" * size


async def test_what_comes_at_the_least_rate_comes_in_however_long_it_takes(autojump_clock: MockClock) -> None:
    for pieces in ([(9.9, 10_000)] * 50, [(0.9, 1_000)] * 500, [(29.0, 29_000), (0.0, 1_000)] * 20, [(0.0, 5)] * 9):
        paced = Paced(coming(pieces), 1_000, 30.0)
        assert sum([len(piece) async for piece in paced]) == sum(size for _, size in pieces)


@pytest.mark.parametrize(
    ("pieces", "came", "after"),
    [
        ([(3.0, 1)] * 10_000, 9, 30.0),
        ([(0.0, 29_999), (60.0, 1)], 29_999, 30.0),
        ([(10.0, 30_000), (5.0, 100), (26.0, 1)], 30_100, 40.0),
        ([(31.0, 90_000)], 0, 30.0),
    ],
    ids=["a drip", "a pause", "a later window", "nothing at first"],
)
async def test_what_stays_below_it_for_a_window_is_cut_at_its_end(
    autojump_clock: MockClock, pieces: list[tuple[float, int]], came: int, after: float
) -> None:
    begun, got = trio.current_time(), list[bytes]()

    async def take() -> None:
        async for piece in Paced(coming(pieces), 1_000, 30.0):
            got.append(piece)

    with pytest.raises(TooSlow):
        await take()
    assert len(b"".join(got)) == came
    assert trio.current_time() - begun == pytest.approx(after)


async def test_a_slow_disk_of_ours_is_not_held_against_it(autojump_clock: MockClock) -> None:
    got = 0
    async for piece in Paced(coming([(0.9, 1_000)] * 40), 1_000, 30.0):
        await trio.sleep(100)
        got += len(piece)
    assert got == 40_000
