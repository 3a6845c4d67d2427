"""Many rows in one statement, with all that rows made one by one leave behind: audit, activity, events, counters.

Nobody's right is asked for: whoever calls knows that the rows fit. Notices are left out, so that nobody's inbox is flooded. Of the hooks
of a record type those are run that tell of something (`TELLING`), and not those that only look whether a row fits.
Never here: which rows (`large`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from homeroom.records.catalog import Catalog
from homeroom.records.columns import Row
from homeroom.records.declare import Action, Moment, RecordType
from homeroom.records.derived import meant
from homeroom.records.intake import changed_row, new_row
from homeroom.records.rows import Kept, as_json, kept
from homeroom.records.school.classes import CLASS_MEMBERSHIP
from homeroom.records.school.guardianships import GUARDIANSHIP
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP
from homeroom.records.telling import Change
from homeroom.records.unit import Unit

TELLING = frozenset({CLASS_MEMBERSHIP.name, GUARDIANSHIP.name, MENTORSHIP.name, SCHEDULE.name})


async def insert_all(unit: Unit, catalog: Catalog, type: RecordType, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add rows of one type, each with an id of its own; returns how many were not there yet. The others stay as they are."""
    moment = Moment(unit.now, unit.caller)
    made = [_new(type, meant(type.derived, values, unit.zone, new=True), moment) for values in rows]
    sql = catalog.texts.of(type, unit.caller.role).insert_missing()
    found = await _fetch(unit, sql, type, as_json(made))
    for new in found:
        unit.tail.change(Change(type.event("created"), None, new))
    if type.counts is not None:
        await type.counts(unit, [(None, new.row()) for new in found])
    if type.name in TELLING and found:
        await _follow(unit, type, [new.row() for new in found])
    return len(found)


async def act_on_all(unit: Unit, catalog: Catalog, type: RecordType, action: Action, bodies: Mapping[str, Any]) -> None:
    """Carry out an action on all rows of `bodies`, id -> body, that nobody has changed since they were made."""
    texts, moment = catalog.texts.of(type, unit.caller.role), Moment(unit.now, unit.caller)
    held = {one.id: one for one in await _fetch(unit, texts.hold(action.rule), type, list(bodies))}
    fresh = [one for one in held.values() if one.version == 1]
    rows = [_changed(one, action.change(one.row(), bodies[one.id], moment), moment) for one in fresh]
    for new in await _fetch(unit, texts.update(action.rule), type, as_json(rows), [row.id for row in rows]):
        unit.tail.change(Change(action.event, held[new.id], new))


async def _follow(unit: Unit, type: RecordType, rows: Sequence[Row]) -> None:
    """Run the hooks of new rows as the unit does."""
    if type.together is not None:
        await type.together(unit, [(None, row) for row in rows])
    for row in rows if type.after is not None else ():
        await type.after(unit, None, row)  # type: ignore[misc] # asked a line above


def _new(type: RecordType, values: Mapping[str, Any], moment: Moment) -> Row:
    """Return the row to be, as `Unit.add` makes it."""
    now = {"version": 1, "created_at": moment.now, "updated_at": moment.now}
    row = new_row(type, {**type.whose(moment.caller), **values, **now})
    row = row if type.fill is None else replace(row, **type.fill(None, row, moment))
    if type.checks is not None:
        type.checks(row, moment)
    return row


def _changed(old: Kept, changes: Mapping[str, Any], moment: Moment) -> Row:
    return changed_row(old.type, old.row(), {**changes, "version": old.version + 1, "updated_at": moment.now})


async def _fetch(unit: Unit, sql: str, type: RecordType, *what: Any) -> list[Kept]:
    found = [kept(type, row) for row in await unit.fetch(sql, unit.caller.user, *what)]
    wrong = next((one for one in found if one.unfit), None)
    if wrong is not None:
        msg = f"{type.name} {wrong.id}: {', '.join(wrong.unfit)} is a person of another role"
        raise ValueError(msg)
    return found
