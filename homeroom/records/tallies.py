"""What a row adds to the counters, said beside its record type: which figures, and in which scopes. Pure.

A scope is whom or what a figure is of: `student:ann`, `mentor:tess`, `class:10a`, `school`. A figure has a name, such as
`entries_pending`, and where it goes by days a day. What a change of a row adds is what the row adds now, less what it added before.
Never here: where counters are kept (`tail`), their SQL (`recount`), and what readers are shown (`figures`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from homeroom.protocol.zones import find_zone, local_time

SCHOOL = "school"
_ALWAYS: Mapping[str, tuple[Any, ...]] = MappingProxyType({})


class Count(NamedTuple):
    """One counter: whose, which figure, and of which day, empty where days do not matter."""

    scope: str
    name: str
    day: str


@dataclass(frozen=True, slots=True)
class Tally:
    """That each row counts as one.

    name      of the figure
    scopes    kind of a scope -> the column with its id (NULL: not there), empty for the one scope of that kind: `{"school": ""}`
    by        a column of words: each word has a figure of its own, `<name>_<word>`
    when      column -> the values with which a row counts; others do not
    day       a column with a day, or with a time (Unix ms) whose day in the school's zone counts
    """

    name: str
    scopes: Mapping[str, str]
    by: str = ""
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: _ALWAYS)
    day: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns that it looks at."""
        return tuple(name for name in (*self.scopes.values(), self.by, *self.when, self.day) if name)

    def counts(self, row: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Count]:
        """Yield each counter to which a row, as builtin types, adds one."""
        if any(row[column] not in values for column, values in self.when.items()):
            return
        name = f"{self.name}_{row[self.by]}" if self.by else self.name
        day = _day(row[self.day], zone) if self.day else ""
        for kind, column in self.scopes.items():
            if not column:
                yield Count(kind, name, day)
            elif row[column] is not None:
                yield Count(f"{kind}:{row[column]}", name, day)


@dataclass(slots=True)
class Touched:
    """The scopes in which a transaction changed rows that count, whether any figure is another now or not."""

    scopes: set[str] = field(default_factory=set)


class Counts:
    """What gathers during a transaction: how much is to be added to which counter. `zone` says which day a time belongs to."""

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self.touched = Touched()
        self._zone = zone or find_zone("UTC")
        self._sums: Counter[Count] = Counter()

    def change(self, tallies: Iterable[Tally], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        """Add what a written row comes to: before (`None`: it is new) and after (`None`: it is gone)."""
        for tally in tallies:
            for row, sign in ((old, -1), (new, 1)):
                for count in tally.counts(row, self._zone) if row is not None else ():
                    self._sums[count] += sign
                    self.touched.scopes.add(count.scope)

    def add(self, count: Count, by: int) -> None:
        """Add to a counter of what no row counts for by itself."""
        self._sums[count] += by
        self.touched.scopes.add(count.scope)

    def sums(self) -> list[tuple[Count, int]]:
        """Return what is to be added, in no order."""
        return [(count, value) for count, value in self._sums.items() if value]


def _day(value: Any, zone: ZoneInfo) -> str:
    return value if isinstance(value, str) else day_of(value, zone).isoformat()


def day_of(moment: int, zone: ZoneInfo) -> date:
    """Return the day in `zone` of a time (Unix ms)."""
    return local_time(moment, zone).date()
