"""A request's body at the pace of whoever reads it: no more of it is let in than somebody wants.

The framework's own body takes whatever comes into memory. Here the next message of a body is only taken from the server when the
handler asks for all of the body, or for its next piece; the socket waits meanwhile.
Never here: limits in bytes (the door's handler counts), and stalled clients (`hypercorn_guard` cuts them).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, cast

import trio
from quart_trio.wrappers.request import TrioBody, TrioRequest


class PacedBody(TrioBody):
    """One body. Its life: (1) made; (2) `comes_by` says where its messages come from; (3) they are taken as somebody wants more of it."""

    def __init__(self, expected: int | None, most: int | None) -> None:
        super().__init__(expected, most)
        self.announced = False
        """Whether the request's head says that there is one; if not, it has come, whoever wants it."""
        self._streamed = False
        self._receive: Callable[[], Awaitable[Any]] = trio.sleep_forever

    def comes_by(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Take the messages of the body by this."""
        self._receive = receive

    @property
    def complete(self) -> bool:
        """Tell whether all of it has been taken."""
        return bool(self._complete.is_set())

    async def let_go(self) -> None:
        """Take what still comes, and forget it."""
        while not self.complete:
            self._streamed = True
            await self._take()
            self._data.clear()

    def __await__(self) -> Generator[Any, None, Any]:
        """Want all of it."""
        return self._whole().__await__()

    async def _whole(self) -> bytes:
        while not self.complete and self._must_raise is None:
            await self._take()
        if self._must_raise is not None:
            raise self._must_raise
        return bytes(self._data)

    def pieces(self) -> AsyncIterator[bytes]:
        """Want it piece by piece, however long it is."""
        self._streamed = True
        self._must_raise = self._max_content_length = None
        return _Pieces(self)

    async def next_piece(self) -> bytes:
        """Return what came since, nothing at the end."""
        while not self._data and not self.complete:
            await self._take()
        piece = bytes(self._data)
        self._data.clear()
        return piece

    async def _take(self) -> None:
        """Take one message; who sent the others and is gone takes the whole request along."""
        message = await self._receive()
        if message["type"] != "http.request":
            await trio.sleep_forever()
        if self._streamed:
            self._data.extend(message.get("body", b""))
        else:
            self.append(message.get("body", b""))
        if not message.get("more_body", False):
            self.set_complete()


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

    def __init__(self, *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        body_of(self).announced = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers


def body_of(request: Any) -> PacedBody:
    """Return a request's body as what it is here."""
    return cast("PacedBody", request.body)
