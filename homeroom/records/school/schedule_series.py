"""Series of slots: made by a rule of recurrence, then changed or taken away from one on, or as a whole.

Each occurrence is a row of its own, so clashes, days and the status of one are no special case. One that
is changed alone stays in its series, as far from the others as it was moved. What is completed or called off stays as it is. Never here: single slots (`schedules`), and what a rule says.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Struct, UnsetType

from homeroom.engine.behaviour import Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.protocol.access import Rule
from homeroom.protocol.hours import Zone
from homeroom.protocol.ids import Id
from homeroom.protocol.zones import UnknownZone, find_zone
from homeroom.records.access import verdicts
from homeroom.records.aside import aside
from homeroom.records.columns import Description, Label, Link, Title
from homeroom.records.declare import RecordType, Unit
from homeroom.records.denials import denied
from homeroom.records.intake import misfit
from homeroom.records.recurrence import Meant, Recurrence, expand, local_difference, meant, read_rule, shift
from homeroom.records.school.people import check_here
from homeroom.records.school.schedule_clashes import Window, check_free, window
from homeroom.records.school.schedule_notices import ASSIGNED_SERIES
from homeroom.records.school.schedule_slot import GroupSession, RuleText, Schedule, SlotZone, Time, WrittenTime
from homeroom.records.school.skipped_times import READ, Place, keep_meant, read_place

Scope = Literal["following", "all"]


class CreateSeries(Struct, frozen=True, kw_only=True):
    """Make a series of slots: the first one, and the rule by which it comes again, at the same time of the clocks of `zone`."""

    mentor_id: Id
    student_id: Id | None = None
    class_id: Id | None = None
    title: Title
    description: Description = ""
    start_at: WrittenTime
    end_at: WrittenTime
    zone: SlotZone | UnsetType = UNSET
    focus_stack: Label = ""
    link: Link | None = None
    is_group_session: GroupSession | UnsetType = UNSET
    series: RuleText


class ChangeSeries(Struct, frozen=True, kw_only=True):
    """Change a slot and those of its series that follow it, or all; those that are over or called off stay as they are.

    `start_at` and `end_at` are the new time of this slot: the others move as far, on the clocks of their zone.
    """

    id: Id
    scope: Scope
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    start_at: WrittenTime | UnsetType = UNSET
    end_at: WrittenTime | UnsetType = UNSET
    focus_stack: Label | UnsetType = UNSET
    link: Link | UnsetType | None = UNSET
    status: Literal["cancelled"] | UnsetType = UNSET


class DeleteSeries(Struct, frozen=True, kw_only=True):
    """Take away a slot and those of its series that follow it, or all, as far as they are to come."""

    id: Id
    scope: Scope


class Occurrence(Struct, frozen=True):
    """One slot of a series."""

    id: Id
    start_at: Time
    end_at: Time


class Series(Struct, frozen=True):
    """A series, or the part of it that was changed, in the order of time."""

    series_id: Id
    series: RuleText
    zone: Zone
    occurrences: tuple[Occurrence, ...]


def slots_path(made: Series) -> str:
    """Return where the slots of a series are listed."""
    return f"/api/schedules?series_id={made.series_id}"


async def create_series(unit: Unit, schedule: RecordType, body: CreateSeries) -> Series:
    """Make all slots of a series, or none; raises what a single one does, and `bad_command` for a rule that is none."""
    rule, length = read_rule(body.series), body.end_at - body.start_at
    zone = unit.zone if body.zone is UNSET else _zone(body.zone)
    starts = await aside(_starts, rule, body.start_at, zone)
    _check_texts([body.title, *(getattr(body, name) for name in _TEXTS)], len(starts))
    ((made,),) = await unit.fetch(_FRESH_ID)
    values = {**msgspec.to_builtins(body), "series": rule.text, "series_id": made}
    rows = [{**values, **Place("", one, one.at + length, one).times()} for one in starts]
    slots: list[Schedule] = await unit.insert_many(schedule, rows[:1])
    await check_here(unit, "student_id", [slots[0].student_id] if slots[0].student_id else ())
    # What is wrong with one was told before anybody is looked for.
    await _check_all(unit, schedule, slots[0], [window(each.at, each.at + length) for each in starts], [slots[0].id])
    slots += await unit.insert_many(schedule, rows[1:])
    await keep_meant(unit, [Place(slot.id, one, slot.end_at, one) for slot, one in zip(slots, starts, strict=True)])
    _tell(unit, slots)
    await unit.notify(schedule, ASSIGNED_SERIES, slots[:1])
    return _series(slots[0], slots)


async def change_series(unit: Unit, schedule: RecordType, body: ChangeSeries) -> Series:
    """Change slots of a series, all or none; raises `conflict` when there are none to change, and as a single change does."""
    this, slots = await _hold(unit, schedule, body.id, body.scope, "update")
    given = msgspec.to_builtins(body)
    same = {name: given[name] for name in _SAME if name in given}
    _check_texts([same.get(name, getattr(this, name)) for name in ("title", *_TEXTS)], len(slots) if same else 0)
    moved = await aside(_moved, this, slots, body)
    if moved:
        windows = [window(one.start_at, one.end_at) for one in moved]
        await _check_all(unit, schedule, this, windows, [slot.id for slot in slots])
    event = "schedule.status_changed" if body.status is not UNSET else None
    changes = {slot.id: {**same, **(moved[n].times() if moved else {})} for n, slot in enumerate(slots)}
    changed = await unit.update_many(schedule, changes, event)
    await keep_meant(unit, moved, slots if moved else ())
    return _series(this, changed)


async def delete_series(unit: Unit, schedule: RecordType, body: DeleteSeries) -> Series:
    """Take slots of a series away, all or none; raises as `change_series`."""
    this, slots = await _hold(unit, schedule, body.id, body.scope, "delete")
    await unit.delete_many(schedule, [slot.id for slot in slots])
    return _series(this, slots)


_TEXTS = ("description", "focus_stack", "link")
SERIES_OCTETS = 400_000
"""What the texts of all slots that are written together may come to: each is kept, told to whoever follows, and in the audit."""
_SAME = ("title", "description", "focus_stack", "link", "status")
"""What is the same in all that are changed together."""
_FRESH_ID = "SELECT replace(gen_random_uuid()::text, '-', '') AS id"
_HOLD = """SELECT id FROM schedules WHERE id = $1
OR series_id = $2 AND status = 'scheduled' AND occurrence_at >= $3 AND end_at > $4 ORDER BY id FOR NO KEY UPDATE"""
_READ = f"""{READ} WHERE r.series_id = $1 AND r.status = 'scheduled' AND r.occurrence_at >= $2
AND r.end_at > $3 ORDER BY r.start_at, r.id"""


async def _hold(
    unit: Unit, schedule: RecordType, id: str, scope: Scope, to: Literal["update", "delete"]
) -> tuple[Schedule, list[Place]]:
    """Return a slot, and those of its series that `scope` means and that are not over, held in the order of their ids."""
    series_id, since = await _ask(unit, schedule, id, scope, getattr(schedule, to))
    await unit.fetch(_HOLD, id, series_id, since, unit.now)
    (this,) = await unit.get_many(schedule, (id,), to)
    if series_id is None:
        raise Refusal("conflict", "this slot is of no series", data={"field": "id"})
    slots = [read_place(row) for row in await unit.fetch(_READ, series_id, since, unit.now)]
    if not slots:
        raise Refusal("conflict", "none of them is to come", data={"field": "scope"})
    return this, slots


async def _ask(unit: Unit, schedule: RecordType, id: str, scope: Scope, rule: Rule) -> tuple[str | None, int | None]:
    """Return the series of a slot, and since when slots of it are meant; raises `not_found` and `forbidden`, and holds nothing.

    So nobody keeps others from slots that are not theirs. What is held is asked for again, as it may be another's by then.
    """
    found = await unit.fetch(_asked(schedule, rule, unit.caller.role), unit.caller.user, id, scope == "all", unit.now)
    if not (found and all(row["sees"] or row["may"] for row in found)):
        raise Refusal("not_found", NO_SUCH_THING)
    if closed := [dict(row) for row in found if not row["may"]]:
        raise denied(schedule, rule, unit.caller.role, closed)
    return found[0]["series_id"], found[0]["since"]


@lru_cache(maxsize=16)
def _asked(schedule: RecordType, rule: Rule, role: str) -> str:
    """Return the statement that finds the slot `$2` first, and one of those meant with it that is not the caller's, if any is."""
    asked = verdicts(schedule, role, {"sees": schedule.read, "may": rule})
    return f"""WITH this AS (SELECT id, series_id, CASE WHEN $3::boolean THEN 0 ELSE occurrence_at END AS since
FROM schedules WHERE id = $2)
SELECT looked.* FROM (SELECT r.id, r.mentor_id, this.series_id, this.since, $1::text IS NOT NULL AS asked, {asked} FROM this
JOIN schedules AS r ON r.id = this.id OR r.series_id = this.series_id AND r.status = 'scheduled'
AND r.occurrence_at >= this.since AND r.end_at > $4::bigint) AS looked
WHERE id = $2 OR may IS NOT TRUE ORDER BY id <> $2, id LIMIT 2"""


def _check_texts(texts: Iterable[object], count: int) -> None:
    """Raise `bad_command` for texts of a slot that are too long to be those of `count` slots."""
    octets = sum(len(text.encode()) for text in texts if isinstance(text, str))
    if octets * count > SERIES_OCTETS:
        allowed = f"at most {SERIES_OCTETS // count} bytes in all texts of a slot, where it is one of {count}"
        raise misfit("description", f"{octets} bytes of text in each of {count} slots", allowed)


def _starts(rule: Recurrence, first: int, zone: ZoneInfo) -> list[Meant]:
    return meant(expand(rule, first, zone), zone)


def _moved(this: Schedule, slots: Sequence[Place], body: ChangeSeries) -> list[Place]:
    """Return the new places of `slots`, nothing when they stay: as far from the old ones as that of `this`."""
    if body.start_at is UNSET and body.end_at is UNSET:
        return []
    start = this.start_at if body.start_at is UNSET else body.start_at
    length = (this.end_at - this.start_at + start if body.end_at is UNSET else body.end_at) - start
    zone = _zone(this.zone)
    before = next((one.start for one in slots if one.id == this.id), Meant(this.start_at))
    move = partial(shift, by=local_difference(before, start, zone), zone=zone)
    starts = [move(one.start) for one in slots]
    return [Place(one.id, at, at.at + length, move(one.occurrence)) for one, at in zip(slots, starts, strict=True)]


async def _check_all(
    unit: Unit, schedule: RecordType, slot: Schedule, windows: Sequence[Window], leave_out: Sequence[str]
) -> None:
    """Raise `conflict` when slots of a series overlap one another, or anything else of their people."""
    for before, after in pairwise(sorted(windows)):
        if after[0] < before[1]:
            raise Refusal("conflict", "slots of the series overlap", data={"start_at": after[0], "end_at": before[1]})
    await check_free(unit, schedule, slot, windows, leave_out)


def _tell(unit: Unit, slots: Sequence[Schedule]) -> None:
    """Tell whoever a new series is for, once for all of it."""
    first = slots[0]
    body = {
        "id": first.id,
        "mentor_id": first.mentor_id,
        "title": first.title,
        "start_at": first.start_at,
        "end_at": first.end_at,
        "series_id": first.series_id,
        "series": first.series,
        "count": len(slots),
    }
    if first.student_id is not None:
        unit.post(f"user:{first.student_id}", "schedule.assigned", {**body, "student_id": first.student_id})
    if first.class_id is not None:
        unit.post(f"class:{first.class_id}", "schedule.assigned", {**body, "class_id": first.class_id})


def _series(first: Schedule, slots: Iterable[Schedule | Place]) -> Series:
    occurrences = sorted((Occurrence(one.id, one.start_at, one.end_at) for one in slots), key=lambda one: one.start_at)
    return Series(first.series_id or first.id, first.series or "", first.zone, tuple(occurrences))


def _zone(name: str) -> ZoneInfo:
    try:
        return find_zone(name)
    except UnknownZone:
        raise Refusal(
            "bad_command", "zone: there is no such zone", data={"field": "zone", "allowed": "an IANA zone"}
        ) from None
