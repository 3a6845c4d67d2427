"""The client as its callers see it: calls, subscriptions, the token, and how the connection stands.

A command without an answer is sent again with its id on the next connection and carried out once; a subscription goes on
from its cursor. Never here: frames (`traffic`), coming back (`road`), one stream's bookkeeping (`subscription`).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random, SystemRandom
from time import time
from typing import Any

import trio
from msgspec import Struct

from homeroom.client.calls import Call
from homeroom.client.catchup import Fetch, fetch_with_urllib
from homeroom.client.dial import Dial, parse_target
from homeroom.client.errors import ClientClosed, Refused
from homeroom.client.road import Baggage, Road
from homeroom.client.settings import ClientSettings
from homeroom.client.status import Status
from homeroom.client.subscription import Position, Subscription, refusal
from homeroom.client.token import TokenHolder, TokenSource
from homeroom.client.traffic import Traffic
from homeroom.protocol.codec import Codec, Format
from homeroom.protocol.errors import Close
from homeroom.protocol.frames import LIMITS, Auth, Cmd, Err, Ok, Welcome

_DEFAULTS = ClientSettings()
_RENEW_BEFORE_S = 60.0
_RENEW_AGAIN_S = 5.0
_IDS_PER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Reply:
    """Done and durable: `pos` is `(stream, seq)` of the last event it caused; `again`: it had been done before."""

    data: Any = None
    pos: tuple[str, int] | None = None
    again: bool = False


class Client:
    """Calls and subscriptions over a connection that comes back by itself. Made by `open_client`."""

    def __init__(self, baggage: Baggage, first_id: int, settings: ClientSettings) -> None:
        self.client_id = baggage.client_id
        self._baggage = baggage
        self._settings = settings
        self._slots = trio.Semaphore(settings.in_flight)
        self._traffic = Traffic(baggage.codec, first_id, settings.buffer)
        self._road = Road(baggage, self._traffic, settings)

    # --- how it stands

    @property
    def status(self) -> Status:
        """How the connection stands."""
        return self._road.board.now

    @property
    def welcome(self) -> Welcome | None:
        """The newest welcome: who we are, the epoch, the limits in force; `None` before the first."""
        return self._traffic.welcome

    async def wait_status(self, condition: Callable[[Status], bool]) -> Status:
        """Wait until the status meets `condition`, and return it."""
        return await self._road.board.wait(condition)

    async def wait_connected(self) -> Welcome:
        """Wait for a connection and return its welcome; raises `ClientClosed` when there will be none."""
        await self.wait_status(lambda status: status.phase in {"connected", "closed"})
        if self._traffic.closed is not None or self.welcome is None:
            raise self._traffic.closed or ClientClosed(Close.NORMAL, "closed")
        return self.welcome

    def statistics(self) -> dict[str, Any]:
        """Return the figures of every queue: unanswered requests, failures in a row, and each subscription's buffer."""
        return {**self._traffic.statistics(), "failures": self._road.failures}

    # --- what it is for

    async def call(
        self, address: str, verb: str, arguments: Mapping[str, Any] | Struct | None = None, /, **fields: Any
    ) -> Reply:
        """Carry out `verb` at `address` exactly once, over any loss of the connection, and return its reply.

        Arguments are a mapping, the verb's own structure, or fields. Raises `Refused` (nothing changed) and `ClientClosed`.
        If cancelled, the command is sent no more, and whether it was carried out is unknown.
        """
        async with self._slots:
            return await self._ask(*self._make_command(address, verb, fields if arguments is None else arguments))

    async def call_patiently(
        self, address: str, verb: str, arguments: Mapping[str, Any] | Struct | None = None, /, **fields: Any
    ) -> Reply:
        """Do as `call`; while the server says that it may succeed later, send the same command again with the same id."""
        async with self._slots:
            number, message = self._make_command(address, verb, fields if arguments is None else arguments)
            refusals = 0
            while True:
                try:
                    return await self._ask(number, message)
                except Refused as refused:
                    if not refused.may_retry:
                        raise
                    refusals += 1
                    drawn_s = self._settings.backoff.delay(refusals, self._baggage.random)
                    await trio.sleep(drawn_s + (refused.retry_ms or 0) / 1000)

    def subscribe(self, address: str, since: Position | None = None) -> Subscription:
        """Follow a stream from a cursor, or from a snapshot; it begins at once, and again after any loss of the connection.

        A stream has one subscription: a second one raises `LocalProtocolError` until the first is closed or over.
        """
        return self._traffic.follow(address, since)

    async def replace_token(self, token: str) -> Any:
        """Go on with another token of the same user, here and on later connections.

        Returns the answer's `d`, `None` while there is no connection. Raises `Refused` (`forbidden`: another user's) and
        `ClientClosed`.
        """
        self._baggage.tokens.replace(token)
        if self._traffic.connection is None:
            return None
        number = self._traffic.calls.next_id()
        return (await self._ask(number, self._baggage.codec.encode(Auth(number, token)))).data

    # --- its life

    async def run(self) -> None:
        """Keep a connection until that makes no sense any more; then all calls and subscriptions end with `ClientClosed`."""
        async with trio.open_nursery() as nursery:
            self._traffic.nursery = nursery
            if self._baggage.tokens.renewable:
                nursery.start_soon(self._renew)
            self.close(await self._road.run())
            nursery.cancel_scope.cancel()

    def close(self, error: ClientClosed) -> None:
        """End all calls and subscriptions with `error`."""
        self._traffic.close(error)
        self._road.board.show(Status("closed", self._road.failures, error.code, error.msg))

    async def _renew(self) -> None:
        """Replace the token a minute before it ends, or half-way when its life is short; on every connection anew."""
        welcome, expires, ends_at = None, 0, 0.0
        with suppress(ClientClosed):
            while True:
                newest = await self.wait_connected()
                if newest is not welcome:
                    welcome, expires = newest, newest.expires
                    ends_at = trio.current_time() + (newest.expires - newest.now) / 1000
                left_s = ends_at - trio.current_time()
                await trio.sleep(max(left_s - _RENEW_BEFORE_S, left_s / 2, _RENEW_AGAIN_S))
                if self.welcome is welcome and self._traffic.connection is not None:
                    later = await self._renew_now(expires)
                    expires, ends_at = later, ends_at + (later - expires) / 1000

    async def _renew_now(self, expires: int) -> int:
        """Hand over a fresh token and return when it ends; when that fails, the end of the old one brings us back with another."""
        try:
            answer = await self.replace_token(await self._baggage.tokens.fresh())
        except (OSError, Refused):
            return expires
        return int(answer["expires"]) if isinstance(answer, dict) and "expires" in answer else expires

    # --- inside

    def _make_command(self, address: str, verb: str, arguments: Any) -> tuple[int, bytes]:
        """Give a command its id and its bytes; raises `Refused` when the server would not take so many."""
        codec, number = self._baggage.codec, self._traffic.calls.next_id()
        message = codec.encode(Cmd(number, address, verb, codec.arguments(arguments)))
        limits = self.welcome.limits if self.welcome is not None else LIMITS
        if len(message) > limits.message_bytes:
            raise Refused("too_large", f"a message has at most {limits.message_bytes} bytes")
        return number, message

    async def _ask(self, id: int, message: bytes) -> Reply:
        call = self._traffic.request(id, message)
        try:
            await call.done.wait()
        finally:
            self._traffic.calls.forget(call)
        return _reply(call)


def _reply(call: Call) -> Reply:
    answer = call.answer
    if isinstance(answer, Err):
        raise refusal(answer)
    if isinstance(answer, Ok):
        return Reply(answer.d, answer.pos, answer.again)
    raise answer or ClientClosed(Close.NORMAL, "closed")


@asynccontextmanager
async def open_client(
    url: str,
    token: TokenSource,
    *,
    client_id: str | None = None,
    first_id: int | None = None,
    format: Format = "msgpack",
    agent: str | None = None,
    settings: ClientSettings = _DEFAULTS,
    random: Random | None = None,
    dial: Dial | None = None,
    fetch: Fetch = fetch_with_urllib,
) -> AsyncIterator[Client]:
    """Yield a client of the server at `url` (`ws://host:port/ws`), which connects by itself and in the background.

    `client_id` scopes command ids. Left out, it is drawn at random and ids begin at 1; a given one may have been used
    before, so ids then begin at the time of day, unless `first_id` says better. `random`, `dial` and `fetch` stand for
    chance and the network, for tests and simulations. On leaving, the connection is closed with a goodbye of at most a second;
    commands still without an answer end with `ClientClosed`. Raises `ValueError` for a URL that is none.
    """
    target, chance = parse_target(url), random or SystemRandom()
    known_id = client_id or f"py-{chance.getrandbits(64):016x}"
    if first_id is None:
        first_id = 1 if client_id is None else int(time() * 1000) * _IDS_PER_MS
    baggage = Baggage(target, dial or target.dial, fetch, Codec(format), TokenHolder(token), known_id, agent, chance)
    client, failure = Client(baggage, first_id, settings), None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.run)
        try:
            yield client
        except Exception as error:  # raised again below: as it is, not wrapped into the nursery's group
            failure = error
        client.close(ClientClosed(Close.NORMAL, "the client was left"))
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
