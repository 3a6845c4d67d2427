"""One WebSocket connection: from the answered handshake to the closed socket.

Its life: (1) `serve`: trio-websocket answers the handshake; (2) hello within its time, the token looked at, `welcome`;
(3) each frame is fed to the session and its answer performed, without a task of its own: replies come back as calls;
(4) `close`, from whichever side: `bye` and the close frame are the last that the outbox takes; (5) when they are written, or
when that takes too long, the tasks end, and everybody who knew this connection forgets it.

Never here: the bytes of frames, who may do what (the actor's turn), and the socket's last moments (`listener`).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer, Done, Envelope, Joined, Watch
from homeroom.http.frame_meter import FrameMeter, Violation
from homeroom.http.handshake import Handshake
from homeroom.http.identity import Identity
from homeroom.http.outbox import Outbox
from homeroom.http.subscription import Subscription
from homeroom.http.turn import Turn
from homeroom.http.websocket_frames import OPCODES, PING_FRAME, close_frame, websocket_frame
from homeroom.http.websocket_stream import ANSWERED, WebSocketStream
from homeroom.protocol.codec import CODECS
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
    from homeroom.http.gateway import Gateway

FRAMES_A_TURN = 32
"""Frames of one message, or messages of one reading, that are carried out before others get a turn."""

Step = tuple[Act, Any]
"""What has to wait, and its frame."""

_FAILURES = {Close.PROTOCOL, Close.NOT_BINARY, Close.BAD_UTF8, Close.TOO_LARGE}
"""What trio-websocket finds wrong without telling the client."""


class Connection:
    """One client. Made, served and forgotten by the gateway."""

    __slots__ = (
        "_active_at", "_beat_at", "_client", "_codec", "_gateway", "_joining", "_nursery", "_opening", "_pinged", "_session",
        "_stream", "_subscriptions", "close_code", "feeding", "identity", "name", "opcode", "outbox",
    )  # fmt: skip

    def __init__(
        self, gateway: "Gateway", stream: trio.abc.Stream, handshake: Handshake, nursery: trio.Nursery
    ) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._codec = CODECS[handshake.subprotocol]
        self.opcode = OPCODES[self._codec.format]
        self._nursery = nursery
        self._session = Session(settings.limits)
        self.outbox = Outbox(
            stream, nursery, overflow=self._overflow, drained=nursery.cancel_scope.cancel, settings=settings.outbox
        )
        meter = FrameMeter(gateway.meter, trio.current_time())
        self._stream = WebSocketStream(stream, handshake, self.outbox, meter, self, readiness=gateway.readiness)
        self._subscriptions: dict[str, Subscription] = {}
        self._opening: trio.CancelScope | None = None  # until it is welcome
        self._joining = Turn(self.outbox)  # of the `sub`s, each until it is answered
        self.feeding = Turn(self.outbox)  # of the subscriptions that pages of missed events are read for
        self._client = ""
        self._pinged = False
        self._active_at = self._beat_at = -inf  # when the person's, or any, sign of life was last passed on
        self.identity: Identity | None = None
        self.name = ""
        """Its name in `welcome` and towards the presence of its user."""
        self.close_code = 0
        """With which code it ended; 0 while it is open."""

    @property
    def caller(self) -> Caller:
        """Return the person as actors see them; only after welcome."""
        if self.identity is None:
            raise Refusal("unauthenticated", "nobody has said hello")
        return self.identity.caller

    # --- its life

    async def serve(self) -> None:
        """Carry on the conversation until it ends; the nursery is cancelled when nothing is left to be written."""
        hello_s = self._gateway.settings.hello_s
        try:
            with trio.fail_after(hello_s) as self._opening:
                websocket = await self._shake_hands()
                await self._open(websocket)
            while True:
                await self._receive(await websocket.get_message())
        except trio.TooSlowError:
            self.close(Close.NO_HELLO, f"no hello within {hello_s:g} s")
        except ConnectionClosed as closed:
            self._lose(closed)

    async def _shake_hands(self) -> WebSocketConnection:
        limit = self._gateway.settings.limits.message_bytes
        request = await wrap_server_stream(self._nursery, self._stream, 1, limit)
        websocket = await request.accept(subprotocol=self._codec.subprotocol)
        websocket._wsproto.handshake = ANSWERED  # type: ignore[assignment] # as much of one as is still needed
        return websocket

    async def _open(self, websocket: WebSocketConnection) -> None:
        while self._session.state is State.OPENING:
            await self._receive(await websocket.get_message())

    def close(self, code: int, msg: str, *, reconnect_ms: int | None = None) -> None:
        """End it from our side: `bye`, the close frame, and nothing more. May be called at any time, and twice."""
        if self._session.closing():
            self._finish(code, msg, self._frame(Bye(code, msg, reconnect_ms)))

    def forget(self) -> None:
        """Let go of everything that knows this connection."""
        self._session.closed()
        for stream in [*self._subscriptions]:
            self._end_subscription(stream)
        self.outbox.abandon()

    def cut(self) -> None:
        """End it at once, whatever has not been written."""
        self._nursery.cancel_scope.cancel()

    def sweep(self, now: float, now_ms: int) -> None:
        """Look after it, about once a second: slow, silent, expired."""
        settings = self._gateway.settings
        silent = now - self._stream.heard
        if self.outbox.late(now):
            self.close(Close.SLOW_CONSUMER, "too slow")
        elif silent > settings.silent_s:
            self.close(Close.HEARTBEAT_MISSED, f"nothing heard for {settings.silent_s:g} s")
        elif silent <= settings.ping_after_s:
            self._pinged = False
        elif not self._pinged:
            self._pinged = True
            self.outbox.push(PING_FRAME)
        if self.identity is not None and now_ms >= self.identity.expires:
            self.close(Close.UNAUTHENTICATED, "the token has expired")

    def _finish(self, code: int, msg: str, *last: bytes) -> None:
        self.close_code = self.close_code or int(code)
        self._nursery.cancel_scope.deadline = trio.current_time() + self._gateway.settings.close_s
        self.outbox.finish(*last, close_frame(code, msg))

    def _lose(self, closed: ConnectionClosed) -> None:
        """Note that trio-websocket has ended it: the client closed, broke the protocol, or is gone."""
        code = closed.reason.code if closed.reason else 1006
        self._session.closed()
        if code in _FAILURES and not self._stream.close_sent:
            self._finish(code, "")
        elif not self.outbox.closed:
            self.close_code = code
            self._nursery.cancel_scope.deadline = trio.current_time() + self._gateway.settings.close_s
            self.outbox.finish()

    def _overflow(self) -> None:
        self.close(Close.SLOW_CONSUMER, "too much waits for this client")

    def violated(self, violation: Violation) -> None:
        """End it: the client broke a rule of the meter."""
        if violation.code >= Close.NOT_A_FRAME:
            self.close(violation.code, violation.reason)
        elif self._session.closing():
            self._finish(violation.code, violation.reason)

    # --- what comes in

    @property
    def ready(self) -> bool:
        """Tell whether messages may come by the short way: after welcome and before the end."""
        return self._session.state is State.OPEN

    def take(self, messages: list[bytes]) -> Iterator[Step]:
        """Carry out messages that came by the short way; a defect of ours ends the connection, and nothing else."""
        try:
            for number, message in enumerate(messages):
                if number % FRAMES_A_TURN == FRAMES_A_TURN - 1:
                    yield Act.IGNORE, None
                yield from self._carry_out(message)
        except Exception:
            self._gateway.failed(self)

    async def go_on(self, steps: Iterator[Step]) -> None:
        """Carry out what is left of messages; a defect of ours ends the connection, and nothing else."""
        try:
            for act, frame in steps:
                await self._perform(act, frame)
        except Exception:
            self._gateway.failed(self)

    async def _receive(self, message: bytes | str) -> None:
        """Carry out a message that trio-websocket has put together."""
        if isinstance(message, str) is (self._codec.format == "json"):
            for act, frame in self._carry_out(message):
                await self._perform(act, frame)
        elif self._session.closing():
            self._finish(Close.NOT_BINARY, "not the kind of message that was agreed")
        self._stream.handled += 1

    def _carry_out(self, message: bytes | str) -> Iterator[Step]:
        """Carry out the frames of a message, in order; gives out what has to wait, and goes on when that is done."""
        if self.outbox.closed:
            return
        for number, frame in enumerate(self._decode(message)):
            if number % FRAMES_A_TURN == FRAMES_A_TURN - 1:
                yield Act.IGNORE, None
            answer = self._session.receive(frame)
            if isinstance(answer, Act):
                call = _CALLS.get(answer)
                if call is None:
                    yield answer, frame
                else:
                    self._try(call, frame)
            elif isinstance(answer, Bye):
                self._finish(answer.code, answer.msg, self._frame(answer))
            else:
                self._send(answer)

    def _decode(self, message: bytes | str) -> list[ClientFrame | RemoteProtocolError]:
        try:
            frames = self._codec.decode_frames(message, self._gateway.settings.limits)
        except RemoteProtocolError as error:
            return [error]
        if (violation := self._stream.charge(len(frames) - 1)) is not None:
            self.violated(violation)
        elif self.identity is not None and self._gateway.clock.now() >= self.identity.expires:
            self.close(Close.UNAUTHENTICATED, "the token has expired")
        return frames

    def _try(self, call: Callable[["Connection", Any], None], frame: Any) -> None:
        try:
            call(self, frame)
        except (Refusal, RemoteProtocolError) as error:
            self._send(_error(frame.id, error))

    async def _perform(self, act: Act, frame: Any) -> None:
        """Do what has to wait; `Act.IGNORE` gives others a turn."""
        if act is Act.SUBSCRIBE:
            await self._joining.take_soon(frame)
            self._stream.heard = trio.current_time()  # nothing was read meanwhile: that is not the client's silence
            self._try(Connection._subscribe, frame)
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
            self.close(code, refusal.msg, reconnect_ms=refusal.retry_ms)
            return
        if self._session.state is not State.GREETED:
            return
        self.identity = identity
        name = self._gateway.admit(self, identity.id)
        if name is None:
            self.close(Close.FLOOD, "too many connections of one user")
            return
        self.name = name
        self._client = f"{identity.id}/{hello.client}"
        self._session.opened()
        if self._opening is not None:
            self._opening.deadline, self._opening = inf, None  # what came in one message with hello has its own time
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
                self._session.left(frame.to)
            raise
        self._end_subscription(frame.to)
        outlet = self._subscriptions[frame.to] = Subscription(self, self.caller.user, self._codec.format)
        ref.tell(Watch(outlet, self.caller, frame.since, partial(self._joined, frame, outlet)))

    def _joined(self, frame: Sub, outlet: Subscription, answer: Joined | Refusal) -> None:
        self._joining.give(frame)
        if isinstance(answer, Refusal):
            self._send(_error(frame.id, answer))
            if self._subscriptions.get(frame.to) is outlet:
                self._end_subscription(frame.to)
                self._session.left(frame.to)
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
            self._session.left(stream)

    def _command(self, frame: Cmd) -> None:
        gateway = self._gateway
        kind = parse_address(frame.to).kind
        command = gateway.verbs.decode(self._codec.format, kind, frame.do, frame.d)
        self._charge(gateway.budget_of(kind, frame.do))
        reply = partial(self._answer, frame.id, frame.to)
        digest = command_digest(frame.do, command)
        caller, arrived = self.caller, gateway.clock.now()
        gateway.actors.ref(frame.to).tell(Envelope(command, caller, reply, self._client, frame.id, digest, arrived))
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
            data = answer.reply if answer.encoded is None else self._codec.embed(answer.encoded)
            self._send(Ok(id, data, None if answer.seq is None else (to, answer.seq), answer.again))
        else:
            self._send(_error(id, answer))

    def _send(self, frame: ServerFrame) -> None:
        self.outbox.push(self._frame(frame))

    def _frame(self, frame: ServerFrame) -> bytes:
        return websocket_frame(self.opcode, self._codec.encode(frame))


def _error(id: int, error: Refusal | RemoteProtocolError) -> Err:
    if isinstance(error, Refusal):
        return Err(id, error.code, error.msg, error.retry_ms, error.data)
    return Err(id, error.code, error.msg, d=error.data)


_CALLS: Mapping[Act, Callable[[Connection, Any], None]] = {
    Act.PONG: Connection._pong,
    Act.UNSUBSCRIBE: Connection._unsubscribe,
    Act.COMMAND: Connection._command,
}
"""What is done at once; the other acts wait: for a token to be looked at, for a turn."""
