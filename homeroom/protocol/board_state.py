"""A leaderboard as its followers see it, and what an event does to that.

`reduce_board` serves the actor and every client alike. An event brings one entry, and the one that comes into view in its
place: nobody needs the whole board to know its first hundred. Never here: the words themselves (`board`).
"""

from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.board import (
    SHOWN,
    Configured,
    Entries,
    Entry,
    EntryChanged,
    Opened,
    Period,
    PeriodEnded,
    Recomputed,
    Scored,
    Specialty,
)
from homeroom.protocol.chat_state import Happening
from homeroom.protocol.hours import Zone
from homeroom.protocol.ids import Millis

PERIODS: tuple[Period, ...] = ("weekly", "monthly", "all_time")
_ALIASES = {"all-time": "all_time"}


class BoardState(Struct):
    """A board: its period (`began` 0: nobody ever scored; `ends` 0: it has no end), how many are on it, and the first 100 in order."""

    period: Period = "weekly"
    specialty: Specialty = "all"
    zone: Zone = "UTC"
    began: Millis = 0
    ends: Millis = 0
    entries: Entries = 0
    top: list[Entry] = field(default_factory=list)


def board_id(period: str, specialty: str = "all") -> str:
    """Return the id of a board; `all-time` is another word for `all_time` (requirements 1.9 #30)."""
    return f"{_ALIASES.get(period, period)}.{specialty}"


def ranks(points: Iterable[int]) -> list[int]:
    """Return the rank of each of `points`, which come in order: as many points, the same rank (1 2 2 4)."""
    found: list[int] = []
    before: int | None = None
    for place, value in enumerate(points, 1):
        found.append(found[-1] if value == before else place)
        before = value
    return found


def order_of(entry: Entry) -> tuple[int, int]:
    """Return what entries are ordered by, the least first."""
    return -entry.points, entry.since


def mask(entry: Entry) -> Entry:
    """Return an entry as everybody may see it: with an alias, without user id."""
    return replace(entry, user="") if entry.alias and entry.user else entry


def reduce_board(state: BoardState, fact: Happening) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact.event)


def show_board(state: BoardState) -> BoardState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(state, top=list(state.top))


def _opened(state: BoardState, e: Opened) -> None:
    state.zone, state.began, state.ends = e.zone, e.began, e.ends


def _scored(state: BoardState, e: Scored) -> None:
    state.entries = e.entries
    if e.entry is not None:
        _put(state.top, e.entry.entry, e.entry, e.next)


def _changed(state: BoardState, e: EntryChanged) -> None:
    state.entries = e.entries
    _put(state.top, e.n, e.entry, e.next)


def _put(top: list[Entry], n: int, *entries: Entry | None) -> None:
    """Take the entry `n` out of `top`, put `entries` to their places (and out of others), and keep what is in view."""
    coming = [entry for entry in entries if entry is not None]
    moved = {n, *(entry.entry for entry in coming)}
    top[:] = [known for known in top if known.entry not in moved]
    for entry in coming:
        insort(top, entry, key=order_of)
    del top[SHOWN:]


def _ended(state: BoardState, e: PeriodEnded) -> None:
    state.began, state.ends, state.entries = e.began, e.ends, 0
    state.top.clear()


def _configured(state: BoardState, e: Configured) -> None:
    state.zone, state.ends = e.zone, e.ends


def _recomputed(state: BoardState, e: Recomputed) -> None:
    state.entries, state.top = e.entries, list(e.top)


_CHANGES: dict[type[Any], Callable[[BoardState, Any], None]] = {
    Opened: _opened,
    Scored: _scored,
    EntryChanged: _changed,
    PeriodEnded: _ended,
    Configured: _configured,
    Recomputed: _recomputed,
}
