"""Whether the people of a slot are free: the names they are held by, and the slots that they have at that time.

Held by name, in the order of the names, until the end of the transaction: of two that want the same person at the same time
the second waits, and then finds what the first has written. Never here: when it is asked (`schedules`, `schedule_series`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.records.access import allowed
from homeroom.records.declare import RecordType, Unit
from homeroom.records.school.schedule_slot import SLOT_MAX_MS, Schedule

Window = tuple[int, int]
"""From the first moment until before the second, Unix ms."""

_NAMED = ("id", "title", "mentor_id", "student_id", "class_id")
"""What is told of a slot in the way, to whoever may read it."""
_STUDENTS = "SELECT user_id FROM class_memberships WHERE class_id = $1 AND part = 'student'"
_CLASSES = "SELECT DISTINCT class_id FROM class_memberships WHERE user_id = ANY($1::text[]) AND part = 'student'"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('schedule.' || name, 0)) FROM unnest($1::text[]) AS name"


def window(start_at: int, end_at: int) -> Window:
    """Return the time of a slot."""
    return start_at, end_at


async def check_free(
    unit: Unit, schedule: RecordType, slot: Schedule, windows: Sequence[Window], leave_out: Sequence[str] = ()
) -> None:
    """Raise `conflict` when one of the people of `slot` has another one in one of `windows`; ids of `leave_out` are none.

    Its `data` tell when, and, of a slot that the caller may read, which it is, and whose. Holds the people until the end.
    """
    people = await _people(unit, slot)
    await unit.fetch(_LOCK, people)
    classes = [row["class_id"] for row in await unit.fetch(_CLASSES, people)]
    starts, ends = [start for start, _ in windows], [end for _, end in windows]
    found = await unit.fetch(
        _clash(schedule, unit.caller.role), unit.caller.user, starts, ends, list(leave_out), people, classes
    )
    if found:
        raise _conflict(found[0])


async def _people(unit: Unit, slot: Schedule) -> list[str]:
    """Return whom `slot` keeps busy, in order: the mentor, the student, the students of the class."""
    people = {slot.mentor_id}
    if slot.student_id is not None:
        people.add(slot.student_id)
    if slot.class_id is not None:
        people.update(row["user_id"] for row in await unit.fetch(_STUDENTS, slot.class_id))
    return sorted(people)


@lru_cache(maxsize=16)
def _clash(schedule: RecordType, role: str) -> str:
    """Return the statement that finds the earliest slot in the way, and says whether the caller may read it."""
    busy = "(r.mentor_id = ANY($5::text[]) OR r.student_id = ANY($5::text[]) OR r.class_id = ANY($6::text[]))"
    near = f"r.start_at < w.end_at AND r.start_at > w.start_at - {SLOT_MAX_MS} AND r.end_at > w.start_at"
    named = ", ".join(f"r.{name}" for name in _NAMED)
    return (
        f"SELECT {named}, r.start_at, r.end_at, $1::text IS NOT NULL AND {allowed(schedule, schedule.read, role)} AS sees "
        f"FROM unnest($2::bigint[], $3::bigint[]) AS w (start_at, end_at) JOIN {schedule.plural} AS r ON {near} "
        f"WHERE r.status = 'scheduled' AND r.id <> ALL($4::text[]) AND {busy} ORDER BY r.start_at, r.id LIMIT 1"
    )


def _conflict(clash: Any) -> Refusal:
    data = {"start_at": clash["start_at"], "end_at": clash["end_at"]}
    if not clash["sees"]:
        return Refusal("conflict", "somebody of it is busy at that time", data=data)
    data |= {name: clash[name] for name in _NAMED if clash[name] is not None}
    return Refusal("conflict", f"it clashes with {clash['title']!r}", data=data)
