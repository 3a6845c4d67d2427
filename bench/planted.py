"""Homeroom with one defect planted into it, to show that the recovery checks can fail: `python -m bench.planted BUG serve …`.

The product knows nothing of this file and has no switch for it: the class of its journal is changed before its command line
starts. Never used to serve anybody.
"""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from homeroom.cli import main
from homeroom.engine.journal import Append, JournalError, Message
from homeroom.engine.journal_postgres import PostgresJournal

_BEHIND_S = 0.25
_append = PostgresJournal.append


def asynchronous_commit() -> None:
    """Answer and show what was decided at once, and write it a quarter of a second later."""
    waiting: deque[tuple[float, PostgresJournal, Append]] = deque()

    async def write_behind() -> None:
        while waiting:
            due, journal, unit = waiting[0]
            await trio.sleep_until(due)
            try:
                await _append(journal, unit)
            except JournalError:
                print("what was acknowledged could not be written", file=sys.stderr)
            waiting.popleft()

    async def append(self: PostgresJournal, unit: Append) -> Sequence[Message]:
        while unit.tells and waiting:  # noqa: ASYNC110 - a planted defect may be plain; its numbers come from the database
            await trio.sleep(_BEHIND_S / 10)
        if unit.tells:
            return await _append(self, unit)
        waiting.append((trio.current_time() + _BEHIND_S, self, unit))
        if len(waiting) == 1:
            trio.lowlevel.spawn_system_task(write_behind)
        return ()

    PostgresJournal.append = append  # type: ignore[method-assign]  # that is the bug


def forgetful_dedup() -> None:
    """Remember no command beyond the life of the process."""

    async def append(self: PostgresJournal, unit: Append) -> Sequence[Message]:
        records = [replace(record, receipt=None) for record in unit.records]
        return await _append(self, replace(unit, records=records))

    PostgresJournal.append = append  # type: ignore[method-assign]  # that is the bug


BUGS: dict[str, Callable[[], None]] = {
    "asynchronous-commit": asynchronous_commit,
    "forgetful-dedup": forgetful_dedup,
}

if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
