"""What outlives a connection: unanswered requests and followed streams; and the two directions of frames on the one at hand.

It is the road's traveller and the subscriptions' desk. Never here: sockets, tokens, waiting for callers (`client`).
"""

from collections.abc import Callable, Iterable
from typing import Any

import trio

from homeroom.client.calls import Call, Calls
from homeroom.client.catchup import CatchUp
from homeroom.client.connection import Connection
from homeroom.client.errors import ClientClosed
from homeroom.client.subscription import Position, Standing, Subscription, refusal
from homeroom.client.websocket import ABNORMAL, Cut
from homeroom.protocol.codec import Codec
from homeroom.protocol.errors import LocalProtocolError
from homeroom.protocol.frames import Err, Ev, Gone, Ok, Pong, ServerFrame, Sig, Sub, Unsub, Welcome

_RETRY_MS = 1_000


class Traffic:
    """All requests and subscriptions of a client. `closed` says, once it is set, that there will be no connection any more."""

    def __init__(self, codec: Codec, first_id: int, capacity: int) -> None:
        self.calls = Calls(first_id)
        self.connection: Connection | None = None
        self.welcome: Welcome | None = None
        self.closed: ClientClosed | None = None
        self.nursery: trio.Nursery | None = None
        """Where a refused subscription waits until it is asked for again."""
        self._codec = codec
        self._capacity = capacity
        self._subscriptions: dict[str, Subscription] = {}
        self._asks: dict[int, Subscription] = {}
        self._takers: dict[type, Callable[[Any], None]] = {
            Ok: self._take_answer,
            Err: self._take_answer,
            Ev: self._take_events,
            Sig: self._take_signals,
            Gone: self._take_gone,
            Pong: self._take_pong,
        }

    # --- for the client

    def request(self, id: int, message: bytes) -> Call:
        """Send a request now or on the next connection, and on every one until it is answered. Raises `ClientClosed`."""
        if self.closed is not None:
            raise self.closed
        call = self.calls.begin(id, message)
        if self.connection is not None:
            self.connection.push(message)
        return call

    def follow(self, stream: str, since: Position | None) -> Subscription:
        """Follow a stream from `since`. Raises `LocalProtocolError` when it is followed already."""
        if stream in self._subscriptions:
            raise LocalProtocolError(f"{stream} is followed already")
        subscription = Subscription(stream, self, since, self._capacity)
        if self.closed is not None:
            subscription.refused(self.closed)
        else:
            self._subscriptions[stream] = subscription
            self.subscribe(subscription)
        return subscription

    def close(self, error: ClientClosed) -> None:
        """End everything with `error`."""
        self.closed = error
        self.calls.close(error)
        for subscription in list(self._subscriptions.values()):
            subscription.refused(error)

    def statistics(self) -> dict[str, Any]:
        """Return the figures of the unanswered requests and of each subscription's buffer."""
        streams = {name: subscription.statistics() for name, subscription in self._subscriptions.items()}
        return {**self.calls.statistics(), "streams": streams}

    # --- for the road

    def arrived(self, connection: Connection) -> None:
        """Send what has no answer, in the order of the ids, and ask for every stream from its cursor."""
        self.connection, self.welcome = connection, connection.welcome
        for message in self.calls.unanswered():
            connection.push(message)
        for subscription in self._subscriptions.values():
            self.subscribe(subscription)

    def departed(self) -> None:
        """Note that there is no connection."""
        self.connection = None
        self._asks.clear()
        for subscription in self._subscriptions.values():
            subscription.disconnected()

    def take(self, frame: ServerFrame) -> None:
        """Take one frame; raises `Cut` for an error that belongs to no request, `RemoteProtocolError` for an odd verdict."""
        taker = self._takers.get(type(frame))
        if taker is not None:
            taker(frame)

    def missing(self) -> Iterable[str]:
        """Return the streams that wait for a connection."""
        return [name for name, one in self._subscriptions.items() if one.standing is Standing.WANTED]

    def caught_up(self, answer: CatchUp) -> None:
        """Hand what catching up over HTTP brought to its subscriptions."""
        for name, caught in answer.streams.items():
            subscription = self._subscriptions.get(name)
            if subscription is not None:
                subscription.polled(caught)

    # --- for the subscriptions

    def subscribe(self, subscription: Subscription) -> None:
        """Send `sub` from the subscription's cursor, if it waits for that and there is a connection."""
        if self.connection is not None and subscription.standing is Standing.WANTED:
            number = self.calls.next_id()
            self._asks[number] = subscription
            subscription.asked()
            self.connection.push(self._codec.encode(Sub(number, subscription.stream, subscription.since)))

    def unsubscribe(self, subscription: Subscription) -> None:
        """Send `unsub`, if there is a connection."""
        if self.connection is not None:
            self.connection.push(self._codec.encode(Unsub(self.calls.next_id(), subscription.stream)))

    def forget(self, subscription: Subscription) -> None:
        """Follow it no longer."""
        self._subscriptions.pop(subscription.stream, None)

    # --- frames

    def _take_answer(self, frame: Ok | Err) -> None:
        if frame.id is None:
            raise Cut(ABNORMAL, f"the server did not understand: {frame.msg}" if isinstance(frame, Err) else "no id")
        subscription = self._asks.pop(frame.id, None)
        if subscription is None:
            self.calls.settle(frame)
        elif isinstance(frame, Ok):
            subscription.joined(frame.d)
        else:
            self._take_refusal(subscription, frame)

    def _take_refusal(self, subscription: Subscription, frame: Err) -> None:
        refused = refusal(frame)
        if refused.may_retry and self.nursery is not None:
            subscription.disconnected()
            self.nursery.start_soon(self._subscribe_later, subscription, (refused.retry_ms or _RETRY_MS) / 1000)
        else:
            subscription.refused(refused)

    async def _subscribe_later(self, subscription: Subscription, seconds: float) -> None:
        await trio.sleep(seconds)
        self.subscribe(subscription)

    def _take_events(self, frame: Ev) -> None:
        if subscription := self._subscriptions.get(frame.to):
            subscription.events(frame)

    def _take_signals(self, frame: Sig) -> None:
        if subscription := self._subscriptions.get(frame.to):
            subscription.signals(frame)

    def _take_gone(self, frame: Gone) -> None:
        if subscription := self._subscriptions.get(frame.to):
            subscription.gone(frame.code)

    def _take_pong(self, frame: Pong) -> None:
        suspicious = [stream for stream, seq in frame.at.items() if self._may_be_missing(stream, seq)]
        if suspicious and self.connection is not None:
            self.connection.suspect()

    def _may_be_missing(self, stream: str, seq: int) -> bool:
        subscription = self._subscriptions.get(stream)
        return subscription is not None and subscription.newest(seq)
