"""Work that has a time: done when it is due, at once when there is some, again when the database was away, and never in between."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.protocol.stored import StoredWire
from homeroom.records.chores import Chores
from homeroom.records.errand import HORIZON_S, Errand
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import put_school
from tests.records.school_store import CALLERS

START_MS = 1_800_000_000_000


class Work:
    """Work that notes when it was looked at, in seconds; `due` are the answers to come, seconds or a refusal."""

    def __init__(self, *due: float | Refusal | None) -> None:
        self.clock = TrioClock(START_MS)
        self.due = list(due)
        self.looks: list[float] = []

    async def __call__(self) -> int | None:
        self.looks.append((self.clock.now() - START_MS) / 1000)
        answer = self.due.pop(0) if self.due else None
        if isinstance(answer, Refusal):
            raise answer
        return None if answer is None else START_MS + int(answer * 1000)


async def looks(work: Work, seconds: float, *, wake_at: float | None = None) -> list[float]:
    """Run the errand for so long; return when it looked."""
    errand = Errand("trial", work, work.clock, Random(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(errand.run)
        if wake_at is not None:
            await trio.sleep(wake_at)
            errand.wake()
        await trio.sleep(seconds - (wake_at or 0))
        nursery.cancel_scope.cancel()
    return work.looks


async def test_it_is_looked_at_at_the_start_when_it_is_due_and_at_the_horizon(autojump_clock: MockClock) -> None:
    assert await looks(Work(5, 7.5), 100) == [0, 5, 7.5, 7.5 + HORIZON_S]


async def test_what_is_due_already_is_done_at_once(autojump_clock: MockClock) -> None:
    assert await looks(Work(-3, 0, None), 10) == [0, 0, 0]


async def test_news_wakes_it_before_its_time(autojump_clock: MockClock) -> None:
    assert await looks(Work(50, 30), 40, wake_at=20) == [0, 20, 30]


async def test_while_the_database_is_away_it_is_asked_again_less_and_less_often(autojump_clock: MockClock) -> None:
    away = [Refusal("unavailable", "the database is away") for _ in range(6)]
    found = await looks(Work(*away, 1_000), 30)
    waits = [after - before for before, after in pairwise(found)]
    assert len(waits) == 6
    assert waits == sorted(waits)
    assert waits[0] >= 0.1


async def test_news_wakes_it_while_it_waits_for_the_database(autojump_clock: MockClock) -> None:
    away = [Refusal("unavailable", "the database is away") for _ in range(9)]
    found = await looks(Work(*away), 20.05, wake_at=20)
    assert found[-1] == 20
    assert found[-2] < 19


# --- announcements, in a database


@pytest.fixture
async def school(database: Database) -> Database:
    await put_school(database)
    return database


async def published(database: Database) -> None:
    """Wait until nothing is scheduled any more."""
    with trio.fail_after(20):
        while await database.fetch("SELECT FROM announcements WHERE status = 'scheduled'"):
            await wait_all_tasks_blocked(0.005)


def _tell(learners: list[Callable[[object], None]], news: object) -> None:
    for learn in learners:
        learn(news)


async def test_an_announcement_is_published_at_its_time_and_by_the_next_start_when_nobody_was_there(
    school: Database,
) -> None:
    clock = TrioClock(START_MS)
    learners: list[Callable[[object], None]] = []
    store = Store(
        school,
        clock,
        StoredWire(),
        RECORD_TYPES,
        publish=lambda posted: None,
        random=Random(7),
        learn=lambda news: _tell(learners, news),
    )
    values = {"title": "Soon", "body": "Soon", "target_role": "parent"}
    await store.create(ANNOUNCEMENT, {**values, "publish_at": clock.now() + 20}, CALLERS["ada"])
    chores = Chores(store, clock, Random(1))
    learners.append(chores.learn)
    async with trio.open_nursery() as nursery:
        await nursery.start(chores.run)
        await published(school)
        await store.create(ANNOUNCEMENT, {**values, "publish_at": clock.now() + 50}, CALLERS["ada"])
        await published(school)
        nursery.cancel_scope.cancel()
    rows = await school.fetch("SELECT publish_at, published_at FROM announcements")
    assert all(row["publish_at"] <= row["published_at"] < row["publish_at"] + 15_000 for row in rows)
