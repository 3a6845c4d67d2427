"""The stream that trio-websocket believes to be its own: reading is metered, writing joins the connection's outbox.

Messages that need none of its knowledge go past it (`plain_messages`), but never ahead of one that it still holds; those from a
plain socket are carried out in the call that read them (`Readiness`), and the task sleeps on unless one of them must wait.
Never here: frames' meaning, and closing the socket (its owner does that, after the outbox has been written).
"""

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import trio

from homeroom.http.frame_meter import FrameMeter, Violation
from homeroom.http.handshake import Handshake
from homeroom.http.outbox import Outbox
from homeroom.http.plain_messages import plain_messages
from homeroom.http.readiness import Readiness
from homeroom.http.websocket_frames import CLOSE, FIN

CHUNK = 16_384
"""Bytes read at once."""

Steps = Iterator[Any]
"""What is left of some messages: each item is for `Taker.go_on`."""


class Taker(Protocol):
    """Who takes what came in: the exchange of the connection."""

    opcode: int
    """The kind of message agreed on."""

    @property
    def ready(self) -> bool:
        """Tell whether messages may come by the short way: after welcome and before the end."""

    def take(self, messages: list[bytes]) -> Steps:
        """Carry out messages, in order, as the steps are asked for: each that is given out has to wait for something."""

    async def go_on(self, steps: Steps) -> None:
        """Carry out what is left; never raises but for cancellation."""

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

    `heard` is when the client was heard last, on trio's clock, and `read_at` when it was last read from. `close_sent`: trio-websocket has written a close frame.
    `handled`: messages carried out, by either way; its owner counts those that trio-websocket gave it.
    """

    __slots__ = (
        "_answered",
        "_below",
        "_came",
        "_head",
        "_meter",
        "_outbox",
        "_readiness",
        "_rest",
        "_steps",
        "_taker",
        "close_sent",
        "handled",
        "heard",
        "read_at",
    )

    def __init__(
        self,
        below: trio.abc.Stream,
        handshake: Handshake,
        outbox: Outbox,
        meter: FrameMeter,
        taker: Taker,
        *,
        readiness: Readiness,
    ) -> None:
        self._below = below
        self._readiness = readiness
        self._head = handshake.raw
        self._rest = handshake.rest
        self._outbox = outbox
        self._meter = meter
        self._taker = taker
        self._answered: trio.Event | None = trio.Event()
        self._came: bytes | bytearray = b""  # read, and for trio-websocket
        self._steps: Steps | None = None  # read, and to be carried out
        self.heard = self.read_at = trio.current_time()
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
            if not await self._receive():
                continue
            if self._steps is None:
                came, self._came = self._came, b""
                return came
            steps, self._steps = self._steps, None
            await self._taker.go_on(steps)

    async def _receive(self) -> bool:
        """Read, and take what came, as `_take`; from a plain socket until there is something that this task has to do."""
        if self._rest:
            rest, self._rest = self._rest, b""
            await trio.lowlevel.checkpoint()
            return self._take(rest)
        if not isinstance(self._below, trio.SocketStream):
            return self._take(await self._below.receive_some(CHUNK))
        descriptor = self._below.socket.fileno()
        if descriptor < 0:
            raise trio.ClosedResourceError("this socket was closed")
        await self._readiness.wait(descriptor, self._read)
        return True

    def _read(self) -> bool:
        """Read once from the socket, which has something, and take it; tells whether the task has something to do."""
        try:
            data = os.read(self._below.socket.fileno(), CHUNK)  # type: ignore[attr-defined] # a plain socket
        except BlockingIOError:
            return False  # it was taken back
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        return self._take(data)

    def _take(self, data: bytes | bytearray) -> bool:
        """Count `data` and carry out what needs no waiting; raises `trio.ClosedResourceError` after a violation.

        Tells whether there is more to do: steps that wait, or what is for trio-websocket (nothing: the end).
        """
        settled = self._meter.between and self._meter.messages == self.handled
        self.heard = self.read_at = trio.current_time()
        if data and (violation := self._meter.receive(data, self.heard)) is not None:
            self._taker.violated(violation)
            raise trio.ClosedResourceError("the client broke a rule of the meter")
        messages = plain_messages(data, self._taker.opcode) if settled and self._taker.ready else None
        if not messages:
            self._came = data
            return True
        self.handled += len(messages)
        steps = self._taker.take(messages)
        if (first := next(steps, None)) is None:
            return False
        self._steps = chain((first,), steps)
        return True

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
