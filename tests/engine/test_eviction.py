"""Who is removed is shown nothing that happened afterwards, also when all of it falls into one turn.

Found by an attack: what was said right behind a removal, in the same batch, was still pushed to the removed one.
"""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer, Done, Joined, Watch
from homeroom.engine.settings import EngineSettings
from tests.engine.trial import ADA, BEN, Add, Admit, Expel, House, Sink, Wave

pytestmark = pytest.mark.usefixtures("logs")
CYD = Caller("cyd", "student", "Cyd")
SMALL = EngineSettings(ring=4, page_events=5, replay_events=60)


async def watching(house: House, caller: Caller) -> Sink:
    sink = Sink(caller.user)
    assert isinstance(await house.watch(sink, caller=caller), Joined)
    return sink


async def in_one_turn(house: House, *commands: object) -> None:
    """Have `commands` carried out in one batch."""
    answers: list[Answer] = []
    turns = house.counter("turns")
    for command in commands:
        house.tell(command, answers)
    await wait_all_tasks_blocked()
    assert all(isinstance(answer, Done) for answer in answers)
    assert (len(answers), house.counter("turns")) == (len(commands), turns + 1)


def told(sink: Sink) -> list[str]:
    """Return the types of the frames, in order."""
    return [frame["t"] for frame in sink.frames]


async def test_what_follows_a_removal_in_the_same_turn_is_not_shown_to_the_removed(
    house: House, autojump_clock: MockClock
) -> None:
    bens, adas = await watching(house, BEN), await watching(house, ADA)
    await in_one_turn(house, Add(1), Expel("ben"), Add(2), Wave())
    await trio.sleep(1)
    assert (bens.numbers, adas.numbers) == ([1, 2], [1, 2, 3])
    assert told(bens) == ["ev", "gone"]
    assert [frame["code"] for frame in bens.of("gone")] == ["forbidden"]
    assert len(adas.of("sig")) == 1


async def test_of_two_removed_in_one_turn_each_sees_what_came_before_and_no_more(
    house: House, autojump_clock: MockClock
) -> None:
    sinks = [await watching(house, caller) for caller in (BEN, CYD, ADA)]
    await in_one_turn(house, Add(1), Expel("ben"), Add(2, times=2), Expel("cyd"), Add(3))
    await trio.sleep(1)
    assert [sink.numbers for sink in sinks] == [[1, 2], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]
    assert [len(sink.of("gone")) for sink in sinks] == [1, 1, 0]


async def test_two_removed_in_a_row_see_nothing_of_what_is_said_then(house: House, autojump_clock: MockClock) -> None:
    bens, cyds = await watching(house, BEN), await watching(house, CYD)
    await in_one_turn(house, Expel("ben"), Expel("cyd"), Add(1))
    await trio.sleep(1)
    assert (bens.numbers, cyds.numbers) == ([1], [1, 2])


async def test_who_is_removed_and_comes_back_in_one_turn_must_subscribe_again(
    house: House, autojump_clock: MockClock
) -> None:
    bens, adas = await watching(house, BEN), await watching(house, ADA)
    await in_one_turn(house, Expel("ben"), Add(1), Admit("ben"), Add(2))
    await trio.sleep(1)
    assert (bens.numbers, adas.numbers) == ([1], [1, 2, 3, 4])
    assert told(bens) == ["ev", "gone"]
    again = await watching(house, BEN)
    await house.done(Add(3))
    await trio.sleep(1)
    assert (again.numbers, bens.numbers) == ([5], [1])


@pytest.mark.parametrize("back", [True, False])
async def test_a_subscription_asked_for_in_the_turn_of_a_removal_is_judged_by_its_end(
    house: House, autojump_clock: MockClock, back: bool
) -> None:
    bens, verdicts, answers = await watching(house, BEN), list[Joined | Refusal](), list[Answer]()
    house.tell(Expel("ben"), answers)
    house.engine.ref("tally:a").tell(Watch(bens, BEN, None, verdicts.append))
    for command in (Add(1), *((Admit("ben"),) if back else ()), Add(2)):
        house.tell(command, answers)
    await trio.sleep(1)
    await house.done(Add(3))
    await trio.sleep(1)
    assert isinstance(verdicts[0], Joined if back else Refusal)
    assert bens.numbers == ([1, 5] if back else [1])


async def test_a_removed_subscriber_that_a_feeder_serves_is_shown_nothing_more_even_when_back_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=SMALL).start()
    for n in range(40):
        await house.done(Add(n))
    sink = Sink("ben")
    house.fail("read", "", times=40, delay=0.05)
    await house.watch(sink, (house.engine.epoch, 0), BEN)
    await trio.sleep(0.07)
    seen = len(sink.numbers)
    await in_one_turn(house, Expel("cyd"), Add(2))
    assert not sink.of("gone")
    await in_one_turn(house, Expel("ben"), Add(3), Admit("ben"), Add(4))
    await trio.sleep(5)
    assert (0 < seen < 40, sink.numbers == list(range(1, len(sink.numbers) + 1)), len(sink.of("gone"))) == (True,) * 3
    assert told(sink)[-1] == "gone"


async def test_a_page_on_its_way_when_its_subscription_ended_is_not_shown(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=SMALL).start()
    for n in range(40):
        await house.done(Add(n))
    sink = Sink("ben")
    house.fail("read", "", delay=0.5)
    await house.watch(sink, (house.engine.epoch, 0), BEN)
    house.fail("append", "", delay=2)
    answers: list[Answer] = []
    house.tell(Add(1), answers)
    await trio.sleep(1)  # the page stands in the mailbox
    for command in (Expel("ben"), Add(3), Admit("ben")):
        house.tell(command, answers)
    await trio.sleep(5)
    assert [type(answer) for answer in answers] == [Done] * 4
    assert told(sink) == ["gone"]
    assert not house.hub.follows("tally:a", sink)


async def test_a_removal_in_doubt_hides_what_followed_it_in_its_turn(house: House, autojump_clock: MockClock) -> None:
    bens, adas = await watching(house, BEN), await watching(house, ADA)
    house.fail("append", "after")
    answers: list[Answer] = []
    for command in (Add(1), Expel("ben"), Add(2)):
        house.tell(command, answers)
    await trio.sleep(3)
    assert [getattr(answer, "code", None) for answer in answers] == ["unavailable"] * 3
    assert (bens.numbers, adas.numbers) == ([1, 2], [1, 2, 3])
    assert told(bens) == ["ev", "gone"]
