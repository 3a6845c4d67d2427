"""How the connection stands, for whoever shows it. Never here: what changes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import trio

Phase = Literal["connecting", "connected", "reconnecting", "closed"]


@dataclass(frozen=True, slots=True)
class Status:
    """`failures` in a row since the last welcome; `code` and `msg` of the last end; `polling`: catching up over HTTP."""

    phase: Phase = "connecting"
    failures: int = 0
    code: int | None = None
    msg: str = ""
    polling: bool = False


class StatusBoard:
    """Holds the newest status; those who wait see the newest, not every one."""

    def __init__(self) -> None:
        self.now = Status()
        self._changed = trio.Event()

    def show(self, status: Status) -> None:
        """Put up a new status."""
        if status != self.now:
            self.now = status
            self._changed.set()
            self._changed = trio.Event()

    async def wait(self, condition: Callable[[Status], bool]) -> Status:
        """Wait until the status meets `condition` and return it; at once if it does so now."""
        while not condition(self.now):
            await self._changed.wait()
        return self.now
