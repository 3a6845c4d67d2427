"""Simulated time: it stands still while anything can run, and then goes on at once to whatever comes next.

It does what trio's `MockClock` does with `autojump_threshold=0`, in fewer passes of the scheduler, and it is an alarm clock besides:
who only lets time pass (`pause`) needs no cancel scope for that, and is not cancelled to be woken. All times in seconds.
Never here: the time of the school (`truth`), and `wait_all_tasks_blocked`, which this clock would jump over.
"""

from heapq import heappop, heappush
from itertools import count
from math import inf

import trio

_Alarm = tuple[float, int, list[trio.lowlevel.Task]]
"""When, the how manyeth, and whose: nobody's when it was cancelled."""


class SimulatedClock(trio.abc.Clock):
    """A clock for one run, which begins at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._alarms: list[_Alarm] = []
        self._numbers = count()

    def start_clock(self) -> None:
        """Do nothing: it does not tick."""

    def current_time(self) -> float:
        """Return the simulated time."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Go on to `deadline`, or to the first alarm before it; trio asks this when nothing can run."""
        due = min(deadline, self._alarms[0][0]) if self._alarms else deadline
        if due == inf:
            return inf
        self._now += max(due - self._now, 0.0)
        while self._alarms and self._alarms[0][0] <= self._now:
            for task in heappop(self._alarms)[2]:
                trio.lowlevel.reschedule(task)
        return 0.0

    async def pause(self, seconds: float) -> None:
        """Let time pass: what `trio.sleep` does, for less."""
        whose = [trio.lowlevel.current_task()]
        heappush(self._alarms, (self._now + seconds, next(self._numbers), whose))

        def abort(_: object) -> trio.lowlevel.Abort:
            whose.clear()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


async def pause(seconds: float) -> None:
    """Let simulated time pass; 0 is a checkpoint."""
    clock = trio.lowlevel.current_clock()
    if seconds > 0 and isinstance(clock, SimulatedClock):
        await clock.pause(seconds)
    else:
        await trio.sleep(seconds)
