"""From trio to asyncio: run a coroutine of asyncio's kind, wait for a future of asyncio's kind.

Used by `postgres` alone, since only the driver lives on asyncio. Never here: the driver, and who runs the loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import trio


class Bridge:
    """The asyncio loop, and the way to run a coroutine of asyncio's kind on it from any trio task."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self.loop = loop
        self._context = context
        self._left: set[asyncio.Future[Any]] = set()

    async def run(
        self,
        coroutine: Coroutine[Any, Any, Any],
        give_up: Callable[[], None] | None = None,
        let_go: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return the result of `coroutine`; when cancelled, call `give_up` (else cancel it) and do not wait for its end.

        A result that comes all the same, or had come when it was too late to take it, is handed to `let_go`.
        """
        future = self._context.run(asyncio.ensure_future, coroutine, loop=self.loop)
        try:
            await wait_future(future)
        except trio.Cancelled:
            self._left.add(future)
            disown(future)
            if let_go is not None:
                _hand_over(future, let_go)
            future.add_done_callback(self._left.discard)
            (give_up or future.cancel)()
            raise
        return future.result()

    async def wait_left(self) -> None:
        """Wait until what callers gave up has ended, a second at the most: it must not outlive the loop.

        Of what the driver began of its own accord as well: closing a connection that it had made and nobody wants.
        """
        with trio.move_on_after(1) as scope:
            scope.shield = True
            while left := self._left | asyncio.all_tasks(self.loop):
                await wait_future(next(iter(left)))


def disown(future: "asyncio.Future[Any]") -> None:
    """Let nobody miss the result of `future`, whenever it comes."""
    if future.done():
        _retrieve(future)
    else:
        future.add_done_callback(_retrieve)


def _hand_over(future: "asyncio.Future[Any]", let_go: Callable[[Any], None]) -> None:
    """Hand the result of `future`, if there ever is one, to `let_go`."""

    def end(done: "asyncio.Future[Any]") -> None:
        if not done.cancelled() and done.exception() is None:
            let_go(done.result())

    if future.done():
        end(future)
    else:
        future.add_done_callback(end)


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """Look at a result nobody waits for any more, so that asyncio does not report it as lost."""
    if not future.cancelled():
        future.exception()


async def wait_future(future: "asyncio.Future[Any]") -> None:
    """Wait until `future` is done, leaving it alone when cancelled."""
    waiting: trio.lowlevel.Task | None = trio.lowlevel.current_task()

    def wake(_: object) -> None:
        if waiting is not None:
            trio.lowlevel.reschedule(waiting)

    def abort(_: object) -> trio.lowlevel.Abort:
        # What is done already has its callbacks in the loop's queue, where removing them is of no use.
        nonlocal waiting
        waiting = None
        future.remove_done_callback(wake)
        return trio.lowlevel.Abort.SUCCEEDED

    future.add_done_callback(wake)
    await trio.lowlevel.wait_task_rescheduled(abort)
