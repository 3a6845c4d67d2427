"""People in a real database: added, found, changed, and what a change ends."""

from typing import Any

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.logins import Logins
from homeroom.records.quiet import quiet_store
from homeroom.records.store import Store
from homeroom.records.users import Users
from tests.records.audit_rows import read_audit
from tests.records.changing import change_person
from tests.records.clock import SteppingClock


@pytest.fixture
async def store(database: Database, clock: SteppingClock) -> Store:
    return quiet_store(database, clock)


@pytest.fixture
async def users(database: Database, clock: SteppingClock) -> Users:
    return Users(database, clock)


async def test_a_person_who_was_added_is_found_by_id_and_by_login(users: Users) -> None:
    added = await users.add("Ann@School.example", "  Ann   Lee ", "instructor", "hash", id="ann")
    assert (added.id, added.login, added.name, added.role) == ("ann", "ann@school.example", "Ann Lee", "teacher")
    assert await users.find("ann") == added
    assert await users.find_login("ANN@school.EXAMPLE") == (added, "hash")


async def test_nobody_is_found_under_another_name(users: Users) -> None:
    await users.add("ann", "Ann", "student", None)
    assert await users.find("nobody") is None
    assert await users.find_login("ann2") is None


async def test_a_person_without_an_id_gets_one(users: Users) -> None:
    first, second = await users.add("a", "A", "student", None), await users.add("b", "B", "student", None)
    assert first.id != second.id
    assert await users.page() == sorted([first, second], key=lambda person: person.id)


async def test_a_login_or_id_that_is_taken_is_a_conflict_whatever_its_case(users: Users) -> None:
    await users.add("ann", "Ann", "student", None, id="ann")
    for login, taken in (("ANN", None), ("bob", "ann")):
        with pytest.raises(Refusal) as caught:
            await users.add(login, "Other", "student", None, id=taken)
        assert caught.value.code == "conflict"
    assert len(await users.page()) == 1


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("", "Ann", "student", None), "login"),
        (("two words", "Ann", "student", None), "login"),
        (("x" * 255, "Ann", "student", None), "login"),
        (("ann", "", "student", None), "name"),
        (("ann", "a\x00b", "student", None), "name"),
        (("ann", "n" * 101, "student", None), "name"),
        (("ann", "Ann", "root", None), "role"),
        (("ann", "Ann", "system", None), "role"),
        (("ann", "Ann", "student", "a b"), "id"),
    ],
)
async def test_unfit_words_are_refused_by_the_name_of_their_field(
    users: Users, words: tuple[str, str, str, str | None], field: str
) -> None:
    login, name, role, wanted = words
    with pytest.raises(Refusal) as caught:
        await users.add(login, name, role, None, id=wanted)
    assert (caught.value.code, caught.value.data["field"]) == ("bad_command", field)
    assert await users.page() == []


@pytest.mark.parametrize("text", ["'; DROP TABLE users; --", '" OR ""="', "$1", "%s", "\\"])
async def test_z6_what_looks_like_sql_is_a_name_like_any_other(users: Users, text: str) -> None:
    person = await users.add("ann", text, "student", None)
    assert person.name == text
    assert await users.find_login(text) is None
    assert await users.find(person.id) == person


async def test_people_are_paged_in_the_order_of_their_ids(users: Users) -> None:
    for number in range(7):
        await users.add(f"u{number}", "U", "student", None, id=f"u{number}")
    first = await users.page(limit=3)
    rest = await users.page(limit=100, after=first[-1].id)
    assert [person.id for person in first + rest] == [f"u{number}" for number in range(7)]


async def test_each_change_raises_the_version_ends_every_login_and_is_written_down(
    users: Users, store: Store, database: Database, clock: SteppingClock
) -> None:
    logins = Logins(database, clock)
    await users.add("ann", "Ann", "student", "hash", id="ann", by="admin")
    changes: list[dict[str, Any]] = [{"role": "teacher"}, {"password": "new"}, {"active": False}]
    for number, change in enumerate(changes, start=2):
        grant = await logins.start("ann", "1.1.1.1")
        before = clock.ms
        person = await change_person(store, "ann", by="boss", **change)
        assert person.version == number
        assert await logins.rotate(grant.refresh) is None
        ended = await logins.ended_since(before)
        assert {(entry.user, entry.family) for entry in ended} == {("ann", grant.family), ("ann", "")}
    found = await users.find_login("ann")
    assert found is not None
    assert (found[0].role, found[0].active, found[1]) == ("teacher", False, "new")
    audit = [(row.action, row.by) for row in await read_audit(database, "ann") if row.action != "logged_in"]
    assert audit == [
        ("updated", "boss"),
        ("password_changed", "boss"),
        ("updated", "boss"),
        ("created", "admin"),
    ]


async def test_a_better_hash_of_the_same_password_ends_nothing(users: Users, database: Database) -> None:
    await users.add("ann", "Ann", "student", "old", id="ann")
    await users.rehash("ann", "old", "better")
    await users.rehash("ann", "old", "too late")
    found = await users.find_login("ann")
    assert found is not None
    assert (found[1], found[0].version) == ("better", 1)


async def test_whatever_changes_of_a_person_is_told_to_those_who_follow(
    users: Users, store: Store, database: Database
) -> None:
    await users.add("ann", "Ann", "student", "hash", id="ann", by="admin")
    await change_person(store, "ann", role="teacher")
    await change_person(store, "ann", password="new")
    rows = await database.fetch("SELECT stream, seq, type FROM journal ORDER BY stream, seq")
    told = ["user.created", "user.updated", "user.password_changed"]
    assert [(row["stream"], row["seq"], row["type"]) for row in rows] == [
        (stream, number, event)
        for stream in ("role:admin", "role:super_admin", "table:users", "user:ann")
        for number, event in enumerate(told, 1)
    ]


async def test_the_last_super_admin_stays_one(users: Users, store: Store) -> None:
    for login in ("root", "boss"):
        await users.add(login, login, "super_admin", None, id=login)
    await change_person(store, "boss", active=False)
    changes: list[dict[str, Any]] = [{"role": "admin"}, {"active": False}]
    for change in changes:
        with pytest.raises(Refusal) as caught:
            await change_person(store, "root", **change)
        assert caught.value.code == "conflict"
    await change_person(store, "boss", active=True)
    assert (await change_person(store, "root", role="admin")).role == "admin"
