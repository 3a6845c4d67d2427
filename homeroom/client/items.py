"""What a subscription yields: plain values, in order, made for `match` and for folding into a state.

A `Snapshot` replaces the state; each `Event` changes it; a `Signal` is a passing remark; `Resumed` says that nothing was
missed; `Gone` is the last item. A snapshot may come at any time: after a long absence, or when history was replaced.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the stream after event `seq` of history `epoch`."""

    stream: str
    epoch: str
    seq: int
    state: Any


@dataclass(frozen=True, slots=True)
class Resumed:
    """After an absence, `count` missed events up to `seq` follow without a gap."""

    stream: str
    epoch: str
    seq: int
    count: int


@dataclass(frozen=True, slots=True)
class Event:
    """A durable event: number, type, server time in Unix ms, user id or `"system"`, data."""

    stream: str
    seq: int
    type: str
    at: int
    by: str
    d: Any

    @property
    def name(self) -> str:
        """Return its identity for deduplication, such as `room:lobby@17`."""
        return f"{self.stream}@{self.seq}"


@dataclass(frozen=True, slots=True)
class Signal:
    """An ephemeral event: not numbered, newest wins."""

    stream: str
    type: str
    at: int
    by: str
    d: Any


@dataclass(frozen=True, slots=True)
class Gone:
    """The subscription ended from the other side: access was withdrawn, or the stream was deleted."""

    stream: str
    code: str


Item = Snapshot | Resumed | Event | Signal | Gone
