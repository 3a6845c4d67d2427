"""Recurrence rules (RFC 5545, `FREQ=WEEKLY;BYDAY=MO,WE;COUNT=20`) and the moments that follow from them.

What a timetable needs is taken, and the rest is refused by name: days, weeks, months and years; no hours, no weeks of the
year. A lesson at nine stays at nine over every change of the clocks. Each rule that is read here ends its expansion soon,
because the first moment has to be one of its own. Pure; callers expand in a worker thread: that takes milliseconds.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, weekday

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.zones import local_time

OCCURRENCES_MAX = 370
"""Every day of a year: as many as one transaction makes, or moves, in good time on a slow machine too."""
RULE_MAX = 200
"""Characters of a rule."""
ENDLESS_DAYS = 366
"""How far a rule reaches that says neither COUNT nor UNTIL."""
SPAN_DAYS = 5 * 366
"""How far any rule may reach."""

Frequency = Literal[0, 1, 2, 3]
"""As the library numbers them: YEARLY, MONTHLY, WEEKLY, DAILY."""

_MS, _DAY, _EPOCH = timedelta(milliseconds=1), timedelta(days=1), datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES: Mapping[str, Frequency] = MappingProxyType(
    {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
)
_UNTIL = re.compile(r"\A(\d{8})(?:T(\d{6})Z)?\Z", re.ASCII)
_NUMBER = re.compile(r"\A[+-]?[0-9]{1,3}\Z")
_WEEKDAY = re.compile(r"\A([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)\Z")


@dataclass(frozen=True, slots=True)
class Until:
    """Up to when, inclusive: a local day, or a moment in UTC."""

    day: date | None = None
    moment: datetime | None = None

    def passed(self, moment: datetime) -> bool:
        """Tell whether `moment`, a time of the zone, is later."""
        return moment.date() > self.day if self.day else self.moment is not None and moment > self.moment


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule as it was read. `text` is its one spelling; `byday` holds (ordinal or 0, weekday), Monday is 0."""

    text: str
    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: Until | None = None
    byday: tuple[tuple[int, int], ...] = ()
    bymonthday: tuple[int, ...] = ()
    bymonth: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    wkst: int = 0


def read_rule(text: str) -> Recurrence:
    """Return the rule that `text` says, with or without `RRULE:`; raises `Refusal` `bad_command` that names the part."""
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or name not in _PARTS or name in parts:
            raise _unfit(f"{part[:40]!r}: each part stands once, and is one of {', '.join(_PARTS)}")
        parts[name] = value
    if "FREQ" not in parts:
        raise _unfit("FREQ is missing: DAILY, WEEKLY, MONTHLY or YEARLY")
    fields: dict[str, Any] = {}
    for name, value in parts.items():
        fields |= _PARTS[name](name, value)
    rule = Recurrence(";".join(f"{name}={parts[name]}" for name in _PARTS if name in parts), **fields)
    _check_parts(rule)
    return rule


def expand(rule: Recurrence, first: int, zone: ZoneInfo) -> tuple[int, ...]:
    """Return the moments of a series that begins at `first` (Unix ms), in order, `first` among them.

    A local time that the clocks skip is as much later as they skip; of one that comes twice the first counts. Raises
    `Refusal` `bad_command` when `first` is none of the rule's own moments, or they are too many or too far apart.
    """
    began = local_time(first, zone).replace(tzinfo=None, microsecond=0)
    if not _fits(rule, began.date()):
        raise _stranger()
    _check_span(rule, first, zone)
    found: list[int] = []
    for local in _locals(rule, began):
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if rule.until is not None and rule.until.passed(moment.astimezone(zone)):
            break
        if not found and local != began:
            raise _stranger()
        found.append(int(moment.timestamp()) * 1000 + first % 1000)
        if len(found) > OCCURRENCES_MAX:
            raise _unfit(f"more than {OCCURRENCES_MAX} occurrences", allowed="an earlier UNTIL")
    if not found:
        raise _unfit("UNTIL is before the first one")
    return (first, *found[1:])


class Meant(NamedTuple):
    """A moment (Unix ms) at which the clocks show `late` ms more than is meant, because they skip that time; nearly always 0."""

    at: int
    late: int = 0


def meant(moments: Sequence[int], zone: ZoneInfo) -> list[Meant]:
    """Return what is meant by the moments of a series: the time of the first on each day."""
    first = _shown(moments[0], zone)
    return [Meant(moment, (_shown(moment, zone) - first) % _DAY // _MS) for moment in moments]


def shift(one: Meant, by: timedelta, zone: ZoneInfo) -> Meant:
    """Return `one` moved by `by` on the clocks of `zone`: a day later is the same time of the next day."""
    return _at(_clock(one, zone) + by, zone)


def local_difference(before: Meant, after: int, zone: ZoneInfo) -> timedelta:
    """Return by how much the clocks of `zone` show more at `after` than is meant by `before`, for `shift`; nothing when it stays."""
    return _shown(after, zone) - _clock(before, zone) if after != before.at else timedelta()


def _clock(one: Meant, zone: ZoneInfo) -> datetime:
    """Return what the clocks should show; of what is no such moment in this zone, what they show."""
    shown = _shown(one.at, zone)
    wanted = shown - one.late * _MS
    return wanted if _at(wanted, zone) == one else shown


def _at(clock: datetime, zone: ZoneInfo) -> Meant:
    """Return when the clocks show `clock`, the first time, or as much later as they skip."""
    moment = clock.replace(tzinfo=zone).astimezone(UTC)
    return Meant((moment - _EPOCH) // _MS, (moment.astimezone(zone).replace(tzinfo=None, fold=0) - clock) // _MS)


def _shown(moment: int, zone: ZoneInfo) -> datetime:
    return local_time(moment, zone).replace(tzinfo=None, fold=0)


def _check_span(rule: Recurrence, first: int, zone: ZoneInfo) -> None:
    """Raise `Refusal` for an UNTIL that is further away than a rule may reach."""
    if rule.until is not None and not rule.until.passed(local_time(first, zone) + timedelta(days=SPAN_DAYS)):
        raise _unfit(f"UNTIL is more than {SPAN_DAYS} days after the first one")


def _locals(rule: Recurrence, began: datetime) -> Iterator[datetime]:
    """Yield the local times as far as the rule may reach; raises when its COUNT wants more than that."""
    ends = rule.count is not None or rule.until is not None
    for local in _library_rule(rule, began):
        if local - began <= timedelta(days=SPAN_DAYS if ends else ENDLESS_DAYS):
            yield local
        elif rule.count is not None:
            raise _unfit(f"the series lasts longer than {SPAN_DAYS} days", allowed="a smaller COUNT")
        else:
            return


def _library_rule(rule: Recurrence, began: datetime) -> rrule:
    return rrule(
        rule.frequency,
        dtstart=began,
        interval=rule.interval,
        wkst=rule.wkst,
        count=rule.count,
        bysetpos=rule.bysetpos or None,
        bymonth=rule.bymonth or None,
        bymonthday=rule.bymonthday or None,
        byweekday=tuple(weekday(day, ordinal or None) for ordinal, day in rule.byday) or None,
    )


# --- whether a day is of the rule


def _fits(rule: Recurrence, day: date) -> bool:
    """Tell whether a day passes the rule's sieves: then so do others soon, and no expansion looks for days that never come."""
    return (
        (not rule.bymonth or day.month in rule.bymonth)
        and (not rule.bymonthday or bool({day.day, day.day - _month_days(day) - 1} & set(rule.bymonthday)))
        and (not rule.byday or any(_fits_weekday(day, ordinal, weekday) for ordinal, weekday in rule.byday))
    )


def _fits_weekday(day: date, ordinal: int, weekday: int) -> bool:
    from_start, from_end = (day.day - 1) // 7 + 1, -((_month_days(day) - day.day) // 7) - 1
    return day.weekday() == weekday and ordinal in (0, from_start, from_end)


def _month_days(day: date) -> int:
    return ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


# --- reading


def _check_parts(rule: Recurrence) -> None:
    """Raise `Refusal` for parts that do not go together."""
    for wrong, message in (
        (rule.count is not None and rule.until is not None, "COUNT and UNTIL exclude each other"),
        (rule.frequency == WEEKLY and rule.bymonthday, "BYMONTHDAY is not for WEEKLY"),
        (rule.frequency != MONTHLY and any(n for n, _ in rule.byday), "the ordinals of BYDAY are for MONTHLY"),
        (len({bool(n) for n, _ in rule.byday}) > 1, "BYDAY has ordinals at all of its days or at none"),
        (rule.bysetpos and not _counts_weekdays(rule), "BYSETPOS is for MONTHLY with plain BYDAY alone"),
    ):
        if wrong:
            raise _unfit(message)


def _counts_weekdays(rule: Recurrence) -> bool:
    plain = bool(rule.byday) and not any(ordinal for ordinal, _ in rule.byday)
    return rule.frequency == MONTHLY and plain and not rule.bymonthday


Read = Callable[[str, str], Mapping[str, Any]]


def _read_frequency(name: str, value: str) -> Mapping[str, Any]:
    if value not in _FREQUENCIES:
        raise _unfit(f"FREQ is one of {', '.join(_FREQUENCIES)}")
    return {"frequency": _FREQUENCIES[value]}


def _read_number(most: int) -> Read:
    def read(name: str, value: str) -> Mapping[str, Any]:
        return {name.lower(): _number(name, value, 1, most)}

    return read


def _read_numbers(most: int, *, negative: bool) -> Read:
    def read(name: str, value: str) -> Mapping[str, Any]:
        numbers = (_number(name, one, -most if negative else 1, most) for one in value.split(","))
        return {name.lower(): tuple(dict.fromkeys(numbers))}

    return read


def _number(name: str, value: str, least: int, most: int) -> int:
    number = int(value) if _NUMBER.match(value) else 0
    if number == 0 or not least <= number <= most:
        raise _unfit(f"{name} takes whole numbers from {least} to {most}, and no 0")
    return number


def _read_until(name: str, value: str) -> Mapping[str, Any]:
    found = _UNTIL.match(value)
    try:
        if found and found[2]:
            return {"until": Until(moment=datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))}
        if found:
            return {"until": Until(day=date(int(value[:4]), int(value[4:6]), int(value[6:])))}
    except ValueError:
        pass
    raise _unfit("UNTIL is a day, 20260731, or a moment in UTC, 20260731T120000Z")


def _read_days(name: str, value: str) -> Mapping[str, Any]:
    found = [_WEEKDAY.match(one) for one in value.split(",")]
    days = tuple((int(one[1] or 0), _DAYS.index(one[2])) for one in found if one)
    if len(days) != len(found):
        raise _unfit("BYDAY takes MO TU WE TH FR SA SU, for months with an ordinal: 2MO, -1FR")
    return {"byday": tuple(dict.fromkeys(days))}


def _read_week_start(name: str, value: str) -> Mapping[str, Any]:
    if value not in _DAYS:
        raise _unfit("WKST is a weekday, such as MO")
    return {"wkst": _DAYS.index(value)}


_PARTS: Mapping[str, Read] = MappingProxyType(
    {
        "FREQ": _read_frequency,
        "INTERVAL": _read_number(99),
        "COUNT": _read_number(OCCURRENCES_MAX),
        "UNTIL": _read_until,
        "BYDAY": _read_days,
        "BYMONTHDAY": _read_numbers(31, negative=True),
        "BYMONTH": _read_numbers(12, negative=False),
        "BYSETPOS": _read_numbers(4, negative=True),
        "WKST": _read_week_start,
    }
)


def _stranger() -> Refusal:
    return _unfit("the first one does not fit the rule", field="start_at", allowed="a moment of the rule's own")


def _unfit(message: str, *, field: str = "series", allowed: str = "") -> Refusal:
    return Refusal("bad_command", f"{field}: {message}", data={"field": field, "allowed": allowed or message})
