"""A request's body at the pace of whoever reads it: no more of it is let in than somebody wants.

The framework's own body takes whatever comes into memory. Here the next message of a body is only taken from the server when the
handler asks for all of the body, or for its next piece; the socket waits meanwhile.
Never here: limits in bytes (the door's handler counts), and stalled clients (`hypercorn_guard` cuts them).
"""

from collections.abc import AsyncIterator, Generator
from typing import Any, cast

import trio
from quart_trio.wrappers.request import TrioBody, TrioRequest


class PacedBody(TrioBody):
    """One body. Its life: messages are appended until it is complete; before each but the first, `wait_wanted`."""

    def __init__(self, expected: int | None, most: int | None) -> None:
        super().__init__(expected, most)
        self._wanted = trio.Event()
        self._streamed = False
        self._let_go = False

    async def wait_wanted(self) -> None:
        """Wait until more may come; at once when all has come, since then nothing but the end of the connection follows."""
        if not self._complete.is_set():
            await self._wanted.wait()

    def append(self, data: bytes) -> None:
        """Take what came; for who reads piece by piece, nothing more is wanted then."""
        if self._let_go:
            return
        if not self._streamed:
            super().append(data)
        elif data:
            self._data.extend(data)
            self._wanted = trio.Event()
            self._has_data.set()

    def let_go(self) -> None:
        """Forget what comes from now on, and let it come: the request is answered, and the server must get rid of it to say so."""
        self._let_go = True
        self._data.clear()
        self._wanted.set()

    def __await__(self) -> Generator[Any, None, Any]:
        """Want all of it."""
        self._wanted.set()
        return super().__await__()

    def pieces(self) -> AsyncIterator[bytes]:
        """Want it piece by piece, however long it is. The first message is here already, or on its way."""
        self._streamed = True
        self._must_raise = self._max_content_length = None
        return _Pieces(self)

    async def next_piece(self) -> bytes:
        """Return what came since, nothing at the end."""
        while not self._data and not self._complete.is_set():
            self._wanted.set()
            await self._has_data.wait()
        piece = bytes(self._data)
        self._data.clear()
        self._has_data.clear()
        return piece


class _Pieces:
    """The pieces of a body; no generator, since it may be left in the middle."""

    def __init__(self, body: PacedBody) -> None:
        self._body = body

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        piece = await self._body.next_piece()
        if not piece:
            raise StopAsyncIteration
        return piece


class PacedRequest(TrioRequest):
    """A request with such a body."""

    body_class = PacedBody  # type: ignore[assignment] # of the same kind


def body_of(request: Any) -> PacedBody:
    """Return a request's body as what it is here."""
    return cast("PacedBody", request.body)
