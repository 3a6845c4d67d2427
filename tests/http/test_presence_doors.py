"""Other people's presence over REST: those whom one may see, and nobody else."""

import pytest
import trio

from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.http.presence import BULK_MAX
from homeroom.protocol.presence import Enter, Hide, SetStatus
from tests.http.rest_school import School

TEACHER, ANN = ("tess", "teacher"), ("ann", "student")


async def come(school: School, user: str, status: str = "online", activity: str = "") -> None:
    """Have somebody be here, with a connection."""
    await school.do(f"presence:{user}", SetStatus(status, activity or None), (user, "student"))  # type: ignore[arg-type]
    school.present.append(user)


async def test_staff_see_who_is_here(rest_school: School) -> None:
    for user, status in (("a", "online"), ("b", "busy"), ("c", "dnd")):
        await come(rest_school, user, status, "Quiz")
    reply = await rest_school.call("GET", "/api/presence/online", TEACHER)
    assert [(one["user"], one["status"], one["activity"]) for one in reply.body["users"]] == [
        ("a", "online", "Quiz"),
        ("b", "busy", "Quiz"),
        ("c", "dnd", "Quiz"),
    ]


async def test_who_is_here_by_heartbeats_alone_is_listed_and_nobody_else(rest_school: School) -> None:
    await come(rest_school, "wired")
    for user in ("ann", "hidden"):
        assert (await rest_school.call("POST", "/api/presence/heartbeat", (user, "student"), body={})).code == "ok"
    await rest_school.do("presence:hidden", Hide(), ("hidden", "student"))
    await rest_school.do("presence:gone", Enter("lobby"))
    users = (await rest_school.call("GET", "/api/presence/online", TEACHER)).body["users"]
    assert [(one["user"], one["status"]) for one in users] == [("wired", "online"), ("ann", "online")]
    assert (await rest_school.call("GET", "/api/presence/user/ann", TEACHER)).body["status"] == "online"


async def test_who_hides_is_not_here(rest_school: School) -> None:
    await come(rest_school, "a")
    await come(rest_school, "b")
    await rest_school.do("presence:a", Hide(), ("a", "student"))
    reply = await rest_school.call("GET", "/api/presence/online", TEACHER)
    assert [one["user"] for one in reply.body["users"]] == ["b"]
    assert (await rest_school.call("GET", "/api/presence/user/a", TEACHER)).body["status"] == "offline"


async def test_the_list_is_as_long_as_asked_for(rest_school: School) -> None:
    for number in range(120):
        await come(rest_school, f"u{number}")
    for query, length in (("", 100), ("?limit=7", 7), ("?limit=500", 120)):
        reply = await rest_school.call("GET", f"/api/presence/online{query}", TEACHER)
        assert len(reply.body["users"]) == length
    assert (await rest_school.call("GET", "/api/presence/online?limit=0", TEACHER)).status == 400


async def test_those_whom_one_may_not_see_are_missing(rest_school: School) -> None:
    await come(rest_school, "ann")
    await come(rest_school, "bob")
    mine = await rest_school.call("GET", "/api/presence/online", ANN)
    assert [one["user"] for one in mine.body["users"]] == ["ann"]
    bulk = await rest_school.call("POST", "/api/presence/bulk", ANN, body={"users": ["bob", "ann", "nobody"]})
    assert [one["user"] for one in bulk.body["users"]] == ["ann"]
    assert (await rest_school.call("GET", "/api/presence/user/bob", ANN)).code == "forbidden"


async def test_several_come_in_the_order_asked_for_and_each_once(rest_school: School) -> None:
    for user in ("a", "b"):
        await come(rest_school, user)
    reply = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body={"users": ["b", "a", "b", "stranger"]})
    assert [(one["user"], one["status"]) for one in reply.body["users"]] == [
        ("b", "online"),
        ("a", "online"),
        ("stranger", "offline"),
    ]


@pytest.mark.parametrize(
    "body", [{}, {"users": []}, {"users": ["a b"]}, {"users": "a"}, {"users": [1]}, {"users": ["a"] * (BULK_MAX + 1)}]
)
async def test_a_list_of_people_that_is_none_is_refused(rest_school: School, body: dict[str, object]) -> None:
    reply = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body=body)
    assert (reply.status, reply.code) == (400, "bad_command")


@pytest.mark.parametrize("user", ["a b", "%2e%2e%2fx", "x" * 65, "ö"])
async def test_an_id_that_is_none_finds_nobody(rest_school: School, user: str) -> None:
    assert (await rest_school.call("GET", f"/api/presence/user/{user}", TEACHER)).status == 404


async def test_the_activity_alone_can_be_changed_once_for_a_key(rest_school: School) -> None:
    await come(rest_school, "ann", "busy")
    body, key = {"activity": "Viewing Course: JavaScript"}, {"Idempotency-Key": "k"}
    first = await rest_school.call("PUT", "/api/presence/activity", ANN, body=body, headers=key)
    again = await rest_school.call("PUT", "/api/presence/activity", ANN, body=body, headers=key)
    assert (first.status, again.body["again"]) == (200, True)
    state = (await rest_school.call("GET", "/api/presence/user/ann", TEACHER)).body
    assert (state["status"], state["activity"]) == ("busy", "Viewing Course: JavaScript")


async def test_reading_has_its_budget(nursery: trio.Nursery) -> None:
    school = await School(budgets=BudgetSettings({"chat": Rate(1e6, 1e6), "read": Rate(0.1, 2)})).open(nursery)
    replies = [await school.call("GET", "/api/presence/online", TEACHER) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]


async def test_p12_people_who_were_never_here_wake_nobody(rest_school: School) -> None:
    await come(rest_school, "ann")
    woken = rest_school.engine.statistics()["counters"]["activations"]
    users = [*(f"nobody{number}" for number in range(BULK_MAX - 1)), "ann"]
    reply = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body={"users": users})
    assert [one["user"] for one in reply.body["users"]] == users
    assert [one["status"] for one in reply.body["users"]] == ["offline"] * (BULK_MAX - 1) + ["online"]
    assert rest_school.engine.statistics()["counters"]["activations"] == woken
    assert (await rest_school.call("GET", "/api/presence/user/nobody0", TEACHER)).body == reply.body["users"][0]


async def test_p12_several_cost_more_than_one(nursery: trio.Nursery) -> None:
    school = await School(budgets=BudgetSettings({"chat": Rate(1e6, 1e6), "read": Rate(0.1, 25)})).open(nursery)
    body = {"users": [f"u{number}" for number in range(BULK_MAX)]}
    replies = [await school.call("POST", "/api/presence/bulk", TEACHER, body=body) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert (await school.call("GET", "/api/presence/user/u1", TEACHER)).status == 200


async def test_several_are_503_while_the_journal_is_away(rest_school: School) -> None:
    rest_school.journal.available = False
    reply = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body={"users": ["somebody"]})
    assert (reply.status, reply.code) == (503, "unavailable")


async def test_a_journal_that_is_away_is_503_and_no_empty_list(rest_school: School) -> None:
    rest_school.journal.available = False
    rest_school.present.append("somebody")
    reply = await rest_school.call("GET", "/api/presence/online", TEACHER)
    assert (reply.status, reply.code) == (503, "unavailable")


async def test_several_are_asked_for_in_the_spelling_of_the_sources_too_but_not_in_both(rest_school: School) -> None:
    await come(rest_school, "a")
    reply = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body={"userIds": ["a"]})
    assert [one["user"] for one in reply.body["users"]] == ["a"]
    twice = await rest_school.call("POST", "/api/presence/bulk", TEACHER, body={"userIds": ["a"], "users": ["a"]})
    assert (twice.code, twice.body["d"]["field"]) == ("bad_command", "users")
