"""An exam by example: drafting, listing, opening and closing, time, announcements, and what each refuses."""

from typing import Any

import pytest
from msgspec.structs import replace

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol import exam_events as happened
from homeroom.protocol.exam import (
    STUDENTS_MAX,
    Announce,
    Appoint,
    AskPaper,
    AskStudents,
    Close,
    Create,
    Delete,
    Dismiss,
    Edit,
    Enroll,
    Expel,
    Extend,
    Join,
    Leave,
    Open,
    Pause,
    Person,
    Publish,
    PutQuestion,
    Release,
    RemoveQuestion,
    Resume,
)
from homeroom.protocol.exam_messages import Prolong
from homeroom.protocol.exam_paper import Item, Key, Question
from homeroom.protocol.inbox import Notify
from homeroom.protocol.sitting import GRACE_MS, SaveAnswer, Start, Submit
from tests.actors.driver import START
from tests.actors.exams import (
    CAPITAL,
    ESSAY,
    HOUR,
    MINUTE,
    PI,
    PRIMES,
    RIVER,
    Campus,
    both_running,
    choices,
    new_exam,
    open_exam,
    running,
)
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, PARENT, SYSTEM, TEACHER

CLOSES = START + 30 * MINUTE


# --- drafts


def test_a_draft_is_made_changed_and_published_and_then_fixed() -> None:
    campus = new_exam()
    campus.do(Edit(title="Final", minutes=45))
    campus.do(PutQuestion(ESSAY.question))
    campus.do(RemoveQuestion("pi"))
    state = campus.hall.behaviour.view(TEACHER)
    assert (state.settings.title, state.settings.minutes, state.questions, state.points) == ("Final", 45, 4, 16)
    campus.do(Publish())
    for command in (Edit(title="x"), PutQuestion(PI.question, PI.key), RemoveQuestion("river")):
        assert campus.try_do(command) == "conflict"
    campus.do(Publish())
    assert campus.hall.events.count(happened.Published()) == 1


def test_making_it_twice_is_a_conflict_and_its_id_has_no_dot() -> None:
    campus = new_exam()
    assert campus.try_do(Create("Again")) == "conflict"
    assert Campus("mid.term").try_do(Create("Dotted")) == "bad_command"


def test_a_change_to_what_is_so_already_is_nothing() -> None:
    campus = new_exam()
    before = campus.hall.seq
    for command in (
        Edit(title="Midterm"),
        PutQuestion(PI.question, PI.key),
        Enroll((Person("ann"),)),
        Dismiss("nobody"),
        Appoint("teacher"),
    ):
        campus.do(command)
    assert campus.hall.seq == before


@pytest.mark.parametrize(
    ("question", "key"),
    [
        (replace(CAPITAL.question, options=()), CAPITAL.key),
        (replace(CAPITAL.question, options=choices("b")), CAPITAL.key),
        (replace(CAPITAL.question, options=choices("b", "b")), CAPITAL.key),
        (CAPITAL.question, Key()),
        (CAPITAL.question, Key(correct=("z",))),
        (PRIMES.question, Key(correct=("p", "p"))),
        (replace(PI.question, options=choices("a", "b")), PI.key),
        (PI.question, Key()),
        (RIVER.question, Key()),
        (RIVER.question, Key(accepted=(" ",))),
        (ESSAY.question, Key(accepted=("x",))),
        (replace(ESSAY.question, text=" \n"), Key()),
    ],
)
def test_a_question_whose_key_does_not_fit_is_a_bad_command(question: Question, key: Key) -> None:
    campus = new_exam(questions=())
    assert campus.try_do(PutQuestion(question, key)) == "bad_command"


def test_a_paper_is_bounded_and_has_each_id_once() -> None:
    assert Campus().try_do(Create("Twice", questions=(PI, PI))) == "bad_command"
    long = tuple(Item(Question(f"q{number}", "essay", "x" * 4_000)) for number in range(25))
    campus = new_exam(questions=long)
    assert campus.try_do(PutQuestion(ESSAY.question)) == "full"


def test_an_exam_that_cannot_be_held_is_not_published() -> None:
    assert new_exam(questions=()).try_do(Publish()) == "conflict"
    late = new_exam(closes=START + MINUTE)
    late.advance(MINUTE)
    assert late.try_do(Publish()) == "conflict"


def test_no_exam_is_planned_to_close_in_the_past_but_one_whose_time_went_by_can_still_be_edited() -> None:
    assert Campus().try_do(Create("Late", closes=START)) == "bad_command"
    campus = new_exam(closes=START + MINUTE)
    campus.advance(MINUTE)
    assert campus.try_do(Edit(closes=START + MINUTE)) == "bad_command"
    assert campus.try_do(Edit(title="Too late")) == campus.try_do(Edit(closes=START + HOUR)) == "ok"
    assert campus.try_do(Publish()) == "ok"


def test_a_draft_is_deleted_by_its_owner_and_is_then_nobodys_and_nowhere() -> None:
    campus = new_exam()
    campus.do(Appoint(COLLEAGUE.user))
    for who in (COLLEAGUE, ANN):
        assert campus.try_do(Delete(), who) in {"forbidden", "not_found"}
    follower = campus.hall.follow(TEACHER)
    assert campus.hall.events_of(Delete(), TEACHER) == [happened.Deleted()]
    campus.deliver()
    assert follower.state.status == "deleted"
    assert set(campus.hall.evicted) == {TEACHER.user, COLLEAGUE.user}
    assert campus.at("proctor:mid").behaviour.hidden(TEACHER)
    for who in (TEACHER, COLLEAGUE, ADMIN, ANN):
        assert campus.hall.behaviour.hidden(who)
        for command in (Delete(), Edit(title="Back"), AskPaper(), Join()):
            assert campus.try_do(command, who) == "not_found"
    assert campus.try_do(Create("Again")) == "conflict"
    assert campus.hall.rebuild().state == campus.hall.rebuild(snapshot_at=3).state == campus.hall.behaviour.state


def test_what_is_published_is_closed_and_never_deleted() -> None:
    campus = new_exam()
    campus.do(Publish())
    assert campus.try_do(Delete()) == "conflict"
    assert campus.try_do(Open()) == "ok"


def test_it_closes_after_it_opens() -> None:
    assert Campus().try_do(Create("Odd", opens=START + 2, closes=START + 1)) == "bad_command"
    assert new_exam(opens=START + HOUR).try_do(Edit(closes=START + HOUR)) == "bad_command"


# --- who is listed, and who watches


def test_a_draft_is_hidden_from_those_it_lists_and_an_exam_from_those_it_does_not() -> None:
    campus = new_exam()
    assert campus.try_do(Join(), ANN) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        campus.hall.follow(ANN)
    campus.do(Publish())
    campus.hall.follow(ANN)
    for who in (EVE, PARENT, COLLEAGUE):
        for command in (Join(), Leave(), AskPaper(), Publish(), Close(), Enroll((Person("eve"),))):
            assert campus.try_do(command, who) == "not_found"
        with pytest.raises(Refusal, match="not_found"):
            campus.hall.follow(who)


def test_students_may_come_and_go_and_nothing_else() -> None:
    campus = open_exam()
    for command in (AskPaper(), AskStudents(), Close(), Extend(5), Announce("Hi"), Release(), Publish()):
        assert campus.try_do(command, ANN) == "forbidden"
    campus.do(Join(), BEN)
    answer = campus.do(Join(), BEN)
    assert (answer.sitting, answer.participants, answer.now) == ("sitting:mid.ben", 2, START)
    campus.do(Leave(), BEN)
    campus.do(Leave(), BEN)
    assert list(campus.hall.behaviour.view(ANN).participants) == ["ann"]


def test_who_watches_may_run_the_exam_but_not_change_who_takes_part() -> None:
    campus = running()
    assert campus.at("proctor:mid").behaviour.view(TEACHER).staff == ("teacher",)
    campus.do(Appoint("colleague", "Carl"))
    campus.do(Announce("Ten minutes left"), COLLEAGUE)
    campus.do(Extend(5), COLLEAGUE)
    campus.sitting(ANN).follow(COLLEAGUE)
    campus.at("proctor:mid").follow(COLLEAGUE)
    for command in (Enroll((Person("eve"),)), Expel("ann"), Appoint("eve"), Release()):
        assert campus.try_do(command, COLLEAGUE) == "forbidden"
    campus.do(Dismiss("colleague"))
    assert campus.hall.evicted == campus.sitting(ANN).evicted == campus.at("proctor:mid").evicted == ["colleague"]
    assert campus.try_do(Announce("Hi"), COLLEAGUE) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        campus.sitting(ANN).follow(COLLEAGUE)
    assert campus.try_do(Appoint("ann")) == "conflict"


def test_the_list_is_bounded_and_an_id_too_long_for_a_sitting_is_refused() -> None:
    campus = new_exam()
    assert campus.try_do(Enroll((Person("x" * 61),))) == "bad_command"
    for start in range(0, STUDENTS_MAX - 200, 200):
        campus.do(Enroll(tuple(Person(f"s{number}") for number in range(start, start + 200))))
    assert campus.try_do(Enroll(tuple(Person(f"t{number}") for number in range(200)))) == "full"


def test_publishing_tells_the_listed_and_those_who_are_listed_later() -> None:
    campus = new_exam(opens=START + HOUR)
    assert campus.told("inbox:ann") == []
    campus.do(Publish())
    campus.do(Enroll((Person("eve", "Eve"),)))
    for who in ("ann", "ben", "eve"):
        assert [notice.type for notice in campus.told(f"inbox:{who}")] == ["exam.published"]
    campus.advance(HOUR - 5 * MINUTE)
    reminder: Notify = campus.told("inbox:ann")[-1]
    assert (reminder.title, reminder.priority) == ("Your exam starts in 5 minutes", "high")


def test_expelling_who_is_not_listed_is_not_found() -> None:
    assert open_exam().try_do(Expel("eve")) == "not_found"


# --- opening and closing


def test_it_opens_and_closes_by_itself_also_when_nobody_was_there() -> None:
    campus = new_exam(opens=START + HOUR, closes=START + 2 * HOUR)
    campus.do(Publish())
    campus.hall.restart()
    campus.advance(HOUR)
    assert campus.hall.behaviour.view(TEACHER).status == "open"
    campus.hall.restart(snapshot_at=3)
    campus.advance(HOUR + GRACE_MS)
    assert campus.hall.behaviour.view(TEACHER).status == "closed"


def test_what_is_not_open_is_named_when_it_is_opened_closed_extended_or_joined() -> None:
    campus = new_exam()
    command: Any
    for command in (Open(), Close(), Extend(5), Pause(), Resume(), Announce("x"), Release()):
        assert campus.try_do(command) == "conflict", command
    campus.do(Publish())
    for command in (Close(), Pause(), Release()):
        assert campus.try_do(command) == "conflict", command
    campus.do(Open())
    campus.do(Open())
    campus.do(Close())
    campus.do(Close())
    for command in (Open(), Extend(5), Extend(5, "ann"), Pause(), Enroll((Person("eve"),))):
        assert campus.try_do(command) == "conflict", command
    assert campus.try_do(Join(), ANN) == "conflict"


def test_extending_a_closed_exam_is_a_conflict_that_says_so() -> None:
    campus = open_exam()
    campus.do(Close())
    with pytest.raises(Refusal, match="conflict: the exam is closed: it cannot be extended"):
        campus.do(Extend(5))


def test_it_closes_only_when_the_last_students_time_is_over() -> None:
    campus = both_running(closes=START + HOUR, minutes=60)
    campus.do(Extend(30, "ann"))
    campus.advance(80 * MINUTE)
    assert campus.hall.behaviour.view(TEACHER).status == "open"
    assert campus.try_sit(SaveAnswer("pi", 1, 3.0), ANN) == "ok"
    campus.advance(11 * MINUTE)
    assert campus.hall.behaviour.view(TEACHER).status == "closed"
    assert campus.hall.behaviour.view(TEACHER).submitted == 2


def test_a_students_clock_that_stands_keeps_the_exam_open() -> None:
    campus = running(closes=START + HOUR, minutes=60)
    campus.do(Pause("ann"))
    campus.advance(3 * HOUR)
    assert campus.hall.behaviour.view(TEACHER).status == "open"
    campus.do(Resume("ann"))
    campus.advance(HOUR + GRACE_MS)
    assert campus.hall.behaviour.view(TEACHER).status == "closed"


def test_a_student_who_hands_in_while_its_clock_stands_does_not_keep_the_exam_open() -> None:
    campus = running(closes=START + HOUR)
    campus.do(Pause("ann"))
    campus.advance(2 * HOUR)
    campus.sit(Submit(), ANN)
    campus.advance(MINUTE)
    assert campus.hall.behaviour.view(TEACHER).status == "closed"


# --- E8: extension and deadline


@pytest.mark.parametrize(("after", "outcome"), [(0, "extended"), (GRACE_MS, "extended"), (GRACE_MS + 1, "closed")])
def test_e8_an_extension_racing_the_deadline_is_extended_or_closed_and_never_both(after: int, outcome: str) -> None:
    campus = running(closes=CLOSES)
    campus.now = CLOSES + after
    granted = campus.hall.try_do(Extend(10), TEACHER)
    campus.now = CLOSES + after
    campus.advance(GRACE_MS)
    state = campus.sitting(ANN).behaviour.view(ANN)
    if outcome == "extended":
        assert (granted, state.status, state.closes) == ("ok", "running", CLOSES + 10 * MINUTE)
    else:
        assert (granted, state.status, state.closes) == ("conflict", "submitted", CLOSES)


def test_e8_a_grant_made_in_time_undoes_the_deadline_that_fired_before_it_arrived() -> None:
    campus = running()
    campus.now = CLOSES
    campus.hall.do(Extend(10, "ann"), TEACHER)
    campus.now = CLOSES + GRACE_MS
    campus.sitting(ANN).advance(0)
    assert campus.sitting(ANN).behaviour.view(ANN).status == "submitted"
    campus.deliver()
    state = campus.sitting(ANN).behaviour.view(ANN)
    assert (state.status, state.closes) == ("running", CLOSES + 10 * MINUTE)
    assert campus.hall.behaviour.view(TEACHER).submitted == 0
    campus.advance(11 * MINUTE)
    assert campus.sitting(ANN).behaviour.view(ANN).status == "submitted"
    assert campus.hall.behaviour.view(TEACHER).submitted == 1


def test_e8_a_grant_for_all_does_not_reopen_what_ended_long_before() -> None:
    campus = running(closes=START + 2 * HOUR)
    campus.advance(HOUR)
    campus.do(Extend(10))
    assert campus.sitting(ANN).behaviour.view(ANN).status == "submitted"
    assert campus.try_do(Extend(10, "ann")) == "conflict"


def test_e8_a_grant_to_who_has_handed_in_is_a_conflict_and_nothing_happens_if_they_cross() -> None:
    campus = running()
    campus.hall.do(Extend(10, "ann"), TEACHER)
    campus.sitting(ANN).do(Submit(), ANN)
    campus.deliver()
    assert campus.sitting(ANN).behaviour.view(ANN).reason == "student"
    assert campus.try_do(Extend(10, "ann")) == "conflict"


def test_e8_between_deadline_and_report_the_exam_extends_nobody() -> None:
    campus = running()
    campus.now = CLOSES + GRACE_MS + 1
    assert campus.hall.try_do(Extend(10, "ann"), TEACHER) == "conflict"


def test_time_is_extended_for_the_listed_only_and_not_without_end() -> None:
    campus = open_exam()
    assert campus.try_do(Extend(5, "eve")) == "not_found"
    campus.do(Extend(7 * 1_440))
    assert campus.try_do(Extend(1)) == "full"


def test_a_sitting_that_is_not_listed_any_more_is_told_nothing() -> None:
    campus = open_exam()
    campus.do(Extend(5))
    assert Prolong(5, START) in [tell.command for tell in campus.hall.tells if tell.to == "sitting:mid.ann"]
    assert not [tell for tell in campus.hall.tells if tell.to == "sitting:mid.ben"]


# --- pauses


def test_pausing_what_is_paused_is_nothing_and_a_sitting_that_does_not_run_cannot_be() -> None:
    campus = running()
    campus.do(Pause())
    campus.do(Pause())
    campus.do(Resume())
    campus.do(Resume())
    campus.do(Pause("ann"))
    campus.do(Pause("ann"))
    assert sum(isinstance(event, happened.Paused | happened.Held) for event in campus.hall.events) == 2
    assert campus.try_do(Pause("ben")) == "conflict"
    assert campus.try_do(Pause("eve")) == "not_found"


def test_who_comes_in_during_a_pause_starts_when_it_ends_with_the_window_moved() -> None:
    campus = new_exam(closes=START + HOUR, minutes=60)
    campus.do(Publish())
    campus.do(Open())
    campus.do(Pause())
    campus.advance(10 * MINUTE)
    campus.do(Join(), ANN)
    assert campus.sit(Start(), ANN).status == "waiting"
    campus.advance(10 * MINUTE)
    campus.do(Resume())
    assert campus.sit(Start(), ANN).closes == START + HOUR + 20 * MINUTE


# --- words


def test_announcements_reach_all_who_sit_the_exam_and_the_newest_are_kept() -> None:
    campus = running()
    follower = campus.hall.follow(ANN)
    for number in range(60):
        campus.do(Announce(f"Word {number}"))
    assert [each.text for each in follower.state.announcements] == [f"Word {number}" for number in range(10, 60)]
    assert campus.try_do(Announce("\u200b")) == "bad_command"


def test_an_exam_of_the_system_has_no_owner_and_admins_run_it() -> None:
    campus = Campus()
    campus.do(Create("Placement", questions=(PI,)), SYSTEM)
    assert campus.try_do(Publish(), TEACHER) == "not_found"
    campus.do(Publish(), ADMIN)
    paper = campus.do(AskPaper(), ADMIN)
    assert paper.items == (PI,)


def test_staff_are_told_who_is_listed_and_how_far() -> None:
    campus = both_running()
    campus.sit(Submit(), BEN)
    students = campus.do(AskStudents()).students
    assert {user: seat.status for user, seat in students.items()} == {"ann": "running", "ben": "submitted"}
    assert students["ann"].closes == CLOSES


def test_a_person_of_any_role_can_be_listed_but_only_staff_make_exams() -> None:
    campus = Campus()
    for who in (ANN, PARENT, Caller("x", "student", "X")):
        assert campus.try_do(Create("Mine"), who) == "not_found"
