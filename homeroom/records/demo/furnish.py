"""The small demo school, put into a database: what is there already stays as it is.

Never here: rooms, exams and all else that lives in actors (the composition's `demo`).
"""

from zoneinfo import ZoneInfo

from homeroom.protocol.zones import local_time
from homeroom.records.demo.days import days
from homeroom.records.demo.school import gradings, school
from homeroom.records.demo.wishes import carry_out
from homeroom.records.store import Store


async def furnish_school(store: Store, now: int, zone: ZoneInfo) -> None:
    """Give the demo people their school, as it is at `now` (Unix ms) by the clocks of `zone`.

    The people must be there. Raises `unavailable` and `overloaded`; what was done by then stays, and is not done again.
    """
    today = local_time(now, zone).date()
    await carry_out(store, school(today))
    await carry_out(store, days(today, zone))


async def furnish_gradings(store: Store) -> None:
    """Add the answers that wait to be looked at, once their exam is there. Raises as `furnish_school` does."""
    await carry_out(store, gradings())
