"""The way from trio to asyncio, where both end a wait at once."""

import trio
import trio_asyncio

from homeroom.engine.bridge import wait_future


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
