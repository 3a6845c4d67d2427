"""The server's own figures for administrators: what is open now, and how much happened a second since the last look.

Never here: what the parts count (each says it itself), and where the figures are shown.
"""

from collections.abc import Callable
from typing import NamedTuple

from homeroom.protocol.dashboard import SystemFigures

SHORTEST_S = 1.0
"""Looks that are nearer to each other than this share one measure."""


class Reading(NamedTuple):
    """What the parts have counted: levels, and totals since the start."""

    connections: int
    people: int
    actors: int
    events: float
    commands: float
    deliveries: float


class Vitals:
    """What measures. `read()` returns the counts, `now()` monotonic seconds; nothing is read while nobody looks."""

    def __init__(self, read: Callable[[], Reading], now: Callable[[], float]) -> None:
        self._read = read
        self._now = now
        self._at = now()
        self._totals = (0.0, 0.0, 0.0)
        self._rates = (0.0, 0.0, 0.0)

    def look(self) -> SystemFigures:
        """Return the figures; the rates are those since the look before, or of it where that is less than a second ago."""
        reading, seconds = self._read(), self._now() - self._at
        if seconds >= SHORTEST_S:
            totals = (reading.events, reading.commands, reading.deliveries)
            self._rates = tuple(  # type: ignore[assignment]  # three as before
                round((total - before) / seconds, 1) for total, before in zip(totals, self._totals, strict=True)
            )
            self._at, self._totals = self._now(), totals
        return SystemFigures(reading.connections, reading.people, reading.actors, *self._rates)
