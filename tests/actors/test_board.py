"""The leaderboard by example: points and their sources, ranks, names, those who are not shown, and who may."""

import gc
from collections import Counter

import msgspec
import pytest

from homeroom.actors import board as board_module
from homeroom.actors.board import SOURCES_MAX, Board
from homeroom.actors.board_check import CHECKED
from homeroom.actors.board_order import Mark, Order
from homeroom.actors.board_people import Person, free_alias, mark_of, order_people
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.board import (
    SHOWN,
    AskStanding,
    Choose,
    Configure,
    EntryChanged,
    ListEntries,
    OptIn,
    OptOut,
    Own,
    Recompute,
    Recomputed,
    Row,
    Score,
    Scored,
    SetAlias,
    Tally,
    TopChanged,
)
from homeroom.protocol.board_state import board_id, ranks
from homeroom.protocol.stored import StoredWire
from tests.actors.boards import choose, new_board, score, settle, top
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, EVE, PARENT, SUPER, SYSTEM, TEACHER

UNKNOWN = ["all-time.all", "daily.all", "weekly", "weekly.", "weekly.a.b", "weekly.Mathe!", "all", "weekly." + "x" * 51]


def peopled_board(count: int, id: str = "all_time.all") -> Driver:
    """Return a board of `count` people: p0 has most points, and so on."""
    board = new_board(id)
    for number in range(count):
        score(board, f"p{number}", 1_000 - number)
    return board


def order_of(board: Driver) -> Order:
    """Return the order that the board keeps."""
    assert isinstance(board.behaviour, Board)
    return board.behaviour._order


# --- points


def test_more_points_come_first_and_of_as_many_who_reached_them_first() -> None:
    board = new_board()
    score(board, "ann", 10)
    score(board, "ben", 20)
    score(board, "eve", 10)
    assert top(board) == [("Ben", 20), ("Ann", 10), ("Eve", 10)]
    score(board, "ann", 5)
    score(board, "eve", 10)
    assert top(board) == [("Ben", 20), ("Eve", 20), ("Ann", 15)]


def test_as_many_points_share_a_rank_and_nobody_shares_a_place() -> None:
    board = new_board()
    for user, points in (("ann", 10), ("ben", 20), ("eve", 10), ("pia", 5)):
        score(board, user, points)
    rows = board.do(ListEntries(), EVE).rows
    assert [(row.place, row.rank, row.name) for row in rows] == [
        (1, 1, "Ben"),
        (2, 2, "Ann"),
        (3, 2, "Eve"),
        (4, 4, "Pia"),
    ]
    assert ranks(entry.points for entry in board.behaviour.view(EVE).top) == [1, 2, 2, 4]


def test_a_source_counts_once_and_its_later_value_takes_the_place_of_the_earlier() -> None:
    board = new_board()
    assert score(board, "ann", 10, "sitting:e1.ann") == Tally(True, 10)
    assert score(board, "ann", 7, "sitting:e2.ann") == Tally(True, 17)
    seq = board.seq
    assert score(board, "ann", 10, "sitting:e1.ann") == Tally(False, 17)
    assert board.seq == seq
    assert score(board, "ann", 12, "sitting:e1.ann") == Tally(True, 19)
    assert score(board, "ann", 3, "sitting:e1.ann") == Tally(True, 10)
    assert score(board, "ben", 3, "sitting:e1.ann") == Tally(True, 3)


def test_e4_a_score_told_again_counts_once_also_when_the_board_was_made_anew() -> None:
    board = new_board()
    score(board, "ann", 10, "sitting:e1.ann")
    for snapshot in (None, 1, 2):
        board.restart(snapshot_at=snapshot)
        assert score(board, "ann", 10, "sitting:e1.ann") == Tally(False, 10)
    assert top(board) == [("Ann", 10)]


def test_no_points_for_a_source_leave_the_place_of_who_came_first() -> None:
    board = new_board()
    score(board, "ann", 10)
    score(board, "ben", 10)
    score(board, "ann", 0, "bonus")
    assert top(board) == [("Ann", 10), ("Ben", 10)]
    score(board, "ann", 4, "bonus")
    assert score(board, "ann", 0, "bonus") == Tally(True, 10)
    assert top(board) == [("Ben", 10), ("Ann", 10)]


def test_of_very_many_sources_the_newest_can_be_corrected_and_the_points_of_all_stay() -> None:
    board = new_board()
    for number in range(SOURCES_MAX + 1):
        score(board, "ann", 1, f"quiz:{number}")
    assert score(board, "ann", 3, f"quiz:{SOURCES_MAX}") == Tally(True, SOURCES_MAX + 3)
    assert len(board.events[-1].ledger) == SOURCES_MAX


def test_names_are_cleaned_and_a_score_without_one_keeps_what_is_known() -> None:
    board = new_board()
    board.do(Score("ann", " Ann \u202e Miller ", 1, "a"))
    board.do(Score("ann", "", 1, "b"))
    board.do(Score("ben", "", 1, "b"))
    settle(board)
    assert top(board) == [("Ann Miller", 2), ("ben", 1)]
    assert board.try_do(Score("ann", "\u200b", 1, "c"), SYSTEM) == "bad_command"
    board.do(Score("ann", "Ann Weber", 0, "d"))
    assert top(board)[0] == ("Ann Weber", 2)


def test_a_full_board_takes_nobody_new_and_goes_on_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "PEOPLE_MAX", 2)
    board = new_board()
    score(board, "ann", 1)
    choose(board, OptOut(), BEN)
    assert board.try_do(Score("eve", "Eve", 1, "x"), TEACHER) == "full"
    assert board.try_do(OptOut(), EVE) == "full"
    assert board.try_do(Choose("eve", out=True), SYSTEM) == "full"
    assert score(board, "ann", 1) == Tally(True, 2)
    assert score(board, "ben", 1) == Tally(True, 1)


# --- unknown boards and who may


@pytest.mark.parametrize("id", UNKNOWN)
def test_scoring_an_unknown_board_is_not_found_and_so_is_all_else_there(id: str) -> None:
    board = new_board(id)
    for caller in (TEACHER, SYSTEM, ADMIN):
        assert board.try_do(Score("ann", "Ann", 1, "x"), caller) == "not_found"
    for command in (OptOut(), OptIn(), SetAlias("Fox"), ListEntries(), AskStanding(), Score("ann", "Ann", 1, "x")):
        assert board.try_do(command, ANN) == "not_found"
    for order in (Recompute(), Configure("UTC")):
        assert board.try_do(order, ADMIN) == board.try_do(order, ANN) == "not_found"
    with pytest.raises(Refusal, match="no such board: its id is a period \\(weekly, monthly, all_time\\), a dot"):
        board.follow(ADMIN)
    assert board.seq == 0


@pytest.mark.parametrize("id", ["weekly.all", "monthly.all", "all_time.all", "all_time.Chemistry-2", "weekly.math_b"])
def test_every_period_with_any_specialty_is_a_board(id: str) -> None:
    board = new_board(id)
    score(board, "ann", 1)
    state = board.behaviour.view(ANN)
    assert f"{state.period}.{state.specialty}" == id


def test_all_time_is_also_written_with_a_dash_by_those_who_make_an_id() -> None:
    assert board_id("all-time", "math") == "all_time.math"
    assert board_id("weekly") == "weekly.all"


def test_staff_score_admins_recompute_and_everybody_looks() -> None:
    board = new_board()
    for caller, outcome in ((ANN, "forbidden"), (PARENT, "forbidden"), (TEACHER, "ok"), (ADMIN, "ok"), (SYSTEM, "ok")):
        assert board.try_do(Score("ann", "Ann", 1, f"by:{caller.user}"), caller) == outcome
    for caller, outcome in ((ANN, "forbidden"), (TEACHER, "forbidden"), (ADMIN, "ok"), (SUPER, "ok")):
        assert board.try_do(Recompute(), caller) == board.try_do(Configure("UTC"), caller) == outcome
    for caller in (ANN, PARENT, TEACHER, ADMIN):
        assert board.try_do(ListEntries(), caller) == "ok"
        board.follow(caller)
    assert board.try_do(Choose("ann", out=True), ADMIN) == "forbidden"


# --- looking


def test_a_list_is_paged_by_place_and_tells_ones_own() -> None:
    board = peopled_board(25)
    found = board.do(ListEntries(limit=10, after=10), ANN)
    assert [row.place for row in found.rows] == list(range(11, 21))
    assert (found.more, found.entries, found.own) == (True, 25, Own())
    assert board.do(ListEntries(limit=10, after=20), ANN).more is False
    assert board.do(ListEntries(after=500), ANN).rows == ()
    score(board, "ann", 990)
    number = board.behaviour.state.people["ann"].n
    assert board.do(ListEntries(), ANN).own == Own(Row(12, 11, number, "Ann", 990, "ann"))


def test_standing_is_a_window_around_ones_own_place() -> None:
    board = peopled_board(25)
    score(board, "ann", 995)
    standing = board.do(AskStanding(around=2), ANN)
    assert standing.own.row is not None
    assert (standing.own.row.place, standing.own.row.rank) == (7, 6)
    assert [row.place for row in standing.rows] == [5, 6, 7, 8, 9]
    assert standing.rows[2] == standing.own.row
    score(board, "ann", 500)
    assert [row.place for row in board.do(AskStanding(around=2), ANN).rows] == [1, 2, 3]
    assert board.do(AskStanding(), BEN).rows == ()


def test_a_view_holds_the_first_hundred_and_the_count_of_all() -> None:
    board = peopled_board(SHOWN + 30)
    state = board.behaviour.view(ANN)
    assert (len(state.top), state.entries) == (SHOWN, SHOWN + 30)


def test_who_falls_out_of_view_brings_the_next_one_into_it() -> None:
    board = peopled_board(SHOWN + 2)
    ann = board.follow(ANN)
    score(board, "p3", 0, "bonus")
    score(board, "p3", -900, "bonus")
    choose(board, OptOut(), Caller("p5", "student", "P5"))
    fillers = [event.next.user if event.next else "" for event in board.events[-3:]]
    assert fillers == ["", f"p{SHOWN}", f"p{SHOWN + 1}"]
    assert ann.state == board.behaviour.view(ANN)
    assert len(ann.state.top) == SHOWN


def test_the_first_ten_are_signalled_when_they_change_and_only_then() -> None:
    board = peopled_board(20)
    before = len(board.signals)
    score(board, "p15", 1)
    assert len(board.signals) == before
    score(board, "p15", 100)
    signal = board.signals[-1]
    assert (signal.stream, signal.key, signal.retain) == ("board:all_time.all", "top", True)
    assert isinstance(signal.event, TopChanged)
    assert [entry.name for entry in signal.event.top] == ["P15", *(f"P{n}" for n in range(9))]
    board.restart(start=False)
    assert board.signals[-1] == signal


# --- names and those who are not shown


def test_an_alias_hides_name_and_user_id_from_everybody_admins_too() -> None:
    board = new_board()
    choose(board, SetAlias("Silent Fox"), ANN)
    followers = [board.follow(caller) for caller in (BEN, TEACHER, ADMIN)]
    score(board, "ann", 10)
    score(board, "ben", 5)
    seen = [board.behaviour.view(ADMIN), board.do(ListEntries(), ADMIN), *(f.state for f in followers)]
    seen += [board.signals, board.replay(ADMIN), [board.behaviour.public(fact) for fact in board.facts]]
    assert "Silent Fox" in repr(seen)
    assert "'ann'" not in repr(seen)
    assert "Ann" not in repr(seen)
    own = board.do(AskStanding(), ANN).own
    assert (own.alias, own.row and own.row.name, own.shown) == ("Silent Fox", "Silent Fox", True)


def test_nothing_that_is_broadcast_names_the_author_of_a_choice() -> None:
    board = new_board()
    score(board, "ann", 10)
    for command in (SetAlias("Fox"), OptOut(), OptIn(), SetAlias("")):
        choose(board, command, ANN)
    assert {fact.by for fact in board.facts} == {"system"}
    assert [type(event) for event in board.events[3:]] == [EntryChanged] * 4


def test_what_happened_before_an_alias_is_replayed_under_it() -> None:
    board = new_board()
    score(board, "ann", 10)
    choose(board, SetAlias("Fox"), ANN)
    score(board, "ann", 5)
    assert "ann" not in repr(board.replay(BEN)).lower()
    choose(board, SetAlias(""), ANN)
    replayed = board.replay(BEN)
    assert "Fox" not in repr(replayed)
    assert replayed[2].event.entry.user == "ann"


def test_an_alias_is_nobody_elses_name_or_alias() -> None:
    board = new_board()
    score(board, "ben", 1, name="Ben Miller")
    choose(board, SetAlias("Fox"), EVE)
    assert board.try_do(SetAlias("fox"), ANN) == "conflict"
    assert board.try_do(SetAlias("ben  MILLER"), ANN) == "conflict"
    assert board.try_do(SetAlias("\u200b"), ANN) == "bad_command"
    choose(board, SetAlias(""), EVE)
    choose(board, SetAlias("Fox"), ANN)
    assert board.events_of(SetAlias("Fox"), ANN) == []
    choose(board, SetAlias("FOX"), ANN)
    assert board.behaviour.state.people["ann"].alias == "FOX"


@pytest.mark.parametrize(
    "alias",
    ["bob ray", "Bob Ra\u00ady", "Bob Ray\u200d", "Bob Ray\u2064", "Bob\u00a0Ray", "Ｂob Ray", "Bob\u2800Ray",
     "Bob\u3164Ray", "B\uffa0ob\u034f Ray", "BobRay"],
)  # fmt: skip
def test_an_alias_that_looks_like_somebodys_name_is_a_conflict(alias: str) -> None:
    board = new_board()
    score(board, "ben", 1, name="Bob Ray")
    assert board.try_do(SetAlias(alias), ANN) == "conflict"


@pytest.mark.parametrize("alias", ["ben", "BEN", "b\u00aden", "Eve"])
def test_an_alias_that_is_the_user_id_of_somebody_on_the_board_is_a_conflict(alias: str) -> None:
    board = new_board()
    score(board, "ben", 1, name="Bob Ray")
    choose(board, SetAlias("Fox"), EVE)
    assert board.try_do(SetAlias(alias), ANN) == "conflict"
    board.restart(snapshot_at=board.seq)
    assert board.try_do(SetAlias(alias), ANN) == "conflict"


def test_an_alias_that_is_a_user_id_of_another_board_gets_a_number_there() -> None:
    first, second = new_board(), new_board("weekly.geo")
    score(second, "ben", 1, name="Bob Ray")
    second.do(Score("ann", "Ann", 1, "quiz"), SYSTEM)
    first.do(SetAlias("Ben"), ANN)
    settle(first, second)
    assert [board.behaviour.state.people["ann"].alias for board in (first, second)] == ["Ben", "Ben 2"]


@pytest.mark.parametrize("alias", ["\u3164", "\u2800", "\u00ad\u200d", "\u115f \u1160"])
def test_an_alias_of_which_nothing_is_to_be_seen_is_none(alias: str) -> None:
    assert new_board().try_do(SetAlias(alias), ANN) == "bad_command"


@pytest.mark.parametrize("others", [0, 8, 998, 1_200])
def test_a_numbered_alias_is_never_too_long_to_be_kept(others: int) -> None:
    taken = Counter({f"{'a' * (39 - len(str(number)))}{number}": 1 for number in range(2, others + 2)})
    found = free_alias("a" * 40, taken + Counter({"a" * 40: 1}), "")
    assert found == f"{'a' * (39 - len(str(others + 2)))} {others + 2}"
    changed = EntryChanged(1, alias=found)
    assert StoredWire().decode(StoredWire().encode(changed), EntryChanged) == changed


def test_two_who_ask_for_one_alias_at_the_same_time_both_get_a_name_of_their_own() -> None:
    board = new_board()
    board.do(SetAlias("Fox"), ANN)
    board.do(SetAlias("Fox"), BEN)
    board.do(SetAlias("Fox"), EVE)
    settle(board)
    assert [board.behaviour.state.people[user].alias for user in ("ann", "ben", "eve")] == ["Fox", "Fox 2", "Fox 3"]


def test_who_opts_out_is_in_no_list_and_in_nobodys_rank_and_still_sees_its_own_row() -> None:
    board = new_board()
    for user, points in (("ann", 30), ("ben", 20), ("eve", 10)):
        score(board, user, points)
    ben = board.follow(BEN)
    choose(board, OptOut(), ANN)
    assert top(board) == [("Ben", 20), ("Eve", 10)]
    assert ben.state == board.behaviour.view(BEN)
    assert ben.state.entries == 2
    numbers = {user: person.n for user, person in board.behaviour.state.people.items()}
    assert board.do(ListEntries(), ADMIN).rows[0] == Row(1, 1, numbers["ben"], "Ben", 20, "ben")
    own = board.do(AskStanding(), ANN).own
    assert own == Own(Row(1, 1, numbers["ann"], "Ann", 30, "ann"), shown=False)
    assert [row.name for row in board.do(AskStanding(around=1), ANN).rows] == ["Ben"]
    score(board, "ann", 5)
    assert board.behaviour.public(board.facts[-1]) == Scored(2)
    assert ben.state == board.behaviour.view(BEN)
    choose(board, OptIn(), ANN)
    assert top(board) == [("Ann", 35), ("Ben", 20), ("Eve", 10)]
    assert ben.state == board.behaviour.view(BEN)


def test_e11_who_opted_out_is_in_no_replay_of_what_was_before() -> None:
    board = new_board()
    score(board, "ann", 30)
    score(board, "ben", 20)
    board.do(Recompute(), ADMIN)
    choose(board, OptOut(), ANN)
    assert "ann" not in repr(board.replay(ADMIN)).lower()


def test_choosing_again_what_is_chosen_changes_nothing() -> None:
    board = new_board()
    choose(board, OptIn(), ANN)
    choose(board, SetAlias(""), ANN)
    assert board.seq == 0
    choose(board, OptOut(), ANN)
    seq = board.seq
    choose(board, OptOut(), ANN)
    assert board.events_of(Choose("ann", out=True)) == []
    assert board.seq == seq


def test_recomputing_tells_everybody_the_order_anew() -> None:
    board = peopled_board(SHOWN + 5)
    ann = board.follow(ANN)
    board.do(Recompute(), ADMIN)
    (event,) = board.advance(1)
    assert isinstance(event, Recomputed)
    assert (event.entries, len(event.top)) == (SHOWN + 5, SHOWN)
    assert ann.state == board.behaviour.view(ANN)


def test_recomputing_a_large_board_takes_many_small_steps_between_which_others_are_served() -> None:
    board = peopled_board(4 * CHECKED + 1)
    assert board.events_of(Recompute(), ADMIN) == []
    score(board, "p0", 10_000)
    for _ in range(3):
        assert board.advance(1) == []
    (event,) = board.advance(1)
    assert isinstance(event, Recomputed)
    assert (event.entries, event.top[0].user) == (4 * CHECKED + 1, "p0")
    assert board.deadlines.get("tell") is None
    assert board.advance(60_000) == []


def test_recomputing_is_told_also_when_the_server_died_over_it() -> None:
    board = peopled_board(2 * CHECKED)
    assert board.events_of(Recompute(), ADMIN) == []
    board.restart()
    (event,) = board.advance(60_000)
    assert isinstance(event, Recomputed)
    assert event.entries == 2 * CHECKED


@pytest.mark.parametrize("harm", ["missing", "moved", "foreign"])
def test_recomputing_mends_an_order_that_is_wrong(harm: str) -> None:
    board = peopled_board(2 * CHECKED)
    order, memory = order_of(board), board.behaviour.state
    mark = mark_of("p7", memory.people["p7"])
    if harm != "foreign":
        order.remove(mark)
    if harm != "missing":
        order.add(Mark(-5_000, 1, "p7" if harm == "moved" else "nobody"))
    board.do(Recompute(), ADMIN)
    board.advance(1_000)
    whole = order_people(memory)
    assert order_of(board).part(0, 10_000) == whole.part(0, 10_000)


def test_people_and_places_are_nothing_to_the_garbage_collector() -> None:
    board = peopled_board(10)
    kept = [*board.behaviour.state.people.values(), *order_of(board).part(0, 10)]
    assert len(kept) == 20
    assert not any(gc.is_tracked(one) for one in kept), (
        "each full collection would look at all of them and stop everybody"
    )


def test_ten_thousand_people_are_remembered_in_well_under_a_megabyte() -> None:
    board = new_board()
    for number in range(10_000):
        user = f"student-{number:05}"
        board.behaviour.state.people[user] = Person(f"Student {number}", number, number, 10**12, number, 3, number)
    assert len(msgspec.msgpack.encode(board.behaviour.state)) < 700_000
