"""Turns on one connection: snapshots and pages of missed events are large, so only one is made at a time, and none too early.

Without turns everybody who asked finds room in the outbox at the same moment, and together they overflow it.
Never here: what is pushed (`exchange`, `subscription`), and how much may wait (`outbox`).
"""

from contextlib import suppress

import trio

from homeroom.http.outbox import Outbox


class Turn:
    """Who may push much next. Its life: `take`, push, `give`; over and over, by one holder after the other."""

    __slots__ = ("_freed", "_holder", "_outbox")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._holder: object | None = None
        self._freed: trio.Event | None = None  # only while somebody waits for it

    async def take(self, holder: object) -> None:
        """Wait until nobody else has it and there is room in the outbox; whoever has it already keeps it.

        A holder that has not given it back within the outbox's patience has lost it. Raises `trio.ClosedResourceError` when
        the outbox is closed.
        """
        while True:
            await self._outbox.wait_room()
            other = self._holder
            if other is None or other is holder:
                break
            with trio.move_on_after(self._outbox.patience_s) as waiting:
                await self._wait_freed()
            if waiting.cancelled_caught and self._holder is other:
                self.give(other)
        self._holder = holder

    async def take_soon(self, holder: object) -> None:
        """Take it, whoever has it, at the end of the outbox's patience: for what holds up all that stands behind it.

        A receiver that is too slow is cut meanwhile, from outside; on a closed outbox this returns at once.
        """
        with trio.move_on_after(self._outbox.patience_s), suppress(trio.ClosedResourceError):
            await self.take(holder)
        self._holder = holder

    def give(self, holder: object) -> None:
        """Give it back; nothing happens when somebody else has it."""
        if self._holder is holder:
            self._holder = None
            if self._freed is not None:
                self._freed.set()
                self._freed = None

    async def _wait_freed(self) -> None:
        if self._freed is None:
            self._freed = trio.Event()
        await self._freed.wait()
