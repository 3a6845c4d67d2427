"""Sessions that a study group plans, and the figures of what happens in it."""

from typing import Any

import pytest

from homeroom.actors.group_figures import WEEK_MS, week_of
from homeroom.actors.group_sessions import AHEAD_MS, KEPT_MAX
from homeroom.engine.behaviour import Caller, Refusal, Tell
from homeroom.protocol.chat import React, Read, Say
from homeroom.protocol.group import (
    SESSIONS_MAX,
    WEEKS_MAX,
    Activity,
    CallOff,
    Delete,
    GroupFigures,
    Join,
    Leave,
    Remove,
    Schedule,
    SessionCalledOff,
    SessionScheduled,
    WeekFigures,
)
from homeroom.protocol.group_state import OVERRUN_MS, Meeting
from homeroom.protocol.presence import Exit
from homeroom.protocol.session_words import Cancel, Create, Enroll, Expel, HandOver
from tests.actors.driver import START, Driver
from tests.actors.groups import public_group
from tests.actors.people import ADMIN, ANN, BEN, EVE, TEACHER

HOUR = 3_600_000


def plan(group: Driver, starts: int = START + HOUR, title: str = "Sheet 3") -> str:
    session: str = group.do(Schedule(title, starts, 90, "Bring it"), BEN).session
    return session


def test_planning_makes_a_session_for_all_members_that_its_planner_owns() -> None:
    group = public_group(course="math-1")
    group.tells.clear()
    session = plan(group, title=" Sheet \n 3")
    ends = START + HOUR + 90 * 60_000
    assert group.events[-1] == SessionScheduled(session, "Sheet 3", START + HOUR, ends)
    made = Create(
        "Sheet 3", START + HOUR, "Bring it", "math-1", minutes=90, audience="listed", owner="ben", owner_name="Ben",
        people=("ann", "ben"), group="algebra",
    )  # fmt: skip
    assert group.tells == [Tell(f"session:{session}", made)]
    assert group.follow(ANN).state.sessions == {session: Meeting("Sheet 3", "ben", START + HOUR, ends)}


def test_every_session_has_an_id_of_its_own() -> None:
    group = public_group()
    assert len({plan(group) for _ in range(5)}) == 5


def test_only_members_plan() -> None:
    group = public_group()
    for caller in (EVE, TEACHER):
        assert group.try_do(Schedule("Sheet 3", START + HOUR), caller) == "forbidden"


def test_a_time_that_has_passed_is_too_late_and_one_in_the_far_future_is_refused_by_name() -> None:
    group = public_group()
    assert group.try_do(Schedule("Sheet 3", START - 1), BEN) == "too_late"
    with pytest.raises(Refusal) as refused:
        group.do(Schedule("Sheet 3", START + AHEAD_MS + 1), BEN)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "starts")


def test_sessions_to_come_are_bounded_and_those_that_are_over_make_room() -> None:
    group = public_group()
    for _ in range(SESSIONS_MAX):
        plan(group)
    assert group.try_do(Schedule("One more", START + HOUR), BEN) == "full"
    group.now += 4 * HOUR
    assert group.try_do(Schedule("One more", group.now + HOUR), BEN) == "ok"
    group.now += OVERRUN_MS
    session = plan(group, group.now + HOUR)
    assert len(group.behaviour.state.shown.sessions) == 2, (
        "what was planned 14 hours ago is forgotten, its last one is not"
    )
    assert session in group.behaviour.state.shown.sessions


def test_sessions_that_should_be_over_are_bounded_too() -> None:
    group = public_group()
    for _ in range(KEPT_MAX):
        group.now += 6 * 60_000
        group.do(Schedule("Quick", group.now, 5), BEN)
    assert group.try_do(Schedule("One more", group.now, 5), BEN) == "full"
    group.now += OVERRUN_MS
    assert group.try_do(Schedule("One more", group.now, 5), BEN) == "ok"


def test_who_joins_later_is_enrolled_and_who_goes_is_taken_off_the_list() -> None:
    group = public_group()
    session = plan(group)
    group.tells.clear()
    group.do(Join(), EVE)
    assert group.tells[1:] == [Tell(f"session:{session}", Enroll(("eve",)))]
    group.tells.clear()
    group.do(Remove("eve"), ANN)
    assert group.tells[1:] == [Tell(f"session:{session}", Expel(("eve",)))]


@pytest.mark.parametrize("goes", [(Leave(), BEN), (Remove("ben"), ANN), (Remove("ben"), ADMIN)])
def test_the_sessions_of_a_planner_who_goes_belong_to_an_admin_of_the_group(goes: tuple[Any, Caller]) -> None:
    group = public_group()
    session, follower = plan(group), group.follow(ANN)
    group.tells.clear()
    group.do(*goes)
    assert group.tells[1:] == [Tell(f"session:{session}", HandOver("ann", "Ann"))]
    assert follower.state.sessions[session].by == group.behaviour.state.shown.sessions[session].by == "ann"


def test_who_goes_is_taken_out_of_a_session_that_runs_beyond_its_planned_end() -> None:
    group = public_group()
    session = plan(group)
    theirs = group.do(Schedule("Sheet 4", START + HOUR), ANN).session
    group.tells.clear()
    group.now += 4 * HOUR
    group.do(Remove("ben"), ANN)
    assert group.tells[1:] == [
        Tell(f"session:{session}", HandOver("ann", "Ann")),
        Tell(f"session:{theirs}", Expel(("ben",))),
    ]


def test_who_joins_is_not_enrolled_in_what_should_be_over_and_who_goes_long_after_it_is_taken_out_of_nothing() -> None:
    group = public_group()
    plan(group)
    group.tells.clear()
    group.now += 4 * HOUR
    group.do(Join(), EVE)
    assert [tell.to for tell in group.tells] == ["presence:eve"]
    group.tells.clear()
    group.now += OVERRUN_MS
    group.do(Leave(), BEN)
    assert [tell.to for tell in group.tells] == ["presence:ben"]


def test_an_admin_of_the_group_calls_off_a_session_that_somebody_else_planned() -> None:
    group = public_group()
    session, follower = plan(group), group.follow(BEN)
    group.tells.clear()
    assert group.try_do(CallOff(session), BEN) == "forbidden"
    assert group.events_of(CallOff(session, "No room\n"), ANN) == [SessionCalledOff(session)]
    assert group.tells == [Tell(f"session:{session}", Cancel("No room"))]
    assert follower.state.sessions == {}
    assert group.try_do(CallOff(session), ANN) == "not_found"


def test_with_the_group_its_sessions_end_whoever_planned_them_but_for_those_that_are_over() -> None:
    group = public_group()
    plan(group)
    group.now += 4 * HOUR + OVERRUN_MS
    mine = plan(group, group.now + HOUR)
    theirs = group.do(Schedule("Sheet 4", group.now + HOUR), ANN).session
    gone = [Tell(f"session:{session}", Cancel("the study group was deleted")) for session in (mine, theirs)]
    group.do(Leave(), BEN)
    group.tells.clear()
    assert group.try_do(Delete(), ANN) == "ok"
    assert group.tells == [Tell("presence:ann", Exit("group:algebra")), *gone]
    group.tells.clear()
    group.do(Delete(), ADMIN)
    assert group.tells == []


def test_a_group_that_ends_with_its_last_member_takes_its_sessions_along() -> None:
    group = public_group()
    session = plan(group)
    group.do(Leave(), BEN)
    group.tells.clear()
    group.do(Leave(), ANN)
    assert group.tells[1:] == [Tell(f"session:{session}", Cancel("the study group was deleted"))]


# --- figures


def test_figures_count_messages_and_whoever_did_something_week_by_week() -> None:
    group = public_group()
    monday = week_of(START) + WEEK_MS
    group.now = monday - 1
    group.do(Say("Sunday night"), ANN)
    group.now = monday
    first = group.do(Say("Monday morning"), ANN).id
    group.do(React(first, "👍"), BEN)
    group.do(Say("Me too"), ANN)
    group.do(Read(first), BEN)
    assert group.do(Activity(), BEN) == GroupFigures(
        messages=3,
        members=2,
        last_at=monday,
        weeks=(WeekFigures(monday, 2, 2), WeekFigures(monday - WEEK_MS, 1, 1)),
    )


def test_a_week_begins_on_monday() -> None:
    # 2024-01-01 was a Monday
    monday = 1_704_067_200_000
    assert week_of(monday) == week_of(monday + WEEK_MS - 1) == monday
    assert week_of(monday - 1) == monday - WEEK_MS


def test_coming_reading_and_going_is_no_activity() -> None:
    group = public_group()
    group.now += HOUR
    group.do(Join(), EVE)
    group.do(Leave(), EVE)
    assert group.do(Activity(), BEN) == GroupFigures(0, 2, START, ())


def test_only_the_newest_weeks_are_kept() -> None:
    group = public_group()
    for _ in range(WEEKS_MAX + 5):
        group.now += WEEK_MS
        group.do(Say("hi"), ANN)
    weeks = group.do(Activity(), BEN).weeks
    assert [week.start for week in weeks] == [week_of(group.now) - number * WEEK_MS for number in range(WEEKS_MAX)]


def test_lists_tell_the_last_activity_to_the_minute_without_a_row_for_each_message() -> None:
    group = public_group()
    seen = set()
    for _ in range(10):
        group.now += 20_000
        group.do(Say("hi"), ANN)
        seen.add(group.rows["study_groups",]["last_at"])
    assert sorted(seen) == [START + 20_000, START + 80_000, START + 140_000, START + 200_000]
