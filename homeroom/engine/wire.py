"""How the engine turns structures into bytes and back: handed in by the composition root, since only `protocol` knows the codec."""

from collections.abc import Sequence
from typing import Any, Protocol


class Wire(Protocol):
    """The stored form of states, events, commands and replies."""

    def encode(self, value: Any) -> bytes:
        """Return the stored bytes of a structure."""

    def decode(self, body: bytes, type: type[Any]) -> Any:
        """Return the structure; raises `ValueError` when the bytes are not of `type`."""

    def decode_plain(self, body: bytes) -> Any:
        """Return builtin types, for the upgrade of an old snapshot."""

    def convert(self, value: Any, type: type[Any]) -> Any:
        """Return builtin types as the structure `type`; raises `ValueError`."""

    def event(self, type: str, at: int, by: str, body: bytes) -> bytes:
        """Return the event `{type, at, by, d}` as it stands inside every delta, around the stored body `d`."""


class FrameEncoder(Protocol):
    """Builds the finished bytes of a broadcast, once for all receivers of one format, from `Wire.event` bytes."""

    def delta(self, stream: str, seq: int, events: Sequence[bytes]) -> bytes:
        """Return the frame `ev`."""

    def signals(self, stream: str, events: Sequence[bytes]) -> bytes:
        """Return the frame `sig`."""

    def gone(self, stream: str, code: str) -> bytes:
        """Return the frame `gone`."""
