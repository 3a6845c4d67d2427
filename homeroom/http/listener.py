"""The one port: accepts, looks at each connection's first request, and hands it to whom it concerns.

A WebSocket handshake goes to the gateway, everything else to Hypercorn behind its guard. Each connection is served inside a
guard of its own, and whatever happens its descriptor is free again afterwards.
Never here: what either of them does with it.
"""

import errno
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
import trio

from homeroom.http.budgets import Bucket, Budgets, BudgetSettings, Rate
from homeroom.http.handshake import PATH, Handshake, Refused, refusal_answer
from homeroom.http.replay import ReplayStream
from homeroom.http.request_head import BadHead, RequestHead, read_head

log = structlog.get_logger(__name__)

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
"""`accept` cannot have another descriptor: wait until some connection ends."""

_BACK_OFF_S = 0.1
LINGER_READS = 256
"""Reads of up to 64 KiB that a client which goes on sending gets after its end."""

_ACCEPT_RATE = Rate(500.0, 2_000.0)
_ALL_ACCEPTS = Rate(2_000.0, 8_000.0)


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where to listen, and the bounds of what is let in. Port 0: any free one.

    `head_s`: for the first request's head. `per_address`: connections of one address, many of whom may be one school; `accepts`:
    new ones of one address, `all_accepts`: of all together, so that one address alone cannot use that up.
    `refusing`: connections that are answered 503 at a time; more are just closed. `linger_s`: for the client to read the
    last bytes. `grace_s`: for running requests in a stop.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    backlog: int = 1024
    head_s: float = 5.0
    per_address: int = 2_000
    accepts: Rate = _ACCEPT_RATE
    all_accepts: Rate = _ALL_ACCEPTS
    refusing: int = 100
    linger_s: float = 1.0
    grace_s: float = 3.0


Serve = Callable[[trio.SocketStream, RequestHead], Awaitable[None]]


class Sockets(Protocol):
    """Who serves WebSockets: the gateway."""

    def judge(self, head: RequestHead) -> Handshake | Refused:
        """Tell whether a handshake may go on."""

    async def serve(self, stream: trio.abc.Stream, judged: Handshake | Refused) -> None:
        """Serve one connection to its end."""

    async def drain(self, seconds: float) -> None:
        """Send everybody away, and end within `seconds`."""


class Pages(Protocol):
    """Who serves everything else."""

    async def serve(self, stream: ReplayStream) -> None:
        """Serve one connection to its end."""

    async def stop(self, grace_s: float) -> None:
        """Finish what is running, and end."""


class Listener:
    """One port. Its life: (1) `run` binds and accepts; (2) `stop`, which ends within its bounds; then `run` returns."""

    def __init__(self, sockets: Sockets, pages: Pages, settings: ListenerSettings = ListenerSettings()) -> None:
        self._sockets = sockets
        self._pages = pages
        self._settings = settings
        self._addresses: dict[str, int] = {}
        self._accepts = Budgets(trio.current_time, BudgetSettings({"chat": settings.accepts}))
        self._all_accepts: Bucket | None = None
        self._accepting = trio.CancelScope()
        self._serving = trio.CancelScope()
        self._finished = trio.Event()
        self._refusing = 0
        self._accepted = self._refused = self._dropped = self._exhausted = 0

    async def run(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Bind, report the port, and serve until `stop` has ended. Raises `OSError` when it cannot bind."""
        settings = self._settings
        listeners = await trio.open_tcp_listeners(settings.port, host=settings.host, backlog=settings.backlog)
        task_status.started(listeners[0].socket.getsockname()[1])
        try:
            with self._serving:
                async with trio.open_nursery() as nursery:
                    with self._accepting:
                        async with trio.open_nursery() as accepting:
                            for listener in listeners:
                                accepting.start_soon(self._accept, listener, nursery)
        finally:
            self._finished.set()

    async def stop(self, drain_s: float = 8.0) -> None:
        """Accept nobody any more, drain the WebSockets, let requests finish; whoever is left then is cut off."""
        self._accepting.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sockets.drain, drain_s)
            nursery.start_soon(self._pages.stop, self._settings.grace_s)
        self._serving.deadline = trio.current_time() + self._settings.linger_s
        with trio.move_on_after(3 * self._settings.linger_s):
            await self._finished.wait()

    def statistics(self) -> Mapping[str, float]:
        """Return the figures: open connections and addresses; since the start accepted, refused, dropped, out of descriptors."""
        return {
            "connections": sum(self._addresses.values()),
            "addresses": len(self._addresses),
            "accepted": self._accepted,
            "refused": self._refused,
            "dropped": self._dropped,
            "exhausted": self._exhausted,
        }

    # --- accepting

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in _EXHAUSTED:
                        raise
                    self._exhausted += 1
                    log.warning("no descriptor left for another connection", open=sum(self._addresses.values()))
                    await trio.sleep(_BACK_OFF_S)
                    continue
                self._take(stream, nursery)

    def _take(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        self._accepted += 1
        address = _address_of(stream)
        if self._addresses.get(address, 0) < self._settings.per_address and self._may_come(address):
            nursery.start_soon(self._serve, stream, address)
        elif self._refusing < self._settings.refusing:
            nursery.start_soon(self._refuse, stream)
        else:
            self._dropped += 1
            stream.socket.close()

    def _may_come(self, address: str) -> bool:
        """Take from the rate of the address first: what goes beyond that costs the others nothing."""
        if self._accepts.take(address, "accept") is not None:
            return False
        now = trio.current_time()
        if self._all_accepts is None:
            self._all_accepts = Bucket(self._settings.all_accepts, now)
        return not self._all_accepts.take(now)

    # --- one connection

    async def _serve(self, stream: trio.SocketStream, address: str) -> None:
        self._addresses[address] = self._addresses.get(address, 0) + 1
        try:
            await self._guard(stream, self._route)
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    async def _refuse(self, stream: trio.SocketStream) -> None:
        self._refused += 1
        self._refusing += 1
        try:
            refused = Refused(503, "too many connections; come back a little later", retry_s=2)
            await self._guard(stream, partial(_answer, refused))
        finally:
            self._refusing -= 1

    async def _guard(self, stream: trio.SocketStream, serve: Serve) -> None:
        """Read the head, let `serve` go on, and close the socket whatever comes.

        The head is in nobody's local variable here: this function waits as long as the connection lives.
        """
        try:
            await serve(stream, await self._read(stream))
        except BadHead as error:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await _answer(Refused(400, str(error)), stream)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            return  # gone, or too slow to be told anything; the `finally` below frees the descriptor
        except Exception:  # a defect of ours costs one connection, not the port
            log.exception("connection failed")
        finally:
            await close_gently(stream, self._settings.linger_s)

    async def _read(self, stream: trio.SocketStream) -> RequestHead:
        with trio.fail_after(self._settings.head_s):
            head = await read_head(stream)
        if head is None:
            raise trio.BrokenResourceError("nothing was said")
        return head

    def _route(self, stream: trio.SocketStream, head: RequestHead) -> Awaitable[None]:
        if head.upgrades:
            return self._sockets.serve(stream, self._sockets.judge(head))
        if head.path == PATH:
            return _answer(Refused(400, "a WebSocket is opened here, by an upgrade"), stream)
        return self._pages.serve(ReplayStream(stream, head.raw + head.rest))


async def close_gently(stream: trio.SocketStream, seconds: float) -> None:
    """Close, but let the client read what was sent: unread bytes of its own would turn the close into a reset.

    Waits at most `seconds` for the client's end, also when cancelled.
    """
    with (
        trio.move_on_after(seconds, shield=True),
        suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError),
    ):
        await stream.send_eof()
        for _ in range(LINGER_READS):
            if not await stream.receive_some(65_536):
                break
    await trio.aclose_forcefully(stream)


async def _answer(refused: Refused, stream: trio.SocketStream, _: RequestHead | None = None) -> None:
    """Send the whole answer; small enough for any socket's buffer, so that it never waits for long."""
    with trio.move_on_after(1.0):
        await stream.send_all(refusal_answer(refused))


def _address_of(stream: trio.SocketStream) -> str:
    """Return the client's address, of IPv6 its /64: whoever has one of those has all of it."""
    try:
        host = str(stream.socket.getpeername()[0])
    except OSError:
        return "gone"
    return ":".join(host.split(":")[:4]) if ":" in host and not host.startswith("::ffff:") else host
