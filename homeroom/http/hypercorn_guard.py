"""Hypercorn behind a guard: one HTTP connection of the application, and nothing that it can do to the others.

What is different from Hypercorn's own server: (1) whatever escapes ends this connection only; (2) no upgrade is ever handled,
no HTTP/2, and no request that could be read in two ways, the tenth of a connection no more than the first; (3) a body that stalls is cut; (4) a send to somebody who
does not read is bounded, also where it is shielded; (5) stopping ends; (6) a request that is over holds nobody up.
Never here: WebSockets, and accepting connections (`listener`).
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any, cast

import h11
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr, wrap_app

from homeroom.http.faults import leaves
from homeroom.http.problems import PROBLEM_TYPE, for_connection
from homeroom.http.replay import ReplayStream
from homeroom.http.request_head import BadHead, find_head

log = structlog.get_logger(__name__)

_channel = trio.open_memory_channel[Any]  # named once: naming the type of its messages costs as much as a channel
PIECE = 65_536
"""Bytes that a client has `send_s` seconds to take."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Bounds of one HTTP connection, in seconds.

    `body_s`: the longest pause inside a request's body; `send_s`: for each 64 KiB of an answer, `answer_s`: for the
    whole of it; `idle_s`: between requests.
    """

    body_s: float = 10.0
    send_s: float = 10.0
    answer_s: float = 30.0
    idle_s: float = 5.0


class _BadRequest(Exception):
    """They broke a rule: answered already, and the connection is to end."""


class _StructLogger:
    """Hypercorn's logger, as far as it is used: what it says goes to structlog."""

    def __init__(self, config: Config) -> None:
        """Take nothing of the configuration."""

    def __getattr__(self, level: str) -> Callable[..., Awaitable[None]]:
        """Return the coroutine function that logs at `level`."""

        async def write(message: str, *args: Any, **_: Any) -> None:
            getattr(log, level)(message % args if args else message)

        return write

    async def access(self, *_: Any) -> None:
        """Write nothing: the application logs its requests."""


class _StrictParser(h11.Connection):
    """h11, but every head is first held to the rules of the connection's first one: h11 forgives more."""

    wrong = "this is not HTTP/1.1"
    """What is wrong with what they sent, once something is."""

    def next_event(self) -> Any:
        """Return what h11 does; raises `h11.RemoteProtocolError` for what it would forgive in a head."""
        if self.their_state is h11.IDLE:
            try:
                find_head(self.trailing_data[0])
            except BadHead as error:
                self.wrong = str(error)
                raise h11.RemoteProtocolError(str(error)) from error
        return super().next_event()


class _StrictProtocol(H11Protocol):
    """HTTP/1.1 and nothing else."""

    connection: _StrictParser

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connection = _StrictParser(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)
        self._held = b""

    async def stream_send(self, event: Any) -> None:
        """Send; an answer that begins before the end of the request's body says that the connection ends with it.

        Nothing behind such a body would be read: a client that is not told sends its next request into a closing connection.
        """
        if isinstance(event, Response) and self.patience:
            self.keep_alive_requests = self.config.keep_alive_max_requests
        await super().stream_send(event)

    async def _send_error_response(self, status_code: int) -> None:
        """Say what is wrong with the bytes themselves; nothing more is read of this connection."""
        body = for_connection(status_code, self.connection.wrong)
        about = [
            ("content-type", PROBLEM_TYPE),
            ("x-content-type-options", "nosniff"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=about))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _send_h11_event(self, event: Any) -> None:
        """Send, the head of an answer together with the first of its body or its end."""
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._held = data or b""
        elif data := self._held + (data or b""):
            self._held = b""
            await self.send(RawData(data))

    async def _close_stream(self) -> None:
        """Let a request go. Nobody tells it of the client's end: the tasks of a connection end with it."""
        if self.stream is not None:
            self.stream.closed = True
            self.stream = None

    async def _check_protocol(self, event: h11.Request) -> None:
        upgrade = b"".join(value for name, value in event.headers if name == b"upgrade").lower()
        if b"websocket" in upgrade:
            self.connection.wrong = "a WebSocket is opened on a connection of its own"
            await self._send_error_response(400)
            raise _BadRequest
        if any(name == b"transfer-encoding" for name, _ in event.headers):
            # h11 forgives line ends around chunks, too: nothing is read behind such a body, and the answer says so
            self.keep_alive_requests = self.config.keep_alive_max_requests

    @property
    def patience(self) -> bool:
        """Tell whether the client is in the middle of a body."""
        return self.connection.their_state is h11.SEND_BODY

    @property
    def idle(self) -> bool:
        """Tell whether no request is being answered."""
        return self.stream is None


class _Tasks(TaskGroup):
    """Hypercorn's tasks of a connection, but nobody waits for ever to tell something to a request that is over.

    A request may be answered before its body was read. What of it still comes fills the queue of the request, and Hypercorn would
    wait for room there, with its reading and with the end of the connection.
    """

    async def spawn_app(
        self, app: Any, config: Config, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Start a request; returns what tells it something."""
        teller, listener = _channel(config.max_app_queue_size)

        async def listening(scope: Any, receive: Any, send: Any, *spawn: Any) -> None:
            with listener:
                await app(scope, receive, send, *spawn)

        async def hear() -> Any:
            try:  # most bodies have come with their head: nobody else has to have a turn first
                return listener.receive_nowait()
            except trio.WouldBlock:
                return await listener.receive()

        async def tell(message: Any) -> None:
            with suppress(trio.BrokenResourceError):
                try:
                    teller.send_nowait(message)
                except trio.WouldBlock:
                    await teller.send(message)

        nursery = cast("trio.Nursery", self._nursery)
        spawn = trio.to_thread.run_sync, trio.from_thread.run
        nursery.start_soon(_handle, cast("Any", listening), config, scope, hear, send, *spawn)
        return tell


class _GuardedServer(TCPServer):
    """One connection."""

    protocol: _StrictProtocol  # type: ignore[assignment] # the wrapper that would switch to HTTP/2 is left out

    def __init__(self, *args: Any, settings: HttpSettings) -> None:
        super().__init__(*args)
        self._settings = settings
        self._reading = trio.CancelScope()
        self._idle_until = inf

    def end_idle(self) -> None:
        """End now if no request is being answered."""
        if self.protocol.idle:
            self._reading.cancel()

    async def run(self) -> None:
        """Serve requests until the connection ends; raises what escapes."""
        socket = self.stream.socket
        client = parse_socket_addr(socket.family, socket.getpeername())
        server = parse_socket_addr(socket.family, socket.getsockname())
        with trio.CancelScope() as scope:
            async with _Tasks() as group:
                self._task_group = group
                state = ConnectionState(self.state)
                send = self.protocol_send
                self.protocol = _StrictProtocol(
                    self.app,
                    self.config,
                    self.context,
                    group,
                    state,
                    False,
                    client,
                    server,
                    send,
                )
                await self.protocol.initiate()
                await self.protocol_send(Updated(idle=True))
                await self._read_data()
                scope.cancel()  # the client is gone: nobody waits for an answer, and nothing is left to be timed

    async def protocol_send(self, event: Event) -> None:
        """Send, shielded as Hypercorn wants it, but never for ever."""
        if isinstance(event, Updated):
            self._idle_until = trio.current_time() + self._settings.idle_s if event.idle else inf
            self._wait_until(self._patience())
        elif isinstance(event, RawData):
            if rest := self._sent_at_once(event.data):
                await self._send_patiently(rest)
        else:
            await super().protocol_send(event)

    def _sent_at_once(self, data: bytes) -> bytes:
        """Send what the socket takes without waiting, as nearly every answer is; returns the rest."""
        descriptor = -1 if self.send_lock.locked() else self.stream.socket.fileno()
        if descriptor >= 0:
            with suppress(OSError):  # one that matters comes again
                data = data[os.write(descriptor, data[:PIECE]) :]
        return data

    async def _send_patiently(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                with trio.fail_after(self._settings.answer_s, shield=True):
                    for start in range(0, len(data), PIECE):
                        with trio.fail_after(self._settings.send_s):
                            await self.stream.send_all(data[start : start + PIECE])
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())

    def _wait_until(self, moment: float) -> None:
        """Wait for the client until then; to be told what it knows costs trio as much as something new."""
        if moment != self._reading.deadline:
            self._reading.deadline = moment

    def _patience(self) -> float:
        """Return until when the client is waited for: in the middle of a body, between two requests, and for as long as one is answered."""
        if self.protocol.patience:
            return trio.current_time() + self._settings.body_s
        if not self.protocol.idle:
            return inf
        return -inf if self.context.terminated.is_set() else self._idle_until

    async def _read_data(self) -> None:
        with self._reading, suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while data := await self.stream.receive_some(PIECE):
                self._wait_until(inf)
                await self.protocol.handle(RawData(bytes(data)))
                self._wait_until(self._patience())
            await self.protocol.handle(RawData(b""))
        await self.protocol.handle(Closed())


class HttpServer:
    """The application on HTTP/1.1. Its life: (1) `run`: the application starts up; (2) `serve` each connection; (3) `stop`."""

    def __init__(self, app: Any, settings: HttpSettings = HttpSettings()) -> None:
        self._settings = settings
        self._config = _configure(settings)
        self._app = wrap_app(app, self._config.wsgi_max_body_size, None)
        self._context = WorkerContext(None)
        self._state = ConnectionState({})
        self._open: dict[ReplayStream, _GuardedServer] = {}
        self._finished = trio.Event()
        self._empty = trio.Event()
        self._faults: dict[str, int] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the application up, and shut it down after `stop`. Raises what its start-up raises."""
        lifespan = Lifespan(self._app, self._config, self._state)
        async with trio.open_nursery() as nursery:
            await nursery.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            task_status.started()
            await self._finished.wait()
            await lifespan.wait_for_shutdown()
            nursery.cancel_scope.cancel()

    async def serve(self, stream: ReplayStream) -> None:
        """Serve one connection to its end; never raises but for cancellation."""
        server = _GuardedServer(
            self._app, self._config, self._context, ConnectionState(self._state.copy()), stream, settings=self._settings
        )
        self._open[stream] = server
        try:
            await server.run()
        except* Exception as group:
            for error in leaves(group):
                name = type(error).__name__
                self._faults[name] = self._faults.get(name, 0) + 1
        finally:
            del self._open[stream]
            if not self._open:
                self._empty.set()

    async def stop(self, grace_s: float) -> None:
        """Let idle connections end and running requests finish for `grace_s`, then close the sockets of all others."""
        await self._context.terminated.set()
        self._empty = trio.Event()
        for server in self._open.values():
            server.end_idle()
        if self._open:
            with trio.move_on_after(grace_s):
                await self._empty.wait()
        for stream in [*self._open]:
            await trio.aclose_forcefully(stream)
        self._finished.set()

    def statistics(self) -> dict[str, Any]:
        """Return the figures: open connections, and what escaped by its name."""
        return {"connections": len(self._open), "faults": dict(self._faults)}


def _configure(settings: HttpSettings) -> Config:
    config = Config()
    config.keep_alive_timeout = settings.idle_s
    config.h11_max_incomplete_size = 16_384
    config.include_server_header = False
    config.max_app_queue_size = 2  # a body that came with its head, and its end: more of one waits at the socket
    config.logger_class = _StructLogger  # type: ignore[assignment] # the same methods
    config.accesslog = None
    return config
