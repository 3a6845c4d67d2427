"""A sitting by example: its start, its answers and what becomes of each, its end."""

from typing import Any

import pytest
from msgspec.structs import replace

from homeroom.actors import sitting_answers
from homeroom.engine.behaviour import Refusal
from homeroom.protocol import exam_events as exam_happened
from homeroom.protocol import sitting_events as happened
from homeroom.protocol.board import Score
from homeroom.protocol.exam import Close, Enroll, Expel, Extend, Join, Open, Pause, Person, Publish, Release, Resume
from homeroom.protocol.exam_messages import Call, Decline
from homeroom.protocol.exam_paper import Item, Question
from homeroom.protocol.inbox import Hush, Notify, Unhush
from homeroom.protocol.presence import Disengage, Engage
from homeroom.protocol.sitting import (
    GRACE_MS,
    AdmitLate,
    AskResult,
    ExtendSitting,
    Flag,
    Grade,
    Progress,
    Reopen,
    Review,
    SaveAnswer,
    Start,
    Submit,
)
from tests.actors.driver import START
from tests.actors.exams import (
    ESSAY,
    HOUR,
    ITEMS,
    MINUTE,
    MOST,
    PI,
    Campus,
    answer_all,
    both_running,
    new_exam,
    open_exam,
    running,
)
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, TEACHER

CLOSES = START + 30 * MINUTE


def refusal_of(campus: Campus, command: Any, who: Any = ANN) -> Refusal:
    with pytest.raises(Refusal) as caught:
        campus.sit(command, who, ANN)
    return caught.value


def answer_at(campus: Campus, arrived: int, command: SaveAnswer, now: int | None = None) -> str:
    """Send an answer that came in at `arrived` and is carried out at `now`; returns the code, or `ok`."""
    campus.now = now or arrived
    sitting = campus.sitting(ANN)
    sitting.arrived = arrived
    try:
        return campus.try_sit(command, ANN)
    finally:
        sitting.arrived = 0


def kept(campus: Campus) -> dict[str, Any]:
    return {question: saved.value for question, saved in campus.sitting(ANN).behaviour.view(ANN).answers.items()}


# --- the start


def test_starting_shows_the_questions_without_keys_and_tells_the_deadline_by_the_servers_clock() -> None:
    campus = open_exam()
    follower = campus.sitting(ANN).follow(ANN)
    assert follower.state.questions == ()
    answer = campus.sit(Start("laptop"), ANN)
    assert (answer.status, answer.closes, answer.now) == ("running", CLOSES, START)
    assert {question.id for question in follower.state.questions} == {"capital", "primes", "pi", "river"}
    assert (follower.state.status, follower.state.closes, follower.state.device) == ("running", CLOSES, "laptop")


def test_a_start_before_the_paper_is_there_asks_the_exam_and_runs_without_another_word() -> None:
    campus = new_exam()
    campus.do(Publish())
    campus.do(Open())
    campus.hall.do(Join(), ANN)
    assert campus.sitting(ANN).do(Start("phone"), ANN).status == "waiting"
    assert campus.sitting(ANN).do(Start("phone"), ANN).status == "waiting"
    campus.deliver()
    state = campus.sitting(ANN).behaviour.view(ANN)
    assert (state.status, state.closes, state.device) == ("running", CLOSES, "phone")
    assert [type(event) for event in campus.sitting(ANN).events] == [
        happened.Requested,
        happened.Prepared,
        happened.Started,
    ]


def test_a_start_without_having_joined_joins() -> None:
    campus = new_exam()
    campus.do(Publish())
    campus.do(Open())
    campus.sit(Start(), BEN)
    assert campus.sitting(BEN).behaviour.view(BEN).status == "running"
    assert campus.hall.behaviour.view(TEACHER).participants["ben"].name == "Ben"


def test_a_start_before_the_exam_is_open_is_refused_and_the_opening_alone_starts_nothing() -> None:
    campus = new_exam()
    campus.do(Publish())
    assert campus.try_sit(Start(), ANN) == "conflict"
    assert campus.sitting(ANN).facts == []
    campus.do(Join(), ANN)
    assert campus.try_sit(Start(), ANN) == "conflict"
    campus.do(Open())
    assert campus.sitting(ANN).behaviour.view(ANN).status == "prepared"
    assert campus.sit(Start(), ANN).status == "running"


def test_who_is_not_listed_is_refused_as_if_there_were_no_exam_and_leaves_no_record() -> None:
    refusals = []
    for campus in (open_exam(), new_exam(), Campus("nowhere")):
        with pytest.raises(Refusal) as caught:
            campus.sit(Start(), EVE)
        refusals.append((caught.value.code, caught.value.msg))
        assert (campus.sitting(EVE).facts, campus.sitting(EVE).tells) == ([], [])
    assert set(refusals) == {("not_found", "no such exam")}
    draft = new_exam()
    assert draft.try_sit(Start(), ANN) == "not_found"


def test_who_is_taken_off_the_list_while_the_exam_is_asked_is_declined_and_then_refused() -> None:
    campus = open_exam()
    assert campus.sitting(BEN).do(Start(), BEN).status == "waiting"
    campus.hall.do(Expel("ben"), TEACHER)
    campus.deliver()
    assert campus.sitting(BEN).behaviour.view(BEN).declined == "not_found"
    assert campus.try_sit(Start(), BEN) == "not_found"


def test_starting_again_changes_nothing_and_tells_the_same_deadline() -> None:
    campus = running()
    campus.advance(5 * MINUTE)
    before = campus.sitting(ANN).seq
    again = campus.sit(Start(), ANN)
    assert (again.closes, again.now, campus.sitting(ANN).seq) == (CLOSES, START + 5 * MINUTE, before)


def test_the_deadline_is_never_later_than_the_exam_closes() -> None:
    campus = open_exam(closes=START + 10 * MINUTE)
    campus.advance(4 * MINUTE)
    assert campus.sit(Start(), ANN).closes == START + 10 * MINUTE


def test_nobody_starts_when_the_exam_has_closed() -> None:
    campus = open_exam()
    campus.do(Close())
    assert campus.try_sit(Start(), ANN) == campus.try_sit(Start(), BEN) == "conflict"
    assert campus.sitting(BEN).facts == []
    assert campus.try_sit(SaveAnswer("pi", 1, 3.0), ANN) == "conflict"


@pytest.mark.parametrize("joined", [True, False])
def test_who_starts_while_the_clock_stands_waits_and_begins_when_it_goes_on(joined: bool) -> None:
    campus = open_exam(closes=START + 45 * MINUTE)
    if not joined:
        campus.do(Pause())
        assert campus.sit(Start("phone"), BEN).status == "waiting"
    else:
        campus.do(Join(), BEN)
        campus.do(Pause())
        follower = campus.sitting(BEN).follow(BEN)
        assert campus.sit(Start("phone"), BEN).status == "waiting"
    seq = campus.sitting(BEN).seq
    campus.advance(10 * MINUTE)
    assert campus.sit(Start(), BEN).status == "waiting"
    assert campus.sitting(BEN).seq == seq, "asked once more it waits as before"
    campus.do(Resume())
    state = campus.sitting(BEN).behaviour.view(BEN)
    assert (state.status, state.device, state.closes) == ("running", "phone", START + 10 * MINUTE + 30 * MINUTE)
    assert state.window == START + 55 * MINUTE
    if joined:
        assert (follower.state.status, follower.state.closes) == ("running", state.closes)
        assert follower.state.questions
    assert campus.sit(Start(), BEN).status == "running"


def test_who_starts_between_the_end_of_a_pause_and_its_sittings_hearing_of_it_begins_too() -> None:
    campus = open_exam()
    campus.do(Pause())
    campus.hall.do(Resume(), TEACHER)
    assert campus.sitting(ANN).do(Start(), ANN).status == "waiting"
    campus.deliver()
    assert campus.sitting(ANN).behaviour.view(ANN).status == "running"


def test_who_waits_for_a_clock_that_stands_is_declined_when_the_exam_closes() -> None:
    campus = open_exam()
    campus.do(Pause())
    campus.sit(Start(), ANN)
    campus.do(Close())
    state = campus.sitting(ANN).behaviour.view(ANN)
    assert (state.status, state.declined) == ("prepared", "conflict")
    assert campus.try_sit(Start(), ANN) == "conflict"


def test_a_start_in_the_window_of_grace_of_the_exam_is_too_late() -> None:
    campus = open_exam(closes=START + MINUTE)
    campus.now = START + MINUTE + 1
    assert campus.try_sit(Start(), ANN) == "too_late"


def test_while_somebody_sits_an_exam_its_inbox_is_silent_and_its_presence_says_so() -> None:
    campus = running()
    assert campus.told("inbox:ann")[-1] == Hush("sitting:mid.ann", CLOSES + GRACE_MS)
    assert campus.told("presence:ann") == [Engage("sitting:mid.ann", "Taking an exam")]
    campus.sit(Submit(), ANN)
    assert Unhush("sitting:mid.ann") in campus.told("inbox:ann")
    assert campus.told("presence:ann")[-1] == Disengage("sitting:mid.ann")


# --- answers in time and too late


@pytest.mark.parametrize(
    ("after", "verdict", "code"),
    [
        (-1, "in_time", "ok"),
        (0, "in_time", "ok"),
        (1, "in_grace", "ok"),
        (GRACE_MS, "in_grace", "ok"),
        (GRACE_MS + 1, "", "too_late"),
    ],
)
def test_e1_an_answer_is_judged_by_when_it_came_in_and_the_boundary_counts(after: int, verdict: str, code: str) -> None:
    campus = running()
    assert answer_at(campus, CLOSES + after, SaveAnswer("capital", 1, "b")) == code
    state = campus.sitting(ANN).behaviour.view(ANN)
    if code == "ok":
        assert state.answers["capital"].verdict == verdict
        assert state.answers["capital"].arrived == CLOSES + after
    else:
        assert not state.answers
    replayed = campus.sitting(ANN).rebuild().state.shown
    assert (replayed.answers, replayed.late) == (state.answers, state.late)


def test_e2_what_the_client_says_of_time_is_kept_and_believed_by_nobody() -> None:
    campus = running()
    for client_at in (0, START - HOUR, CLOSES + HOUR):
        campus.now += 1
        late = SaveAnswer("pi", campus.now - START, 3.0, client_at=client_at)
        assert campus.try_sit(late, ANN) == "ok"
    assert campus.sitting(ANN).events[-1].client_at == CLOSES + HOUR
    assert answer_at(campus, CLOSES + GRACE_MS + 1, SaveAnswer("river", 1, "x", client_at=START)) == "too_late"


def test_e3_an_answer_that_came_in_before_the_deadline_counts_although_the_deadline_fired_first() -> None:
    campus = running()
    campus.sit(SaveAnswer("capital", 1, "a"), ANN)
    campus.advance(31 * MINUTE)
    assert campus.sitting(ANN).behaviour.view(ANN).status == "submitted"
    assert answer_at(campus, CLOSES + GRACE_MS, SaveAnswer("capital", 2, "b"), now=campus.now) == "ok"
    assert kept(campus)["capital"] == "b"
    review = campus.sit(Review(), TEACHER, ANN)
    assert (review.marks["capital"].points, review.score) == (2, 2)
    assert campus.sitting(ANN).rebuild().state == campus.sitting(ANN).behaviour.state


def test_e3_nothing_that_was_accepted_is_lost_by_the_submission_at_the_deadline() -> None:
    campus = running()
    answer_all(campus, ANN)
    campus.advance(HOUR)
    assert campus.sit(Review(), TEACHER, ANN).score == MOST
    assert campus.hall.behaviour.view(TEACHER).submitted == 1


def test_p17_the_deadline_is_stored_and_the_same_after_replay_snapshot_and_restart() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    sitting = campus.sitting(ANN)
    for snapshot_at in (None, 2, sitting.seq):
        sitting.restart(snapshot_at=snapshot_at)
        assert sitting.behaviour.view(ANN).closes == CLOSES
        assert sitting.deadlines == {"deadline": CLOSES + GRACE_MS}
    campus.advance(30 * MINUTE + GRACE_MS - 1)
    assert sitting.behaviour.view(ANN).status == "running"
    campus.advance(1)
    state = sitting.behaviour.view(ANN)
    assert (state.status, state.reason, kept(campus)) == ("submitted", "deadline", {"pi": 3.14})


def test_p17_a_deadline_that_passed_while_nobody_was_there_submits_the_last_saved_draft() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    campus.now = CLOSES + 24 * HOUR
    campus.sitting(ANN).restart()
    campus.advance(1)
    assert campus.sitting(ANN).behaviour.view(ANN).reason == "deadline"
    assert campus.sit(Review(), TEACHER, ANN).score == 2


def test_a_late_value_is_refused_by_name_and_kept_for_review() -> None:
    campus = running()
    campus.sit(SaveAnswer("capital", 1, "a"), ANN)
    campus.advance(31 * MINUTE)
    refusal = refusal_of(campus, SaveAnswer("capital", 2, "b"))
    assert (refusal.code, refusal.data["kept"], refusal.data["closes"]) == ("too_late", True, CLOSES)
    review = campus.sit(Review(), TEACHER, ANN)
    assert (review.answers["capital"].value, review.late["capital"].value) == ("a", "b")
    assert review.score == 0
    assert refusal_of(campus, SaveAnswer("capital", 2, "b")).data["kept"] is False


def test_a_late_value_counts_when_staff_let_it() -> None:
    campus = running()
    campus.advance(31 * MINUTE)
    campus.try_sit(SaveAnswer("capital", 1, "b"), ANN)
    assert campus.try_sit(AdmitLate("capital"), ANN) == "forbidden"
    campus.sit(AdmitLate("capital"), TEACHER, ANN)
    review = campus.sit(Review(), TEACHER, ANN)
    assert (review.answers["capital"].verdict, review.late, review.score) == ("admitted", {}, 2)
    assert campus.try_sit(AdmitLate("capital"), TEACHER, ANN) == "not_found"


def test_after_handing_in_an_answer_is_a_conflict_and_its_value_is_kept_all_the_same() -> None:
    campus = running()
    campus.sit(Submit(), ANN)
    refusal = refusal_of(campus, SaveAnswer("pi", 1, 3.14))
    assert (refusal.code, refusal.data["kept"]) == ("conflict", True)
    assert campus.sit(Review(), TEACHER, ANN).late["pi"].value == 3.14


def test_once_the_result_is_out_nothing_more_is_kept() -> None:
    campus = running(reveal=True)
    campus.advance(31 * MINUTE)
    campus.do(Close())
    campus.do(Release())
    before = campus.sitting(ANN).seq
    assert refusal_of(campus, SaveAnswer("pi", 1, 3.14)).data["kept"] is False
    assert answer_at(campus, CLOSES, SaveAnswer("pi", 1, 3.14), now=campus.now) == "too_late"
    assert campus.sitting(ANN).seq == before


# --- revisions, devices, wrong input


def test_e6_an_older_revision_never_overwrites_a_newer_one_and_is_told_what_is_kept() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 5, 3.0), ANN)
    old = campus.sit(SaveAnswer("pi", 4, 2.0), ANN)
    assert (old.saved, old.rev, kept(campus)) == (False, 5, {"pi": 3.0})


def test_e6_two_devices_that_make_the_same_revision_lose_nothing() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.0), ANN)
    refusal = refusal_of(campus, SaveAnswer("pi", 1, 2.0))
    assert (refusal.code, refusal.data) == ("conflict", {"rev": 1, "value": 3.0})
    refusal = refusal_of(campus, SaveAnswer("pi", 3, 2.0, expected=0))
    assert (refusal.code, refusal.data["rev"]) == ("conflict", 1)
    assert campus.sit(SaveAnswer("pi", 2, 2.0, expected=1), ANN).saved
    assert kept(campus) == {"pi": 2.0}


def test_e6_the_device_that_started_last_writes_and_the_one_before_is_told() -> None:
    campus = open_exam()
    campus.sit(Start("laptop"), ANN)
    follower = campus.sitting(ANN).follow(ANN)
    campus.sit(SaveAnswer("pi", 1, 3.0, device="laptop"), ANN)
    campus.sit(Start("phone"), ANN)
    assert follower.state.device == "phone"
    refusal = refusal_of(campus, SaveAnswer("pi", 2, 3.1, device="laptop"))
    assert (refusal.code, refusal.data) == ("conflict", {"device": "phone"})
    campus.sit(SaveAnswer("pi", 2, 3.2, device="phone"), ANN)
    campus.sit(Start("laptop"), ANN)
    campus.sit(SaveAnswer("pi", 3, 3.1, expected=2, device="laptop"), ANN)
    assert kept(campus) == {"pi": 3.1}


def test_e4_an_answer_sent_again_from_anywhere_is_told_that_it_is_saved_and_has_one_effect() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    before = campus.sitting(ANN).seq
    assert campus.sit(SaveAnswer("pi", 1, 3.14, device="other"), ANN).saved
    campus.advance(24 * HOUR)
    campus.sitting(ANN).restart(snapshot_at=before)
    ended = campus.sitting(ANN).seq
    assert campus.sit(SaveAnswer("pi", 1, 3.14), ANN).saved
    assert campus.sitting(ANN).seq == ended


def test_e4_submitting_twice_gives_the_same_result_object_and_one_effect() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    first = campus.sit(Submit(), ANN)
    before = campus.sitting(ANN).seq
    campus.advance(24 * HOUR)
    campus.sitting(ANN).restart(snapshot_at=before)
    assert campus.sit(Submit(), ANN) == first
    assert campus.sitting(ANN).seq == before
    assert campus.hall.behaviour.view(TEACHER).submitted == 1


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("capital", "z"),
        ("capital", 1),
        ("capital", ("b",)),
        ("primes", "p"),
        ("primes", ("p", "p")),
        ("primes", ("p", "z")),
        ("pi", "3.14"),
        ("river", 3),
        ("river", "x" * 501),
        ("river", "a\0b"),
    ],
)
def test_an_answer_of_the_wrong_type_is_a_bad_command_that_says_what_is_taken(question: str, value: Any) -> None:
    refusal = refusal_of(running(), SaveAnswer(question, 1, value))
    assert (refusal.code, refusal.data["field"]) == ("bad_command", "value")
    assert refusal.data["allowed"] in refusal.msg


def test_late_values_are_kept_up_to_a_bound_and_refused_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitting_answers, "LATE_MAX", 2)
    campus = running()
    campus.advance(31 * MINUTE)
    kept_ones = [refusal_of(campus, SaveAnswer("pi", rev, float(rev))).data["kept"] for rev in (1, 2, 3)]
    assert kept_ones == [True, True, False]
    assert campus.sit(Review(), TEACHER, ANN).late["pi"].value == 2.0


def test_late_values_together_hold_as_many_characters_as_answers_do_and_what_exceeds_them_is_named() -> None:
    essays = tuple(Item(Question(f"e{n}", "essay", "Why?")) for n in range(12))
    campus = running(questions=(*essays, PI))
    campus.advance(31 * MINUTE)
    refusals = [refusal_of(campus, SaveAnswer(f"e{n}", 1, "x" * 20_000)) for n in range(11)]
    assert {refusal.code for refusal in refusals} == {"too_late"}
    assert [refusal.data["kept"] for refusal in refusals] == [True] * 10 + [False]
    assert refusals[10].data["why"] == "full"
    assert "200000 characters" in refusals[10].msg
    assert refusal_of(campus, SaveAnswer("e0", 2, "x" * 20_000)).data["kept"], "it takes the place of another"
    assert refusal_of(campus, SaveAnswer("pi", 1, 3.14)).data["kept"], "a number is no text"
    late = campus.sit(Review(), TEACHER, ANN).late
    assert sum(len(one.value) for one in late.values() if isinstance(one.value, str)) == 200_000


def test_a_late_value_that_is_not_kept_says_why() -> None:
    campus = running()
    campus.sit(SaveAnswer("pi", 5, 3.14), ANN)
    campus.do(Close())
    campus.advance(MINUTE)
    assert refusal_of(campus, SaveAnswer("pi", 4, 3.0)).data["why"] == "older"
    campus.do(Release())
    assert refusal_of(campus, SaveAnswer("pi", 6, 3.0)).data["why"] == "released"


def test_m13_what_cannot_be_seen_is_left_out_of_an_answer_and_nothing_is_refused_for_it() -> None:
    campus = running(questions=ITEMS)
    essay = SaveAnswer("essay", 1, "so\u202e it\x07 is\r\n\x1b[31m\u200b")
    assert campus.sit(essay, ANN).saved
    assert kept(campus) == {"essay": "so it is\n[31m"}
    assert campus.sit(essay, ANN).saved, "the same sent again is the same"
    assert campus.sit(SaveAnswer("river", 1, "\u200b\x07"), ANN).saved
    assert kept(campus)["river"] == ""
    campus.sit(Submit(), ANN)
    assert refusal_of(campus, SaveAnswer("river", 2, "Seine\u202e")).data["kept"]
    assert campus.sit(Review(), TEACHER, ANN).late["river"].value == "Seine"


def test_an_extension_while_the_clock_stands_adds_to_what_is_left() -> None:
    campus = running()
    campus.do(Pause())
    campus.advance(MINUTE)
    campus.do(Extend(10))
    assert "deadline" not in campus.sitting(ANN).deadlines
    campus.advance(MINUTE)
    campus.do(Resume())
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + 12 * MINUTE
    assert campus.sitting(ANN).deadlines == {"deadline": CLOSES + 12 * MINUTE + GRACE_MS}


def test_a_question_that_is_not_in_the_exam_is_not_found() -> None:
    campus = running()
    assert campus.try_sit(SaveAnswer("nope", 1, "b"), ANN) == "not_found"
    assert campus.try_sit(Flag("nope"), ANN) == "not_found"
    assert campus.try_sit(Progress("nope"), ANN) == "not_found"
    campus.sit(Submit(), ANN)
    assert campus.try_sit(Grade("nope", 1), TEACHER, ANN) == "not_found"


def test_an_answer_can_be_taken_back() -> None:
    campus = running()
    campus.sit(SaveAnswer("capital", 1, "b"), ANN)
    campus.sit(SaveAnswer("capital", 2, None), ANN)
    assert campus.sit(Submit(), ANN).answered == 0
    assert campus.sit(Review(), TEACHER, ANN).score == 0


def test_all_answers_of_a_sitting_together_are_bounded() -> None:
    campus = running(questions=tuple(renamed(ESSAY, f"e{number}") for number in range(11)))
    for number in range(10):
        campus.sit(SaveAnswer(f"e{number}", 1, "x" * 20_000), ANN)
    assert campus.try_sit(SaveAnswer("e10", 1, "x"), ANN) == "full"
    campus.sit(SaveAnswer("e0", 2, "short"), ANN)
    campus.sit(SaveAnswer("e10", 1, "x"), ANN)


def renamed(item: Item, id_: str) -> Item:
    return replace(item, question=replace(item.question, id=id_))


def test_flags_and_progress_are_noted_and_the_proctors_see_them() -> None:
    campus = running()
    campus.sit(Flag("pi"), ANN)
    campus.sit(Flag("pi"), ANN)
    campus.sit(Progress("river", 1_000, START), ANN)
    state = campus.sitting(ANN).behaviour.view(ANN)
    assert (state.flags, state.current) == ({"pi": None}, "river")
    campus.sit(Flag("pi", on=False), ANN)
    assert campus.sitting(ANN).behaviour.view(ANN).flags == {}
    signal = campus.sitting(ANN).signals[-1]
    assert (signal.stream, signal.key, signal.retain) == ("proctor:mid", "seat:ann", True)
    assert (signal.event.current, signal.event.answered, signal.event.questions) == ("river", 0, 4)
    campus.sit(SaveAnswer("pi", 1, 3.0), ANN)
    assert campus.sitting(ANN).signals[-1].event.answered == 1
    campus.sit(Submit(), ANN)
    assert campus.sitting(ANN).signals[-1].drop
    assert not any(signal.stream == "exam:mid" for signal in campus.sitting(ANN).signals)


# --- time


def test_an_extension_for_one_moves_its_deadline_alone() -> None:
    campus = both_running()
    campus.do(Extend(10, "ann"))
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + 10 * MINUTE
    assert campus.sitting(BEN).behaviour.view(BEN).closes == CLOSES
    campus.advance(35 * MINUTE)
    assert campus.sitting(BEN).behaviour.view(BEN).status == "submitted"
    assert campus.try_sit(SaveAnswer("pi", 1, 3.0), ANN) == "ok"
    campus.advance(10 * MINUTE)
    assert campus.sitting(ANN).behaviour.view(ANN).reason == "deadline"


def test_an_extension_for_all_reaches_those_who_write_and_those_who_start_later() -> None:
    campus = running(closes=START + HOUR)
    campus.do(Extend(15))
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + 15 * MINUTE
    campus.advance(45 * MINUTE)
    campus.do(Join(), BEN)
    assert campus.sit(Start(), BEN).closes == START + HOUR + 15 * MINUTE


def test_staff_extend_and_reopen_a_sitting_itself() -> None:
    campus = running()
    campus.sit(ExtendSitting(5), TEACHER, ANN)
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + 5 * MINUTE
    assert campus.try_sit(Reopen(5), TEACHER, ANN) == "conflict"
    campus.sit(Submit(), ANN)
    assert campus.try_sit(ExtendSitting(5), TEACHER, ANN) == "conflict"
    campus.sit(Reopen(5), TEACHER, ANN)
    assert campus.sit(SaveAnswer("pi", 1, 3.14), ANN).closes == START + 5 * MINUTE
    assert campus.hall.behaviour.view(TEACHER).submitted == 0
    campus.advance(6 * MINUTE)
    assert campus.sit(Review(), TEACHER, ANN).score == 2
    assert campus.hall.behaviour.view(TEACHER).submitted == 1


def test_a_pause_stops_the_clock_and_every_deadline_moves_by_as_long() -> None:
    campus = both_running(closes=START + HOUR)
    campus.advance(10 * MINUTE)
    campus.do(Pause())
    campus.advance(1)
    assert refusal_of(campus, SaveAnswer("pi", 1, 3.0)).code == "conflict"
    assert answer_at(campus, START + 10 * MINUTE, SaveAnswer("pi", 1, 3.0), now=START + 11 * MINUTE) == "ok"
    campus.advance(2 * HOUR)
    assert campus.sitting(ANN).behaviour.view(ANN).status == "running"
    stood = campus.now - START - 10 * MINUTE
    campus.do(Resume())
    for who in (ANN, BEN):
        assert campus.sitting(who).behaviour.view(who).closes == CLOSES + stood
    assert campus.hall.behaviour.view(TEACHER).closes == START + HOUR + stood
    campus.advance(21 * MINUTE)
    assert campus.hall.behaviour.view(TEACHER).submitted == 2


def hold_late(campus: Campus, ms: int, whose: str | None = None) -> int:
    """Stop the clock, and let the message reach the sitting so many ms later; returns when it was stopped."""
    stopped = campus.now
    campus.hall.do(Pause(whose), TEACHER)
    campus.now += ms
    return stopped


@pytest.mark.parametrize("whose", [None, "ann"])
def test_an_answer_that_came_in_after_a_pause_is_refused_also_when_the_sitting_heard_of_it_later(
    whose: str | None,
) -> None:
    campus = running()
    stopped = hold_late(campus, 700, whose)
    campus.deliver()
    assert answer_at(campus, stopped + 1, SaveAnswer("pi", 1, 3.0), stopped + 700) == "conflict"
    assert answer_at(campus, stopped, SaveAnswer("pi", 1, 3.14), stopped + 700) == "ok"
    assert kept(campus) == {"pi": 3.14}


def test_p17_the_verdict_on_an_answer_in_a_pause_is_the_same_after_replay_and_snapshot() -> None:
    campus = running()
    stopped = hold_late(campus, 700)
    campus.deliver()
    for snapshot_at in (None, campus.sitting(ANN).seq):
        campus.sitting(ANN).restart(snapshot_at=snapshot_at)
        assert campus.sitting(ANN).behaviour.view(ANN).paused == stopped
        assert answer_at(campus, stopped + 1, SaveAnswer("pi", 1, 3.0), stopped + 900) == "conflict"


def test_a_clock_that_was_stopped_in_time_stands_although_the_sitting_hears_of_it_after_its_deadline() -> None:
    campus = running()
    campus.advance(30 * MINUTE - 100)
    stopped = hold_late(campus, 1_000)
    campus.deliver()
    assert campus.sitting(ANN).behaviour.view(ANN).paused == stopped
    campus.advance(10 * MINUTE)
    campus.do(Resume())
    assert campus.sitting(ANN).behaviour.view(ANN).closes - campus.now == 100


def test_no_time_is_given_twice_when_a_sitting_hears_late_of_a_pause_its_end_and_the_next_one() -> None:
    campus = running()
    hold_late(campus, 1_000)
    campus.hall.do(Resume(), TEACHER)
    campus.now += 1_000
    hold_late(campus, 60_000)
    campus.deliver()  # all three of them
    heard = campus.now
    assert campus.sitting(ANN).behaviour.view(ANN).paused == heard, "it ran until now, as far as anybody could tell"
    campus.do(Resume())
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + (heard - START)


def test_one_students_clock_stands_alone_and_both_holds_must_end() -> None:
    campus = both_running()
    campus.do(Pause("ann"))
    campus.advance(MINUTE)
    campus.do(Pause())
    campus.advance(MINUTE)
    campus.do(Resume("ann"))
    assert campus.sitting(ANN).behaviour.view(ANN).paused == START
    campus.advance(MINUTE)
    campus.do(Resume())
    assert campus.sitting(ANN).behaviour.view(ANN).closes == CLOSES + 3 * MINUTE
    assert campus.sitting(BEN).behaviour.view(BEN).closes == CLOSES + 2 * MINUTE


def test_closing_by_hand_ends_every_sitting_with_what_is_saved() -> None:
    campus = both_running()
    answer_all(campus, ANN)
    campus.advance(MINUTE)
    campus.do(Close())
    state = campus.sitting(ANN).behaviour.view(ANN)
    assert (state.status, state.reason, state.closes) == ("submitted", "closed", START + MINUTE)
    assert answer_at(campus, START + MINUTE + GRACE_MS, SaveAnswer("pi", 2, 3.0)) == "ok"
    assert answer_at(campus, START + MINUTE + GRACE_MS + 1, SaveAnswer("pi", 3, 3.0)) == "too_late"


def test_who_is_expelled_is_submitted_as_it_stands_and_cannot_come_back() -> None:
    campus = running()
    campus.do(Expel("ann"))
    assert campus.sitting(ANN).behaviour.view(ANN).reason == "expelled"
    assert campus.hall.evicted == ["ann"]
    assert campus.try_sit(Reopen(5), ADMIN, ANN) == "conflict"
    campus = open_exam()
    campus.do(Expel("ann"))
    assert campus.try_sit(Start(), ANN) == "not_found"
    assert campus.sitting(ANN).behaviour.view(ANN).status == "declined"


# --- grading and release


def test_grading_is_automatic_and_complete_without_essays() -> None:
    campus = running()
    answer_all(campus, ANN)
    campus.sit(Submit(), ANN)
    review = campus.sit(Review(), TEACHER, ANN)
    assert {question: mark.points for question, mark in review.marks.items()} == {
        "capital": 2,
        "primes": 3,
        "pi": 2,
        "river": 1,
    }
    assert (review.score, review.most) == (MOST, MOST)


def test_an_essay_waits_for_a_person_and_the_release_waits_with_it() -> None:
    campus = running(questions=ITEMS)
    answer_all(campus, ANN)
    campus.sit(SaveAnswer("essay", 1, "Because."), ANN)
    campus.sit(Submit(), ANN)
    assert campus.sit(Review(), TEACHER, ANN).score is None
    campus.do(Close())
    campus.do(Release())
    assert campus.try_sit(AskResult(), ANN) == "conflict"
    assert campus.try_sit(Grade("essay", 11), TEACHER, ANN) == "bad_command"
    campus.sit(Grade("essay", 7, "Good"), TEACHER, ANN)
    result = campus.sit(AskResult(), ANN)
    assert (result.score, result.most, result.keys) == (MOST + 7, MOST + 10, {})
    assert (result.marks["essay"].comment, result.marks["essay"].by) == ("Good", "teacher")


def test_an_essay_that_was_not_written_earns_nothing_and_waits_for_nobody() -> None:
    campus = running(questions=ITEMS)
    campus.sit(Submit(), ANN)
    assert campus.sit(Review(), TEACHER, ANN).score == 0


def test_a_release_tells_student_and_boards_once_and_a_correction_replaces_it() -> None:
    campus = running(reveal=True)
    answer_all(campus, ANN)
    campus.sit(Submit(), ANN)
    campus.do(Close())
    campus.do(Release())
    campus.do(Release())
    notices = [told for told in campus.told("inbox:ann") if isinstance(told, Notify) and told.type == "exam.graded"]
    assert [notice.data["score"] for notice in notices] == [MOST]
    for period in ("weekly", "monthly", "all_time"):
        for scope in ("geo", "all"):
            assert campus.told(f"board:{period}.{scope}") == [Score("ann", "Ann", MOST, "sitting:mid.ann")]
    assert campus.sit(AskResult(), ANN).keys["capital"].correct == ("b",)
    campus.sit(Grade("capital", 1, "half"), TEACHER, ANN)
    assert campus.sit(AskResult(), ANN).score == MOST - 1
    assert campus.told("board:weekly.all")[-1].points == MOST - 1
    assert campus.sit(Grade("capital", 1, "half"), TEACHER, ANN) is None
    assert len(campus.told("board:weekly.all")) == 2


def test_a_correction_says_so_each_time_and_one_that_changes_no_points_tells_nobody() -> None:
    campus = running(release="at_close")
    answer_all(campus, ANN)
    campus.sit(Submit(), ANN)
    campus.do(Close())
    for points in (1, 2, 2, 1):
        campus.sit(Grade("capital", points, "looked at again"), TEACHER, ANN)
    campus.sit(Grade("capital", 1, "in other words"), TEACHER, ANN)
    notices = [told for told in campus.told("inbox:ann") if isinstance(told, Notify) and told.type == "exam.graded"]
    assert [(notice.title, notice.message) for notice in notices] == [
        ("Result: Midterm", "8 of 8 points"),
        ("Corrected result: Midterm", "7 of 8 points, instead of 8"),
        ("Corrected result: Midterm", "8 of 8 points, instead of 7"),
        ("Corrected result: Midterm", "7 of 8 points, instead of 8"),
    ]
    assert [(notice.data.get("corrected"), notice.data.get("before")) for notice in notices[:2]] == [
        (None, None), (True, 8),
    ]  # fmt: skip
    assert len({notice.key for notice in notices}) == 4
    assert campus.sit(AskResult(), ANN).marks["capital"].comment == "in other words"


def test_a_mark_given_again_keeps_its_comment_until_another_or_an_empty_one_is_given() -> None:
    campus = running(questions=ITEMS)
    campus.sit(Submit(), ANN)

    def comment(grade: Grade) -> str:
        campus.sit(grade, TEACHER, ANN)
        text: str = campus.sit(Review(), TEACHER, ANN).marks["essay"].comment
        return text

    given = (
        Grade("essay", 5),
        Grade("essay", 6, "Good"),
        Grade("essay", 7),
        Grade("essay", 7, "Better"),
        Grade("essay", 7, ""),
    )
    assert [comment(grade) for grade in given] == ["", "Good", "Good", "Better", ""]


def test_a_release_tells_each_parent_whose_result_it_is_and_a_correction_tells_them_too() -> None:
    campus = both_running(release="at_close")
    family: dict[str, tuple[str, ...]] = {"ann": ("pam", "pit")}
    for who in (ANN, BEN):
        campus.sitting(who).guardians = lambda user: family.get(user, ())
        campus.sit(Submit(), who)
    campus.do(Close())
    for parent in ("pam", "pit"):
        (told,) = campus.told(f"inbox:{parent}")
        assert (told.type, told.title, told.data["student"], told.data["score"]) == (
            "exam.graded", "Result of Ann: Midterm", "ann", 0,
        )  # fmt: skip
    campus.sit(Grade("capital", 1), TEACHER, ANN)
    assert [told.data["score"] for told in campus.told("inbox:pam")] == [0, 1]
    assert campus.told("inbox:pam")[-1].title == "Corrected result of Ann: Midterm"
    assert campus.told("inbox:pam")[-1].key != campus.told("inbox:pam")[0].key
    family["ann"] = ("pit",)
    campus.sit(Grade("capital", 2), TEACHER, ANN)
    assert [len(campus.told(f"inbox:{parent}")) for parent in ("pam", "pit")] == [2, 3]


def test_an_exam_without_specialty_scores_on_the_boards_of_all() -> None:
    campus = running(specialty="", release="at_close")
    campus.sit(Submit(), ANN)
    campus.do(Close())
    assert len([tell for tell in campus.sent if tell.to.startswith("board:")]) == 3


def test_an_exam_that_is_not_ranked_tells_its_people_and_no_board_not_of_a_correction_either() -> None:
    campus = running(ranked=False, release="at_close")
    campus.sit(Submit(), ANN)
    campus.do(Close())
    campus.sit(Grade("capital", 1), TEACHER, ANN)
    assert [tell for tell in campus.sent if tell.to.startswith("board:")] == []
    notices = [told for told in campus.told("inbox:ann") if isinstance(told, Notify) and told.type == "exam.graded"]
    assert [notice.data["score"] for notice in notices] == [0, 1]


def test_results_released_at_the_close_reach_those_who_are_graded_later_too() -> None:
    campus = both_running(release="at_close", closes=START + HOUR, questions=ITEMS)
    campus.do(Extend(60, "ann"))
    campus.sit(SaveAnswer("essay", 1, "Because."), BEN)
    campus.sit(Submit(), BEN)
    campus.advance(3 * HOUR)
    assert campus.hall.behaviour.view(TEACHER).released
    assert campus.sit(AskResult(), ANN).score == 0
    assert campus.try_sit(AskResult(), BEN) == "conflict"
    campus.sit(Grade("essay", 3), TEACHER, BEN)
    assert campus.sit(AskResult(), BEN).score == 3


def test_nothing_is_released_while_a_reopened_sitting_runs_and_the_answer_says_how_many_do() -> None:
    campus = both_running(reveal=True)
    campus.do(Close())
    for who in (ANN, BEN):
        campus.sit(Reopen(10), TEACHER, who)
    with pytest.raises(Refusal) as caught:
        campus.do(Release())
    assert (caught.value.code, caught.value.data) == ("conflict", {"running": 2})
    campus.sit(Submit(), BEN)
    assert campus.try_do(Release()) == "conflict"
    assert campus.try_sit(AskResult(), BEN) == "conflict"
    campus.sit(SaveAnswer("pi", 1, 3.14), ANN)
    campus.advance(11 * MINUTE)
    assert campus.try_do(Release()) == "ok"
    assert campus.sit(AskResult(), ANN).score == 2
    assert campus.try_sit(Reopen(10), TEACHER, ANN) == "conflict"


def test_the_release_is_free_again_when_who_was_reopened_is_taken_off_the_list_also_after_a_snapshot() -> None:
    campus = both_running()
    campus.do(Close())
    campus.sit(Reopen(10), TEACHER, ANN)
    campus.hall.restart(snapshot_at=campus.hall.seq)
    assert campus.try_do(Release()) == "conflict"
    campus.do(Expel("ann"))
    assert campus.try_do(Release()) == "ok"


@pytest.mark.parametrize(("reveal", "outcome"), [(True, "conflict"), (False, "ok")])
def test_nobody_writes_again_once_the_keys_are_out_also_with_an_essay_that_nobody_judged(
    reveal: bool, outcome: str
) -> None:
    campus = both_running(questions=ITEMS, reveal=reveal)
    for who in (ANN, BEN):
        campus.sit(SaveAnswer("essay", 1, "Because."), who)
    campus.do(Close())
    campus.sit(Grade("essay", 5), TEACHER, BEN)
    campus.do(Release())
    assert bool(campus.sit(AskResult(), BEN).keys) == reveal
    assert campus.sitting(ANN).behaviour.view(ANN).result is None
    assert campus.try_sit(Reopen(10), TEACHER, ANN) == outcome


def test_a_sitting_that_is_reopened_while_the_keys_are_on_their_way_ends_again_at_once() -> None:
    campus = both_running(questions=ITEMS, reveal=True)
    campus.sit(SaveAnswer("essay", 1, "Because."), ANN)
    campus.do(Close())
    campus.sitting(ANN).do(Reopen(10), TEACHER)  # its report is not carried yet
    campus.hall.do(Release(), TEACHER)
    campus.deliver()
    assert campus.sitting(ANN).behaviour.view(ANN).status == "submitted"
    assert campus.hall.behaviour.view(TEACHER).submitted == 2
    assert campus.try_sit(SaveAnswer("capital", 1, "b"), ANN) == "ok", "it came in within the grace of that end"
    campus.advance(GRACE_MS + 1)
    assert campus.try_sit(SaveAnswer("capital", 2, "c"), ANN) == "too_late"


def test_grading_needs_a_submitted_sitting() -> None:
    campus = running(questions=ITEMS)
    assert campus.try_sit(Grade("essay", 1), TEACHER, ANN) == "conflict"
    assert campus.try_sit(AskResult(), ANN) == "conflict"


# --- who may


def test_parents_see_the_result_once_it_is_released_and_nothing_before() -> None:
    campus = running()
    pat = type(PARENT)("parent", "parent", "Pat", frozenset({"ann"}))
    sitting = campus.sitting(ANN)
    assert campus.try_sit(AskResult(), pat, ANN) == "conflict"
    with pytest.raises(Refusal, match="forbidden"):
        sitting.follow(pat)
    campus.sit(Submit(), ANN)
    campus.do(Close())
    campus.do(Release())
    assert campus.sit(AskResult(), pat, ANN).score == 0
    assert sitting.follow(pat).state.result is not None
    with pytest.raises(Refusal, match="not_found"):
        sitting.follow(PARENT)


@pytest.mark.parametrize("who", [BEN, EVE, COLLEAGUE, PARENT])
def test_to_others_a_sitting_does_not_exist(who: Any) -> None:
    campus = both_running()
    for command in (Start(), SaveAnswer("pi", 1, 3.0), Submit(), Review(), Grade("pi", 1), AskResult()):
        assert campus.try_sit(command, who, ANN) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        campus.sitting(ANN).follow(who)


def test_staff_cannot_answer_for_a_student_nor_the_student_judge_itself() -> None:
    campus = running()
    for of_students in (Start(), SaveAnswer("pi", 1, 3.0), Submit()):
        assert campus.try_sit(of_students, TEACHER, ANN) == "forbidden"
    campus.sit(Submit(), ANN)
    for of_staff in (Review(), Grade("pi", 2), Reopen(5), ExtendSitting(5)):
        assert campus.try_sit(of_staff, ANN) == "forbidden"


def test_messages_of_the_system_to_a_sitting_that_nobody_asked_for_are_harmless() -> None:
    campus = Campus()
    for command in (Decline("conflict", "no"),):
        campus.sitting("zoe").do(command)
    assert campus.sitting("zoe").events == []
    campus.hall.do(Call("zoe"))
    assert isinstance(campus.hall.tells[-1].command, Decline)


def test_the_exam_is_told_of_each_sitting_once() -> None:
    campus = both_running()
    campus.sit(Submit(), ANN)
    campus.sit(Submit(), ANN)
    ended = [event for event in campus.hall.events if isinstance(event, exam_happened.Ended)]
    assert [(event.user, event.submitted) for event in ended] == [("ann", 1)]
    assert campus.hall.behaviour.view(TEACHER).started == 2


def test_a_student_listed_again_after_having_been_expelled_can_start() -> None:
    campus = open_exam()
    campus.do(Expel("ann"))
    campus.do(Enroll((Person("ann", "Ann"),)))
    campus.sit(Start(), ANN)
    assert campus.sitting(ANN).behaviour.view(ANN).status == "running"


def test_who_never_began_is_told_so_and_not_that_the_result_comes_later() -> None:
    campus = open_exam()
    campus.sit(Start(), BEN)
    campus.do(Close())
    campus.do(Release())
    told = refusal_of(campus, AskResult())
    assert (told.code, told.data) == ("conflict", {"status": "prepared"})
    assert "not begun" in told.msg
    assert campus.sit(AskResult(), BEN).score == 0
