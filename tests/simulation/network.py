"""A network in memory: streams with bounded buffers and delay, that can be cut in the middle of a frame, stalled, or swallowed.

Rules of this file: everything that chance decides comes from the `Random` handed in. Never here: what the bytes say.
"""

from dataclasses import dataclass
from random import Random

import trio

from tests.simulation.clock import pause


@dataclass(frozen=True, slots=True)
class Line:
    """How a line is: bytes that it holds in each direction, seconds until they arrive, how often they come in pieces."""

    capacity: int = 65_536
    delay_s: float = 0.0
    pieces: float = 0.0


class Pipe:
    """One direction of a connection."""

    def __init__(self, line: Line, chance: Random) -> None:
        self.data = bytearray()
        self.ended = False  # the sender has closed; what is here can still be read
        self.broken = False  # nobody reads any more
        self.stalled = False  # the reader has stopped reading
        self.swallowing = False  # what is sent arrives nowhere, and nobody is told
        self.left = False  # the reader has closed its end
        self.longest_wait_s = 0.0
        self._line = line
        self._chance = chance
        self._changed: trio.Event | None = None  # only while somebody waits for it

    def change(self) -> None:
        """Wake both sides."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _change(self) -> None:
        """Wait until something changes."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def cut(self) -> None:
        """End in the middle: a part of what is under way still arrives. Where all is swallowed nobody learns of it."""
        if self.swallowing:
            return
        del self.data[self._chance.randint(0, len(self.data)) :]
        self.ended = self.broken = True
        self.stalled = False
        self.change()

    def leave(self) -> None:
        """Read no more."""
        self.left = True
        self.broken = not self.swallowing
        self.change()

    def end(self) -> None:
        """Send no more; what is under way can still be read."""
        self.ended = not self.swallowing
        self.change()

    async def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send all; waits while the buffer is full. Cancelled, a part has been sent. Raises `trio.BrokenResourceError`."""
        rest, began, waited = memoryview(bytes(data)), trio.current_time(), False
        while rest:
            if self.broken or self.ended:
                await trio.lowlevel.checkpoint()
                raise trio.BrokenResourceError("the other side is gone")
            room = len(rest) if self.swallowing else self._line.capacity - len(self.data)
            if room > 0:
                if not self.swallowing:
                    self.data += rest[:room]
                rest = rest[room:]
                self.change()
            else:
                waited = True
                await self._wait(began)
        if not waited:
            await trio.lowlevel.checkpoint()

    async def _wait(self, began: float) -> None:
        try:
            await self._change()
        finally:
            self.longest_wait_s = max(self.longest_wait_s, trio.current_time() - began)

    async def receive(self, most: int | None) -> bytes:
        """Return what has arrived, perhaps in pieces, empty at the end."""
        waits = bool(self._line.delay_s) and not self.ended
        if waits:
            await pause(self._line.delay_s)
        while not self.left and (self.stalled or not (self.data or self.ended)):
            waits = True
            await self._change()
        if not waits:
            await trio.lowlevel.checkpoint()
        size = min(len(self.data), most or len(self.data))
        if size > 1 and self._chance.random() < self._line.pieces:
            size = self._chance.randint(1, size)
        found = bytes(self.data[:size])
        del self.data[:size]
        if found:
            self.change()
        return found


class End(trio.abc.Stream):
    """One end of a connection."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it."""
        self._check()
        await self.outgoing.send(data)
        self._check()

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes."""
        self._check()
        found = await self.incoming.receive(max_bytes)
        self._check()
        return found

    async def aclose(self) -> None:
        """Close: the other side reads what is under way, and can send no more."""
        self._closed = True
        self.outgoing.end()
        self.incoming.leave()
        await trio.lowlevel.checkpoint()

    def cut(self) -> None:
        """Break both directions in the middle of whatever is under way."""
        self.incoming.cut()
        self.outgoing.cut()

    def swallow(self) -> None:
        """Let nothing arrive any more, in either direction, without telling anybody: a half-open connection."""
        for pipe in (self.incoming, self.outgoing):
            pipe.swallowing = True
            pipe.data.clear()
            pipe.change()

    def stall(self, stalled: bool) -> None:
        """Stop reading at this end, or go on."""
        self.incoming.stalled = stalled
        self.incoming.change()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("closed on this side")


def connect(line: Line, chance: Random) -> tuple[End, End]:
    """Return the two ends of a new connection."""
    there, back = Pipe(line, chance), Pipe(line, chance)
    return End(back, there), End(there, back)
