"""Pages of lists: the opaque `after` that says behind which row the next one begins.

It holds the value that the list is ordered by, and the stream of the last row. It grants nothing: each page is asked for anew,
with all that its reader may see. Never here: what is asked for (the kinds' lists), and cursors of streams.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.ids import MAX_SEQ, AddressText
from homeroom.protocol.opaque import seal, unseal

AFTER_MAX = 2_000
After = Annotated[str, Meta(max_length=AFTER_MAX, description="the `after` of the page before; empty: the first page")]
PageLimit = Annotated[int, Meta(ge=1, le=100, description="how many at the most")]

_MARK = "p1."
ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT", bound=Mapping[str, Any])
Order = bool | Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)] | float | Annotated[str, Meta(max_length=1_000)] | None
"""What a list may be ordered by; a longer text is no order for a list that has pages."""


class Page(Struct, Generic[ItemT], frozen=True):
    """A page of a list; `after` leads to the next one, empty when there is none. A list names its own after it."""

    items: tuple[ItemT, ...]
    after: str = ""


class _Place(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    value: Order
    stream: AddressText


def encode_after(value: Order, stream: str) -> str:
    """Return the `after` behind the row of `stream` whose order is `value`."""
    return seal(_MARK, msgspec.msgpack.encode(_Place(value, stream)))


def decode_after(text: str, *kinds: type[Any]) -> tuple[Any, str] | None:
    """Return the order and the stream of the last row seen, `None` for the first page.

    `kinds` are the types that the list's order has (`int`, `str`, …; nothing, `None`, is one of every list). Raises
    `RemoteProtocolError` `bad_command` for what `encode_after` did not make of such a list.
    """
    if not text:
        return None
    place = _read(text)
    if place is None or (place.value is not None and type(place.value) not in kinds):
        allowed = "the `after` of the page before, or nothing"
        raise RemoteProtocolError("bad_command", f"after: {allowed}", data={"field": "after", "allowed": allowed})
    return place.value, place.stream


def cut_page(rows: Sequence[RowT], limit: int, order: str) -> tuple[Sequence[RowT], str]:
    """Return one page of `rows`, of which one more than `limit` were asked for, and the next one's `after` (empty: none)."""
    kept = rows[:limit]
    return kept, encode_after(kept[-1][order], kept[-1]["stream"]) if len(rows) > limit else ""


def _read(text: str) -> _Place | None:
    data = unseal(_MARK, text) if len(text) <= AFTER_MAX else None
    try:
        return msgspec.msgpack.decode(data, type=_Place) if data is not None else None
    except (ValueError, RecursionError):
        return None
