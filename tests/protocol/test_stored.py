"""The stored form, and broadcasts around it: they have the shapes that the engine asks for."""

from typing import ClassVar

import msgpack
import msgspec
import pytest

from homeroom.engine.wire import FrameEncoder, Wire
from homeroom.protocol.frames import Ev, Event, Gone, Sig
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from tests.protocol.shapes import JSON, MSGPACK


class Joined(msgspec.Struct, frozen=True):
    """An event."""

    type: ClassVar[str] = "room.joined"
    user: str
    since: int = 0


WIRE: Wire = StoredWire()
ENCODERS: dict[str, FrameEncoder] = {"msgpack": MsgpackFrames(), "json": JsonFrames()}
CODECS = {"msgpack": MSGPACK, "json": JSON}


def test_what_is_stored_comes_back() -> None:
    body = WIRE.encode(Joined("ann", 5))
    assert WIRE.decode(body, Joined) == Joined("ann", 5)
    assert WIRE.decode_plain(body) == {"user": "ann", "since": 5}
    assert WIRE.convert({"user": "ann"}, Joined) == Joined("ann")
    assert msgpack.unpackb(body) == {"user": "ann", "since": 5}


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x81\xa4user\x05", b"\x81\xa4user\xa1\xff"])
def test_what_is_of_another_type_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WIRE.decode(body, Joined)


def test_builtins_of_another_type_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="user"):
        WIRE.convert({}, Joined)


@pytest.mark.parametrize("format", ["msgpack", "json"])
def test_a_broadcast_is_the_frame_around_the_stored_events(format: str) -> None:
    encoder, codec = ENCODERS[format], CODECS[format]
    stored = [WIRE.event("room.joined", 7, "ann", WIRE.encode(Joined(user, 3))) for user in ("ann", "ben")]
    events = [Event("room.joined", 7, "ann", {"user": user, "since": 3}) for user in ("ann", "ben")]
    assert encoder.delta("room:a", 4, stored) == codec.encode(Ev("room:a", 4, list(events)))
    assert encoder.signals("room:a", stored) == codec.encode(Sig("room:a", list(events)))
    assert encoder.gone("room:a", "forbidden") == codec.encode(Gone("room:a", "forbidden"))
