"""The engine's figures: counters that only grow, and what stands in the queues at this moment.

Rules of this file: counting is one addition; everything else is computed when somebody asks.
Never here: how the figures are shown (`http.metrics`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Protocol


@dataclass(slots=True)
class Counters:
    """What happened since the start.

    `again`: commands answered from a receipt; `doubts`: appends whose outcome had to be read back; `reloads`: lives begun
    anew from the journal for its sake; `parked`: durable messages given up until the next start.
    """

    activations: int = 0
    sleeps: int = 0
    turns: int = 0
    commands: int = 0
    events: int = 0
    again: int = 0
    refusals: int = 0
    overloads: int = 0
    crashes: int = 0
    restarts: int = 0
    suspensions: int = 0
    doubts: int = 0
    superseded: int = 0
    reloads: int = 0
    snapshots: int = 0
    snapshot_failures: int = 0
    look_ups: int = 0
    feeds: int = 0
    delivered: int = 0
    parked: int = 0

    def as_mapping(self) -> dict[str, int]:
        """Return all counters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class ActorFigures:
    """One actor now: posts waiting, how long the oldest has (ms), events and ms since its last snapshot."""

    address: str
    depth: int
    lag_ms: int
    unsaved: int
    snapshot_age_ms: int
    watchers: int
    refusing: bool


class Figured(Protocol):
    """An actor, as far as the figures go."""

    def figures(self, now: int) -> ActorFigures:
        """Return its figures at `now` Unix ms."""


WORST = 10


def summarise(actors: Iterable[Figured], now: int) -> dict[str, object]:
    """Return the sums over all actors, and the ten with the longest mailboxes one by one."""
    figures = [actor.figures(now) for actor in actors]
    worst = sorted((each for each in figures if each.depth or each.refusing), key=_weight)[:WORST]
    return {
        "active": len(figures),
        "refusing": sum(each.refusing for each in figures),
        "watchers": sum(each.watchers for each in figures),
        "mailbox_depth": sum(each.depth for each in figures),
        "mailbox_depth_most": max((each.depth for each in figures), default=0),
        "lag_ms_most": max((each.lag_ms for each in figures), default=0),
        "unsaved_most": max((each.unsaved for each in figures), default=0),
        "snapshot_age_ms_most": max((each.snapshot_age_ms for each in figures if each.unsaved), default=0),
        "busiest": {
            each.address: {"depth": each.depth, "lag_ms": each.lag_ms, "refusing": each.refusing} for each in worst
        },
    }


def _weight(figures: ActorFigures) -> tuple[int, int, str]:
    return -figures.depth, -figures.lag_ms, figures.address
