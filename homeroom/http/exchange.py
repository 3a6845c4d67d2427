"""What is said on one connection: frames come in, are carried out in order, and are answered.

The session says what each frame asks for; what needs no waiting is done in the call that brought the message, the rest (a token
that is looked at, a turn to be had) is given out as steps for the connection's task. Replies come back as calls.

Never here: when a connection begins and ends (`connection`), the bytes of frames, and who may do what (the actor's turn).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer, Done, Envelope, Joined, Watch
from homeroom.http.frame_meter import Violation
from homeroom.http.identity import Identity
from homeroom.http.outbox import Outbox
from homeroom.http.subscription import Subscription
from homeroom.http.turn import Turn
from homeroom.http.websocket_frames import OPCODES, websocket_frame
from homeroom.http.websocket_stream import WebSocketStream
from homeroom.protocol.codec import Codec
from homeroom.protocol.errors import Close, RemoteProtocolError
from homeroom.protocol.frames import (
    Auth,
    Bye,
    ClientFrame,
    Cmd,
    Err,
    Hello,
    Ok,
    Ping,
    Pong,
    Resumed,
    ServerFrame,
    Snapshot,
    Sub,
    Unsub,
    User,
    Welcome,
)  # fmt: skip
from homeroom.protocol.ids import parse_address
from homeroom.protocol.session import Act, Session, State
from homeroom.protocol.verbs import command_digest

if TYPE_CHECKING:
    from homeroom.http.connection import Connection
    from homeroom.http.gateway import Gateway

FRAMES_A_TURN = 32
"""Frames of one message, or messages of one reading, that are carried out before others get a turn."""

Step = tuple[Act, Any]
"""What has to wait, and its frame."""


class Exchange:
    """What one client asks and is told. Made by its connection; `identity` and `name` are there from `welcome` on.

    `stream` is whence the messages come; it is there before the first of them.
    """

    __slots__ = (
        "_active_at", "_arrived", "_beat_at", "_client", "_connection", "_gateway", "_joining", "_subscriptions",
        "codec", "feeding", "identity", "name", "opcode", "outbox", "session", "stream",
    )  # fmt: skip

    stream: WebSocketStream

    def __init__(self, connection: "Connection", gateway: "Gateway", codec: Codec, outbox: Outbox) -> None:
        self._connection = connection
        self._gateway = gateway
        self.codec = codec
        self.opcode = OPCODES[codec.format]
        self.outbox = outbox
        self.session = Session(gateway.settings.limits)
        self._subscriptions: dict[str, Subscription] = {}
        self._joining = Turn(outbox)  # of the `sub`s, each until it is answered
        self.feeding = Turn(outbox)  # of the subscriptions that pages of missed events are read for
        self._client = ""
        self._arrived = (
            0  # when what is carried out was read, Unix ms: what waits here for its turn does not come later by that
        )
        self._active_at = self._beat_at = -inf  # when the person's, or any, sign of life was last passed on
        self.identity: Identity | None = None
        self.name = ""
        """The connection's name in `welcome` and towards the presence of its user."""

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them; only after welcome."""
        if self.identity is None:
            raise Refusal("unauthenticated", "nobody has said hello")
        return self.identity.caller

    def end(self) -> None:
        """Follow nothing any more, and take nothing any more. May be called twice."""
        self.session.closed()
        for stream in [*self._subscriptions]:
            self._end_subscription(stream)

    # --- what comes in

    def violated(self, violation: Violation) -> None:
        """End it: the client broke a rule of the meter."""
        if violation.code >= Close.NOT_A_FRAME:
            self._connection.close(violation.code, violation.reason)
        elif self.session.closing():
            self._connection.finish(violation.code, violation.reason)

    @property
    def ready(self) -> bool:
        """Tell whether messages may come by the short way: after welcome and before the end."""
        return self.session.state is State.OPEN

    def take(self, messages: list[bytes]) -> Iterator[Step]:
        """Carry out messages that came by the short way; a defect of ours ends the connection, and nothing else."""
        self._arrived = self._gateway.clock.now()
        try:
            for number, message in enumerate(messages):
                if number % FRAMES_A_TURN == FRAMES_A_TURN - 1:
                    yield Act.IGNORE, None
                yield from self._carry_out(message)
        except Exception:
            self._gateway.failed(self._connection)

    async def go_on(self, steps: Iterator[Step]) -> None:
        """Carry out what is left of messages; a defect of ours ends the connection, and nothing else."""
        try:
            for act, frame in steps:
                await self._perform(act, frame)
        except Exception:
            self._gateway.failed(self._connection)

    async def receive(self, message: bytes | str) -> None:
        """Carry out a message that trio-websocket has put together, of what was read until now."""
        self._arrived = self._gateway.clock.now() - int((trio.current_time() - self.stream.read_at) * 1000)
        if isinstance(message, str) is (self.codec.format == "json"):
            for act, frame in self._carry_out(message):
                await self._perform(act, frame)
        elif self.session.closing():
            self._connection.finish(Close.NOT_BINARY, "not the kind of message that was agreed")
        self.stream.handled += 1

    def _carry_out(self, message: bytes | str) -> Iterator[Step]:
        """Carry out the frames of a message, in order; gives out what has to wait, and goes on when that is done."""
        if self.outbox.closed:
            return
        for number, frame in enumerate(self._decode(message)):
            if number % FRAMES_A_TURN == FRAMES_A_TURN - 1:
                yield Act.IGNORE, None
            answer = self.session.receive(frame)
            if isinstance(answer, Act):
                call = _CALLS.get(answer)
                if call is None:
                    yield answer, frame
                else:
                    self._try(call, frame)
            elif isinstance(answer, Bye):
                self._connection.finish(answer.code, answer.msg, self.frame(answer))
            else:
                self._send(answer)

    def _decode(self, message: bytes | str) -> list[ClientFrame | RemoteProtocolError]:
        try:
            frames = self.codec.decode_frames(message, self._gateway.settings.limits)
        except RemoteProtocolError as error:
            return [error]
        if (violation := self.stream.charge(len(frames) - 1)) is not None:
            self.violated(violation)
        elif self.identity is not None and self._gateway.clock.now() >= self.identity.expires:
            self._connection.close(Close.UNAUTHENTICATED, "the token has expired")
        return frames

    def _try(self, call: Callable[["Exchange", Any], None], frame: Any) -> None:
        try:
            call(self, frame)
        except (Refusal, RemoteProtocolError) as error:
            self._send(_error(frame.id, error))

    async def _perform(self, act: Act, frame: Any) -> None:
        """Do what has to wait; `Act.IGNORE` gives others a turn."""
        if act is Act.SUBSCRIBE:
            await self._joining.take_soon(frame)
            self.stream.heard = trio.current_time()  # nothing was read meanwhile: that is not the client's silence
            self._try(Exchange._subscribe, frame)
        elif act is Act.AUTHENTICATE:
            await self._authenticate(frame)
        elif act is Act.RENEW:
            await self._renew(frame)
        else:
            await trio.lowlevel.checkpoint()

    async def _authenticate(self, hello: Hello) -> None:
        try:
            identity = await self._gateway.authenticate(hello.token)
        except Refusal as refusal:
            code = Close.UNAUTHENTICATED if refusal.code == "unauthenticated" else Close.INTERNAL
            self._connection.close(code, refusal.msg, reconnect_ms=refusal.retry_ms)
            return
        if self.session.state is not State.GREETED:
            return
        self.identity = identity
        name = self._gateway.admit(self._connection, identity.id)
        if name is None:
            self._connection.close(Close.FLOOD, "too many connections of one user")
            return
        self.name = name
        self._client = f"{identity.id}/{hello.client}"
        self.session.opened()
        self._connection.welcomed()
        self._send(self._welcome(identity))

    def _welcome(self, identity: Identity) -> Welcome:
        gateway = self._gateway
        user = User(identity.id, identity.name, identity.role)
        heartbeat_ms, limits = gateway.settings.heartbeat_ms, gateway.settings.limits
        return Welcome(self.name, user, gateway.clock.now(), gateway.epoch, heartbeat_ms, limits, identity.expires)

    async def _renew(self, frame: Auth) -> None:
        try:
            identity = await self._gateway.authenticate(frame.token)
            if identity.id != self.caller.user:
                raise Refusal("forbidden", "the token is somebody else's")
        except Refusal as refusal:
            self._send(_error(frame.id, refusal))
            return
        self.identity = identity
        self._send(Ok(frame.id, {"expires": identity.expires}))

    def _pong(self, frame: Ping) -> None:
        hub = self._gateway.hub
        at = {name: hub.newest(name) for name, entry in self._subscriptions.items() if hub.follows(name, entry)}
        self._send(Pong(frame.n, self._gateway.clock.now(), at))
        self._beat(active=False)

    def _subscribe(self, frame: Sub) -> None:
        if self.outbox.closed:
            return
        try:
            self._charge("subscribe")
            ref = self._gateway.actors.ref(frame.to)
        except Refusal:
            self._joining.give(frame)
            if frame.to not in self._subscriptions:
                self.session.left(frame.to)
            raise
        self._end_subscription(frame.to)
        outlet = self._subscriptions[frame.to] = Subscription(self, self.caller.user, self.codec.format)
        ref.tell(Watch(outlet, self.caller, frame.since, partial(self._joined, frame, outlet)))

    def _joined(self, frame: Sub, outlet: Subscription, answer: Joined | Refusal) -> None:
        self._joining.give(frame)
        if isinstance(answer, Refusal):
            self._send(_error(frame.id, answer))
            if self._subscriptions.get(frame.to) is outlet:
                self._end_subscription(frame.to)
                self.session.left(frame.to)
        elif not outlet.closed:
            pos = (answer.epoch, answer.seq)
            resumed = answer.state is None
            self._send(Ok(frame.id, Resumed(answer.count, pos) if resumed else Snapshot(pos, answer.state)))

    def _unsubscribe(self, frame: Unsub) -> None:
        self._end_subscription(frame.to)
        self._send(Ok(frame.id))

    def _end_subscription(self, stream: str) -> None:
        outlet = self._subscriptions.pop(stream, None)
        if outlet is not None:
            outlet.end()
            self._gateway.actors.ref(stream).unwatch(outlet)

    def ended(self, stream: str, outlet: Subscription) -> None:
        """Note that the hub has ended a subscription (`gone`)."""
        outlet.end()
        if self._subscriptions.get(stream) is outlet:
            del self._subscriptions[stream]
            self.session.left(stream)

    def _command(self, frame: Cmd) -> None:
        gateway = self._gateway
        kind = parse_address(frame.to).kind
        command = gateway.verbs.decode(self.codec.format, kind, frame.do, frame.d)
        self._charge(gateway.budget_of(kind, frame.do))
        reply = partial(self._answer, frame.id, frame.to)
        digest = command_digest(frame.do, command)
        envelope = Envelope(command, self.caller, reply, self._client, frame.id, digest, self._arrived)
        gateway.actors.ref(frame.to).tell(envelope)
        if (kind, frame.do) != ("presence", "beat"):  # that one says itself what it is a sign of
            self._beat(active=True)

    def _beat(self, *, active: bool) -> None:
        """Pass a sign of life on to the person's presence, now and then: it also names this connection to a new one."""
        now = trio.current_time()
        if now - (self._active_at if active else self._beat_at) >= self._gateway.settings.beat_s:
            self._beat_at = now
            if active:
                self._active_at = now
            self._gateway.beat(self.caller.user, self.name, active=active)

    def _charge(self, budget: str) -> None:
        retry_ms = self._gateway.budgets.take(self.caller.user, budget)
        if retry_ms is not None:
            raise Refusal("rate_limited", f"the budget {budget} is used up", retry_ms=retry_ms)

    # --- what goes out

    def _answer(self, id: int, to: str, answer: Answer) -> None:
        if self.outbox.closed:
            return
        if isinstance(answer, Done):
            data = answer.reply if answer.encoded is None else self.codec.embed(answer.encoded)
            self._send(Ok(id, data, None if answer.seq is None else (to, answer.seq), answer.again))
        else:
            self._send(_error(id, answer))

    def _send(self, frame: ServerFrame) -> None:
        self.outbox.push(self.frame(frame))

    def frame(self, frame: ServerFrame) -> bytes:
        """Return a frame as it is sent here."""
        return websocket_frame(self.opcode, self.codec.encode(frame))


def _error(id: int, error: Refusal | RemoteProtocolError) -> Err:
    if isinstance(error, Refusal):
        return Err(id, error.code, error.msg, error.retry_ms, error.data)
    return Err(id, error.code, error.msg, d=error.data)


_CALLS: Mapping[Act, Callable[[Exchange, Any], None]] = {
    Act.PONG: Exchange._pong,
    Act.UNSUBSCRIBE: Exchange._unsubscribe,
    Act.COMMAND: Exchange._command,
}
"""What is done at once; the other acts wait: for a token to be looked at, for a turn."""
