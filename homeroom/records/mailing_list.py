"""What waits to be told or taken back in pages: one row of `mailings` for each notice of a row, and for each time it is taken back.

Rules of this file: whoever notes or drops something of a row holds that row, or has just removed it, so what is noted of one row stands in
the order in which it was; and in that order it is carried out. Never here: carrying it out (`mailings`).
"""

from collections.abc import Sequence

import msgspec

from homeroom.records.declare import RecordType, Unit
from homeroom.records.notice import Notice

TAKE_BACK = ""
"""Stands for a notice where all those of a row that is gone are taken back."""
_OVER = "-"
"""Stands before the type of a notice that alone is taken back."""
AT_ONCE = 0

_NOTE = """INSERT INTO mailings (record, row_id, notice, besides, at)
SELECT $1, id, $3, $4, at FROM unnest($2::text[], $5::bigint[]) AS given (id, at)"""
_DROP = "DELETE FROM mailings WHERE record = $1 AND row_id = ANY($2::text[]) AND ($3::text[] IS NULL OR notice = ANY($3::text[]))"
_CALL_OFF = f"""DELETE FROM mailings WHERE record = $1 AND row_id = ANY($2::text[]) AND notice = $3 AND at > {AT_ONCE}
RETURNING row_id, pages"""  # noqa: S608 - a constant


class MailWaiting(msgspec.Struct, frozen=True):
    """News for this server: there is something to be told or taken back in pages."""


def over(notice: Notice) -> str:
    """Return what stands for a notice where it is taken back."""
    return _OVER + notice.type


def meant(type: RecordType, word: str) -> tuple[Notice, ...]:
    """Return which notices are taken back where `word` stands for a notice, none where it is told."""
    if word == TAKE_BACK:
        return type.notices
    return tuple(notice for notice in type.notices if over(notice) == word)


async def note(unit: Unit, type: RecordType, word: str, ids: Sequence[str], at: Sequence[int] = ()) -> None:
    """Have something carried out for each of the rows `ids`: at once, or not before its own time of `at`, Unix ms."""
    if ids:
        await unit.execute(_NOTE, type.name, list(ids), word, unit.caller.user, list(at) or [AT_ONCE] * len(ids))
        unit.news(MailWaiting())


async def drop(unit: Unit, type: RecordType, ids: Sequence[str], notice: Notice | None = None) -> None:
    """Have nothing more carried out for rows: of one notice, or at all. A page that is under way is waited for."""
    words = None if notice is None else [notice.type, over(notice)]
    await unit.execute(_DROP, type.name, list(ids), words)


async def call_off(unit: Unit, type: RecordType, ids: Sequence[str], notice: Notice) -> set[str]:
    """Have a notice of rows not taken back at a time to come; returns those rows of which that was still to begin."""
    rows = await unit.fetch(_CALL_OFF, type.name, list(ids), over(notice)) if ids else []
    return {row["row_id"] for row in rows if not row["pages"]}
