"""What several tests of the doors ask for."""

from collections.abc import AsyncIterator, Callable

import pytest
import trio

from tests.http.record_school import RecordSchool, make_note_tables, open_record_school
from tests.http.rest_school import School
from tests.http.schedules import Timetable, open_timetable


@pytest.fixture
async def rest_school(nursery: trio.Nursery) -> School:
    """Return a running school."""
    return await School().open(nursery)


@pytest.fixture(scope="session")
def notes_url(new_database: Callable[[], str]) -> str:
    """Return the DSN of a database with the notes of the tests' own record type, which all tests share."""
    dsn = new_database()
    trio.run(make_note_tables, dsn)
    return dsn


@pytest.fixture
async def notes(notes_url: str) -> AsyncIterator[RecordSchool]:
    """Return a school that keeps notes."""
    async with open_record_school(notes_url) as school:
        yield school


@pytest.fixture
async def timetable(notes_url: str) -> AsyncIterator[Timetable]:
    """Return a school with a timetable."""
    async with open_timetable(notes_url) as opened:
        yield opened
