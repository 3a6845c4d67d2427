"""What people are told of a class session, when, and that nobody is told twice."""

import pytest

from homeroom.actors.session_memory import MOVES_MS
from homeroom.protocol.inbox import Notify
from homeroom.protocol.session_words import (
    AdmitEarly,
    Cancel,
    Change,
    End,
    Enroll,
    Expel,
    Join,
    Leave,
    Reminded,
    Start,
)
from tests.actors.people import ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.sessions import MINUTE, STARTS, listed, notices, planned


def test_the_enrolled_are_reminded_fifteen_and_five_minutes_before_and_at_the_start() -> None:
    session = listed()
    assert notices(session) == [("ann", "session.scheduled"), ("ben", "session.scheduled")]
    for minutes, kind in ((15, "session.starting_soon"), (5, "session.join_now"), (0, "session.starts")):
        assert session.advance(STARTS - minutes * MINUTE - session.now - 1) == []
        assert session.advance(1) == [Reminded(minutes)]
        assert notices(session) == [("ann", kind), ("ben", kind)]


def test_a_reminder_names_the_session_its_time_and_where_to_go() -> None:
    session = listed()
    session.tells.clear()
    session.advance(45 * MINUTE)
    assert session.tells[0].command == Notify(
        type="session.starting_soon",
        title="Session starting soon",
        message="Algebra starts in 15 minutes",
        data={"session": "algebra", "starts": STARTS},
        url="/live-sessions/algebra",
        key=f"session:algebra:starting_soon:{STARTS}",
    )
    session.tells.clear()
    session.advance(10 * MINUTE)
    assert session.tells[0].command.priority == "high"


def test_nobody_else_is_reminded_and_the_owner_neither() -> None:
    session = planned()
    session.do(Enroll(("ann",)), TEACHER)
    session.do(AdmitEarly(), TEACHER)
    for who in (BEN, EVE, TEACHER):
        session.do(Join(), who)
        session.do(Leave(), who)
    session.do(Join(), COLLEAGUE)
    session.do(Expel(("eve",)), TEACHER)
    notices(session)
    session.advance(45 * MINUTE)
    assert notices(session) == [("ann", "session.starting_soon"), ("ben", "session.starting_soon")]


def test_a_session_that_nobody_is_expected_at_reminds_nobody() -> None:
    session = planned()
    assert session.advance(90 * MINUTE) == []
    assert notices(session) == []


def test_reminders_survive_a_restart_and_are_not_sent_twice() -> None:
    session = listed()
    session.advance(45 * MINUTE)
    notices(session)
    session.restart()
    session.restart(snapshot_at=session.seq)
    assert session.advance(MINUTE) == []
    session.deadlines["remind.15"] = session.now
    assert session.advance(MINUTE) == []
    assert session.advance(10 * MINUTE) == [Reminded(5)]
    assert [kind for _, kind in notices(session)] == ["session.join_now"] * 2


def test_a_reminder_that_comes_when_the_next_one_is_due_is_not_sent() -> None:
    session = listed()
    notices(session)
    session.now = STARTS - 4 * MINUTE
    session.deadlines.update({"remind.15": session.now, "remind.5": session.now})
    assert session.advance(0) == [Reminded(5)]
    session.now = STARTS + 11 * MINUTE
    session.deadlines["remind.0"] = session.now
    assert session.advance(0) == []
    assert notices(session) == [("ann", "session.join_now"), ("ben", "session.join_now")]


def test_a_moved_start_is_told_and_its_reminders_move_along() -> None:
    session = listed()
    session.advance(45 * MINUTE)
    notices(session)
    session.do(Change(starts=STARTS + 60 * MINUTE), TEACHER)
    assert notices(session) == [("ann", "session.rescheduled"), ("ben", "session.rescheduled")]
    assert session.advance(60 * MINUTE - 1) == []
    assert session.advance(1) == [Reminded(15)]
    assert [kind for _, kind in notices(session)] == ["session.starting_soon"] * 2


def test_a_burst_of_moves_is_told_twice_at_most_the_first_and_where_it_came_to_rest() -> None:
    session = listed()
    notices(session)
    for number in range(1, 30):
        session.do(Change(starts=STARTS + number * MINUTE), TEACHER)
        session.advance(MINUTE // 10)
    last = Change(starts=STARTS + 90 * MINUTE)
    session.do(last, TEACHER)
    assert [who for who, _ in notices(session)] == ["ann", "ben"]
    session.advance(MOVES_MS)
    told = [tell for tell in session.tells if isinstance(tell.command, Notify)]
    assert [(tell.to, tell.command.data["starts"]) for tell in told] == [
        ("inbox:ann", last.starts), ("inbox:ben", last.starts),
    ]  # fmt: skip
    assert len({tell.command.key for tell in told}) == 1
    session.tells.clear()
    session.advance(2 * MOVES_MS)
    assert notices(session) == []


def test_a_move_long_after_the_last_one_is_told_at_once_also_by_a_new_life() -> None:
    session = listed()
    session.do(Change(starts=STARTS + MINUTE), TEACHER)
    session.restart(snapshot_at=session.seq)
    session.do(Change(starts=STARTS + 2 * MINUTE), TEACHER)
    session.advance(MOVES_MS)
    notices(session)
    session.do(Change(starts=STARTS + 3 * MINUTE), TEACHER)
    assert notices(session) == [("ann", "session.rescheduled"), ("ben", "session.rescheduled")]


@pytest.mark.parametrize("end", [Start(), Cancel()])
def test_what_has_begun_or_was_cancelled_is_not_told_to_have_moved(end: Start | Cancel) -> None:
    session = listed()
    for number in (1, 2):
        session.do(Change(starts=STARTS + number * MINUTE), TEACHER)
    session.do(end, TEACHER)
    notices(session)
    session.advance(MOVES_MS)
    assert notices(session) == []


def test_a_start_that_comes_nearer_is_not_reminded_of_for_times_that_have_passed() -> None:
    session = listed()
    session.do(Change(starts=session.now + 10 * MINUTE), TEACHER)
    notices(session)
    assert session.advance(10 * MINUTE) == [Reminded(5), Reminded(0)]


def test_other_changes_of_the_plan_tell_nobody() -> None:
    session = listed()
    notices(session)
    session.do(Change(title="Algebra 2", minutes=30), TEACHER)
    assert notices(session) == []


def test_a_cancelled_session_is_told_to_all_and_reminds_nobody() -> None:
    session = listed()
    session.do(AdmitEarly(), TEACHER)
    session.do(Join(), ANN)
    notices(session)
    session.do(Cancel("Snow"), TEACHER)
    assert session.tells[0].command.message == "Algebra: Snow"
    assert notices(session) == [("ben", "session.cancelled"), ("ann", "session.cancelled")]
    session.deadlines["remind.5"] = STARTS - 5 * MINUTE
    assert session.advance(90 * MINUTE) == []
    assert notices(session) == []


def test_the_real_start_is_told_to_those_who_are_not_in_it() -> None:
    session = listed()
    session.do(AdmitEarly(), TEACHER)
    session.do(Join(), ANN)
    notices(session)
    session.do(Start(), TEACHER)
    assert notices(session) == [("ben", "session.started")]
    assert session.advance(60 * MINUTE) == []


def test_a_start_in_time_is_not_told_after_its_reminder_and_a_late_one_is() -> None:
    for late, told in ((MINUTE, []), (5 * MINUTE, ["session.started"] * 2)):
        session = listed()
        session.advance(60 * MINUTE)
        notices(session)
        session.advance(late)
        session.do(Start(), TEACHER)
        assert [kind for _, kind in notices(session)] == told


def test_who_is_put_on_the_list_is_told_at_once_and_only_while_it_matters() -> None:
    session = listed()
    session.do(Start(), TEACHER)
    notices(session)
    session.do(Enroll(("ann", "eve")), TEACHER)
    assert notices(session) == [("eve", "session.started")]
    session.do(End(), TEACHER)
    assert session.try_do(Enroll(("zoe",)), TEACHER) == "conflict"
    assert notices(session) == []


def test_people_enrolled_from_the_beginning_are_told_that_it_is_planned() -> None:
    session = planned(audience="listed", people=("ben", "ben", "teacher"))
    assert notices(session) == [("ben", "session.scheduled")]
