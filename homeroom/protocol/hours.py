"""Weekly hours as they are written on a door: a weekday and two times of a clock in a zone, and the occurrences that follow.

The zone stands with the hours (requirements 1.9 #18), so that ten o'clock stays ten o'clock over every change of the clocks.
Never here: finding the occurrences (`actors.hours`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from homeroom.protocol.ids import Millis

SCHEDULES_MAX = 21
OCCURRENCES_MAX = 100

Weekday = Annotated[int, Meta(ge=0, le=6, description="0 is Sunday, 6 Saturday")]
Clock = Annotated[str, Meta(pattern=r"\A(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z", description="local time, HH:MM")]
Zone = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=r"\A[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+){0,2}\Z",
        description="IANA zone, such as Europe/Berlin",
    ),
]


class Hours(Struct, frozen=True):
    """Once a week from `start` to `end`, local time of `zone`; an `end` at or before `start` is on the next day.

    A local time that the clocks skip counts as the moment of the change; of one that comes twice the first counts.
    """

    weekday: Weekday
    start: Clock
    end: Clock
    zone: Zone


class Occurrence(Struct, frozen=True):
    """One stretch of time, Unix ms: from `start` on, until before `end`."""

    start: Millis
    end: Millis


class Occurrences(Struct, frozen=True):
    """The hours as they are written, and the stretches that follow from them, the present one first; what overlaps or touches is one."""

    hours: tuple[Hours, ...]
    upcoming: tuple[Occurrence, ...]
