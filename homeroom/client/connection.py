"""One connection that has been welcomed, until it ends: frames in, frames out, signs of life.

Its life: (1) `greet` says hello and waits for welcome; (2) `run` reads, writes and pings until one of the three meets the end,
which is returned. Never here: what frames mean (`client`), and coming back.
"""

from collections import deque
from collections.abc import Awaitable, Callable

import trio

from homeroom.client.websocket import ABNORMAL, Cut, WebSocket
from homeroom.protocol.codec import Codec
from homeroom.protocol.errors import ERRORS, Close, RemoteProtocolError
from homeroom.protocol.frames import Bye, Err, Hello, Ping, ServerFrame, Welcome

_TRY_AGAIN_LATER = 1013
_SUSPICION_S = 3.0
"""Longer than the widest window in which the server holds events back."""
_PING_SHARE = 0.9
_SILENT_BEATS = 2
_ARRAY_HEADER_BYTES = 5


class Connection:
    """Frames over a WebSocket. `push` never waits; what is pushed goes out in order, several frames a message."""

    def __init__(self, socket: WebSocket, codec: Codec, send_s: float) -> None:
        self.bye: Bye | None = None
        self.welcome: Welcome
        self._socket = socket
        self._codec = codec
        self._send_s = send_s
        self._outgoing: deque[bytes] = deque()
        self._pushed = trio.Event()
        self._suspicion = trio.Event()
        self._early: list[ServerFrame] = []
        self._pings = 0
        self._cut: Cut | None = None

    async def greet(self, hello: Hello) -> Welcome:
        """Say hello and return the welcome; raises `Cut` with the code of whatever came instead."""
        await self._socket.send(self._codec.encode(hello), text=self._codec.is_text)
        first, *self._early = await self._receive()
        if isinstance(first, Welcome):
            self.welcome = first
            return first
        if isinstance(first, Bye):
            self.bye = first
            raise Cut(first.code, first.msg)
        if isinstance(first, Err) and ERRORS[first.code].retry:
            raise Cut(_TRY_AGAIN_LATER, first.msg)
        raise Cut(Close.NOT_A_FRAME, first.msg if isinstance(first, Err) else "the server did not say welcome")

    def push(self, message: bytes) -> None:
        """Send an encoded frame after all pushed before."""
        self._outgoing.append(message)
        self._pushed.set()

    def suspect(self) -> None:
        """Ping soon: something announced has not come."""
        self._suspicion.set()

    async def run(self, take: Callable[[ServerFrame], None]) -> Cut:
        """Hand every frame to `take`, in order, until the end, and return what ended it first."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_cut, nursery.cancel_scope, self._write)
            nursery.start_soon(self._until_cut, nursery.cancel_scope, self._ping)
            await self._until_cut(nursery.cancel_scope, lambda: self._read(take))
        return self._cut or Cut(ABNORMAL, "the connection ended")

    async def _until_cut(self, scope: trio.CancelScope, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except Cut as cut:
            self._cut = self._cut or cut
        except RemoteProtocolError as error:
            self._cut = self._cut or Cut(ABNORMAL, error.msg)
        scope.cancel()

    async def _read(self, take: Callable[[ServerFrame], None]) -> None:
        silence_s = self.welcome.heartbeat_ms * _SILENT_BEATS / 1000
        frames = self._early
        with trio.CancelScope() as patience:  # one for all messages: its end moves on with each of them
            while True:
                for frame in frames:
                    if isinstance(frame, Bye):
                        self.bye = frame
                    else:
                        take(frame)
                patience.deadline = trio.current_time() + silence_s
                frames = await self._receive()
        raise Cut(ABNORMAL, "the server is silent")

    async def _receive(self) -> list[ServerFrame]:
        return self._codec.decode_server_frames(await self._socket.receive())

    async def _write(self) -> None:
        while True:
            while not self._outgoing:
                self._pushed = trio.Event()
                await self._pushed.wait()
            message = self._codec.join(self._next_batch())
            with trio.move_on_after(self._send_s) as scope:
                await self._socket.send(message, text=self._codec.is_text)
            if scope.cancelled_caught:
                raise Cut(ABNORMAL, "the server takes nothing")

    def _next_batch(self) -> list[bytes]:
        """Take as many frames as the server accepts in one message."""
        limits = self.welcome.limits
        batch = [self._outgoing.popleft()]
        room = limits.message_bytes - _ARRAY_HEADER_BYTES - len(batch[0])
        while self._outgoing and len(batch) < limits.frames and len(self._outgoing[0]) < room:
            batch.append(self._outgoing.popleft())
            room -= len(batch[-1]) + 1
        return batch

    async def _ping(self) -> None:
        while True:
            with trio.move_on_after(self.welcome.heartbeat_ms * _PING_SHARE / 1000):
                await self._suspicion.wait()
                self._suspicion = trio.Event()
                await trio.sleep(_SUSPICION_S)
            self._pings += 1
            self.push(self._codec.encode(Ping(self._pings)))
