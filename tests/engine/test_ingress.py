"""When a command came in at the door: what a deadline is judged by, however long it waited inside."""

from typing import Any, ClassVar

import pytest
import trio
from msgspec import Struct
from trio.testing import MockClock

from homeroom.engine.behaviour import After, Behaviour, Caller, Context, Decision, Fact, Fired, Tell
from homeroom.engine.envelope import Envelope
from homeroom.engine.journal_memory import Fate
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import EVERYBODY, SYSTEM_ONLY
from tests.engine.trial import ADA
from tests.http.rest_school import School


class Stamp(Struct, frozen=True):
    """Keep the two times of this command; `to`: have another actor do so as well, `later`: do it again after so many ms."""

    do: ClassVar[str] = "stamp"
    to: str = ""
    later: int = 0


class Stamped(Struct, frozen=True):
    """When the command arrived, and when it was carried out."""

    type: ClassVar[str] = "stamp.stamped"
    arrived: int
    now: int


class Stamps(Behaviour[list[tuple[int, int]]]):
    """Keeps times."""

    @classmethod
    def fresh(cls, id: str) -> list[tuple[int, int]]:
        return []

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset()

    def decide(self, command: Any, context: Context) -> Decision:
        stamped = (Stamped(context.arrived, context.now),)
        if isinstance(command, Fired):
            return Decision(stamped)
        tells = (Tell(command.to, Stamp()),) if command.to else ()
        timers = (After("again", command.later),) if command.later else ()
        return Decision(stamped, tells=tells, timers=timers)

    def apply(self, fact: Fact) -> None:
        self.state.append((fact.event.arrived, fact.event.now))

    def view(self, caller: Caller) -> list[tuple[int, int]]:
        return self.state


STAMP = Kind(
    "stamp",
    "stamps",
    Stamps,
    list[tuple[int, int]],
    (Verb(Stamp, EVERYBODY | SYSTEM_ONLY),),
    (Stamped,),
    watch=EVERYBODY,
)


@pytest.fixture
async def school(nursery: trio.Nursery, autojump_clock: MockClock) -> School:
    """Return a school of stamps whose journal takes three seconds for each append."""
    school = await School(kinds=(STAMP,)).open(nursery)
    school.journal.fates = lambda method, stream: Fate(delay=3.0 if method == "append" else 0.0)
    return school


async def stamps(school: School, id: str = "a") -> list[tuple[int, int]]:
    """Return the times that one actor kept, in ms of trio's clock."""
    start = school.clock.now() - int(trio.current_time() * 1000)
    state = (await school.engine.ref(f"stamp:{id}").read(ADA, None, 1)).state
    return [(arrived - start, now - start) for arrived, now in state]


async def test_p17_a_command_that_waited_in_the_mailbox_keeps_its_time_of_arrival(
    school: School, autojump_clock: MockClock
) -> None:
    began = int(trio.current_time() * 1000)
    answers: list[Any] = []
    ref = school.engine.ref("stamp:a")

    def tell() -> None:
        ref.tell(Envelope(Stamp(), ADA, answers.append, arrived=school.clock.now()))

    tell()
    await trio.sleep(1)
    tell()  # while the first one's append is under way
    await trio.sleep(10)
    assert len(answers) == 2
    (first, second) = [(arrived - began, now - began) for arrived, now in await stamps(school)]
    assert first == (0, 0)
    assert second == (1_000, 3_000)


async def test_what_is_asked_for_without_a_time_arrives_when_it_is_asked_for(
    school: School, autojump_clock: MockClock
) -> None:
    began = int(trio.current_time() * 1000)
    async with trio.open_nursery() as askers:
        for _ in range(2):
            askers.start_soon(school.do, "stamp:a", Stamp(), ADA)
            await trio.sleep(1)
    assert [(arrived - began, now - began) for arrived, now in await stamps(school)] == [(0, 0), (1_000, 3_000)]


async def test_p17_a_request_over_rest_arrives_when_all_of_it_is_there(
    school: School, autojump_clock: MockClock
) -> None:
    began = int(trio.current_time() * 1000)
    client = school.app.test_client()
    headers = {**school.bearer("ann"), "Content-Type": "application/json"}
    async with client.request("/api/stamps/a/stamp", method="POST", headers=headers) as slow:
        await slow.send(b"{")
        await trio.sleep(2)
        await slow.send(b"}")
        await slow.send_complete()
        await trio.sleep(5)
    async with trio.open_nursery() as callers:  # the second one waits for the first one's append
        for _ in range(2):
            callers.start_soon(school.call, "POST", "/api/stamps/b/stamp", ("ann", "student"))
            await trio.sleep(1)
    ((arrived, now),) = await stamps(school)
    assert (arrived - began, now - began) == (2_000, 2_000)
    (_, (arrived, now)) = await stamps(school, "b")
    assert now - arrived == 2_000


async def test_messages_and_deadlines_arrive_when_they_come(school: School, autojump_clock: MockClock) -> None:
    await school.do("stamp:a", Stamp("stamp:b", later=60_000), ADA)
    await trio.sleep(120)
    assert [now - arrived for arrived, now in [*await stamps(school), *await stamps(school, "b")]] == [0, 0, 0]
