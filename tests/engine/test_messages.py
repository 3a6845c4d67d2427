"""Messages between actors: carried out exactly once, in order, whatever fails on the way."""

from itertools import product
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.journal import Message
from homeroom.engine.settings import EngineSettings
from tests.engine.trial import Add, Boom, House, Relay, Send, Sink

pytestmark = pytest.mark.usefixtures("logs")


async def test_a_message_arrives_and_is_consumed(house: House, autojump_clock: MockClock) -> None:
    await house.done(Send("tally:b", 5))
    await trio.sleep(1)
    assert await house.total("tally:b") == 5
    assert house.store.messages == {}
    assert house.counter("delivered") == 1


async def test_messages_of_one_sender_arrive_in_order(house: House, autojump_clock: MockClock) -> None:
    answers: list[Any] = []
    for n in range(1, 30):
        house.tell(Send("tally:b", n), answers)
    await trio.sleep(5)
    sink = Sink()
    await house.joined(sink)
    added = [record.body[-1] for record in house.store.peek("tally:b").records]
    assert added == list(range(1, 30))


async def test_a_message_to_oneself_arrives(house: House, autojump_clock: MockClock) -> None:
    await house.done(Send("tally:a", 5))
    await trio.sleep(1)
    assert await house.total() == 5


@pytest.mark.parametrize(("fail", "which", "quiet"), [*product(("before", "after"), (0, 1, 2), (False, True))])
async def test_a_message_is_carried_out_once_over_failed_appends(
    house: House, autojump_clock: MockClock, fail: str, which: int, quiet: bool
) -> None:
    for to in ("tally:a", "tally:b"):
        await house.done(Add(1), to=to)
    house.fates += [("append", type(house._fate("none", ""))())] * which
    house.fail("append", fail)
    first = await house.ask(Send("tally:b", 5, quiet), client="ada/tab", number=1)
    await trio.sleep(5)
    again = await house.ask(Send("tally:b", 5), client="ada/tab", number=1) if not quiet else None
    await trio.sleep(5)
    sent = 1 if not quiet or which or fail == "after" else 0
    assert await house.total("tally:b") == 1 + 5 * sent, (first, again)
    assert house.store.messages == {}


async def test_a_message_is_carried_out_once_over_restarts_at_any_moment(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    for pause in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5):
        house = await House(nursery).start()
        for _ in range(4):
            house.fail("append", "", delay=0.5, lag=0.5)
        answers: list[Any] = []
        house.tell(Send("tally:b", 5), answers)
        await trio.sleep(pause)
        await house.restart()
        await trio.sleep(10)
        sent = len(house.stored("tally:a"))
        assert await house.total("tally:b") == 5 * sent
        assert house.store.messages == {}
        if pause >= 1.0:
            assert sent == 1
        await house.crash()


async def test_a_message_waits_for_a_receiver_that_is_away(house: House, autojump_clock: MockClock) -> None:
    house.fail("load", times=0)
    await house.done(Send("tally:b", 5))
    house.journal.available = False
    await trio.sleep(30)
    house.journal.available = True
    await trio.sleep(10)
    assert await house.total("tally:b") == 5


async def test_a_refused_message_is_consumed(house: House, autojump_clock: MockClock) -> None:
    await house.done(Send("tally:b", 0))
    await trio.sleep(1)
    assert house.store.messages == {}
    assert house.stored("tally:b") == []


async def test_a_message_that_crashes_its_receiver_is_parked_until_the_next_start(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Send("tally:b", -1))
    await house.done(Send("tally:b", 5))
    await trio.sleep(60)
    assert house.counter("crashes") == 3
    assert house.engine.statistics()["courier"] == {"depth": 0, "parked": 1}
    assert await house.total("tally:b") == 5
    assert len(house.store.messages) == 1
    await house.restart()
    await trio.sleep(60)
    assert house.counter("crashes") == 3


async def test_messages_nobody_can_take_are_parked(house: House, autojump_clock: MockClock) -> None:
    house.store.messages |= {
        1: Message(1, "tally:a", "lost:b", "take", b"\x80"),
        2: Message(2, "tally:a", "tally:b", "unheard_of", b"\x80"),
        3: Message(3, "tally:a", "tally:b", "take", b"\xc1"),
    }
    house.store.next_message = 4
    await house.restart()
    await house.done(Send("tally:b", 5))
    await trio.sleep(1)
    assert house.engine.statistics()["courier"] == {"depth": 0, "parked": 3}
    assert await house.total("tally:b") == 5


async def test_more_messages_than_fit_into_memory_all_arrive_in_order(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=EngineSettings(messages=4)).start()
    answers: list[Any] = []
    for n in range(1, 40):
        house.tell(Send("tally:b", n), answers)
        if n % 10 == 0:
            await trio.sleep(0.01)
    await trio.sleep(30)
    added = [record.body[-1] for record in house.store.peek("tally:b").records]
    assert added == list(range(1, 40))
    assert house.store.messages == {}


async def test_a_suspended_receiver_gets_its_message_later(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(quarantine_after=100)).start()
    for _ in range(6):
        await house.refused(Boom(), to="tally:b")
        await trio.sleep(0.6)
    await house.done(Send("tally:b", 5))
    await trio.sleep(2)
    assert house.stored("tally:b") == []
    await trio.sleep(20)
    assert await house.total("tally:b") == 5


@pytest.mark.parametrize("fail", ["before", "after"])
async def test_a_message_that_causes_no_event_is_carried_out_once_when_its_append_is_in_doubt(
    house: House, autojump_clock: MockClock, fail: str
) -> None:
    for _ in range(2):
        await house.done(Add(1), to="tally:b")
    await house.done(Relay("tally:b", "tally:c", 5))
    house.fail("append", fail)  # of tally:b, which passes it on
    await trio.sleep(10)
    assert await house.total("tally:c") == 5
    assert house.store.messages == {}


async def test_a_message_that_is_read_back_before_its_sender_has_its_answer_is_carried_out_once(
    house: House, autojump_clock: MockClock
) -> None:
    for to in ("tally:b", "tally:c"):
        await house.done(Add(1), to=to)
    house.fail("append", "", lag=1.0)  # of the sender: durable, and its answer is on the way
    house.tell(Relay("tally:b", "tally:c", 5), [])
    await trio.sleep(0.5)
    await house.engine._courier.refresh()
    await trio.sleep(10)
    assert await house.total("tally:c") == 1 + 5
    assert house.store.messages == {}
