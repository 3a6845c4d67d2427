"""Days and times of a clock in a zone, over every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.zones import UnknownZone, clock_moment, day_window, find_zone, local_time

HOUR = 3_600_000
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu",
)  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", 24.0),
        ("Europe/Berlin", "2026-03-29", 23.0),
        ("Europe/Berlin", "2026-10-25", 25.0),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Havana", "2025-03-09", 23.0),  # the clocks skip midnight itself
        ("America/Havana", "2025-11-02", 25.0),  # midnight comes twice
        ("Asia/Beirut", "2026-10-24", 25.0),  # the last hour of the day comes twice
        ("Asia/Beirut", "2026-10-25", 24.0),
        ("Pacific/Apia", "2011-12-30", 0.0),  # there was no such day
        ("America/Scoresbysund", "2024-03-30", 23.5 + 0.5),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: str, hours: float) -> None:
    start, end = day_window(date.fromisoformat(day), find_zone(zone))
    assert (end - start) / HOUR == hours


@given(st.sampled_from(ZONES), st.dates(date(2005, 1, 1), date(2035, 12, 31)))
def test_days_touch_and_hold_exactly_the_moments_that_show_their_date(zone: str, day: date) -> None:
    rules = find_zone(zone)
    start, end = day_window(day, rules)
    assert day_window(day + timedelta(days=1), rules)[0] == end
    for moment in range(start - 3 * HOUR, end + 3 * HOUR, HOUR // 4):
        assert (local_time(moment, rules).date() == day) == (start <= moment < end)


@pytest.mark.parametrize("zone", ZONES)
def test_the_days_of_a_year_leave_no_moment_out(zone: str) -> None:
    rules = find_zone(zone)
    windows = [day_window(date(2026, 1, 1) + timedelta(days=n), rules) for n in range(366)]
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    assert all(22 * HOUR < end - start < 26 * HOUR for start, end in windows)


def test_a_time_that_is_skipped_is_the_moment_of_the_change_and_of_two_the_first_counts() -> None:
    berlin = find_zone("Europe/Berlin")
    change = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()) * 1000
    assert clock_moment(date(2026, 3, 29), time(2, 30), berlin) == change
    back = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 1000
    assert clock_moment(date(2026, 10, 25), time(2, 30), berlin) == back


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "leapseconds", "zone.tab", "Europe/Berlin/Mitte"])
def test_what_is_no_zone_is_said_to_be_none(name: str) -> None:
    with pytest.raises(UnknownZone):
        find_zone(name)
