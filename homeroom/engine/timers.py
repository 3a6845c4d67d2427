"""Deadlines and timers in memory: a heap over what is due soon, filled from the journal.

Rules of this file: the journal is the truth and the actor the judge; what comes too often or too late from here is harmless,
since the actor compares it with what it armed. A moved deadline does not fire at its old time.
Never here: what a deadline means, and disarming one that fired (the actor's append does).
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from random import Random
from typing import NamedTuple

import trio

from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Due
from homeroom.engine.journal import Journal, Unavailable
from homeroom.engine.supervisor import backoff

_AT_ONCE = 100
"""Deadlines fired between two checkpoints."""


class _Alarm(NamedTuple):
    """One armed time; `order` keeps equal ones in the order armed."""

    due: int
    order: int
    address: str
    key: str
    volatile: bool


class Timers:
    """Posts a `Due` to an address when its time has come; `live` is a permanent child of the supervisor."""

    name = "timers"

    def __init__(
        self, journal: Journal, clock: Clock, random: Random, horizon_s: float, post: Callable[[str, Due], None]
    ) -> None:
        self._journal, self._clock, self._random, self._post = journal, clock, random, post
        self._horizon_ms = int(horizon_s * 1000)
        self._known_until = 0
        self._armed: dict[tuple[str, str, bool], int] = {}
        self._heap: list[_Alarm] = []
        self._orders = 0
        self._changed = trio.Event()
        self.fired = 0

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, address: str, key: str, due: int, *, volatile: bool = False) -> None:
        """Arm or move a timer to `due` Unix ms; a durable one beyond the horizon comes from the journal in time."""
        if not volatile and due > self._known_until:
            self._armed.pop((address, key, False), None)
            return
        if self._armed.get((address, key, volatile)) == due:
            return
        self._armed[address, key, volatile] = due
        self._orders += 1
        earliest = not self._heap or due < self._heap[0].due
        heappush(self._heap, _Alarm(due, self._orders, address, key, volatile))
        if earliest:
            self._changed.set()

    def disarm(self, address: str, key: str, *, volatile: bool = False) -> None:
        """Forget a timer."""
        self._armed.pop((address, key, volatile), None)

    async def live(self) -> None:
        """Fire what is due and look ahead in the journal, for ever."""
        failures = 0
        self._known_until = 0
        while True:
            now = self._clock.now()
            if self._known_until - now < self._horizon_ms // 2:
                failures = 0 if await self._look_ahead() else failures + 1
            await self._fire()
            await self._wait(backoff(failures - 1, 0.1, 2.0, self._random))

    def suspend(self, seconds: float) -> None:
        """Do nothing: what is due fires in the next life."""

    async def _look_ahead(self) -> bool:
        """Take in what the journal holds up to the horizon; tells whether it answered."""
        until = self._clock.now() + self._horizon_ms
        before, self._known_until = self._known_until, until  # what is armed during the read is taken in by `arm`
        try:
            found = await self._journal.deadlines(until)
        except Unavailable:
            self._known_until = before
            return False
        for deadline in found:
            if deadline.due is not None and (deadline.stream, deadline.key, False) not in self._armed:
                self.arm(deadline.stream, deadline.key, deadline.due)
        return True

    async def _fire(self) -> None:
        now = self._clock.now()
        count = 0
        while self._heap and self._heap[0].due <= now:
            self._fire_one(heappop(self._heap))
            count += 1
            if count % _AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        if len(self._heap) > 2 * len(self._armed) + 64:
            self._heap = [alarm for alarm in self._heap if self._is_armed(alarm)]
            heapify(self._heap)

    def _fire_one(self, alarm: _Alarm) -> None:
        if self._is_armed(alarm):
            del self._armed[alarm.address, alarm.key, alarm.volatile]
            self.fired += 1
            self._post(alarm.address, Due(alarm.key, alarm.due))

    def _is_armed(self, alarm: _Alarm) -> bool:
        return self._armed.get((alarm.address, alarm.key, alarm.volatile)) == alarm.due

    async def _wait(self, failing_s: float) -> None:
        """Wait for the earliest due time, an earlier one, or the next look ahead (sooner when the last one failed)."""
        self._changed = trio.Event()
        now = self._clock.now()
        look_ahead_ms = failing_s * 1000 or max(self._known_until - now - self._horizon_ms // 2, 0) + 1
        due_ms = max(self._heap[0].due - now, 0) if self._heap else look_ahead_ms
        with trio.move_on_after(min(look_ahead_ms, due_ms) / 1000):
            await self._changed.wait()
