"""One writer for all actors: what waits while a commit is under way goes out together in the next.

The life of an append: (1) it is queued, or refused when the queue is full; (2) the writer takes all that waits, at most
one unit a stream, so nothing within a group depends on anything else in it; (3) one statement in autocommit; (4) all of
the group are answered. A refused number or command splits the group: each is tried alone, and only the guilty fails.
Any other error after sending leaves the group in doubt: the connection is dropped, its session noted in `Doubts`, and
nothing is read or written until that session is known to have ended. Never here: SQL beyond the end of a session.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from homeroom.engine.company import Company
from homeroom.engine.database import Database
from homeroom.engine.group_statement import compose, numbered
from homeroom.engine.journal import Append, JournalError, Message, Superseded, Unavailable
from homeroom.engine.postgres import Connection, DatabaseError, Disconnected, Refused, UniqueViolation
from homeroom.engine.read_model import ReadModels

log = structlog.get_logger(__name__)

GROUP_MOST = 256
LEAST_S = 0.5
"""What a group is given at least, however long its oldest append has waited."""

_HARMLESS = ("22", "23", "42", "54")
"""Classes of SQLSTATE that speak of the statement itself: nothing was written, and the session is well."""


@dataclass(frozen=True, slots=True)
class CommitSettings:
    """`linger_ms`: the least time from commit to commit under load, 0 for none. `capacity`: appends that may wait."""

    linger_ms: float = 38.0
    capacity: int = 2_000


class Pace:
    """How long to wait before the next commit: not at all when it is quiet, so that a commit is rarely for one append.

    Commits heat it by one each, and it cools by half every 350 ms; above `WARM` (some 16 commits a second) commits
    keep their distance. When `PROBES` commits that waited found no company all the same, as with one caller who sends the
    next command after each answer, nobody waits for `REST_S`.
    """

    COOLING_S = 0.5
    WARM = 8.0
    PROBES = 4
    REST_S = 1.0

    __slots__ = ("_alone", "_heat", "_last", "_linger_s", "_rest_until")

    def __init__(self, linger_s: float) -> None:
        self._linger_s = linger_s
        self._heat = 0.0
        self._last = self._rest_until = -math.inf
        self._alone = 0

    def wait_s(self, now: float) -> float:
        """Return the seconds that the next commit shall wait at `now`."""
        return max(0.0, self._last + self._linger_s - now) if self._keeps_distance(now) else 0.0

    def note(self, now: float, company: int) -> None:
        """Remember that a commit of so many events begins at `now`."""
        if self._keeps_distance(now):
            self._alone = self._alone + 1 if company <= 1 else 0
            if self._alone >= self.PROBES:
                self._alone, self._rest_until = 0, now + self.REST_S
        self._heat = self._heat_at(now) + 1
        self._last = now

    def _keeps_distance(self, now: float) -> bool:
        return self._linger_s > 0 and now >= self._rest_until and self._heat_at(now) >= self.WARM

    def _heat_at(self, now: float) -> float:
        return self._heat * math.exp((self._last - now) / self.COOLING_S) if self._heat else 0.0


class Doubts:
    """Sessions that may still be carrying out something nobody waits for any more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions: set[tuple[int, str]] = set()
        self._lock = trio.Lock()
        self.seen = 0

    def add(self, connection: Connection) -> None:
        """Note the session of a connection that was dropped in the middle of a statement."""
        self.seen += 1
        self._sessions.add((connection.pid, connection.started))

    async def settle(self) -> None:
        """Return when every noted session has ended, so that what it did is to be seen; raises `DatabaseError`."""
        if not self._sessions:
            return
        async with self._lock:
            for session in tuple(self._sessions):
                await self._end(*session)
                self._sessions.discard(session)

    async def _end(self, pid: int, started: str) -> None:
        rows = await self._database.fetch(_END_SESSION, pid, started)
        if not all(row["ended"] for row in rows):
            raise Disconnected(f"the session of process {pid} does not end")


_END_SESSION = """SELECT pg_terminate_backend(pid, 2000) AS ended FROM pg_stat_activity
WHERE pid = $1 AND backend_start::text = $2"""


@dataclass(slots=True, eq=False)
class _Entry:
    """An append that waits for its answer."""

    unit: Append
    since: float
    done: trio.Event = field(default_factory=trio.Event)
    answer: "Sequence[Message] | JournalError" = ()
    given_up: bool = False

    def finish(self, answer: "Sequence[Message] | JournalError") -> None:
        self.answer = answer
        self.done.set()


class GroupCommit:
    """The queue of appends and the task that writes them."""

    def __init__(self, database: Database, models: ReadModels, settings: CommitSettings) -> None:
        self.doubts = Doubts(database)
        self._database = database
        self._models = models
        self._settings = settings
        self._pace = Pace(settings.linger_ms / 1000)
        self.company = Company(self._wait_s)
        self._queue: list[_Entry] = []
        self._in_flight: dict[str, _Entry] = {}
        self._work = trio.Event()
        self._running = False
        self._connection: Connection | None = None
        self._counts = dict.fromkeys(("appends", "records", "commits", "failures", "superseded"), 0)
        self._last_commit_s = 0.0

    async def append(self, unit: Append) -> Sequence[Message]:
        """Return when `unit` is durable; raises `Superseded` or `Unavailable`.

        Cancelled while it waits, it is not written; cancelled later, it may be.
        """
        entry = self._enqueue(unit)
        try:
            await entry.done.wait()
        except trio.Cancelled:
            entry.given_up = True
            raise
        if isinstance(entry.answer, JournalError):
            raise entry.answer
        return entry.answer

    async def wait_in_flight(self, stream: str) -> None:
        """Return when nothing of `stream` is being written this moment."""
        entry = self._in_flight.get(stream)
        if entry is not None:
            await entry.done.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until cancelled; then everything that waits gets `Unavailable`."""
        self._running = True
        task_status.started()
        try:
            while True:
                await self._work.wait()
                await self.company.wait()
                await trio.lowlevel.checkpoint()  # whoever decides in this same turn of the loop comes along
                await self._write(self._take_group())
        finally:
            self._running = False
            self._fail([*self._in_flight.values(), *self._queue], "the journal was closed")
            self._queue.clear()
            if self._in_flight:
                self._doubt()
            self._close()

    def statistics(self) -> Mapping[str, float]:
        """Return the queue's figures; `commit_ms` is how long the last commit took."""
        return {
            "pending": len(self._queue) + len(self._in_flight),
            "capacity": self._settings.capacity,
            "doubts": self.doubts.seen,
            "commit_ms": self._last_commit_s * 1000,
            **self._counts,
        }

    def _wait_s(self) -> float:
        return self._pace.wait_s(trio.current_time())

    def _enqueue(self, unit: Append) -> _Entry:
        if not self._running:
            raise Unavailable("the journal is not running")
        if len(self._queue) >= self._settings.capacity:
            self._counts["failures"] += 1
            raise Unavailable("the journal's queue is full")
        entry = _Entry(unit, trio.current_time())
        self._queue.append(entry)
        self._work.set()
        return entry

    def _take_group(self) -> Sequence[_Entry]:
        """Return the oldest append of each waiting stream, at most `GROUP_MOST`; the others wait on."""
        group: dict[str, _Entry] = {}
        rest = []
        for entry in self._queue:
            if entry.given_up:
                continue
            if entry.unit.stream in group or len(group) >= GROUP_MOST:
                rest.append(entry)
            else:
                group[entry.unit.stream] = entry
        self._queue = rest
        if not rest:
            self._work = trio.Event()
        return list(group.values())

    async def _write(self, group: Sequence[_Entry]) -> None:
        """Carry out `group` and answer everybody in it."""
        if not group:
            return
        self._in_flight = {entry.unit.stream: entry for entry in group}
        self._pace.note(trio.current_time(), sum(len(entry.unit.records) for entry in group))
        try:
            await self._commit(group)
        except DatabaseError as error:
            self._fail(group, str(error))
            self._fail_waiting(str(error))
        self._in_flight = {}

    async def _commit(self, group: Sequence[_Entry]) -> None:
        """Carry out `group` in one statement, or one by one where it was refused together."""
        began = trio.current_time()
        units = [entry.unit for entry in group]
        try:
            numbers = await self._bounded(lambda: self._send(units), group[0].since)
        except Refused as error:
            if not error.sqlstate.startswith(_HARMLESS):
                self._doubt()
                raise
            await self._split(group, error)
            return
        except DatabaseError:
            self._doubt()
            raise
        self._last_commit_s = trio.current_time() - began
        self._count(units)
        sent = numbered(units, numbers)
        for entry in group:
            entry.finish(sent[entry.unit.stream])

    async def _split(self, group: Sequence[_Entry], error: Refused) -> None:
        """Find the guilty of a refused group."""
        if len(group) > 1:
            for entry in group:
                await self._commit([entry])
        elif isinstance(error, UniqueViolation):
            self._counts["superseded"] += 1
            group[0].finish(Superseded(f"{group[0].unit.stream}: {error}"))
        else:
            log.error("the database refuses an append", stream=group[0].unit.stream, error=str(error))
            self._fail(group, str(error))

    async def _bounded(self, work: Callable[[], Awaitable[Sequence[int]]], since: float) -> Sequence[int]:
        """Do `work` before a caller who waits `since` has waited too long."""
        limit = max(since + self._database.settings.timeout_s, trio.current_time() + LEAST_S)
        with trio.move_on_at(limit):
            return await work()
        raise Disconnected("no answer from the database in time")

    async def _send(self, units: Sequence[Append]) -> Sequence[int]:
        connection = await self._connected()
        statement = compose(units, self._models)
        rows = await connection.fetch(statement.sql, *statement.args)
        return [row["number"] for row in rows] if statement.numbered else ()

    async def _connected(self) -> Connection:
        """Return the writer's connection; a new one writes only after everything in doubt is settled."""
        if self._connection is not None and self._connection.alive():
            return self._connection
        self._close()
        await self.doubts.settle()
        self._connection = await self._database.gate.connect()
        return self._connection

    def _doubt(self) -> None:
        """Drop the connection; what it was doing is to be settled before anybody looks."""
        if self._connection is not None:
            self.doubts.add(self._connection)
            self._connection.abort()
            self._connection = None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _count(self, units: Sequence[Append]) -> None:
        self._counts["commits"] += 1
        self._counts["appends"] += len(units)
        self._counts["records"] += sum(len(unit.records) for unit in units)

    def _fail_waiting(self, why: str) -> None:
        """Answer those who wait as well: they would only wait for the same."""
        self._fail(self._queue, why)
        self._queue = []
        self._work = trio.Event()

    def _fail(self, entries: Sequence[_Entry], why: str) -> None:
        for entry in entries:
            if not entry.done.is_set():
                self._counts["failures"] += 1
                entry.finish(Unavailable(why))
