"""Checking the timelines of an exam's sittings: whether any record was changed, moved or taken out since it was written.

It reads the stored records alone, page by page, beside a running server or without one, and changes nothing. Three things are held
against each other: the chain of hashes in the records, the seal in the list of sittings, and the exam's own record of who began.
Never here: what a link is made of (`protocol.sitting_chain`), and words for people (`cli`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from homeroom.config import Config
from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.engine.group_statement import quoted, table_name
from homeroom.engine.journal import Record
from homeroom.engine.journal_postgres import BIGINT_MOST, PostgresJournal
from homeroom.house import open_house
from homeroom.protocol.exam_events import Began
from homeroom.protocol.sitting_chain import ChainRecord, Checker, Verdict
from homeroom.protocol.sitting_events import Prepared
from homeroom.protocol.stored import StoredWire

PAGE = 1_000
_STREAMS = "SELECT DISTINCT stream FROM journal WHERE stream >= $1 AND stream < $2 ORDER BY stream"
_SEALS = f"SELECT stream, sealed_seq, sealed FROM {table_name('sittings')} WHERE exam = $1 AND sealed IS NOT NULL"  # noqa: S608 - a constant
_KNOWN = f"SELECT to_regclass('{quoted('read_sittings')}') IS NOT NULL AS known"


class Found(NamedTuple):
    """What was found of one sitting."""

    stream: str
    verdict: Verdict


async def verify_exam(config: Config, exam: str) -> Sequence[Found]:
    """Check every sitting of an exam; raises `Refusal` `not_found` when there is neither the exam nor any sitting of it."""
    async with open_house(config, make=False) as house:
        return await verify_stored(house.database, exam)


async def verify_stored(database: Database, exam: str) -> Sequence[Found]:
    """Check every sitting of an exam in a database; what holds records and never had a paper is no sitting, as long as it is whole."""
    journal = PostgresJournal(database)
    seals = await _read_seals(database, exam)  # before the records: these may grow meanwhile
    begun = await _read_begun(journal, exam)
    rows = await database.fetch(_STREAMS, f"sitting:{exam}.", f"sitting:{exam}/")
    streams = sorted({row["stream"] for row in rows} | seals.keys() | begun.keys())
    if not streams and not await journal.known([f"exam:{exam}"]):
        raise Refusal("not_found", f"there is no exam {exam!r}")
    found = [await _check(journal, stream, seals.get(stream) or begun.get(stream)) for stream in streams]
    return [each for each in found if each is not None]


async def _check(journal: PostgresJournal, stream: str, seal: tuple[int, str] | None) -> Found | None:
    """Return what was found; `None` for what somebody asked for in vain: without paper, seal and break."""
    checker, after, counts = Checker(stream, seal), 0, seal is not None
    while records := await journal.read(stream, after, BIGINT_MOST, PAGE):
        for record in records:
            checker.take(_as_chain(record))
            counts = counts or record.type == Prepared.type
        after = records[-1].seq
    return Found(stream, checker.verdict) if counts or checker.verdict.place else None


async def _read_seals(database: Database, exam: str) -> Mapping[str, tuple[int, str]]:
    (row,) = await database.fetch(_KNOWN)
    if not row["known"]:
        return {}
    return {row["stream"]: (row["sealed_seq"], row["sealed"]) for row in await database.fetch(_SEALS, exam)}


async def _read_begun(journal: PostgresJournal, exam: str) -> Mapping[str, tuple[int, str]]:
    """Return the sittings that the exam knows to have begun; one of which nothing is stored is broken at its first record."""
    wire, after = StoredWire(), 0
    begun: dict[str, tuple[int, str]] = {}
    while records := await journal.read(f"exam:{exam}", after, BIGINT_MOST, PAGE):
        for record in records:
            if record.type == Began.type:
                user = wire.decode(record.body, Began).user
                begun[f"sitting:{exam}.{user}"] = (1, "")
        after = records[-1].seq
    return begun


def _as_chain(record: Record) -> ChainRecord:
    return ChainRecord(record.seq, record.at, record.type, record.by, record.body)
