"""A slot of the timetable: its fields, and the rules over more than one of them.

Never here: who may what (`schedules`), and other slots (`schedule_clashes`).
"""

from typing import Annotated, Literal

from msgspec import Meta

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.hours import Zone
from homeroom.protocol.ids import Id
from homeroom.protocol.instant import INSTANT
from homeroom.protocol.zones import UnknownZone, find_zone
from homeroom.records.columns import SINCE_MS, Description, Label, Link, Row, Title
from homeroom.records.declare import Moment
from homeroom.records.recurrence import RULE_MAX

SLOT_MAX_MS = 24 * 3_600_000
LATEST_MS = 4_102_444_800_000
"""The first of January 2100: no slot is later."""

_TIME_WORDS = "milliseconds since 1970, from the year 2000 on and before the year 2100"
Time = Annotated[int, Meta(ge=0, le=LATEST_MS, description=_TIME_WORDS, extra={"since": SINCE_MS} | INSTANT)]
WrittenTime = Annotated[int, Meta(ge=SINCE_MS, le=LATEST_MS, description=_TIME_WORDS, extra=INSTANT)]
"""The same in a body that is no row."""
RuleText = Annotated[
    str,
    Meta(
        max_length=RULE_MAX,
        pattern=r"\A[A-Za-z0-9=;:,+\-]+\Z",
        description="RFC 5545: FREQ=WEEKLY;BYDAY=MO,WE;COUNT=20",
    ),
]
SlotZone = Annotated[
    Zone, Meta(description="IANA zone, such as Europe/Berlin; left out in a new slot: the school's own")
]
GroupSession = Annotated[
    bool, Meta(description="whether it is for a class or several people; left out: whether it has a class")
]
Status = Literal["scheduled", "completed", "cancelled"]


class Schedule(Row, frozen=True, kw_only=True):
    """A slot from `start_at` until before `end_at`, at most 24 hours long.

    `zone` is the one in which people speak of it. What came of a series has its `series_id`, its rule as `series`, and in
    `occurrence_at` the time that the rule gave it.
    """

    mentor_id: Id
    student_id: Id | None = None
    class_id: Id | None = None
    title: Title
    description: Description = ""
    start_at: Time
    end_at: Time
    zone: SlotZone = "UTC"
    focus_stack: Label = ""
    link: Link | None = None
    is_group_session: GroupSession = False
    status: Status = "scheduled"
    series_id: Id | None = None
    series: RuleText | None = None
    occurrence_at: Time | None = None


def check_slot(slot: Schedule, moment: Moment) -> None:
    """Raise `bad_command` for fields that do not go together."""
    if not slot.start_at < slot.end_at <= slot.start_at + SLOT_MAX_MS:
        raise _unfit("end_at", "after start_at, at most 24 hours")
    if slot.student_id is not None and slot.class_id is not None:
        raise _unfit("class_id", "a student or a class, not both")
    if slot.class_id is not None and not slot.is_group_session:
        raise _unfit("is_group_session", "true, with a class")
    try:
        find_zone(slot.zone)
    except UnknownZone:
        raise _unfit("zone", "an IANA zone") from None


def _unfit(field: str, allowed: str) -> Refusal:
    return Refusal("bad_command", f"{field}: it has to be {allowed}", data={"field": field, "allowed": allowed})
