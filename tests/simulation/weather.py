"""What the journal lives through: delays, failures before and after the writing, and hours without it.

Never here: when the weather changes (`disasters`).
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

import trio

from homeroom.engine.journal import Saved
from homeroom.engine.journal_memory import Fate, MemoryJournal
from tests.simulation.clock import pause
from tests.simulation.judge import Judge
from tests.simulation.store import WatchedStore
from tests.simulation.trace import Trace


@dataclass(slots=True)
class Weather:
    """The state of the database. Delays in seconds, `failing` and `doubtful` are shares of all calls.

    `up`: whether it answers at all; `slow_s`: the longest delay of a call.
    """

    chance: Random
    trace: Trace
    up: bool = True
    slow_s: float = 0.004
    failing: float = 0.0
    doubtful: float = 0.0

    def clear(self) -> None:
        """Let all be well."""
        self.up, self.slow_s, self.failing, self.doubtful = True, 0.004, 0.0, 0.0

    def fate(self, method: str, stream: str) -> Fate:
        """Decide over one call."""
        delay = self.chance.random() * self.slow_s
        lag = self.chance.random() * self.slow_s
        if not self.up:
            return Fate(delay=delay, fail="before")
        drawn = self.chance.random()
        fail: Literal["", "before", "after"] = ""
        if drawn < self.failing + self.doubtful:
            fail = "before" if drawn < self.failing else "after"
            self.trace.note("journal", f"{method} {stream} fails {fail}")
        return Fate(delay, lag, fail)


class LifeJournal(MemoryJournal):
    """The journal of one life of the server. Each life has its own, on the common store."""

    def __init__(self, store: WatchedStore, weather: Weather, judge: Judge) -> None:
        super().__init__(store, weather.fate, pause)
        self.nursery: trio.Nursery | None = None
        """Where the life runs that this belongs to."""
        self._judge = judge

    async def save(self, stream: str, saved: Saved) -> None:
        """Keep a snapshot, after a look at it."""
        self._judge.saved(stream, saved)
        await super().save(stream, saved)
