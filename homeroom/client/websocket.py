"""One WebSocket over a trio stream, the client's side: bytes by wsproto, nothing but messages to the outside.

Never here: frames (`connection`), and coming back (`client`). A send that was cancelled leaves half a frame on the wire:
the socket can then only be closed.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError, ProtocolError

ABNORMAL = 1006
_RECEIVE_BYTES = 65_536


class Cut(Exception):
    """The connection is over. `code` is the close code (1006: there was none)."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


class Rejected(Exception):
    """The handshake was answered with an HTTP `status`; `retry_s` is its Retry-After in seconds."""

    def __init__(self, status: int, retry_s: float | None) -> None:
        super().__init__(f"the handshake was refused with {status}")
        self.status, self.retry_s = status, retry_s


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a handshake says: the `Host`, the path, and the one subprotocol offered."""

    host: str
    target: str
    subprotocol: str


class WebSocket:
    """Messages over a stream. One task may `receive` while others `send`; sends wait for each other."""

    def __init__(self, stream: trio.abc.Stream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._sending = trio.Lock()
        self._torn = False
        self._events: deque[ws.Event] = deque()
        self._parts: list[str | bytes] = []
        self._size = 0

    async def shake_hands(self, handshake: Handshake) -> None:
        """Open the WebSocket. Raises `Rejected`, or `Cut` when the stream ends; if cancelled, close it."""
        await self._send(ws.Request(host=handshake.host, target=handshake.target, subprotocols=[handshake.subprotocol]))
        answer = await self._next_event()
        if isinstance(answer, ws.RejectConnection):
            raise Rejected(answer.status_code, _retry_after(answer))
        if not isinstance(answer, ws.AcceptConnection) or answer.subprotocol != handshake.subprotocol:
            raise Cut(1002, "the server did not take the subprotocol")

    async def receive(self) -> str | bytes:
        """Return the next message; raises `Cut`. If cancelled, the message is kept for the next call."""
        while True:
            event = await self._next_event()
            if isinstance(event, ws.Message):
                if (message := self._join(event)) is not None:
                    return message
            elif isinstance(event, ws.Ping):
                await self._send(event.response())
            elif isinstance(event, ws.CloseConnection):
                raise Cut(event.code, event.reason or "")

    async def send(self, message: bytes, *, text: bool) -> None:
        """Send one message; raises `Cut`. If cancelled, the stream holds half a frame: close it."""
        await self._send(ws.TextMessage(data=message.decode()) if text else ws.BytesMessage(data=message))

    async def close(self) -> None:
        """Say goodbye unless half a frame stands on the wire, and close the stream without waiting for an answer."""
        try:
            if not self._torn and self._wire.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                await self._send(ws.CloseConnection(code=1000))
        except Cut:
            pass  # it was over before we said so
        finally:
            await trio.aclose_forcefully(self._stream)

    async def _next_event(self) -> ws.Event:
        while not self._events:
            try:
                data = await self._stream.receive_some(_RECEIVE_BYTES)
                self._wire.receive_data(bytes(data) or None)
                self._events.extend(self._wire.events())
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise Cut(ABNORMAL, "the connection broke") from None
            except ProtocolError as error:
                raise Cut(ABNORMAL, f"no WebSocket, or no longer: {error}") from None
        return self._events.popleft()

    def _join(self, event: "ws.Message[Any]") -> str | bytes | None:
        """Collect the parts of a message; return it when it is whole."""
        self._size += len(event.data)
        if self._size > self._max_bytes:
            raise Cut(1009, f"the server sent a message of more than {self._max_bytes} bytes")
        self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if not event.message_finished:
            return None
        parts, self._parts, self._size = self._parts, [], 0
        return parts[0] if len(parts) == 1 else _concatenate(parts)

    async def _send(self, event: ws.Event) -> None:
        async with self._sending:
            try:
                data, self._torn = self._wire.send(event), True
                await self._stream.send_all(data)
                self._torn = False
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise Cut(ABNORMAL, "the connection broke") from None
            except LocalProtocolError:
                raise Cut(ABNORMAL, "the connection is closed") from None


def _concatenate(parts: list[str | bytes]) -> str | bytes:
    if isinstance(parts[0], str):
        return "".join(str(part) for part in parts)
    return b"".join(bytes(part) for part in parts if not isinstance(part, str))


def _retry_after(event: ws.RejectConnection) -> float | None:
    text = dict(event.headers).get(b"retry-after", b"").decode("latin-1")
    return float(text) if text.isdecimal() else None
