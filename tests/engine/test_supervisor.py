"""Supervision in OTP's words."""

from collections.abc import Callable
from random import Random

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.settings import Restart, Strategy
from homeroom.engine.statistics import Counters
from homeroom.engine.supervisor import Supervisor, backoff

pytestmark = pytest.mark.usefixtures("logs")


class Child:
    name = "child"

    def __init__(self, fate: Callable[[int], bool]) -> None:
        self.fate = fate
        self.lives: list[float] = []
        self.suspensions: list[float] = []

    async def live(self) -> None:
        self.lives.append(trio.current_time())
        await trio.sleep(0.001)
        if self.fate(len(self.lives)):
            raise ValueError("crash")

    def suspend(self, seconds: float) -> None:
        self.suspensions.append(seconds)


async def kept(child: Child, restart: Restart, **figures: float) -> Counters:
    counters = Counters()
    supervisor = Supervisor(Random(1), counters)
    with trio.move_on_after(30):
        await supervisor.keep(child, Strategy(restart=restart, **figures))  # type: ignore[arg-type] # floats and one int
    return counters


async def test_a_permanent_child_is_started_again_however_it_ended(autojump_clock: MockClock) -> None:
    child = Child(lambda life: life % 3 == 0 and life < 10)
    await kept(child, Restart.PERMANENT)
    assert len(child.lives) > 100


async def test_a_transient_child_is_started_again_after_a_crash_only(autojump_clock: MockClock) -> None:
    child = Child(lambda life: life < 4)
    counters = await kept(child, Restart.TRANSIENT)
    assert (len(child.lives), counters.restarts, counters.crashes) == (4, 3, 3)


async def test_a_temporary_child_is_never_started_again(autojump_clock: MockClock) -> None:
    child = Child(lambda life: True)
    counters = await kept(child, Restart.TEMPORARY)
    assert (len(child.lives), counters.crashes) == (1, 1)


async def test_the_first_restart_is_at_once_and_the_next_ones_come_later_and_later(autojump_clock: MockClock) -> None:
    child = Child(lambda life: life < 6)
    await kept(child, Restart.TRANSIENT, backoff_s=0.1, backoff_max_s=10.0, intensity=10)
    pauses = [later - earlier - 0.001 for earlier, later in zip(child.lives, child.lives[1:], strict=False)]
    assert pauses[0] == pytest.approx(0)
    for pause, full in zip(pauses[1:], (0.1, 0.2, 0.4, 0.8), strict=True):
        assert full / 2 <= pause <= full + 1e-9


async def test_more_crashes_than_the_intensity_in_a_period_suspend(autojump_clock: MockClock) -> None:
    child = Child(lambda life: life < 8)
    counters = await kept(child, Restart.TRANSIENT, intensity=5, period_s=10.0, cooldown_s=7.0)
    assert (child.suspensions, counters.suspensions) == ([7.0], 1)
    assert child.lives[6] - child.lives[5] > 7.0


async def test_a_crash_is_reported_with_its_trace_and_an_incident(
    autojump_clock: MockClock, logs: list[dict[str, object]]
) -> None:
    await kept(Child(lambda life: True), Restart.TEMPORARY)
    (entry,) = logs
    assert isinstance(entry["exc_info"], ValueError)
    assert len(str(entry["incident"])) == 12


def test_backoff_is_bounded_and_jittered() -> None:
    random = Random(1)
    assert backoff(-1, 1, 8, random) == 0
    assert all(4 <= backoff(1000, 1, 8, random) <= 8 for _ in range(50))
