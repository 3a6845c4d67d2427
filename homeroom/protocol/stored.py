"""The stored form of things (msgpack), and broadcasts built around it: what `bootstrap` hands to the engine.

A broadcast is encoded once for each format, around bytes that are already encoded; nothing of it belongs to one receiver.
`StoredWire` has the shape of `engine.wire.Wire`, the two `…Frames` that of `engine.wire.FrameEncoder`; neither is imported,
since the engine and the protocol never know of each other.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from homeroom.protocol.frames import Ev, Event, Gone, Sig


class StoredWire:
    """Structures to stored bytes and back. Decoders are made once a type; the types are those of the kinds' rows."""

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}

    def encode(self, value: Any) -> bytes:
        """Return the stored bytes of a structure."""
        return self._encode(value)

    def decode(self, body: bytes, type: type[Any]) -> Any:
        """Return the structure; raises `ValueError` when the bytes are not of `type`."""
        decoder = self._decoders.get(type)
        if decoder is None:
            decoder = self._decoders[type] = msgspec.msgpack.Decoder(type)
        return decoder.decode(body)

    def decode_plain(self, body: bytes) -> Any:
        """Return builtin types; raises `ValueError`."""
        return msgspec.msgpack.decode(body)

    def convert(self, value: Any, type: type[Any]) -> Any:
        """Return builtin types as the structure `type`; raises `ValueError`."""
        return msgspec.convert(value, type)

    def event(self, type: str, at: int, by: str, body: bytes) -> bytes:
        """Return the event `{type, at, by, d}` as it stands inside every delta, around the stored body `d`."""
        return self._encode(Event(type, at, by, Raw(body)))


class MsgpackFrames:
    """Broadcasts in msgpack: the stored events are copied into the frame as they are."""

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        """Return the frame `ev`; the first of `events` has number `seq`."""
        return self._encode(Ev(stream, seq, [Raw(event) for event in events]))

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        """Return the frame `sig`."""
        return self._encode(Sig(stream, [Raw(event) for event in events]))

    def gone(self, stream: str, code: str) -> bytes:
        """Return the frame `gone`."""
        return self._encode(Gone(stream, code))


class JsonFrames:
    """Broadcasts in JSON: the stored events are translated, once for all receivers."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.msgpack.Decoder().decode

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        """Return the frame `ev`; the first of `events` has number `seq`."""
        return self._encode(Ev(stream, seq, [self._decode(event) for event in events]))

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        """Return the frame `sig`."""
        return self._encode(Sig(stream, [self._decode(event) for event in events]))

    def gone(self, stream: str, code: str) -> bytes:
        """Return the frame `gone`."""
        return self._encode(Gone(stream, code))
