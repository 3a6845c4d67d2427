"""Who has no right is told that, and nothing else: what is there, who is busy, and what is wrong with the rest is not theirs to learn."""

from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.records.declare import RecordType
from homeroom.records.school.attendance import ATTENDANCE, Mark, MarkClass
from homeroom.records.school.class_lists import ClassList
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.courses import COURSE, EnrolPeople
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.schedule_series import ChangeSeries, CreateSeries, DeleteSeries
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP
from homeroom.records.school.subjects import SUBJECT
from homeroom.records.school.terms import TERM
from tests.records.school_rows import AT, put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

DAY = "2026-11-23"
HOUR = 3_600_000


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def test_what_is_wrong_with_a_row_is_for_those_who_may_write_it(school: SchoolStore) -> None:
    await put(school.database, TERM, "t1", title="Term", starts_on=DAY, ends_on=DAY)
    await put(school.database, SUBJECT, "art", code="art", title="Art")
    mark = {"subject_id": "art", "mark": "1"}
    card = {"student_id": "ann", "class_id": "10a", "term_id": "t1"}
    await school.create("tess", REPORT_CARD, **card)
    wrong: list[tuple[str, RecordType, dict[str, Any]]] = [
        ("bad_command", REPORT_CARD, {**card, "student_id": "bob", "marks": [mark, mark]}),
        ("conflict", REPORT_CARD, card),
        ("conflict", REPORT_CARD, {**card, "student_id": "cid"}),
        ("bad_command", REPORT_CARD, {**card, "student_id": "bob", "term_id": "none"}),
        ("bad_command", REPORT_CARD, {**card, "student_id": "mia"}),
        ("bad_command", ATTENDANCE, {"class_id": "10a", "student_id": "mia", "date": DAY, "status": "late"}),
        ("conflict", ATTENDANCE, {"class_id": "10a", "student_id": "cid", "date": DAY, "status": "late"}),
        ("conflict", CLASS_MEMBERSHIP, {"class_id": "10a", "user_id": "ann", "part": "student"}),
        ("bad_command", CLASS_MEMBERSHIP, {"class_id": "10a", "user_id": "pam", "part": "student"}),
    ]
    for code, record, values in wrong:
        await refused(code, school.create("tess", record, **values))
        await refused("forbidden", school.create("theo", record, **values))
    for record in (REPORT_CARD, ATTENDANCE, CLASS_MEMBERSHIP):
        await refused("forbidden", school.create("ann", record, **{"no such field": 1}))


async def test_what_a_changed_row_would_be_is_asked_before_anything_else(school: SchoolStore) -> None:
    slot = {"title": "Talk", "start_at": AT, "end_at": AT + HOUR}
    await school.create("mia", SCHEDULE, mentor_id="mia", **slot)
    mine = await school.create("theo", SCHEDULE, mentor_id="theo", **slot)
    (busy,) = await school.column(SCHEDULE, "id", "mentor_id = 'mia'")
    await refused("forbidden", school.update("theo", SCHEDULE, mine["id"], mentor_id="mia"))
    await refused("forbidden", school.update("theo", SCHEDULE, mine["id"], mentor_id="mia", end_at=AT))
    refusal = await refused("conflict", school.update("ada", SCHEDULE, mine["id"], mentor_id="mia"))
    assert (refusal.data or {})["id"] == busy
    await refused("not_found", school.update("theo", SCHEDULE, busy, **{"no such field": 1}))


async def test_nobody_learns_who_is_in_a_class_by_a_deed(school: SchoolStore) -> None:
    marks = (Mark("ann", "absent"),)
    await school.perform("tess", ATTENDANCE, "mark", MarkClass("10a", DAY, marks))
    csv = "login\nann\nnobody\n"
    for who, code in (("theo", "forbidden"), ("mia", "forbidden")):
        await refused(code, school.perform(who, ATTENDANCE, "mark", MarkClass("10a", DAY, marks)))
        await refused(code, school.perform(who, ATTENDANCE, "mark", MarkClass("10a", DAY, marks + marks)))
        await refused(code, school.perform(who, CLASS, "enrol", EnrolStudents("10a", ("ann",))))
        await refused(code, school.perform(who, CLASS, "import", ClassList("10a", csv, dry_run=True)))
        await refused(code, school.perform(who, CLASS, "import", ClassList("10a", csv)))
    await refused("forbidden", school.perform("tess", COURSE, "enrol", EnrolPeople("chess", ("bob",))))
    done = await school.perform("tess", ATTENDANCE, "mark", MarkClass("10a", DAY, marks))
    assert (done.marked, done.updated, done.unchanged) == (0, 0, 1)


async def test_a_series_of_somebody_else_tells_nothing_of_who_is_busy(school: SchoolStore) -> None:
    series = CreateSeries(
        mentor_id="mia", class_id="10a", title="Choir", start_at=AT, end_at=AT + HOUR, zone="UTC",
        is_group_session=True, series="FREQ=DAILY;COUNT=3",
    )  # fmt: skip
    for who in ("tess", "mia"):
        await refused("forbidden", school.perform(who, SCHEDULE, "create_series", series))
    await put(school.database, CLASS_MEMBERSHIP, "m-mia", class_id="10a", user_id="mia", part="teacher")
    made = await school.perform("mia", SCHEDULE, "create_series", series)
    first = made.occurrences[0].id
    assert (await school.store.read(SCHEDULE, first, CALLERS["tess"]))["id"] == first, "she teaches the class"
    await school.create("mia", SCHEDULE, mentor_id="mia", title="Busy", start_at=AT + 2 * HOUR, end_at=AT + 3 * HOUR)
    change = ChangeSeries(id=first, scope="all", start_at=AT + 2 * HOUR, end_at=AT + 3 * HOUR)
    await refused("conflict", school.perform("mia", SCHEDULE, "change_series", change))
    await refused("forbidden", school.perform("tess", SCHEDULE, "change_series", change))
    await refused("forbidden", school.perform("tess", SCHEDULE, "delete_series", DeleteSeries(id=first, scope="all")))


async def test_nobody_takes_hold_of_a_series_that_is_not_theirs(school: SchoolStore) -> None:
    series = CreateSeries(
        mentor_id="mia", class_id="10a", title="Choir", start_at=AT, end_at=AT + HOUR, zone="UTC",
        is_group_session=True, series="FREQ=DAILY;COUNT=3",
    )  # fmt: skip
    await put(school.database, CLASS_MEMBERSHIP, "m-mia", class_id="10a", user_id="mia", part="teacher")
    first, *_, last = (await school.perform("mia", SCHEDULE, "create_series", series)).occurrences
    await put(school.database, CLASS_MEMBERSHIP, "m-theo", class_id="10a", user_id="theo", part="teacher")
    await school.update("ada", SCHEDULE, last.id, mentor_id="theo")
    following = ChangeSeries(id=last.id, scope="following", title="Mine")
    assert len((await school.perform("theo", SCHEDULE, "change_series", following)).occurrences) == 1
    async with school.database.connection() as other, other.transaction():
        # Whoever waited for what is held here would be told `overloaded`, and not who may.
        await other.fetch("SELECT FROM schedules FOR UPDATE")
        for who, code, slot in (
            ("tess", "forbidden", first.id),
            ("mia", "forbidden", first.id),
            ("theo", "forbidden", last.id),
            ("theo", "not_found", "none"),
        ):
            change = ChangeSeries(id=slot, scope="all", title="Mine")
            await refused(code, school.perform(who, SCHEDULE, "change_series", change))
            await refused(code, school.perform(who, SCHEDULE, "delete_series", DeleteSeries(id=slot, scope="all")))
    assert await school.column(SCHEDULE, "title") == ["Choir", "Choir", "Mine"]


async def test_a_mentor_takes_a_series_away_whose_student_is_no_longer_theirs(school: SchoolStore) -> None:
    series = CreateSeries(
        mentor_id="mia", student_id="ann", title="Talk", start_at=AT, end_at=AT + HOUR, zone="UTC",
        series="FREQ=DAILY;COUNT=3",
    )  # fmt: skip
    first = (await school.perform("mia", SCHEDULE, "create_series", series)).occurrences[0].id
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    change = ChangeSeries(id=first, scope="all", title="Ours")
    await refused("forbidden", school.perform("mia", SCHEDULE, "change_series", change))
    gone = await school.perform("mia", SCHEDULE, "delete_series", DeleteSeries(id=first, scope="all"))
    assert len(gone.occurrences) == 3
    assert await school.column(SCHEDULE, "id") == []


async def test_rows_of_many_are_refused_as_one_is(school: SchoolStore) -> None:
    await put_person(school.database, "dan", "student")
    async with school.store.unit(CALLERS["tess"]) as unit:
        rows = [{"class_id": "10a", "user_id": user, "part": "student"} for user in ("cid", "dan")]
        made = await unit.insert_many(CLASS_MEMBERSHIP, rows)
        assert [row.user_id for row in made] == ["cid", "dan"]
        await refused("not_found", unit.get_many(CLASS_MEMBERSHIP, (made[0].id, "none")))
        await refused("forbidden", unit.get_many(CLASS_MEMBERSHIP, (made[0].id, "m-tess"), "delete"))
        await refused("forbidden", unit.update_many(CLASS_MEMBERSHIP, {made[0].id: {}}))
        await unit.delete_many(CLASS_MEMBERSHIP, [made[1].id])
    assert await school.column(CLASS_MEMBERSHIP, "user_id", "part = 'student'") == ["ann", "bob", "cid"]
    assert school.told("user:dan") == ["class_membership.created", "student.enrolled", "class_membership.deleted"]


async def test_a_slot_is_for_those_whom_its_mentor_looks_after_or_teaches(school: SchoolStore) -> None:
    slot = {"title": "Talk", "start_at": AT, "end_at": AT + HOUR}
    for who, more in (("theo", {"student_id": "ann"}), ("mia", {"student_id": "bob"}), ("mia", {"class_id": "10a"})):
        await refused("forbidden", school.create(who, SCHEDULE, mentor_id=who, is_group_session=True, **slot, **more))
    await school.create("mia", SCHEDULE, mentor_id="mia", student_id="ann", **slot)
    await school.create("tess", SCHEDULE, mentor_id="tess", student_id="bob", **slot)
    alone = await school.create("theo", SCHEDULE, mentor_id="theo", **slot)
    await refused("forbidden", school.update("theo", SCHEDULE, alone["id"], student_id="ann"))
