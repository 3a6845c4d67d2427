"""An exam and its sittings where people do what nobody foresaw: numbers at the edge, mistakes taken back, devices left behind."""

from typing import Any

import msgspec
import pytest

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol import exam_events as happened
from homeroom.protocol.exam import (
    TIME_MAX,
    AskStudents,
    Close,
    Create,
    Edit,
    Enroll,
    Expel,
    Extend,
    Join,
    Open,
    Pause,
    Person,
    Publish,
    Release,
    Resume,
    Seat,
)
from homeroom.protocol.exam_messages import Finish
from homeroom.protocol.exam_state import ExamState, reduce_exam
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.sitting import REV_MAX, AdmitLate, AskResult, Reopen, SaveAnswer, Start, Submit
from homeroom.protocol.sitting_events import AnswerSaved
from tests.actors.driver import Driver
from tests.actors.exams import MINUTE, Campus, new_exam, open_exam, running
from tests.actors.people import ADMIN, ANN, BEN, TEACHER


def seat_of(campus: Campus, user: str) -> Seat:
    seat: Seat = campus.do(AskStudents()).students[user]
    return seat


def enroll_again(campus: Campus, user: str) -> None:
    campus.do(Expel(user))
    campus.do(Enroll((Person(user, user.title()),)))


# --- numbers at the edge


def test_a_late_value_counts_also_beside_the_highest_revision_that_a_client_makes() -> None:
    campus = running()
    campus.sit(Submit(), ANN)
    assert campus.try_sit(SaveAnswer("pi", 5, 3.14), ANN) == "conflict"
    campus.sit(Reopen(10), TEACHER, ANN)
    campus.sit(SaveAnswer("pi", REV_MAX, 2.0), ANN)
    campus.sit(Submit(), ANN)
    campus.sit(AdmitLate("pi"), TEACHER, ANN)
    saved = [event for event in campus.sitting(ANN).events if isinstance(event, AnswerSaved)][-1]
    assert (saved.rev, saved.value, saved.verdict) == (REV_MAX + 1, 3.14, "admitted")
    assert campus.sitting(ANN).rebuild().view(ANN) == campus.sitting(ANN).behaviour.view(ANN)


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (SaveAnswer, {"question": "pi", "rev": REV_MAX + 1}),
        (Create, {"title": "Midterm", "closes": TIME_MAX + 1}),
        (Create, {"title": "Midterm", "opens": TIME_MAX + 1}),
        (Edit, {"closes": TIME_MAX + 1}),
        (Edit, {"opens": MAX_SEQ}),
    ],
)
def test_revisions_and_times_that_leave_no_room_above_them_are_no_command(
    command: type[Any], given: dict[str, Any]
) -> None:
    with pytest.raises(msgspec.ValidationError, match="<="):
        msgspec.convert(given, command)


def test_an_exam_that_closes_at_the_latest_time_is_extended_paused_and_sat_like_any_other() -> None:
    campus = new_exam(closes=TIME_MAX)
    campus.do(Publish())
    campus.do(Open())
    campus.do(Extend(5, "ben"))
    campus.do(Extend(10_000))
    campus.do(Pause())
    campus.advance(MINUTE)
    campus.do(Resume())
    campus.do(Join(), BEN)
    assert campus.sit(Start(), BEN).status == "running"
    assert campus.hall.rebuild().view(TEACHER).closes == TIME_MAX + 10_001 * MINUTE
    assert campus.sitting(BEN).rebuild().view(BEN).window == TIME_MAX + 10_006 * MINUTE


# --- who is listed again


def test_who_handed_in_and_is_listed_again_has_the_result_of_that_sitting() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    campus.sit(Submit(), ANN)
    enroll_again(campus, "ann")
    assert (seat_of(campus, "ann").status, seat_of(campus, "ann").begun) == ("submitted", True)
    campus.do(Join(), ANN)
    campus.do(Close())
    campus.do(Release())
    assert campus.sit(AskResult(), ANN).score == 2
    state = campus.hall.behaviour.view(TEACHER)
    assert (state.started, state.submitted) == (1, 1)


def test_who_was_taken_off_while_writing_and_is_listed_again_has_the_result_of_what_was_saved() -> None:
    campus = running(release="at_close")
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    enroll_again(campus, "ann")
    assert seat_of(campus, "ann").status == "submitted"
    state = campus.hall.behaviour.view(TEACHER)
    assert (state.started, state.submitted) == (1, 1)
    campus.do(Close())
    assert campus.sit(AskResult(), ANN).score == 2


def test_a_sitting_whose_beginning_and_end_were_not_heard_reports_when_its_student_comes_in_again() -> None:
    campus = open_exam()
    campus.sitting(ANN).do(Start(), ANN)
    campus.hall.do(Expel("ann"), TEACHER)
    campus.deliver()
    campus.do(Enroll((Person("ann", "Ann"),)))
    assert seat_of(campus, "ann") == Seat("Ann")
    campus.do(Join(), ANN)
    assert (seat_of(campus, "ann").status, seat_of(campus, "ann").begun) == ("submitted", True)
    state = campus.hall.behaviour.view(TEACHER)
    assert (state.started, state.submitted) == (1, 1)
    campus.do(Close())
    campus.do(Release())
    assert campus.sit(AskResult(), ANN).score == 0


def test_a_seat_that_was_taken_back_survives_a_snapshot() -> None:
    campus = running()
    campus.sit(Submit(), ANN)
    campus.do(Expel("ann"))
    campus.hall.restart(snapshot_at=campus.hall.seq)
    campus.do(Enroll((Person("ann"),)))
    assert (seat_of(campus, "ann").status, seat_of(campus, "ann").name) == ("submitted", "Ann")


# --- what stood in the draft


def texts_shown(hall: Driver, who: Caller) -> set[str]:
    settings = [
        fact.event.settings for fact in hall.replay(who) if isinstance(fact.event, happened.Created | happened.Edited)
    ]
    return {text for each in settings for text in (each.title, each.description)}


def test_z3_who_sits_the_exam_never_sees_what_stood_in_its_draft_and_its_staff_do() -> None:
    campus = new_exam(title="DRAFT: the answer is C", description="the key is 42")
    campus.do(Edit(title="DRAFT 2", description=""))
    campus.do(Edit(title="Midterm"))
    campus.do(Publish())
    assert texts_shown(campus.hall, ANN) == {"Midterm", ""}
    every = {"DRAFT: the answer is C", "the key is 42", "DRAFT 2", "Midterm", ""}
    assert texts_shown(campus.hall, TEACHER) == texts_shown(campus.hall, ADMIN) == every


def test_the_replay_of_who_sits_the_exam_gives_the_same_exam_as_its_view() -> None:
    campus = new_exam(title="DRAFT", closes=TIME_MAX)
    campus.do(Edit(title="Midterm", closes=TIME_MAX - 5))
    campus.do(Publish())
    campus.do(Open())
    campus.do(Extend(5))
    state = ExamState()
    for fact in campus.hall.replay(ANN):
        reduce_exam(state, fact)
    assert state == campus.hall.behaviour.view(ANN)


# --- devices


def hand_in(campus: Campus, device: str = "") -> Any:
    """Return the refusal, or the reply."""
    try:
        return campus.sit(Submit(device=device), ANN)
    except Refusal as refusal:
        return refusal.code, refusal.data


def test_e6_a_device_that_was_taken_over_cannot_hand_in_and_neither_can_one_without_a_name() -> None:
    campus = open_exam()
    campus.sit(Start("old"), ANN)
    campus.sit(Start("new"), ANN)
    campus.sitting(ANN).restart(snapshot_at=campus.sitting(ANN).seq)
    assert hand_in(campus, "old") == hand_in(campus) == ("conflict", {"device": "new"})
    assert campus.sitting(ANN).behaviour.view(ANN).status == "running"
    first = hand_in(campus, "new")
    assert first.reason == "student"
    assert hand_in(campus, "old") == hand_in(campus) == first


def test_e6_who_starts_again_on_the_old_device_hands_in_there() -> None:
    campus = open_exam()
    for device in ("old", "new", "old"):
        campus.sit(Start(device), ANN)
    assert hand_in(campus, "new") == ("conflict", {"device": "old"})
    assert hand_in(campus, "old").reason == "student"


@pytest.mark.parametrize(("started", "submits"), [("", ""), ("laptop", ""), ("", "laptop"), ("laptop", "laptop")])
def test_with_one_device_alone_it_hands_in_named_or_not(started: str, submits: str) -> None:
    campus = open_exam()
    campus.sit(Start(started), ANN)
    assert hand_in(campus, submits).reason == "student"


def test_devices_without_names_take_over_and_hand_in_as_ever() -> None:
    campus = open_exam()
    campus.sit(Start("laptop"), ANN)
    campus.sit(Start(), ANN)
    assert hand_in(campus).reason == "student"


# --- addresses of nothing


def test_a_sitting_of_no_exam_asks_nobody_and_leaves_no_record() -> None:
    campus = Campus("")
    assert campus.try_sit(Start(), ANN) == "not_found"
    assert list(campus.drivers) == ["sitting:.ann"]
    assert (campus.sitting(ANN).events, campus.sitting(ANN).tells) == ([], [])


def test_messages_to_a_sitting_that_has_ended_bring_nothing_but_its_report() -> None:
    campus = running()
    campus.sit(Submit(), ANN)
    before = campus.sitting(ANN).seq
    prepared = campus.hall.tells
    paper = next(tell.command for tell in prepared if type(tell.command).__name__ == "Prepare")
    for command in (paper, Finish("closed", campus.now)):
        campus.sitting(ANN).do(command)
    campus.deliver()
    assert campus.sitting(ANN).seq == before
    assert campus.hall.behaviour.view(TEACHER).submitted == 1
