"""The most recent events of one stream, as they were shown, for those who come back soon.

Rules of this file: only durable events get in, in order and without a gap. Never here: access, and older events (`feeder`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from homeroom.engine.behaviour import Fact


class Entry(NamedTuple):
    """One durable event: the fact, its shown bytes, and whether these are of the fact's own event."""

    fact: Fact
    shown: bytes
    plain: bool


class Ring:
    """A bounded run of entries. A list that is cut now and then, and none while empty: a `deque` costs ten times its memory."""

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        return len(self._entries) if self._entries else 0

    def extend(self, entries: Sequence[Entry]) -> None:
        """Add the next entries; twice the limit is cut to the limit."""
        if not entries:
            return
        if self._entries is None:
            self._entries = []
        self._entries += entries
        if len(self._entries) >= 2 * self._limit:
            del self._entries[: -self._limit]

    def clear(self) -> None:
        """Forget all."""
        self._entries = None

    def fact(self, seq: int) -> Fact | None:
        """Return the fact numbered `seq`, if it is here."""
        if not self._entries:
            return None
        index = seq - self._entries[0].fact.seq
        return self._entries[index].fact if 0 <= index < len(self._entries) else None

    def after(self, seq: int) -> list[Entry] | None:
        """Return the entries behind number `seq`, `None` when some of them are no longer here."""
        if not self._entries or self._entries[0].fact.seq > seq + 1:
            return None
        return self._entries[seq + 1 - self._entries[0].fact.seq :]
