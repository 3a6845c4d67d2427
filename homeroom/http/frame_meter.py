"""Counts what a client sends, from the headers of its WebSocket frames, before anything of it is kept.

Sans-IO: bytes in, at most one verdict out. It follows frame boundaries only; whether a frame is *right* (reserved bits,
masking, UTF-8) is trio-websocket's to say, to which the same bytes go afterwards. What it adds are the bounds that a
library does not keep: frames, control frames and bytes a second, fragments a message, and a length that is judged from
the header. Never here: a socket, and what a message says.
"""

from dataclasses import dataclass

from homeroom.http.budgets import Bucket, Rate
from homeroom.http.websocket_frames import CLOSE, CONTINUATION, FIN
from homeroom.protocol.errors import Close

_FRAME_RATE = Rate(100.0, 500.0)
_CONTROL_RATE = Rate(10.0, 20.0)
_BYTE_RATE = Rate(262_144.0, 1_048_576.0)


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """What one connection may send. `message_bytes` is of one message, `fragments` its most frames."""

    message_bytes: int = 65_536
    fragments: int = 64
    frames: Rate = _FRAME_RATE
    control: Rate = _CONTROL_RATE
    bytes: Rate = _BYTE_RATE


@dataclass(frozen=True, slots=True)
class Violation:
    """The close code that ends the connection, and the reason as told to the client."""

    code: int
    reason: str


_RESERVED_LENGTH = Violation(Close.PROTOCOL, "the length's first bit is set")
_TOO_LARGE = Violation(Close.TOO_LARGE, "the message is too large")
_FRAGMENTS = Violation(Close.POLICY, "a message has too many fragments")
_CONTROL = Violation(Close.FLOOD, "too many control frames")
_FRAMES = Violation(Close.FLOOD, "too many messages")
_BYTES = Violation(Close.FLOOD, "too many bytes")

_EXTENDED = {126: 2, 127: 8}
"""Bytes of the extended length behind the second byte of a header."""


class FrameMeter:
    """The count of one connection. `receive` it every byte that came after the handshake, in order."""

    __slots__ = ("_bytes", "_control", "_fragments", "_frames", "_head", "_message", "_settings", "_skip", "messages")

    def __init__(self, settings: MeterSettings, now: float) -> None:
        self._settings = settings
        self._frames = Bucket(settings.frames, now)
        self._control = Bucket(settings.control, now)
        self._bytes = Bucket(settings.bytes, now)
        self._head = b""  # of a frame whose header is not whole yet
        self._skip = 0  # bytes of the current frame's masking key and payload still to come
        self._fragments = 0  # frames of the current message
        self._message = 0  # its bytes
        self.messages = 0
        """Messages whose last frame has begun."""

    @property
    def between(self) -> bool:
        """Tell whether the next byte begins a message."""
        return not (self._skip or self._head or self._fragments)

    def receive(self, data: bytes | bytearray, now: float) -> Violation | None:
        """Count `data`; returns the first rule that it breaks. Keeps at most the 9 bytes of a broken header."""
        if self._bytes.take(now, len(data)):
            return _BYTES
        if self._head:
            data = self._head + data
            self._head = b""
        return self._walk(data, now)

    def charge(self, frames: int, now: float) -> Violation | None:
        """Count further frames that came inside one message, as an array."""
        return _FRAMES if frames and self._frames.take(now, frames) else None

    def _walk(self, data: bytes | bytearray, now: float) -> Violation | None:
        size, pos = len(data), self._skip
        while pos < size:
            header = 2 + _EXTENDED.get(data[pos + 1] & 0x7F, 0) if size - pos >= 2 else 2
            if size - pos < header:
                self._head, pos = bytes(data[pos:]), size
                break
            payload = data[pos + 1] & 0x7F if header == 2 else int.from_bytes(data[pos + 2 : pos + header], "big")
            if violation := self._count(data[pos], payload, now):
                return violation
            pos += header + (4 if data[pos + 1] & 0x80 else 0) + payload
        self._skip = pos - size
        return None

    def _count(self, first: int, payload: int, now: float) -> Violation | None:
        if payload >> 63:
            return _RESERVED_LENGTH
        if first & 0x0F >= CLOSE:
            return _CONTROL if self._control.take(now) else None
        if first & 0x0F != CONTINUATION:
            self._fragments = self._message = 0
            if self._frames.take(now):
                return _FRAMES
        self._fragments += 1
        self._message += payload
        if self._message > self._settings.message_bytes:
            return _TOO_LARGE
        if self._fragments > self._settings.fragments:
            return _FRAGMENTS
        if first & FIN:
            self._fragments = self._message = 0
            self.messages += 1
        return None
