"""The counters counted from the rows themselves, by the same declarations by which writes keep them up to date.

The life of a start: (1) a digest of what is declared, and of the zone, is compared with that of the last count; (2) if it differs,
or nothing was counted yet, writers wait while all rows are counted anew, in one transaction.
Never here: what counts (`tallies`), and what a single write adds (`tail`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import structlog
import trio

from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection, Disconnected
from homeroom.protocol.zones import day_window
from homeroom.records.declare import RecordType
from homeroom.records.tallies import Tally

log = structlog.get_logger(__name__)

LOCK = 0x636F756E74657273
"""The advisory lock under which rows are counted: the letters `counters`."""
PATIENCE_S = 300.0
_UTC_DAY_MS = 86_400_000
_MADE = "SELECT how FROM counters_made"
_EMPTY = "DELETE FROM counters"
_ADD = "INSERT INTO counters (scope, name, day, value)"
_NOTE = "WITH gone AS (DELETE FROM counters_made WHERE how <> $1) INSERT INTO counters_made VALUES ($1)"
_BOUNDS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


class Recount:
    """What counts all rows of `types`, with days as in `zone`."""

    def __init__(self, types: Sequence[RecordType], zone: ZoneInfo) -> None:
        self._types = tuple(one for one in types if one.tallies or one.counts is not None)
        self._zone = zone

    @property
    def how(self) -> str:
        """Return the digest of what is counted, and how."""
        texts = [sql for one in self._types for tally in one.tallies for sql in selects(one, tally)]
        texts += [one.counted for one in self._types if one.counted]
        return sha256("\n".join([*texts, str(self._zone)]).encode()).hexdigest()

    async def ensure(self, database: Database) -> bool:
        """Count all rows unless the counters are of this very declaration; tells whether that was needed.

        Two servers that start at once: the second waits for the first. Raises `DatabaseError`; cancelled, nothing has changed.
        """
        if await database.fetch_row(f"{_MADE} WHERE how = $1", self.how) is not None:
            return False
        connection = await database.gate.connect()
        try:
            with trio.move_on_after(PATIENCE_S):
                return await self._count_once(connection)
            raise Disconnected(f"the rows were not counted within {PATIENCE_S} s")
        finally:
            connection.abort()

    async def _count_once(self, connection: Connection) -> bool:
        for bound in _BOUNDS:  # the usual short ones are for short statements
            await connection.execute(f"SET {bound} = 0")
        async with connection.transaction():
            await connection.fetch("SELECT pg_advisory_xact_lock($1)", LOCK)
            if await connection.fetch(f"{_MADE} WHERE how = $1", self.how):
                return False
            await connection.execute(
                f"LOCK TABLE {', '.join(one.plural for one in self._types)}, counters IN SHARE ROW EXCLUSIVE MODE"
            )
            await connection.execute(_EMPTY)
            for one in self._types:
                for tally in one.tallies:
                    await self._count(connection, one, tally)
                if one.counted:
                    await connection.execute(f"{_ADD} {one.counted}")
            await connection.execute(_NOTE, self.how)
        log.info("counted", tables=len(self._types))
        return True

    async def _count(self, connection: Connection, type: RecordType, tally: Tally) -> None:
        args = await self._days(connection, type, tally) if _timed(type, tally) else ()
        for select in selects(type, tally):
            await connection.execute(f"{_ADD} {select}", *args)

    async def _days(self, connection: Connection, type: RecordType, tally: Tally) -> tuple[list[int], list[str]]:
        """Return when each day begins on which there may be a time of the column, in order, and the days."""
        sql = f"SELECT DISTINCT {tally.day} / {_UTC_DAY_MS} AS day FROM {type.plural}"  # noqa: S608 - declared
        found = [row["day"] for row in await connection.fetch(sql)]
        return await trio.to_thread.run_sync(days_around, found, self._zone)


def days_around(utc_days: Sequence[int], zone: ZoneInfo) -> tuple[list[int], list[str]]:
    """Return the days of `zone` that days in UTC (since 1970) may touch: when each begins, in order, and their names."""
    days = sorted({_date(day + near) for day in utc_days for near in (-1, 0, 1)})
    return [day_window(day, zone)[0] for day in days], [day.isoformat() for day in days]


def _date(number: int) -> date:
    return datetime(1970, 1, 1, tzinfo=UTC).date() + timedelta(days=number)


def selects(type: RecordType, tally: Tally) -> Iterator[str]:
    """Yield a query of scope, name, day and value for each kind of scope; `$1` and `$2` are those of `days_around` for times."""
    name = f"'{tally.name}_' || r.{tally.by}" if tally.by else f"'{tally.name}'"
    day = f"r.{tally.day}" if tally.day else "''"
    if _timed(type, tally):
        day = f"($2::text[])[width_bucket(r.{tally.day}, $1::bigint[])]"
    for kind, column in tally.scopes.items():
        scope = f"'{kind}:' || r.{column}" if column else f"'{kind}'"
        where = [_held(column, values) for column, values in tally.when.items()]
        where += [f"r.{column} IS NOT NULL"] if column else []
        found = f"SELECT {scope} AS scope, {name} AS name, {day} AS day, count(*) AS value FROM {type.plural} AS r"  # noqa: S608 - declared
        yield f"{found} WHERE {' AND '.join(where) or 'TRUE'} GROUP BY 1, 2, 3"


def _timed(type: RecordType, tally: Tally) -> bool:
    """Tell whether the day is that of a time."""
    return bool(tally.day) and type.columns[tally.day].kind == "integer"


def _held(column: str, values: tuple[Any, ...]) -> str:
    return f"r.{column} IN ({', '.join(_literal(value) for value in values)})"


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "'" + str(value).replace("'", "''") + "'"
