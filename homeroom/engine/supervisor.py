"""Supervision in OTP's words: children, one_for_one, intensity and period, exponential backoff, suspension.

    child.live() ──ends──► PERMANENT: again · else: done
         │ raises
         ▼
    TEMPORARY: reported, done · else: counted ──within intensity──► backoff ──► child.live()
                                         └──────over it──► child.suspend() ─cooldown─► child.live()

Rules of this file: this is the one place that catches any exception of a child. Cancellation passes through.
Never here: what a child does, and what a crash means to its callers (the child answers them before it raises).
"""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

import structlog
import trio

from homeroom.engine.errors import ActorCrashed
from homeroom.engine.settings import Restart, Strategy
from homeroom.engine.statistics import Counters

log = structlog.get_logger("homeroom.engine")


class Child(Protocol):
    """What can be supervised."""

    @property
    def name(self) -> str:
        """Return the name for the log."""

    async def live(self) -> None:
        """Live one life: a return is a regular end, an exception a crash."""

    def suspend(self, seconds: float) -> None:
        """Crashed too often: refuse until the next life, which begins in so many seconds."""


class Crashes:
    """How often one child crashed lately. Pure: time and randomness come in."""

    __slots__ = ("_strategy", "_times")

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._times: list[float] = []

    def note_crash(self, now: float) -> bool:
        """Count a crash at `now` seconds; tells whether that was one too many within the period."""
        self._times = [time for time in self._times if now - time < self._strategy.period_s]
        self._times.append(now)
        return len(self._times) > self._strategy.intensity

    def forgive(self) -> None:
        """Begin to count anew: after a suspension."""
        self._times.clear()

    def backoff(self, random: Random) -> float:
        """Return how long to wait before the next life: nothing after the first crash, then doubling."""
        doublings = len(self._times) - 2
        return backoff(doublings, self._strategy.backoff_s, self._strategy.backoff_max_s, random)


def backoff(doublings: int, first_s: float, most_s: float, random: Random) -> float:
    """Return `first_s` doubled so often, at most `most_s`, with jitter on its upper half; 0 when `doublings` < 0."""
    if doublings < 0:
        return 0.0
    full: float = min(first_s * 2 ** min(doublings, 32), most_s)
    return full * (0.5 + random.random() / 2)


class Supervisor:
    """Keeps children alive; one of them never touches another."""

    def __init__(self, random: Random, counters: Counters) -> None:
        self._random = random
        self._counters = counters

    async def keep(self, child: Child, strategy: Strategy) -> None:
        """Let `child` live as `strategy` says; returns when it has ended for good. Cancelled: the child is too."""
        crashes: Crashes | None = None
        while True:
            try:
                await child.live()
            except Exception as error:  # the one place: whatever it is, only this child restarts
                self._report(child, error)
                crashes = crashes or Crashes(strategy)
            else:
                if strategy.restart is not Restart.PERMANENT:
                    return
                continue
            if strategy.restart is Restart.TEMPORARY:
                return
            await self._pause(child, strategy, crashes)

    async def errand(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a temporary child: a crash is reported, and it is never run again."""
        await self.keep(_Errand(name, work), _ERRAND)

    def report(self, name: str, error: BaseException) -> str:
        """Log a crash with its trace; returns its incident id."""
        incident = f"{self._random.getrandbits(48):012x}"
        self._counters.crashes += 1
        log.error("crashed", child=name, incident=incident, exc_info=error)
        return incident

    def _report(self, child: Child, error: Exception) -> None:
        if not isinstance(error, ActorCrashed):  # that one has been reported with its command
            self.report(child.name, error)

    async def _pause(self, child: Child, strategy: Strategy, crashes: Crashes) -> None:
        if crashes.note_crash(trio.current_time()):
            crashes.forgive()
            self._counters.suspensions += 1
            log.error("suspended", child=child.name, seconds=strategy.cooldown_s)
            child.suspend(strategy.cooldown_s)
            await trio.sleep(strategy.cooldown_s)
        else:
            self._counters.restarts += 1
            await trio.sleep(crashes.backoff(self._random))


_ERRAND = Strategy(restart=Restart.TEMPORARY)


class _Errand:
    """A look-up, a feeder, a snapshot on its way: one piece of work."""

    __slots__ = ("_work", "name")

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._work = work

    async def live(self) -> None:
        """Do the work."""
        await self._work()

    def suspend(self, seconds: float) -> None:
        """Do nothing: it is never started again."""
