"""The one file that knows the driver: asyncpg, which lives on asyncio, reached from trio through trio-asyncio.

    DatabaseError
    ├── Disconnected        no answer: not reachable, lost, frozen or too slow; what was sent is in doubt
    ├── Refused             the server's answer was no (`sqlstate`); nothing was written, the connection lives on
    │   └── UniqueViolation
    └── UnsuitableServer    the server will not do, however often it is asked

Rules of this file:

* Connecting and preparing run as asyncio tasks (`bridge`); a prepared statement does not. asyncpg's protocol is a
  state machine that is fed bytes, so on a plain socket the trio task that asked also waits for the bytes and feeds them:
  one wake-up a call, less than half the CPU of the way over the asyncio loop. TLS keeps that longer way.
* BEGIN goes with the first statement of a transaction and COMMIT with the last, in one round trip each: between the messages of
  the driver's own call, inside what ends with one Sync, so that whatever fails keeps the server from what stands behind it.
* A call that is cancelled or timed out aborts its connection. asyncpg's own way, a cancel request over a second
  connection, hangs as long as the server does.
* Text, bigint, boolean, double precision, bytea and arrays of them are what is passed; no codec is installed.

Never here: what is asked (SQL), when to connect again (`database`), and tables.
"""

import asyncio
import os
import select
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any

import asyncpg
import structlog
import trio
import trio_asyncio

from homeroom.engine.bridge import Bridge, disown, wait_future
from homeroom.engine.keep_alive import keep_alive
from homeroom.engine.postgres_settings import PostgresSettings
from homeroom.engine.round_trip import within_transaction

log = structlog.get_logger(__name__)

READ_BYTES = 262_144
STATEMENTS_KEPT = 200
"""Prepared statements a connection keeps: those used last. Records alone have some for each type, and more for each role."""

_LOST = ("08", "57P")
"""Classes of SQLSTATE after which the connection is of no use: it broke, or the server is going away."""

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises. The third: a server that dies says so out of turn, and the state machine takes no more statements."""


class DatabaseError(Exception):
    """The database did not do what was asked."""


class Disconnected(DatabaseError):
    """No answer. Whether a statement under way took effect is not known."""


class Refused(DatabaseError):
    """The server refused the statement: nothing was written. `sqlstate` is PostgreSQL's five-letter code."""

    def __init__(self, message: str, sqlstate: str, constraint: str = "") -> None:
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate, self.constraint = sqlstate, constraint


class UniqueViolation(Refused):
    """The statement would have broken the unique index `constraint`."""


class UnsuitableServer(DatabaseError):
    """The server cannot keep the promises: too old, read-only, or not durable."""


class Connection:
    """One session with the server, used by one task at a time."""

    def __init__(self, bridge: Bridge, connection: Any) -> None:
        self._bridge = bridge
        self._connection = connection
        self._protocol = connection._protocol
        self._transport = connection._transport
        self._statements: dict[str, Any] = {}
        self._prepared = 0
        self._closed = False
        self.begins = self.commits = False
        """Whether BEGIN, or COMMIT, goes with what is sent next."""
        # Our own name of the socket: the transport closes its own by itself when a write fails, and whoever waits on that
        # would wait for nothing, or for whatever is opened next under the same number.
        self._fd = os.dup(self._transport.get_extra_info("socket").fileno())
        self._direct = self._transport.get_extra_info("sslcontext") is None
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self.pid: int = connection.get_server_pid()
        self.started = ""
        """When the server began this session, as text: with `pid` it names a backend for ever."""
        self._pause()

    def alive(self) -> bool:
        """Tell whether an idle connection is still good: something to read out of turn means that it is not."""
        if self._closed or self._connection.is_closed():
            return False
        return not (self._direct and self._poll.poll(0))

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run one statement, prepared on first use, and return its rows (`row["column"]`, `dict(row)`)."""
        rows: list[Any] = await self._execute(sql, args, False)
        return rows

    async def execute(self, sql: str, *args: Any) -> int:
        """Run one statement and return the number of rows it changed, 0 for one that changes none."""
        _, status, _ = await self._execute(sql, args, True)
        count = status.rpartition(b" ")[2] if status else b""
        return int(count) if count.isdigit() else 0

    async def script(self, sql: str) -> None:
        """Run statements separated by `;` without arguments, as one transaction unless they say otherwise."""
        if self.begins:
            self.begins = False
            await self.execute("BEGIN")
        await self._over_loop(self._connection.execute(sql))

    def begin(self) -> None:
        """Have the next statement begin a transaction."""
        self.begins = True

    async def commit(self) -> None:
        """Commit; costs nothing when nothing was asked since `begin`."""
        if self.begins:
            self.begins = False
        else:
            await self.execute("COMMIT")

    async def roll_back(self) -> None:
        """Take back what was done since `begin`."""
        if self.begins:
            self.begins = False
        else:
            await self.execute("ROLLBACK")

    async def fetch_and_commit(self, sql: str, *args: Any) -> list[Any]:
        """Run the last statement of a transaction and commit it, by one round trip; returns the statement's rows.

        Raises `Refused` when either is refused: a statement that fails is not committed, and is to be rolled back.
        """
        self.commits = True
        try:
            return await self.fetch(sql, *args)
        finally:
            self.commits = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit what the body does, or nothing of it when it raises; cancelled, the connection is aborted."""
        self.begin()
        try:
            yield
            await self.commit()
        except DatabaseError as error:
            if not isinstance(error, Disconnected):
                await self.roll_back()
            raise
        except Exception:
            await self.roll_back()
            raise
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Drop the connection at once, without a word to the server."""
        if not self._closed:
            self._closed = True
            self._connection.terminate()
            trio.lowlevel.notify_closing(self._fd)
            os.close(self._fd)

    async def close(self) -> None:
        """Say goodbye, for half a second at the most, then drop the connection."""
        if not self._closed:
            with trio.move_on_after(0.5) as scope:
                scope.shield = True
                try:
                    await self._over_loop(self._connection.close())
                except DatabaseError as error:
                    log.debug("database goodbye failed", error=str(error))
        self.abort()

    async def _execute(self, sql: str, args: Sequence[Any], extra: bool) -> Any:
        statement = self._statements.pop(sql, None) or await self._prepare(sql)
        self._statements[sql] = statement  # behind all others: what was used last is forgotten last
        self._refuse_closed()
        coroutine = self._protocol.bind_execute(statement._state, args, "", 0, extra, None)
        waiter = None
        try:
            waiter = self._asked(coroutine)
            # It only serves asyncpg's own timeouts and cancelling, and would wake the asyncio loop for every call.
            waiter.remove_done_callback(self._protocol._on_waiter_completed)
            await (self._feed_until(waiter) if self._direct else wait_future(waiter))
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        except _FAILURES as error:
            if isinstance(error, asyncpg.InvalidCachedStatementError):
                self._statements.clear()  # a table has changed since: what comes next is prepared anew
            raise self._translated(error) from error
        except BaseException:
            self.abort()
            raise
        finally:
            self._leave(coroutine, waiter)
        raise AssertionError("the driver asked to wait twice")

    def _asked(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Future[Any]":
        """Have the driver send its call, with BEGIN and COMMIT around it where they are due; returns what the call waits for."""
        if not (self.begins or self.commits):
            waiter: asyncio.Future[Any] = coroutine.send(None)
            return waiter
        self._transport.write = self._write_within
        try:
            waiter = coroutine.send(None)
        finally:
            del self._transport.write
        return waiter

    def _write_within(self, data: memoryview) -> None:
        """Stand in for the transport's `write`, once: the server's answers to BEGIN and COMMIT mean nothing to the driver's call."""
        whole = within_transaction(data, begins=self.begins, commits=self.commits)
        self.begins = self.commits = False
        type(self._transport).write(self._transport, whole)

    async def _feed_until(self, waiter: "asyncio.Future[Any]") -> None:
        """Hand the server's bytes to the driver until its answer is whole."""
        while not waiter.done():
            await trio.lowlevel.wait_readable(self._fd)
            if waiter.done():
                return
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._protocol.data_received(data)

    def _leave(self, coroutine: Coroutine[Any, Any, Any], waiter: "asyncio.Future[Any] | None") -> None:
        """End a call, also one whose answer nobody waits for any more."""
        coroutine.close()
        if waiter is not None:
            disown(waiter)

    async def _prepare(self, sql: str) -> Any:
        while len(self._statements) >= STATEMENTS_KEPT:
            del self._statements[next(iter(self._statements))]
        # By a name: an anonymous one, which is what the driver makes where it keeps no statements itself, is parsed and planned
        # anew at every call. What was forgotten is closed on the server when the next one is prepared.
        self._prepared += 1
        return await self._over_loop(self._connection.prepare(sql, name=f"homeroom_{self._prepared}"))

    async def _over_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run one of the driver's own coroutines, while its transport reads by itself."""
        if self._closed:
            coroutine.close()
            raise Disconnected("the connection is closed")
        self._resume()
        try:
            result = await self._bridge.run(coroutine, self.abort)
        except _FAILURES as error:
            raise self._translated(error) from error
        finally:
            self._pause()
        return result

    def _resume(self) -> None:
        if self._direct and not self._transport.is_closing():
            self._transport.resume_reading()

    def _pause(self) -> None:
        if self._direct and not self._closed and not self._transport.is_closing():
            self._transport.pause_reading()

    def _refuse_closed(self) -> None:
        if self._closed or self._connection.is_closed():
            raise Disconnected("the connection is closed")

    def _translated(self, error: Exception) -> DatabaseError:
        """Return `error` in this file's words; every connection that is not known to be good is dropped."""
        sqlstate = getattr(error, "sqlstate", None)
        if not sqlstate or sqlstate.startswith(_LOST) or self._connection.is_closed():
            self.abort()
            return Disconnected(f"connection lost: {error}")
        return refused(error)


def refused(error: Exception) -> Refused:
    """Return the server's refusal in this file's words."""
    kind = UniqueViolation if isinstance(error, asyncpg.UniqueViolationError) else Refused
    sqlstate = str(getattr(error, "sqlstate", "") or "XX000")
    return kind(str(error), sqlstate, getattr(error, "constraint_name", None) or "")


class Driver:
    """Makes connections to one server; lives inside `open_driver`."""

    def __init__(self, bridge: Bridge, dsn: str, settings: PostgresSettings) -> None:
        self.settings = settings
        self._bridge = bridge
        self._dsn = dsn

    async def connect(self) -> Connection:
        """Connect and check the server within `timeout_s`; raises `Disconnected` or `UnsuitableServer`."""
        with trio.move_on_after(self.settings.timeout_s):
            return await self._connect()
        raise Disconnected(f"the server did not take a connection within {self.settings.timeout_s} s")

    async def _connect(self) -> Connection:
        try:
            raw = await self._bridge.run(
                asyncpg.connect(
                    self._dsn,
                    loop=self._bridge.loop,
                    server_settings=self.settings.server_settings(),
                    statement_cache_size=0,
                    timeout=3600,  # trio's own bound, in `connect`, comes first
                    target_session_attrs="read-write",
                ),
                let_go=_terminate,
            )
        except asyncpg.exceptions.TargetServerAttributeNotMatched as error:
            raise UnsuitableServer("the server is read-only") from error
        except (*_FAILURES, TimeoutError) as error:
            raise Disconnected(f"cannot connect: {error}") from error
        return await self._checked(self._taken(raw))

    def _taken(self, raw: Any) -> Connection:
        """Return a connection of ours; raises `Disconnected` for one that is closed already."""
        try:
            return Connection(self._bridge, raw)
        except OSError as error:  # it has no socket any more
            _terminate(raw)
            raise Disconnected(f"connection lost: {error}") from error

    async def _checked(self, connection: Connection) -> Connection:
        """Return `connection` if its server will do, else close it and raise."""
        keep_alive(connection._transport.get_extra_info("socket"))
        try:
            (row,) = await connection.fetch(_CHECK)
            connection.started = row["started"]
            check_server(row["version"], row["fsync"], row["commit"], self.settings)
        except BaseException:
            connection.abort()
            raise
        return connection


_CHECK = """SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
current_setting('synchronous_commit') AS commit,
(SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) AS started"""
"""The last is what `pg_stat_activity` shows, asked of the function below it: the view's joins cost a fresh session more than all the rest."""


def check_server(version: int, fsync: str, commit: str, settings: PostgresSettings) -> None:
    """Raise `UnsuitableServer` for a server older than 15, or one that acknowledges what it may forget."""
    if version < 150_000:
        raise UnsuitableServer(f"PostgreSQL 15 or newer is needed, this is {version // 10_000}")
    if settings.allow_unsafe:
        return
    for name, value in (("fsync", fsync), ("synchronous_commit", commit)):
        if value == "off":
            raise UnsuitableServer(f"{name} is off: the server may forget what it acknowledged; set it on, or allow it")


def _terminate(raw: Any) -> None:
    """Drop a connection of the driver's that nobody takes."""
    raw.terminate()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what asyncio has to complain about; by default trio-asyncio would end the program for it."""
    log.error("the driver's loop complains", message=context.get("message"), error=repr(context.get("exception")))


@asynccontextmanager
async def open_driver(dsn: str, settings: PostgresSettings | None = None) -> AsyncIterator[Driver]:
    """Run an asyncio loop and offer connections to `dsn`. What the body raises comes out as it is, in no group."""
    failure: Exception | None = None
    async with trio_asyncio.open_loop() as loop:
        loop.set_exception_handler(_report)
        bridge = Bridge(loop, copy_context())
        try:
            yield Driver(bridge, dsn, settings or PostgresSettings())
        except Exception as error:  # carried around the loop's nursery, which would wrap it
            failure = error
        finally:
            await bridge.wait_left()
    if failure is not None:
        raise failure
