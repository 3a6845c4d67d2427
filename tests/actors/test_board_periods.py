"""Where periods end, and what happens there: by example and over every zone's changes of the clock."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.actors.board_people import PERIODS_KEPT
from homeroom.actors.board_periods import period_around
from homeroom.engine.behaviour import Refusal
from homeroom.protocol.board import (
    Configure,
    Configured,
    EntryChanged,
    ListEntries,
    Opened,
    OptOut,
    PeriodEnded,
    Recompute,
    Row,
    Scored,
    SetAlias,
    Tally,
)
from tests.actors.boards import choose, new_board, score, settle, top
from tests.actors.driver import START
from tests.actors.people import ADMIN, ANN, BEN

WEEK = 7 * 86_400_000
MONDAY = 1_700_438_400_000
"""20 November 2023, 00:00 UTC: the end of the week of `START`, a Tuesday."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")


def at(zone: str, *when: int) -> int:
    return round(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc, arg-type] # year to minute


@pytest.mark.parametrize(
    ("period", "zone", "now", "began", "ended"),
    [
        ("weekly", "UTC", (2023, 11, 14, 22), (2023, 11, 13), (2023, 11, 20)),
        ("weekly", "UTC", (2023, 11, 20), (2023, 11, 20), (2023, 11, 27)),
        ("weekly", "Europe/Berlin", (2024, 3, 30, 12), (2024, 3, 25), (2024, 4, 1)),
        ("weekly", "America/New_York", (2024, 11, 3, 1), (2024, 10, 28), (2024, 11, 4)),
        ("monthly", "Europe/Berlin", (2024, 2, 29, 23, 59), (2024, 2, 1), (2024, 3, 1)),
        ("monthly", "Asia/Tokyo", (2024, 12, 31, 23), (2024, 12, 1), (2025, 1, 1)),
    ],
)
def test_a_week_begins_on_monday_and_a_month_on_its_first_at_midnight_of_the_zone(
    period: Any, zone: str, now: tuple[int, ...], began: tuple[int, ...], ended: tuple[int, ...]
) -> None:
    assert period_around(period, at(zone, *now), zone) == (at(zone, *began), at(zone, *ended))


@given(st.sampled_from(["weekly", "monthly"]), st.integers(0, 4_000_000_000_000), st.sampled_from(ZONES))
def test_periods_hold_their_time_and_follow_each_other_without_a_gap(period: Any, now: int, zone: str) -> None:
    began, ends = period_around(period, now, zone)
    assert began <= now < ends
    assert period_around(period, ends, zone)[0] == ends
    local = datetime.fromtimestamp(ends / 1000, ZoneInfo(zone))
    assert (local.hour, local.minute) == (0, 0)
    assert local.weekday() == 0 if period == "weekly" else local.day == 1
    assert timedelta(days=6) < timedelta(milliseconds=ends - began) < timedelta(days=32)


def test_all_time_has_no_end() -> None:
    assert period_around("all_time", START, "UTC") == (START, 0)
    board = new_board("all_time.all")
    score(board, "ann", 1)
    assert board.deadlines == {}
    assert board.advance(100 * WEEK) == []
    assert top(board) == [("Ann", 1)]


def test_the_first_points_open_the_week_and_arm_its_end() -> None:
    board = new_board()
    score(board, "ann", 1)
    assert board.events[0] == Opened("UTC", MONDAY - WEEK, MONDAY)
    assert board.deadlines == {"period": MONDAY}


def test_at_its_end_a_period_keeps_its_first_ten_and_the_next_one_begins_empty() -> None:
    board = new_board()
    ann = board.follow(ANN)
    for number in range(12):
        score(board, f"p{number}", 100 - number)
    board.restart(snapshot_at=5)
    board.deadlines["period"] = MONDAY
    (event,) = board.advance(MONDAY - board.now)
    assert isinstance(event, PeriodEnded)
    assert (event.began, event.ends, event.entries) == (MONDAY, MONDAY + WEEK, 12)
    assert [entry.name for entry in event.top] == [f"P{n}" for n in range(10)]
    assert (board.behaviour.view(ANN).entries, top(board)) == (0, [])
    assert ann.state == board.behaviour.view(ANN)
    assert board.deadlines == {"period": MONDAY + WEEK}
    assert board.signals[-1].event.top == ()
    assert [row.name for row in board.do(ListEntries(), ANN).last] == [f"P{n}" for n in range(10)]


def test_points_that_come_before_the_deadline_was_looked_at_belong_to_the_new_week() -> None:
    board = new_board()
    score(board, "ann", 5)
    board.now = MONDAY
    assert score(board, "ben", 7) == Tally(True, 7)
    kinds = [Opened, Scored, EntryChanged, PeriodEnded, Scored, EntryChanged]
    assert [type(event) for event in board.events] == kinds
    assert top(board) == [("Ben", 7)]
    assert board.advance(0) == []
    assert board.deadlines == {"period": MONDAY + WEEK}
    assert board.rebuild().state == board.rebuild(3).state == board.behaviour.state


def test_a_late_value_of_a_source_that_an_earlier_period_counted_changes_nothing() -> None:
    board = new_board()
    score(board, "ann", 5, "sitting:e1.ann")
    board.advance(WEEK)
    assert score(board, "ann", 9, "sitting:e1.ann") == Tally(False, 0)
    assert score(board, "ann", 2, "sitting:e2.ann") == Tally(True, 2)
    assert score(board, "ann", 9, "sitting:e1.ann") == Tally(False, 2)
    board.advance(WEEK)
    assert score(board, "ann", 8, "sitting:e1.ann") == Tally(False, 0)


def test_a_board_that_slept_for_weeks_begins_the_week_that_is() -> None:
    board = new_board()
    score(board, "ann", 5)
    board.now = MONDAY + 3 * WEEK + 1
    score(board, "ben", 1)
    assert board.events[3].began == MONDAY + 3 * WEEK
    assert board.behaviour.state.number == 1


def test_choices_outlive_the_period_and_those_without_points_are_forgotten_after_a_year() -> None:
    board = new_board()
    choose(board, OptOut(), ANN)
    choose(board, SetAlias("Fox"), BEN)
    score(board, "ben", 5)
    score(board, "eve", 5)
    for _ in range(PERIODS_KEPT):
        board.advance(WEEK)
    assert set(board.behaviour.state.people) == {"ann", "ben"}
    score(board, "ben", 1)
    score(board, "ann", 1)
    assert top(board) == [("Fox", 1)]


def test_the_first_of_the_last_period_are_told_under_the_names_of_today() -> None:
    board = new_board()
    for user, points in (("ann", 9), ("ben", 7), ("eve", 7)):
        score(board, user, points)
    board.advance(WEEK)
    choose(board, OptOut(), ANN)
    choose(board, SetAlias("Fox"), BEN)
    people = board.behaviour.state.people
    assert board.do(ListEntries(), ADMIN).last == (
        Row(2, 2, people["ben"].n, "Fox", 7, alias=True),
        Row(3, 2, people["eve"].n, "Eve", 7, "eve"),
    )
    assert "'ann'" not in repr(board.replay(ADMIN))


def test_another_zone_moves_the_end_of_the_period_that_runs() -> None:
    board = new_board()
    score(board, "ann", 5)
    board.do(Configure("Asia/Tokyo"), ADMIN)
    tokyo = MONDAY - 9 * 3_600_000
    assert board.events[-1] == Configured("Asia/Tokyo", tokyo)
    assert board.deadlines == {"period": tokyo}
    assert board.events_of(Configure("Asia/Tokyo"), ADMIN) == []
    assert len(board.advance(tokyo - board.now)) == 1
    assert board.try_do(Configure("Europe/Atlantis"), ADMIN) == "bad_command"


def test_a_board_may_be_given_its_zone_before_anybody_scores() -> None:
    board = new_board()
    board.do(Configure("Asia/Tokyo"), ADMIN)
    assert board.behaviour.view(ANN).zone == "Asia/Tokyo"
    assert board.deadlines == {"period": MONDAY - 9 * 3_600_000}
    assert board.do(Configure("Asia/Tokyo"), ADMIN) is None


@pytest.mark.parametrize("command", [Recompute(), Configure("Europe/Berlin")])
def test_what_admins_do_after_the_end_ends_the_period_first(command: Any) -> None:
    board = new_board()
    score(board, "ann", 5)
    board.now = MONDAY
    assert isinstance(board.events_of(command, ADMIN)[0], PeriodEnded)
    assert top(board) == []
    settle(board)


def test_a_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refusal, match="bad_command"):
        period_around("weekly", START, "Europe/Atlantis")
