"""A place that is given to somebody, and another role or a farewell of theirs, in the same instant: whichever is first, what is left fits."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database, open_database
from homeroom.records.declare import RecordType
from homeroom.records.recount import Recount
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT, EnrolPeople
from homeroom.records.school.guardianships import GUARDIANSHIP
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.users import USER
from homeroom.records.statements import to_change
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.records.counted import kept_counters, true_counters
from tests.records.school_rows import put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore

PATIENT = replace(TRIAL, timeout_s=60.0, statement_timeout_s=60.0, lock_timeout_s=60.0)
"""Who waits here waits for what the test lets go, however slow the machine is."""
HEAD = "table:users"
"""The stream of which the head is taken by whoever changes a person, as the last they take."""


class Given(NamedTuple):
    """A row that names somebody by a role, as it is given, and the condition for those of theirs that hold."""

    type: RecordType
    role: str
    values: dict[str, Any]
    holds: str


PLACES = {
    "student": Given(STUDENT, "student", {"user_id": "{}", "number": "{}"}, "user_id = '{}' AND status = 'active'"),
    "member": Given(CLASS_MEMBERSHIP, "student", {"class_id": "10a", "user_id": "{}", "part": "student"}, "user_id = '{}'"),
    "owl": Given(COHORT_MEMBERSHIP, "student", {"cohort_id": "owls", "user_id": "{}", "part": "member"}, "user_id = '{}'"),
    "player": Given(ENROLMENT, "student", {"course_id": "chess", "user_id": "{}"}, "user_id = '{}' AND status = 'active'"),
    "mentor": Given(MENTORSHIP, "teacher", {"mentor_id": "{}", "student_id": "bob"}, "mentor_id = '{}' AND active"),
    "mentee": Given(MENTORSHIP, "student", {"mentor_id": "mia", "student_id": "{}"}, "student_id = '{}' AND active"),
    "ward": Given(GUARDIANSHIP, "student", {"guardian_id": "pam", "ward_id": "{}"}, "ward_id = '{}' AND active"),
    "teaches": Given(TEACHING, "teacher", {"class_id": "10a", "subject_id": "art", "teacher_id": "{}"}, "teacher_id = '{}'"),
    "owner": Given(COURSE, "teacher", {"code": "{}", "title": "New", "teacher_id": "{}"}, "teacher_id = '{}'"),
}  # fmt: skip
SLOT = {
    "mentor_id": "mia",
    "student_id": "{}",
    "title": "Talk",
    "start_at": 1_900_000_000_000,
    "end_at": 1_900_003_600_000,
}
STUDENTS_PLACES = {
    **{name: PLACES[name] for name in ("member", "owl", "player", "mentee")},
    "slot": Given(SCHEDULE, "student", SLOT, "student_id = '{}' AND status = 'scheduled'"),
}
"""Those that end when a student leaves the school."""
RELIED_ON = {"farewell": ("mentor", "teaches", "owner"), "role": ("owner",)}
"""Places whose people are kept: the change is refused, and not the place ended."""


@pytest.fixture
async def school(database_url: str) -> AsyncIterator[SchoolStore]:
    async with open_database(database_url, PATIENT, size=6) as database:
        await put_school(database)
        await put(database, COHORT, "owls", title="Owls")
        await put(database, CLASS, "10b", title="10b")
        await put(database, SUBJECT, "art", code="art", title="Art")
        yield SchoolStore(database)


async def give_role(school: SchoolStore, person: str) -> None:
    await school.update("ada", USER, person, role="parent")


async def say_farewell(school: SchoolStore, person: str) -> None:
    await school.delete("ada", USER, person)


Change = Callable[[SchoolStore, str], Awaitable[None]]
CHANGES: dict[str, Change] = {"role": give_role, "farewell": say_farewell}


@pytest.mark.parametrize("change", CHANGES)
async def test_who_is_given_a_place_just_before_loses_it_or_is_kept(school: SchoolStore, change: str) -> None:
    for name, given in PLACES.items():
        await put_person(school.database, name, given.role)
        outcome: list[str] = []
        async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
            await unit.insert(given.type, of(given, name))
            nursery.start_soon(tried, CHANGES[change](school, name), outcome)
            await waiting(school.database, 1)
            assert outcome == []
        kept = name in RELIED_ON[change]
        assert outcome == ["conflict" if kept else "done"], name
        assert len(await school.column(given.type, "id", given.holds.format(name))) == kept, name


@pytest.mark.parametrize("change", CHANGES)
async def test_who_is_given_a_place_while_it_is_being_lost_is_refused(school: SchoolStore, change: str) -> None:
    await school.update("ada", USER, "tess", name="Tess")
    for name, given in PLACES.items():
        await put_person(school.database, name, given.role)
        changed, placed = list[str](), list[str]()
        head = taken(school.database, "SELECT FROM channels WHERE stream = $1 FOR UPDATE", HEAD)
        async with trio.open_nursery() as nursery, head:
            nursery.start_soon(tried, CHANGES[change](school, name), changed)
            await waiting(school.database, 1)
            nursery.start_soon(tried, school.create("ada", given.type, **of(given, name)), placed)
            await waiting(school.database, 2)
            assert (changed, placed) == ([], [])
        assert (changed, placed) == (["done"], ["bad_command"]), name
        assert await school.column(given.type, "id", given.holds.format(name)) == []


async def leave(school: SchoolStore, person: str) -> None:
    (record,) = await school.column(STUDENT, "id", f"user_id = '{person}'")
    await school.update("ada", STUDENT, record, status="graduated")


async def test_a_place_given_just_before_its_student_leaves_ends_with_the_others(school: SchoolStore) -> None:
    for name, given in STUDENTS_PLACES.items():
        await put_person(school.database, name, "student")
        await school.create("ada", STUDENT, user_id=name, number=name)
        outcome: list[str] = []
        async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
            await unit.insert(given.type, of(given, name))
            nursery.start_soon(tried, leave(school, name), outcome)
            await waiting(school.database, 1)
            assert outcome == []
        assert outcome == ["done"], name
        assert await school.column(given.type, "id", given.holds.format(name)) == [], name


async def test_a_record_that_begins_as_that_of_somebody_who_has_left_ends_places_given_in_the_same_instant(
    school: SchoolStore,
) -> None:
    for name, given in STUDENTS_PLACES.items():
        await put_person(school.database, name, "student")
        outcome: list[str] = []
        async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
            await unit.insert(given.type, of(given, name))
            left = {"user_id": name, "number": name, "status": "withdrawn"}
            nursery.start_soon(tried, school.create("ada", STUDENT, **left), outcome)
            await waiting(school.database, 1)
        assert outcome == ["done"], name
        assert await school.column(given.type, "id", given.holds.format(name)) == [], name


async def test_no_place_is_given_while_a_record_begins_as_that_of_somebody_who_has_left(school: SchoolStore) -> None:
    for name, given in STUDENTS_PLACES.items():
        await put_person(school.database, name, "student")
        outcome: list[str] = []
        async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
            await unit.insert(STUDENT, {"user_id": name, "number": name, "status": "withdrawn"})
            nursery.start_soon(tried, school.create("ada", given.type, **of(given, name)), outcome)
            await waiting(school.database, 1)
        assert outcome == ["bad_command"], name


@pytest.mark.parametrize("change", [*CHANGES, "leave"])
async def test_a_place_that_is_taken_away_in_the_same_instant_keeps_nobody_from_leaving(
    school: SchoolStore, change: str
) -> None:
    do = {**CHANGES, "leave": leave}[change]
    for name, given in STUDENTS_PLACES.items():
        await put_person(school.database, name, "student")
        await school.create("ada", STUDENT, user_id=name, number=name)
        place = (await school.create("ada", given.type, **of(given, name)))["id"]
        outcome: list[str] = []
        async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
            await unit.delete(given.type, place)
            nursery.start_soon(tried, do(school, name), outcome)
            await waiting(school.database, 1)
        assert outcome == ["done"], name


async def test_no_place_is_given_to_a_student_who_is_leaving(school: SchoolStore) -> None:
    for name, given in STUDENTS_PLACES.items():
        await put_person(school.database, name, "student")
        await school.create("ada", STUDENT, user_id=name, number=name)
        left, placed = list[str](), list[str]()
        head = taken(school.database, "SELECT FROM channels WHERE stream = $1 FOR UPDATE", "table:students")
        async with trio.open_nursery() as nursery, head:
            nursery.start_soon(tried, leave(school, name), left)
            await waiting(school.database, 1)
            nursery.start_soon(tried, school.create("ada", given.type, **of(given, name)), placed)
            await waiting(school.database, 2)
            assert (left, placed) == ([], []), name
        assert (left, placed) == (["done"], ["bad_command"]), name
        assert await school.column(given.type, "id", given.holds.format(name)) == [], name


async def enrol_again(school: SchoolStore, person: str) -> None:
    await school.perform("ada", COURSE, "enrol", EnrolPeople("chess", (person,)))


@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_is_enrolled_again_while_the_role_becomes_another(school: SchoolStore, change: str) -> None:
    await school.update("theo", ENROLMENT, "e-bob", status="withdrawn")
    changed, placed = list[str](), list[str]()
    head = taken(school.database, "SELECT FROM channels WHERE stream = $1 FOR UPDATE", HEAD)
    await school.update("ada", USER, "tess", name="Tess")
    async with trio.open_nursery() as nursery, head:
        nursery.start_soon(tried, CHANGES[change](school, "bob"), changed)
        await waiting(school.database, 1)
        nursery.start_soon(tried, enrol_again(school, "bob"), placed)
        await waiting(school.database, 2)
        assert (changed, placed) == ([], [])
    assert (changed, placed) == (["done"], ["bad_command"])
    assert await school.column(ENROLMENT, "status") == ["withdrawn"]


UPDATES: dict[str, tuple[RecordType, dict[str, Any], dict[str, Any]]] = {
    "student": (STUDENT, {"user_id": "cid", "number": "1"}, {"class_id": "10b"}),
    "member": (CLASS_MEMBERSHIP, {"class_id": "10a", "user_id": "cid", "part": "student"}, {"part": "teacher"}),
    "owl": (COHORT_MEMBERSHIP, {"cohort_id": "owls", "user_id": "cid", "part": "member"}, {"part": "mentor"}),
    "player": (ENROLMENT, {"course_id": "chess", "user_id": "cid"}, {"part": "assistant"}),
    "mentee": (MENTORSHIP, {"mentor_id": "tess", "student_id": "cid", "active": False}, {"active": True}),
    "teaches": (TEACHING, {"class_id": "10a", "subject_id": "art", "teacher_id": "cid"}, {"class_id": "10b"}),
}


async def test_who_changes_a_place_of_somebody_waits_for_the_person_and_keeps_nothing_meanwhile(
    school: SchoolStore,
) -> None:
    for name, (record, values, changes) in UPDATES.items():
        await put(school.database, record, name, **values)
        outcome: list[str] = []
        person = taken(school.database, "SELECT FROM users WHERE id = $1 FOR UPDATE", "cid")
        async with trio.open_nursery() as nursery, person as fetch:
            nursery.start_soon(tried, school.update("ada", record, name, **changes), outcome)
            await waiting(school.database, 1)
            # Whoever gives Cid another role needs this row next.
            await fetch(f"SELECT FROM {record.plural} WHERE id = $1 FOR UPDATE NOWAIT", name)
        assert outcome == ["bad_command" if name in {"member", "owl"} else "done"], name


async def test_a_mentor_and_the_student_who_both_become_something_else_do_not_wait_for_each_other(
    school: SchoolStore,
) -> None:
    outcomes: list[str] = []

    async def become_parent(person: str) -> None:
        async with school.store.unit(CALLERS["ada"]) as unit:
            held = await unit.hold(USER, person, USER.update, how=to_change(USER, ("role",)))
            await unit.change(held, {"role": "parent"}, USER.update)

    row = taken(school.database, "SELECT FROM mentorships WHERE id = $1 FOR UPDATE", "mia-ann")
    async with trio.open_nursery() as nursery, row:
        for person in ("mia", "ann"):
            nursery.start_soon(tried, become_parent(person), outcomes)
        await waiting(school.database, 2)
    assert outcomes == ["done", "done"], "a ring would have ended one of them, which is not begun again here"
    assert await school.column(MENTORSHIP, "active") == [False]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_student_who_is_withdrawn_and_something_else_at_once_is_counted_out_once(
    school: SchoolStore, change: str
) -> None:
    await Recount(RECORD_TYPES, ZoneInfo("UTC")).ensure(school.database)
    record = await school.create("ada", STUDENT, user_id="cid", number="7")
    outcome: list[str] = []
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
        await unit.update(STUDENT, record["id"], {"status": "withdrawn"})
        nursery.start_soon(tried, CHANGES[change](school, "cid"), outcome)
        await waiting(school.database, 1)
    assert outcome == ["done"]
    active = {
        key: value for key, value in (await kept_counters(school.database)).items() if key[1] == "active_students"
    }
    assert set(active) == {
        ("school", "active_students", ""),
        *(("student:" + one, "active_students", "") for one in ("ann", "bob")),
    }
    assert await kept_counters(school.database) == await true_counters(school.database)


@pytest.mark.parametrize(
    ("members", "home", "part"),
    [(CLASS_MEMBERSHIP, {"class_id": "10b"}, "student"), (COHORT_MEMBERSHIP, {"cohort_id": "owls"}, "member")],
)
async def test_a_home_has_the_student_in_it_whoever_takes_them_out_of_it_at_once(
    school: SchoolStore, members: RecordType, home: dict[str, str], part: str
) -> None:
    record = await school.create("ada", STUDENT, user_id="cid", number="7")
    values = {**home, "user_id": "cid", "part": part}
    membership = (await school.create("ada", members, **values))["id"]
    outcome: list[str] = []
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
        await unit.update(STUDENT, record["id"], home)
        nursery.start_soon(tried, school.delete("ada", members, membership), outcome)
        await waiting(school.database, 1)
    await school.update("ada", STUDENT, record["id"], **dict.fromkeys(home))
    membership = (await school.create("ada", members, **values))["id"]
    async with trio.open_nursery() as nursery, school.store.unit(CALLERS["ada"]) as unit:
        await unit.delete(members, membership)
        nursery.start_soon(tried, school.update("ada", STUDENT, record["id"], **home), outcome)
        await waiting(school.database, 1)
    assert outcome == ["conflict", "done"]
    ((column, place),) = home.items()
    assert await school.column(members, column, "user_id = 'cid'") == [place]


async def test_names_and_passwords_of_somebody_change_while_they_are_given_a_place(school: SchoolStore) -> None:
    async with school.store.unit(CALLERS["ada"]) as unit:
        await unit.insert(CLASS_MEMBERSHIP, {"class_id": "10b", "user_id": "ann", "part": "student"})
        assert (await school.update("ada", USER, "ann", name="Anne"))["name"] == "Anne"


def of(given: Given, person: str) -> dict[str, Any]:
    """Return the values of a row that gives a person their place."""
    return {name: value.format(person) if isinstance(value, str) else value for name, value in given.values.items()}


async def tried(work: Awaitable[Any], outcome: list[str]) -> None:
    """Do `work`, and say in `outcome` what became of it."""
    try:
        await work
        outcome.append("done")
    except Refusal as refusal:
        outcome.append(refusal.code)


@asynccontextmanager
async def taken(database: Database, sql: str, name: str) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Hold what `sql` says until the end, by a transaction that has nothing to do with the store; offers its `fetch`."""
    async with database.connection() as connection, connection.transaction():
        assert await connection.fetch(sql, name)
        yield connection.fetch


async def waiting(database: Database, count: int) -> None:
    """Return once `count` transactions of the database wait for what others hold."""
    sql = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with trio.fail_after(60):
        while len(await database.fetch(sql)) < count:
            await trio.lowlevel.checkpoint()
