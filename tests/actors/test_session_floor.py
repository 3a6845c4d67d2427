"""The floor of a class session by example: hands in order, questions with upvotes and answers."""

import pytest

from homeroom.actors import session_floor as floor_module
from homeroom.engine.behaviour import Refusal
from homeroom.protocol.chat import Mute
from homeroom.protocol.session_floor import (
    AnswerQuestion,
    Ask,
    HandLowered,
    HandRaised,
    LowerHand,
    QuestionAnswered,
    QuestionUpvoted,
    QuestionWithdrawn,
    RaiseHand,
    Upvote,
    WithdrawQuestion,
)
from homeroom.protocol.session_words import Away, End, Join, Leave
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.sessions import MINUTE, class_of_three, live, shown


def test_hands_stand_in_the_order_in_which_they_were_raised() -> None:
    session = class_of_three()
    for who in (BEN, ANN, EVE):
        assert session.events_of(RaiseHand(), who) == [HandRaised(who.user)]
    assert session.events_of(RaiseHand(), ANN) == []
    assert shown(session).hands == ["ben", "ann", "eve"]
    assert session.events_of(LowerHand(), BEN) == [HandLowered("ben")]
    assert session.events_of(LowerHand("ann"), TEACHER) == [HandLowered("ann")]
    session.do(RaiseHand(), BEN)
    assert shown(session).hands == ["eve", "ben"]


def test_nobody_lowers_the_hand_of_another_but_those_who_lead() -> None:
    session = class_of_three()
    session.do(RaiseHand(), ANN)
    assert session.try_do(LowerHand("ann"), BEN) == "forbidden"
    assert session.try_do(LowerHand("ann"), ADMIN) == "ok"
    assert session.events_of(LowerHand("ann"), TEACHER) == []


def test_the_hand_of_who_goes_is_down_and_that_of_who_is_lost_stays_up_for_the_grace() -> None:
    session = class_of_three()
    for who in (ANN, BEN):
        session.do(RaiseHand(), who)
    session.do(Leave(), ANN)
    session.do(Away("ben", session.now))
    assert shown(session).hands == ["ben"]
    session.advance(2 * MINUTE)
    assert shown(session).hands == []


def test_a_question_is_asked_wanted_by_others_and_answered() -> None:
    session = class_of_three()
    question = session.do(Ask("Why?"), ANN).id
    assert session.events_of(Upvote(question), BEN) == [QuestionUpvoted(question, "ben")]
    assert session.events_of(Upvote(question), BEN) == []
    session.do(Upvote(question), EVE)
    session.do(Upvote(question, on=False), BEN)
    assert shown(session).questions[question].upvoters == ("eve",)
    session.now += MINUTE
    assert session.events_of(AnswerQuestion(question, "Because."), TEACHER) == [QuestionAnswered(question, "Because.")]
    assert session.events_of(AnswerQuestion(question, "Because."), TEACHER) == []
    held = shown(session).questions[question]
    assert (held.answer, held.answered_by, held.answered) == ("Because.", "teacher", session.now)
    assert session.try_do(Upvote(question), BEN) == "conflict"
    session.do(AnswerQuestion(question, "Because so."), TEACHER)
    assert shown(session).questions[question].answer == "Because so."


def test_teachers_who_are_in_it_answer_too_and_students_do_not() -> None:
    session = class_of_three()
    question = session.do(Ask("Why?"), ANN).id
    assert session.try_do(AnswerQuestion(question), COLLEAGUE) == "forbidden"
    assert session.try_do(AnswerQuestion(question), BEN) == "forbidden"
    session.do(Join(), COLLEAGUE)
    assert session.events_of(AnswerQuestion(question), COLLEAGUE) == [QuestionAnswered(question)]


def test_nobody_upvotes_its_own_question_or_one_that_is_not_there() -> None:
    session = live()
    question = session.do(Ask("Why?"), ANN).id
    assert session.try_do(Upvote(question), ANN) == "conflict"
    for command in (Upvote("99"), AnswerQuestion("99"), WithdrawQuestion("99")):
        assert session.try_do(command, TEACHER) == "not_found"


def test_a_withdrawn_question_is_gone_from_the_state_and_from_replays() -> None:
    session = class_of_three()
    ben = session.follow(BEN)
    question = session.do(Ask("a secret"), ANN).id
    session.do(AnswerQuestion(question, "the secret is out"), TEACHER)
    assert session.try_do(WithdrawQuestion(question), BEN) == "forbidden"
    assert session.events_of(WithdrawQuestion(question), TEACHER) == [QuestionWithdrawn(question)]
    assert session.events_of(WithdrawQuestion(question), ANN) == []
    assert shown(session).questions == ben.state.questions == {}
    assert "secret" not in repr(session.replay(BEN))


def test_a_question_without_visible_text_is_refused_and_so_is_one_of_who_is_muted() -> None:
    session = live()
    with pytest.raises(Refusal, match="bad_command") as refused:
        session.do(Ask("\u200b"), ANN)
    assert refused.value.data["field"] == "text"
    session.do(Mute("ann", 60), TEACHER)
    assert session.try_do(Ask("Why?"), ANN) == "forbidden"
    session.now += MINUTE
    assert session.try_do(Ask("Why?"), ANN) == "ok"


def test_questions_are_bounded_at_one_time_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "QUESTIONS_MAX", 2)
    monkeypatch.setattr(floor_module, "ASKED_MAX", 3)
    session = live()
    first = session.do(Ask("1"), ANN).id
    session.do(Ask("2"), ANN)
    assert session.try_do(Ask("3"), ANN) == "full"
    session.do(WithdrawQuestion(first), ANN)
    assert session.try_do(Ask("3"), ANN) == "ok"
    session.do(WithdrawQuestion(str(session.seq)), ANN)
    assert session.try_do(Ask("4"), ANN) == "full"


def test_hands_and_upvotes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "HANDS_MAX", 1)
    monkeypatch.setattr(floor_module, "UPVOTES_MAX", 1)
    session = class_of_three()
    session.do(RaiseHand(), ANN)
    assert session.try_do(RaiseHand(), BEN) == "full"
    question = session.do(Ask("Why?"), ANN).id
    session.do(Upvote(question), BEN)
    assert session.try_do(Upvote(question), EVE) == "full"


def test_the_floor_is_for_those_who_are_in_it_while_it_lasts() -> None:
    session = class_of_three()
    question = session.do(Ask("Why?"), ANN).id
    session.do(Leave(), EVE)
    for command in (RaiseHand(), Ask("Me?"), Upvote(question)):
        assert session.try_do(command, EVE) == "forbidden"
    session.do(RaiseHand(), ANN)
    session.do(End(), TEACHER)
    assert shown(session).hands == []
    for command in (RaiseHand(), Ask("Me?"), Upvote(question)):
        assert session.try_do(command, TEACHER) == "conflict"
    assert session.try_do(AnswerQuestion(question, "Afterwards"), TEACHER) == "ok"
