"""A stream that gives again what was read of it already, so that whoever takes over sees it whole.

Never here: what the head says (`request_head`).
"""

import trio


class ReplayStream(trio.abc.HalfCloseableStream):
    """Gives `head` first, then the stream below. `socket` is the one below, if there is one."""

    __slots__ = ("_head", "below")

    def __init__(self, below: trio.abc.Stream, head: bytes) -> None:
        self.below = below
        self._head = head

    @property
    def socket(self) -> trio.socket.SocketType:
        """Return the socket below; raises `AttributeError` when there is none."""
        socket: trio.socket.SocketType = self.below.socket  # type: ignore[attr-defined] # streams with a socket have this name
        return socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes; a cancelled call has taken none."""
        if not self._head:
            return bytes(await self.below.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        size = len(self._head) if max_bytes is None else max_bytes
        out, self._head = self._head[:size], self._head[size:]
        return out

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; a cancelled call may have sent a part."""
        await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending might not block."""
        await self.below.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more is sent, where the stream below can say so."""
        if isinstance(self.below, trio.abc.HalfCloseableStream):
            await self.below.send_eof()

    async def aclose(self) -> None:
        """Close the stream below."""
        await self.below.aclose()
