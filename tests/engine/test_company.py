"""Waiting for company: who reads comes first, however they are woken; and nobody waits while there is nothing to wait for."""

import pytest
import trio
import trio.testing

from homeroom.engine.company import Company


async def test_whoever_waits_gets_what_is_gathered_at_the_same_moment(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    company, order = Company(lambda: 0.03), []

    async def collect() -> None:
        await trio.sleep(0.01)  # the reading takes its time
        order.append(("read", trio.current_time()))

    async def wait() -> None:
        await company.wait()
        order.append(("took", trio.current_time()))

    began = trio.current_time()
    async with trio.open_nursery() as waiting:
        for _ in range(5):
            waiting.start_soon(wait)
        waiting.start_soon(company.gather, collect)
        for _ in range(5):
            waiting.start_soon(wait)
    assert [what for what, _ in order] == ["read", *["took"] * 10]
    assert order[-1][1] - began == pytest.approx(0.04)


async def test_nobody_waits_while_commits_are_rare() -> None:
    company, read = Company(), []

    async def collect() -> None:
        await trio.lowlevel.checkpoint()
        read.append(trio.current_time())

    began = trio.current_time()
    await company.gather(collect)
    await company.wait()
    assert read
    assert trio.current_time() - began < 0.02


async def test_a_reader_that_is_cancelled_holds_up_nobody(autojump_clock: trio.testing.MockClock) -> None:
    company = Company(lambda: 0.03)

    async def collect() -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(company.gather, collect)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.fail_after(0.04):
        await company.wait()
