"""Parents and their children in a real database: linked, ended, written down, and found out by those who follow."""

import pytest
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.demo import add_demo_people, link_demo_families
from homeroom.records.guardians import Guardians
from homeroom.records.passwords import Passwords
from homeroom.records.school.guardianships import GUARDIANS_MAX, WARDS_MAX, Link
from homeroom.records.users import Users
from tests.records.audit_rows import read_audit
from tests.records.clock import SteppingClock
from tests.records.hashes import CHEAP


@pytest.fixture
async def guardians(database: Database, clock: SteppingClock) -> Guardians:
    """Return the links of a school with the parents Pam and Pit, the students Ann and Bob, and a teacher."""
    users = Users(database, clock)
    for user, role in (
        ("pam", "parent"),
        ("pit", "parent"),
        ("ann", "student"),
        ("bob", "student"),
        ("tess", "teacher"),
    ):
        await users.add(user, user, role, None, id=user)
    return Guardians(database, clock)


async def wards_of(database: Database, guardian: str) -> set[str]:
    """Return the children whom somebody stands for."""
    rows = await database.fetch("SELECT ward FROM guardians WHERE guardian = $1 AND active", guardian)
    return {row["ward"] for row in rows}


async def code_of(guardians: Guardians, guardian: str, ward: str) -> str:
    with pytest.raises(Refusal) as caught:
        await guardians.link(guardian, ward)
    return caught.value.code


async def test_a_parent_stands_for_those_who_were_linked_and_not_ended(
    guardians: Guardians, database: Database
) -> None:
    assert await wards_of(database, "pam") == set()
    assert await guardians.link("pam", "ann")
    assert await guardians.link("pam", "bob")
    assert await guardians.link("pit", "ann")
    assert not await guardians.link("pam", "ann"), "it is no news any more"
    assert await wards_of(database, "pam") == {"ann", "bob"}
    await guardians.unlink("pam", "ann")
    assert await wards_of(database, "pam") == {"bob"}
    assert await wards_of(database, "pit") == {"ann"}
    assert await guardians.link("pam", "ann")
    assert await wards_of(database, "pam") == {"ann", "bob"}
    assert await guardians.known(["pam", "tess"]) == {("pam", "ann"), ("pam", "bob")}


async def test_only_parents_stand_for_students_and_only_for_those_there_are(guardians: Guardians) -> None:
    for pair in (("tess", "ann"), ("pam", "pit"), ("pam", "pam"), ("pam", "nobody"), ("nobody", "ann")):
        assert await code_of(guardians, *pair) == "bad_command"
    assert await guardians.changed_since(0) == []


async def test_what_is_not_linked_cannot_be_ended(guardians: Guardians) -> None:
    await guardians.link("pam", "ann")
    await guardians.unlink("pam", "ann")
    for ward in ("ann", "bob"):
        with pytest.raises(Refusal) as caught:
            await guardians.unlink("pam", ward)
        assert caught.value.code == "not_found"


async def test_each_change_is_written_down_for_both(guardians: Guardians, database: Database) -> None:
    await guardians.link("pam", "ann", by="boss")
    await guardians.link("pam", "ann", by="boss")
    await guardians.unlink("pam", "ann", by="chief")
    parents = [(row.action, row.by, row.detail) for row in await read_audit(database, "pam")]
    childs = [(row.action, row.by, row.detail) for row in await read_audit(database, "ann")]
    assert parents[:2] == [("ward_unlinked", "chief", "ann"), ("ward_linked", "boss", "ann")]
    assert childs[:2] == [("guardian_unlinked", "chief", "pam"), ("guardian_linked", "boss", "pam")]
    assert len(parents) == len(childs) == 3


async def test_changes_are_told_with_their_time_the_ended_ones_too(guardians: Guardians, clock: SteppingClock) -> None:
    await guardians.link("pam", "ann")
    first = clock.ms
    await guardians.link("pit", "bob")
    second = clock.ms
    await guardians.unlink("pam", "ann")
    third = clock.ms
    told = [Link("pit", "bob", True, second), Link("pam", "ann", False, third)]
    assert await guardians.changed_since(0) == told
    assert await guardians.changed_since(first + 1) == told
    assert await guardians.changed_since(second + 1) == told[1:]
    assert await guardians.changed_since(third + 1) == []


async def test_a_parent_stands_for_so_many_and_no_more_also_when_all_are_linked_at_once(
    guardians: Guardians, database: Database, clock: SteppingClock
) -> None:
    users, refused = Users(database, clock), list[str]()
    for number in range(WARDS_MAX - 2):
        await users.add(f"s{number}", "S", "student", None, id=f"s{number}")
        await guardians.link("pam", f"s{number}")

    async def link(ward: str) -> None:
        try:
            await guardians.link("pam", ward)
        except Refusal as refusal:
            refused.append(refusal.code)

    for number in range(5):
        await users.add(f"t{number}", "T", "student", None, id=f"t{number}")
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(link, f"t{number}")
    assert refused == ["full"] * 3
    assert len(await wards_of(database, "pam")) == WARDS_MAX


async def test_so_many_parents_stand_for_a_child_and_no_more(
    guardians: Guardians, database: Database, clock: SteppingClock
) -> None:
    users = Users(database, clock)
    for number in range(GUARDIANS_MAX + 1):
        await users.add(f"p{number}", "P", "parent", None, id=f"p{number}")
    for number in range(GUARDIANS_MAX):
        await guardians.link(f"p{number}", "ann")
    assert await code_of(guardians, f"p{GUARDIANS_MAX}", "ann") == "full"
    await guardians.unlink("p0", "ann")
    assert await guardians.link(f"p{GUARDIANS_MAX}", "ann")


async def test_the_demo_s_families_are_linked_once_and_a_link_that_was_taken_away_stays_away(
    database: Database, clock: SteppingClock
) -> None:
    users, guardians = Users(database, clock), Guardians(database, clock)
    for _ in range(2):
        await add_demo_people(users, Passwords(CHEAP))
        await link_demo_families(guardians)
    assert await wards_of(database, "demo-parent-1") == {"demo-student-1", "demo-student-2"}
    assert await wards_of(database, "demo-parent-2") == {"demo-student-3"}
    await guardians.unlink("demo-parent-2", "demo-student-3")
    await link_demo_families(guardians)
    assert await wards_of(database, "demo-parent-2") == set()


@pytest.mark.parametrize("text", ["'; DROP TABLE guardians; --", "pam' OR ''='", "$1"])
async def test_z6_what_looks_like_sql_is_nobody(guardians: Guardians, database: Database, text: str) -> None:
    await guardians.link("pam", "ann")
    assert await code_of(guardians, text, "ann") == "bad_command"
    assert await wards_of(database, text) == set()
    assert await wards_of(database, "pam") == {"ann"}


async def test_a_link_that_was_made_anew_is_told_as_it_is_however_far_back_one_reads(guardians: Guardians) -> None:
    await guardians.link("pam", "ann")
    await guardians.unlink("pam", "ann")
    assert [link.active for link in await guardians.changed_since(0)] == [False]
    await guardians.link("pam", "ann")
    assert [link.active for link in await guardians.changed_since(0)] == [True]


async def test_links_in_a_ring_are_refused_also_over_others(guardians: Guardians, database: Database) -> None:
    await guardians.link("pam", "ann")
    await database.execute("INSERT INTO guardians (guardian, ward, changed_at) VALUES ('pit', 'pam', 1)")
    with pytest.raises(Refusal, match="cyclic guardian link"):
        await guardians.link("ann", "pit")
