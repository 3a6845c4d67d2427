"""The periods of leaderboards, by which their ids are made, and where these begin and end: a week on Monday, a month on its first day, each at 00:00 in a zone.

Times are Unix ms. A midnight that the clocks skip counts as if they had not been changed yet.
Never here: what happens at the end of a period (`board`).
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from homeroom.actors.board_order import Order
from homeroom.actors.hours import load_zone
from homeroom.engine.behaviour import At, Refusal
from homeroom.protocol.board import Period
from homeroom.protocol.board_state import PERIODS

ID = re.compile(rf"\A({'|'.join(PERIODS)})\.([A-Za-z0-9_\-]{{1,50}})\Z")
IDS = f"a period ({', '.join(PERIODS)}), a dot, and a specialty or `all`, such as weekly.all"
PERIOD = "period"
"""The deadline at which a period ends."""


class Start(NamedTuple):
    """What a decision starts from: what has to happen first, and then the number, end and order of the period."""

    events: tuple[Any, ...]
    number: int
    ends: int
    order: Order

    @property
    def timers(self) -> tuple[At, ...]:
        """Return the deadline of a period that begins with this decision, if it has an end."""
        return (At(PERIOD, self.ends),) if self.events and self.ends else ()


def no_board() -> Refusal:
    """Return the answer to an id that names no board."""
    return Refusal("not_found", f"no such board: its id is {IDS}")


def period_around(period: Period, now: int, zone: str) -> tuple[int, int]:
    """Return when the `period` that holds `now` began, and its end, which is after `now`; one without end ends at 0 and begins now.

    Raises `Refusal("bad_command")` when there is no such zone.
    """
    found = _PERIODS.get(period)
    if found is None:
        return now, 0
    first_of, days = found
    tz = load_zone(zone)
    first = first_of(datetime.fromtimestamp(now / 1000, tz).date())
    return _midnight(first, tz), _midnight(first_of(first + timedelta(days=days)), tz)


def _midnight(day: date, tz: ZoneInfo) -> int:
    return round(datetime.combine(day, time(), tz).timestamp() * 1000)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


_PERIODS: dict[str, tuple[Callable[[date], date], int]] = {"weekly": (_monday, 7), "monthly": (_first_of_month, 31)}
"""The first day of the period of a day, and so many days as lead from it into the next one."""
