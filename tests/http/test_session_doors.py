"""A class session through its doors in REST alone: the names of the sources, the attendance as a file, and the replay."""

import trio

from homeroom.engine.journal_memory import START_MS
from homeroom.protocol.presence import Connected
from tests.http.rest_school import School

TEACHER, ANN, EVE = ("tia", "teacher"), ("ann", "student"), ("eve", "student")
HOUR = 3_600_000


async def test_a_session_from_its_making_to_its_replay(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    plan = {"title": "Algebra", "starts": START_MS + HOUR, "minutes": 45, "capacity": 1, "course": "algebra"}
    made = await school.call("POST", "/api/live-sessions", TEACHER, body=plan)
    assert made.status == 201
    path = f"/api/live-sessions/{made.body['id']}"
    assert (await school.call("PUT", path, TEACHER, body={"title": "Algebra 2"})).status == 200
    upcoming = (await school.call("GET", "/api/live-sessions/course/algebra", EVE)).body["sessions"]
    assert [card["title"] for card in upcoming] == ["Algebra 2"]
    assert (await school.call("POST", f"{path}/start", ANN, body={})).code == "forbidden"
    assert (await school.call("POST", f"{path}/start", TEACHER, body={})).code == "ok"
    await school.do("presence:ann", Connected("c1"), ("system", "system"))
    assert (await school.call("POST", f"{path}/join", ANN, body={})).body["data"]["status"] == "live"
    assert (await school.call("POST", f"{path}/join", EVE, body={})).code == "full"
    assert [one["user"] for one in (await school.call("GET", f"{path}/attendees", ANN)).body["data"]["people"]] == [
        "ann"
    ]
    assert (await school.call("POST", f"{path}/leave", ANN, body={})).code == "ok"
    assert (await school.call("DELETE", path, TEACHER)).code == "conflict"
    assert (await school.call("POST", f"{path}/end", TEACHER, body={})).code == "ok"
    replay = (await school.call("GET", f"{path}/replay", ANN)).body
    types = [event["type"] for event in replay["events"]]
    assert types[0] == "session.created"
    assert types[-1] == "session.ended"
    mine = (await school.call("GET", "/api/live-sessions?status=ended", ANN)).body["sessions"]
    assert [card["title"] for card in mine] == ["Algebra 2"]
    owned = (await school.call("GET", "/api/live-sessions/instructor/my-sessions", TEACHER)).body["sessions"]
    assert [card["status"] for card in owned] == ["ended"]


async def test_deleting_a_session_cancels_it_and_keeps_it(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    made = await school.call("POST", "/api/live-sessions", TEACHER, body={"title": "A", "starts": START_MS + HOUR})
    path = f"/api/live-sessions/{made.body['id']}"
    assert (await school.call("DELETE", path, TEACHER)).code == "ok"
    assert (await school.call("GET", path, TEACHER)).body["status"] == "cancelled"
    cancelled = (await school.call("GET", "/api/live-sessions?status=canceled", TEACHER)).body["sessions"]
    assert [card["id"] for card in cancelled] == [made.body["id"]]


async def test_Z5_the_attendance_is_a_file_in_which_no_name_is_a_formula(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    made = await school.call("POST", "/api/live-sessions", TEACHER, body={"title": "A", "starts": START_MS + HOUR})
    path = f"/api/live-sessions/{made.body['id']}"
    await school.call("POST", f"{path}/start", TEACHER, body={})
    await school.call("POST", f"{path}/join", ("-1.2", "student"), body={})
    reply = await school.call("GET", f"{path}/attendance.csv", TEACHER)
    assert reply.status == 200
    text = str(reply.body)
    assert "'-1.2" in text
    assert "total_seconds" in text
