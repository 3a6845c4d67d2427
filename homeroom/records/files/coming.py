"""A file on its way in: what is known of it, who says how it goes on, and whether another try of it is the same.

Never here: taking it in (`reception`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homeroom.engine.behaviour import Caller
from homeroom.records.files.intake import Intake
from homeroom.records.files.terms import Offer, another


@dataclass(frozen=True, slots=True)
class Received:
    """The row of a file that is all here; `again`: it was here before."""

    row: Mapping[str, Any]
    again: bool = False


@dataclass(slots=True)
class Coming:
    """A file on its way in: its id, its name in the store, the bytes there is room for, and when its lease was renewed (Unix ms)."""

    id: str
    name: str
    caller: Caller
    offer: Offer
    room: int
    intake: Intake
    renewed: int
    received: int = 0


Signal = Callable[[str, str, bytes], None]
"""Gives an ephemeral event: stream, key, event."""
Pieces = AsyncIterator[bytes]
Opening = Callable[[Pieces], Awaitable[tuple[Offer, Pieces]]]
"""Reads on until it is clear what comes; returns that, and the pieces of the file itself. Raises `Refusal`."""
Still = Callable[[], Awaitable[object]]
"""Raises `Refusal` when who sends a file may do so no longer."""


def lock_of(caller: Caller) -> str:
    """Return the name under which what changes how much of a person's is here, or on its way, is done one by one."""
    return f"uploads of {caller.user}"


def check_same(row: Any, offer: Offer, caller: Caller) -> None:
    """Raise `conflict` unless what is here under the same key may be what is offered."""
    same = row["name"] == offer.name and row["declared_type"] == offer.declared
    if row["owner_id"] != caller.user or not same or offer.length not in (None, row["size"]):
        raise another()
