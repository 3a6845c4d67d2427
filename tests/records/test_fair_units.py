"""One person's writes that wait for each other keep nobody else waiting: not who writes, and not who reads."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.store import UNITS_EACH, UNITS_WAITING
from tests.records.school_rows import put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

HOLD = "SELECT FROM announcements WHERE id = $1 FOR UPDATE"


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


@asynccontextmanager
async def held(school: SchoolStore, id: str) -> AsyncIterator[Callable[[], None]]:
    """Hold an announcement by a connection of its own, until the function that this offers is called."""
    free = trio.Event()

    async def hold(task_status: trio.TaskStatus[None]) -> None:
        async with school.database.beside(1) as beside, beside.transaction() as connection:
            await connection.fetch(HOLD, id)
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
