"""Attendance: a ledger of what the server observed, its totals, its sheet, and who may see whose."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors.session_attendance import COLUMNS, union_ms
from homeroom.actors.session_people import RETURN_MS, VISITS_MAX
from homeroom.engine.behaviour import Caller, Tell
from homeroom.http.csv import write_csv
from homeroom.protocol.chat import MessagePosted, Say, Typing
from homeroom.protocol.presence import Beat, Enter, Exit
from homeroom.protocol.session_floor import Ask, PollOpen, PollVote, PollVoted, RaiseHand
from homeroom.protocol.session_state import Attended
from homeroom.protocol.session_words import (
    Attendance,
    AttendanceSheet,
    Attendees,
    Away,
    Back,
    Cancel,
    End,
    Enroll,
    Expel,
    Join,
    Leave,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
    Start,
)
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.sessions import MINUTE, STARTS, WARD_PARENT, listed, live, planned, shown


def total(session: Driver, user: str, caller: Caller = TEACHER) -> int:
    """Return the minutes that somebody was there."""
    people = {one.user: one.total_ms for one in session.do(Attendance(), caller).people}
    return int(people[user]) // MINUTE


def first(session: Driver, user: str) -> int:
    """Return when somebody's first interval began, as the totals tell it."""
    return int(next(one.first for one in session.do(Attendance(), TEACHER).people if one.user == user))


def intervals(session: Driver, user: str) -> list[tuple[int, int | None, str | None]]:
    """Return the rows of somebody's intervals, in minutes since the start."""
    rows = [row for key, row in session.rows.items() if key[:2] == ("session_attendance", user)]
    return [
        ((row["joined"] - STARTS) // MINUTE, row["gone"] and (row["gone"] - STARTS) // MINUTE, row["reason"])
        for row in sorted(rows, key=lambda row: int(row["number"]))
    ]


def test_leaving_and_coming_back_makes_two_intervals_whose_lengths_add_up() -> None:
    session = live()
    session.advance(10 * MINUTE)
    session.do(Leave(), ANN)
    session.advance(5 * MINUTE)
    session.do(Join(), ANN)
    session.advance(20 * MINUTE)
    assert intervals(session, "ann") == [(0, 10, "left"), (15, None, None)]
    assert (total(session, "ann"), total(session, "ben")) == (30, 35)
    session.do(End(), TEACHER)
    assert intervals(session, "ann") == [(0, 10, "left"), (15, 35, "ended")]
    assert intervals(session, "ben") == [(0, 35, "ended")]
    session.advance(60 * MINUTE)
    assert (total(session, "ann"), session.do(Attendance(), TEACHER).final) == (30, True)


def test_a_reconnect_within_the_grace_is_one_interval_and_counts_whole() -> None:
    session = live()
    session.advance(10 * MINUTE)
    assert session.events_of(Away("ann", STARTS + 9 * MINUTE)) == [ParticipantLost("ann", STARTS + 9 * MINUTE)]
    assert total(session, "ann") == 9
    session.advance(30_000)
    assert session.events_of(Back("ann", session.now)) == [ParticipantReturned("ann")]
    session.advance(10 * MINUTE)
    assert intervals(session, "ann") == [(0, None, None)]
    assert total(session, "ann") == 20


def test_who_does_not_come_back_within_the_grace_has_left_when_it_was_last_heard_of() -> None:
    session = live()
    session.advance(10 * MINUTE)
    session.do(Away("ann", STARTS + 9 * MINUTE))
    session.tells.clear()
    assert session.advance(RETURN_MS - MINUTE - 1) == []
    assert session.advance(1) == [ParticipantLeft("ann", "lost")]
    assert Exit("session:algebra") in [tell.command for tell in session.tells]
    assert intervals(session, "ann") == [(0, 9, "lost")]
    assert session.events_of(Back("ann", session.now)) == []
    session.do(Join(), ANN)
    assert intervals(session, "ann") == [(0, 9, "lost"), (11, None, None)]


def test_several_who_are_lost_are_given_up_each_in_its_own_time() -> None:
    session = live()
    session.advance(10 * MINUTE)
    session.do(Away("ann", session.now))
    session.advance(MINUTE)
    session.do(Away("ben", session.now))
    assert session.advance(RETURN_MS - MINUTE) == [ParticipantLeft("ann", "lost")]
    session.restart()
    assert session.advance(MINUTE) == [ParticipantLeft("ben", "lost")]


def test_the_seat_of_a_lost_person_is_kept_for_the_grace() -> None:
    session = live(capacity=2)
    session.advance(MINUTE)
    session.do(Away("ann", session.now))
    assert session.try_do(Join(), EVE) == "full"
    session.advance(RETURN_MS)
    assert session.try_do(Join(), EVE) == "ok"
    assert session.try_do(Join(), ANN) == "full"


def test_a_return_that_is_told_after_the_grace_is_none() -> None:
    session = live()
    session.advance(MINUTE)
    session.do(Away("ann", session.now))
    session.now += RETURN_MS + 1
    assert session.events_of(Back("ann", session.now)) == [ParticipantLeft("ann", "lost")]


def test_E12_who_joins_without_any_sign_of_life_was_not_there() -> None:
    session = live()
    session.do(Join(), EVE)
    assert Enter("session:algebra") in [tell.command for tell in session.tells if tell.to == "presence:eve"]
    session.advance(20_000)
    session.do(Away("eve", STARTS + 300))
    session.advance(RETURN_MS)
    session.advance(30 * MINUTE)
    session.do(End(), TEACHER)
    assert intervals(session, "eve") == [(0, 0, "lost")]
    assert total(session, "eve") == 0


def test_E12_who_joins_first_and_is_seen_later_counts_from_then_on() -> None:
    session = live()
    session.do(Join(), EVE)
    session.advance(MINUTE)
    session.do(Away("eve", STARTS))
    session.do(Back("eve", session.now))
    session.advance(9 * MINUTE)
    assert intervals(session, "eve") == [(1, None, None)]
    assert total(session, "eve") == 9
    assert first(session, "eve") == STARTS + MINUTE, "the totals say the same as the sheet"
    session.do(Leave(), EVE)
    session.advance(MINUTE)
    session.do(Join(), EVE)
    session.do(Away("eve", session.now))
    session.advance(MINUTE)
    session.do(Back("eve", session.now))
    assert first(session, "eve") == STARTS + MINUTE


def test_who_joined_without_a_connection_and_does_something_is_back_and_counts_from_the_beginning() -> None:
    session = live()
    session.do(Join(), EVE)
    session.advance(20_000)
    session.do(Away("eve", STARTS))
    session.advance(40_000)
    session.tells.clear()
    events = session.events_of(Say("here"), EVE)
    assert [type(event) for event in events] == [MessagePosted, ParticipantReturned]
    assert [tell for tell in session.tells if tell.to == "presence:eve"] == [Tell("presence:eve", Beat())]
    session.do(Back("eve", session.now))
    session.advance(4 * MINUTE)
    assert intervals(session, "eve") == [(0, None, None)]
    assert total(session, "eve") == 5


def test_the_time_up_to_what_was_done_last_counts_though_the_presence_heard_nothing() -> None:
    session = live()
    session.do(Join(), EVE)
    session.advance(10_000)
    session.do(RaiseHand(), EVE)
    session.advance(10_000)
    session.do(Away("eve", STARTS))
    session.advance(MINUTE)
    session.do(Ask("Why?"), EVE)
    session.advance(MINUTE)
    session.do(Away("eve", STARTS + 10_000))
    session.advance(RETURN_MS)
    (_, row) = next((key, row) for key, row in session.rows.items() if key[:2] == ("session_attendance", "eve"))
    assert (row["joined"], row["gone"], row["reason"]) == (STARTS, STARTS + 80_000, "lost")
    assert session.rebuild().state == session.rebuild(snapshot_at=session.seq - 2).state == session.behaviour.state


@pytest.mark.parametrize("command", [Leave(), End()])
def test_a_lost_person_who_goes_or_ends_it_was_here_until_then(command: Any) -> None:
    session = live()
    who = EVE if isinstance(command, Leave) else TEACHER
    session.do(Join(), who)
    session.advance(20_000)
    session.do(Away(who.user, STARTS))
    session.advance(40_000)
    session.do(command, who)
    ((joined, gone, _),) = intervals(session, who.user)
    assert (joined, gone) == (0, 1)


def test_a_vote_that_is_shown_by_name_brings_its_voter_back() -> None:
    session = live()
    poll = session.do(PollOpen("Clear?", ("yes", "no"), changeable=True), TEACHER).id
    session.do(Join(), EVE)
    session.do(Away("eve", STARTS))
    session.advance(MINUTE)
    assert session.events_of(PollVote(poll, (0,)), EVE) == [PollVoted(poll, "eve", (0,)), ParticipantReturned("eve")]
    session.do(Away("eve", session.now))
    assert session.events_of(PollVote(poll, (0,)), EVE) == [ParticipantReturned("eve")], "also by the same vote again"
    assert total(session, "eve") == 1


def test_looking_typing_and_voting_in_secret_bring_nobody_back() -> None:
    session = live()
    poll = session.do(PollOpen("Clear?", ("yes", "no"), anonymous=True), TEACHER).id
    session.do(Join(), EVE)
    session.do(Away("eve", STARTS))
    seq = session.seq
    for command in (Attendance(), Attendees(), Typing(), Join()):
        session.do(command, EVE)
    assert session.seq == seq
    session.do(PollVote(poll, (0,)), EVE)
    assert shown(session).people["eve"].standing == "lost"


def test_E12_a_replayed_join_neither_moves_the_beginning_nor_opens_another_interval() -> None:
    session = live()
    for _ in range(5):
        session.advance(MINUTE)
        assert session.events_of(Join(), ANN) == []
    assert intervals(session, "ann") == [(0, None, None)]
    assert total(session, "ann") == 5


def test_E12_a_join_replayed_while_one_is_lost_does_not_count_as_coming_back() -> None:
    session = live()
    session.advance(10 * MINUTE)
    session.do(Away("ann", session.now))
    session.advance(MINUTE)
    assert session.events_of(Join(), ANN) == []
    session.advance(10 * MINUTE)
    assert intervals(session, "ann") == [(0, 10, "lost")]


def test_E12_only_a_presence_says_who_is_away_and_who_is_back() -> None:
    session = live()
    for who in (ANN, TEACHER, ADMIN):
        assert session.try_do(Away("ben", session.now), who) == "forbidden"
        assert session.try_do(Back("ben", session.now), who) == "forbidden"


def test_what_a_presence_says_of_times_before_and_after_is_cut_to_the_interval() -> None:
    session = live()
    session.advance(10 * MINUTE)
    session.do(Away("ann", STARTS - 99 * MINUTE))
    session.do(Away("ben", session.now + 99 * MINUTE))
    assert (total(session, "ann"), total(session, "ben")) == (0, 10)


def test_what_a_presence_says_of_those_who_are_not_in_it_is_nothing() -> None:
    session = live()
    session.do(Leave(), ANN)
    for user in ("ann", "eve"):
        assert session.events_of(Away(user, session.now)) == []
        assert session.events_of(Back(user, session.now)) == []
    assert session.events_of(Back("ben", session.now)) == []


def test_who_is_thrown_out_has_its_interval_closed_with_the_reason() -> None:
    session = live()
    session.advance(3 * MINUTE)
    session.do(Expel(("ann",)), TEACHER)
    assert intervals(session, "ann") == [(0, 3, "removed")]


def test_a_cancelled_session_closes_the_intervals_of_those_who_waited() -> None:
    session = planned()
    session.now = STARTS - 5 * MINUTE
    session.do(Join(), ANN)
    session.now = STARTS
    session.do(Cancel(), TEACHER)
    assert intervals(session, "ann") == [(-5, 0, "cancelled")]


def test_nobody_comes_and_goes_without_end() -> None:
    session = live()
    for _ in range(VISITS_MAX - 1):
        session.do(Leave(), ANN)
        session.do(Join(), ANN)
    session.do(Leave(), ANN)
    assert session.try_do(Join(), ANN) == "full"


# --- who may see whose


def people_seen(session: Driver, caller: Caller) -> tuple[set[str], set[str]]:
    """Return whom somebody sees in the totals and in the sheet."""
    rows = session.do(AttendanceSheet(), caller).rows
    return {one.user for one in session.do(Attendance(), caller).people}, {row[0] for row in rows}


def test_the_owner_sees_everybody_a_student_itself_and_a_parent_its_children() -> None:
    session = live()
    session.do(Join(), COLLEAGUE)
    session.do(Enroll(("eve",)), TEACHER)
    everybody = {"ann", "ben", "colleague"}
    assert people_seen(session, TEACHER) == people_seen(session, ADMIN) == (everybody, everybody)
    assert people_seen(session, ANN) == ({"ann"}, {"ann"})
    assert people_seen(session, COLLEAGUE) == ({"colleague"}, {"colleague"})
    assert people_seen(session, WARD_PARENT) == ({"ann"}, {"ann"})
    assert people_seen(session, EVE) == (set(), set())
    two = Caller("parent", "parent", "Pat", frozenset({"ann", "ben", "zoe"}))
    assert people_seen(session, two) == ({"ann", "ben"}, {"ann", "ben"})


def test_a_parent_of_somebody_else_is_refused_and_learns_nothing_of_a_listed_session() -> None:
    stranger = Caller("other", "parent", "Other", frozenset({"zoe"}))
    assert live().try_do(Attendance(), stranger) == "forbidden"
    assert listed().try_do(AttendanceSheet(), stranger) == "not_found"


@pytest.mark.parametrize("audience", ["listed", "open"])
def test_who_was_there_and_its_parents_see_that_attendance_also_after_it_was_expelled(audience: str) -> None:
    session = listed() if audience == "listed" else live()
    session.now = STARTS
    session.do(Enroll(("ann", "eve")), TEACHER)
    session.do(Join(), ANN)
    session.advance(3 * MINUTE)
    session.do(Expel(("ann", "eve")), TEACHER)
    assert people_seen(session, ANN) == people_seen(session, WARD_PARENT) == ({"ann"}, {"ann"})
    assert session.do(AttendanceSheet(), WARD_PARENT).rows[0][6] == 180
    refused = "not_found" if audience == "listed" else "forbidden"
    for who in (ANN, WARD_PARENT):
        assert session.try_do(Attendees(), who) == refused
    eves = Caller("parent", "parent", "Pat", frozenset({"eve"}))
    assert session.try_do(Attendance(), EVE) == session.try_do(Attendance(), eves) == refused, "she never came"


def test_the_totals_tell_role_name_and_from_when_to_when() -> None:
    session = live()
    session.advance(MINUTE)
    session.do(Leave(), ANN)
    assert session.do(Attendance(), ANN).people == (
        Attended("ann", "student", "Ann", MINUTE, 1, STARTS, STARTS + MINUTE),
    )


def test_the_sheet_has_a_row_an_interval_with_times_in_utc_and_the_total() -> None:
    session = live()
    session.advance(MINUTE)
    session.do(Leave(), ANN)
    session.advance(MINUTE)
    session.do(Join(), ANN)
    session.advance(30_000)
    sheet = session.do(AttendanceSheet(), ANN)
    assert (sheet.name, sheet.columns) == ("attendance-algebra", COLUMNS)
    assert sheet.rows == (
        ("ann", "Ann", "student", "2023-11-14T23:13:20Z", "2023-11-14T23:14:20Z", "left", 60, 90),
        ("ann", "Ann", "student", "2023-11-14T23:15:20Z", None, None, 30, 90),
    )


def test_Z5_a_name_that_begins_a_formula_stands_in_the_sheet_as_it_is_for_the_door_to_neutralise() -> None:
    session = live()
    session.do(Join(), Caller("mallory", "student", '=HYPERLINK("https://evil")'))
    sheet = session.do(AttendanceSheet(), TEACHER)
    assert '=HYPERLINK("https://evil")' in [row[1] for row in sheet.rows]
    assert b'"\'=HYPERLINK(""https://evil"")"' in write_csv(sheet)


# --- the whole


PEOPLE = (ANN, BEN, EVE)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "leave", "away", "back", "expel", "enroll", "restart"]),
        st.sampled_from(PEOPLE),
        st.integers(0, 200_000),
        st.integers(0, 90_000),
    ),
    max_size=60,
)


def act(session: Driver, what: str, who: Caller, ago: int) -> None:
    """Let something happen to somebody; what a presence says, it says of a time that has passed."""
    commands: dict[str, tuple[Any, Caller | None]] = {
        "join": (Join(), who),
        "leave": (Leave(), who),
        "away": (Away(who.user, session.now - ago), None),
        "back": (Back(who.user, session.now - ago), None),
        "expel": (Expel((who.user,)), TEACHER),
        "enroll": (Enroll((who.user,)), TEACHER),
    }
    if what == "restart":
        session.restart(snapshot_at=session.seq)
        return
    command, caller = commands[what]
    if caller is None:
        session.do(command)
    else:
        session.try_do(command, caller)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(1, 3), st.booleans())
def test_totals_equal_the_union_of_the_intervals_and_the_capacity_is_never_exceeded(
    steps: list[Any], capacity: int, ends: bool
) -> None:
    session = planned(capacity=capacity)
    session.do(Start(), TEACHER)

    for what, who, pause, ago in steps:
        session.advance(pause)
        act(session, what, who, ago)
        inside = [user for user, one in shown(session).people.items() if one.standing != "gone"]
        assert len(inside) <= capacity
    if ends:
        session.do(End(), TEACHER)
    for one in session.do(Attendance(), TEACHER).people:
        rows = [row for key, row in session.rows.items() if key[:2] == ("session_attendance", one.user)]
        spans = [(row["joined"], row["gone"] or session.now) for row in rows]
        assert one.total_ms == union_ms(spans) == sum(gone - joined for joined, gone in spans)
        assert all(gone >= joined for joined, gone in spans)
        assert one.intervals == len(rows)
        assert not ends or all(row["gone"] for row in rows)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=12))
def test_the_union_of_intervals_is_what_counting_every_moment_says(spans: list[tuple[int, int]]) -> None:
    intervals_ = [(begin, begin + length) for begin, length in spans]
    moments = {moment for begin, end in intervals_ for moment in range(begin, end)}
    assert union_ms(intervals_) == len(moments)
