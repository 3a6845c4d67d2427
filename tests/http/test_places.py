"""Who belongs where: known to every command without a database, at once for what this server writes and soon for what others do."""

from collections.abc import Iterable

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.database import Database
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.postgres import Disconnected
from homeroom.http.identity import Identity
from homeroom.http.places import OVERLAP_MS, Places
from homeroom.records.placements import Placed, Placements
from homeroom.records.school.classes import CLASS_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import put_school
from tests.records.school_store import SchoolStore


class MovingClock:
    """A clock on trio's."""

    def now(self) -> int:
        return START_MS + int(trio.current_time() * 1000)


class Table:
    """What other servers wrote; `away` makes it fail."""

    def __init__(self) -> None:
        self.rows: list[Placed] = []
        self.away = False
        self.asked: list[int] = []

    async def read(self, since: int) -> Iterable[Placed]:
        self.asked.append(since)
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Disconnected("gone")
        return [row for row in self.rows if row.at >= since]


def row(id: str, person: str, place: str, at: int = 1, part: str = "student", *, name: str = "") -> Placed:
    return Placed("enrolment", id, person, place, part, name, at)


def test_rows_add_up_and_an_older_word_changes_nothing() -> None:
    places = Places(MovingClock())
    places.take(row("1", "ann", "course:cs1", 5, name="Ann"))
    places.take(row("2", "ann", "course:cs1", 5, "assistant"))
    places.take(row("3", "bob", "course:cs1", 5, "teacher"))
    assert places.of("ann") == {"course:cs1"}
    assert places.members_of("course:cs1") == ("ann", "bob")
    assert places.students_of("course:cs1") == {"ann": "Ann"}
    places.take(row("1", "ann", "", 4))
    assert places.students_of("course:cs1") == {"ann": "Ann"}
    places.take(row("1", "", "", 6))
    assert places.of("ann") == {"course:cs1"}
    assert places.students_of("course:cs1") == {}
    places.take(row("2", "", "", 6))
    assert (places.of("ann"), places.members_of("course:cs1")) == (frozenset(), ("bob",))
    assert [places.has(who, "course:cs1") for who in ("ann", "bob", "nobody")] == [False, True, False]


def test_who_left_a_place_is_told_once_none_of_the_rows_says_otherwise() -> None:
    places, left = Places(MovingClock()), list[tuple[str, str]]()
    places.take(row("1", "ann", "course:cs1", 5))
    places.when_left(lambda person, place: left.append((person, place)))
    places.take(row("2", "ann", "course:cs1", 5, "assistant"))
    places.take(row("2", "ann", "course:cs1", 6))
    places.take(row("1", "", "", 6))
    places.take(row("1", "", "", 6))
    assert left == []
    places.take(row("2", "ann", "course:cs2", 7))
    assert left == [("ann", "course:cs1")]
    assert places.of("ann") == {"course:cs2"}


def test_a_caller_belongs_to_what_is_known_this_moment() -> None:
    places = Places(MovingClock())
    ann = Identity("ann", "Ann", "student", 0, places=places.of)
    first = ann.caller
    assert first.places == frozenset()
    places.take(row("1", "ann", "course:cs1"))
    assert ann.caller.places == {"course:cs1"}
    assert ann.caller is ann.caller
    assert ann.caller.wards == first.wards


def test_a_parent_brings_along_where_the_children_belong_this_moment() -> None:
    places = Places(MovingClock())
    pam = Identity("pam", "Pam", "parent", 0, wards=lambda user: frozenset({"ann", "bob"}), places=places.of)
    assert pam.caller.ward_places == frozenset()
    places.take(row("1", "ann", "course:cs1"))
    places.take(row("2", "cid", "course:cs1"))
    assert pam.caller.ward_places == {("ann", "course:cs1")}
    places.take(row("1", "", "", 2))
    places.take(row("2", "bob", "class:10a", 2))
    assert pam.caller.ward_places == {("bob", "class:10a")}
    assert pam.caller.places == frozenset()


async def test_what_others_write_counts_within_two_seconds_also_after_the_database_was_away(
    autojump_clock: MockClock,
) -> None:
    table, places = Table(), Places(MovingClock())
    table.rows = [row("1", "ann", "course:cs1", START_MS)]
    async with trio.open_nursery() as nursery:
        await nursery.start(places.follow, table.read)
        assert places.of("ann") == {"course:cs1"}
        table.away = True
        table.rows.append(row("2", "ann", "class:10a", START_MS + 1_000))
        await trio.sleep(5)
        assert places.of("ann") == {"course:cs1"}
        table.away = False
        await trio.sleep(2)
        assert places.of("ann") == {"course:cs1", "class:10a"}
        nursery.cancel_scope.cancel()
    assert table.asked[0] == 0
    assert set(table.asked[1:4]) == {START_MS - OVERLAP_MS}


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def test_what_a_write_says_is_what_the_tables_say_afterwards(school: SchoolStore) -> None:
    at_once, later = Places(MovingClock()), Places(MovingClock())
    tables = Placements(school.database, RECORD_TYPES)

    async def agree() -> None:
        for news in school.news:
            at_once.learn(news)
        for said in await tables.changed_since(1):
            later.take(said)
        for place in ("class:10a", "course:chess", "course:cs1"):
            assert at_once.members_of(place) == later.members_of(place), place

    for said in await tables.changed_since(0):
        at_once.take(said)
    assert at_once.members_of("class:10a") == ("ann", "bob", "tess")
    assert at_once.students_of("course:chess") == {"bob": "bob"}
    assert at_once.members_of("course:chess") == ("bob", "theo")
    made = await school.create("ada", COURSE, id="cs1", code="cs1", title="Computing", teacher_id="tess")
    enrolled = await school.create("tess", ENROLMENT, course_id="cs1", user_id="cid")
    await agree()
    assert later.of("cid") == {"course:cs1"}
    await school.update("tess", ENROLMENT, enrolled["id"], status="withdrawn")
    await agree()
    assert later.members_of("course:cs1") == ("tess",)
    await school.delete("ada", CLASS_MEMBERSHIP, "m-bob")
    await agree()
    assert later.of("bob") == {"course:chess"}
    assert later.members_of("class:10a") == ("ann", "tess")
    await school.delete("ada", COURSE, made["id"])
    await agree()
    assert later.of("tess") == {"class:10a"}


async def test_whoever_the_school_knows_is_known_by_name_and_by_the_new_one_soon(database: Database) -> None:
    await put_school(database)
    places, placements = Places(MovingClock()), Placements(database, RECORD_TYPES)
    for said in await placements.changed_since(0):
        places.take(said)
    (person, name), *_ = [row.values() for row in await database.fetch("SELECT id, name FROM users ORDER BY id")]
    assert places.students_of(f"user:{person}") == {person: name}
    assert places.students_of("user:nobody") == {}
    sql = "UPDATE users SET name = 'Another', updated_at = updated_at + 5 WHERE id = $1 RETURNING updated_at"
    (row,) = await database.fetch(sql, person)
    for said in await placements.changed_since(row["updated_at"]):
        places.take(said)
    assert places.students_of(f"user:{person}") == {person: "Another"}
