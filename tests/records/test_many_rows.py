"""Deeds for many rows: the same as row by row, in few statements, with turns for others in between, in one order of the heads."""

from collections import Counter

import pytest
import trio

from homeroom.engine.database import Database, open_database
from homeroom.records.breath import RUN, in_order
from homeroom.records.school.attendance import ATTENDANCE, Mark, MarkClass
from homeroom.records.school.class_lists import ClassList
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.tail import OTHERS, POSTS
from tests.conftest import TRIAL
from tests.records.school_rows import put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore

STUDENTS = 130
DAY = "2026-11-23"


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    for number in range(STUDENTS):
        await put_person(database, f"s{number:03}", "student")
    return SchoolStore(database)


def class_list() -> ClassList:
    """Return the list of all."""
    return ClassList("10a", "user_id\n" + "\n".join(f"s{number:03}" for number in reversed(range(STUDENTS))))


async def test_a_long_list_is_told_in_full_and_without_a_gap(school: SchoolStore) -> None:
    report = await school.perform("tess", CLASS, "import", class_list())
    assert report.enrolled == STUDENTS > OTHERS
    heads = {row["stream"]: row["seq"] for row in await school.database.fetch("SELECT stream, seq FROM channels")}
    assert sum(heads.values()) > 2 * POSTS
    assert heads["class:10a"] == heads["role:admin"] == 2 * STUDENTS
    for stream in ("class:10a", "role:admin", "table:students", "user:s000"):
        kept = await school.database.fetch("SELECT seq, type FROM journal WHERE stream = $1 ORDER BY seq", stream)
        assert [row["seq"] for row in kept] == list(range(1, heads[stream] + 1))
        shown = [(one.seq, len(one.events)) for one in school.posted if one.stream == stream]
        assert [seq for seq, _ in shown] == [1 + sum(count for _, count in shown[:n]) for n in range(len(shown))]
        assert school.told(stream) == [row["type"] for row in kept]
    for table, each in (("audit_logs", 1), ("activity_feed", 3)):
        (row,) = await school.database.fetch(f"SELECT count(*) AS count FROM {table}")  # noqa: S608 - named above
        assert row["count"] == each * STUDENTS, table
    (row,) = await school.database.fetch("SELECT value FROM counters WHERE scope = 'class:10a' AND name = 'students'")
    assert row["value"] == STUDENTS


async def test_many_rows_take_few_statements(school: SchoolStore, database: Database) -> None:
    await school.perform("tess", CLASS, "import", class_list())
    marks = tuple(Mark(f"s{number:03}", "present") for number in range(40))
    sent: Counter[str] = Counter()
    async with school.store.unit(CALLERS["tess"]) as unit:
        fetch = unit._connection.fetch

        async def counted(sql: str, *args: object) -> list[object]:
            sent[sql] += 1
            return await fetch(sql, *args)

        unit._connection.fetch = counted  # type: ignore[method-assign] # the connection is this test's own
        try:
            (deed,) = (one for one in ATTENDANCE.deeds if one.name == "mark")
            done = await deed.perform(unit, MarkClass("10a", DAY, marks))
        finally:
            unit._connection.fetch = fetch  # type: ignore[method-assign] # as before
    assert done.marked == 40
    assert sum(sent.values()) < 20


async def test_others_have_their_turn_while_a_long_list_is_written(school: SchoolStore) -> None:
    turns = 0

    async def look_on() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_on)
        await school.perform("tess", CLASS, "import", class_list())
        nursery.cancel_scope.cancel()
    assert turns > STUDENTS / 2


async def test_two_long_lists_at_once_do_not_wait_for_each_other_in_a_ring(
    database_url: str, school: SchoolStore
) -> None:
    async with open_database(database_url, TRIAL, size=4) as database:
        other = SchoolStore(database)
        await school.create("ada", CLASS, id="10b", title="10b")
        half = [
            {"class_id": group, "user_id": f"s{n:03}", "part": "student"} for n in range(STUDENTS) for group in ("10a",)
        ]

        async def enrol(group: str, backward: bool) -> None:
            rows = [{**row, "class_id": group} for row in half]
            async with other.store.unit(CALLERS["ada"]) as unit:
                await unit.insert_many(CLASS_MEMBERSHIP, rows[::-1] if backward else rows)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(enrol, "10a", False)
                nursery.start_soon(enrol, "10b", True)
    (row,) = await school.database.fetch("SELECT seq FROM channels WHERE stream = 'role:admin'")
    assert row["seq"] == 4 * STUDENTS + 1


async def test_what_is_sorted_in_breaths_is_sorted_as_ever() -> None:
    items = [(number * 7_919 % 101, number) for number in range(3 * RUN + 5)]
    assert await in_order(items, lambda item: item[0]) == sorted(items, key=lambda item: item[0])
    assert await in_order([], str) == []
