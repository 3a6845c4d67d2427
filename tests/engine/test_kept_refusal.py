"""A refusal that is kept together with what it caused: events happen, the answer is the refusal, and so it stays."""

from random import Random
from typing import Any, ClassVar

import pytest
import trio
from msgspec import Struct

from homeroom.engine.behaviour import Behaviour, Caller, Context, Decision, Fact, Kind, Refusal, Tell, Verb
from homeroom.engine.clock import TrioClock
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Answer, Done
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import MemoryJournal, MemoryStore
from homeroom.protocol.access import ROLES, SYSTEM_ONLY, allow
from homeroom.protocol.stored import MsgpackFrames, StoredWire

ADA = Caller("ada", "student", "Ada")


class Post(Struct, frozen=True):
    """Post a letter; the box takes it, and says that it came too late."""

    text: str = ""
    do: ClassVar[str] = "post"


class Forward(Struct, frozen=True):
    """Have another box post a letter."""

    to: str
    do: ClassVar[str] = "forward"


class Posted(Struct, frozen=True):
    """A letter lies in the box."""

    text: str
    type: ClassVar[str] = "box.posted"


class Forwarded(Struct, frozen=True):
    """A letter was sent on."""

    type: ClassVar[str] = "box.forwarded"


class Box(Behaviour[int]):
    """Counts its letters."""

    @classmethod
    def fresh(cls, id: str) -> int:
        return 0

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset()

    def decide(self, command: Any, context: Context) -> Decision:
        if isinstance(command, Forward):
            return Decision((Forwarded(),), tells=(Tell(command.to, Post("on")),))
        late = Refusal("too_late", f"letter {self.state + 1} came too late", retry_ms=5, data={"kept": True})
        return Decision((Posted(command.text),), refusal=late)

    def apply(self, fact: Fact) -> None:
        self.state += 1

    def view(self, caller: Caller) -> int:
        return self.state


BOX = Kind(
    "box",
    "boxes",
    Box,
    int,
    (Verb(Post, allow(ROLES) | SYSTEM_ONLY), Verb(Forward, allow(ROLES))),
    (Posted, Forwarded),
    watch=allow(ROLES),
)


async def open_engine(nursery: trio.Nursery, store: MemoryStore) -> Engine:
    journal = MemoryJournal(store)
    hub = Hub({"msgpack": MsgpackFrames()})
    engine = Engine((BOX,), journal, StoredWire(), hub, clock=TrioClock(await journal.now()), random=Random(1))
    await nursery.start(hub.run)
    await nursery.start(engine.run)
    return engine


async def post(engine: Engine, number: int, digest: bytes = b"x") -> Answer:
    return await engine.ref("box:a").ask(Post("late"), ADA, client="ada/tab", number=number, digest=digest)


def told(answer: Answer) -> tuple[Any, ...]:
    assert isinstance(answer, Refusal)
    return answer.code, answer.msg, answer.retry_ms, answer.data


LATE = ("too_late", "letter 1 came too late", 5, {"kept": True})


async def test_what_a_refusal_keeps_is_durable_and_the_answer_is_the_refusal(nursery: trio.Nursery) -> None:
    store = MemoryStore()
    engine = await open_engine(nursery, store)
    assert told(await post(engine, 1)) == LATE
    assert [record.type for record in store.stream("box:a").records] == ["box.posted"]
    assert (await engine.ref("box:a").read(ADA, None, 1)).state == 1


async def test_the_command_sent_again_is_refused_alike_and_keeps_nothing_more(nursery: trio.Nursery) -> None:
    store = MemoryStore()
    engine = await open_engine(nursery, store)
    for _ in range(3):
        assert told(await post(engine, 1)) == LATE
    assert told(await post(engine, 1, b"y"))[0] == "conflict"
    assert told(await post(engine, 2))[1] == "letter 2 came too late"
    assert len(store.stream("box:a").records) == 2


async def test_it_is_refused_alike_by_the_next_server_too() -> None:
    store = MemoryStore()
    async with trio.open_nursery() as first:
        await post(await open_engine(first, store), 1)
        first.cancel_scope.cancel()
    async with trio.open_nursery() as second:
        engine = await open_engine(second, store)
        assert told(await post(engine, 1)) == LATE
        assert (await engine.ref("box:a").read(ADA, None, 1)).state == 1
        second.cancel_scope.cancel()


async def test_a_message_that_is_refused_so_is_carried_once(nursery: trio.Nursery, autojump_clock: Any) -> None:
    store = MemoryStore()
    engine = await open_engine(nursery, store)
    assert isinstance(await engine.ref("box:b").ask(Forward("box:a"), ADA), Done)
    await trio.sleep(5)
    assert [record.type for record in store.stream("box:a").records] == ["box.posted"]
    assert not store.messages


@pytest.mark.parametrize("number", [0, 1])
async def test_a_refusal_counts_as_one(nursery: trio.Nursery, number: int) -> None:
    engine = await open_engine(nursery, MemoryStore())
    await post(engine, number)
    assert engine.statistics()["counters"]["refusals"] == 1
