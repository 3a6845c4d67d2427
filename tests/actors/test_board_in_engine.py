"""A board in the real engine: choices come back as its own, the end of a week comes by itself, and a snapshot is enough."""

import trio
from trio.testing import MockClock

from homeroom.protocol.board import ListEntries, OptOut, Score, SetAlias
from tests.actors.people import ANN, BEN, TEACHER
from tests.actors.school import Onlooker, open_school

BOARD = "board:weekly.all"


async def test_a_choice_arrives_without_its_author_and_scores_are_corrected_after_a_restart(
    autojump_clock: MockClock,
) -> None:
    ben, back = Onlooker(BEN), Onlooker(BEN)
    async with open_school() as school:
        await school.do(BOARD, Score("ann", "Ann", 10, "sitting:e1.ann"))
        await trio.sleep(1)
        await school.watch(BOARD, ben)
        ben.frames.clear()
        await school.do(BOARD, SetAlias("Fox"), ANN)
        await trio.sleep(1)
        ((type_, data),) = ben.events(BOARD)
        assert (type_, data["entry"]["name"], "user" in data["entry"]) == ("board.entry_changed", "Fox", False)
        assert "ann" not in repr(ben.frames)
        (top,) = ben.events(BOARD, "sig")
        assert top[0] == "board.top_changed"
    async with open_school(school.store) as again:
        tally = await again.do(BOARD, Score("ann", "Ann", 7, "sitting:e1.ann"), TEACHER)
        assert (tally.counted, tally.points) == (True, 7)
        await again.watch(BOARD, back, since=0)
        await trio.sleep(1)
        assert "Ann" not in repr(back.frames)
        assert (await again.state(BOARD, BEN))["top"][0]["points"] == 7


async def test_a_week_ends_by_itself_also_when_the_server_was_down_at_midnight(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await school.do(BOARD, Score("ann", "Ann", 10, "quiz:1"))
        await school.do(BOARD, OptOut(), BEN)
        await trio.sleep(1)
    await trio.sleep(8 * 86_400)
    async with open_school(school.store) as again:
        await trio.sleep(1)
        found = await again.do(BOARD, ListEntries(), BEN)
        assert (found.rows, [row.name for row in found.last], found.own.shown) == ((), ["Ann"], False)
