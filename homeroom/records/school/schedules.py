"""Slots of the timetable: a mentor with a student, with a class, or alone; one by one or as a series.

Of one person no two slots overlap while both are to come: whoever writes one holds the names of all whom it keeps busy, so
of two at once the second finds the first. Never here: series (`schedule_series`), rules of recurrence, and calendars.
"""

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, STAFF, allow
from homeroom.records.declare import Action, Deed, Moment, RecordType, Reference, Unit, each, table, to
from homeroom.records.derived import Derived, school_zone
from homeroom.records.lens import Lens
from homeroom.records.school.people import check_here
from homeroom.records.school.relations import (
    guardian_in_class,
    guardian_of,
    guardians_of,
    in_class,
    is_me,
    mentor_of,
    teaches_class,
    teaches_student,
)
from homeroom.records.school.schedule_clashes import check_free, window
from homeroom.records.school.schedule_notices import SCHEDULE_NOTICES
from homeroom.records.school.schedule_series import (
    ChangeSeries,
    CreateSeries,
    DeleteSeries,
    Series,
    change_series,
    create_series,
    delete_series,
    slots_path,
)
from homeroom.records.school.schedule_slot import Schedule, Status, check_slot
from homeroom.records.tallies import Tally


class ScheduleStatus(Struct, frozen=True):
    """What has become of a slot; whoever is taught may say that it is completed."""

    status: Status


async def _check_clash(unit: Unit, old: Schedule | None, new: Schedule | None) -> None:
    """Raise `conflict` when somebody is busy at that time already; rows of a series are looked at by their deed, together."""
    if new is None or new.status != "scheduled" or _by_series(old, new):
        return
    if old is None or _claim(old) != _claim(new):
        await check_free(unit, SCHEDULE, new, [window(new.start_at, new.end_at)], leave_out=(new.id,))


def _by_series(old: Schedule | None, new: Schedule) -> bool:
    """Tell whether a slot is being made or moved with its series: nothing else moves its `occurrence_at`."""
    return new.occurrence_at != (old.occurrence_at if old else None)


def _claim(slot: Schedule) -> tuple[object, ...]:
    """Return what decides about whom a slot keeps busy, and when."""
    return slot.start_at, slot.end_at, slot.mentor_id, slot.student_id, slot.class_id, slot.status


async def _follow_student(unit: Unit, old: Schedule | None, new: Schedule | None) -> None:
    """Let no slot to come be for a student who has left the school; then tell of a new one. Of a series its deed does both."""
    if new is None or _by_series(old, new):
        return
    student = _expected(new, unit.now)
    if student is not None and student != _expected(old, unit.now):
        await check_here(unit, "student_id", (student,))
    await _tell_assigned(unit, old, new)


def _expected(slot: Schedule | None, now: int) -> str | None:
    """Return the student who is to come to a slot, alone."""
    return slot.student_id if slot is not None and slot.status == "scheduled" and slot.end_at > now else None


async def _tell_assigned(unit: Unit, old: Schedule | None, new: Schedule) -> None:
    """Tell whoever a slot is for that it is theirs now."""
    body = {
        "id": new.id,
        "mentor_id": new.mentor_id,
        "title": new.title,
        "start_at": new.start_at,
        "end_at": new.end_at,
    }
    if new.student_id is not None and (old is None or old.student_id != new.student_id):
        unit.post(f"user:{new.student_id}", "schedule.assigned", {**body, "student_id": new.student_id})
    if new.class_id is not None and (old is None or old.class_id != new.class_id):
        unit.post(f"class:{new.class_id}", "schedule.assigned", {**body, "class_id": new.class_id})


_ATTENDS = Lens(
    "r.student_id = :value",
    "EXISTS (SELECT FROM class_memberships s WHERE s.class_id = r.class_id AND s.user_id = :value AND s.part = 'student')",
    {
        **dict.fromkeys(ADMINS, "TRUE"),
        "teacher": f"{teaches_class('r.class_id')} OR {mentor_of(':value')}",
        "student": is_me(":value"),
        "parent": guardian_of(":value"),
    },
)
"""Which slots are a student's: those alone with a mentor, and, for those who may know who is in a class, those of the class."""

_STUDENTS_STEPS = frozenset({("scheduled", "completed")})
_STEPS = _STUDENTS_STEPS | {
    ("scheduled", "cancelled"),
    ("completed", "scheduled"),
    ("cancelled", "scheduled"),
}
"""From which status to which; whoever is taught may say less."""


def _change_status(slot: Schedule, body: ScheduleStatus, moment: Moment) -> dict[str, str]:
    step = (slot.status, body.status)
    if step not in _STEPS:
        raise Refusal("conflict", f"it is {slot.status}", data={"field": "status", "status": slot.status})
    if moment.caller.role == "student" and step not in _STUDENTS_STEPS:
        raise Refusal("forbidden", "a student says that it is completed, nothing else")
    if body.status == "completed" and slot.start_at > moment.now:
        raise Refusal("conflict", "it has not begun yet", data={"field": "status", "start_at": slot.start_at})
    return {"status": body.status}


async def _create_series(unit: Unit, body: CreateSeries) -> Series:
    return await create_series(unit, SCHEDULE, body)


async def _change_series(unit: Unit, body: ChangeSeries) -> Series:
    return await change_series(unit, SCHEDULE, body)


async def _delete_series(unit: Unit, body: DeleteSeries) -> Series:
    return await delete_series(unit, SCHEDULE, body)


_BY_MENTOR = allow(ADMINS) | allow(("teacher",), "mentor")
_PLANS = (
    f"r.mentor_id = :me AND (r.student_id IS NULL OR {mentor_of('r.student_id')} OR {teaches_student('r.student_id')})"
    f" AND (r.class_id IS NULL OR {teaches_class('r.class_id')})"
)
"""That the slot is the caller's, and for nobody but whom they look after or teach: a clash tells when somebody is busy."""
_PLANNED = allow(ADMINS) | allow(("teacher",), "plans")

SCHEDULE = RecordType(
    name="schedule",
    plural="schedules",
    row=Schedule,
    channels=(
        table(),
        to("user", "mentor_id"),
        to("user", "student_id"),
        each("user", guardians_of("r.student_id")),
        to("class", "class_id"),
    ),
    read=allow(ADMINS)
    | allow(("teacher",), "mentor", "teaches")
    | allow(("student",), "own", "member")
    | allow(("parent",), "guardian", "class_guardian"),
    create=_PLANNED,
    update=_PLANNED,
    delete=_BY_MENTOR,
    tells=("schedule.assigned",),
    relations={
        "mentor": is_me("r.mentor_id"),
        "plans": _PLANS,
        "own": is_me("r.student_id"),
        "member": in_class("r.class_id"),
        "teaches": teaches_class("r.class_id"),
        "guardian": guardian_of("r.student_id"),
        "class_guardian": guardian_in_class("r.class_id"),
    },
    wants={
        "plans": "a slot is of its mentor, with a student or a class that the mentor looks after or teaches: others are for admins",
        "mentor": "{mentor_id!r} is its mentor, and you are not",
        "own": "it is no slot of yours alone with a mentor",
    },
    references={
        "mentor_id": Reference("user", role="teacher", on_delete="cascade"),
        "student_id": Reference("user", role="student", on_delete="cascade"),
        "class_id": Reference("class", on_delete="cascade"),
    },
    made_by_server=frozenset({"status", "series_id", "series", "occurrence_at"}),
    filters=("mentor_id", "student_id", "class_id", "status", "start_at", "end_at", "series_id", "is_group_session"),
    sorts=("start_at", "created_at"),
    indexes=(
        ("mentor_id", "student_id"),
        ("mentor_id", "start_at"),
        ("student_id", "start_at"),
        ("class_id", "start_at"),
        ("series_id", "start_at"),
    ),
    derived={
        "zone": Derived(school_zone),
        "is_group_session": Derived(lambda said, zone: said["class_id"] is not None or None, of=("class_id",)),
    },
    checks=check_slot,
    before=_check_clash,
    after=_follow_student,
    notices=SCHEDULE_NOTICES,
    tallies=(
        Tally(
            "schedules",
            {"mentor": "mentor_id", "student": "student_id", "class": "class_id"},
            when={"status": ("scheduled", "completed")},
            day="start_at",
        ),
    ),
    actions=(
        Action(
            "status",
            "PATCH /api/schedules/{id}/status",
            "schedule.status_changed",
            _BY_MENTOR | allow(("student",), "own"),
            _change_status,
            ScheduleStatus,
        ),
    ),
    deeds=(
        Deed(
            "create_series",
            "POST /api/schedules/series",
            _BY_MENTOR,
            CreateSeries,
            Series,
            _create_series,
            made=slots_path,
        ),
        Deed(
            "change_series",
            "PATCH /api/schedules/{id}/series",
            _BY_MENTOR,
            ChangeSeries,
            Series,
            _change_series,
            asked=("scope",),
        ),
        Deed(
            "delete_series",
            "DELETE /api/schedules/{id}/series",
            _BY_MENTOR,
            DeleteSeries,
            Series,
            _delete_series,
            asked=("scope",),
        ),
    ),
    lenses={"student_id": _ATTENDS},
    aliases={"start_time": "start_at", "end_time": "end_at", "rrule": "series"},
    spellings={"status": {"canceled": "cancelled"}},
)

FEED = allow(STAFF, "mentor") | allow(("student",), "own", "member") | allow(("parent",), "guardian", "class_guardian")
"""Whose slots one's own calendar shows: an administrator's not those of the whole school."""
