"""The one clock: the journal's time read once, and the monotonic clock since.

Differences of wall clocks are never used, so a jump of the machine's clock moves no deadline (guarantees D 9).
"""

from typing import Protocol

import trio


class Clock(Protocol):
    """Server time."""

    def now(self) -> int:
        """Return Unix milliseconds; never goes backwards."""


class TrioClock:
    """Server time on trio's clock, so that `MockClock` moves it too."""

    def __init__(self, unix_ms: int) -> None:
        self._start_ms = unix_ms
        self._start = trio.current_time()

    def now(self) -> int:
        """Return Unix milliseconds."""
        return self._start_ms + int((trio.current_time() - self._start) * 1000)
