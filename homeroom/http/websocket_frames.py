"""Finished WebSocket frames of a server: unmasked, unfragmented, so that one bytes object can go to every receiver.

Never here: parsing what comes in (`frame_meter` counts it, trio-websocket reads it).
"""

from collections.abc import Sequence
from struct import pack

from homeroom.engine.wire import FrameEncoder

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""The opcodes of RFC 6455, section 5.2."""

FIN = 0x80
OPCODES = {"msgpack": BINARY, "json": TEXT}
"""Which opcode carries a format."""

MAX_REASON = 123
"""Bytes of a close reason: a control frame holds 125, two of them are the code."""


def websocket_frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole frame around `payload`."""
    size = len(payload)
    first = FIN | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return pack("!BBH", first, 126, size) + payload
    return pack("!BBQ", first, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return the frame that closes; a long `reason` is cut at a whole character."""
    text = reason.encode()[:MAX_REASON].decode(errors="ignore")
    return websocket_frame(CLOSE, pack("!H", code) + text.encode())


PING_FRAME = websocket_frame(PING, b"")


class WebSocketFrames:
    """A `FrameEncoder` whose results are finished WebSocket frames around those of the one within."""

    def __init__(self, format: str, encoder: FrameEncoder) -> None:
        self._opcode = OPCODES[format]
        self._encoder = encoder

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        """Return the frame `ev`."""
        return websocket_frame(self._opcode, self._encoder.delta(stream, seq, events))

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        """Return the frame `sig`."""
        return websocket_frame(self._opcode, self._encoder.signals(stream, events))

    def gone(self, stream: str, code: str) -> bytes:
        """Return the frame `gone`."""
        return websocket_frame(self._opcode, self._encoder.gone(stream, code))
