"""What the store writes reaches those who follow: in order and without a gap, whoever writes and whichever commit is heard of first."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channels import Channels
from homeroom.engine.database import Database
from homeroom.engine.envelope import Joined, Watch
from homeroom.engine.posted import Posted
from homeroom.engine.waiter import Waiter
from homeroom.protocol.stored import StoredWire
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from tests.engine.trial import Sink
from tests.http.channel_school import PERSON, open_channels
from tests.records.clock import SteppingClock

BOSS = Caller("boss", "admin", "Boss")
PUPIL = Caller("pupil", "student", "Pupil")
TABLE = "table:classes"
WRITERS = 8
EACH = 5


def store_of(database: Database, clock: SteppingClock, told: Any, channels: Channels) -> Store:
    return Store(
        database,
        clock,
        StoredWire(),
        RECORD_TYPES,
        publish=told,
        withdraw=channels.withdraw,
        random=Random(3),
    )


async def joined(channels: Channels, sink: Sink, to: str, caller: Caller = BOSS) -> Joined:
    """Subscribe, which must be granted."""
    waiter: Waiter[Joined | Refusal] = Waiter()
    channels.ref(to).tell(Watch(sink, caller, None, waiter.take))
    answer = await waiter.wait()
    assert isinstance(answer, Joined), answer
    return answer


async def arrival(sink: Sink, frames: int) -> None:
    """Wait until so many events or ends have come."""
    with trio.fail_after(10):
        while len(sink.events) + len(sink.of("gone")) < frames:
            await trio.testing.wait_all_tasks_blocked(0.005)


@pytest.mark.parametrize("late", [False, True], ids=["as it comes", "backward"])
async def test_eight_writers_at_once_leave_no_gap(database: Database, clock: SteppingClock, late: bool) -> None:
    await database.execute(PERSON, BOSS.user, BOSS.role)
    kept: list[Posted] = []
    async with open_channels(database) as channels:
        sink = Sink(BOSS.user)
        await joined(channels, sink, TABLE)

        def told(posted: Sequence[Posted]) -> None:
            (kept.extend if late else channels.publish_all)(posted)

        store = store_of(database, clock, told, channels)

        async def write(writer: int) -> None:
            for number in range(EACH):
                await store.create(CLASS, {"id": f"c-{writer}-{number}", "title": "Class"}, BOSS)

        async with trio.open_nursery() as nursery:
            for writer in range(WRITERS):
                nursery.start_soon(write, writer)
        channels.publish_all(reversed(kept))
        await arrival(sink, WRITERS * EACH)
        assert sink.numbers == list(range(1, WRITERS * EACH + 1))
        assert len({event["d"]["id"] for event in sink.events}) == WRITERS * EACH
        (head,) = await database.fetch("SELECT seq FROM channels WHERE stream = $1", TABLE)
        assert head["seq"] == WRITERS * EACH


async def test_a_write_that_is_refused_is_shown_to_nobody(database: Database, clock: SteppingClock) -> None:
    await database.execute(PERSON, BOSS.user, BOSS.role)
    async with open_channels(database) as channels:
        sink = Sink(BOSS.user)
        await joined(channels, sink, TABLE)
        store = store_of(database, clock, channels.publish_all, channels)
        await store.create(CLASS, {"id": "a", "title": "Class"}, BOSS)
        with pytest.raises(Refusal, match="conflict"):
            await store.create(CLASS, {"id": "a", "title": "Class"}, BOSS)
        await store.create(CLASS, {"id": "b", "title": "Class"}, BOSS)
        await arrival(sink, 2)
        assert [(event["d"]["id"], number) for event, number in zip(sink.events, sink.numbers, strict=True)] == [
            ("a", 1),
            ("b", 2),
        ]


async def test_a_snapshot_and_the_events_behind_it_make_what_a_later_snapshot_says(
    database: Database, clock: SteppingClock
) -> None:
    await database.execute(PERSON, BOSS.user, BOSS.role)
    async with open_channels(database) as channels:
        store = store_of(database, clock, channels.publish_all, channels)
        await store.create(CLASS, {"id": "a", "title": "Old"}, BOSS)
        sink, table = Sink(BOSS.user), Sink(BOSS.user)
        await joined(channels, sink, "class:a")
        await joined(channels, table, TABLE)
        await store.update(CLASS, "a", {"title": "New"}, BOSS)
        await arrival(sink, 1)
        await arrival(table, 1)
        fresh = await joined(channels, Sink("boss"), "class:a")
        row = sink.events[-1]["d"]["row"]
        assert (fresh.state.id, fresh.state.title, fresh.state.version) == (row["id"], row["title"], row["version"])
        assert fresh.seq == sink.numbers[-1]
        assert (await joined(channels, Sink("boss"), TABLE)).state.changed_at == table.events[-1]["at"]


async def test_whose_membership_ends_is_let_go_behind_the_event_that_says_so(
    database: Database, clock: SteppingClock
) -> None:
    for person in (BOSS, PUPIL):
        await database.execute(PERSON, person.user, person.role)
    async with open_channels(database) as channels:
        store = store_of(database, clock, channels.publish_all, channels)
        await store.create(CLASS, {"id": "a", "title": "Class"}, BOSS)
        values = {"class_id": "a", "user_id": PUPIL.user, "part": "student"}
        made = await store.create(CLASS_MEMBERSHIP, values, BOSS)
        sink = Sink(PUPIL.user)
        await joined(channels, sink, "class:a", PUPIL)
        await store.delete(CLASS_MEMBERSHIP, made["id"], BOSS)
        await store.update(CLASS, "a", {"title": "Secret"}, BOSS)
        await arrival(sink, 2)
        assert [event["type"] for event in sink.events] == ["class_membership.deleted"]
        assert sink.frames[-1] == {"t": "gone", "to": "class:a", "code": "forbidden"}
