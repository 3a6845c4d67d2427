"""Notices of records: from a row that has come to be so to the inboxes of those whom it concerns.

A notice is a durable message, written with the row or not at all; the inbox decides whether it interrupts. Who does not want a type of
notices in the app (their preferences) gets none. One that is for very many is only noted here, and told in pages (`mailings`). When the row is gone, its notices are taken back
the same ways, out of those inboxes in which they are.
Never here: which notices there are (the record types), and the messages' way to the inbox (`engine.courier`).
"""

from collections.abc import Iterator, Sequence

import msgspec

from homeroom.protocol.inbox import Notify, TakeBack
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType, Unit
from homeroom.records.notice import NAME, Notice
from homeroom.records.rows import as_json

TITLE_MAX, MESSAGE_MAX, VALUE_MAX = 200, 2_000, 200
"""The bounds of a notice's texts (`protocol.inbox`)."""

_WANTED = """q.id IS NOT NULL AND q.id <> $2::text AND coalesce((SELECT p.in_app FROM notification_preferences p
WHERE p.user_id = q.id AND p.type IN ($3::text, '*') ORDER BY p.type = '*' LIMIT 1), true)"""
NOTE = "INSERT INTO mailings (record, row_id, notice, besides, at) VALUES ($1, $2, $3, $4, $5)"


TAKE_BACK = ""
"""Stands for a notice in a mailing by which those of a row that is gone are taken back."""
TOLD = "SELECT target, link FROM notices_told($1::text[])"
"""The inboxes in which notices are that lead there, or on their way."""
_UNSAY = "DELETE FROM mailings WHERE record = $1 AND row_id = ANY($2::text[])"


class MailWaiting(msgspec.Struct, frozen=True):
    """News for this server: there is a notice that is told in pages."""


def rows_to_tell(notice: Notice, pairs: Sequence[tuple[Row | None, Row | None]]) -> list[Row]:
    """Return those rows, each given as it was before and is after a change, that a notice tells of: as they are, or were last."""
    if notice.when is None:
        return []
    return [last for old, new in pairs if notice.when(old, new) and (last := new or old) is not None]


async def notify(unit: Unit, type: RecordType, notice: Notice, rows: Sequence[Row]) -> None:
    """Tell those whom a notice of each row is for, or note that they are to be told."""
    by = unit.caller.user
    if notice.wide:
        for row in rows:
            await unit.execute(NOTE, type.name, row.id, notice.type, by, unit.now)
        unit.news(MailWaiting())
        return
    given = as_json(rows)
    by_id, letters = {row.id: row for row in rows}, dict[str, Notify]()
    for found in await unit.fetch(_of_rows(type, notice), given, by, notice.type):
        about = found["id"]
        letters[about] = letters.get(about) or written(notice, by_id[about], found["name"])
        unit.tell(f"inbox:{found['person']}", letters[about])


async def take_back(unit: Unit, type: RecordType, ids: Sequence[str]) -> None:
    """Take the notices of rows that are gone out of the inboxes, or note that they are to be; what was still to be told is not."""
    if not list(taken_back(type, "")):
        return
    if any(notice.wide for notice in type.notices):
        await unit.execute(_UNSAY, type.name, ids)  # after a page that is being told this moment: it is taken back too
        for gone in ids:
            await unit.execute(NOTE, type.name, gone, TAKE_BACK, unit.caller.user, unit.now)
        unit.news(MailWaiting())
        return
    commands = {command.url: command for gone in ids for command in taken_back(type, gone)}
    for row in await unit.fetch(TOLD, list(commands)):
        unit.tell(row["target"], commands[row["link"]])


def taken_back(type: RecordType, id: str) -> Iterator[TakeBack]:
    """Yield what takes the notices of one row back, one command for each link."""
    types: dict[str, tuple[str, ...]] = {}
    for notice in type.notices:
        if notice.url and not notice.lasting:
            types[notice.url] = (*types.get(notice.url, ()), notice.type)
    for url, those in types.items():
        yield TakeBack(url.format(id=id), those)


def written(notice: Notice, row: Row, name: str | None = None) -> Notify:
    """Return a notice of a row as the inbox takes it in; `name` is that of the person it is `named` for."""
    values = {"name": name, **{column: getattr(row, column) for column in ("id", *notice.data)}}
    data = {
        name: value[:VALUE_MAX] if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }
    return Notify(
        notice.type,
        notice.title(row).replace(NAME, name or "", 1)[:TITLE_MAX] if notice.named else notice.title(row)[:TITLE_MAX],
        notice.message(row)[:MESSAGE_MAX] if notice.message is not None else "",
        data,
        notice.priority,
        notice.url.format(id=row.id),
    )


def page_of(type: RecordType, notice: Notice) -> str:
    """Return the statement for those whom a notice of a row that is there is for, by id.

    Arguments: the row's id, whom to leave out, the type of the notice, the last one before the page, and how many at the most.
    """
    return (
        f'SELECT DISTINCT q.id COLLATE "C" AS id FROM {type.plural} AS r, LATERAL ({notice.to}) AS q (id) '  # noqa: S608 - declared
        f'WHERE r.id = $1 AND {_WANTED} AND q.id COLLATE "C" > $4::text ORDER BY 1 LIMIT $5'
    )


def _of_rows(type: RecordType, notice: Notice) -> str:
    """Return the statement for those whom a notice is for: arguments are rows as JSON, whom to leave out, and the type."""
    name = f"(SELECT u.name FROM users u WHERE u.id = r.{notice.named})" if notice.named else "NULL::text"  # noqa: S608 - declared
    return (
        f"SELECT DISTINCT r.id, q.id AS person, {name} AS name "  # noqa: S608 - declared
        f"FROM json_populate_recordset(NULL::{type.plural}, $1::text::json) AS r, "
        f"LATERAL ({notice.to}) AS q (id) WHERE {_WANTED} ORDER BY 1, 2"
    )
