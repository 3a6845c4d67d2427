"""How much happens in a study group: counters that each event moves, bounded, and read by the verb `activity`.

A week begins on Monday, 00:00 UTC, so that everybody counts the same one. Only what people do counts: posting, reacting, planning;
reading does not. Never here: the online count, which is presence's.
"""

from msgspec import Struct, field

from homeroom.engine.behaviour import Fact
from homeroom.protocol.chat import MessagePosted, ReactionChanged
from homeroom.protocol.group import MEMBERS_MAX, WEEKS_MAX, SessionScheduled, WeekFigures
from homeroom.protocol.ids import Millis

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
LISTED_MS = 60_000
"""Lists show the last activity to this much, so that not every message writes a row more."""
_MONDAY_MS = -3 * DAY_MS
"""The Monday before the epoch, which was a Thursday."""
_ACTIVE_MAX = 2 * MEMBERS_MAX
_DEEDS: frozenset[type] = frozenset({MessagePosted, ReactionChanged, SessionScheduled})


class Week(Struct):
    """A week as it is counted: its start, messages, and who was active (as many as are counted at the most)."""

    start: Millis = 0
    messages: int = 0
    active: dict[str, None] = field(default_factory=dict)


class Figures(Struct):
    """The counters: the current week, the closed ones before it (oldest first), when something last happened, and since when lists say so."""

    current: Week = field(default_factory=Week)
    past: list[WeekFigures] = field(default_factory=list)
    last: Millis = 0
    listed: Millis = 0


def count(figures: Figures, fact: Fact) -> None:
    """Let `fact` move the counters, when it is something that a person did."""
    if type(fact.event) not in _DEEDS:
        return
    _turn_week(figures, fact.at)
    week = figures.current
    week.messages += isinstance(fact.event, MessagePosted)
    if len(week.active) < _ACTIVE_MAX:
        week.active[fact.by] = None
    touch(figures, fact.at)


def touch(figures: Figures, at: int) -> None:
    """Note that something happened at `at` (Unix ms)."""
    figures.last = max(figures.last, at)
    if at - figures.listed >= LISTED_MS:
        figures.listed = at


def read_weeks(figures: Figures) -> tuple[WeekFigures, ...]:
    """Return the weeks in which something happened, the newest first."""
    current = (_close(figures.current),) if figures.current.active else ()
    return (*current, *reversed(figures.past))


def week_of(at: int) -> int:
    """Return the start of the week of `at`, both Unix ms."""
    return at - (at - _MONDAY_MS) % WEEK_MS


def _turn_week(figures: Figures, at: int) -> None:
    start = week_of(at)
    if start <= figures.current.start:
        return
    if figures.current.active:
        figures.past = [*figures.past, _close(figures.current)][-(WEEKS_MAX - 1) :]
    figures.current = Week(start)


def _close(week: Week) -> WeekFigures:
    return WeekFigures(week.start, week.messages, len(week.active))
