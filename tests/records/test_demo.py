"""The demo school over PostgreSQL: what there is when it was furnished, once and again."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.protocol.zones import day_window, find_zone
from homeroom.records.demo import add_demo_people, link_demo_families
from homeroom.records.demo.days import days as around
from homeroom.records.demo.furnish import furnish_gradings, furnish_school
from homeroom.records.demo.people import check_demo
from homeroom.records.demo.school import school, term_of
from homeroom.records.demo.wishes import Make
from homeroom.records.guardians import Guardians
from homeroom.records.passwords import Passwords
from homeroom.records.quiet import quiet_store
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from homeroom.records.users import Users
from tests.records.hashes import CHEAP

ZONE = find_zone("Europe/Berlin")
WEDNESDAY = int(datetime(2026, 11, 18, 9, tzinfo=UTC).timestamp() * 1000)
WEEK_MS = 7 * 86_400_000


@pytest.fixture
async def store(database: Database) -> Store:
    clock = TrioClock(WEDNESDAY + WEEK_MS)
    await add_demo_people(Users(database, clock), Passwords(CHEAP))
    await link_demo_families(Guardians(database, clock))
    return quiet_store(database, clock)


async def count_rows(database: Database) -> Counter[str]:
    tables = [*(one.plural for one in RECORD_TYPES), "journal", "audit_logs"]
    sql = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) FROM {name}" for name in tables)  # noqa: S608 - declared
    return Counter({row["name"]: row["count"] for row in await database.fetch(sql)})


async def test_the_school_is_complete_and_a_second_time_adds_nothing(database: Database, store: Store) -> None:
    await furnish_school(store, WEDNESDAY, ZONE)
    await furnish_gradings(store)
    rows = await count_rows(database)
    missing = {one.plural for one in RECORD_TYPES if not rows[one.plural]}
    assert missing == {"uploads"}, "of every kind of record there is one, but for files"
    assert (rows["students"], rows["class_memberships"], rows["report_cards"]) == (6, 8, 6)
    assert rows["attendance"] == 6 * 15 - 3
    assert rows["schedules"] == 2 * (5 * 4 + 3)
    await furnish_school(store, WEDNESDAY, ZONE)
    assert await count_rows(database) == rows


@pytest.mark.parametrize("days", range(7))
def test_somebody_is_there_and_has_lessons_whatever_day_it_is(days: int) -> None:
    today = date(2026, 11, 16) + timedelta(days=days)
    made = [wish for part in around(today, ZONE) for wish in part.wishes if isinstance(wish, Make)]
    marks = [wish for wish in made if wish.type is ATTENDANCE and wish.values["date"] == today.isoformat()]
    begins, ends = day_window(today, ZONE)
    slots = [wish for wish in made if wish.type is SCHEDULE and begins <= wish.values["start_at"] < ends]
    assert len(marks) == 3
    assert {wish.values["mentor_id"] for wish in slots} == {"demo-teacher-1", "demo-teacher-2"}
    assert {wish.values["class_id"] for wish in slots if "class_id" in wish.values} == {"demo-10a", "demo-10b"}
    assert len({wish.id for wish in made}) == len(made)


async def test_what_was_taken_away_or_changed_stays_so_and_a_new_week_has_its_timetable(
    database: Database, store: Store
) -> None:
    await furnish_school(store, WEDNESDAY, ZONE)
    await database.execute("DELETE FROM comments")
    await database.execute("UPDATE classes SET title = 'ours' WHERE id = 'demo-10a'")
    before = await count_rows(database)
    await furnish_school(store, WEDNESDAY + WEEK_MS, ZONE)
    after = await count_rows(database)
    new = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert {name: new[name] for name in ("schedules", "attendance")} == {"schedules": 46, "attendance": 30}
    assert set(new) == {"schedules", "attendance", "journal", "audit_logs"}
    assert (await database.fetch("SELECT title FROM classes WHERE id = 'demo-10a'"))[0]["title"] == "ours"


async def test_a_part_that_does_not_fit_any_more_is_left_out_and_the_rest_is_there(
    database: Database, store: Store
) -> None:
    await database.execute("INSERT INTO subjects VALUES ('mine', 1, 0, 0, 'demo-maths', 'Mine', '')")
    await furnish_school(store, WEDNESDAY, ZONE)
    rows = await count_rows(database)
    assert (rows["classes"], rows["entries"]) == (0, 18)


async def test_whoever_is_not_of_the_demo_makes_it_a_real_school(database: Database, store: Store) -> None:
    await check_demo(database)
    await Users(database, TrioClock(0)).add("ann", "Ann", "student", None, id="ann")
    with pytest.raises(Refusal, match="'ann' is here"):
        await check_demo(database)


@pytest.mark.parametrize(
    ("day", "term"),
    [
        (date(2026, 8, 1), "demo-2026-autumn"),
        (date(2027, 1, 31), "demo-2026-autumn"),
        (date(2027, 2, 1), "demo-2027-spring"),
        (date(2028, 2, 29), "demo-2028-spring"),
    ],
)
def test_every_day_is_in_a_term(day: date, term: str) -> None:
    found, _, first, last = term_of(day)
    assert found == term
    assert first <= day <= last
    assert len([part for part in school(day) if part.wishes]) > 10
