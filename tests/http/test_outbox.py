"""The outbox: order, bounds, and what a receiver sees that is cut off, over real sockets and over streams without one."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from homeroom.http.outbox import Outbox, OutboxSettings


@dataclass
class Line:
    """An outbox, and the far end of its stream."""

    outbox: Outbox
    far: trio.abc.ReceiveStream
    said: list[str] = field(default_factory=list)

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = await self.far.receive_some(65_536)
            if not chunk:
                break
            data += bytes(chunk)
        return data


def small_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Return two ends of a connection that hold little."""
    left, right = socket.socketpair()
    for sock in (left, right):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return tuple(trio.SocketStream(trio.socket.from_stdlib_socket(sock)) for sock in (left, right))  # type: ignore[return-value] # two


PAIRS: dict[str, Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]] = {
    "socket": small_pair,
    "memory": memory_stream_pair,
}
DEFAULT = OutboxSettings()
both = pytest.mark.parametrize("kind", PAIRS)


@asynccontextmanager
async def line(kind: str = "socket", settings: OutboxSettings = DEFAULT) -> AsyncIterator[Line]:
    near, far = PAIRS[kind]()
    said: list[str] = []
    async with near, far, trio.open_nursery() as nursery:
        outbox = Outbox(
            near,
            nursery,
            overflow=lambda: said.append("overflow"),
            drained=lambda: said.append("drained"),
            settings=settings,
        )
        yield Line(outbox, far, said)
        nursery.cancel_scope.cancel()


@both
async def test_frames_arrive_whole_and_in_order_however_little_the_receiver_holds(kind: str) -> None:
    frames = [bytes((n % 256,)) * (n * 37 % 5_000 + 1) for n in range(200)]
    async with line(kind) as out:
        for frame in frames:
            out.outbox.push(frame)
        assert await out.read(sum(map(len, frames))) == b"".join(frames)
        await wait_all_tasks_blocked()
        assert out.outbox.held == 0


async def test_an_idle_outbox_has_no_task_and_writes_at_once() -> None:
    async with line() as out:
        tasks = trio.lowlevel.current_statistics().tasks_living
        out.outbox.push(b"hello")
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert await out.read(5) == b"hello"
        out.outbox.push(b"x" * 100_000)
        assert trio.lowlevel.current_statistics().tasks_living == tasks + 1
        await out.read(100_000)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        out.outbox.push(b"again")
        assert await out.read(5) == b"again"


async def test_a_receiver_that_does_not_read_is_late_after_its_patience(mock_clock: MockClock) -> None:
    async with line(settings=OutboxSettings(patience_s=5)) as out:
        out.outbox.push(b"x" * 500_000)
        assert not out.outbox.late(trio.current_time() + 4.9)
        assert out.outbox.late(trio.current_time() + 5.1)
        await out.read(500_000)
        await wait_all_tasks_blocked()
        assert not out.outbox.late(trio.current_time() + 100)


async def test_too_much_overflows_once_a_frame_and_takes_nothing_of_it() -> None:
    async with line(settings=OutboxSettings(bytes=10_000)) as out:
        out.outbox.push(b"x" * 60_000)  # the first is begun; what counts is what waits behind it
        before = out.outbox.held
        out.outbox.push(b"y" * 10_000)
        assert out.said == ["overflow"]
        assert out.outbox.held == before


async def test_a_lot_at_once_waits_for_whoever_reads_it_soon_and_for_nobody_else(mock_clock: MockClock) -> None:
    settings = OutboxSettings(bytes=100_000, at_once=4, grace_s=1.0)
    async with line(settings=settings) as out:
        for _ in range(35):
            out.outbox.push(b"x" * 10_000)
        assert (out.said, out.outbox.held > 100_000) == ([], True)
        await out.read(350_000)
        await wait_all_tasks_blocked()
        for _ in range(35):
            out.outbox.push(b"x" * 10_000)
        mock_clock.jump(1.1)
        out.outbox.push(b"y" * 10_000)
        assert out.said == ["overflow"]


@both
async def test_finishing_completes_the_frame_begun_drops_the_rest_and_adds_the_last(kind: str) -> None:
    async with line(kind) as out:
        out.outbox.push(b"a" * 100_000)
        await wait_all_tasks_blocked()
        for _ in range(10):
            out.outbox.push(b"b" * 100)
        out.outbox.finish(b"bye", b"close")
        out.outbox.push(b"never")
        data = await out.read(100_008)
        assert data.startswith(b"a" * 100_000) or kind == "memory"
        assert data.endswith(b"byeclose")
        await wait_all_tasks_blocked()
        assert out.said == ["drained"]


async def test_finishing_an_idle_outbox_is_done_at_once() -> None:
    async with line() as out:
        out.outbox.finish(b"bye")
        assert out.said == ["drained"]
        assert await out.read(3) == b"bye"
        out.outbox.finish(b"again")
        assert out.outbox.closed


async def test_a_broken_socket_abandons_the_outbox_and_never_raises() -> None:
    async with line() as out:
        await out.far.aclose()
        out.outbox.push(b"x")
        out.outbox.push(b"y")
        assert out.said == ["drained"]
        assert out.outbox.closed


async def test_a_socket_that_breaks_while_something_waits_abandons_the_outbox() -> None:
    async with line() as out:
        out.outbox.push(b"x" * 500_000)
        await wait_all_tasks_blocked()
        await out.far.aclose()
        await wait_all_tasks_blocked()
        assert (out.said, out.outbox.closed, out.outbox.held) == (["drained"], True, 0)


async def test_room_is_waited_for_until_there_is_some_or_the_end(nursery: trio.Nursery) -> None:
    async with line(settings=OutboxSettings(resume_bytes=1_000)) as out:
        await out.outbox.wait_room()
        out.outbox.push(b"x" * 200_000)
        with trio.move_on_after(0) as scope:
            await out.outbox.wait_room()
        assert scope.cancelled_caught
        nursery.start_soon(out.read, 200_000)
        await out.outbox.wait_room()
        out.outbox.abandon()
        with pytest.raises(trio.ClosedResourceError):
            await out.outbox.wait_room()


async def test_whoever_waits_for_room_hears_of_the_end() -> None:
    async with line(settings=OutboxSettings(resume_bytes=1_000)) as out:
        out.outbox.push(b"x" * 200_000)
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await out.outbox.wait_room()

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            out.outbox.finish(b"bye")


async def test_an_abandoned_outbox_never_touches_its_descriptor_again() -> None:
    async with line() as out:
        out.outbox.abandon()
        out.outbox.push(b"into somebody else's connection")
        with trio.move_on_after(0.01) as scope:
            await out.far.receive_some()
        assert scope.cancelled_caught
