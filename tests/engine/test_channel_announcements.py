"""What actors announce: durable with what they decided, appended to the channels exactly once, shown to those who follow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

import pytest
import trio
from msgspec import Struct
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Behaviour, Caller, Context, Decision, Fact, Refusal, Tell
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Answer, Done
from homeroom.engine.journal import Message
from homeroom.engine.journal_memory import Fate
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import EVERYBODY
from homeroom.protocol.announce import Announce, changed
from tests.engine.channel_trial import CLASS, ChannelHouse
from tests.engine.trial import ADA, Sink

EXAMS = "table:exams"


class Publish(Struct, frozen=True):
    """Announce `n` to the class and to the table."""

    n: int
    do: ClassVar[str] = "publish"


class Published(Struct, frozen=True):
    n: int
    type: ClassVar[str] = "exam.published"


class Exam(Struct):
    total: int = 0


class ExamBehaviour(Behaviour[Exam]):
    @classmethod
    def fresh(cls, id: str) -> Exam:
        return Exam()

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset()

    def decide(self, command: Publish, context: Context) -> Decision:
        also = {EXAMS: changed(self.id, "UPDATE", self.state.total)}
        told = Announce("exam.published", {"n": command.n}, context.caller.user, also)
        return Decision((Published(command.n),), tells=(Tell(CLASS, told),))

    def apply(self, fact: Fact) -> None:
        self.state.total += 1

    def view(self, caller: Caller) -> Exam:
        return self.state


EXAM = Kind("exam", "exams", ExamBehaviour, Exam, (Verb(Publish, EVERYBODY),), (Published,), EVERYBODY)


@dataclass
class Day:
    """Channels and the actors who announce to them."""

    house: ChannelHouse
    engine: Engine = field(init=False)

    async def start(self) -> "Day":
        house = self.house
        beyond = dict.fromkeys(house.channels.kinds, house.channels.deliver)
        self.engine = Engine(
            [EXAM], house.journal, house.wire, house.hub, clock=house.clock, random=Random(1), beyond=beyond
        )
        await house.nursery.start(self.engine.run)
        return self

    async def publish(self, n: int) -> None:
        assert isinstance(await self.engine.ref("exam:mid-2").ask(Publish(n), ADA), Done)


@pytest.fixture
async def day(nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock) -> Day:
    """Return actors and channels on an empty journal."""
    return await Day(await ChannelHouse(nursery).start()).start()


async def test_an_announcement_reaches_those_who_follow_each_channel(day: Day, autojump_clock: MockClock) -> None:
    pupil, admin = Sink(), Sink()
    await day.house.joined(pupil)
    await day.house.joined(admin, to=EXAMS)
    await day.publish(5)
    await trio.sleep(0.1)
    assert [(event["type"], event["by"], event["d"]) for event in pupil.events] == [("exam.published", "ada", {"n": 5})]
    assert [event["d"] for event in admin.events] == [{"id": "mid-2", "operation": "UPDATE", "version": 0}]
    assert day.house.store.messages == {}
    assert len(day.house.log.activity) == 1


async def test_nothing_is_kept_for_a_channel_of_what_there_is_not(day: Day, autojump_clock: MockClock) -> None:
    """Else whoever is given that name later would find it there."""
    day.house.unknown = {EXAMS}
    pupil = Sink()
    await day.house.joined(pupil)
    await day.publish(5)
    await trio.sleep(0.1)
    assert [event["d"] for event in pupil.events] == [{"n": 5}]
    assert EXAMS not in day.house.store.streams


@pytest.mark.parametrize("fail", ["before", "after"])
async def test_one_whose_answer_was_lost_is_there_once_and_shown_once(
    day: Day, autojump_clock: MockClock, fail: str
) -> None:
    sink = Sink()
    await day.house.joined(sink)
    day.house.fates.append(("announce", Fate(fail=fail)))  # type: ignore[arg-type] # the words of `Fate`
    await day.publish(5)
    await day.publish(6)
    await trio.sleep(1)
    assert [event["d"]["n"] for event in sink.events] == [5, 6]
    assert sink.numbers == [1, 2]
    assert len(day.house.log.activity) == 2


async def test_one_whose_answer_was_lost_is_shown_as_soon_as_that_is_known(day: Day, autojump_clock: MockClock) -> None:
    sink = Sink()
    await day.house.joined(sink)
    day.house.fates.append(("announce", Fate(fail="after")))
    await day.publish(5)
    await trio.sleep(0.5)
    assert sink.numbers == [1]


async def test_announcements_of_one_actor_keep_their_order(day: Day, autojump_clock: MockClock) -> None:
    sink = Sink()
    await day.house.joined(sink)
    day.house.fates.append(("announce", Fate(fail="before")))
    for n in range(10):
        await day.publish(n)
    await trio.sleep(2)
    assert [event["d"]["n"] for event in sink.events] == list(range(10))


async def test_one_that_waits_for_the_start_of_the_server_is_carried_then(
    nursery: trio.Nursery, logs: list[Any], autojump_clock: MockClock
) -> None:
    house = await ChannelHouse(nursery).start()
    house.store.messages[1] = Message(
        1, "exam:old", CLASS, "announce", house.wire.encode(Announce("exam.closed", {"n": 1}))
    )
    house.store.next_message = 2
    sink = Sink()
    await house.joined(sink)
    await Day(house).start()
    await trio.sleep(0.1)
    assert [event["type"] for event in sink.events] == ["exam.closed"]


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(Refusal, match=code):
        yield


@pytest.mark.parametrize(
    ("do", "command"),
    [
        ("shout", Announce("exam.closed", {})),
        ("announce", {"type": 3}),
        ("announce", Announce("exam.closed", {}, also={"room:lobby": {}})),
    ],
)
async def test_a_message_that_this_release_cannot_carry_out_is_left_to_another(
    day: Day, autojump_clock: MockClock, do: str, command: Any
) -> None:
    message = Message(7, "exam:mid-2", CLASS, do, day.house.wire.encode(command))
    with refused("bad_command"):
        day.house.channels.deliver(message, lambda answer: None)


async def test_a_stop_leaves_what_was_not_carried_out_to_the_next_start(day: Day, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []
    message = Message(7, "exam:mid-2", CLASS, "announce", day.house.wire.encode(Announce("exam.closed", {})))
    day.house.store.messages[7] = message
    day.house.scope.cancel()
    await wait_all_tasks_blocked()
    day.house.channels.deliver(message, answers.append)
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == ["unavailable"]
    assert 7 in day.house.store.messages


async def test_a_defect_while_writing_is_told_with_an_incident(day: Day, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []
    message = Message(7, "exam:mid-2", CLASS, "announce", day.house.wire.encode(Announce("exam.closed", {})))

    def fail(method: str, stream: str) -> Fate:
        raise RuntimeError("a defect")

    day.house.log.fates = fail
    day.house.channels.deliver(message, answers.append)
    await trio.sleep(0.1)
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == ["internal"]
