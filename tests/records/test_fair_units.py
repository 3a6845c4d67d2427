"""One person's writes that wait for each other, or reads that take long, keep nobody else waiting: not who writes, and not who reads."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.activity import Activity, FeedQuery
from homeroom.records.listing import ListQuery
from homeroom.records.reads import READS_EACH, READS_WAITING
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.subjects import SUBJECT
from homeroom.records.store import UNITS_EACH, UNITS_WAITING
from homeroom.records.turns import Turns
from tests.records.school_rows import put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

HOLD = "SELECT FROM announcements WHERE id = $1 FOR UPDATE"
LOCK = "LOCK TABLE announcements IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def test_a_person_has_few_writes_at_a_time_and_others_write_and_read_meanwhile(school: SchoolStore) -> None:
    row = await school.create("tess", ANNOUNCEMENT, title="News", body="News", class_id="10a")

    async def change(number: int) -> None:
        await school.update("tess", ANNOUNCEMENT, row["id"], title=f"News {number}")

    async with held(school, row["id"]) as free, trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(change, number)
        await until(lambda: school.store.turns.statistics() == (UNITS_EACH, 10 - UNITS_EACH))
        assert school.database.statistics()["waiting"] == 0
        await school.create("ada", ANNOUNCEMENT, title="Other", body="News")
        assert (await school.store.read(ANNOUNCEMENT, row["id"], CALLERS["ann"]))["title"] == "News"
        free()
    assert (await school.store.read(ANNOUNCEMENT, row["id"], CALLERS["ann"]))["version"] == 11
    assert school.store.turns.statistics() == (0, 0)


async def test_reads_have_a_connection_however_many_people_wait_for_a_lock(school: SchoolStore) -> None:
    row = await school.create("ada", ANNOUNCEMENT, title="News", body="News")

    async def touch(who: str) -> None:
        await school.update(who, ANNOUNCEMENT, row["id"], title=f"News of {who}")

    async with held(school, row["id"]) as free, trio.open_nursery() as nursery:
        for who in ("ada", "system", "ada", "system"):
            nursery.start_soon(touch, who)
        await until(lambda: school.store.turns.statistics() == (school.database.size - 1, 1))
        assert (await school.store.read(ANNOUNCEMENT, row["id"], CALLERS["ann"]))["title"] == "News"
        free()


async def test_more_than_a_person_can_want_at_once_is_overloaded(school: SchoolStore) -> None:
    row = await school.create("tess", ANNOUNCEMENT, title="News", body="News", class_id="10a")
    done: list[str] = []

    async def change() -> None:
        try:
            await school.update("tess", ANNOUNCEMENT, row["id"], title="News")
            done.append("done")
        except Refusal as refusal:
            done.append(refusal.code)

    async with held(school, row["id"]) as free, trio.open_nursery() as nursery:
        for _ in range(UNITS_EACH + UNITS_WAITING):
            nursery.start_soon(change)
        await until(lambda: school.store.turns.statistics() == (UNITS_EACH, UNITS_WAITING))
        refusal = await refused("overloaded", school.update("tess", ANNOUNCEMENT, row["id"], title="News"))
        assert refusal.retry_ms
        assert not done
        free()
    assert len(done) == UNITS_EACH + UNITS_WAITING
    assert done.count("done") >= UNITS_EACH
    assert set(done) <= {"done", "overloaded"}
    assert school.store.turns.statistics() == (0, 0)


async def test_a_person_has_few_reads_at_a_time_and_others_read_and_write_meanwhile(school: SchoolStore) -> None:
    store, row = school.store, await school.create("ada", ANNOUNCEMENT, title="News", body="News")
    each = min(READS_EACH, school.database.size - 1)
    reads = (
        lambda: store.read(ANNOUNCEMENT, row["id"], CALLERS["tess"]),
        lambda: store.page(ANNOUNCEMENT, ListQuery(), CALLERS["tess"]),
        lambda: store.total(ANNOUNCEMENT, ListQuery(), CALLERS["tess"]),
        lambda: Activity(store.reads, {}).page(FeedQuery(), CALLERS["tess"]),
    )
    answers: list[object] = []

    async def read(number: int) -> None:
        answers.append(await reads[number % len(reads)]())

    async with held(school) as free, trio.open_nursery() as nursery:
        for number in range(12):  # the first of them read announcements: the feed would not wait for what is held
            nursery.start_soon(read, number)
            await until(partial(_stands_at, store.reads.turns, min(number + 1, each), max(number + 1 - each, 0)))
        assert school.database.statistics() == {**school.database.statistics(), "busy": each, "waiting": 0}
        assert (await store.page(SUBJECT, ListQuery(), CALLERS["ann"])).items == []
        await school.create("ada", SUBJECT, code="M", title="Mathematics")
        assert not answers
        free()
    assert len(answers) == 12
    assert store.reads.turns.statistics() == (0, 0)


async def test_more_reads_than_a_person_can_want_at_once_are_overloaded(school: SchoolStore) -> None:
    store, each = school.store, min(READS_EACH, school.database.size - 1)
    answers: list[object] = []

    async def read() -> None:
        answers.append(await store.total(ANNOUNCEMENT, ListQuery(), CALLERS["tess"]))

    async with held(school) as free, trio.open_nursery() as nursery:
        for _ in range(each + READS_WAITING):
            nursery.start_soon(read)
        await until(lambda: store.reads.turns.statistics() == (each, READS_WAITING))
        refusal = await refused("overloaded", store.page(ANNOUNCEMENT, ListQuery(), CALLERS["tess"]))
        assert refusal.retry_ms
        free()
    assert answers == [0] * (each + READS_WAITING)


@asynccontextmanager
async def held(school: SchoolStore, id: str = "") -> AsyncIterator[Callable[[], None]]:
    """Hold an announcement, or all of them, by a connection of its own, until the function that this offers is called."""
    free = trio.Event()

    async def hold(task_status: trio.TaskStatus[None]) -> None:
        async with school.database.beside(1) as beside, beside.transaction() as connection:
            await (connection.fetch(HOLD, id) if id else connection.execute(LOCK))
            task_status.started()
            await free.wait()

    async with trio.open_nursery() as nursery:
        await nursery.start(hold)
        try:
            yield free.set
        finally:
            free.set()


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` does, and everybody waits."""
    with trio.fail_after(10):
        while not holds():
            await wait_all_tasks_blocked()


def _stands_at(turns: Turns, under_way: int, waiting: int) -> bool:
    return turns.statistics() == (under_way, waiting)
