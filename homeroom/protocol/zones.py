"""Times of a clock on a wall in an IANA zone, as Unix ms: what every part that speaks of local time has in common.

The rules of zones come from the package `tzdata`, in the version that this release names, and never from the machine: all
nodes of a school must see a day begin at the same moment. Never here: the present time (it comes in).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


class UnknownZone(ValueError):
    """There is no zone of this name."""


@lru_cache(maxsize=64)
def find_zone(name: str) -> ZoneInfo:
    """Return the zone `name`, a text of the form of `hours.Zone`; raises `UnknownZone` when there is none."""
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not path.is_file():
        raise UnknownZone(name)
    with path.open("rb") as rules:
        try:
            return ZoneInfo.from_file(rules, key=name)
        except ValueError:  # a file beside the zones, such as `leapseconds`
            raise UnknownZone(name) from None


def local_time(moment: int, zone: ZoneInfo) -> datetime:
    """Return what the clocks of `zone` show at `moment` (Unix ms)."""
    return datetime.fromtimestamp(moment / 1000, zone)


def clock_moment(day: date, clock: time, zone: ZoneInfo) -> int:
    """Return the Unix ms at which the clocks of `zone` show `clock` on `day`, or at which they skip it; of two the first."""
    local = datetime.combine(day, clock, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return _millis(moment)
    return _millis(_change_between(local.replace(fold=1).astimezone(UTC), moment, zone))


def day_window(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return when `day` begins in `zone`, and when it is over: 23, 24 or 25 hours later, or at once for a day that was skipped.

    Raises `OverflowError` for the last day that there is.
    """
    return clock_moment(day, time(), zone), clock_moment(day + _DAY, time(), zone)


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


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
