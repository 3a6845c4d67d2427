"""A commit whose answer was lost is shown as if it had come: to whom it concerns, with its signals and its farewells.

Found by the simulation: a member removed in such a commit went on following the room, and somebody who hid stayed in sight.
"""

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Answer
from tests.engine.trial import ADA, BEN, Add, Expel, House, Nod, Sink, Wave

pytestmark = pytest.mark.usefixtures("logs")


async def watching(house: House, caller: Caller) -> Sink:
    sink = Sink(caller.user)
    await house.watch(sink, caller=caller)
    return sink


async def test_who_was_expelled_by_a_commit_in_doubt_is_shown_nothing_more(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    bens, adas = await watching(house, BEN), await watching(house, ADA)
    house.fail("append", "after")
    assert (await house.refused(Expel("ben"))).code == "unavailable"
    await trio.sleep(2)
    await house.done(Add(2))
    await trio.sleep(1)
    assert (bens.numbers, adas.numbers) == ([2], [2, 3])
    assert [frame["code"] for frame in bens.of("gone")] == ["forbidden"]
    assert not adas.of("gone")


async def test_who_was_not_expelled_after_all_goes_on(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    bens = await watching(house, BEN)
    house.fail("append", "before")
    assert (await house.refused(Expel("ben"))).code == "unavailable"
    await trio.sleep(2)
    await house.done(Add(2))
    await trio.sleep(1)
    assert bens.numbers == [2]
    assert not bens.of("gone")


@pytest.mark.parametrize(("fail", "signals"), [("after", 1), ("before", 0)])
async def test_the_signals_of_a_commit_in_doubt_are_given_when_it_is_found(
    house: House, autojump_clock: MockClock, fail: str, signals: int
) -> None:
    await house.done(Add(1))
    sink = await watching(house, ADA)
    house.fail("append", fail)
    answers: list[Answer] = []
    house.tell(Wave(), answers)
    house.tell(Add(2), answers)
    await trio.sleep(2)
    assert len(answers) == 2
    assert len(sink.of("sig")) == signals
    assert sink.numbers == ([2] if signals else [])


@pytest.mark.parametrize(("fail", "signals"), [("after", 1), ("before", 0)])
async def test_the_signals_of_a_receipt_in_doubt_are_given_when_it_is_found(
    house: House, autojump_clock: MockClock, fail: str, signals: int
) -> None:
    """Sent again it is only told that it was done, so this is the one time that its signals can be given."""
    await house.done(Add(1))
    sink = await watching(house, ADA)
    house.fail("append", fail)
    assert (await house.refused(Nod(), client="ada/tab", number=1, digest=b"x")).code == "unavailable"
    await trio.sleep(2)
    assert len(sink.of("sig")) == signals
