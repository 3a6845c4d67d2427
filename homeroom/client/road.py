"""The road to the server: dial, shake hands, say hello, live, and come back for as long as that makes sense.

Its run: (1) a token and a stream; (2) handshake and welcome; (3) `Traveller.arrived`, then frames until the end; (4)
`Traveller.departed`; (5) unless the end is final, wait — as long as the server advised, else by full jitter — and again.
Beside it, while the socket stays away: catching up over HTTP. Never here: what frames mean (`client`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import trio

from homeroom.client.catchup import CatchUp, Fetch, catch_up
from homeroom.client.connection import Connection
from homeroom.client.dial import Dial, Target
from homeroom.client.errors import ClientClosed
from homeroom.client.settings import ClientSettings
from homeroom.client.status import Phase, Status, StatusBoard
from homeroom.client.token import TokenHolder
from homeroom.client.websocket import ABNORMAL, Cut, Handshake, Rejected, WebSocket
from homeroom.protocol.codec import Codec
from homeroom.protocol.errors import Close, may_reconnect
from homeroom.protocol.frames import Hello, ServerFrame

_PASSING_STATUSES = frozenset({408, 425, 429})
_GOODBYE_S = 1.0


class Traveller(Protocol):
    """Who goes this road: what outlives a connection."""

    def arrived(self, connection: Connection) -> None:
        """Take up on a welcomed connection what the last one left."""

    def take(self, frame: ServerFrame) -> None:
        """Take one frame; raises `Cut` when the connection makes no sense any more."""

    def departed(self) -> None:
        """Note that there is no connection."""

    def missing(self) -> Iterable[str]:
        """Return the streams that wait for a connection."""

    def caught_up(self, answer: CatchUp) -> None:
        """Take what catching up over HTTP brought."""


@dataclass(frozen=True, slots=True)
class Baggage:
    """What is needed on every try."""

    target: Target
    dial: Dial
    fetch: Fetch
    codec: Codec
    tokens: TokenHolder
    client_id: str
    agent: str | None
    random: Random


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection, or the try to have one, ended; `wait_s` is the server's advice."""

    code: int
    msg: str
    wait_s: float | None = None
    final: bool = False


class Road:
    """Runs one connection after another for a traveller."""

    def __init__(self, baggage: Baggage, traveller: Traveller, settings: ClientSettings) -> None:
        self.board = StatusBoard()
        self.failures = 0
        self._baggage = baggage
        self._traveller = traveller
        self._settings = settings
        self._has_arrived = False

    async def run(self) -> ClientClosed:
        """Connect, and connect again, until an end is final; returns that end. May be cancelled at any time."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._poll)
            while not (ending := await self._try_once()).final:
                self.failures += 1
                self._show(ending)
                await trio.sleep(self._wait_s(ending))
            nursery.cancel_scope.cancel()
        return ClientClosed(ending.code, ending.msg)

    def _show(self, ending: Ending) -> None:
        phase: Phase = "reconnecting" if self._has_arrived else "connecting"
        self.board.show(Status(phase, self.failures, ending.code, ending.msg, self.board.now.polling))

    def _wait_s(self, ending: Ending) -> float:
        if ending.wait_s is not None:
            return ending.wait_s
        return self._settings.backoff.delay(self.failures, self._baggage.random)

    async def _try_once(self) -> Ending:
        try:
            with trio.fail_after(self._settings.dial_s):
                token = await self._baggage.tokens.fresh()
                stream = await self._baggage.dial()
        except (OSError, trio.TooSlowError) as error:
            return Ending(ABNORMAL, str(error) or "no connection in time")
        socket = WebSocket(stream, self._settings.message_bytes)
        connection = Connection(socket, self._baggage.codec, self._settings.send_s)
        try:
            return await self._judge(await self._travel(socket, connection, token), connection, token)
        finally:
            self._traveller.departed()
            with trio.move_on_after(_GOODBYE_S, shield=True):
                await socket.close()

    async def _travel(self, socket: WebSocket, connection: Connection, token: str) -> Cut | Rejected:
        """Live on one socket until its end, and return that."""
        baggage = self._baggage
        try:
            with trio.fail_after(self._settings.greet_s):
                await socket.shake_hands(
                    Handshake(baggage.target.authority, baggage.target.path, baggage.codec.subprotocol)
                )
                await connection.greet(Hello(token, baggage.client_id, baggage.agent))
        except trio.TooSlowError:
            return Cut(ABNORMAL, "no welcome in time")
        except (Rejected, Cut) as end:
            return end
        return await self._live(connection)

    async def _live(self, connection: Connection) -> Cut:
        began = trio.current_time()
        self._has_arrived = True
        self._traveller.arrived(connection)
        self.board.show(Status("connected"))
        end = await connection.run(self._traveller.take)
        if trio.current_time() - began >= self._settings.steady_s:
            self.failures = 0
        return end

    async def _judge(self, end: Cut | Rejected, connection: Connection, token: str) -> Ending:
        """Say whether to come back after `end`, and when."""
        if isinstance(end, Rejected):
            final = 400 <= end.status < 500 and end.status not in _PASSING_STATUSES
            return Ending(end.status, str(end), end.retry_s, final)
        bye = connection.bye
        if bye is None:
            return Ending(end.code, end.reason, None, await self._is_final(end.code, token))
        code = bye.code if end.code == ABNORMAL else end.code
        wait_s = None if bye.reconnect_ms is None else bye.reconnect_ms / 1000
        return Ending(code, bye.msg, wait_s, await self._is_final(code, token))

    async def _is_final(self, code: int, token: str) -> bool:
        """Tell whether coming back is senseless; after 4401 it makes sense with another token than the one that was refused."""
        if code != Close.UNAUTHENTICATED:
            return not may_reconnect(code)
        try:
            return await self._baggage.tokens.fresh() == token
        except OSError:
            return False

    async def _poll(self) -> None:
        """Catch up over HTTP, every `poll_s`, from the fifth failure in a row until the socket is back."""
        cursor, asked = None, list[str]()
        while True:
            await self.board.wait(self._is_away)
            self.board.show(replace(self.board.now, polling=True))
            streams = sorted(self._traveller.missing())
            cursor = await self._catch_up(streams, cursor if streams == asked else None) if streams else None
            asked = streams
            with trio.move_on_after(self._settings.poll_s):
                await self.board.wait(lambda status: status.phase == "connected")

    def _is_away(self, status: Status) -> bool:
        return status.phase != "connected" and status.failures >= self._settings.poll_after

    async def _catch_up(self, streams: list[str], cursor: str | None) -> str | None:
        """Bring the traveller all that there is, page by page, and return the cursor; a failure is made good at the next turn."""
        baggage, more = self._baggage, True
        while more:
            try:
                answer = await catch_up(baggage.fetch, baggage.target.http, baggage.tokens.current, streams, cursor)
            except (OSError, ValueError):
                return cursor
            self._traveller.caught_up(answer)
            more, cursor = answer.more and answer.cursor != cursor, answer.cursor
        return cursor
