"""What read models lack from earlier releases, written beside the running school: each stream of such a kind once, by its own actor.

A release whose kind writes something new of what has long been so raises `Kind.restated`, and says the rows by `Behaviour.restate`.
The life of a start: for each such kind whose round is not noted as done,
 1. the next streams in order are taken, behind the one noted last;
 2. each actor is asked to restate, one after the other: its turn writes the rows, so nothing that happens meanwhile is overwritten;
 3. the last one is noted, and after the last page that the round is done.
So a server that ends in between goes on where it was, and two servers do no harm. Nobody waits for it: until a stream has had its turn,
lists know of it what they knew before. Never here: what is written (each kind), and columns and tables (`journal_postgres`).
"""

from collections.abc import Callable, Iterable

import structlog
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.engine.kind import Kind
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.ref import ActorRef

log = structlog.get_logger("homeroom.engine")

PAGE = 100
"""Streams after which it is noted how far it has come."""
RETRY_S = 1.0
_MARK = "SELECT upto, done FROM restated WHERE kind = $1 AND round >= $2"
_NOTE = """INSERT INTO restated (kind, round, upto, done) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind) DO UPDATE SET round = excluded.round, upto = excluded.upto, done = excluded.done
WHERE restated.round <= excluded.round"""
# From stream to stream over the primary key, whatever number of events each has.
_STREAMS = """WITH RECURSIVE found (stream) AS (
(SELECT stream FROM journal WHERE stream > $1 AND stream < $2 ORDER BY stream LIMIT 1)
UNION ALL
SELECT (SELECT later.stream FROM journal AS later WHERE later.stream > found.stream AND later.stream < $2
ORDER BY later.stream LIMIT 1) FROM found WHERE found.stream IS NOT NULL)
SELECT stream FROM found WHERE stream IS NOT NULL LIMIT $3"""


class Restating:
    """The rounds of `kinds` that are not done yet; `ref` returns the way to an actor, `page` is how many streams are noted at once."""

    def __init__(
        self, database: Database, kinds: Iterable[Kind], ref: Callable[[str], ActorRef], *, page: int = PAGE
    ) -> None:
        self._database = database
        self._kinds = tuple(kind for kind in kinds if kind.restated)
        self._ref = ref
        self._page = page

    async def run(self) -> None:
        """Do what is not done, then end; a database that is away is asked again. Cancelled, the next start goes on."""
        for kind in self._kinds:
            done = False
            while not done:
                try:
                    done = await self._turn_page(kind)
                except DatabaseError as error:
                    log.warning("read models are not restated yet", kind=kind.name, error=str(error))
                    await trio.sleep(RETRY_S)

    async def _turn_page(self, kind: Kind) -> bool:
        """Let the next streams of a kind have their turns; tells whether there are no more."""
        mark = await self._database.fetch_row(_MARK, kind.name, kind.restated)
        if mark is not None and mark["done"]:
            return True
        after = mark["upto"] if mark is not None else f"{kind.name}:"
        rows = await self._database.fetch(_STREAMS, after, f"{kind.name};", self._page)  # in bytes, ; comes behind :
        for row in rows:
            await self._restate(row["stream"])
        done = len(rows) < self._page
        await self._database.fetch(_NOTE, kind.name, kind.restated, rows[-1]["stream"] if rows else after, done)
        return done

    async def _restate(self, address: str) -> None:
        """Wait for the turn of one actor; what crashes in it is known to its supervisor, and does not hold up the others."""
        while True:
            answer = await self._ref(address).restate()
            if not isinstance(answer, Refusal):
                return
            if answer.code == "internal":
                log.error("read models could not be restated", actor=address, incident=answer.msg)
                return
            await trio.sleep((answer.retry_ms or 0) / 1000 or RETRY_S)
