"""Notices of records: from a row that has come to be so to the inboxes of those whom it concerns.

A notice is a durable message, written with the row or not at all; the inbox decides whether it interrupts. Who does not want a type of
notices in the app (their preferences) gets none. One that is for very many is only noted here, and told in pages (`mailings`). One that is
over is taken back before anything else is told of its row, so that nobody has two.
Never here: which notices there are (the record types), how they are taken back (`taking_back`), and the messages' way to the inbox
(`engine.courier`).
"""

from collections.abc import Sequence

from homeroom.protocol.inbox import Notify
from homeroom.records.columns import Row
from homeroom.records.declare import RecordType, Unit
from homeroom.records.mailing_list import note
from homeroom.records.notice import NAME, Notice
from homeroom.records.rows import as_json
from homeroom.records.taking_back import Pair, begun, end_in_time, retimed, rows_over, take_back_one

TITLE_MAX, MESSAGE_MAX, VALUE_MAX = 200, 2_000, 200
"""The bounds of a notice's texts (`protocol.inbox`)."""

_WANTED = """q.id IS NOT NULL AND q.id <> $2::text AND coalesce((SELECT p.in_app FROM notification_preferences p
WHERE p.user_id = q.id AND p.type IN ($3::text, '*') ORDER BY p.type = '*' LIMIT 1), true)"""


async def tell_changes(unit: Unit, type: RecordType, pairs: Sequence[Pair]) -> None:
    """Do what the notices of a type say follows from changes of its rows: take back what is over, then tell."""
    for notice in type.notices:
        over, told = rows_over(notice, pairs), rows_to_tell(notice, pairs)
        named = {*over, *(row.id for row in told)}
        timed = retimed(notice, pairs, named)
        # Some have it no more, or soon: all are told anew, and whoever still had it has it once.
        again = [row for row in await begun(unit, type, notice, timed) if row.id not in named]
        await take_back_one(unit, type, notice, [*over, *(row.id for row in again)])
        await unit.notify(type, notice, [*told, *again])
        await end_in_time(unit, type, notice, [new for _, new in timed])


def rows_to_tell(notice: Notice, pairs: Sequence[Pair]) -> list[Row]:
    """Return those rows, each given as it was before and is after a change, that a notice tells of: as they are, or were last."""
    if notice.when is None:
        return []
    return [last for old, new in pairs if notice.when(old, new) and (last := new or old) is not None]


async def notify(unit: Unit, type: RecordType, notice: Notice, rows: Sequence[Row]) -> None:
    """Tell those whom a notice of each row is for, or note that they are to be told."""
    by = unit.caller.user
    if notice.wide:
        await note(unit, type, notice.type, [row.id for row in rows])
        return
    given = as_json(rows)
    by_id, letters = {row.id: row for row in rows}, dict[str, Notify]()
    for found in await unit.fetch(_of_rows(type, notice), given, by, notice.type):
        about = found["id"]
        letters[about] = letters.get(about) or written(notice, by_id[about], found["name"])
        unit.tell(f"inbox:{found['person']}", letters[about])


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
