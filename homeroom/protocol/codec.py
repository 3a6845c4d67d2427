"""Bytes to frames and back, in the two formats of the wire: msgpack and, for debugging, JSON with the same values.

Of a key that stands twice in a map, the last one counts; what is authorised is the decoded structure, and so is what is done.
Never here: the arguments of verbs (`verbs`), the stored form (`stored`), what a frame causes (`session`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import msgspec
from msgspec import Raw, Struct

from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import LIMITS, ClientFrame, Limits, ServerFrame
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.scan import array_header, scan_json, scan_msgpack
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire

__all__ = ["CODECS", "UNDECODABLE", "Codec", "Format", "JsonFrames", "MsgpackFrames", "StoredWire", "tag_of"]

Format = Literal["msgpack", "json"]
UNDECODABLE = (ValueError, RecursionError, OverflowError, MemoryError)
"""All that a decoder lets out for bytes that it does not like; `msgspec`'s own errors and bad UTF-8 are `ValueError`s."""


class _Probe(Struct):
    """What is read of a frame that is wrong, so that the answer carries its id."""

    t: Any = None
    id: Any = None


def tag_of(frame: type[Any]) -> str:
    """Return the `t` of a frame's type."""
    return str(frame.__struct_config__.tag)


_CLIENT_TAGS = frozenset(map(tag_of, get_args(ClientFrame)))


class Codec:
    """One format of the wire, for both ends. `subprotocol` is its name in the WebSocket handshake.

    Stateless: one instance serves all connections.
    """

    def __init__(self, format: Format) -> None:
        self.format: Format = format
        self.subprotocol = f"homeroom.v1.{format}"
        self.is_text = format == "json"
        module = msgspec.msgpack if format == "msgpack" else msgspec.json
        self._encode: Callable[[Any], bytes] = module.Encoder().encode
        self._client: Callable[[bytes], ClientFrame] = module.Decoder(ClientFrame).decode
        self._server: Callable[[bytes], ServerFrame] = module.Decoder(ServerFrame).decode
        self._probe: Callable[[bytes], _Probe] = module.Decoder(_Probe).decode
        self._items: Callable[[bytes], list[Raw]] = module.Decoder(list[Raw]).decode

    def decode_frames(
        self, data: bytes | str | None, limits: Limits = LIMITS
    ) -> list[ClientFrame | RemoteProtocolError]:
        """Return the frames of one message of a client, in order; a known frame with wrong fields is an error in its place.

        Such an error carries the frame's `id` and type, and the connection goes on. One that is `fatal` (no map with a
        known `t`) is the last of the list. Raises `RemoteProtocolError`, fatal, when the whole message is none.
        """
        frames: list[ClientFrame | RemoteProtocolError] = []
        for part in self._split(self._as_bytes(data, limits.message_bytes), limits):
            frame = self._decode_one(part)
            frames.append(frame)
            if isinstance(frame, RemoteProtocolError) and frame.fatal:
                break
        return frames

    def decode_server_frames(self, data: bytes | str | None) -> list[ServerFrame]:
        """Return the frames of one message of the server. Raises `RemoteProtocolError` for anything else."""
        raw = self._as_bytes(data, None)
        try:
            return [self._server(part) for part in self._items(raw)] if self._is_array(raw) else [self._server(raw)]
        except UNDECODABLE as error:
            raise RemoteProtocolError("bad_frame", f"not a frame of the server: {error}", fatal=True) from None

    def encode(self, frame: ServerFrame | ClientFrame) -> bytes:
        """Return the message that holds `frame`; for JSON these are the UTF-8 bytes of the text."""
        return self._encode(frame)

    def join(self, messages: Sequence[bytes]) -> bytes:
        """Return one message that holds the frames of several, each encoded already, in order."""
        return messages[0] if len(messages) == 1 else self._encode([Raw(message) for message in messages])

    def embed(self, stored: bytes | None) -> Any:
        """Return stored bytes (`StoredWire.encode`) as a value that can stand inside a frame of this format."""
        if stored is None:
            return None
        return Raw(stored) if self.format == "msgpack" else msgspec.msgpack.decode(stored)

    def arguments(self, values: Any) -> Raw:
        """Return a command's arguments, a mapping or a structure, as they stand in `Cmd.d`."""
        return Raw(self._encode(values))

    def _as_bytes(self, data: bytes | str | None, limit: int | None) -> bytes:
        if self.format == "msgpack" and isinstance(data, str):
            raise RemoteProtocolError("bad_frame", "text where binary was agreed", fatal=True)
        try:
            raw = data.encode() if isinstance(data, str) else bytes(data or b"")
        except UnicodeEncodeError:
            raise RemoteProtocolError("bad_frame", "the text is not UTF-8", fatal=True) from None
        if limit is not None and len(raw) > limit:
            raise RemoteProtocolError("bad_frame", f"a message has at most {limit} bytes", fatal=True)
        return raw

    def _is_array(self, raw: bytes) -> bool:
        if self.format == "msgpack":
            return array_header(raw) is not None
        return raw.lstrip(b" \t\r\n")[:1] == b"["

    def _split(self, raw: bytes, limits: Limits) -> Iterator[bytes | Raw]:
        if self.format == "msgpack":
            return iter(_split_msgpack(raw, limits))
        scan_json(raw, limits.nesting, limits.elements, limits.frames)
        if not self._is_array(raw):
            return iter((raw,))
        try:
            return iter(self._items(raw))
        except UNDECODABLE:
            raise RemoteProtocolError("bad_frame", "the message is not JSON", fatal=True) from None

    def _decode_one(self, part: bytes | Raw) -> ClientFrame | RemoteProtocolError:
        try:
            return self._client(part)
        except UNDECODABLE as error:
            return self._explain(part, error)

    def _explain(self, part: bytes | Raw, error: BaseException) -> RemoteProtocolError:
        """Say what is wrong with a frame: its fields, or that it is none at all."""
        try:
            probe = self._probe(part)
        except UNDECODABLE:
            return RemoteProtocolError("bad_frame", f"the message is not {self.format}, or no map", fatal=True)
        if not isinstance(probe.t, str) or probe.t not in _CLIENT_TAGS:
            return RemoteProtocolError("bad_frame", f"`t` is one of {', '.join(sorted(_CLIENT_TAGS))}", fatal=True)
        known_id = probe.id if type(probe.id) is int and 1 <= probe.id <= MAX_SEQ else None
        msg = "the text is not UTF-8" if isinstance(error, UnicodeError) else str(error)
        return RemoteProtocolError("bad_frame", msg, id=known_id, frame=probe.t)


def _split_msgpack(raw: bytes, limits: Limits) -> list[bytes]:
    """Cut a message into its frames, each looked over before anything of it is built."""
    count, pos = array_header(raw) or (1, 0)
    if count > limits.frames:
        raise RemoteProtocolError("bad_frame", f"a message has at most {limits.frames} frames", fatal=True)
    ends = [pos]
    for _ in range(count):
        ends.append(scan_msgpack(raw, ends[-1], limits.nesting, limits.elements))
    if ends[-1] != len(raw):
        raise RemoteProtocolError("bad_frame", "bytes follow the message", fatal=True)
    return [raw] if not pos else [raw[start:end] for start, end in pairwise(ends)]


CODECS: dict[str, Codec] = {codec.subprotocol: codec for codec in (Codec("msgpack"), Codec("json"))}
"""By the subprotocol that the handshake agreed on, the preferred one first."""
