"""A few connections to the database, made when needed and again when lost; the way in for everything that asks SQL.

Every call ends within `timeout_s` (under 3 s) with rows or a `DatabaseError`. While the server is away callers are
refused at once, and one of them a backoff (50 ms, doubling to 1 s) tries to connect. Never here: the driver, and SQL.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio

from homeroom.engine.postgres import Connection, Disconnected, Driver, open_driver
from homeroom.engine.postgres_settings import PostgresSettings

FIRST_BACKOFF_S = 0.05
LONGEST_BACKOFF_S = 1.0
TELLING = 0.5
"""An attempt given up after this part of `timeout_s` says that the database is away; one given up before, that somebody hung up."""


class Gate:
    """Lets one caller at a time connect, and nobody while a failed attempt is fresh."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._lock = trio.Lock()
        self._backoff_s = FIRST_BACKOFF_S
        self._closed_until = -1.0
        self.attempts = 0
        self.failures = 0

    async def connect(self) -> Connection:
        """Return a new, checked connection; raises `Disconnected` at once during a backoff."""
        self._refuse_early()
        async with self._lock:
            self._refuse_early()
            self.attempts += 1
            began = trio.current_time()
            try:
                connection = await self._driver.connect()
            except Exception:
                self._fail()
                raise
            except trio.Cancelled:
                # Whoever asks may have waited at the lock before: then its own bound comes before that of the attempt.
                if trio.current_time() - began >= self._driver.settings.timeout_s * TELLING:
                    self._fail()
                raise
            self._backoff_s = FIRST_BACKOFF_S
            return connection

    def _refuse_early(self) -> None:
        if trio.current_time() < self._closed_until:
            raise Disconnected("the database is away; it was tried a moment ago")

    def _fail(self) -> None:
        self.failures += 1
        self._closed_until = trio.current_time() + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, LONGEST_BACKOFF_S)


class Database:
    """A pool of at most `size` connections for short calls. Made by `open_database`."""

    def __init__(self, driver: Driver, size: int = 4) -> None:
        self.settings = driver.settings
        self.gate = Gate(driver)
        self._driver = driver
        self._idle: list[Connection] = []
        self._size = size
        self._room = trio.Semaphore(size)

    @property
    def size(self) -> int:
        """Return how many connections there may be."""
        return self._size

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run one statement in a transaction of its own and return its rows."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: Any) -> Any | None:
        """Run one statement and return its first row, `None` when there is none."""
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def execute(self, sql: str, *args: Any) -> int:
        """Run one statement in a transaction of its own and return the number of rows it changed."""
        async with self.connection() as connection:
            return await connection.execute(sql, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction: committed at the end of the body, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for `timeout_s` in all; raises `Disconnected` when there is none or the time is over."""
        with trio.move_on_after(self.settings.timeout_s) as bound:
            connection = await self._lend()
            try:
                yield connection
            finally:
                self._take_back(connection)
        if bound.cancelled_caught:
            raise Disconnected(f"no answer from the database within {self.settings.timeout_s} s")

    async def _lend(self) -> Connection:
        await self._wait_for_room()
        try:
            return self._take_idle() or await self.gate.connect()
        except BaseException:
            self._room.release()
            raise

    def _take_back(self, connection: Connection) -> None:
        if connection.alive():
            self._idle.append(connection)
        else:
            connection.abort()
        self._room.release()

    async def _wait_for_room(self) -> None:
        """Take a place; where one is free, without giving others their turn: what is asked by the connection waits anyway."""
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive():
                return connection
            connection.abort()
        return None

    @asynccontextmanager
    async def beside(self, size: int) -> AsyncIterator["Database"]:
        """Offer a further pool of at most `size` connections: nobody in it waits for those of this one, nor they for it."""
        pool = Database(self._driver, size)
        try:
            yield pool
        finally:
            with trio.CancelScope(shield=True):
                await pool.close()

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    def statistics(self) -> Mapping[str, float]:
        """Return `busy` connections, callers `waiting` for one, and `connects` and `failures` so far."""
        return {
            "busy": self._size - self._room.value,
            "waiting": self._room.statistics().tasks_waiting,
            "connects": self.gate.attempts,
            "failures": self.gate.failures,
        }


@asynccontextmanager
async def open_database(dsn: str, settings: PostgresSettings | None = None, size: int = 4) -> AsyncIterator[Database]:
    """Offer the database at `dsn`; nothing is connected yet. Leave only when nobody uses it any more."""
    async with open_driver(dsn, settings) as driver:
        database = Database(driver, size)
        try:
            yield database
        finally:
            with trio.CancelScope(shield=True):
                await database.close()
