"""Notices of what is gone: taken out of the inboxes in which they are, or on their way, with the row or not at all."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.database import Database
from homeroom.protocol.inbox import Notify, TakeBack
from homeroom.records.columns import SINCE_MS
from homeroom.records.mailings import PAGE, tell_page
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.entries import COMMENT, ENTRY
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.tasks import TASK
from homeroom.records.taking_back import taken_back
from homeroom.records.types import RECORD_TYPES
from tests.records.inboxes import House, opened_house, tell_all
from tests.records.school_rows import put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

HOUR = 3_600_000
TEN = SINCE_MS + 10 * HOUR
SLOT: dict[str, Any] = {
    "mentor_id": "mia",
    "student_id": "ann",
    "title": "Talk",
    "start_at": TEN,
    "end_at": TEN + HOUR,
}
ALONE = {"title": "News", "body": "News", "class_id": "10a"}


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await put_school(database)
    async with opened_house(database) as house:
        yield house


async def test_what_an_announcement_told_is_gone_with_it_and_other_notices_stay(house: House) -> None:
    kept, gone = [await house.create("tess", ANNOUNCEMENT, **ALONE) for _ in range(2)]
    for person in ("ann", "bob", "pam"):
        assert await house.inbox(person) == ["announcement.published"] * 2
    await house.delete("tess", ANNOUNCEMENT, gone)
    for person in ("ann", "bob", "pam"):
        assert await house.inbox(person) == ["announcement.published"]
    (left,) = (await house.school.state("inbox:ann", CALLERS["ann"]))["notices"]
    assert left["url"] == f"/announcements/{kept}"
    await house.delete("ada", ANNOUNCEMENT, kept)
    assert await house.inbox("ann") == []


async def test_what_records_told_is_gone_with_them_but_that_a_slot_is_off(house: House) -> None:
    task = await house.create("mia", TASK, student_id="ann", title="Read")
    slot = await house.create("mia", SCHEDULE, **SLOT)
    entry = await house.create("ann", ENTRY, title="My day", body="It was good")
    await house.create("mia", COMMENT, entry_id=entry, body="Which part?")
    assert await house.inbox("ann") == ["task.assigned", "schedule.assigned", "comment.added"]
    assert await house.inbox("mia") == ["entry.created"]
    await house.delete("mia", TASK, task)
    await house.delete("ann", ENTRY, entry)
    assert (await house.inbox("ann"), await house.inbox("mia")) == (["schedule.assigned"], [])
    await house.delete("mia", SCHEDULE, slot)
    assert await house.inbox("ann") == ["schedule.cancelled"]


_HELD_UP = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _sent(school: SchoolStore) -> dict[str, list[str]]:
    """Return what is on its way, by whom it is for."""
    found: dict[str, list[str]] = {}
    for message in school.carried:
        found.setdefault(message.to.removeprefix("inbox:"), []).append(message.do)
    school.carried.clear()
    return found


async def test_one_that_is_still_on_its_way_is_followed_by_what_takes_it_back(database: Database) -> None:
    """Here are no inboxes at all: nothing arrives."""
    await put_school(database)
    school = SchoolStore(database)
    one, other = [await school.create("mia", TASK, student_id="ann", title="Read") for _ in range(2)]
    await refused("forbidden", school.delete("ann", TASK, one["id"]))
    assert _sent(school) == {"ann": [Notify.do] * 2}
    await school.delete("mia", TASK, one["id"])
    (message,) = school.carried
    taken = school.wire.decode(message.body, TakeBack)
    assert (message.to, taken.url, taken.types) == ("inbox:ann", f"/tasks/{one['id']}", ("task.assigned",))
    assert other["id"] not in taken.url


async def test_one_for_very_many_is_taken_back_page_by_page_and_told_no_further(database: Database) -> None:
    await put_school(database)
    school = SchoolStore(database)
    for number in range(2 * PAGE):
        await put_person(database, f"s{number:03}", "student")
    made = await school.create("ada", ANNOUNCEMENT, title="Holidays", body="Soon", target_role="student")
    async with school.store.unit(CALLERS["system"]) as unit:
        await tell_page(unit, school.store.catalog.types)
    told = _sent(school)
    assert len(told) == PAGE
    await school.delete("ada", ANNOUNCEMENT, made["id"])
    assert _sent(school) == {}
    assert await tell_all(school.store) == 2, "a full page, and one in which it turns out that there are no more"
    assert _sent(school) == {person: [TakeBack.do] for person in told}


async def test_a_page_that_is_being_told_while_the_row_goes_is_taken_back_too(database: Database) -> None:
    await put_school(database)
    school, other = SchoolStore(database), SchoolStore(database)
    made = await school.create("ada", ANNOUNCEMENT, title="Holidays", body="Soon", target_role="student")
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["system"]) as unit:
        await tell_page(unit, school.store.catalog.types)
        nursery.start_soon(other.delete, "ada", ANNOUNCEMENT, made["id"])
        with trio.fail_after(20):
            while not await database.fetch(_HELD_UP):
                await wait_all_tasks_blocked(0.005)
    told = _sent(school)
    assert set(told) == {"ann", "bob", "cid"}
    await tell_all(school.store)
    assert _sent(school) == {person: [TakeBack.do] for person in told}


def test_every_notice_leads_to_its_row_and_all_but_those_that_stay_true_are_taken_back() -> None:
    notices = [(record, notice) for record in RECORD_TYPES for notice in record.notices]
    assert all("{id}" in notice.url for _, notice in notices)
    lasting = {notice.type for _, notice in notices if notice.lasting}
    assert lasting == {"schedule.cancelled", "application.status_changed"}
    taken = {kind for record in RECORD_TYPES for command in taken_back(record.notices, "x") for kind in command.types}
    assert taken == {notice.type for _, notice in notices} - lasting
