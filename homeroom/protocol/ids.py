"""Identifiers as they stand on the wire: opaque ids and the addresses of actors.

Never here: the randomness of which ids are made, and finding what an address names (`engine.registry`).
"""

import base64
import re
from typing import Annotated, NamedTuple

from msgspec import Meta

from homeroom.protocol.instant import INSTANT

MAX_SEQ = 2**53 - 1
"""The largest number on the wire: what every client language, JavaScript among them, holds exactly."""

Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 _ - .")]
Kind = Annotated[str, Meta(pattern=r"\A[a-z]{2,16}\Z", description="2 to 16 lower-case letters")]
AddressText = Annotated[
    str, Meta(pattern=r"\A[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}\Z", description="kind:id, such as room:lobby")
]
CommandId = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="positive, growing within `client`")]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Millis = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="Unix milliseconds, server clock", extra=INSTANT)]
Epoch = Annotated[str, Meta(max_length=64)]


_MADE = re.compile(r"\A[a-z2-7]{26}\Z")


def spell_id(octets: bytes) -> str:
    """Return the id of a new thing that 16 octets stand for: 26 letters and digits, in lower case."""
    return base64.b32encode(octets).decode().rstrip("=").lower()


def is_made(id: str) -> bool:
    """Tell whether `id` has the form of those that `spell_id` makes."""
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
