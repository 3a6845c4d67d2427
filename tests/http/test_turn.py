"""Turns: one at a time, only when there is room, and never lost with somebody who does not give them back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from homeroom.http.outbox import Outbox, OutboxSettings
from homeroom.http.turn import Turn

SETTINGS = OutboxSettings(patience_s=5.0, resume_bytes=100)


@asynccontextmanager
async def line() -> AsyncIterator[tuple[Outbox, trio.abc.ReceiveStream, trio.Nursery]]:
    near, far = memory_stream_pair()
    async with near, far, trio.open_nursery() as nursery:
        out = Outbox(near, nursery, overflow=lambda: None, drained=lambda: None, settings=SETTINGS)
        yield out, far, nursery
        nursery.cancel_scope.cancel()


async def test_only_one_has_the_turn_and_keeps_it_when_it_asks_again() -> None:
    async with line() as (out, _, nursery):
        turn, got = Turn(out), list[str]()

        async def take(name: str) -> None:
            await turn.take(name)
            got.append(name)

        await take("a")
        await take("a")
        for name in ("b", "c"):
            nursery.start_soon(take, name)
        await wait_all_tasks_blocked()
        turn.give("c")  # it is not its to give
        await wait_all_tasks_blocked()
        assert got == ["a", "a"]
        turn.give("a")
        await wait_all_tasks_blocked()
        assert len(got) == 3
        turn.give(got[2])
        await wait_all_tasks_blocked()
        assert sorted(got[2:]) == ["b", "c"]


async def test_a_turn_that_is_not_given_back_is_lost_after_the_patience(autojump_clock: MockClock) -> None:
    async with line() as (out, _, nursery):
        turn, got = Turn(out), list[str]()

        async def take(name: str) -> None:
            await turn.take(name)
            got.append(name)

        await take("a")
        for name in ("b", "c"):
            nursery.start_soon(take, name)
        begun = trio.current_time()
        await trio.sleep(5.1)
        assert len(got) == 2
        await trio.sleep(5.1)
        assert sorted(got) == ["a", "b", "c"]
        assert trio.current_time() - begun == pytest.approx(10.2)


async def test_nobody_has_a_turn_while_too_much_waits() -> None:
    async with line() as (out, far, nursery):
        turn, got = Turn(out), trio.Event()

        async def take() -> None:
            await turn.take("a")
            got.set()

        out.push(b"x" * 500)
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        assert out.held == 500 or got.is_set()
        while not got.is_set():
            await far.receive_some(100)
            await wait_all_tasks_blocked()
        assert out.held <= SETTINGS.resume_bytes


async def test_whoever_holds_up_others_waits_no_longer_than_the_patience_and_not_at_all_when_closed(
    autojump_clock: MockClock,
) -> None:
    async with line() as (out, _, _nursery):
        turn = Turn(out)
        await turn.take("a")
        begun = trio.current_time()
        await turn.take_soon("b")
        assert trio.current_time() - begun == pytest.approx(5.0)
        turn.give("a")
        turn.give("b")
        await turn.take_soon("c")
        out.abandon()
        await turn.take_soon("d")
        assert trio.current_time() - begun == pytest.approx(5.0)
        with pytest.raises(trio.ClosedResourceError):
            await turn.take("e")
