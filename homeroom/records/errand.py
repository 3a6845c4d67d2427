"""Work of the system on the records that has a time: done when it is due, at once after a change here, and after every start.

The database is the truth of what is due and when; what is in memory only wakes. Another server may have left work, or have ended
before it could do its own: so it is asked again after `HORIZON_S` at the latest. Never here: what is done.
"""

from collections.abc import Awaitable, Callable
from random import Random

import structlog
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.supervisor import backoff

log = structlog.get_logger(__name__)

HORIZON_S = 60.0
FAILED_S = 0.1
"""So long nothing is tried again that has failed, whatever wakes it."""
Work = Callable[[], Awaitable[int | None]]
"""Does what is due, or a part of it; returns when there is more, Unix ms, `None` when nothing is known to come; raises `Refusal`."""


class Errand:
    """One kind of such work. Made once, run once; `wake` never waits."""

    def __init__(self, name: str, work: Work, clock: Clock, random: Random) -> None:
        self._name, self._work, self._clock, self._random = name, work, clock, random
        self._woken = trio.Event()

    def wake(self) -> None:
        """Have it looked at now what is due."""
        self._woken.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled; while the database is away it is asked again, less and less often, or when somebody found it there."""
        failures = 0
        task_status.started()
        while True:
            self._woken = trio.Event()
            try:
                at = await self._work()
            except Refusal as refusal:
                failures += 1
                log.warning("an errand waits", errand=self._name, code=refusal.code, why=refusal.msg)
                await trio.sleep(FAILED_S)
                await self._wait(backoff(failures, FAILED_S, HORIZON_S, self._random))
            else:
                failures = 0
                await self._wait(HORIZON_S if at is None else max(at - self._clock.now(), 0) / 1000)

    async def _wait(self, seconds: float) -> None:
        """Wait so long, until a change, or the horizon."""
        with trio.move_on_after(min(seconds, HORIZON_S)):
            await self._woken.wait()
