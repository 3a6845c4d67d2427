"""What a change of a row leaves behind beside it: events on every channel, the audit of both states, a line of activity. Pure.

Rules of this file: what a row held before is in the audit alone; what is hidden from somebody is in no event; streams that a row
has left hear that it changed, and nothing of what it is now. Never here: numbers of events and SQL (`tail`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from homeroom.records.rows import Kept
from homeroom.records.tallies import Tally

Operation = Literal["INSERT", "UPDATE", "DELETE"]


class Post(Struct, frozen=True):
    """An event to be: its stream, its type and its data, builtin types."""

    stream: str
    type: str
    data: Mapping[str, Any]

    def activity(self) -> "Activity":
        """Return the line of the feed for an event beside those of changed rows: what it names, without what it says of it."""
        entity = self.type.partition(".")[0]
        named = {name: value for name, value in self.data.items() if name == "id" or name.endswith("_id")}
        about = named.get("id") or named.get(f"{entity}_id") or ""
        return Activity(self.type, entity, about, msgspec.json.encode(named).decode(), (self.stream,))


class Audit(Struct, frozen=True):
    """A row of the audit; both values are JSON text, `None` where there was nothing, or is nothing now."""

    entity: str
    id: str
    action: str
    old: str | None
    new: str | None


class Activity(Struct, frozen=True):
    """A line of the feed, for those who may follow one of `channels`."""

    type: str
    entity: str
    id: str
    payload: str
    channels: tuple[str, ...]

    def joined(self, other: "Activity") -> "Activity | None":
        """Return one line for two that say the same on different streams, nothing when they do not."""
        same = replace(other, channels=self.channels) == self
        return replace(self, channels=(*self.channels, *other.channels)) if same else None


class Change(Struct, frozen=True):
    """One written row: before (`None`: it is new) and after (`None`: it is gone), and the event that says so."""

    event: str
    old: Kept | None
    new: Kept | None

    @property
    def operation(self) -> Operation:
        """Return what was done."""
        if self.old is None:
            return "INSERT"
        return "DELETE" if self.new is None else "UPDATE"

    @property
    def last(self) -> Kept:
        """Return the newest state there is."""
        found = self.new or self.old
        assert found is not None, "a change has one state at least"  # noqa: S101 - said in the docstring
        return found

    def streams(self) -> list[str]:
        """Return all streams on which it is told, in order."""
        states = [state for state in (self.old, self.new) if state is not None]
        return sorted({stream for state in states for stream in (*state.rows, *state.ids)})

    def posts(self) -> Iterator[Post]:
        """Yield an event for each stream."""
        ids = self._ids()
        row = ids if self.new is None else {**ids, "row": self.new.told()}
        full = frozenset() if self.new is None else self.new.rows
        for stream in self.streams():
            yield Post(stream, self.event, row if stream in full else ids)

    def counted(self) -> tuple[tuple[Tally, ...], Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """Return what the row counts for, and what it held before and holds now."""
        old, new = (None if state is None else state.values for state in (self.old, self.new))
        return self.last.type.tallies, old, new

    def audit(self) -> Audit:
        """Return who changed what: of an update the columns that differ."""
        old = None if self.old is None else self.old.values
        new = None if self.new is None else self.new.values
        if old is not None and new is not None:
            others = [name for name, value in new.items() if old[name] != value]
            old, new = {name: old[name] for name in others}, {name: new[name] for name in others}
        last = self.last
        return Audit(last.type.name, last.id, self.event.partition(".")[2], _json(old), _json(new))

    def activity(self) -> Activity:
        """Return the line of the feed: ids only, since one line is for the readers of all streams."""
        last = self.last
        payload = msgspec.json.encode(self._ids()).decode()
        return Activity(self.event, last.type.name, last.id, payload, tuple(self.streams()))

    def _ids(self) -> dict[str, Any]:
        last = self.last
        return {"id": last.id, "operation": self.operation, "version": last.version}


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()
