"""The course of a class session by example: its plan, who comes in, and what is refused."""

from typing import Any

import pytest

from homeroom.actors.session_plan import LAPSE_MS, LIVE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.chat import History, Mute, Retract, Say, Typing, TypingChanged
from homeroom.protocol.presence import Disengage, Engage, Enter, Exit
from homeroom.protocol.session_floor import RaiseHand
from homeroom.protocol.session_state import Entered
from homeroom.protocol.session_words import (
    AdmitEarly,
    Attendees,
    Cancel,
    Cancelled,
    Change,
    Changed,
    Create,
    End,
    Ended,
    Enroll,
    Enrolled,
    Expel,
    Join,
    Leave,
    Material,
    ParticipantJoined,
    ParticipantLeft,
    RecordingSet,
    Roster,
    SetRecording,
    Start,
    Started,
)
from tests.actors.driver import START
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, SYSTEM, TEACHER
from tests.actors.sessions import MINUTE, STARTS, WARD_PARENT, class_of_three, listed, live, new_session, planned, shown

LINK = "https://example.org/recording"


# --- the plan


def test_a_session_is_planned_with_an_end_or_a_length_and_an_hour_without_either() -> None:
    assert shown(planned()).ends == STARTS + 60 * MINUTE
    assert shown(planned(minutes=45)).ends == STARTS + 45 * MINUTE
    assert shown(planned(ends=STARTS + 5 * MINUTE)).ends == STARTS + 5 * MINUTE
    assert (shown(planned()).owner, shown(planned()).owner_name, shown(planned()).status) == (
        "teacher",
        "Tia Teacher",
        "scheduled",
    )


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"minutes": 5, "ends": STARTS + MINUTE}, "minutes"),
        ({"ends": STARTS}, "ends"),
        ({"ends": STARTS + 25 * 60 * MINUTE}, "ends"),
        ({"starts": START - 61 * MINUTE}, "starts"),
        ({"starts": START + 3 * 366 * 86_400_000}, "starts"),
        ({"title": "\u200b"}, "title"),
        ({"description": " \n"}, "description"),
        ({"materials": (Material("\u200b", LINK),)}, "materials.title"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_the_name_of_its_field(plan: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal, match="bad_command") as refused:
        planned(**plan)
    assert refused.value.data["field"] == field


def test_only_staff_plan_sessions_and_each_only_once() -> None:
    session = new_session()
    for who in (ANN, PARENT):
        assert session.try_do(Create("Algebra", STARTS), who) == "not_found"
    session.do(Create("Algebra", STARTS), TEACHER)
    assert session.try_do(Create("Algebra", STARTS), TEACHER) == "conflict"


def test_a_teacher_makes_no_session_in_the_name_of_another_but_the_system_does() -> None:
    session = new_session()
    assert session.try_do(Create("Algebra", STARTS, owner="colleague"), TEACHER) == "forbidden"
    session.do(Create("Group work", STARTS, audience="listed", owner="ann", owner_name="Ann", people=("ann", "ben")))
    assert (shown(session).owner, shown(session).enrolled) == ("ann", 1)
    assert session.try_do(Start(), ANN) == "ok"
    assert session.try_do(Join(), BEN) == "ok"
    assert session.try_do(Join(), EVE) == "not_found"


def test_a_change_of_the_plan_keeps_what_is_not_given_and_a_moved_start_takes_the_end_along() -> None:
    session = planned(minutes=45, description="Bring paper", capacity=9)
    assert session.events_of(Change(starts=STARTS + 5 * MINUTE), TEACHER) == [
        Changed("Algebra", STARTS + 5 * MINUTE, STARTS + 50 * MINUTE, "Bring paper", capacity=9)
    ]
    session.do(Change(title=" Algebra\n2 ", minutes=10, capacity=0, materials=(Material("Sheet", LINK),)), TEACHER)
    assert (shown(session).title, shown(session).ends, shown(session).capacity) == (
        "Algebra 2",
        STARTS + 15 * MINUTE,
        0,
    )
    assert session.events_of(Change(title="Algebra 2"), TEACHER) == []


def test_the_start_of_a_live_session_and_a_session_that_is_over_are_not_changed() -> None:
    session = live()
    assert session.try_do(Change(starts=STARTS + 90 * MINUTE), TEACHER) == "conflict"
    assert session.try_do(Change(capacity=1), TEACHER) == "conflict"
    assert session.try_do(Change(capacity=2, minutes=90), TEACHER) == "ok"
    session.do(End(), TEACHER)
    assert session.try_do(Change(title="Too late"), TEACHER) == "conflict"


def test_it_goes_from_planned_to_live_to_ended_and_each_step_again_is_nothing() -> None:
    session = planned()
    assert session.try_do(End(), TEACHER) == "conflict"
    assert session.events_of(Start(), TEACHER) == [Started()]
    assert session.events_of(Start(), TEACHER) == []
    assert session.try_do(Cancel(), TEACHER) == "conflict"
    session.now += MINUTE
    assert session.events_of(End(LINK), TEACHER) == [Ended(LINK)]
    assert session.events_of(End(), TEACHER) == []
    for command in (Start(), Cancel(), AdmitEarly(), Enroll(("eve",))):
        assert session.try_do(command, TEACHER) == "conflict"
    assert (shown(session).status, shown(session).started, shown(session).ended, shown(session).recording) == (
        "ended",
        START,
        START + MINUTE,
        LINK,
    )


def test_a_cancelled_session_keeps_its_history_and_cannot_begin() -> None:
    session = planned()
    session.do(Join(), COLLEAGUE)
    assert session.events_of(Cancel("Nobody is well"), TEACHER) == [Cancelled("Nobody is well")]
    assert session.events_of(Cancel(), TEACHER) == []
    for command in (Start(), End(), Change(title="x"), SetRecording(LINK)):
        assert session.try_do(command, TEACHER) == "conflict"
    assert shown(session).people["colleague"].standing == "gone"


def test_starting_ending_and_changing_are_for_the_owner_and_admins_alone() -> None:
    commands = (
        Change(title="Mine now"),
        AdmitEarly(),
        Start(),
        Enroll(("eve",)),
        Expel(("eve",)),
        SetRecording(LINK),
        End(),
    )
    for who in (COLLEAGUE, ANN, PARENT):
        session = planned()
        session.do(AdmitEarly(), TEACHER)
        session.do(Join(), who)
        assert {session.try_do(command, who) for command in (*commands, Cancel(), Roster())} == {"forbidden"}
    session = planned()
    assert {session.try_do(command, ADMIN) for command in commands} == {"ok"}


def test_the_recording_may_be_named_later_and_taken_away_again() -> None:
    session = live()
    session.do(End(), TEACHER)
    assert session.events_of(SetRecording(LINK), TEACHER) == [RecordingSet(LINK)]
    assert session.events_of(SetRecording(LINK), TEACHER) == []
    session.do(SetRecording(""), TEACHER)
    assert shown(session).recording == ""


def test_a_session_that_nobody_ends_or_starts_is_over_by_itself() -> None:
    forgotten, never = live(), planned()
    assert forgotten.advance(LIVE_MS - 1) == []
    assert forgotten.advance(1) == [Ended()]
    assert never.advance(120 * MINUTE + LAPSE_MS - 1) == []
    assert never.advance(1) == [Cancelled("it was not started")]


# --- coming in


def test_everybody_joins_from_five_minutes_before_the_start_and_staff_earlier() -> None:
    session = planned()
    session.now = STARTS - 5 * MINUTE - 1
    with pytest.raises(Refusal, match="conflict") as refused:
        session.do(Join(), ANN)
    assert refused.value.data == {"opens": STARTS - 5 * MINUTE}
    assert session.try_do(Join(), COLLEAGUE) == "ok"
    session.now += 1
    assert session.do(Join(), ANN) == Entered("scheduled", 2, session.now)


def test_admitting_early_opens_it_for_all() -> None:
    session = planned()
    assert session.try_do(Join(), ANN) == "conflict"
    session.do(AdmitEarly(), TEACHER)
    assert session.events_of(AdmitEarly(), TEACHER) == []
    assert session.try_do(Join(), ANN) == "ok"


def test_a_session_that_started_before_its_time_is_open() -> None:
    session = planned()
    session.do(Start(), TEACHER)
    assert session.try_do(Join(), ANN) == "ok"


def test_joining_a_session_that_is_over_is_a_conflict_that_says_why() -> None:
    ended, cancelled = live(), planned()
    ended.do(End(), TEACHER)
    cancelled.do(Cancel(), TEACHER)
    for session, words in ((ended, "has ended"), (cancelled, "was cancelled")):
        with pytest.raises(Refusal, match=words) as refused:
            session.do(Join(), ANN)
        assert refused.value.code == "conflict"


def test_joining_a_full_session_is_refused_and_a_seat_that_becomes_free_is_taken() -> None:
    session = live(capacity=2)
    assert session.try_do(Join(), EVE) == "full"
    assert session.try_do(Join(), TEACHER) == "ok"
    session.do(Leave(), ANN)
    assert session.try_do(Join(), EVE) == "ok"
    assert session.try_do(Join(), ANN) == "full"


def test_who_joins_is_known_to_its_presence_and_who_goes_is_not_any_more() -> None:
    session = live()
    session.tells.clear()
    session.do(Join(), EVE)
    session.do(Leave(), EVE)
    assert [(tell.to, tell.command) for tell in session.tells] == [
        ("presence:eve", Enter("session:algebra")),
        ("presence:eve", Engage("session:algebra", "In a live session")),
        ("presence:eve", Exit("session:algebra")),
        ("presence:eve", Disengage("session:algebra")),
    ]
    session.tells.clear()
    session.do(End(), TEACHER)
    told = {(tell.to, type(tell.command)) for tell in session.tells}
    assert told == {(f"presence:{user}", kind) for user in ("ann", "ben") for kind in (Exit, Disengage)}


def test_participants_have_a_role_and_the_time_when_they_first_came() -> None:
    session = live()
    session.now += MINUTE
    session.do(Leave(), ANN)
    session.now += MINUTE
    session.do(Join(), ANN)
    session.do(Join(), COLLEAGUE)
    people = session.do(Attendees(), BEN)
    assert [(one.user, one.role, one.joined, one.standing) for one in people.people] == [
        ("ann", "student", STARTS, "here"),
        ("ben", "student", STARTS, "here"),
        ("colleague", "teacher", STARTS + 2 * MINUTE, "here"),
    ]
    assert people.inside == 3
    assert shown(session).people["ann"].since == STARTS + 2 * MINUTE


def test_joining_and_leaving_again_changes_nothing() -> None:
    session = live()
    assert session.do(Join(), ANN) == Entered("live", 2, STARTS)
    assert session.events_of(Join(), ANN) == []
    assert session.events_of(Leave(), ANN) == [ParticipantLeft("ann", "left")]
    assert session.events_of(Leave(), ANN) == []
    assert session.events_of(Join(), ANN) == [ParticipantJoined("ann", "student", "Ann")]


# --- the list


def test_a_listed_session_does_not_exist_for_those_who_are_not_on_its_list() -> None:
    session = listed()
    for who in (EVE, COLLEAGUE, PARENT):
        assert session.try_do(Join(), who) == "not_found"
        assert session.try_do(Attendees(), who) == "not_found"
        with pytest.raises(Refusal, match="not_found"):
            session.follow(who)
    assert session.try_do(Attendees(), ANN) == "ok"
    assert session.try_do(Attendees(), ADMIN) == "ok"


def test_the_list_is_for_the_owner_and_followers_see_only_how_many_are_on_it() -> None:
    session = planned(audience="listed")
    session.do(Enroll(("ann",)), TEACHER)
    ann = session.follow(ANN)
    assert session.events_of(Enroll(("ben", "ben", "ann", "teacher")), TEACHER) == [Enrolled(2, ("ben",))]
    assert session.events_of(Enroll(("ben",)), TEACHER) == []
    assert session.do(Roster(), TEACHER).enrolled == ("ann", "ben")
    assert ann.state.enrolled == 2
    assert "ben" not in repr((session.replay(ANN), ann.state))


def test_who_is_expelled_is_out_and_cannot_come_back_unless_enrolled() -> None:
    for session, verdict in ((listed(), "not_found"), (planned(), "forbidden")):
        session.do(AdmitEarly(), TEACHER)
        session.do(Join(), ANN)
        session.do(Expel(("ann",)), TEACHER)
        assert session.evicted == ["ann"]
        assert shown(session).people["ann"].standing == "gone"
        assert session.try_do(Join(), ANN) == verdict
        assert session.do(Roster(), TEACHER).barred == ("ann",)
        session.do(Enroll(("ann",)), TEACHER)
        assert session.try_do(Join(), ANN) == "ok"


def test_the_system_enrolls_and_expels_for_groups() -> None:
    session = planned(audience="listed")
    session.do(Enroll(("ann", "ben")), SYSTEM)
    session.do(Expel(("ben",)), SYSTEM)
    assert session.do(Roster(), TEACHER).enrolled == ("ann",)


def test_the_owner_is_never_expelled() -> None:
    assert live().try_do(Expel(("ann", "teacher")), ADMIN) == "forbidden"


def test_a_parent_knows_of_a_childs_session_but_does_not_listen_in() -> None:
    session = listed()
    assert session.behaviour.relations(WARD_PARENT) == {"outsider", "guardian"}
    for command in (Join(), Say("hello"), RaiseHand(), History(), Attendees()):
        assert session.try_do(command, WARD_PARENT) == "forbidden"
    with pytest.raises(Refusal, match="forbidden"):
        session.follow(WARD_PARENT)
    stranger = Caller("other", "parent", "Olga", frozenset({"eve"}))
    with pytest.raises(Refusal, match="not_found"):
        session.follow(stranger)


def test_people_who_are_not_in_it_are_told_to_join_first() -> None:
    session = planned()
    assert session.behaviour.within_reach(ANN) == {"present": "join first"}
    session.do(Expel(("ann",)), TEACHER)
    assert "removed" in str(session.behaviour.within_reach(ANN)["enrolled"])


# --- the chat


def test_those_who_are_in_it_chat_with_typing_until_it_is_over() -> None:
    session = live()
    assert session.try_do(Say("hello"), EVE) == "forbidden"
    session.do(Typing(), ANN)
    session.do(Say("hello"), ANN)
    message = session.do(Say("oops"), BEN).id
    session.do(Typing(), BEN)
    session.do(Leave(), BEN)
    assert session.sent(TypingChanged)[-1] == TypingChanged("ben", False)
    session.do(End(), TEACHER)
    assert session.try_do(Say("bye"), TEACHER) == "conflict"
    assert session.try_do(Retract(message), TEACHER) == "ok"
    assert [one.text for one in shown(session).chat.messages] == ["hello", ""]


def test_only_those_who_lead_mute_and_never_the_owner() -> None:
    session = class_of_three()
    assert session.try_do(Mute("ann"), BEN) == "forbidden"
    assert session.try_do(Mute("nobody"), TEACHER) == "not_found"
    assert session.try_do(Mute("teacher"), TEACHER) == "forbidden"
    session.do(Mute("ann"), TEACHER)
    assert session.try_do(Say("hm"), ANN) == "forbidden"


def test_what_the_system_says_to_a_session_that_does_not_exist_is_refused_and_harmless() -> None:
    session = new_session()
    for verb in session.kind.verbs:
        if verb.rest is None:
            fields = {
                "user": "ann",
                "at": 1,
                "poll": "1",
                "ballot": "x",
                "word": "x",
                "owner": "ben",
                "owner_name": "",
                "course": "cs1",
            }
            known = {name: fields[name] for name in verb.command.__struct_fields__}
            assert session.try_do(verb.command(**known), SYSTEM) == "not_found"
    assert session.events == []


def test_a_name_that_is_too_long_is_cut_rather_than_refused() -> None:
    session = planned()
    session.do(AdmitEarly(), TEACHER)
    session.do(Join(), Caller("long", "student", "x" * 500))
    assert len(shown(session).people["long"].name) == 200
