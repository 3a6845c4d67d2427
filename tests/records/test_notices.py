"""Notices of records: who is told what of a change, in the same transaction or not at all, and those for very many page by page."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.database import Database
from homeroom.protocol.inbox import Notify
from homeroom.records.columns import SINCE_MS
from homeroom.records.mailings import PAGE, tell_page
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE, Mark, MarkClass
from homeroom.records.school.entries import COMMENT, ENTRY, Review
from homeroom.records.school.preferences import PREFERENCE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.schedule_series import ChangeSeries, CreateSeries, DeleteSeries
from homeroom.records.school.schedules import SCHEDULE, ScheduleStatus
from homeroom.records.school.students import MENTORSHIP
from homeroom.records.school.tasks import TASK
from homeroom.records.school.terms import TERM
from homeroom.records.school.vacancies import APPLICATION, VACANCY, Decide
from tests.actors.people import ANN
from tests.actors.school import open_kept_school
from tests.records.school_rows import put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

DAY = "2026-09-01"
HOUR = 3_600_000
TEN = SINCE_MS + 10 * HOUR
SLOT: dict[str, Any] = {"mentor_id": "mia", "title": "Talk", "start_at": TEN, "end_at": TEN + HOUR}


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


def carried(school: SchoolStore) -> dict[str, list[str]]:
    """Return the types of the notices that were handed over since the last look, by whom they are for; `taken_back` forgets the others."""
    found: dict[str, list[str]] = {}
    for message in school.carried:
        if message.do != Notify.do:
            continue
        notice = school.wire.decode(message.body, Notify)
        found.setdefault(message.to.removeprefix("inbox:"), []).append(notice.type)
    school.carried.clear()
    return found


def titles(school: SchoolStore) -> set[str]:
    """Return the titles of the notices that `carried` is about to tell of."""
    told = [message for message in school.carried if message.do == Notify.do]
    return {school.wire.decode(message.body, Notify).title for message in told}


async def waiting(school: SchoolStore) -> int:
    """Return how many messages are durable and not carried out."""
    (row,) = await school.database.fetch("SELECT count(*) AS count FROM messages")
    return int(row["count"])


# --- who is told what


async def test_a_slot_is_told_to_its_student_when_it_is_assigned_moved_and_off(school: SchoolStore) -> None:
    slot = await school.create("mia", SCHEDULE, student_id="ann", **SLOT)
    assert carried(school) == {"ann": ["schedule.assigned"]}
    await school.update("mia", SCHEDULE, slot["id"], start_at=TEN - HOUR)
    assert carried(school) == {"ann": ["schedule.updated"]}
    await school.update("mia", SCHEDULE, slot["id"], focus_stack="reading")
    assert carried(school) == {}
    await school.act("mia", SCHEDULE, slot["id"], "status", ScheduleStatus("cancelled"))
    assert carried(school) == {"ann": ["schedule.cancelled"]}
    await school.delete("mia", SCHEDULE, slot["id"])
    assert carried(school) == {}


async def test_a_slot_that_is_completed_or_given_to_another_is_no_other_notice(school: SchoolStore) -> None:
    await put(school.database, MENTORSHIP, "mia-bob", mentor_id="mia", student_id="bob")
    slot = await school.create("mia", SCHEDULE, student_id="ann", **SLOT)
    carried(school)
    await school.update("ada", SCHEDULE, slot["id"], student_id="bob", title="Other")
    assert carried(school) == {"bob": ["schedule.assigned"]}
    await school.act("bob", SCHEDULE, slot["id"], "status", ScheduleStatus("completed"))
    await school.delete("ada", SCHEDULE, slot["id"])
    assert carried(school) == {}


async def test_a_series_is_told_once_whatever_becomes_of_it(school: SchoolStore) -> None:
    times = {"start_at": school.clock.ms + HOUR, "end_at": school.clock.ms + 2 * HOUR}
    body = CreateSeries(student_id="ann", zone="UTC", series="FREQ=DAILY;COUNT=4", **SLOT | times)
    made = await school.perform("mia", SCHEDULE, "create_series", body)
    assert carried(school) == {"ann": ["schedule.assigned"]}
    first = made.occurrences[0].id
    await school.perform("mia", SCHEDULE, "change_series", ChangeSeries(id=first, scope="all", title="Other"))
    assert carried(school) == {"ann": ["schedule.updated"]}
    await school.perform("mia", SCHEDULE, "delete_series", DeleteSeries(id=first, scope="all"))
    assert carried(school) == {"ann": ["schedule.cancelled"]}


async def test_a_slot_of_a_class_is_told_to_its_students(school: SchoolStore) -> None:
    values = SLOT | {"mentor_id": "tess", "class_id": "10a", "is_group_session": True}
    await school.create("tess", SCHEDULE, **values)
    assert carried(school) == {"ann": ["schedule.assigned"], "bob": ["schedule.assigned"]}


async def test_a_task_is_told_to_whom_it_is_given(school: SchoolStore) -> None:
    task = await school.create("mia", TASK, student_id="ann", title="Read " + "x" * 195)
    (letter,) = [school.wire.decode(message.body, Notify) for message in school.carried]
    assert (letter.title, letter.data["mentor_id"]) == (task["title"][:200], "mia")
    assert letter.url == f"/tasks/{task['id']}"
    assert carried(school) == {"ann": ["task.assigned"]}


async def test_an_entry_waits_for_its_mentors_and_its_review_is_told_to_the_student(school: SchoolStore) -> None:
    entry = await school.create("ann", ENTRY, title="My {name} day", body="It was good")
    assert titles(school) == {"ann: My {name} day"}
    assert carried(school) == {"mia": ["entry.created"]}
    await school.create("mia", COMMENT, entry_id=entry["id"], body="Which part?")
    assert titles(school) == {"mia has commented on an entry"}
    assert carried(school) == {"ann": ["comment.added"]}
    await school.create("ann", COMMENT, entry_id=entry["id"], body="All of it")
    assert carried(school) == {"mia": ["comment.added"]}
    await school.act("mia", ENTRY, entry["id"], "review", Review("changes_requested", "More"))
    assert carried(school) == {"ann": ["entry.status_changed"]}
    await school.update("ann", ENTRY, entry["id"], body="It was very good")
    assert carried(school) == {"mia": ["entry.created"]}
    await school.act("ada", ENTRY, entry["id"], "review", Review("approved"))
    assert carried(school) == {"ann": ["entry.status_changed"]}


_CORRECTIONS: tuple[tuple[Any, list[str], list[str]], ...] = (
    ("late", ["attendance.late"], [f"ann was late on {DAY}"]),
    ("excused", ["attendance.corrected"], [f"ann was excused on {DAY} after all"]),
    ("present", [], []),
    ("absent", ["attendance.absent"], [f"ann was absent on {DAY}"]),
    ("present", ["attendance.corrected"], [f"ann was present on {DAY} after all"]),
)
"""What Ann is marked as, one after the other, and what Pam is told of it."""


async def test_absences_and_lateness_are_told_to_parents_and_to_nobody_else(school: SchoolStore) -> None:
    marks = MarkClass("10a", DAY, (Mark("ann", "absent"), Mark("bob", "late")))
    await school.perform("tess", ATTENDANCE, "mark", marks)
    (letter,) = [school.wire.decode(message.body, Notify) for message in school.carried]
    assert (letter.title, letter.data["name"]) == ("ann was absent on " + letter.data["date"], "ann")
    assert carried(school) == {"pam": ["attendance.absent"]}
    for status, told, said in _CORRECTIONS:
        marks = MarkClass("10a", DAY, (Mark("ann", status), Mark("bob", "present")))
        await school.perform("tess", ATTENDANCE, "mark", marks)
        assert [*titles(school)] == said, status
        assert carried(school) == ({"pam": told} if told else {})


async def test_a_report_card_is_told_to_the_student_and_the_parents_when_it_is_published(school: SchoolStore) -> None:
    await put(school.database, TERM, "t", title="Autumn", starts_on=DAY, ends_on="2026-12-20")
    card = await school.create("tess", REPORT_CARD, student_id="ann", class_id="10a", term_id="t")
    await school.act("tess", REPORT_CARD, card["id"], "finalize")
    assert carried(school) == {}
    await school.act("tess", REPORT_CARD, card["id"], "publish")
    assert titles(school) == {"A report card of ann is there"}
    assert carried(school) == {"ann": ["reportcard.published"], "pam": ["reportcard.published"]}


async def test_what_becomes_of_an_application_is_told_to_the_applicant(school: SchoolStore) -> None:
    vacancy = await school.create("ada", VACANCY, title="Cook")
    letter = {"vacancy_id": vacancy["id"], "name": "Pit", "email": "pit@x.example", "letter": "I cook"}
    made = await school.create("pit", APPLICATION, **letter)
    assert carried(school) == {}
    await school.act("ada", APPLICATION, made["id"], "status", Decide("reviewing"))
    await school.act("ada", APPLICATION, made["id"], "status", Decide("accepted"))
    assert carried(school) == {"pit": ["application.status_changed"] * 2}


async def test_a_mentor_is_told_of_a_student_who_is_new_to_them(school: SchoolStore) -> None:
    made = await school.create("ada", MENTORSHIP, mentor_id="tess", student_id="bob")
    assert titles(school) == {"bob is new to you"}
    assert carried(school) == {"tess": ["student.registered"]}
    for active in (False, True):
        await school.update("ada", MENTORSHIP, made["id"], active=active)
    assert carried(school) == {"tess": ["student.registered"]}


# --- with the change or not at all


async def test_a_change_that_is_taken_back_tells_nobody(school: SchoolStore) -> None:
    await refused("forbidden", school.create("theo", TASK, student_id="ann", title="Not mine to give"))
    async with school.store.unit(CALLERS["mia"]) as unit:
        await unit.insert(TASK, {"student_id": "ann", "title": "One"})
        assert school.carried == []
    assert await waiting(school) == len(school.carried) == 1


async def test_a_message_that_its_receiver_could_not_read_takes_the_change_back(school: SchoolStore) -> None:
    async def change() -> None:
        async with school.store.unit(CALLERS["mia"]) as unit:
            await unit.insert(TASK, {"student_id": "ann", "title": "One"})
            unit.tell("inbox:ann", Notify("task.assigned", ""))

    with pytest.raises(ValueError, match="length"):
        await change()
    assert (await waiting(school), await school.column(TASK, "id")) == (0, [])


@pytest.mark.parametrize(
    ("preferences", "told"),
    [
        ({"task.assigned": False}, {}),
        ({"*": False}, {}),
        ({"*": False, "task.assigned": True}, {"ann": ["task.assigned"]}),
        ({"entry.created": False}, {"ann": ["task.assigned"]}),
    ],
)
async def test_who_does_not_want_a_type_of_notices_in_the_app_gets_none(
    school: SchoolStore, preferences: dict[str, bool], told: dict[str, list[str]]
) -> None:
    for kind, wanted in preferences.items():
        await school.create("ann", PREFERENCE, type=kind, in_app=wanted)
    await school.create("mia", TASK, student_id="ann", title="Read")
    assert carried(school) == told


# --- for very many


async def tell_all(school: SchoolStore) -> int:
    """Tell pages until nothing waits; return how many it took."""
    for pages in range(100):
        async with school.store.unit(CALLERS["system"]) as unit:
            if await tell_page(unit, school.store.catalog.types) is None:
                return pages
    raise AssertionError("it never ends")


async def test_an_announcement_is_told_page_by_page_to_each_once_and_not_to_its_author(school: SchoolStore) -> None:
    for number in range(2 * PAGE):
        await put_person(school.database, f"s{number:03}", "student")
    await school.create("ada", ANNOUNCEMENT, title="Holidays", body="Soon", target_role="student")
    assert carried(school) == {}
    assert await tell_all(school) == 3
    told = carried(school)
    assert len(told) == 2 * PAGE + 3
    assert {tuple(types) for types in told.values()} == {("announcement.published",)}
    await school.create("ada", ANNOUNCEMENT, title="Party", body="Soon")
    await tell_all(school)
    assert set(carried(school)) == {*told, *CALLERS} - {"ada", "system"}


Audience = dict[str, str]


@pytest.mark.parametrize(
    ("audience", "people"),
    [
        ({"class_id": "10a"}, {"tess", "ann", "bob", "pam"}),
        ({"course_id": "chess"}, {"theo", "bob"}),
        ({"target_role": "parent"}, {"pam", "pit"}),
    ],
)
async def test_only_those_addressed_are_told(school: SchoolStore, audience: Audience, people: set[str]) -> None:
    made = await school.create("ada", ANNOUNCEMENT, title="News", body="News", status="draft", **audience)
    assert await tell_all(school) == 0
    await school.act("ada", ANNOUNCEMENT, made["id"], "publish")
    await tell_all(school)
    assert set(carried(school)) == people


async def test_what_is_withdrawn_before_all_were_told_is_told_no_further(school: SchoolStore) -> None:
    made = await school.create("ada", ANNOUNCEMENT, title="News", body="News")
    await school.delete("ada", ANNOUNCEMENT, made["id"])
    other = await school.create("ada", ANNOUNCEMENT, title="News", body="News")
    await school.update("ada", ANNOUNCEMENT, other["id"], status="draft")
    await tell_all(school)
    assert carried(school) == {}


# --- all the way


async def in_an_engine(database: Database, act: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Run the actors on the database, with a store that hands its messages to them."""
    async with open_kept_school(database) as house:
        await act(house, house.engine)


async def arrived(database: Database) -> None:
    """Wait until every message was carried out."""
    with trio.fail_after(20):
        while (await database.fetch("SELECT count(*) AS count FROM messages"))[0]["count"]:
            await wait_all_tasks_blocked(0.005)


async def test_a_notice_is_in_the_inbox_once_whether_it_was_handed_over_twice_or_found_at_the_next_start(
    database: Database,
) -> None:
    await put_school(database)
    school = SchoolStore(database)

    async def hand_over(house: Any, engine: Any) -> None:
        await school.create("mia", TASK, student_id="ann", title="One")
        engine.carry(school.carried)
        engine.carry(school.carried)
        await arrived(database)
        state = await house.state("inbox:ann", ANN)
        assert [notice["title"] for notice in state["notices"]] == ["One"]
        await school.create("mia", TASK, student_id="ann", title="Two")  # and nobody hands it over

    async def look(house: Any, engine: Any) -> None:
        await arrived(database)
        state = await house.state("inbox:ann", ANN)
        assert [notice["title"] for notice in state["notices"]] == ["One", "Two"]

    await in_an_engine(database, hand_over)
    await in_an_engine(database, look)
