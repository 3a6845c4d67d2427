"""One WebSocket connection: from the answered handshake to the closed socket.

Its life: (1) `serve`: trio-websocket answers the handshake; (2) hello within its time, the token looked at, `welcome`;
(3) what comes in is carried out without a task of its own (`exchange`); (4) `close`, from whichever side: `bye` and the close
frame are the last that the outbox takes; (5) when they are written, or when that takes too long, the tasks end, and everybody
who knew this connection forgets it.

Never here: what is said (`exchange`), the bytes of frames, and the socket's last moments (`listener`).
"""

from math import inf
from typing import TYPE_CHECKING

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from homeroom.http.exchange import Exchange
from homeroom.http.frame_meter import FrameMeter
from homeroom.http.handshake import Handshake
from homeroom.http.identity import Identity
from homeroom.http.outbox import Outbox
from homeroom.http.websocket_frames import PING_FRAME, close_frame
from homeroom.http.websocket_stream import ANSWERED, WebSocketStream
from homeroom.protocol.codec import CODECS
from homeroom.protocol.errors import Close
from homeroom.protocol.frames import Bye
from homeroom.protocol.session import State

if TYPE_CHECKING:
    from homeroom.http.gateway import Gateway

_FAILURES = {Close.PROTOCOL, Close.NOT_BINARY, Close.BAD_UTF8, Close.TOO_LARGE}
"""What trio-websocket finds wrong without telling the client."""


class Connection:
    """One client. Made, served and forgotten by the gateway."""

    __slots__ = ("_gateway", "_nursery", "_opening", "_pinged", "close_code", "exchange")

    def __init__(
        self, gateway: "Gateway", stream: trio.abc.Stream, handshake: Handshake, nursery: trio.Nursery
    ) -> None:
        self._gateway = gateway
        self._nursery = nursery
        settings, gone = gateway.settings.outbox, nursery.cancel_scope.cancel
        outbox = Outbox(stream, nursery, overflow=self._overflow, drained=gone, settings=settings)
        self.exchange = Exchange(self, gateway, CODECS[handshake.subprotocol], outbox)
        """What is said on it."""
        meter = FrameMeter(gateway.meter, trio.current_time())
        self.exchange.stream = WebSocketStream(
            stream, handshake, outbox, meter, self.exchange, readiness=gateway.readiness
        )
        self._opening: trio.CancelScope | None = None  # until it is welcome
        self._pinged = False
        self.close_code = 0
        """With which code it ended; 0 while it is open."""

    @property
    def identity(self) -> Identity | None:
        """Return whose it is; nobody's until hello."""
        return self.exchange.identity

    @property
    def name(self) -> str:
        """Return its name in `welcome` and towards the presence of its user."""
        return self.exchange.name

    @property
    def waiting_bytes(self) -> int:
        """Return how much waits to be written."""
        return self.exchange.outbox.held

    # --- its life

    async def serve(self) -> None:
        """Carry on the conversation until it ends; the nursery is cancelled when nothing is left to be written."""
        hello_s = self._gateway.settings.hello_s
        try:
            with trio.fail_after(hello_s) as self._opening:
                websocket = await self._shake_hands()
                await self._open(websocket)
            while True:
                await self.exchange.receive(await websocket.get_message())
        except trio.TooSlowError:
            self.close(Close.NO_HELLO, f"no hello within {hello_s:g} s")
        except ConnectionClosed as closed:
            self._lose(closed)

    async def _shake_hands(self) -> WebSocketConnection:
        limit = self._gateway.settings.limits.message_bytes
        request = await wrap_server_stream(self._nursery, self.exchange.stream, 1, limit)
        websocket = await request.accept(subprotocol=self.exchange.codec.subprotocol)
        websocket._wsproto.handshake = ANSWERED  # type: ignore[assignment] # as much of one as is still needed
        return websocket

    async def _open(self, websocket: WebSocketConnection) -> None:
        while self.exchange.session.state is State.OPENING:
            await self.exchange.receive(await websocket.get_message())

    def welcomed(self) -> None:
        """Note that hello was good: what came in one message with it has its own time."""
        if self._opening is not None:
            self._opening.deadline, self._opening = inf, None

    def close(self, code: int, msg: str, *, reconnect_ms: int | None = None) -> None:
        """End it from our side: `bye`, the close frame, and nothing more. May be called at any time, and twice."""
        if self.exchange.session.closing():
            self.finish(code, msg, self.exchange.frame(Bye(code, msg, reconnect_ms)))

    def forget(self) -> None:
        """Let go of everything that knows this connection."""
        self.exchange.end()
        self.exchange.outbox.abandon()

    def cut(self) -> None:
        """End it at once, whatever has not been written."""
        self._nursery.cancel_scope.cancel()

    def sweep(self, now: float, now_ms: int) -> None:
        """Look after it, about once a second: slow, silent, expired."""
        settings = self._gateway.settings
        silent = now - self.exchange.stream.heard
        if self.exchange.outbox.late(now):
            self.close(Close.SLOW_CONSUMER, "too slow")
        elif silent > settings.silent_s:
            self.close(Close.HEARTBEAT_MISSED, f"nothing heard for {settings.silent_s:g} s")
        elif silent <= settings.ping_after_s:
            self._pinged = False
        elif not self._pinged:
            self._pinged = True
            self.exchange.outbox.push(PING_FRAME)
        if self.identity is not None and now_ms >= self.identity.expires:
            self.close(Close.UNAUTHENTICATED, "the token has expired")

    def finish(self, code: int, msg: str, *last: bytes) -> None:
        """Have `last` and the close frame written, and nothing more: the session has been told that it ends."""
        self.close_code = self.close_code or int(code)
        self._nursery.cancel_scope.deadline = trio.current_time() + self._gateway.settings.close_s
        self.exchange.outbox.finish(*last, close_frame(code, msg))

    def _lose(self, closed: ConnectionClosed) -> None:
        """Note that trio-websocket has ended it: the client closed, broke the protocol, or is gone."""
        code = closed.reason.code if closed.reason else 1006
        self.exchange.session.closed()
        if code in _FAILURES and not self.exchange.stream.close_sent:
            self.finish(code, "")
        elif not self.exchange.outbox.closed:
            self.close_code = code
            self._nursery.cancel_scope.deadline = trio.current_time() + self._gateway.settings.close_s
            self.exchange.outbox.finish()

    def _overflow(self) -> None:
        self.close(Close.SLOW_CONSUMER, "too much waits for this client")
