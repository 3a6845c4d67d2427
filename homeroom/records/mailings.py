"""Notices for very many people, told and taken back page by page: each page, and how far it came, is one transaction of the system.

A page is small and the next one comes a moment later, so that five thousand inboxes do not wake at once while others work. Several
servers share the pages, and one that ends leaves the rest to the others. Never here: who is told what (`notices`).
"""

from collections.abc import Mapping
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.records.declare import RecordType, Unit
from homeroom.records.notice import Notice
from homeroom.records.notices import TAKE_BACK, TOLD, page_of, taken_back, written

PAGE = 100
PAUSE_MS = 200
"""Five hundred people a second."""

_TOLD_AFTER = f"""SELECT DISTINCT target COLLATE "C" AS target FROM ({TOLD}) AS told WHERE target COLLATE "C" > $2::text
ORDER BY 1 LIMIT $3"""  # noqa: S608 - constants
_NEXT = "SELECT * FROM mailings ORDER BY pages, id LIMIT 1 FOR UPDATE SKIP LOCKED"
_GO_ON = "UPDATE mailings SET upto = $2, pages = pages + 1 WHERE id = $1"
_DONE = "DELETE FROM mailings WHERE id = $1"


async def tell_page(unit: Unit, types: Mapping[str, RecordType]) -> int | None:
    """Tell the next page of people; returns when there is more to tell, Unix ms, `None` when nothing waits."""
    found = await unit.fetch(_NEXT)
    if not found:
        return None
    mailing = found[0]
    people = await _tell(unit, types, mailing)
    if len(people) < PAGE:
        await unit.execute(_DONE, mailing["id"])
    else:
        await unit.execute(_GO_ON, mailing["id"], people[-1])
    return unit.now + PAUSE_MS


async def _tell(unit: Unit, types: Mapping[str, RecordType], mailing: Any) -> list[str]:
    """Tell the next page of one mailing; returns who, nobody when the row is gone, or this release knows no such notice."""
    record = types.get(mailing["record"])
    if record is not None and mailing["notice"] == TAKE_BACK:
        return await _take_back(unit, record, mailing)
    notice = next((one for one in record.notices if one.type == mailing["notice"]), None) if record else None
    if record is None or notice is None:
        return []
    try:
        row = await unit.get(record, mailing["row_id"])
    except Refusal:
        return []
    return await _tell_people(unit, record, notice, mailing, row)


async def _take_back(unit: Unit, record: RecordType, mailing: Any) -> list[str]:
    """Take the notices of a row that is gone out of the next page of inboxes; returns whose."""
    commands = list(taken_back(record, mailing["row_id"]))
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
