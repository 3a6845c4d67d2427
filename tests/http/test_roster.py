"""The people of a thing and whether they are here: for those who may look at the thing, and without waking anybody."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.actors.presence import PRESENCE
from homeroom.actors.room import ROOM
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.protocol.presence import Hide, SetStatus
from homeroom.protocol.room import Create, Join, Leave
from tests.http.rest_school import School

TEACHER, ANN, BOB, EVE = ("tess", "teacher"), ("ann", "student"), ("bob", "student"), ("eve", "student")
DOORS = ("/api/presence/of/room:r", "/api/presence/room/r")


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    """Return a school with a closed room of Tess, Ann and Bob, of whom Ann is here and busy."""
    school = await School(kinds=(ROOM, PRESENCE)).open(nursery)
    await school.do_all("room:r", (Create("Room"), TEACHER), (Join(), ANN), (Join(), BOB))
    await school.do("presence:ann", SetStatus("busy", "Quiz"), ANN)
    await wait_all_tasks_blocked()
    return school


@pytest.mark.parametrize("door", DOORS)
async def test_a_member_sees_who_of_the_others_is_here_and_those_come_first(school: School, door: str) -> None:
    reply = (await school.call("GET", door, BOB)).body
    assert [(one["user"], one["status"]) for one in reply["users"]] == [
        ("ann", "busy"),
        ("tess", "offline"),
        ("bob", "offline"),
    ]
    assert (reply["users"][0]["activity"], reply["count"], reply["online"]) == ("Quiz", 3, 1)
    assert (await school.call("GET", door, TEACHER)).body == reply


@pytest.mark.parametrize("door", DOORS)
async def test_who_may_not_look_at_the_thing_sees_nobody(school: School, door: str) -> None:
    assert (await school.call("GET", door, EVE)).code == "forbidden"
    assert (await school.call("GET", door)).status == 401
    nowhere = door.removesuffix("r") + "nowhere"
    assert (await school.call("GET", nowhere, EVE)).code == "not_found"


async def test_who_hides_or_has_left_is_not_here(school: School) -> None:
    await school.do("presence:bob", SetStatus("online"), BOB)
    await school.do("presence:ann", Hide(), ANN)
    reply = (await school.call("GET", DOORS[0], TEACHER)).body
    assert [(one["user"], one["status"]) for one in reply["users"]][:2] == [("bob", "online"), ("tess", "offline")]
    await school.do("room:r", Leave(), BOB)
    reply = (await school.call("GET", DOORS[0], TEACHER)).body
    assert ([one["user"] for one in reply["users"]], reply["count"], reply["online"]) == (["tess", "ann"], 2, 0)


async def test_the_roster_is_as_long_as_asked_for_and_counts_all(school: School) -> None:
    reply = (await school.call("GET", f"{DOORS[0]}?limit=1", TEACHER)).body
    assert ([one["user"] for one in reply["users"]], reply["count"]) == (["ann"], 3)
    assert (await school.call("GET", f"{DOORS[0]}?limit=501", TEACHER)).code == "bad_command"


@pytest.mark.parametrize("address", ["room", "room:", ":r", "presence:ann", "nothing:r", "room:a b", "x" * 100])
async def test_what_is_no_thing_with_people_is_not_found(school: School, address: str) -> None:
    assert (await school.call("GET", f"/api/presence/of/{address}", TEACHER)).code == "not_found"


async def test_p12_a_roster_wakes_nobody_and_costs_as_much_as_asking_by_name(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    rates = BudgetSettings({"chat": Rate(1e6, 1e6), "read": Rate(0.001, 25)})
    school = await School(kinds=(ROOM, PRESENCE), budgets=rates).open(nursery)
    await school.do("room:r", Create("Room"), TEACHER)
    for number in range(99):
        await school.do("room:r", Join(), (f"u{number}", "student"))
    await trio.sleep(3_600)
    awake = school.engine.statistics()["counters"]["activations"]
    replies = [await school.call("GET", DOORS[0], TEACHER) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert school.engine.statistics()["counters"]["activations"] <= awake + 1, "the room itself, at the most"
