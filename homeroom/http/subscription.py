"""One stream that one connection follows: what the hub and a feeder of missed events push to.

An outlet of its own for each stream, so that ending one while it is still being fed ends just that one.
"""

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from homeroom.http.exchange import Exchange


class Subscription:
    """An `engine.envelope.Outlet`. `push` is the outbox's own: nothing stands between a broadcast and the socket.

    Only while a feeder has the connection's turn is it `_push_page`, which gives the turn back.
    """

    __slots__ = ("closed", "exchange", "format", "push", "user")

    def __init__(self, exchange: "Exchange", user: str, format: str) -> None:
        self.exchange = exchange
        self.user = user
        self.format = format
        self.closed = False
        self.push = exchange.outbox.push

    async def wait_room(self) -> None:
        """Wait until another page may be pushed; raises `trio.ClosedResourceError` when nobody wants it any more."""
        if not self.closed:
            await self.exchange.feeding.take(self)
            self.push = self._push_page
        if self.closed:
            self.end()
            raise trio.ClosedResourceError("the subscription has ended")

    def end(self) -> None:
        """Take nothing any more. May be called twice."""
        self.closed = True
        self.push = self.exchange.outbox.push
        self.exchange.feeding.give(self)

    def _push_page(self, frame: bytes) -> None:
        self.push = self.exchange.outbox.push
        self.push(frame)
        self.exchange.feeding.give(self)
