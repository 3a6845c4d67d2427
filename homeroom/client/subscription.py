"""One followed stream: what has arrived, what has been read, and what to do about the difference.

What arrives stands in a bounded buffer, in order, until it is read. When the buffer is full (a frame is taken whole, so
the bound may be passed by the rest of one frame, and every turn makes headway), the stream is laid aside:
unsubscribed, its later events not taken, and taken up again from the last one buffered as soon as all has been read. So a
slow reader costs bounded memory, loses nothing durable, and holds up neither calls nor other streams. Signals that find
no room are dropped: they are passing remarks.

    WANTED ──ask──▶ ASKED ──ok──▶ LIVE ──full──▶ ASIDE
       ▲              │             │ gap          │ all read
       └──────────────┴─────────────┴──────────────┘        any ──gone, refused, close──▶ ENDED

Never here: sockets, and when to ask again after a refusal (`client`).
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import trio

from homeroom.client.catchup import Caught
from homeroom.client.errors import ClientError, Refused
from homeroom.client.items import Event, Gone, Item, Resumed, Signal, Snapshot
from homeroom.protocol import frames
from homeroom.protocol.errors import RemoteProtocolError

StateT = TypeVar("StateT")
Position = tuple[str, int]
"""A cursor: (epoch, seq)."""

_HEALS_BEFORE_SNAPSHOT = 3


class Standing(Enum):
    """Where a subscription stands with the server."""

    WANTED = "wanted"
    ASKED = "asked"
    LIVE = "live"
    ASIDE = "aside"
    ENDED = "ended"


class Desk(Protocol):
    """What a subscription asks of the client; each does nothing while there is no connection."""

    def subscribe(self, subscription: "Subscription") -> None:
        """Send `sub` from the subscription's cursor."""

    def unsubscribe(self, subscription: "Subscription") -> None:
        """Send `unsub`."""

    def forget(self, subscription: "Subscription") -> None:
        """Never follow it again."""


class Subscription:
    """An async iterable of items, for one reader. `async for` ends after `Gone` or `close`; raises `Refused`, `ClientClosed`."""

    def __init__(self, stream: str, desk: Desk, since: Position | None, capacity: int) -> None:
        self.stream = stream
        self.standing = Standing.WANTED
        self.cursor = since
        """(epoch, seq) of the last item read: hand it to `Client.subscribe` to go on from there another time."""
        self._arrived_upto = since
        self._desk = desk
        self._capacity = capacity
        self._buffer: deque[Item] = deque()
        self._news = trio.Event()
        self._error: ClientError | None = None
        self._suspected = 0
        self._healed_at, self._heals = -1, 0

    # --- the reader's side

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Item:
        """Return the next item; waits over any loss of the connection. Cancelling loses nothing."""
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self.standing is Standing.ENDED:
                raise StopAsyncIteration
            await self._news.wait()
        await trio.lowlevel.checkpoint()
        return self._read()

    def fold(self, step: Callable[[StateT, Item], StateT], state: StateT) -> "Fold[StateT]":
        """Return an async iterable of the states: `step(state, item)` for each item."""
        return Fold(self, step, state)

    def close(self) -> None:
        """Follow the stream no longer; what is buffered can still be read."""
        if self.standing is not Standing.ENDED:
            if self.standing in {Standing.ASKED, Standing.LIVE}:
                self._desk.unsubscribe(self)
            self._end()

    def statistics(self) -> dict[str, Any]:
        """Return the figures of the buffer: items in it, its bound, and the standing."""
        return {"buffered": len(self._buffer), "capacity": self._capacity, "standing": self.standing.value}

    # --- the client's side

    @property
    def since(self) -> Position | None:
        """Return the cursor to ask from: that of the last durable item in the buffer; `None` for a snapshot."""
        return self._arrived_upto

    def disconnected(self) -> None:
        """Note that the connection is gone: it will have to be asked for again, unless it is laid aside or ended."""
        if self.standing in {Standing.ASKED, Standing.LIVE}:
            self.standing = Standing.WANTED
        self._suspected = 0

    def joined(self, answer: Any) -> None:
        """Take the `d` of the `ok` to our `sub`. Raises `RemoteProtocolError` when it is no verdict."""
        if self.standing is not Standing.ASKED:
            return
        verdict = _convert(answer, frames.Resumed | frames.Snapshot)
        self.standing = Standing.LIVE
        epoch, seq = verdict.pos
        if isinstance(verdict, frames.Resumed):
            self._put(Resumed(self.stream, epoch, seq, verdict.count))
        else:
            self._replace(Snapshot(self.stream, epoch, seq, verdict.state))

    def refused(self, error: ClientError) -> None:
        """End with `error`, raised when all that is buffered has been read."""
        if self.standing is not Standing.ENDED:
            self._error = error
            self._end()

    def events(self, frame: frames.Ev) -> None:
        """Take a batch of durable events: those already here are skipped, a gap is healed, a full buffer lays it aside."""
        if self.standing is not Standing.LIVE or self._arrived_upto is None:
            return
        epoch, upto = self._arrived_upto
        if frame.seq > upto + 1:
            self._heal()
            return
        news = _convert(frame.e[upto + 1 - frame.seq :], list[frames.Event])
        if news and len(self._buffer) >= self._capacity:
            self._lay_aside()
            return
        for seq, event in enumerate(news, upto + 1):
            self._arrived_upto = (epoch, seq)
            self._put(Event(self.stream, seq, event.type, event.at, event.by, event.d))

    def signals(self, frame: frames.Sig) -> None:
        """Take ephemeral events, as far as there is room."""
        if self.standing is Standing.LIVE:
            for event in _convert(frame.e, list[frames.Event]):
                if len(self._buffer) < self._capacity:
                    self._put(Signal(self.stream, event.type, event.at, event.by, event.d))

    def gone(self, code: str) -> None:
        """Take the server's word that the subscription has ended."""
        if self.standing is Standing.LIVE:
            self._put(Gone(self.stream, code))
            self._end()

    def newest(self, seq: int) -> bool:
        """Compare with the newest number that a pong announced; return whether something may be missing.

        It may also be on its way, held back by the server's window; so only what the pong before announced, and what is
        still not here, is a hole.
        """
        if self.standing is not Standing.LIVE or self._arrived_upto is None:
            return False
        upto = self._arrived_upto[1]
        if self._suspected > upto:
            self._suspected = 0
            self._heal()
            return False
        self._suspected = seq if seq > upto else 0
        return bool(self._suspected)

    def polled(self, caught: Caught) -> None:
        """Take what catch-up over HTTP brought while there is no connection."""
        if self.standing is not Standing.WANTED or self._arrived_upto == caught.pos:
            return
        if caught.verdict == "snapshot":
            self._replace(Snapshot(self.stream, *caught.pos, caught.state))
        elif caught.events:
            self.standing = Standing.LIVE
            self.events(frames.Ev(self.stream, caught.seq, caught.events))
            self.disconnected()

    def asked(self) -> None:
        """Note that `sub` is on its way."""
        self.standing = Standing.ASKED

    # --- inside

    def _read(self) -> Item:
        item = self._buffer.popleft()
        if isinstance(item, Snapshot):
            self.cursor = (item.epoch, item.seq)
        elif isinstance(item, Event) and self.cursor is not None:
            self.cursor = (self.cursor[0], item.seq)
        if not self._buffer and self.standing is Standing.ASIDE:
            self.standing = Standing.WANTED
            self._desk.subscribe(self)
        return item

    def _put(self, item: Item) -> None:
        if isinstance(item, Resumed) and self._buffer and isinstance(self._buffer[-1], Resumed):
            self._buffer.pop()  # reconnects without news leave one line, however many they are
        self._buffer.append(item)
        self._wake()

    def _replace(self, item: Snapshot) -> None:
        if len(self._buffer) >= self._capacity:
            self._buffer.clear()  # nobody read them in time, and the snapshot holds what they did
        self._arrived_upto = (item.epoch, item.seq)
        self._put(item)

    def _lay_aside(self) -> None:
        self.standing = Standing.ASIDE
        self._desk.unsubscribe(self)

    def _heal(self) -> None:
        """Ask again from the cursor; when that brings nothing several times, from a snapshot."""
        upto = self._arrived_upto[1] if self._arrived_upto is not None else 0
        self._heals = self._heals + 1 if upto == self._healed_at else 1
        self._healed_at = upto
        if self._heals > _HEALS_BEFORE_SNAPSHOT:
            self._arrived_upto = None
        self._desk.unsubscribe(self)
        self.standing = Standing.WANTED
        self._desk.subscribe(self)

    def _end(self) -> None:
        self.standing = Standing.ENDED
        self._desk.forget(self)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


class Fold(Generic[StateT]):
    """The states of a stream, one after each item."""

    def __init__(self, items: Subscription, step: Callable[[StateT, Item], StateT], state: StateT) -> None:
        self._items = items
        self._step = step
        self.state = state

    def __aiter__(self) -> "Fold[StateT]":
        return self

    async def __anext__(self) -> StateT:
        """Return the state after the next item; ends and raises as the subscription does."""
        self.state = self._step(self.state, await anext(self._items))
        return self.state


def refusal(frame: frames.Err) -> Refused:
    """Return what the server refused as an exception."""
    return Refused(frame.code, frame.msg, frame.retry_ms, frame.d)


def _convert(value: Any, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError("bad_frame", f"not what the server should send: {error}", fatal=True) from None
