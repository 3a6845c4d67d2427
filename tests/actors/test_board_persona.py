"""One choice of alias and of being shown for all boards of a person: by example, over random orders of messages, and in the engine."""

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from homeroom.actors import board_persona
from homeroom.actors.board_persona import PERSONA
from homeroom.engine.behaviour import Caller
from homeroom.protocol.board import AskStanding, Choose, ListEntries, OptIn, OptOut, Score, SetAlias
from homeroom.protocol.board_persona import Meet, Met, Prefer, Preferred, reduce_persona
from tests.actors.boards import new_board, settle, top
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, SYSTEM
from tests.actors.school import open_school

MATHS, ALL = "weekly.maths", "weekly.all"


def two_boards() -> tuple[Driver, Driver]:
    return new_board(MATHS), new_board(ALL)


def exam_points(boards: tuple[Driver, ...], user: str, points: int, source: str = "sitting:e1") -> None:
    """Have the points of one sitting come to all `boards`, which have not heard of each other yet."""
    for board in boards:
        board.do(Score(user, user.title(), points, f"{source}.{user}"), SYSTEM)


def test_an_alias_chosen_on_one_board_holds_on_all_and_on_those_that_come_later() -> None:
    maths, everything = boards = two_boards()
    exam_points(boards, "ann", 10)
    settle(*boards)
    maths.do(SetAlias("Fox"), ANN)
    settle(*boards)
    assert top(maths) == top(everything) == [("Fox", 10)]
    later = new_board("monthly.maths")
    later.__dict__["people"] = maths.__dict__["people"]
    exam_points((later,), "ann", 7)
    settle(later)
    assert top(later) == [("Fox", 7)]
    assert "ann" not in repr([later.replay(ADMIN), later.signals, everything.replay(ADMIN)]).lower()


def test_who_opted_out_on_one_board_is_on_none_and_comes_back_to_all() -> None:
    maths, everything = boards = two_boards()
    exam_points(boards, "ann", 10)
    settle(*boards)
    everything.do(OptOut(), ANN)
    settle(*boards)
    assert top(maths) == top(everything) == []
    maths.do(OptIn(), ANN)
    settle(*boards)
    assert top(maths) == top(everything) == [("Ann", 10)]


def test_nobody_new_is_shown_before_the_board_knows_what_was_chosen() -> None:
    maths, everything = boards = two_boards()
    maths.do(SetAlias("Fox"), ANN)
    settle(*boards)
    ben = everything.follow(BEN)
    exam_points((everything,), "ann", 10)
    assert (top(everything), ben.state.entries) == ([], 0)
    assert "ann" not in repr([everything.behaviour.public(fact) for fact in everything.facts]).lower()
    assert everything.do(AskStanding(), ANN).own.row.points == 10
    settle(*boards)
    assert top(everything) == [("Fox", 10)]
    assert ben.state == everything.behaviour.view(BEN)


def test_numbers_of_entries_on_two_boards_have_nothing_in_common() -> None:
    boards = two_boards()
    boards[1].random.seed(2)  # as everywhere but in tests, where each board begins with the same
    for number in range(20):
        exam_points(boards, f"p{number}", 10)
    settle(*boards)
    first, second = ({person.n for person in board.behaviour.state.people.values()} for board in boards)
    assert len(first | second) == 40


def test_where_somebody_goes_by_the_alias_already_it_gets_a_number_that_stays() -> None:
    maths, everything = boards = two_boards()
    exam_points((everything,), "fox", 3)
    exam_points(boards, "ann", 10)
    settle(*boards)
    maths.do(SetAlias("Fox"), ANN)
    settle(*boards)
    for choice in (OptOut(), OptIn(), OptOut(), OptIn()):
        maths.do(choice, ANN)
        settle(*boards)
    assert (top(maths), top(everything)) == ([("Fox", 10)], [("Fox 2", 10), ("Fox", 3)])


def test_a_board_too_many_is_not_answered_and_so_shows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_persona, "BOARDS_MAX", 1)
    maths, everything = boards = two_boards()
    exam_points(boards, "ann", 10)
    settle(*boards)
    assert (top(maths), top(everything)) == ([("Ann", 10)], [])
    everything.do(OptOut(), ANN)
    settle(*boards)
    assert (top(maths), top(everything)) == ([], [])


def test_a_persona_answers_each_board_and_keeps_what_changed_alone() -> None:
    ann = Driver(PERSONA, "ann", reduce_persona)
    assert ann.events_of(Meet(ALL), SYSTEM) == [Met(ALL)]
    assert ann.events_of(Meet(ALL), SYSTEM) == []
    assert [tell.command for tell in ann.tells] == [Choose("ann")] * 2
    assert ann.events_of(Prefer(MATHS, alias="Fox"), SYSTEM) == [Met(MATHS), Preferred("Fox", False)]
    assert [tell.to for tell in ann.tells[2:]] == [f"board:{ALL}", f"board:{MATHS}"]
    assert ann.events_of(Prefer(MATHS, alias="Fox"), SYSTEM) == []
    assert len(ann.tells) == 4
    assert ann.rebuild().state == ann.rebuild(snapshot_at=2).state == ann.behaviour.state
    assert ann.try_do(Meet(ALL), ADMIN) == "not_found"
    assert ann.behaviour.view(SYSTEM) == ann.behaviour.state


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["u1", "u2", "u3"]),
        st.sampled_from([None, OptOut(), OptIn(), SetAlias("Fox"), SetAlias("Owl"), SetAlias("")]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_all_boards_agree_on_who_is_shown_and_nobody_is_named_who_chose_not_to_be(steps: list[Any]) -> None:
    boards = two_boards()
    for where, user, choice, arrives in steps:
        if choice is None:
            exam_points((boards[where],), user, 5, f"quiz:{boards[where].seq}")
        else:
            boards[where].try_do(choice, Caller(user, "student", user.title()))
        if arrives:
            settle(*boards)
    settle(*boards)
    chosen = {user: persona.behaviour.state for user, persona in boards[0].__dict__["people"].items()}
    for board in boards:
        for user, person in board.behaviour.state.people.items():
            assert (person.out, bool(person.alias)) == (chosen[user].out, bool(chosen[user].alias))
            assert person.alias.startswith(chosen[user].alias)


async def test_in_the_engine_a_choice_reaches_the_boards_of_a_person_and_survives_a_restart(
    autojump_clock: MockClock,
) -> None:
    maths, everything = f"board:{MATHS}", f"board:{ALL}"
    async with open_school() as school:
        for board in (maths, everything):
            await school.do(board, Score("ann", "Ann", 10, "sitting:e1.ann"))
        await school.do(maths, SetAlias("Fox"), ANN)
        await trio.sleep(1)
        found = await school.do(everything, ListEntries(), BEN)
        assert [(row.name, row.user) for row in found.rows] == [("Fox", "")]
    async with open_school(school.store) as again:
        await again.do("board:monthly.all", Score("ann", "Ann", 10, "sitting:e1.ann"))
        await trio.sleep(1)
        found = await again.do("board:monthly.all", ListEntries(), BEN)
        assert [(row.name, row.user) for row in found.rows] == [("Fox", "")]
