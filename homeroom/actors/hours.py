"""Finds the occurrences of weekly hours, on the days of their zone and across every change of its clocks.

The rules of zones come from the package `tzdata`, in the version that this release names, and never from the machine: all
nodes of a school must open a door at the same moment. Never here: the present time (it comes in), and what opens.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.hours import Hours, Occurrence

_DAY = timedelta(days=1)
_WEEK_DAYS = 7


def load_zone(name: str) -> ZoneInfo:
    """Return the zone `name`; raises `Refusal("bad_command")` when there is none."""
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not path.is_file():
        raise _no_zone(name)
    with path.open("rb") as rules:
        try:
            return ZoneInfo.from_file(rules, key=name)
        except ValueError:  # a file beside the zones, such as `leapseconds`
            raise _no_zone(name) from None


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
    return datetime.fromtimestamp(now / 1000, load_zone(zone)).toordinal()


def _weekly(hours: Hours, zone: ZoneInfo, now: int, weeks: int) -> Iterator[Occurrence]:
    """Yield the occurrences of `weeks` weeks from the week before `now` on."""
    today = datetime.fromtimestamp(now / 1000, zone).date()
    first = today - timedelta(days=(today.isoweekday() - hours.weekday) % _WEEK_DAYS + _WEEK_DAYS)
    for week in range(weeks):
        day = first + week * _WEEK_DAYS * _DAY
        last = day if hours.end > hours.start else day + _DAY
        start, end = _moment(day, hours.start, zone), _moment(last, hours.end, zone)
        if start < end:  # else the clocks skipped all of it
            yield Occurrence(start, end)


def _moment(day: date, clock: str, zone: ZoneInfo) -> int:
    """Return the Unix ms at which the clocks of `zone` show `clock` on `day`, or at which they skip it."""
    local = datetime.combine(day, time.fromisoformat(clock), zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return _millis(moment)
    return _millis(_change_between(local.replace(fold=1).astimezone(UTC), moment, zone))


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of the one change of the clocks after `before` and not after `after`, to the second."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > before else middle
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def _joined(found: Iterable[Occurrence]) -> list[Occurrence]:
    """Return what overlaps or touches as one, in order."""
    joined: list[Occurrence] = []
    for one in sorted(found, key=lambda occurrence: occurrence.start):
        if joined and one.start <= joined[-1].end:
            joined[-1] = Occurrence(joined[-1].start, max(one.end, joined[-1].end))
        else:
            joined.append(one)
    return joined


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _no_zone(name: str) -> Refusal:
    return Refusal("bad_command", f"there is no zone {name}", data={"field": "zone", "allowed": "an IANA zone"})
