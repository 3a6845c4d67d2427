"""Token buckets: what is granted, what is refused and until when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.http.budgets import Bucket, Budgets, BudgetSettings, Rate


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def test_sixty_messages_a_minute_and_the_61st_says_when(time: Time) -> None:
    budgets = Budgets(time)
    assert [budgets.take("s-1", "chat") for _ in range(60)] == [None] * 60
    assert budgets.take("s-1", "chat") == 1000
    time.now = 1.0
    assert budgets.take("s-1", "chat") is None
    assert budgets.take("s-1", "chat") == 1000
    assert budgets.statistics()["refused"] == 2


def test_people_and_purposes_do_not_share(time: Time) -> None:
    budgets = Budgets(time, BudgetSettings({"chat": Rate(1, 1), "typing": Rate(1, 1)}))
    assert budgets.take("s-1", "chat") is None
    assert budgets.take("s-2", "chat") is None
    assert budgets.take("s-1", "typing") is None
    assert budgets.take("s-1", "chat") is not None


def test_a_budget_without_a_rate_of_its_own_has_that_of_chat(time: Time) -> None:
    budgets = Budgets(time, BudgetSettings({"chat": Rate(1, 2)}))
    assert [budgets.take("s-1", "votes") for _ in range(3)] == [None, None, 1000]


def test_settings_without_chat_are_refused() -> None:
    with pytest.raises(ValueError, match="chat"):
        BudgetSettings({"typing": Rate(1, 1)})


def test_full_buckets_are_forgotten_and_empty_ones_are_not(time: Time) -> None:
    budgets = Budgets(time, BudgetSettings({"chat": Rate(1, 1)}))
    for n in range(Budgets.SWEEP_AT):
        budgets.take(f"s-{n}", "chat")
    time.now = 100.0
    budgets.take("s-1", "chat")
    budgets.take("new", "chat")
    assert budgets.statistics()["buckets"] == 2
    assert budgets.take("s-1", "chat") is not None


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_second_ever_grants_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    bucket, now, granted = Bucket(Rate(4, 3), 0.0), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if not bucket.take(now):
            granted.append(now)
    for first in granted:
        assert sum(first <= at <= first + 1 for at in granted) <= 3 + 4


@given(st.floats(0, 10), st.floats(0.01, 5))
def test_what_is_refused_is_granted_after_the_wait_it_said(start: float, rate: float) -> None:
    bucket = Bucket(Rate(rate, 1), start)
    assert bucket.take(start) == 0
    wait = bucket.take(start)
    assert wait > 0
    assert bucket.take(start + wait + 1e-6) == 0


def test_answers_of_an_exam_have_a_budget_of_their_own_that_no_chat_uses_up(time: Time) -> None:
    budgets = Budgets(time)
    while budgets.take("s-1", "chat") is None:
        pass
    assert [budgets.take("s-1", "answer") for _ in range(400)] == [None] * 400
    assert budgets.take("s-1", "answer") == 50
    time.now = 60.0
    assert [budgets.take("s-1", "answer") for _ in range(400)] == [None] * 400
