"""Finds the occurrences of weekly hours, on the days of their zone and across every change of its clocks.

Never here: the present time (it comes in), the rules of zones (`protocol.zones`), and what opens.
"""

from collections.abc import Iterable, Iterator
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.hours import Hours, Occurrence
from homeroom.protocol.zones import UnknownZone, clock_moment, find_zone, local_time

_DAY = timedelta(days=1)
_WEEK_DAYS = 7


def load_zone(name: str) -> ZoneInfo:
    """Return the zone `name`; raises `Refusal("bad_command")` when there is none."""
    try:
        return find_zone(name)
    except UnknownZone:
        message, allowed = f"there is no zone {name}", "an IANA zone"
        raise Refusal("bad_command", message, data={"field": "zone", "allowed": allowed}) from None


def check_hours(hours: Iterable[Hours]) -> None:
    """Raise `Refusal("bad_command")` for a zone that there is not, and for hours without length."""
    for one in hours:
        load_zone(one.zone)
        if one.start == one.end:
            raise Refusal(
                "bad_command", "hours need a length", data={"field": "end", "allowed": "another time than start"}
            )


def occurrences(hours: Iterable[Hours], now: int, count: int) -> list[Occurrence]:
    """Return the next `count` stretches that have not ended at `now`, in order; those that overlap or touch are one."""
    hours = tuple(hours)
    if not hours:
        return []
    zones = {name: load_zone(name) for name in {one.zone for one in hours}}
    weeks = count // len(hours) + 3  # one more at either end, and one for what overlaps
    while True:
        found = _joined(occurrence for one in hours for occurrence in _weekly(one, zones[one.zone], now, weeks))
        coming = [occurrence for occurrence in found if occurrence.end > now]
        if len(coming) > count or weeks > 2 * count + 4:
            return coming[:count]
        weeks *= 2


def covering(hours: Iterable[Hours], now: int) -> Occurrence | None:
    """Return the stretch in which `now` lies."""
    return next((found for found in occurrences(hours, now, 1) if found.start <= now), None)


def next_change(hours: Iterable[Hours], now: int) -> int | None:
    """Return the next moment after `now` at which a stretch begins or ends; `None` without hours."""
    for found in occurrences(hours, now, 1):
        return found.start if found.start > now else found.end
    return None


def latest_end(hours: Iterable[Hours], after: int, now: int) -> int | None:
    """Return the newest end of a stretch later than `after` and not later than `now`."""
    hours = tuple(hours)
    since = max(after, now - (_WEEK_DAYS + 1) * 86_400_000)  # every hour has one within eight days
    ends = [found.end for found in occurrences(hours, since, 8 * len(hours) + 1) if after < found.end <= now]
    return max(ends, default=None)


def local_day(zone: str, now: int) -> int:
    """Return the number of the day that `now` is of in `zone`: days since the first of January of the year 1."""
    return local_time(now, load_zone(zone)).toordinal()


def _weekly(hours: Hours, zone: ZoneInfo, now: int, weeks: int) -> Iterator[Occurrence]:
    """Yield the occurrences of `weeks` weeks from the week before `now` on."""
    today = local_time(now, zone).date()
    first = today - timedelta(days=(today.isoweekday() - hours.weekday) % _WEEK_DAYS + _WEEK_DAYS)
    for week in range(weeks):
        day = first + week * _WEEK_DAYS * _DAY
        last = day if hours.end > hours.start else day + _DAY
        start = clock_moment(day, time.fromisoformat(hours.start), zone)
        end = clock_moment(last, time.fromisoformat(hours.end), zone)
        if start < end:  # else the clocks skipped all of it
            yield Occurrence(start, end)


def _joined(found: Iterable[Occurrence]) -> list[Occurrence]:
    """Return what overlaps or touches as one, in order."""
    joined: list[Occurrence] = []
    for one in sorted(found, key=lambda occurrence: occurrence.start):
        if joined and one.start <= joined[-1].end:
            joined[-1] = Occurrence(joined[-1].start, max(one.end, joined[-1].end))
        else:
            joined.append(one)
    return joined
