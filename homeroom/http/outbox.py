"""What goes out on one connection: a shared frame is written at once if the socket takes it, else it waits here, bounded.

Rules of this file:
 1. Everything that leaves the connection goes through one outbox, pongs and the handshake's answer too, so that no frame
    ever lands in the middle of another.
 2. Nobody who pushes is ever held up. A receiver that is too slow is cut: what was begun is finished, the rest is dropped,
    the last frames follow.
 3. There is a writer task only while something waits, and no timer: whether a receiver is late is asked from outside.

Never here: what the frames say, and when a connection is to end (`connection`).
"""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import trio

AT_ONCE = 64
"""Waiting frames handed to the socket in one call."""

_write = os.write


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """Bounds of what waits: bytes, and the seconds that a frame may wait before its receiver counts as slow.

    More than `bytes` is too much when a frame has waited for `grace_s`, and `at_once` times as much at any time: one commit
    can say more than `bytes` in a moment in which nobody, however fast, can read.
    `resume_bytes`: a page of missed events is pushed only while less than this waits.
    """

    bytes: int = 1_048_576
    at_once: int = 4
    grace_s: float = 1.0
    patience_s: float = 5.0
    resume_bytes: int = 65_536


class Outbox:
    """The bounded way out of one connection.

    Its life: (1) open: `push` writes or queues; (2) `finish` with the last frames: nothing is taken after them; (3) `drained`
    is called when they are written; or (4) `abandon`, at any time: what waits is dropped, the descriptor is never touched
    again, `drained` is called.
    """

    __slots__ = (
        "_begun", "_descriptor", "_direct", "_drained", "_nursery", "_overflow", "_queue", "_room", "_settings", "_stream",
        "closed", "held",
    )  # fmt: skip

    def __init__(
        self,
        stream: trio.abc.Stream,
        nursery: trio.Nursery,
        *,
        overflow: Callable[[], None],
        drained: Callable[[], None],
        settings: OutboxSettings,
    ) -> None:
        self._stream = stream
        self._nursery = nursery
        self._overflow = overflow
        self._drained = drained
        self._settings = settings
        self._descriptor = _descriptor_of(stream)
        self._direct = self._descriptor  # the descriptor while frames are written at once, else -1
        self._queue: deque[tuple[float, bytes]] | None = None  # (when it came, the frame); None: no writer task
        self._begun = False  # a part of the first of the queue has been written
        self._room: trio.Event | None = None
        self.closed = False
        self.held = 0  # bytes in the queue

    @property
    def patience_s(self) -> float:
        """Return the seconds that a frame may wait before its receiver counts as slow."""
        return self._settings.patience_s

    def push(self, frame: bytes) -> None:
        """Send a finished frame, now or later; never waits. Dropped when closed."""
        if self._direct < 0:
            self._wait(frame)
            return
        try:
            sent = _write(self._direct, frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abandon()
            return
        if sent != len(frame):
            self._start_queue(frame[sent:], begun=sent > 0)

    def late(self, now: float) -> bool:
        """Tell whether the receiver is too slow: the next frame has waited longer than patience lasts."""
        return self._waited(now) > self._settings.patience_s

    async def wait_room(self) -> None:
        """Wait until a page of missed events may be pushed; raises `trio.ClosedResourceError` when closed."""
        while not self.closed and self.held > self._settings.resume_bytes:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()
        if self.closed:
            raise trio.ClosedResourceError("the connection takes nothing any more")
        await trio.lowlevel.checkpoint()

    def finish(self, *last: bytes) -> None:
        """Take these last frames and nothing after them; what waits and is not begun is dropped.

        `drained` is called as soon as they are written: before this returns, or by the writer task.
        """
        if self.closed:
            return
        if self._queue is not None:
            self._keep_begun(self._queue)
        for frame in last:
            self.push(frame)
        self.closed, self._direct = True, -1
        self._give_room()
        if self._queue is None:
            self._drained()

    def abandon(self) -> None:
        """Drop everything: the socket is broken, or is about to be closed by its owner."""
        self.closed, self._direct, self._descriptor = True, -1, -1
        self._queue, self.held = None, 0
        self._give_room()
        self._drained()

    # --- what waits

    def _wait(self, frame: bytes) -> None:
        if self.closed:
            return
        if self._queue is None:  # no plain socket: always the writer task
            self._start_queue(frame, begun=False)
        elif self._is_too_much(self.held + len(frame)):
            self._overflow()
        else:
            self._queue.append((trio.current_time(), frame))
            self.held += len(frame)

    def _is_too_much(self, octets: int) -> bool:
        """Tell whether so much may not wait."""
        most = self._settings.bytes
        return octets > most and (
            octets > most * self._settings.at_once or self._waited(trio.current_time()) > self._settings.grace_s
        )

    def _waited(self, now: float) -> float:
        """Return the seconds for which the next frame has waited, 0 when none does."""
        return now - self._queue[0][0] if self._queue else 0.0

    def _start_queue(self, frame: bytes, *, begun: bool) -> None:
        self._queue = deque(((trio.current_time(), frame),))
        self._begun, self._direct, self.held = begun, -1, len(frame)
        self._nursery.start_soon(self._write_queue)

    def _keep_begun(self, queue: deque[tuple[float, bytes]]) -> None:
        begun = queue[0] if self._begun else None
        queue.clear()
        self.held = 0
        if begun is not None:
            queue.append(begun)
            self.held = len(begun[1])

    async def _write_queue(self) -> None:
        """Write until nothing waits. Cancelled in the middle it leaves a part of a frame behind: close the stream then."""
        try:
            while self._queue:
                if self._descriptor >= 0:
                    await self._write_socket(self._queue)
                else:
                    await self._write_stream(self._queue)
                if self.held <= self._settings.resume_bytes:
                    self._give_room()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self.abandon()
            return
        if self._queue is not None:  # else abandoned meanwhile
            self._queue = None
            if self.closed:
                self._drained()
            else:
                self._direct = self._descriptor

    async def _write_socket(self, queue: deque[tuple[float, bytes]]) -> None:
        await trio.lowlevel.wait_writable(self._descriptor)
        if queue is not self._queue:
            return
        try:
            sent = os.writev(self._descriptor, [frame for _, frame in islice(queue, AT_ONCE)])
        except BlockingIOError:
            return
        self.held -= sent
        while queue and sent >= len(queue[0][1]):
            sent -= len(queue.popleft()[1])
            self._begun = False
        if sent:
            since, frame = queue[0]
            queue[0] = (since, frame[sent:])
            self._begun = True

    async def _write_stream(self, queue: deque[tuple[float, bytes]]) -> None:
        """Write the first frame to a stream that has no plain socket; it stays in the queue meanwhile."""
        frame = queue[0][1]
        self._begun = True
        await self._stream.send_all(frame)
        self._begun = False
        if queue is self._queue:
            queue.popleft()
            self.held -= len(frame)

    def _give_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None


def _descriptor_of(stream: trio.abc.Stream) -> int:
    """Return the descriptor of a plain socket that may be written directly, -1 for any other stream."""
    socket = getattr(stream, "socket", None)
    return -1 if socket is None else int(socket.fileno())
