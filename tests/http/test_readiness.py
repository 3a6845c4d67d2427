"""One wait for all sockets: who is called, when, and what becomes of what a call raises."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing

from homeroom.engine.company import Company
from homeroom.http.readiness import AT_ONCE, Readiness


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def reader(near: socket.socket, heard: list[bytes], enough: bytes) -> Callable[[], bool]:
    """Return a call that reads once, and has enough when it reads `enough`."""

    def readable() -> bool:
        heard.append(os.read(near.fileno(), 100))
        return heard[-1] == enough

    return readable


async def test_news_is_a_call_and_the_task_sleeps_on_until_it_has_enough(
    pair: tuple[socket.socket, socket.socket], nursery: trio.Nursery
) -> None:
    near, far = pair
    readiness, done = Readiness(Company()), trio.Event()
    heard: list[bytes] = []

    async def wait() -> None:
        await readiness.wait(near.fileno(), reader(near, heard, b"enough"))
        done.set()

    await nursery.start(readiness.run)
    nursery.start_soon(wait)
    for number, word in enumerate((b"one", b"two")):
        far.send(word)
        while len(heard) == number:
            await trio.lowlevel.checkpoint()
        assert not done.is_set()
    far.send(b"enough")
    await done.wait()
    assert heard == [b"one", b"two", b"enough"]
    far.send(b"unheard")
    await trio.testing.wait_all_tasks_blocked()
    assert len(heard) == 3


async def test_what_a_call_raises_is_raised_in_the_task_that_waits_and_in_no_other(
    pair: tuple[socket.socket, socket.socket], nursery: trio.Nursery
) -> None:
    near, far = pair
    readiness = Readiness(Company())

    def readable() -> bool:
        raise ValueError("a defect")

    await nursery.start(readiness.run)
    for _ in range(2):
        far.send(b"x")
        with pytest.raises(ValueError, match="a defect"):
            await readiness.wait(near.fileno(), readable)


async def test_a_task_that_was_cancelled_is_called_no_more(
    pair: tuple[socket.socket, socket.socket], nursery: trio.Nursery
) -> None:
    near, far = pair
    readiness = Readiness(Company())
    heard: list[bytes] = []
    await nursery.start(readiness.run)
    with trio.move_on_after(0) as scope:
        await readiness.wait(near.fileno(), reader(near, heard, b"x"))
    assert scope.cancelled_caught
    far.send(b"x")
    await trio.testing.wait_all_tasks_blocked()
    assert heard == []
    await readiness.wait(near.fileno(), reader(near, heard, b"x"))
    assert heard == [b"x"]


async def test_news_lies_for_company_while_commits_keep_their_distance(
    pair: tuple[socket.socket, socket.socket], nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    near, far = pair
    readiness = Readiness(Company(lambda: 0.03))
    heard: list[bytes] = []
    await nursery.start(readiness.run)
    far.send(b"one ")
    nursery.start_soon(company, far)
    began = trio.current_time()
    await readiness.wait(near.fileno(), reader(near, heard, b"one two"))
    assert heard == [b"one two"]
    assert trio.current_time() - began == pytest.approx(0.03)


async def company(far: socket.socket) -> None:
    await trio.sleep(0.02)
    far.send(b"two")


async def test_many_with_news_at_once_leave_others_their_turn_and_one_that_left_meanwhile_is_not_called(
    nursery: trio.Nursery,
) -> None:
    count = 3 * AT_ONCE
    pairs = [socket.socketpair() for _ in range(count)]
    readiness = Readiness(Company())
    heard: list[bytes] = []
    scopes: list[trio.CancelScope] = []

    async def wait(near: socket.socket) -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await readiness.wait(near.fileno(), reader(near, heard, b"x"))

    def cancel_the_rest() -> bool:
        for scope in scopes:
            scope.cancel()
        return True

    try:
        for near, _ in pairs:
            nursery.start_soon(wait, near)
        await trio.testing.wait_all_tasks_blocked()
        for _, far in pairs:
            far.send(b"x")
        nursery.start_soon(cancel_when, lambda: len(heard) > 0, cancel_the_rest)
        await nursery.start(readiness.run)
        await trio.testing.wait_all_tasks_blocked()
        assert 0 < len(heard) < count
    finally:
        for near, far in pairs:
            near.close()
            far.close()


async def cancel_when(begun: Callable[[], bool], cancel: Callable[[], bool]) -> None:
    while not begun():
        await trio.lowlevel.checkpoint()
    cancel()
