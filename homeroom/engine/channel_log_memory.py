"""The log of channels in memory, beside a `MemoryJournal`: for trials and fast tests.

`append` stands for whoever writes records. Never here: threads, files, randomness.
"""

from collections.abc import Mapping, Sequence

import trio

from homeroom.engine.channel_log import Announcement, Place
from homeroom.engine.journal import Append, Record, Unavailable
from homeroom.engine.journal_memory import Fates, MemoryStore, all_well


class MemoryChannelLog:
    """The `ChannelLog` protocol on a `MemoryStore`; `activity` is what was kept of announcements. `fates`: as the journal's."""

    def __init__(self, store: MemoryStore, fates: Fates = all_well) -> None:
        self.store = store
        self.fates = fates
        self.activity: list[Announcement] = []

    async def announce(self, announcement: Announcement) -> Mapping[str, Place] | None:
        """Append, keep, and remove the message; `None` when it is gone."""
        fate = self.fates("announce", announcement.source)
        await trio.sleep(fate.delay)
        if fate.fail == "before":
            raise Unavailable("announce: no answer")
        found = self._write(announcement)
        if fate.lag:
            await trio.sleep(fate.lag)
        if fate.fail == "after":
            raise Unavailable("announce: no answer")
        return found

    async def heads(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest number of each stream."""
        fate = self.fates("heads", "")
        await trio.sleep(fate.delay)
        if fate.fail:
            raise Unavailable("heads: no answer")
        return {stream: len(self.store.peek(stream).records) for stream in streams}

    def append(self, stream: str, type: str, at: int, by: str, *bodies: bytes) -> Place:
        """Append one event a body, never earlier than the one before; returns the place of the first."""
        records = self.store.peek(stream).records
        place = Place(len(records) + 1, max(at, records[-1].at if records else 0))
        new = [Record(place.seq + n, type, place.at, by, body) for n, body in enumerate(bodies)]
        self.store.write(Append(stream, new))
        return place

    def _write(self, announcement: Announcement) -> Mapping[str, Place] | None:
        if self.store.messages.pop(announcement.number, None) is None:
            return None
        self.activity.append(announcement)
        kind, at, by = announcement.type, announcement.at, announcement.by
        return {stream: self.append(stream, kind, at, by, body) for stream, body in announcement.told.items()}
