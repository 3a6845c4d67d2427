"""Turns of a long loop: whoever does something for many rows lets others come in between.

Never here: how many rows there may be.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from time import perf_counter
from typing import Any, TypeVar

import trio

ItemT = TypeVar("ItemT")

LONGEST_S = 0.0002
"""How long a loop goes on before others get their turn; what one row takes comes on top."""

RUN = 400
"""How many are sorted at once."""


class Breath:
    """The time since others had their turn; a loop that is `shielded` goes on to its end, whoever hangs up."""

    __slots__ = ("_checkpoint", "_since")

    def __init__(self, *, shielded: bool = False) -> None:
        self._checkpoint = trio.lowlevel.cancel_shielded_checkpoint if shielded else trio.lowlevel.checkpoint
        self._since = perf_counter()

    async def taken(self) -> None:
        """Let others have their turn when it is time; where that is cancelled, the loop ends here."""
        if perf_counter() - self._since > LONGEST_S:
            await self._checkpoint()
            self.had()

    def had(self) -> None:
        """Note that others have just had their turn: something was waited for."""
        self._since = perf_counter()


def batched(items: Sequence[ItemT], size: int) -> Iterator[Sequence[ItemT]]:
    """Yield `items` in their order, at most `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


async def in_order(items: Sequence[ItemT], key: Callable[[ItemT], Any]) -> list[ItemT]:
    """Return `items` sorted by `key`, those with the same one as they came: as `sorted`, in breaths."""
    breath, runs, found = Breath(), list[list[ItemT]](), list[ItemT]()
    for some in batched(items, RUN):
        runs.append(sorted(some, key=key))
        await breath.taken()
    if len(runs) <= 1:
        return runs[0] if runs else []
    for item in merge(*runs, key=key):
        found.append(item)
        await breath.taken()
    return found
