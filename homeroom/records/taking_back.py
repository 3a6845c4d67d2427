"""Notices that are over: taken out of the inboxes in which they are, or to which they are on their way, by durable messages.

A notice is over when its row is gone, when a change hides the row from some whom it told (`Notice.over`), and when its time has passed
(`Notice.until`). One that was told in pages is taken back in pages.
Never here: what is told instead (`notices`), and the inbox's own part (it dismisses what it has, read or not).
"""

from collections.abc import Container, Iterable, Iterator, Sequence

from homeroom.protocol.inbox import TakeBack
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType, Unit
from homeroom.records.mailing_list import TAKE_BACK, call_off, drop, note, over
from homeroom.records.notice import Notice

TOLD = "SELECT target, link FROM notices_told($1::text[])"
"""The inboxes in which notices are that lead there, or on their way."""
Pair = tuple[Row | None, Row | None]
"""A row before and after a change."""


async def take_back(unit: Unit, type: RecordType, ids: Sequence[str]) -> None:
    """Take the notices of rows that are gone out of the inboxes, or note that they are to be; what was still to be told is not."""
    if not list(taken_back(type.notices, "")):
        return
    if any(notice.wide for notice in type.notices):
        await drop(unit, type, ids)  # after a page that is being told this moment: it is taken back too
        await note(unit, type, TAKE_BACK, ids)
        return
    await _take_out(unit, type.notices, ids)


async def take_back_one(unit: Unit, type: RecordType, notice: Notice, ids: Sequence[str]) -> None:
    """Take one notice of rows that are still there out of the inboxes, or note that it is to be; what was still to be told is not."""
    if not ids:
        return
    if notice.wide:
        await drop(unit, type, ids, notice)
        await note(unit, type, over(notice), ids)
        return
    await _take_out(unit, (notice,), ids)


def rows_over(notice: Notice, pairs: Iterable[Pair]) -> list[str]:
    """Return the ids of those rows that are there, and of which a change ends the notice."""
    if notice.over is None:
        return []
    return [new.id for old, new in pairs if old is not None and new is not None and notice.over(old, new)]


def retimed(notice: Notice, pairs: Iterable[Pair], named: Container[str]) -> list[tuple[Row | None, Row]]:
    """Return those changes after which a notice is over at another time than before, and those of the rows `named`; none of rows that are gone."""
    until = notice.until
    if until is None:
        return []
    kept = [(old, new) for old, new in pairs if new is not None]
    return [(old, new) for old, new in kept if new.id in named or old is None or until(old) != until(new)]


async def begun(unit: Unit, type: RecordType, notice: Notice, timed: Iterable[tuple[Row | None, Row]]) -> list[Row]:
    """Call off the times at which a notice of changed rows was to be over; returns those of which it has been, or is being, taken back."""
    ending = [
        new for old, new in timed if old is not None and notice.until is not None and notice.until(old) is not None
    ]
    still = await call_off(unit, type, [row.id for row in ending], notice)
    return [row for row in ending if row.id not in still]


async def end_in_time(unit: Unit, type: RecordType, notice: Notice, rows: Iterable[Row]) -> None:
    """Note when a notice of rows is over by the clock; their times before were called off."""
    ends = {row.id: at for row in rows if notice.until is not None and (at := notice.until(row)) is not None}
    await note(unit, type, over(notice), list(ends), list(ends.values()))


def taken_back(notices: Iterable[Notice], id: str) -> Iterator[TakeBack]:
    """Yield what takes those of `notices` back that one row has told, one command for each link."""
    types: dict[str, tuple[str, ...]] = {}
    for notice in notices:
        if notice.url and not notice.lasting:
            types[notice.url] = (*types.get(notice.url, ()), notice.type)
    for url, those in types.items():
        yield TakeBack(url.format(id=id), those)


async def _take_out(unit: Unit, notices: Iterable[Notice], ids: Sequence[str]) -> None:
    commands = {command.url: command for one in ids for command in taken_back(notices, one)}
    for row in await unit.fetch(TOLD, list(commands)) if commands else ():
        unit.tell(row["target"], commands[row["link"]])
