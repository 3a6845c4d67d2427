"""Identifiers as they stand on the wire: opaque ids and the addresses of actors.

Never here: making ids (randomness comes in from outside) and finding what an address names (`engine.registry`).
"""

import re
from typing import Annotated, NamedTuple

from msgspec import Meta

MAX_SEQ = 2**53 - 1
"""The largest number on the wire: what every client language, JavaScript among them, holds exactly."""

Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 _ - .")]
Kind = Annotated[str, Meta(pattern=r"\A[a-z]{2,16}\Z", description="2 to 16 lower-case letters")]
AddressText = Annotated[
    str, Meta(pattern=r"\A[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}\Z", description="kind:id, such as room:lobby")
]
CommandId = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="positive, growing within `client`")]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Millis = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="Unix milliseconds, server clock")]
Epoch = Annotated[str, Meta(max_length=64)]


_MADE = re.compile(r"\A[a-z2-7]{26}\Z")


def is_made(id: str) -> bool:
    """Tell whether `id` has the form of those that the server makes for new things: 26 letters and digits, in lower case."""
    return _MADE.match(id) is not None


class Address(NamedTuple):
    """Where an actor lives, and the name of its stream: `room:lobby` is kind `room`, id `lobby`."""

    kind: str
    id: str

    def __str__(self) -> str:
        """Return the wire form, `kind:id`."""
        return f"{self.kind}:{self.id}"


def parse_address(text: str) -> Address:
    """Split a validated `kind:id`; text that passed `AddressText` never fails here."""
    kind, _, rest = text.partition(":")
    return Address(kind, rest)
