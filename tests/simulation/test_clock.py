"""The simulated clock: time goes on when nothing can run, in the order of what is due, and at no other time."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from tests.simulation.clock import SimulatedClock, pause

Wait = Callable[[float], Awaitable[None]]
WAITS: tuple[Wait, ...] = (pause, trio.sleep)


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` on a simulated clock."""
    trio.run(work, clock=SimulatedClock())


@pytest.mark.parametrize("wait", WAITS, ids=("pause", "sleep"))
def test_whoever_waits_wakes_at_its_time_whatever_others_wait_for(wait: Wait) -> None:
    woken: list[float] = []

    async def doze(seconds: float) -> None:
        await wait(seconds)
        woken.append(trio.current_time())

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            for seconds in (2.0, 0.1, 70.0, 0.1):
                nursery.start_soon(doze, seconds)
            nursery.start_soon(trio.sleep, 1.0)

    run(work)
    assert woken == [0.1, 0.1, 2.0, 70.0]


def test_time_stands_still_while_anything_can_run() -> None:
    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pause, 1.0)
            for _ in range(1_000):
                await trio.lowlevel.checkpoint()
            assert trio.current_time() == 0.0
        assert trio.current_time() == 1.0

    run(work)


def test_a_cancelled_pause_ends_at_once_and_wakes_nobody_later() -> None:
    async def work() -> None:
        with trio.move_on_after(3.0) as scope:
            await pause(10.0)
        assert scope.cancelled_caught
        assert trio.current_time() == 3.0
        await trio.sleep(5.0)
        assert trio.current_time() == 8.0
        await pause(10.0)
        assert trio.current_time() == 18.0

    run(work)


def test_a_pause_of_nothing_is_a_checkpoint() -> None:
    async def work() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await pause(0.0)
        assert scope.cancelled_caught

    run(work)
