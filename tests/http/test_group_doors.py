"""Study groups over REST, by the names that the sources give their doors."""

import pytest
import trio

from homeroom.actors.group_kind import GROUP
from homeroom.actors.presence import PRESENCE
from homeroom.protocol.presence import SetStatus
from tests.http.rest_school import School

ANN, BEN, EVE, ADA, PAM = (
    ("ann", "student"),
    ("ben", "student"),
    ("eve", "student"),
    ("ada", "admin"),
    ("pam", "parent"),
)
ROOT = "/api/study-groups"


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    return await School(kinds=(GROUP, PRESENCE)).open(nursery)


async def make(school: School, **given: object) -> str:
    """Make a group of Ann's and return its path."""
    reply = await school.call("POST", ROOT, ANN, body={"name": "Algebra", **given})
    assert reply.status == 201, reply.body
    return f"{ROOT}/{reply.body['id']}"


async def test_a_group_is_made_found_joined_talked_in_and_left(school: School) -> None:
    path = await make(school, course="math-1", specialty="Algebra", max_members=2)
    for found in (f"{ROOT}/search?text=alg&specialty=algebra", f"{ROOT}/course/math-1", f"{ROOT}/search?course=math-1"):
        (card,) = (await school.call("GET", found, BEN)).body["groups"]
        assert (f"{ROOT}/{card['id']}", card["name"], card["members"], card["max_members"]) == (path, "Algebra", 1, 2)
    assert (await school.call("GET", f"{ROOT}/course/math-2", BEN)).body == {"groups": [], "after": ""}
    assert (await school.call("GET", f"{path}/look", BEN)).body["data"]["name"] == "Algebra"
    assert (await school.call("POST", f"{path}/join", BEN)).code == "ok"
    assert (await school.call("POST", f"{path}/join", EVE)).code == "full"
    for door in ("message", "messages"):
        assert (await school.call("POST", f"{path}/{door}", BEN, body={"text": f"by {door}"})).code == "ok"
    history = (await school.call("GET", f"{path}/messages", ANN)).body["data"]["messages"]
    assert [message["text"] for message in history] == ["by message", "by messages"]
    members = (await school.call("GET", f"{path}/members", BEN)).body["data"]["members"]
    assert [(member["user"], member["role"]) for member in members] == [("ann", "admin"), ("ben", "member")]
    assert len((await school.call("GET", ROOT, BEN)).body["groups"]) == 1
    assert (await school.call("POST", f"{path}/leave", BEN)).code == "ok"
    assert (await school.call("GET", ROOT, BEN)).body["groups"] == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_admin_changes_and_deletes_its_group(school: School, method: str) -> None:
    path = await make(school)
    assert (await school.call(method, path, BEN, body={"name": "Mine"})).code == "forbidden"
    assert (await school.call(method, path, ANN, body={"name": "Topology", "visibility": "private"})).code == "ok"
    assert (await school.call("GET", path, BEN)).code == "not_found"
    assert (await school.call("GET", path, ANN)).body["name"] == "Topology"
    assert (await school.call("DELETE", path, BEN)).code == "not_found"
    assert (await school.call("DELETE", path, ANN)).code == "ok"
    assert (await school.call("GET", path, ANN)).code == "not_found"
    assert (await school.call("GET", ROOT, ANN)).body["groups"] == []


async def test_invitations_go_through_their_doors(school: School) -> None:
    path = await make(school, visibility="private")
    assert (await school.call("POST", f"{path}/accept", BEN)).code == "not_found"
    assert (await school.call("POST", f"{path}/invite", ANN, body={"user": "ann"})).code == "conflict"
    for who in ("ben", "eve"):
        assert (await school.call("POST", f"{path}/invite", ANN, body={"user": who})).code == "ok"
    assert (await school.call("POST", f"{path}/accept", BEN)).code == "ok"
    assert (await school.call("POST", f"{path}/decline", EVE)).code == "ok"
    assert (await school.call("POST", f"{path}/promote", ANN, body={"user": "ben"})).code == "ok"
    assert (await school.call("POST", f"{path}/remove", ADA, body={"user": "ben"})).code == "ok"
    assert (await school.call("GET", f"{path}/activity", ANN)).body["data"]["members"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "description": "x" * 2_001}, "description"),
        ({"name": "x", "max_members": 501}, "max_members"),
        ({"name": "x", "max_members": 0}, "max_members"),
        ({"name": "x", "visibility": "secret"}, "visibility"),
        ({"name": "x", "course": "a b"}, "course"),
        ({"name": "x", "specialty": "x" * 101}, "specialty"),
    ],
)
async def test_what_a_group_cannot_be_is_refused_by_name(school: School, body: dict[str, object], field: str) -> None:
    reply = await school.call("POST", ROOT, ANN, body=body)
    assert reply.code == "bad_command"
    assert field in str(reply.body)


async def test_parents_neither_make_nor_find_groups(school: School) -> None:
    await make(school)
    making = await school.call("POST", ROOT, PAM, body={"name": "Parents"})
    assert (making.status, making.body["detail"]) == (403, "making a group is not for a parent")
    for path in (ROOT, f"{ROOT}/search", f"{ROOT}/course/math-1"):
        assert (await school.call("GET", path, PAM)).code == "forbidden"


async def test_who_is_online_in_a_group_is_told_to_its_members(school: School) -> None:
    path = await make(school)
    group = path.removeprefix(f"{ROOT}/")
    await school.do("presence:ann", SetStatus("busy", "Reading"), ANN)
    reply = (await school.call("GET", f"/api/presence/of/group:{group}", ANN)).body
    assert [(one["user"], one["status"], one["activity"]) for one in reply["users"]] == [("ann", "busy", "Reading")]
    assert (await school.call("GET", f"/api/presence/of/group:{group}", BEN)).code == "forbidden"


async def test_an_activity_is_hidden_by_ones_own_door(school: School) -> None:
    await school.do("presence:ann", SetStatus("busy", "Reading"), ANN)
    reply = await school.call("PUT", "/api/presence/privacy", ANN, body={"activity": "hidden"})
    assert (reply.body["data"]["activity"], reply.body["data"]["discreet"]) == ("Reading", True)
    (seen,) = (await school.call("POST", "/api/presence/bulk", ("tess", "teacher"), body={"users": ["ann"]})).body[
        "users"
    ]
    assert (seen["status"], seen["activity"]) == ("busy", "")
