"""Long computations for records, beside the event loop: one after the other, in one thread, however many people ask for them.

The threads that all parts of the program share stay free for what waits in them. Never here: what is computed, and texts with markup, which
have a thread of their own (`sanitising`).
"""

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

_ONE: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("aside")
"""The limit of each run of the event loop, kept as trio keeps that of the common threads: declarations have nothing to hold it by."""


async def aside(call: Callable[..., T], *args: object) -> T:
    """Return what `call` returns, or raise what it raises; whoever is cancelled while it is under way waits for its end."""
    return await trio.to_thread.run_sync(call, *args, limiter=_limit())


def _limit() -> trio.CapacityLimiter:
    """Return the limit of this run; the first who asks makes it."""
    try:
        return _ONE.get()
    except LookupError:
        _ONE.set(trio.CapacityLimiter(1))
        return _ONE.get()
