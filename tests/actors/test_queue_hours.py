"""Weekly hours: what they mean across changes of the clocks, and how a queue opens and closes by them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.hours import covering, latest_end, load_zone, next_change, occurrences
from homeroom.actors.queue_house import LEFTOVER_MS
from homeroom.engine.behaviour import Refusal
from homeroom.protocol.hours import Hours, Occurrence
from homeroom.protocol.queue import Claim, Close, Join, Open, Reopen, Schedule, UpcomingHours
from homeroom.protocol.queue_events import Closed, Left, Opened
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, COLLEAGUE, TEACHER
from tests.actors.queues import MAKER, MINUTE, join, join_all, line, new_queue, open_queue, titles

HOUR, DAY, WEEK = 60 * MINUTE, 24 * 60 * MINUTE, 7 * 24 * 60 * MINUTE
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def ms(text: str, zone: str = "UTC") -> int:
    """Return the Unix ms of a local time such as `2026-03-29 01:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def local(moment: int, zone: str) -> str:
    return datetime.fromtimestamp(moment / 1000, load_zone(zone)).isoformat()


def first(hours: Hours, now: int) -> tuple[str, str]:
    """Return the next occurrence in local time."""
    (found,) = occurrences((hours,), now, 1)
    return local(found.start, hours.zone), local(found.end, hours.zone)


# --- occurrences


def test_sunday_is_the_first_day_of_the_week() -> None:
    now = ms("2026-01-05 12:00")  # a Monday
    days = [first(Hours(day, "08:00", "09:00", "UTC"), now)[0][:10] for day in range(7)]
    assert days == [f"2026-01-{day:02}" for day in (11, 12, 6, 7, 8, 9, 10)]


def test_ten_o_clock_stays_ten_o_clock_over_the_change_to_summer_time() -> None:
    hours = Hours(1, "10:00", "12:00", BERLIN)
    before, after = occurrences((hours,), ms("2026-03-22 00:00"), 2)
    assert [local(found.start, BERLIN) for found in (before, after)] == [
        "2026-03-23T10:00:00+01:00",
        "2026-03-30T10:00:00+02:00",
    ]
    assert after.start - before.start == WEEK - HOUR


@pytest.mark.parametrize(
    ("hours", "now", "start", "end"),
    [
        (Hours(0, "01:30", "02:30", BERLIN), "2026-03-28", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"),
        (Hours(0, "02:30", "03:30", BERLIN), "2026-03-28", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"),
        (Hours(0, "02:15", "02:45", BERLIN), "2026-03-28", "2026-04-05T02:15:00+02:00", "2026-04-05T02:45:00+02:00"),
        (Hours(0, "01:30", "02:30", BERLIN), "2026-10-24", "2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+02:00"),
        (Hours(0, "02:30", "03:30", BERLIN), "2026-10-24", "2026-10-25T02:30:00+02:00", "2026-10-25T03:30:00+01:00"),
        (Hours(0, "01:30", "02:30", NEW_YORK), "2026-03-07", "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"),
        (Hours(6, "23:00", "03:00", BERLIN), "2026-03-28", "2026-03-28T23:00:00+01:00", "2026-03-29T03:00:00+02:00"),
    ],
    ids=["ends in the gap", "begins in it", "lies in it", "ends in the fold", "begins in it, once", "America", "night"],
)
def test_hours_on_the_day_of_a_change(hours: Hours, now: str, start: str, end: str) -> None:
    assert first(hours, ms(f"{now} 12:00")) == (start, end)


def test_a_day_that_a_zone_skipped_has_no_hours() -> None:
    friday = Hours(5, "10:00", "11:00", "Pacific/Apia")
    found = occurrences((friday,), ms("2011-12-20 00:00"), 3)
    assert [local(one.start, "Pacific/Apia")[:10] for one in found] == ["2011-12-23", "2012-01-06", "2012-01-13"]


def test_hours_that_touch_or_overlap_are_one_stretch() -> None:
    hours = (Hours(1, "09:00", "10:00", "UTC"), Hours(1, "10:00", "11:00", "UTC"), Hours(1, "10:30", "12:00", "UTC"))
    monday = ms("2026-01-05 00:00")
    assert occurrences(hours, monday, 2) == [
        Occurrence(monday + 9 * HOUR, monday + 12 * HOUR),
        Occurrence(monday + WEEK + 9 * HOUR, monday + WEEK + 12 * HOUR),
    ]


def test_the_present_stretch_counts_until_its_end_and_not_at_it() -> None:
    hours = (Hours(1, "09:00", "10:00", "UTC"),)
    nine = ms("2026-01-05 09:00")
    assert covering(hours, nine - 1) is None
    assert covering(hours, nine) == covering(hours, nine + HOUR - 1) == Occurrence(nine, nine + HOUR)
    assert covering(hours, nine + HOUR) is None
    assert (next_change(hours, nine - 1), next_change(hours, nine)) == (nine, nine + HOUR)
    assert next_change((), nine) is None
    assert latest_end(hours, nine, nine + 2 * HOUR) == nine + HOUR
    assert latest_end(hours, nine + HOUR, nine + 2 * HOUR) is None


ZONES = st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"])
CLOCKS = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
HOURS = st.builds(Hours, st.integers(0, 6), CLOCKS, CLOCKS, ZONES).filter(lambda one: one.start != one.end)
MOMENTS = st.integers(ms("2011-01-01 00:00"), ms("2030-01-01 00:00"))


@settings(max_examples=150, deadline=None)
@given(st.lists(HOURS, min_size=1, max_size=4), MOMENTS)
def test_every_minute_in_a_stretch_shows_hours_on_the_clocks_and_no_other_does(hours: list[Hours], now: int) -> None:
    now -= now % MINUTE
    found = occurrences(hours, now, 6)
    assert len(found) == 6 or len(hours) > 1
    for one, other in pairwise(found):
        assert one.start < one.end < other.start
    for moment in range(now, min(now + 2 * DAY, found[-1].end), 15 * MINUTE):
        inside = any(one.start <= moment < one.end for one in found)
        if inside != any(_shows(one, moment) for one in hours):
            assert _near_a_change(hours, moment)


def _shows(hours: Hours, moment: int) -> bool:
    """Tell by the clocks alone whether `moment` lies within the hours."""
    there = datetime.fromtimestamp(moment / 1000, ZoneInfo(hours.zone))
    clock, today = f"{there:%H:%M}", there.isoweekday() % 7
    yesterday = (there - timedelta(days=1)).isoweekday() % 7
    if hours.start < hours.end:
        return today == hours.weekday and hours.start <= clock < hours.end
    return (today == hours.weekday and clock >= hours.start) or (yesterday == hours.weekday and clock < hours.end)


def _near_a_change(hours: list[Hours], moment: int) -> bool:
    """Tell whether the clocks of a zone change within a day: then the clock's face is not all that there is to know."""
    at = datetime.fromtimestamp(moment / 1000, UTC)
    around = [at + timedelta(hours=step) for step in range(-30, 31)]
    return any(len({one.astimezone(ZoneInfo(h.zone)).utcoffset() for one in around}) > 1 for h in hours)


# --- what is refused


@pytest.mark.parametrize("zone", ["Mars/Olympus", "leapseconds", "Europe", "posix/Berlin"])
def test_a_zone_that_there_is_not_is_refused_by_name(zone: str) -> None:
    with pytest.raises(Refusal) as refused:
        open_queue().do(Schedule((Hours(1, "09:00", "10:00", zone),)), TEACHER)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "zone")


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "Europe/../Berlin", "a\0b", ""])
def test_z7_a_zone_is_no_path(zone: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"weekday": 1, "start": "09:00", "end": "10:00", "zone": zone}, Hours)


def test_hours_without_length_are_refused() -> None:
    assert open_queue().try_do(Schedule((Hours(1, "09:00", "09:00", "UTC"),)), TEACHER) == "bad_command"


# --- opening and closing


def wake_after(queue: Driver, ms: int) -> list[Any]:
    """Let the server be down for `ms`: what came due meanwhile fires when it is back; returns the events that caused."""
    before, queue.now = queue.seq, queue.now + ms
    queue.restart()
    for key in [key for key, due in queue.deadlines.items() if due is not None and due <= queue.now]:
        del queue.deadlines[key]
        queue._fire(key)
    return queue.events[before:]


def scheduled(start: str = "2026-01-05 08:00") -> Driver:
    """Return a closed queue with hours on Monday from nine to ten, at the time `start`."""
    queue = new_queue()
    queue.now = ms(start)
    from_create = queue.kind.verb("create")
    assert from_create is not None
    queue.do(from_create.command("Algebra"), MAKER)
    queue.do(Schedule((Hours(1, "09:00", "10:00", "UTC"),)), TEACHER)
    return queue


def test_the_queue_opens_and_closes_by_its_hours_week_after_week() -> None:
    queue = scheduled()
    assert queue.try_do(Join(), ANN) == "conflict"
    assert queue.advance(HOUR) == [Opened("schedule")]
    assert queue.try_do(Join(), ANN) == "ok"
    assert queue.advance(HOUR) == [Closed("schedule")]
    assert queue.try_do(Join(), BEN) == "conflict"
    assert line(queue) == ["ann"]
    assert [type(event) for event in queue.advance(WEEK)] == [Left, Opened, Closed]


def test_the_hours_follow_the_clocks_of_their_zone() -> None:
    queue = scheduled("2026-03-23 00:00")
    queue.do(Schedule((Hours(1, "09:00", "10:00", BERLIN),)), TEACHER)
    queue.advance(2 * WEEK - HOUR)
    opened = [fact.at for fact in queue.facts if isinstance(fact.event, Opened)]
    assert [local(at, BERLIN) for at in opened] == ["2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00"]


def test_whoever_closes_early_is_not_opened_again_by_the_same_hours() -> None:
    queue = scheduled()
    queue.advance(HOUR + 10 * MINUTE)
    queue.do(Close(), TEACHER)
    assert queue.advance(2 * HOUR) == []
    assert queue.advance(WEEK) == [Opened("schedule"), Closed("schedule")]


def test_whoever_opens_early_is_closed_at_the_end_of_the_hours() -> None:
    queue = scheduled()
    queue.do(Open(), TEACHER)
    assert queue.advance(90 * MINUTE) == []
    assert queue.advance(30 * MINUTE) == [Closed("schedule")]


def test_hours_that_began_before_they_were_written_down_are_not_made_up_for() -> None:
    queue = scheduled("2026-01-05 09:30")
    assert queue.advance(HOUR) == []
    assert queue.advance(WEEK) == [Opened("schedule"), Closed("schedule")]


def test_hours_that_passed_while_the_server_was_down_have_passed() -> None:
    queue = scheduled()
    assert wake_after(queue, 3 * HOUR) == []  # nine and ten o'clock went by unseen
    assert wake_after(queue, WEEK - 90 * MINUTE) == [Opened("schedule")]
    assert wake_after(queue, HOUR) == [Closed("schedule")]
    queue.do(Open(), TEACHER)
    assert wake_after(queue, 2 * WEEK) == [Closed("schedule")]


def test_new_hours_take_the_place_of_the_old_and_none_end_them() -> None:
    queue = scheduled()
    queue.do(Schedule((Hours(2, "09:00", "10:00", "UTC"),)), TEACHER)
    assert queue.advance(DAY) == []
    assert queue.events_of(Schedule((Hours(2, "09:00", "10:00", "UTC"),)), TEACHER) == []
    queue.do(Schedule(()), TEACHER)
    assert queue.deadlines == {}
    assert queue.advance(2 * WEEK) == []


def test_the_coming_hours_can_be_asked_for_and_a_refusal_names_the_next() -> None:
    queue = scheduled()
    upcoming = queue.do(UpcomingHours(limit=2), ANN).upcoming
    assert upcoming == (
        Occurrence(queue.now + HOUR, queue.now + 2 * HOUR),
        Occurrence(queue.now + WEEK + HOUR, queue.now + WEEK + 2 * HOUR),
    )
    with pytest.raises(Refusal) as refused:
        queue.do(Join(), ANN)
    assert refused.value.data == {"opens": upcoming[0].start}


# --- by hand


def test_opening_closing_and_reopening_twice_is_nothing() -> None:
    queue = new_queue()
    queue.do(queue.kind.verbs[0].command("Algebra"), MAKER)
    assert queue.events_of(Close(), TEACHER) == []
    assert queue.try_do(Reopen(), TEACHER) == "conflict"
    assert queue.events_of(Open(), TEACHER) == [Opened()]
    assert queue.events_of(Open(), TEACHER) == queue.events_of(Reopen(), TEACHER) == []
    assert queue.events_of(Close(), TEACHER) == [Closed()]
    assert queue.events_of(Reopen(), TEACHER) == [Opened(again=True)]
    assert queue.try_do(Open(), ANN) == "forbidden"


def test_closing_keeps_the_line_and_dismissing_tells_everybody() -> None:
    queue = open_queue()
    join_all(queue, ANN, BEN)
    queue.do(Close(), TEACHER)
    assert line(queue) == ["ann", "ben"]
    queue.do(Claim("1"), COLLEAGUE)
    assert queue.events_of(Close(dismiss=True), TEACHER) == [Left("2", "closed")]
    assert titles(queue, "ben")[-1] == "Office hours have ended"
    assert queue.try_do(Claim("1"), COLLEAGUE) == "ok"


def test_who_is_left_over_long_after_closing_is_sent_away_and_told() -> None:
    queue = open_queue()
    join(queue, ANN)
    queue.do(Close(), TEACHER)
    queue.do(Claim(), TEACHER)
    assert [event.reason for event in queue.advance(2 * LEFTOVER_MS) if isinstance(event, Left)] == ["expired"]
    assert titles(queue, "ann")[-1] == "Office hours have ended"


def test_who_is_left_over_stays_when_the_queue_is_opened_again() -> None:
    queue = open_queue()
    join(queue, ANN)
    queue.do(Close(), TEACHER)
    queue.do(Reopen(), TEACHER)
    assert queue.advance(2 * LEFTOVER_MS) == []
    assert line(queue) == ["ann"]
