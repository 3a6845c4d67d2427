"""The large demo school, made small: rows by the hundred leave behind what rows one by one do."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import msgspec
import pytest

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller
from homeroom.engine.database import Database, open_database
from homeroom.records.declare import Moment
from homeroom.records.demo.large import load_large
from homeroom.records.demo.plan import Plan
from homeroom.records.quiet import quiet_store
from homeroom.records.school.entries import ENTRY, Review
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL

PLAN = Plan(date(2026, 11, 18), students=11, per_class=4, days=2)


class StandingClock:
    """A clock that stands, so that two schools are of the same moment."""

    def now(self) -> int:
        return 1_800_000_000_000


@asynccontextmanager
async def school(dsn: str) -> AsyncIterator[tuple[Database, Store]]:
    async with open_database(dsn, TRIAL) as database:
        yield database, quiet_store(database, StandingClock())


async def load_one_by_one(store: Store, plan: Plan) -> None:
    for record, rows in plan.staff():
        async with store.unit(SYSTEM_CALLER) as unit:
            for values in rows:
                await unit.insert(record, values)
    for one in map(plan.of_class, range(plan.classes)):
        async with store.unit(SYSTEM_CALLER) as unit:
            for record, rows in one.rows():
                for values in rows:
                    await unit.insert(record, values)
        async with store.unit(Caller(one.teacher, "teacher")) as unit:
            for record, rows in one.attendance():
                for values in rows:
                    await unit.insert(record, values)
            review = next(action for action in ENTRY.actions if action.name == "review")
            for entry, status in one.reviews().items():
                held = await unit.hold(ENTRY, entry, review.rule)
                changes = review.change(held.row(), Review(status), Moment(unit.now, unit.caller))  # type: ignore[arg-type]
                await unit.change(held, changes, None, review.event)


async def left_behind(database: Database) -> dict[str, Counter[Any]]:
    """Return all that is in the tables, but in which order, and for whom notices wait."""
    found = {one.plural: await all_of(database, one.plural, tuple(one.columns)) for one in RECORD_TYPES}
    found["audit_logs"] = await all_of(
        database, "audit_logs", ("entity_type", "entity_id", "action", "changed_by", "detail", "old_value", "new_value")
    )
    feed = await database.fetch(
        "SELECT event_type, actor_id, target_type, target_id, payload, channels FROM activity_feed"
    )
    found["activity_feed"] = Counter((*list(row.values())[:5], tuple(sorted(row["channels"]))) for row in feed)
    found["counters"] = await all_of(database, "counters", ("scope", "name", "day", "value"))
    found["channels"] = await all_of(database, "channels", ("stream", "seq", "at"))
    told = await database.fetch("SELECT stream, type, at, by, body FROM journal")
    found["journal"] = Counter((*list(row.values())[:4], repr(msgspec.msgpack.decode(row["body"]))) for row in told)
    return found


async def all_of(database: Database, table: str, columns: Sequence[str]) -> Counter[Any]:
    rows = await database.fetch(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - a test's own words
    return Counter(repr(tuple(row.values())) for row in rows)


@pytest.fixture
def second_database_url(new_database: Callable[[], str]) -> str:
    return new_database()


async def test_it_leaves_behind_what_rows_one_by_one_do(database_url: str, second_database_url: str) -> None:
    async with school(database_url) as (database, store):
        await load_large(store, PLAN, None, int)
        at_once = await left_behind(database)
    async with school(second_database_url) as (database, store):
        await load_one_by_one(store, PLAN)
        one_by_one = await left_behind(database)
    assert set(at_once) == set(one_by_one)
    for table, rows in one_by_one.items():
        assert at_once[table] == rows, table
    assert sum(at_once["journal"].values()) > 500
    assert at_once["counters"]


async def test_numbers_have_no_gap_and_a_second_load_finds_everything_there(database_url: str) -> None:
    async with school(database_url) as (database, store):
        done: list[int] = []
        await load_large(store, PLAN, None, done.append)
        assert sum(done) == PLAN.students
        gaps = await database.fetch(
            "SELECT FROM channels c FULL JOIN (SELECT stream, max(seq) AS head, count(*) AS events FROM journal GROUP BY 1) j"
            " USING (stream) WHERE c.seq IS DISTINCT FROM j.head OR j.head <> j.events"
        )
        assert not gaps
        before = await left_behind(database)
        await load_large(store, Plan(PLAN.today, students=11, per_class=4, days=2, seed=2), None, done.append)
        assert await left_behind(database) == before


def test_the_same_seed_makes_the_same_school_and_another_one_other_people() -> None:
    def people(seed: int) -> list[Any]:
        plan = Plan(PLAN.today, students=11, per_class=4, seed=seed)
        return [list(plan.of_class(number).rows()) for number in range(plan.classes)]

    assert people(1) == people(1)
    assert people(1) != people(2)
