"""What a record type's declaration says of columns that say themselves: what is meant when a client leaves them out. Pure.

Never here: columns that no client sets, which the server fills in (`RecordType.fill`).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class Derived(NamedTuple):
    """What is meant by leaving a column out.

    make      (what is said, the school's zone) -> the value, `None`: nothing follows, and it is as if it were not declared so
    of        columns from which it follows: it is asked for whenever one of them is said; without any, of new rows alone
    """

    make: Callable[[Mapping[str, Any], ZoneInfo], Any]
    of: tuple[str, ...] = ()


def meant(derived: Mapping[str, Derived], said: Mapping[str, Any], zone: ZoneInfo, *, new: bool) -> Mapping[str, Any]:
    """Return `said` with what it means besides."""
    if not derived:
        return said
    asked = {name: one for name, one in derived.items() if name not in said}
    made = {
        name: one.make(said, zone)
        for name, one in asked.items()
        if (new and not one.of) or any(column in said for column in one.of)
    }
    return {**said, **{name: value for name, value in made.items() if value is not None}}


def school_zone(said: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Return the name of the school's own zone."""
    return zone.key
