"""The newest events of one channel as they stand in frames, for those who come back soon.

Rules of this file: only durable events get in, in order and without a gap. Never here: access, and older events (the journal).
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice


class Recent:
    """A run of events that ends with the newest one; bounded in number and in bytes."""

    __slots__ = ("_events", "_held", "_limit", "_room")

    def __init__(self, limit: int, room: int) -> None:
        """Keep up to `limit` events of `room` bytes in all."""
        self._limit, self._room = limit, room
        self._events: deque[bytes] = deque()
        self._held = 0

    def extend(self, events: Sequence[bytes]) -> None:
        """Add the next events, and forget the oldest beyond the bounds."""
        self._events.extend(events)
        self._held += sum(map(len, events))
        while len(self._events) > self._limit or self._held > self._room:
            self._held -= len(self._events.popleft())

    def newest(self, count: int, most: int) -> list[bytes] | None:
        """Return the newest `count` events, `None` when they are not all here or are more than `most` bytes."""
        if count > len(self._events):
            return None
        found = list(islice(self._events, len(self._events) - count, None))
        return found if sum(map(len, found)) <= most else None
