"""A small server for the client's tests: the protocol's session and codec behind trio-websocket, on memory streams.

One history a stream, receipts for exactly once, and switches for everything that can go wrong on the way.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio
import trio_websocket
from trio.testing import memory_stream_pair

from homeroom.protocol.codec import CODECS, Codec
from homeroom.protocol.errors import Close, RemoteProtocolError
from homeroom.protocol.frames import (
    Auth,
    Bye,
    Cmd,
    Err,
    Ev,
    Event,
    Gone,
    Hello,
    Limits,
    Ok,
    Ping,
    Pong,
    Resumed,
    ServerFrame,
    Sig,
    Snapshot,
    Sub,
    User,
    Welcome,
)
from homeroom.protocol.session import Act, Session

EPOCH = "e1"
HOUR_MS = 3_600_000


@dataclass
class School:
    """The server. `tokens` maps a valid token to its user; everything may be changed while it runs."""

    nursery: trio.Nursery
    tokens: dict[str, str] = field(default_factory=lambda: {"good": "ann", "better": "ann", "bens": "ben"})
    epoch: str = EPOCH
    lifetime_ms: int = HOUR_MS
    heartbeat_ms: int = 30_000
    limits: Limits = field(default_factory=Limits)
    histories: dict[str, list[Event]] = field(default_factory=dict)
    receipts: dict[tuple[str, int], Ok] = field(default_factory=dict)
    carried_out: Counter[int] = field(default_factory=Counter)
    lines: list["Line"] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)
    subs: list[Sub] = field(default_factory=list)
    pings: int = 0
    dials: int = 0
    reachable: bool = True
    reject: tuple[int, list[tuple[bytes, bytes]]] | None = None
    silent: bool = False
    loses_answers: int = 0
    """So many commands are carried out, and the connection breaks before the answer."""
    loses_events: bool = False
    refuse: Callable[[Cmd | Sub], Err | None] = lambda frame: None
    greeting: ServerFrame | None = None
    """Sent instead of welcome."""

    async def dial(self) -> trio.abc.Stream:
        """Connect a client; raises `OSError` while the school is not `reachable`."""
        await trio.lowlevel.checkpoint()
        self.dials += 1
        if not self.reachable:
            raise OSError("nobody listens")
        ours, theirs = memory_stream_pair()
        self.nursery.start_soon(self._serve, ours)
        return theirs

    async def _serve(self, stream: trio.StapledStream[Any, Any]) -> None:
        async with trio.open_nursery() as nursery:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            if self.reject is not None:
                await request.reject(self.reject[0], extra_headers=self.reject[1])
            else:
                subprotocol = request.proposed_subprotocols[0]
                line = Line(self, await request.accept(subprotocol=subprotocol), CODECS[subprotocol], stream)
                self.lines.append(line)
                await line.serve()
                self.lines.remove(line)
            nursery.cancel_scope.cancel()

    def say(self, stream: str, text: str, by: str = "ann") -> int:
        """Let an event happen; returns its number."""
        history = self.histories.setdefault(stream, [])
        history.append(Event("room.message_posted", 1_000 + len(history), by, {"text": text}))
        if not self.loses_events:
            self.broadcast(stream, Ev(stream, len(history), [history[-1]]))
        return len(history)

    def broadcast(self, stream: str, frame: ServerFrame) -> None:
        """Send a frame to all that follow `stream`."""
        for line in self.lines:
            if stream in line.session.streams:
                line.send(frame)

    def cut(self) -> None:
        """Break all connections without a word."""
        for line in self.lines:
            line.break_off()

    def bye(self, code: int, msg: str = "", reconnect_ms: int | None = None) -> None:
        """Close all connections with `code`."""
        for line in self.lines:
            line.send(Bye(code, msg, reconnect_ms))
            line.hang_up(code)


class Line:
    """One connection to the school."""

    def __init__(
        self, school: School, socket: trio_websocket.WebSocketConnection, codec: Codec, stream: trio.abc.AsyncResource
    ) -> None:
        self.school, self.socket, self.codec, self.stream = school, socket, codec, stream
        self.session = Session(school.limits)
        self.user = self.client = ""
        self._out, self._queue = trio.open_memory_channel[ServerFrame | int | None](1_000)

    def send(self, frame: ServerFrame) -> None:
        self._out.send_nowait(frame)

    def hang_up(self, code: int) -> None:
        self._out.send_nowait(code)

    def break_off(self) -> None:
        self._out.send_nowait(None)

    async def serve(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_closed, self._write, nursery.cancel_scope)
            await self._until_closed(self._read, nursery.cancel_scope)

    async def _until_closed(self, part: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
        try:
            await part()
        except trio_websocket.ConnectionClosed:
            scope.cancel()

    async def _read(self) -> None:
        while True:
            self._take_all(await self.socket.get_message())

    async def _write(self) -> None:
        async for item in self._queue:
            if item is None:
                await trio.aclose_forcefully(self.stream)
            elif isinstance(item, int):
                await self.socket.aclose(item)
            elif not self.school.silent:
                message = self.codec.encode(item)
                await self.socket.send_message(message.decode() if self.codec.is_text else message)

    def _take_all(self, message: str | bytes) -> None:
        for frame in self.codec.decode_frames(message, self.school.limits):
            answer = self.session.receive(frame)
            if isinstance(answer, Err):
                self.send(answer)
            elif isinstance(answer, Bye):
                self.send(answer)
                self.hang_up(answer.code)
            else:
                assert not isinstance(frame, RemoteProtocolError)
                self._perform(answer, frame)

    def _perform(self, act: Act, frame: Any) -> None:
        performers: dict[Act, Callable[[Any], None]] = {
            Act.AUTHENTICATE: self._greet,
            Act.RENEW: self._renew,
            Act.PONG: self._pong,
            Act.SUBSCRIBE: self._subscribe,
            Act.UNSUBSCRIBE: lambda unsub: self.send(Ok(unsub.id)),
            Act.COMMAND: self._carry_out,
            Act.IGNORE: lambda ignored: None,
        }
        performers[act](frame)

    def _greet(self, hello: Hello) -> None:
        school = self.school
        school.hellos.append(hello)
        user = school.tokens.get(hello.token)
        if school.greeting is not None or user is None:
            self.send(school.greeting or Bye(Close.UNAUTHENTICATED, "no valid token"))
            self.hang_up(Close.UNAUTHENTICATED)
            return
        self.user, self.client = user, hello.client
        self.session.opened()
        known = User(user, user.title(), "student")
        self.send(
            Welcome("c1", known, 1_000, school.epoch, school.heartbeat_ms, school.limits, 1_000 + school.lifetime_ms)
        )

    def _renew(self, auth: Auth) -> None:
        if self.school.tokens.get(auth.token) == self.user:
            self.send(Ok(auth.id, {"expires": 1_000 + 2 * self.school.lifetime_ms}))
        else:
            self.send(Err(auth.id, "forbidden", "somebody else's"))

    def _pong(self, ping: Ping) -> None:
        self.school.pings += 1
        at = {stream: len(self.school.histories.get(stream, ())) for stream in self.session.streams}
        self.send(Pong(ping.n, 1_000, at))

    def _subscribe(self, sub: Sub) -> None:
        school = self.school
        school.subs.append(sub)
        if refused := school.refuse(sub):
            self.session.left(sub.to)
            self.send(refused)
            return
        history = school.histories.get(sub.to, [])
        pos = (school.epoch, len(history))
        if sub.since is None or sub.since[0] != school.epoch:
            self.send(Ok(sub.id, Snapshot(pos, {"texts": [event.d["text"] for event in history]})))
            return
        missed = history[sub.since[1] :]
        self.send(Ok(sub.id, Resumed(len(missed), pos)))
        if missed:
            self.send(Ev(sub.to, sub.since[1] + 1, list(missed)))

    def _carry_out(self, cmd: Cmd) -> None:
        school = self.school
        if refused := school.refuse(cmd):
            self.send(refused)
            return
        key = (f"{self.user}/{self.client}", cmd.id)
        if key in school.receipts:
            first = school.receipts[key]
            self.send(Ok(cmd.id, first.d, first.pos, again=True))
            return
        school.carried_out[cmd.id] += 1
        arguments = (msgspec.json if self.codec.is_text else msgspec.msgpack).decode(bytes(cmd.d))
        seq = school.say(cmd.to, arguments.get("text", cmd.do), self.user)
        school.receipts[key] = Ok(cmd.id, {"id": str(seq)}, (cmd.to, seq))
        if school.loses_answers:
            school.loses_answers -= 1
            self.break_off()
        else:
            self.send(school.receipts[key])

    def gone(self, stream: str, code: str) -> None:
        """End a subscription from this side."""
        self.session.left(stream)
        self.send(Gone(stream, code))

    def signal(self, stream: str, d: Any) -> None:
        """Send an ephemeral event."""
        self.send(Sig(stream, [Event("room.typing", 1, "ben", d)]))
