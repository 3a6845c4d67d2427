"""The courier alone: one message from a sender to a receiver at a time, and reading back what it does not hold."""

from random import Random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.courier import Courier
from homeroom.engine.envelope import Done, Reply
from homeroom.engine.journal import Append, Message, Outgoing
from homeroom.engine.journal_memory import Fate, MemoryJournal
from homeroom.engine.settings import EngineSettings
from homeroom.engine.statistics import Counters

pytestmark = pytest.mark.usefixtures("logs")


class Receivers:
    """Take what is delivered, and answer when told to."""

    def __init__(self) -> None:
        self.got: list[tuple[Message, Reply]] = []
        self.changed = trio.Event()

    def deliver(self, message: Message, reply: Reply) -> None:
        self.got.append((message, reply))
        self.changed.set()

    async def wait(self, count: int) -> tuple[Message, Reply]:
        """Return the last delivery when there are `count` of them."""
        while len(self.got) < count:
            self.changed = trio.Event()
            await self.changed.wait()
        return self.got[count - 1]

    @property
    def numbers(self) -> list[int]:
        return [message.number for message, _ in self.got]


class Desk:
    def __init__(self, limit: int = 10_000) -> None:
        self.fate = Fate()
        self.journal = MemoryJournal(fates=lambda method, stream: self.fate)
        self.receivers = Receivers()
        settings = EngineSettings(messages=limit)
        self.courier = Courier(self.journal, Random(1), settings, Counters(), self.receivers.deliver)

    async def sent(self, *to: str, source: str = "tally:a") -> list[Message]:
        """Return messages that have become durable."""
        return list(await self.journal.append(Append(source, tells=[Outgoing(name, "take", b"") for name in to])))


async def test_one_message_from_a_sender_to_a_receiver_is_under_way_at_a_time(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk()
    nursery.start_soon(desk.courier.live)
    desk.courier.send(await desk.sent("b", "b", "c"))
    assert desk.receivers.numbers == [1, 3]
    desk.receivers.got[0][1](Done())
    await wait_all_tasks_blocked()
    assert desk.receivers.numbers == [1, 3, 2]


async def test_a_receiver_gets_the_first_messages_of_all_senders_at_once_and_a_refusal_holds_up_one_sender_alone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk()
    nursery.start_soon(desk.courier.live)
    for source in ("tally:a", "tally:b", "tally:c"):
        desk.courier.send(await desk.sent("z", "z", source=source))
    assert desk.receivers.numbers == [1, 3, 5]
    desk.receivers.got[0][1](Refusal("unavailable", "", retry_ms=1))
    for _, reply in desk.receivers.got[1:3]:
        reply(Done())
    await wait_all_tasks_blocked()
    assert desk.receivers.numbers == [1, 3, 5, 4, 6]
    await desk.receivers.wait(6)
    assert desk.receivers.numbers[5:] == [1]


async def test_a_refusal_with_patience_is_followed_by_a_retry_that_comes_later_and_later(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk()
    nursery.start_soon(desk.courier.live)
    desk.courier.send(await desk.sent("b"))
    times = []
    for count in range(1, 12):
        desk.receivers.got[-1][1](Refusal("overloaded", "", retry_ms=1))
        started = trio.current_time()
        await desk.receivers.wait(count + 1)
        times.append(trio.current_time() - started)
    assert times[0] < 0.1
    assert 0.9 < times[-1] < 2.1


async def test_what_was_consumed_while_the_journal_was_read_is_not_carried_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk()
    nursery.start_soon(desk.courier.live)
    desk.courier.send(await desk.sent("b"))
    desk.fate = Fate(lag=1.0)
    nursery.start_soon(desk.courier.refresh)
    await wait_all_tasks_blocked()
    desk.receivers.got[0][1](Done())
    await trio.sleep(5)
    assert desk.receivers.numbers == [1]


async def test_what_was_left_out_while_the_journal_was_read_is_read_later(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk(limit=2)
    nursery.start_soon(desk.courier.live)
    desk.courier.send(await desk.sent("b", "b"))
    desk.fate = Fate(lag=1.0)
    nursery.start_soon(desk.courier.refresh)
    await wait_all_tasks_blocked()
    desk.fate = Fate()
    desk.courier.send(await desk.sent("b", "b"))
    await trio.sleep(2)
    for count in range(4):
        message, reply = await desk.receivers.wait(count + 1)
        await desk.journal.append(Append(message.to, consumed=(message.number,)))
        reply(Done())
    assert desk.receivers.numbers == [1, 2, 3, 4]
    assert len(desk.courier) == 0


async def test_what_is_left_out_during_a_reading_that_finds_nothing_is_read_all_the_same(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    desk = Desk(limit=1)
    nursery.start_soon(desk.courier.live)
    desk.courier.send(await desk.sent("b", "b"))  # one is under way, one is left out
    message, reply = await desk.receivers.wait(1)
    await desk.journal.append(Append(message.to, consumed=(1, 2)))
    desk.fate = Fate(lag=1.0)
    reply(Done())
    await trio.sleep(0.5)
    desk.fate = Fate()
    desk.courier.send(await desk.sent("b"))
    with trio.fail_after(5):
        await desk.receivers.wait(2)
    assert desk.receivers.numbers == [1, 3]
