"""Notices of what a change has hidden, or the clock: taken out of the inboxes, and in them once when it is shown again."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.database import Database
from homeroom.protocol.inbox import MarkRead, Notify, TakeBack
from homeroom.records.mailings import PAGE, tell_page
from homeroom.records.notice import Notice
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.schedules import SCHEDULE, ScheduleStatus
from homeroom.records.school.students import MENTORSHIP
from homeroom.records.school.tasks import TASK, TaskStatus
from homeroom.records.school.terms import TERM
from tests.records.inboxes import House, opened_house, tell_all
from tests.records.school_rows import AT, put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

HOUR = 3_600_000
DAY = "2026-09-01"
NEWS = {"title": "News", "body": "News"}
TOLD = ["announcement.published"]
EVERYBODY = frozenset(CALLERS) - {"ada", "system"}
"""But for Ada, who announces."""
SLOT: dict[str, Any] = {"mentor_id": "mia", "title": "Talk", "start_at": AT, "end_at": AT + HOUR}


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await put_school(database)
    async with opened_house(database) as house:
        yield house


async def having(house: House) -> dict[str, list[str]]:
    """Return what is in the inboxes of all who have something."""
    found = {person: await house.inbox(person) for person in sorted(EVERYBODY)}
    return {person: types for person, types in found.items() if types}


# --- announcements


_AUDIENCES: tuple[tuple[dict[str, Any], frozenset[str]], ...] = (
    ({"class_id": "10a"}, frozenset({"tess", "ann", "bob", "pam"})),
    ({"class_id": None, "course_id": "chess"}, frozenset({"theo", "bob"})),
    ({"course_id": None, "target_role": "parent"}, frozenset({"pam", "pit"})),
    ({"target_role": None}, EVERYBODY),
    ({"status": "draft"}, frozenset()),
)
"""What becomes of an announcement, one after the other, and who may read it then."""


async def test_an_announcement_is_once_in_the_inbox_of_everybody_who_may_read_it_and_in_no_other(house: House) -> None:
    made = await house.create("ada", ANNOUNCEMENT, **NEWS)
    for changes, readers in _AUDIENCES:
        await house.update("ada", ANNOUNCEMENT, made, **changes)
        assert await having(house) == dict.fromkeys(sorted(readers), TOLD), changes
        for person in readers:
            await house.store.read(ANNOUNCEMENT, made, CALLERS[person])
        for person in EVERYBODY - readers:
            await refused("not_found", house.store.read(ANNOUNCEMENT, made, CALLERS[person]))


async def test_one_that_is_mended_and_published_again_is_there_once_in_its_new_words_read_or_not(house: House) -> None:
    made = await house.create("tess", ANNOUNCEMENT, **NEWS, class_id="10a")
    (first,) = await house.notices("ann")
    await house.school.do("inbox:ann", MarkRead(first["id"]), CALLERS["ann"])
    await house.update("tess", ANNOUNCEMENT, made, status="draft")
    assert await having(house) == {}
    await house.update("tess", ANNOUNCEMENT, made, title="Mended")
    await house.act("tess", ANNOUNCEMENT, made, "publish")
    for person in ("ann", "bob", "pam"):
        assert [notice["title"] for notice in await house.notices(person)] == ["Mended"]
    await house.update("tess", ANNOUNCEMENT, made, title="Mended again", expires_at=house.rows.clock.ms + HOUR)
    assert set(await having(house)) == {"ann", "bob", "pam"}, "what hides nothing takes nothing back"


async def test_one_that_is_over_by_the_clock_leaves_the_inboxes_after_a_restart_as_well(database: Database) -> None:
    await put_school(database)
    async with opened_house(database) as house:
        ends = house.rows.clock.ms + HOUR
        made = await house.create("ada", ANNOUNCEMENT, **NEWS, class_id="10a", expires_at=ends)
        lasting = await house.create("ada", ANNOUNCEMENT, **NEWS, class_id="10a")
        assert await next_look(house.rows) == ends
    async with opened_house(database) as house:
        assert await house.inbox("ann") == TOLD * 2
        house.rows.clock.ms = ends
        await house.settle()
        for person in ("tess", "ann", "bob", "pam"):
            assert [one["url"] for one in await house.notices(person)] == [f"/announcements/{lasting}"]
        await house.update("ada", ANNOUNCEMENT, made, title="Late news")
        assert await house.inbox("ann") == TOLD


async def test_one_that_is_given_more_time_is_told_again_only_where_it_was_over(house: House) -> None:
    start = house.rows.clock.ms
    made = await house.create("ada", ANNOUNCEMENT, **NEWS, class_id="10a", expires_at=start + HOUR)
    (first,) = await house.notices("ann")
    await house.update("ada", ANNOUNCEMENT, made, expires_at=start + 3 * HOUR)
    house.rows.clock.ms = start + 2 * HOUR
    await house.settle()
    assert await house.notices("ann") == [first]
    house.rows.clock.ms = start + 3 * HOUR
    await house.settle()
    assert await having(house) == {}
    await house.update("ada", ANNOUNCEMENT, made, expires_at=None)
    assert await having(house) == dict.fromkeys(("ann", "bob", "pam", "tess"), TOLD)
    await house.settle()
    assert await next_look(house.rows) is None


async def next_look(school: SchoolStore) -> int | None:
    """Return when there is something to tell, of which nothing is due."""
    async with school.store.unit(CALLERS["system"]) as unit:
        return await tell_page(unit, school.store.catalog.types)


# --- in whatever order


@pytest.mark.parametrize("pages", [(0, 0), (1, 0), (3, 0), (3, 1)])
async def test_published_withdrawn_and_published_in_quick_succession_is_once_in_the_inboxes_of_its_last_readers(
    database: Database, pages: Sequence[int]
) -> None:
    """Here are no inboxes: what is on its way to each, in its order, tells what would be in it. So many pages come between the steps."""
    await put_school(database)
    school = SchoolStore(database)
    for number in range(PAGE):
        await put_person(database, f"a{number:03}", "parent")
        await put_person(database, f"s{number:03}", "student")
    made = await school.create("ada", ANNOUNCEMENT, **NEWS)
    for changes, some in zip(({"status": "draft"}, AGAIN), pages, strict=True):
        for _ in range(some):
            await next_look(school)
        await school.update("ada", ANNOUNCEMENT, made["id"], **changes)
    await tell_all(school.store)
    left, told = Counter[str](), Counter[str]()
    for message in sorted(school.carried, key=lambda one: one.number):
        told[message.to] += message.do == Notify.do
        left[message.to] = left[message.to] + 1 if message.do == Notify.do else 0
    assert {name for name, count in left.items() if count} == await readers_of(school, made["id"])
    assert max(left.values()) == 1
    assert max(told.values()) <= 1 + any(pages), "what was under way is told no further"


AGAIN = {"status": "published", "target_role": "student"}


async def readers_of(school: SchoolStore, id: str) -> set[str]:
    """Return the inboxes of all students, when an announcement is theirs to read."""
    await school.store.read(ANNOUNCEMENT, id, CALLERS["ann"])
    return {f"inbox:{row['id']}" for row in await school.database.fetch("SELECT id FROM users WHERE role = 'student'")}


async def test_whatever_a_kill_leaves_half_done_is_carried_on_at_the_next_start(database: Database) -> None:
    await put_school(database)
    killed = SchoolStore(database)  # hands nothing over
    made = await killed.create("ada", ANNOUNCEMENT, **NEWS, class_id="10a")
    await next_look(killed)
    assert {message.do for message in killed.carried} == {Notify.do}
    async with opened_house(database) as house:
        await house.settle()
        assert await house.inbox("ann") == TOLD
    await killed.update("ada", ANNOUNCEMENT, made["id"], status="draft")
    with trio.CancelScope() as kill:
        async with killed.store.unit(CALLERS["system"]) as unit:
            await tell_page(unit, killed.store.catalog.types)
            kill.cancel()
            await trio.lowlevel.checkpoint()
    async with opened_house(database) as house:
        await house.settle()
        assert await having(house) == {}
    await killed.act("ada", ANNOUNCEMENT, made["id"], "publish")
    await killed.update("ada", ANNOUNCEMENT, made["id"], status="draft")
    await next_look(killed)
    await killed.act("ada", ANNOUNCEMENT, made["id"], "publish")
    async with opened_house(database) as house:
        await house.settle()
        assert await having(house) == dict.fromkeys(("ann", "bob", "pam", "tess"), TOLD)


_HELD_UP = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_page_and_a_change_that_meet_wait_for_each_other_and_leave_nothing(database: Database) -> None:
    await put_school(database)
    school, other = SchoolStore(database), SchoolStore(database)
    made = await school.create("ada", ANNOUNCEMENT, **NEWS, target_role="student")
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["system"]) as unit:
        await tell_page(unit, school.store.catalog.types)
        nursery.start_soon(lambda: other.update("ada", ANNOUNCEMENT, made["id"], status="draft"))
        await _held_up(database)
    await tell_all(school.store)
    assert Counter(message.do for message in school.carried) == {Notify.do: 3, TakeBack.do: 3}
    school.carried.clear()
    await school.act("ada", ANNOUNCEMENT, made["id"], "publish")
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
        await unit.get(ANNOUNCEMENT, made["id"])
        nursery.start_soon(next_look, other)
        await _held_up(database)
        await unit.update(ANNOUNCEMENT, made["id"], {"status": "draft"})
    await tell_all(school.store)
    assert {message.do for message in (*school.carried, *other.carried)} == {TakeBack.do}, (
        "the first ones never arrive here"
    )


async def _held_up(database: Database) -> None:
    with trio.fail_after(20):
        while not await database.fetch(_HELD_UP):
            await wait_all_tasks_blocked(0.005)


# --- all others


async def test_a_report_card_that_is_reverted_leaves_the_inboxes_and_comes_back_with_it(house: House) -> None:
    await put(house.database, TERM, "t", title="Autumn", starts_on=DAY, ends_on="2026-12-20")
    card = await house.create("tess", REPORT_CARD, student_id="ann", class_id="10a", term_id="t")
    for _ in range(2):
        await house.act("tess", REPORT_CARD, card, "finalize")
        await house.act("tess", REPORT_CARD, card, "publish")
        assert await having(house) == {person: ["reportcard.published"] for person in ("ann", "pam")}
        await house.act("tess", REPORT_CARD, card, "revert")
        assert await having(house) == {}


async def test_a_task_that_is_cancelled_or_anothers_is_no_new_task_any_more(house: House) -> None:
    await put(house.database, MENTORSHIP, "mia-bob", mentor_id="mia", student_id="bob")
    task = await house.create("mia", TASK, student_id="ann", title="Read")
    steps: tuple[tuple[Any, list[str]], ...] = (
        ("in_progress", ["ann"]), ("cancelled", []), ("pending", ["ann"]), ("done", ["ann"]), ("cancelled", []), ("done", []),
    )  # fmt: skip
    for status, told in steps:
        await house.act("mia", TASK, task, "status", TaskStatus(status))
        assert await having(house) == {person: ["task.assigned"] for person in told}, status
    await house.act("mia", TASK, task, "status", TaskStatus("pending"))
    await house.update("ada", TASK, task, student_id="bob")
    assert await having(house) == {"bob": ["task.assigned"]}


async def test_what_is_given_to_others_leaves_those_who_see_it_no_more(house: House) -> None:
    await put(house.database, MENTORSHIP, "mia-bob", mentor_id="mia", student_id="bob")
    slot = await house.create("mia", SCHEDULE, student_id="ann", **SLOT)
    await house.update("mia", SCHEDULE, slot, title="Long talk")
    assert await house.inbox("ann") == ["schedule.assigned", "schedule.updated"]
    await house.update("mia", SCHEDULE, slot, student_id="bob")
    assert await having(house) == {"bob": ["schedule.assigned"]}
    await house.act("mia", SCHEDULE, slot, "status", ScheduleStatus("cancelled"))
    assert await having(house) == {"bob": ["schedule.assigned", "schedule.cancelled"]}
    mark = await house.create("tess", ATTENDANCE, class_id="10a", student_id="ann", date=DAY, status="late")
    assert await house.inbox("pam") == ["attendance.late"]
    await house.update("tess", ATTENDANCE, mark, student_id="bob")
    assert await house.inbox("pam") == []
    await house.update("tess", ATTENDANCE, mark, student_id="ann")
    assert await house.inbox("pam") == ["attendance.late"]
    looks = await house.create("ada", MENTORSHIP, mentor_id="tess", student_id="cid")
    assert await house.inbox("tess") == ["student.registered"]
    await house.update("ada", MENTORSHIP, looks, mentor_id="theo")
    assert await house.inbox("tess") == []


def test_what_ends_by_the_clock_is_told_in_pages() -> None:
    with pytest.raises(ValueError, match="pages"):
        Notice("a.b", "VALUES (r.id)", title=str, until=lambda row: 1)
