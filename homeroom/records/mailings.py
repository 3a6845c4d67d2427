"""Notices for very many people, told and taken back page by page: each page, and how far it came, is one transaction of the system.

A page is small and the next one comes a moment later, so that five thousand inboxes do not wake at once while others work. Several
servers share the pages, and one that ends leaves the rest to the others. Rule of this file: the row is held before its mailing. Never here:
who is told what (`notices`), and what waits to be told (`mailing_list`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.records.declare import RecordType, Unit
from homeroom.records.mailing_list import TAKE_BACK, meant
from homeroom.records.notice import Notice
from homeroom.records.notices import page_of, written
from homeroom.records.taking_back import TOLD, taken_back

PAGE = 100
PAUSE_MS = 200
"""Five hundred people a second."""

_TOLD_AFTER = f"""SELECT DISTINCT target COLLATE "C" AS target FROM ({TOLD}) AS told WHERE target COLLATE "C" > $2::text
ORDER BY 1 LIMIT $3"""  # noqa: S608 - constants
_NEXT = """SELECT * FROM mailings AS m WHERE m.at <= $1 AND NOT EXISTS (SELECT FROM mailings AS before
WHERE before.record = m.record AND before.row_id = m.row_id AND before.id < m.id AND before.at <= $1)
ORDER BY m.pages, m.id LIMIT 1"""
"""What is to be carried out, of one row one after the other: what was told is taken back before it is told anew."""
_HOLD = "SELECT * FROM mailings WHERE id = $1 FOR UPDATE"
_COMING = "SELECT min(at) AS at FROM mailings"
_GO_ON = "UPDATE mailings SET upto = $2, pages = pages + 1 WHERE id = $1"
_DONE = "DELETE FROM mailings WHERE id = $1"


async def tell_page(unit: Unit, types: Mapping[str, RecordType]) -> int | None:
    """Tell the next page of people; returns when there is more to tell, Unix ms, `None` when nothing waits."""
    found = await unit.fetch(_NEXT, unit.now)
    if not found:
        ((at,),) = await unit.fetch(_COMING)
        return None if at is None else int(at)
    record = types.get(found[0]["record"])
    row = await _held(unit, record, found[0])
    held = await unit.fetch(_HOLD, found[0]["id"])
    if not held:  # called off meanwhile, or another server told the last page
        return unit.now
    mailing = held[0]
    people = await _tell(unit, record, mailing, row)
    if len(people) < PAGE:
        await unit.execute(_DONE, mailing["id"])
    else:
        await unit.execute(_GO_ON, mailing["id"], people[-1])
    return unit.now + PAUSE_MS if people else unit.now


async def _held(unit: Unit, record: RecordType | None, mailing: Any) -> Any:
    """Return the row of a mailing, held before the mailing is, as whoever changes the row holds them; `None` when it is gone."""
    if record is None or mailing["notice"] == TAKE_BACK:
        return None
    try:
        return await unit.get(record, mailing["row_id"])
    except Refusal as refusal:
        if refusal.code != "not_found":
            raise
        return None


async def _tell(unit: Unit, record: RecordType | None, mailing: Any, row: Any) -> list[str]:
    """Tell the next page of one mailing; returns who, nobody when the row is gone, or this release knows no such notice."""
    if record is None:
        return []
    over = meant(record, mailing["notice"])
    if over:
        return await _take_back(unit, over, mailing)
    notice = next((one for one in record.notices if one.type == mailing["notice"]), None)
    if notice is None or row is None:
        return []
    return await _tell_people(unit, record, notice, mailing, row)


async def _take_back(unit: Unit, notices: Sequence[Notice], mailing: Any) -> list[str]:
    """Take notices of a row out of the next page of inboxes; returns whose."""
    commands = list(taken_back(notices, mailing["row_id"]))
    links = [command.url for command in commands]
    rows = await unit.fetch(_TOLD_AFTER, links, mailing["upto"], PAGE)
    for row in rows:
        for command in commands:
            unit.tell(row["target"], command)
    return [row["target"] for row in rows]


async def _tell_people(unit: Unit, record: RecordType, notice: Notice, mailing: Any, row: Any) -> list[str]:
    sql, letter = page_of(record, notice), written(notice, row)
    rows = await unit.fetch(sql, mailing["row_id"], mailing["besides"], notice.type, mailing["upto"], PAGE)
    people = [found["id"] for found in rows]
    for person in people:
        unit.tell(f"inbox:{person}", letter)
    return people
