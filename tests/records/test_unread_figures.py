"""Unread notices among the figures of dashboards: as many as the journal says, whatever is told, read and dismissed; and told at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import msgspec
import pytest
import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import MemoryStore
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.protocol.inbox import Dismiss, MarkRead, MuteType, Notify, ReadAll
from homeroom.protocol.stored import MsgpackFrames
from homeroom.protocol.zones import find_zone
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.pulse import Pulse
from homeroom.records.recount import Recount
from homeroom.records.types import RECORD_TYPES
from tests.actors.school import School, open_school_on
from tests.records.counted import ZONE
from tests.records.school_rows import AT, put_school
from tests.records.school_store import CALLERS, SchoolStore
from tests.records.watching import Watching

BERLIN = find_zone(ZONE)
PEOPLE = {"ann": "student", "tess": "teacher", "pam": "parent", "ada": "admin"}
STEPS = 60
PATIENCE_S = 20.0


class House:
    """Inboxes on the database, and the figures that are read there and told on a hub of their own."""

    def __init__(self, database: Database, journal: PostgresJournal, school: School, hub: Hub, pulse: Pulse) -> None:
        self.database, self.journal, self.school = database, journal, school
        self.hub, self.pulse = hub, pulse
        self.figures = FigureReader(database, TrioClock(AT), BERLIN, inboxes=True)

    async def unread(self, *people: str) -> dict[str, int]:
        """Return the figure of each."""
        found = await self.figures.of([Reader(one, PEOPLE[one]) for one in people or PEOPLE])
        return {one: figures.unread for one, figures in found.items()}


@asynccontextmanager
async def open_house(database: Database) -> AsyncIterator[House]:
    await put_school(database)
    await Recount(RECORD_TYPES, BERLIN).ensure(database)
    hub, wire = Hub({"msgpack": MsgpackFrames()}), SchoolStore(database).wire
    reader = FigureReader(database, TrioClock(AT), BERLIN, inboxes=True)
    pulse = Pulse(database, reader, hub, wire=wire, clock=TrioClock(AT), zone=BERLIN)
    journal = PostgresJournal(database, CommitSettings(linger_ms=0), wrote=pulse.wrote)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        await nursery.start(hub.run)
        await nursery.start(pulse.run)
        async with open_school_on(journal, MemoryStore()) as school:
            yield House(database, journal, school, hub, pulse)
        nursery.cancel_scope.cancel()


def _random_command(random: Random) -> Any:
    which = str(random.randrange(1, 30))
    return random.choice(
        (
            Notify("exam.graded", "Graded"),
            Notify("exam.graded", "Graded", key=random.choice("abc")),
            Notify("task.assigned", "A task", priority="urgent"),
            MarkRead(which),
            Dismiss(which),
            ReadAll(random.choice((None, which))),
            MuteType("exam.graded", random.choice((None, 60))),
        )
    )


async def _live(school: School, person: str, random: Random) -> None:
    """Let an inbox live; what is no notice is refused."""
    for _ in range(STEPS):
        command = _random_command(random)
        caller = CALLERS["system"] if isinstance(command, Notify) else CALLERS[person]
        with suppress(Refusal):
            await school.do(f"inbox:{person}", command, caller)


async def _recounted(database: Database, person: str) -> int:
    """Return how many notices are unread by the journal alone: what was told, less what was read or dismissed."""
    unread: set[int] = set()
    sql = "SELECT seq, type, body FROM journal WHERE stream = $1 ORDER BY seq"
    for row in await database.fetch(sql, f"inbox:{person}"):
        body = msgspec.msgpack.decode(row["body"])
        if row["type"] == "inbox.notified":
            unread.add(row["seq"])
        elif row["type"] == "inbox.read":
            unread -= {int(one) for one in body["notifications"]}
        elif row["type"] == "inbox.all_read":
            unread = {seq for seq in unread if seq > int(body["upto"])}
        elif row["type"] == "inbox.dismissed":
            unread.discard(int(body["notification"]))
    return len(unread)


async def test_whatever_becomes_of_notices_the_figure_is_what_counting_the_journal_finds(database: Database) -> None:
    async with open_house(database) as house:
        assert await house.unread() == dict.fromkeys(PEOPLE, 0)
        async with trio.open_nursery() as nursery:
            for number, person in enumerate(PEOPLE):
                nursery.start_soon(_live, house.school, person, Random(number))
        counted = {person: await _recounted(database, person) for person in PEOPLE}
        assert await house.unread() == counted
        assert len(set(counted.values())) > 1, "all the same: nothing was compared"


class Told(Watching):
    """Somebody's outlet."""

    @property
    def told(self) -> list[int]:
        """The figure as it was told, in order."""
        return [event["d"]["unread"] for frame in self.frames for event in frame["e"]]

    async def wait(self, value: int) -> None:
        with trio.fail_after(PATIENCE_S):
            while value not in self.told:
                await self.came.wait()
                self.came = trio.Event()


@pytest.mark.parametrize("role", sorted(PEOPLE.values()))
async def test_a_notice_and_its_reading_are_told_to_whoever_watches_and_to_nobody_else(
    database: Database, role: str
) -> None:
    (person,) = (one for one in PEOPLE if PEOPLE[one] == role)
    async with open_house(database) as house:
        sinks = {user: Told(user) for user in (person, "mia")}
        for user, sink in sinks.items():
            house.hub.subscribe(f"user:{user}", sink, 0)
            house.pulse.joined(f"user:{user}", CALLERS[user])
            await sink.wait(0)
        await house.school.do(f"inbox:{person}", Notify("exam.graded", "Graded"))
        await sinks[person].wait(1)
        await house.school.do(f"inbox:{person}", MarkRead("1"), Caller(person, role))
        with trio.fail_after(PATIENCE_S):
            while sinks[person].told[-1] != 0:
                await sinks[person].came.wait()
                sinks[person].came = trio.Event()
        assert sinks["mia"].told == [0]
