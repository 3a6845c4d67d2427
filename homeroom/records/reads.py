"""Reading for somebody, in turn: of one person a few reads at a time, so that a burst of long ones leaves others their connections.

Never here: what is read, and turns of those who write (`store`).
"""

from functools import cached_property
from typing import Any

import trio

from homeroom.engine.database import Database
from homeroom.engine.errors import overloaded
from homeroom.records.faults import RETRY_MS
from homeroom.records.turns import Turns

READS_EACH = 3
"""Reads of one person at a time, one connection always left to others: a page asks for more at once, and does not feel that they take turns."""
READS_WAITING = 100
"""Reads of one person that may wait for those."""


class Reads:
    """The statements that read, in one pool, all turns of which are given here."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @cached_property
    def turns(self) -> Turns:
        """Return whose turn it is."""
        size = self.database.size
        return Turns(size, max(1, min(READS_EACH, size - 1)), READS_WAITING)

    async def fetch(self, person: str, sql: str, *args: Any) -> list[Any]:
        """Return the rows of a statement, when it is the person's turn; raises `DatabaseError`, and `Refusal` `overloaded`."""
        if not self.turns.take(person):
            await wait_for_turn(self.turns, person, self.database)
        try:
            return await self.database.fetch(sql, *args)
        finally:
            self.turns.leave(person)


async def wait_for_turn(turns: Turns, person: str, database: Database) -> None:
    """Wait for a turn of a person, as long as for an answer of the database; raises `overloaded`, at once where too many of theirs wait."""
    if turns.is_full(person):
        raise overloaded(RETRY_MS)
    with trio.move_on_after(database.settings.timeout_s):
        await turns.wait(person)
        return
    raise overloaded(RETRY_MS)
