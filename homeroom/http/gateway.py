"""All WebSocket connections: who is let in, who is cut off, and the way in which all of them end.

One guarded nursery a connection: nothing that a client sends, and no defect of ours that it finds, reaches another
connection or the process.

Never here: one connection's life (`connection`), what is said on it (`exchange`), and the sockets (`listener`).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Protocol

import structlog
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.company import Company
from homeroom.engine.envelope import Answer, Envelope, Outlet, Post
from homeroom.engine.hub import Hub
from homeroom.engine.kind import Kind
from homeroom.http.budgets import Budgets
from homeroom.http.connection import Connection
from homeroom.http.faults import leaves
from homeroom.http.frame_meter import MeterSettings
from homeroom.http.handshake import Handshake, Refused, judge_handshake, refusal_answer
from homeroom.http.identity import Authenticate
from homeroom.http.origins import Origins
from homeroom.http.outbox import OutboxSettings
from homeroom.http.readiness import Readiness
from homeroom.http.request_head import BadHead, RequestHead, read_head
from homeroom.http.subscription import Subscription
from homeroom.protocol.codec import CODECS
from homeroom.protocol.errors import Close
from homeroom.protocol.frames import Limits
from homeroom.protocol.presence import Beat, Connected, Disconnected
from homeroom.protocol.verbs import VerbTable

log = structlog.get_logger(__name__)

_LIMITS = Limits()
_METER = MeterSettings()
_OUTBOX = OutboxSettings()


class Ref(Protocol):
    """The way to one actor."""

    def tell(self, post: Post) -> None:
        """Put `post` into its mailbox, or refuse it through its reply; never waits."""

    def unwatch(self, outlet: Outlet) -> bool:
        """End a subscription, also one that is still being fed; tells whether there was one."""


class Actors(Protocol):
    """The way to all actors: what the gateway needs of the engine."""

    def ref(self, address: str) -> Ref:
        """Return the way to `address`; raises `Refusal` `not_found` for an unknown kind."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Times in seconds unless they say ms.

    `hello_s`: for the handshake's answer, hello and the look at the token together. A client silent for `ping_after_s` is
    pinged, one silent for `silent_s` is closed. `close_s`: for the last frames to be written.
    """

    limits: Limits = _LIMITS
    meter: MeterSettings = _METER
    outbox: OutboxSettings = _OUTBOX
    hello_s: float = 5.0
    heartbeat_ms: int = 30_000
    ping_after_s: float = 20.0
    silent_s: float = 30.0
    close_s: float = 3.0
    beat_s: float = 30.0
    sweep_s: float = 1.0
    per_user: int = 10
    spread_ms: int = 5_000


@dataclass(frozen=True)
class GatewayParts:
    """What the gateway is built from. `epoch` names the history that all streams belong to.

    `company` says how long what comes in may lie, since its commit would wait for as long.
    """

    actors: Actors
    hub: Hub
    kinds: Sequence[Kind]
    verbs: VerbTable
    authenticate: Authenticate
    budgets: Budgets
    clock: Clock
    random: Random
    epoch: str
    origins: Origins = field(default_factory=Origins)
    company: Company = field(default_factory=Company)


class Gateway:
    """Serves WebSocket connections. `run` looks after them and has to run as long as any is served."""

    def __init__(self, parts: GatewayParts, settings: GatewaySettings = GatewaySettings()) -> None:
        self.settings = settings
        self.meter = replace(settings.meter, message_bytes=settings.limits.message_bytes)
        self.actors, self.hub, self.verbs = parts.actors, parts.hub, parts.verbs
        self.authenticate, self.budgets = parts.authenticate, parts.budgets
        self.clock, self.epoch = parts.clock, parts.epoch
        self.readiness = Readiness(parts.company)
        self._random = parts.random
        self._origins = parts.origins
        self._budget_of = {(kind.name, verb.command.do): verb.budget for kind in parts.kinds for verb in kind.verbs}
        self._has_presence = any(kind.name == "presence" for kind in parts.kinds)
        self._connections: dict[Connection, None] = {}
        self._users: dict[str, dict[Connection, None]] = {}
        self._draining = False
        self._empty = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._opened = 0
        self._told_again = 0
        self._closed: dict[int, int] = {}
        self._faults: dict[str, int] = {}
        self.hub.when_ended(_note_ended)

    # --- serving

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sweep all connections, for ever: one task for all of them, no timer of their own."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            await nursery.start(self.readiness.run)
            task_status.started()
            try:
                while True:
                    await trio.sleep(self.settings.sweep_s)
                    now, now_ms = trio.current_time(), self.clock.now()
                    for connection in [*self._connections]:
                        connection.sweep(now, now_ms)
            finally:
                self._nursery = None  # actors that end later still answer, and must find no closing nursery

    def judge(self, head: RequestHead) -> Handshake | Refused:
        """Tell whether the handshake may go on."""
        if self._draining:
            return Refused(503, "the server is about to stop", retry_s=1)
        return judge_handshake(head, self._origins, CODECS)

    async def serve(self, stream: trio.abc.Stream, judged: Handshake | Refused | None = None) -> None:
        """Serve one connection to its end; with `None` its request is read and judged here.

        Never raises but for cancellation. The stream is left open for its owner to close.
        """
        try:
            if judged is None:
                with trio.fail_after(self.settings.hello_s):
                    head = await read_head(stream)
                if head is None:
                    return
                judged = self.judge(head)
                del head  # not to be kept as long as the connection lives
            serving = self._serve(stream, judged) if isinstance(judged, Handshake) else self._refuse(stream, judged)
            del judged  # the same, and so in `_serve`
            await serving
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._count_fault(error)
        except BadHead as error:
            await self._refuse(stream, Refused(400, str(error)))

    async def _refuse(self, stream: trio.abc.Stream, refused: Refused) -> None:
        with trio.move_on_after(self.settings.close_s), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await stream.send_all(refusal_answer(refused))

    async def _serve(self, stream: trio.abc.Stream, handshake: Handshake) -> None:
        connection: Connection | None = None
        try:
            async with trio.open_nursery() as nursery:
                connection = Connection(self, stream, handshake, nursery)
                del handshake
                self._connections[connection] = None
                self._opened += 1
                await self._converse(connection)
        except* Exception as group:  # what trio-websocket lets out for what a client sent: it ends this connection only
            for error in leaves(group):
                self._count_fault(error)
        finally:
            if connection is not None:
                self._forget(connection)

    async def _converse(self, connection: Connection) -> None:
        try:
            await connection.serve()
        except Exception:
            self.failed(connection)

    def _forget(self, connection: Connection) -> None:
        connection.forget()
        del self._connections[connection]
        self._closed[connection.close_code] = self._closed.get(connection.close_code, 0) + 1
        if connection.identity is not None:
            mine = self._users.get(connection.identity.id, {})
            if connection in mine:
                del mine[connection]
                self._tell_presence(connection.identity.id, Disconnected(connection.name))
            if not mine:
                self._users.pop(connection.identity.id, None)
        if self._draining and not self._connections:
            self._empty.set()

    def _count_fault(self, error: BaseException) -> None:
        name = type(error).__name__
        self._faults[name] = self._faults.get(name, 0) + 1

    # --- for connections

    def admit(self, connection: Connection, user: str) -> str | None:
        """Take in a connection whose token was good; returns its name, or `None` when its user has too many."""
        mine = self._users.setdefault(user, {})
        if len(mine) >= self.settings.per_user:
            return None
        mine[connection] = None
        name = f"{self._random.getrandbits(64):016x}"
        self._tell_presence(user, Connected(name))
        return name

    def failed(self, connection: Connection) -> None:
        """Contain a defect of ours, called where it is caught: logged, told to the client, and the connection ends."""
        incident = f"{self._random.getrandbits(48):012x}"
        log.exception("connection failed", incident=incident)
        connection.close(Close.INTERNAL, f"incident {incident}")

    def beat(self, user: str, conn: str, *, active: bool) -> None:
        """Tell the person's presence of a sign of life on `conn`; `active`: the person did something."""
        self._tell_presence(user, Beat(active, conn))

    def budget_of(self, kind: str, do: str) -> str:
        """Return the name of the budget that a verb draws on."""
        return self._budget_of.get((kind, do), "chat")

    # --- for others

    @property
    def present(self) -> tuple[str, ...]:
        """Return the people who have a connection."""
        return tuple(self._users)

    def revoke(self, user: str, family: str | None = None) -> int:
        """Close the connections of `user`, or those of one login, with 4403; returns how many."""
        found = [
            connection
            for connection in self._users.get(user, {})
            if family is None or (connection.identity is not None and connection.identity.family == family)
        ]
        for connection in found:
            connection.close(Close.REVOKED, "access was revoked")
        return len(found)

    async def drain(self, seconds: float = 8.0) -> None:
        """Refuse newcomers, send everybody `bye` with a spread time to come back, and wait until all are gone.

        After `seconds` whoever is left is cut off. Ends, whatever the clients do.
        """
        self._draining = True
        self.hub.flush()
        for connection in [*self._connections]:
            spread = self._random.randint(0, self.settings.spread_ms)
            connection.close(Close.DRAINING, "the server is about to stop", reconnect_ms=spread)
        if self._connections:
            with trio.move_on_after(seconds):
                await self._empty.wait()
        for connection in [*self._connections]:
            connection.cut()

    def statistics(self) -> Mapping[str, Any]:
        """Return the figures: connections, people, bytes that wait, ends by close code, faults by name."""
        return {
            "connections": len(self._connections),
            "users": len(self._users),
            "opened": self._opened,
            "closed": dict(self._closed),
            "faults": dict(self._faults),
            "presence_told_again": self._told_again,
            "waiting_bytes": sum(connection.waiting_bytes for connection in self._connections),
        }

    # --- presence

    def _tell_presence(self, user: str, command: Any) -> None:
        if self._has_presence:
            reply = partial(self._presence_answered, user, command)
            envelope = Envelope(command, SYSTEM_CALLER, reply, arrived=self.clock.now())
            self.actors.ref(f"presence:{user}").tell(envelope)

    def _presence_answered(self, user: str, command: Any, answer: Answer) -> None:
        """Send what must not be lost again when the actor could not take it; a sign of life may be lost."""
        if not isinstance(answer, Refusal) or answer.retry_ms is None or isinstance(command, Beat):
            return
        if self._nursery is not None and not self._draining:
            self._told_again += 1
            self._nursery.start_soon(self._tell_later, user, command, answer.retry_ms / 1000)

    async def _tell_later(self, user: str, command: Any, seconds: float) -> None:
        await trio.sleep(seconds)
        open_names = {connection.name for connection in self._users.get(user, ())}
        if not isinstance(command, Connected) or command.conn in open_names:
            self._tell_presence(user, command)


def _note_ended(stream: str, outlet: Outlet) -> None:
    if isinstance(outlet, Subscription):
        outlet.exchange.ended(stream, outlet)
