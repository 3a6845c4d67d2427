"""BEGIN, what is done, the tail, COMMIT, and only then what is published.

The life of a transaction: (1) BEGIN, with the first statement; (2) the body; (3) the tail, one statement, and COMMIT with it, so that the
heads of channels are held for no longer than PostgreSQL itself takes: nobody's hanging up interrupts that; (4) events are published, subscriptions end, calls are made. A body that raises, or is cancelled, leaves nothing.
When no answer to the COMMIT comes, the session is ended and PostgreSQL asked what became of the transaction: never guessed. Of what nobody
could tell in time is told later, by the system's own errand (`settle`), and never while somebody else waits for an answer of theirs.
Never here: what is written (`unit`, `tail`).
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
import trio

from homeroom.engine.database import Database
from homeroom.engine.errors import unavailable
from homeroom.engine.group_commit import Doubts
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.engine.postgres import Connection, DatabaseError, Disconnected
from homeroom.engine.wire import Wire
from homeroom.records.aftermath import Aftermath
from homeroom.records.breath import Breath, batched
from homeroom.records.faults import RETRY_MS, told_as_refusals
from homeroom.records.tail import Ready, Written
from homeroom.records.unit import Unit

log = structlog.get_logger(__name__)

T = TypeVar("T")
BECAME = """SELECT CASE WHEN $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())
THEN pg_xact_status($1::text::xid8) = 'committed' END AS committed"""
"""A number that is still to come is one that this server has never seen: another one, to which nobody had copied it, stood there before."""
ASK_AGAIN_S = 0.05
COMMIT_S = 1.0
"""So long a COMMIT may take when the time of the call is nearly over, or its caller has gone."""
TOGETHER = 100
"""Streams, or messages, after which others may have their turn."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Who is told after a commit; none may wait."""

    publish: Callable[[Sequence[Posted]], None]
    withdraw: Callable[[str, Iterable[str]], None]
    learn: Callable[[object], None]
    carry: Callable[[Sequence[Message]], None]

    async def tell(self, written: Written, aftermath: Aftermath) -> None:
        """Have this server know, publish, carry messages, end subscriptions, make the calls, in this order; nobody interrupts it."""
        breath = Breath(shielded=True)
        for news in aftermath.news:
            self.learn(news)
        for posted in batched(written.posted, TOGETHER):
            self.publish(posted)
            await breath.taken()
        for messages in batched(written.messages, TOGETHER):
            self.carry(messages)
            await breath.taken()
        for stream, users in aftermath.withdrawn:
            self.withdraw(stream, users)
            await breath.taken()
        for call in aftermath.calls:
            call()


@dataclass(frozen=True, slots=True)
class InDoubt:
    """That something is to be settled, and may be by now."""


@dataclass(slots=True)
class Ending:
    """The end of a unit: its tail, what follows it, and the `number` of its transaction, empty for one that wrote nothing."""

    tail: Ready
    aftermath: Aftermath
    number: str = ""


class Commits:
    """Carries out transactions of units, each with all that follows from it, or none of it."""

    def __init__(self, database: Database, wire: Wire, outside: Outside) -> None:
        self._database = database
        self._wire = wire
        self._outside = outside
        self._doubts = Doubts(database)
        self._open: deque[Ending] = deque()
        """What is in doubt, and nobody waits for any more."""

    @asynccontextmanager
    async def transaction(self, begin: Callable[[Connection], Unit]) -> AsyncIterator[Unit]:
        """Lend the unit that `begin` makes of a connection; it is durable and published when the context ends.

        Raises `Refusal`: what the body raised; `unavailable` when the database is away, in doubt or not; `overloaded`.
        """
        with told_as_refusals():
            async with self._database.connection() as connection:
                connection.begin()
                unit = begin(connection)
                async with _taken_back(connection):
                    yield unit
                    ending = Ending(await unit.tail.ready(self._wire), unit.aftermath)
                    ending.number = await ending.tail.approach(connection, unit.number)
                    in_doubt = await self._commit(ending, connection)
                if not in_doubt:
                    await self._outside.tell(await ending.tail.written(), ending.aftermath)
            if in_doubt:
                await self._resolve(ending)
            elif self._open:
                self._outside.learn(InDoubt())  # the database is there again

    async def settle(self) -> None:
        """Find out what became of what nobody could tell of in time, and tell of what was committed; raises `Refusal` while nobody can.

        One task at a time may.
        """
        while self._open:
            ending = self._open[0]
            with told_as_refusals():
                written = await self._outcome(ending)
            log.info("what was in doubt", became="nothing" if written is None else "a commit")
            self._open.popleft()
            if written is not None:
                await self._outside.tell(written, ending.aftermath)

    async def _commit(self, ending: Ending, connection: Connection) -> bool:
        """Commit, with the last of the tail; tells whether that is in doubt. Raises `Refused` when it was refused.

        Whoever hangs up does not interrupt it.
        """
        deadline = max(trio.current_effective_deadline(), trio.current_time() + COMMIT_S)
        with trio.CancelScope(deadline=deadline, shield=True):
            try:
                await ending.tail.commit(connection)
            except Disconnected as error:
                log.warning("a commit is in doubt", error=str(error))
            else:
                return False
        self._doubts.add(connection)
        return True

    async def _resolve(self, ending: Ending) -> None:
        """Find out what became of a transaction, and go on as if nothing had happened when it was committed.

        Raises `unavailable` when it was not, or had written nothing, or nobody can tell in time: then it stays open.
        """
        with trio.move_on_after(self._database.settings.timeout_s, shield=True):
            written = await self._answered(partial(self._outcome, ending)) if ending.number else None
            if written is None:
                raise unavailable(RETRY_MS, "the database went away; nothing was done")
            await self._outside.tell(written, ending.aftermath)
            return
        self._open.append(ending)
        self._outside.learn(InDoubt())
        raise unavailable(RETRY_MS, "the database went away; what was asked for may have happened")

    async def _outcome(self, ending: Ending) -> Written | None:
        """Return what a transaction wrote, once its session has ended, `None` when it was not committed; raises `DatabaseError`."""
        await self._doubts.settle()
        (row,) = await self._database.fetch(BECAME, ending.number)
        return await ending.tail.find(self._database, ending.number) if row["committed"] else None

    async def _answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what the database answers, as soon as it does."""
        while True:
            try:
                return await ask()
            except DatabaseError as error:
                log.info("a commit is still in doubt", error=str(error))
            await trio.sleep(ASK_AGAIN_S)


@asynccontextmanager
async def _taken_back(connection: Connection) -> AsyncIterator[None]:
    """Roll back when the body raises; when it is cancelled, drop the connection, which does the same."""
    try:
        yield
    except Exception:
        await _roll_back(connection)
        raise
    except BaseException:
        connection.abort()
        raise


async def _roll_back(connection: Connection) -> None:
    """Roll back, or drop a connection that cannot."""
    try:
        if connection.alive():
            await connection.roll_back()
    except DatabaseError as error:
        log.info("dropped instead of rolled back", error=str(error))
        connection.abort()
    except BaseException:
        connection.abort()
        raise
