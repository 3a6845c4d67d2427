"""Where news lies for company while commits keep their distance: who reads sockets, then who decides, then who commits.

All three wait for the same moment. Whoever reads says so before it comes, so that those after it wait for what is read,
however late the system wakes each of them: what missed a commit would wait for a whole one more.
Never here: how long the distance is (`group_commit`), and what is read (`http.readiness`).
"""

from collections.abc import Awaitable, Callable

import trio


def at_once() -> float:
    """Let nothing lie."""
    return 0.0


class Company:
    """The moment that many wait for. `wait_s()` is in how many seconds it comes, 0 for at once."""

    __slots__ = ("_gathering", "wait_s")

    def __init__(self, wait_s: Callable[[], float] = at_once) -> None:
        self.wait_s = wait_s
        self._gathering: trio.Event | None = None

    async def gather(self, collect: Callable[[], Awaitable[None]]) -> None:
        """Carry out `collect` when the moment has come, and let the others wait for its end. For one task only."""
        seconds = self.wait_s()
        if not seconds:
            await collect()
            return
        self._gathering = trio.Event()
        try:
            await trio.sleep(seconds)
            await collect()
        finally:
            self._gathering.set()
            self._gathering = None

    async def wait(self) -> None:
        """Wait for the moment, and for what is gathered then."""
        seconds = self.wait_s()
        if seconds:
            await trio.sleep(seconds)
        if self._gathering is not None:
            await self._gathering.wait()
