"""The program with faults planted into it, each at a named point: `python -m tests.e2e.planted serve …`.

It strikes when the file named by `PLANTED_FUSE` holds the name of the point that is passed; the file is gone then, so each
fuse burns once. Without it this is the program as it is. The product knows nothing of this file and has no switch for it.

    before append     killed when an append was decided, and nothing of it sent
    after append      killed when an append is durable, and nobody was told
    mid snapshot      killed while a snapshot is being written
    mid migration     killed inside the transaction of the second migration
    mid drain         killed while the actors fall asleep
    mid resume        killed between two pages of missed events
    answer lost       the database did it, and its answer never came
    (a text that begins with `poison` crashes its room, always; `PLANTED_GRACE_MS` shortens presence's grace)

`PLANTED_BUG` names a defect that the tests must find: `PLANTED_BUG=endless-patience pytest tests/e2e/test_slow_readers.py`
has to fail. It is never set in an ordinary run.
"""

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from bench import planted
from homeroom.actors import presence
from homeroom.actors.room import Room
from homeroom.cli import main
from homeroom.engine import migrate, postgres_settings
from homeroom.engine.engine import Engine
from homeroom.engine.journal import Append, Message, Record, Saved
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.mailbox import Mailbox
from homeroom.engine.postgres import Connection, Disconnected
from homeroom.http.gateway import Gateway
from homeroom.http.outbox import Outbox

FUSE = Path(os.environ["PLANTED_FUSE"])


def burns(point: str) -> bool:
    """Tell whether the fuse is for `point`; it burns once."""
    try:
        lit = FUSE.read_text() == point
    except FileNotFoundError:
        return False
    if lit:
        FUSE.unlink()
    return lit


def die() -> None:
    """End this process as a power cut would; its database goes with it."""
    os.kill(os.getpid(), signal.SIGKILL)


async def die_beside(work: Callable[[], Awaitable[Any]]) -> None:
    """Begin `work` and die in the middle of it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        die()


def plant_deaths_at_the_journal() -> None:
    """Plant the points in the journal's work at which the process dies."""
    append, save, read = PostgresJournal.append, PostgresJournal.save, PostgresJournal.read

    async def dying_append(self: PostgresJournal, unit: Append) -> Sequence[Message]:
        talk = any(record.type == "room.message_posted" for record in unit.records)
        if talk and burns("before append"):
            die()
        messages = await append(self, unit)
        if talk and burns("after append"):
            die()
        return messages

    async def dying_save(self: PostgresJournal, stream: str, saved: Saved) -> None:
        if burns("mid snapshot"):
            await die_beside(lambda: save(self, stream, saved))
        await save(self, stream, saved)

    async def dying_read(self: PostgresJournal, stream: str, after: int, upto: int, limit: int) -> Sequence[Record]:
        if after > 0 and burns("mid resume"):
            await die_beside(lambda: read(self, stream, after, upto, limit))
        return await read(self, stream, after, upto, limit)

    PostgresJournal.append = dying_append  # type: ignore[method-assign]  # that is the fault
    PostgresJournal.save = dying_save  # type: ignore[method-assign]  # that is the fault
    PostgresJournal.read = dying_read  # type: ignore[method-assign]  # that is the fault


def plant_deaths_at_both_ends() -> None:
    """Plant the points at the start and the end of a life at which the process dies."""
    carry_out, drain = migrate._carry_out, Engine.drain

    async def dying_migration(connection: Connection, migration: migrate.Migration) -> None:
        if migration.name > "0100" and burns("mid migration"):
            await connection.execute("BEGIN")
            await connection.script(migration.sql)
            die()
        await carry_out(connection, migration)

    async def dying_drain(self: Engine) -> None:
        if burns("mid drain"):
            await die_beside(lambda: drain(self))
        await drain(self)

    migrate._carry_out = dying_migration
    Engine.drain = dying_drain  # type: ignore[method-assign]  # that is the fault


def plant_lost_answer() -> None:
    """Plant the connection that breaks when the commit is done and before its answer is here."""
    fetch = Connection.fetch

    async def deaf_fetch(self: Connection, sql: str, *args: Any) -> list[Any]:
        rows = await fetch(self, sql, *args)
        if "INSERT INTO journal" in sql and "room.message_posted" in repr(args) and burns("answer lost"):
            self.abort()
            raise Disconnected("the answer was lost")
        return rows

    Connection.fetch = deaf_fetch  # type: ignore[method-assign]  # that is the fault


def plant_poison() -> None:
    """Plant a room that cannot bear some words."""
    decide = Room.decide

    def delicate(self: Room, command: Any, context: Any) -> Any:
        if getattr(command, "text", "").startswith("poison"):
            raise ZeroDivisionError("it cannot bear this")
        return decide(self, command, context)

    Room.decide = delicate  # type: ignore[method-assign]  # that is the fault


def endless_patience() -> None:
    """Never cut off a slow reader: neither for what waits too long, nor for too much that waits."""
    Outbox.late = lambda self, now: False  # type: ignore[method-assign]  # that is the bug
    Outbox._wait = lambda self, frame: self._queue.append((0.0, frame))  # type: ignore[method-assign,union-attr]  # the bug


def trusting_database() -> None:
    """Wait for the database as long as it takes."""
    postgres_settings.PostgresSettings.__init__.__defaults__ = (60.0, 60.0, 60.0, 60.0, True, "trusting")


def boundless_mailbox() -> None:
    """Take whatever comes."""
    Mailbox.put_nowait = Mailbox.put_urgent  # type: ignore[method-assign]  # that is the bug


def deaf_to_the_end() -> None:
    """Cut everybody off without goodbye when asked to end."""

    async def drain(self: Gateway, seconds: float = 0.0) -> None:
        for connection in [*self._connections]:
            connection.cut()

    Gateway.drain = drain  # type: ignore[method-assign]  # that is the bug


BUGS: dict[str, Callable[[], None]] = {
    **planted.BUGS,
    "endless-patience": endless_patience,
    "trusting-database": trusting_database,
    "boundless-mailbox": boundless_mailbox,
    "deaf-to-the-end": deaf_to_the_end,
}

if __name__ == "__main__":
    if bug := os.environ.get("PLANTED_BUG"):
        BUGS[bug]()
    presence.GRACE_MS = int(os.environ.get("PLANTED_GRACE_MS", presence.GRACE_MS))
    plant_deaths_at_the_journal()
    plant_deaths_at_both_ends()
    plant_lost_answer()
    plant_poison()
    main()
