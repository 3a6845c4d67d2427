"""The way from trio to asyncio, where both end a wait at once."""

import asyncio
from contextvars import copy_context

import trio
import trio_asyncio

from homeroom.engine.bridge import Bridge, wait_future


async def test_who_is_cancelled_after_the_future_was_done_is_woken_once() -> None:
    async with trio_asyncio.open_loop() as loop, trio.open_nursery() as nursery:
        ended = trio.Event()
        for _ in range(3):
            future = loop.create_future()
            scope = trio.CancelScope()

            async def wait(scope: trio.CancelScope = scope, future: object = future) -> None:
                with scope:
                    await wait_future(future)  # type: ignore[arg-type] # a future of the loop
                await ended.wait()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            future.set_result(None)
            scope.cancel()
            assert scope.cancel_called
            await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 3, "each waits for the next thing, and nothing else has woken it"
        ended.set()


async def ask(
    bridge: Bridge,
    future: "asyncio.Future[str]",
    scope: trio.CancelScope,
    ended: trio.Event,
    let_go: list[str],
) -> None:
    """Wait for `future` on the bridge; cancelled by what has the result, in the very step."""

    async def work() -> str:
        result = await asyncio.shield(future)
        scope.cancel()
        return result

    with scope:
        await bridge.run(work(), lambda: None, let_go.append)
    ended.set()


async def test_a_result_that_comes_when_its_caller_is_gone_is_handed_over() -> None:
    """Also when it came in the very moment of the cancelling: nobody else knows of it, so nobody else would close it."""
    let_go: list[str] = []
    async with trio_asyncio.open_loop() as loop, trio.open_nursery() as nursery:
        bridge = Bridge(loop, copy_context())

        for late in (False, True):
            future, scope, ended = loop.create_future(), trio.CancelScope(), trio.Event()

            nursery.start_soon(ask, bridge, future, scope, ended, let_go)
            await trio.testing.wait_all_tasks_blocked()
            if late:
                scope.cancel()
                await ended.wait()
                future.set_result("late")
            else:
                future.set_result("in time")
                await ended.wait()
            await bridge.wait_left()
    assert let_go == ["in time", "late"]


async def test_what_the_driver_began_by_itself_is_waited_for_too() -> None:
    done: list[str] = []
    async with trio_asyncio.open_loop() as loop:
        bridge = Bridge(loop, copy_context())

        async def farewell() -> None:
            await asyncio.sleep(0)
            done.append("closed")

        async def begin() -> None:
            loop.create_task(farewell())

        await bridge.run(begin())
        await bridge.wait_left()
    assert done == ["closed"]
