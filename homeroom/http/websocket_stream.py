"""The stream that trio-websocket believes to be its own: reading is metered, writing joins the connection's outbox.

Messages that need none of its knowledge go past it (`plain_messages`), but never ahead of one that it still holds.
Never here: frames' meaning, and closing the socket (its owner does that, after the outbox has been written).
"""

from functools import partial
from typing import Protocol

import trio

from homeroom.http.frame_meter import FrameMeter, Violation
from homeroom.http.handshake import Handshake
from homeroom.http.outbox import Outbox
from homeroom.http.plain_messages import plain_messages
from homeroom.http.socket_reading import receive_some
from homeroom.http.websocket_frames import CLOSE, FIN


class Taker(Protocol):
    """Who takes what came in: the connection."""

    opcode: int
    """The kind of message agreed on."""

    @property
    def ready(self) -> bool:
        """Tell whether messages may come by the short way: after welcome and before the end."""

    async def take(self, messages: list[bytes]) -> None:
        """Carry out messages, in order; never raises but for cancellation."""

    def violated(self, violation: Violation) -> None:
        """End the connection: the client broke a rule of the meter."""


class _Answered:
    """Stands for wsproto's handshake when that is over: it would hold on to a parser and the request's headers for ever."""

    def events(self) -> tuple[()]:
        """Return nothing: there is no more of it."""
        return ()


ANSWERED = _Answered()
"""As much of an answered handshake as is still needed; one for all connections."""


class WebSocketStream(trio.abc.Stream):
    """First the request's head; then, once the handshake is answered, what follows it, metered.

    `heard` is when the client was heard last, on trio's clock. `close_sent`: trio-websocket has written a close frame.
    `handled`: messages carried out, by either way; its owner counts those that trio-websocket gave it.
    """

    __slots__ = (
        "_answered",
        "_head",
        "_meter",
        "_outbox",
        "_receive",
        "_rest",
        "_taker",
        "close_sent",
        "handled",
        "heard",
    )

    def __init__(
        self,
        below: trio.abc.Stream,
        handshake: Handshake,
        outbox: Outbox,
        meter: FrameMeter,
        taker: Taker,
    ) -> None:
        self._receive = partial(receive_some, below) if isinstance(below, trio.SocketStream) else below.receive_some
        self._head = handshake.raw
        self._rest = handshake.rest
        self._outbox = outbox
        self._meter = meter
        self._taker = taker
        self._answered: trio.Event | None = trio.Event()
        self.heard = trio.current_time()
        self.close_sent = False
        self.handled = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return the next bytes, empty at the end. Raises `trio.ClosedResourceError` after a violation, which is told once."""
        if self._head:
            head, self._head = self._head, b""
            return head
        if self._answered is not None:
            await self._answered.wait()  # bytes that came with the request would be lost before the answer
            self._answered = None
        while True:
            settled = self._meter.between and self._meter.messages == self.handled
            data = await self._receive_metered(max_bytes)
            messages = plain_messages(data, self._taker.opcode) if settled and self._taker.ready else None
            if not messages:
                return data
            await self._taker.take(messages)
            self.handled += len(messages)

    async def _receive_metered(self, max_bytes: int | None) -> bytes | bytearray:
        data: bytes | bytearray = self._rest
        if data:
            self._rest = b""
            await trio.lowlevel.checkpoint()
        else:
            data = await self._receive(max_bytes)
        self.heard = trio.current_time()
        if data and (violation := self._meter.receive(data, self.heard)) is not None:
            self._taker.violated(violation)
            raise trio.ClosedResourceError("the client broke a rule of the meter")
        return data

    def charge(self, frames: int) -> Violation | None:
        """Count further frames that came inside one message."""
        return self._meter.charge(frames, self.heard)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue behind everything else; never waits for the socket, since the outbox is bounded and its lateness watched."""
        frame = bytes(data)
        if frame[0] == FIN | CLOSE:
            self.close_sent = True
        self._outbox.push(frame)
        if self._answered is not None:
            self._answered.set()
            if not frame.startswith(b"HTTP/1.1 101 "):
                self._outbox.finish()  # trio-websocket has refused what the handshake's judge let through
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Do nothing: what was queued is still to be written."""
        await trio.lowlevel.checkpoint()
