"""What takes long is computed beside the event loop, one after the other, and by none of the threads that everybody shares."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.database import Database
from homeroom.records.aside import _limit, aside
from homeroom.records.csv_rows import LARGE, read_rows
from homeroom.records.school.schedule_series import ChangeSeries, CreateSeries
from homeroom.records.school.schedules import SCHEDULE
from tests.records.school_rows import AT, put_school
from tests.records.school_store import SchoolStore

HOUR = 3_600_000


@contextmanager
def common_threads_taken() -> Iterator[None]:
    """Take all threads that everybody shares."""
    common = trio.to_thread.current_default_thread_limiter()
    takers = [object() for _ in range(int(common.total_tokens))]
    for taker in takers:
        common.acquire_on_behalf_of_nowait(taker)
    try:
        yield
    finally:
        for taker in takers:
            common.release_on_behalf_of(taker)


async def test_long_lists_and_series_need_none_of_the_common_threads(database: Database) -> None:
    await put_school(database)
    school = SchoolStore(database)
    series = CreateSeries(
        mentor_id="mia", title="Talk", start_at=AT, end_at=AT + HOUR, zone="UTC", series="FREQ=DAILY;COUNT=2"
    )
    with common_threads_taken(), trio.fail_after(60):
        assert len(await read_rows("login\n" + "ann\n" * LARGE)) == LARGE + 1
        first, _ = (await school.perform("mia", SCHEDULE, "create_series", series)).occurrences
        change = ChangeSeries(id=first.id, scope="all", start_at=AT + HOUR)
        moved = await school.perform("mia", SCHEDULE, "change_series", change)
    assert [one.start_at for one in moved.occurrences] == [AT + HOUR, AT + 25 * HOUR]


async def test_one_is_computed_after_the_other() -> None:
    begun, go, done = trio.Event(), threading.Event(), list[int]()

    def compute(number: int) -> None:
        trio.from_thread.run_sync(begun.set)
        go.wait()
        done.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(aside, compute, number)
        await begun.wait()
        await wait_all_tasks_blocked()
        try:
            statistics = _limit().statistics()
            assert (statistics.borrowed_tokens, statistics.tasks_waiting) == (1, 2)
        finally:
            go.set()
    assert sorted(done) == [0, 1, 2]


async def test_what_is_raised_there_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(divmod, 1, 0)
