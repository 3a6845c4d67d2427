"""Marks: which values a question takes, what they earn, and in which order a student gets the questions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.protocol.exam_paper import Item, Key, Option, Paper, Question, Shuffle, arrange, weigh
from homeroom.protocol.grading import Mark, grade, is_complete, misfit, normalise, score


def options(ids: str) -> tuple[Option, ...]:
    return tuple(Option(each, each) for each in ids)


SINGLE = Question("s", "single", "?", 4, options("abc"))
MULTIPLE = Question("m", "multiple", "?", 4, options("abcd"))
NUMERIC = Question("n", "numeric", "?", 4)
TEXT = Question("t", "text", "?", 4)
ESSAY = Question("e", "essay", "?", 4)


@pytest.mark.parametrize(
    ("question", "key", "value", "points"),
    [
        (SINGLE, Key(correct=("b",)), "b", 4),
        (SINGLE, Key(correct=("b",)), "a", 0),
        (SINGLE, Key(correct=("a", "b")), "a", 4),
        (MULTIPLE, Key(correct=("a", "b")), ("b", "a"), 4),
        (MULTIPLE, Key(correct=("a", "b")), ("a",), 0),
        (MULTIPLE, Key(correct=("a", "b")), ("a", "b", "c"), 0),
        (MULTIPLE, Key(correct=("a", "b"), partial=True), ("a",), 2),
        (MULTIPLE, Key(correct=("a", "b"), partial=True), ("a", "b", "c"), 2),
        (MULTIPLE, Key(correct=("a", "b"), partial=True), ("c", "d"), 0),
        (MULTIPLE, Key(correct=("a", "b", "c"), partial=True), ("a",), 1),
        (NUMERIC, Key(number=2.0), 2, 4),
        (NUMERIC, Key(number=2.0), 2.0001, 0),
        (NUMERIC, Key(number=0.2, tolerance=0.1), 0.3, 4),
        (NUMERIC, Key(number=0.2, tolerance=0.1), 0.1, 4),
        (NUMERIC, Key(number=0.2, tolerance=0.1), 0.31, 0),
        (NUMERIC, Key(number=-5.0, tolerance=1.0), -6, 4),
        (NUMERIC, Key(number=0.0), 0, 4),
        (TEXT, Key(accepted=("São Paulo",)), "  são   PAULO ", 4),
        (TEXT, Key(accepted=("São Paulo",)), "Sao Paulo", 0),
        (TEXT, Key(accepted=("São Paulo",), accents=False), "sao paulo", 4),
        (TEXT, Key(accepted=("NaCl",), case=True), "nacl", 0),
        (TEXT, Key(accepted=("colour", "color")), "Color", 4),
        (TEXT, Key(accepted=("Straße",)), "STRASSE", 4),
        (TEXT, Key(accepted=("é",)), "e\u0301", 4),
    ],
)
def test_an_answer_earns(question: Question, key: Key, value: Any, points: int) -> None:
    assert misfit(question, value) is None
    assert grade(question, key, value) == Mark(points, 4)


@pytest.mark.parametrize("value", [None, "", ()])
@pytest.mark.parametrize("question", [SINGLE, MULTIPLE, NUMERIC, TEXT, ESSAY])
def test_no_answer_earns_nothing_and_waits_for_nobody(question: Question, value: Any) -> None:
    assert grade(question, Key(), value) == Mark(0, 4)


def test_an_essay_waits_for_a_person() -> None:
    marks = {"e": grade(ESSAY, Key(), "Because."), "s": Mark(3, 4)}
    assert marks["e"].points is None
    assert (is_complete(marks), score(marks)) == (False, 3)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (SINGLE, "z"),
        (SINGLE, ("a",)),
        (MULTIPLE, "a"),
        (MULTIPLE, ("a", "a")),
        (MULTIPLE, ("a", "z")),
        (NUMERIC, "1"),
        (NUMERIC, True),
        (NUMERIC, float("inf")),
        (TEXT, 1),
        (TEXT, "x" * 501),
        (ESSAY, 1),
        (ESSAY, "\0"),
    ],
)
def test_a_value_of_the_wrong_type_does_not_fit_and_is_told_what_does(question: Question, value: Any) -> None:
    assert misfit(question, value)


def test_what_cannot_be_seen_makes_no_answer_wrong_neither_in_the_answer_nor_in_the_key() -> None:
    river = Question("river", "text", "The river?", 2)
    for accepted, value in (("Seine", "Se\u200bine\u202e"), ("Se\u200bine", "Seine")):
        assert grade(river, Key(accepted=(accepted,)), value).points == 2


@given(st.text(max_size=30), st.booleans(), st.booleans())
def test_normalising_twice_is_normalising_once(text: str, case: bool, accents: bool) -> None:
    key = Key(accepted=("x",), case=case, accents=accents)
    assert normalise(normalise(text, key), key) == normalise(text, key)


VALUES = (
    st.none() | st.text(max_size=5) | st.integers(-9, 9) | st.floats() | st.lists(st.sampled_from("abcdz")).map(tuple)
)
KEYS = st.builds(
    Key,
    correct=st.lists(st.sampled_from("abcd"), min_size=1, unique=True).map(tuple),
    partial=st.booleans(),
    number=st.floats(-9, 9),
    tolerance=st.floats(0, 3),
    accepted=st.lists(st.text(min_size=1, max_size=5), min_size=1).map(tuple),
)


@given(st.sampled_from([SINGLE, MULTIPLE, NUMERIC, TEXT, ESSAY]), KEYS, VALUES)
def test_whatever_fits_earns_between_nothing_and_the_points_and_the_same_each_time(
    question: Question, key: Key, value: Any
) -> None:
    if misfit(question, value) is None:
        mark = grade(question, key, value)
        assert mark.points is None or 0 <= mark.points <= question.points
        assert grade(question, key, value) == mark


PAPERS = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=12).map(
    lambda ids: tuple(Question(each, "single", "?", 1, options("wxyz")) for each in ids)
)


@given(PAPERS, st.integers(0, 2**53 - 1), st.sampled_from(["ann", "ben"]), st.booleans(), st.booleans())
def test_shuffling_is_a_permutation_that_seed_and_student_alone_decide(
    questions: tuple[Question, ...], seed: int, user: str, mixes: bool, mixes_options: bool
) -> None:
    paper = Paper(questions, {}, Shuffle(seed, mixes, mixes_options))
    arranged = arrange(paper, user)
    assert sorted(question.id for question in arranged) == sorted(question.id for question in questions)
    assert all(sorted(each.id for each in question.options) == list("wxyz") for question in arranged)
    assert arrange(paper, user) == arranged
    if not mixes:
        assert [question.id for question in arranged] == [question.id for question in questions]
    if not mixes_options:
        assert all(question.options == options("wxyz") for question in arranged)


def test_students_and_seeds_get_different_orders() -> None:
    questions = tuple(Question(f"q{number}", "essay", "?") for number in range(20))
    orders = {
        tuple(question.id for question in arrange(Paper(questions, {}, Shuffle(seed, questions=True)), user))
        for seed in (1, 2)
        for user in ("ann", "ben")
    }
    assert len(orders) == 4


def test_the_weight_of_a_paper_counts_every_text() -> None:
    assert weigh([Item(Question("q", "single", "1234", 1, (Option("a", "12"),)), Key(accepted=("123",)))]) == 10
