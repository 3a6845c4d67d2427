"""Random lives of a board: ranks are a permutation and equal a full sort; every follower, old or new, sees the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.actors import board as board_module
from homeroom.actors.board_order import Mark, Order
from homeroom.engine.behaviour import Caller
from homeroom.protocol import board_state
from homeroom.protocol.board import AskStanding, Configure, ListEntries, OptIn, OptOut, Recompute, Score, SetAlias
from homeroom.protocol.board_state import reduce_board
from tests.actors.boards import new_board, settle
from tests.actors.driver import Driver, Follower, stored
from tests.actors.people import ADMIN, BEN, SYSTEM

WINDOW = 4
"""What is in view in these tests, so that a few people are enough to fall out of it."""
users = st.sampled_from([f"u{number}" for number in range(9)])
sources = st.sampled_from([f"quiz:{number}" for number in range(4)])
SCORE = st.builds(
    lambda user, points, source: Score(user, user.upper(), points, source), users, st.integers(-3, 6), sources
)
CHOICE: st.SearchStrategy[Any] = st.sampled_from(
    [OptOut(), OptOut(), OptIn(), SetAlias("Fox"), SetAlias("Owl"), SetAlias("")]
)
ADMINS_DO: st.SearchStrategy[Any] = st.sampled_from([Recompute(), Configure("UTC"), Configure("Asia/Tokyo")])
STEPS = st.lists(
    st.tuples(
        st.one_of(
            SCORE.map(lambda command: (command, SYSTEM)),
            SCORE.map(lambda command: (command, SYSTEM)),
            st.tuples(CHOICE, users.map(lambda user: Caller(user, "student", user.upper()))),
            ADMINS_DO.map(lambda command: (command, ADMIN)),
        ),
        st.sampled_from([0, 0, 0, 1_000, 86_400_000]),
        st.sampled_from(["", "", "", "", "reload", "late"]),
    ),
    max_size=50,
)


@pytest.fixture(autouse=True, scope="module")
def small_window() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board_module, "SHOWN", WINDOW)
        patch.setattr(board_module, "TOP", 2)
        patch.setattr(board_state, "SHOWN", WINDOW)
        yield


def live(board: Driver, step: tuple[tuple[Any, Caller], int, str]) -> None:
    """Let time pass, perhaps make the actor anew, and carry out one command; what is chosen may arrive later."""
    (command, caller), pause, fate = step
    board.advance(pause)
    if fate == "reload":
        board.restart(start=False, snapshot_at=board.seq or None)
    board.try_do(command, caller)
    if fate != "late":
        settle(board)


def full_sort(board: Driver) -> list[str]:
    """Return who is on the board in order, from the state alone."""
    memory = board.behaviour.state
    there = [(user, p) for user, p in memory.people.items() if p.number == memory.number and not p.out]
    return [user for user, p in sorted(there, key=lambda one: (-one[1].points, one[1].since, one[0]))]


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_places_are_a_permutation_and_equal_a_full_sort_and_all_answers_agree(steps: list[Any]) -> None:
    board = new_board()
    for step in steps:
        live(board, step)
        wanted, people = full_sort(board), board.behaviour.state.people
        listed = board.do(ListEntries(limit=100), ADMIN)
        assert [row.entry for row in listed.rows] == [people[user].n for user in wanted]
        assert [row.place for row in listed.rows] == [*range(1, len(wanted) + 1)]
        points = [row.points for row in listed.rows]
        assert [row.rank for row in listed.rows] == [1 + sum(other > one for other in points) for one in points]
        assert [entry.entry for entry in board.behaviour.view(BEN).top] == [row.entry for row in listed.rows[:WINDOW]]
        assert board.behaviour.view(BEN).entries == listed.entries == len(wanted)
        for place, user in enumerate(wanted, 1):
            own = board.do(AskStanding(around=1), Caller(user, "student")).own
            assert own.row == listed.rows[place - 1]


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_state_and_events_equal_a_fresh_view(steps: list[Any]) -> None:
    board = new_board()
    ben = board.follow(BEN)
    for step in steps:
        live(board, step)
        assert ben.state == stored(board.behaviour.view(BEN))


CROWD = [((Score(f"u{n}", f"U{n}", 9 - n, "start"), SYSTEM), 0, "") for n in range(9)]
"""Enough people for some to be out of view."""
SAME_WEEK = STEPS.map(lambda steps: [(what, 0, fate) for what, _, fate in steps])


@settings(max_examples=400, deadline=None)
@given(STEPS | SAME_WEEK.map(lambda steps: CROWD + steps), st.data())
def test_a_follower_who_comes_back_sees_what_a_newcomer_sees(steps: list[Any], data: st.DataObject) -> None:
    board = new_board()
    left: list[tuple[int, Any]] = [(0, stored(board.behaviour.view(BEN)))]
    for step in steps:
        live(board, step)
        left.append((board.seq, stored(board.behaviour.view(BEN))))
    since, state = data.draw(st.sampled_from(left))
    back = Follower(BEN, state, reduce_board)
    for fact in board.replay(BEN, since):
        back.take(fact)
    assert back.state == stored(board.behaviour.view(BEN))


@pytest.mark.parametrize(
    ("scores", "gone"), [((("u3", -9), ("u7", 5)), ("u7", "u3")), ((("u1", 1), ("u8", 20)), ("u8", "u1"))]
)
def test_a_follower_who_comes_back_lets_go_of_those_who_moved_and_opted_out_and_keeps_nobody_twice(
    scores: tuple[tuple[str, int], ...], gone: tuple[str, ...]
) -> None:
    board = new_board()
    for step in CROWD:
        live(board, step)
    back = board.follow(BEN)
    board.followers.clear()
    seq = board.seq
    for user, points in scores:
        board.do(Score(user, user.upper(), points, "more"))
    for user in gone:
        board.do(OptOut(), Caller(user, "student"))
        settle(board)
    for fact in board.replay(BEN, seq):
        back.take(fact)
    assert [entry.user for entry in back.state.top] == full_sort(board)[:WINDOW]
    assert back.state == board.behaviour.view(BEN)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nobody_with_an_alias_is_named_and_nobody_who_opted_out_is_shown(steps: list[Any]) -> None:
    board = new_board()
    for step in steps:
        live(board, step)
    settle(board)
    newest = board.signals[-1:]
    shown = repr((board.behaviour.view(ADMIN), board.do(ListEntries(limit=100), ADMIN), board.replay(ADMIN), newest))
    for user, person in board.behaviour.state.people.items():
        if person.out or person.alias:
            assert f"'{user}'" not in shown
            assert f"'{user.upper()}'" not in shown


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_replaying_all_equals_a_snapshot_and_its_tail(steps: list[Any]) -> None:
    board = new_board()
    for step in steps:
        live(board, step)
    now = stored(board.behaviour.state)
    for middle in (None, *range(1, board.seq + 1)):
        made = board.rebuild(middle)
        assert made.state == now
        assert made.decide(ListEntries(limit=100), board._context(BEN)) == board.behaviour.decide(
            ListEntries(limit=100), board._context(BEN)
        )


marks = st.tuples(st.integers(-4, 4), st.integers(0, 9)).map(lambda pair: Mark(pair[0], pair[1], f"u{pair[1]}"))


@given(st.lists(marks, unique_by=lambda mark: mark.since), st.data(), st.integers(1, 5))
def test_a_change_that_is_asked_for_equals_the_change_that_is_made(
    there: list[Mark], data: st.DataObject, window: int
) -> None:
    order = Order(there)
    old = data.draw(st.sampled_from([None, *there]))
    new = data.draw(st.none() | st.integers(-5, 5).map(lambda negated: Mark(negated, 99, "new")))
    change = order.after(old, new)
    before = order.part(0, window)
    first, length, fills, touches = change.first(20), len(change), change.fills(window), change.touches(window)
    if old is not None:
        order.remove(old)
    if new is not None:
        order.add(new)
    after = order.part(0, 20)
    assert (first, length) == (after, len(after))
    assert [order.place(mark) for mark in after] == [*range(len(after))]
    assert after[:window] == sorted({*before, *(m for m in (new, fills) if m)} - {old})[:window]
    assert touches or after[:window] == before
    order.remove(Mark(77, 77, "nobody"))
    assert order.part(0, 20) == after
