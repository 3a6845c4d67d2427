"""Office hours over REST, by the names that the sources give their doors."""

import pytest
import trio

from homeroom.actors.inbox import INBOX
from homeroom.actors.presence import PRESENCE
from homeroom.actors.queue import QUEUE
from homeroom.actors.queue_hall import HALL
from homeroom.actors.room import ROOM
from tests.http.rest_school import School

TIA, CARL, ANN, BEN, EVE, PAM = (
    ("tia", "teacher"),
    ("carl", "teacher"),
    ("ann", "student"),
    ("ben", "student"),
    ("eve", "student"),
    ("pam", "parent"),
)
ROOT = "/api/office-hours"
MONDAYS = {"hours": [{"weekday": 1, "start": "09:00", "end": "10:00", "zone": "Europe/Berlin"}]}


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    return await School(kinds=(QUEUE, HALL, ROOM, PRESENCE, INBOX)).open(nursery)


async def make(school: School, **given: object) -> str:
    """Make an open queue of Tia's under her own id, and return its path."""
    path = f"{ROOT}/tia"
    assert (await school.call("PUT", path, TIA, body={"title": "Algebra", **given})).code == "ok"
    assert (await school.call("POST", f"{path}/open", TIA)).code == "ok"
    return path


async def test_office_hours_from_the_schedule_to_the_last_student(school: School) -> None:
    path = await make(school)
    assert (await school.call("POST", f"{ROOT}/schedule", TIA, body=MONDAYS)).code == "ok"
    for door in (f"{path}/hours", f"{ROOT}/instructor/tia"):
        hours = (await school.call("GET", door, ANN)).body["data"]
        assert (hours["hours"], len(hours["upcoming"])) == (MONDAYS["hours"], 10)
    first = (await school.call("POST", f"{ROOT}/join-queue/tia", ANN, body={"question": "Why?"})).body["data"]
    assert (first["entry"], first["position"]) == ("1", 1)
    assert (await school.call("POST", f"{path}/join", BEN, body={})).body["data"]["position"] == 2
    for door in (f"{ROOT}/queue", f"{ROOT}/queue/tia", f"{path}/entries"):
        entries = (await school.call("GET", door, TIA)).body["data"]["entries"]
        assert [(entry["student"], entry.get("question")) for entry in entries] == [("ann", "Why?"), ("ben", None)]
    admitted = (await school.call("POST", f"{ROOT}/admit/1", TIA, body={})).body["data"]
    assert (await school.call("GET", f"{path}/mine", ANN)).body["data"]["ticket"]["room"] == admitted["room"]
    assert (await school.call("POST", f"{ROOT}/admit/1", TIA, body={})).code == "conflict"
    assert (await school.call("POST", f"{path}/complete", TIA, body={"entry": "1", "note": "fine"})).code == "ok"
    (mine,) = (await school.call("GET", f"{ROOT}/mine", ANN)).body["entries"]
    assert (mine["queue"], mine["status"]) == ("tia", "completed")
    assert "note" not in mine
    assert (await school.call("GET", f"{path}/statistics", TIA)).body["data"]["served_today"] == 1


async def test_a_queue_made_without_an_id_is_ones_own_where_the_doors_without_an_id_find_it(school: School) -> None:
    made = await school.call("POST", ROOT, TIA, body={"title": "Geometry"}, headers={"idempotency-key": "one"})
    assert (made.status, made.body["id"], made.headers["location"]) == (201, "tia", f"{ROOT}/tia")
    again = await school.call("POST", ROOT, TIA, body={"title": "Geometry"}, headers={"idempotency-key": "one"})
    assert (again.status, again.body["id"], again.body["again"]) == (201, "tia", True)
    assert (await school.call("POST", f"{ROOT}/schedule", TIA, body=MONDAYS)).code == "ok"
    assert (await school.call("GET", f"{ROOT}/queue", TIA)).body["data"]["entries"] == []
    assert len((await school.call("GET", f"{ROOT}/instructor/tia", ANN)).body["data"]["upcoming"]) == 10


async def test_a_second_queue_is_told_how_it_is_made(school: School) -> None:
    await make(school)
    refused = await school.call("POST", ROOT, TIA, body={"title": "Geometry"})
    assert refused.code == "conflict"
    assert "PUT /api/office-hours/{id}" in refused.body["detail"]
    further = f"{ROOT}/{'a2' * 13}"
    assert (await school.call("PUT", further, TIA, body={"title": "Geometry"})).status == 201
    assert (await school.call("GET", f"{further}/entries", TIA)).code == "ok"


async def test_a_queue_is_found_by_who_may_and_in_no_list_of_others(school: School) -> None:
    made = await school.call("POST", ROOT, TIA, body={"title": "Geometry"})
    found = (await school.call("GET", f"{ROOT}?status=closed", ANN)).body["queues"]
    assert [(row["id"], row["title"], row["owner"], row["waiting"]) for row in found] == [
        (made.body["id"], "Geometry", "tia", 0)
    ]
    assert (await school.call("GET", f"{ROOT}?scope=helping", TIA)).body["queues"] == found
    assert (await school.call("GET", f"{ROOT}?scope=helping", CARL)).body["queues"] == []
    assert (await school.call("GET", f"{ROOT}?scope=all", TIA)).code == "forbidden"


async def test_a_listed_queue_is_found_by_nobody_but_those_on_its_list(school: School) -> None:
    path = await make(school, audience="listed")
    assert (await school.call("POST", f"{path}/enlist", TIA, body={"users": ["ann"]})).code == "ok"
    assert (await school.call("GET", ROOT, ANN)).body["queues"] == []
    assert len((await school.call("GET", f"{ROOT}?scope=listed", ANN)).body["queues"]) == 1
    assert (await school.call("GET", f"{ROOT}?scope=listed", EVE)).body["queues"] == []
    assert (await school.call("POST", f"{path}/join", EVE, body={})).code == "not_found"
    assert (await school.call("GET", path, EVE)).code == "not_found"
    assert (await school.call("POST", f"{path}/join", ANN, body={})).code == "ok"


async def test_what_is_wrong_is_answered_by_name(school: School) -> None:
    path = await make(school)
    overlong = await school.call("POST", f"{path}/join", ANN, body={"question": "x" * 501})
    assert (overlong.status, overlong.code) == (400, "bad_command")
    assert "question" in str(overlong.body)
    assert (await school.call("POST", f"{path}/join", PAM, body={})).code == "forbidden"
    assert (await school.call("POST", f"{ROOT}/admit/1", TIA, body={})).code == "not_found"
    assert (await school.call("POST", f"{path}/close", TIA, body={})).code == "ok"
    closed = await school.call("POST", f"{path}/join", ANN, body={})
    assert (closed.status, closed.code) == (409, "conflict")
    nowhere = {"hours": [{**MONDAYS["hours"][0], "zone": "Mars/Olympus"}]}
    assert (await school.call("PUT", f"{path}/hours", TIA, body=nowhere)).code == "bad_command"


async def test_those_who_help_are_appointed_and_work_side_by_side(school: School) -> None:
    path = await make(school)
    assert (await school.call("POST", f"{path}/claim", CARL, body={})).code == "forbidden"
    assert (await school.call("PUT", f"{path}/assistants/carl", TIA, body={"name": "Carl"})).code == "ok"
    await school.call("POST", f"{path}/join", ANN, body={})
    assert (await school.call("POST", f"{path}/claim", CARL, body={})).body["data"]["entry"]["student"] == "ann"
    assert (await school.call("POST", f"{path}/claim", TIA, body={"entry": "1"})).code == "conflict"
    assert (await school.call("PUT", f"{path}/entries/1/note", TIA, body={"text": "was here"})).code == "ok"
    assert (await school.call("DELETE", f"{path}/claims/1", CARL)).code == "ok"
    assert (await school.call("DELETE", f"{path}/assistants/carl", TIA)).code == "ok"
    assert (await school.call("POST", f"{path}/claim", CARL, body={})).code == "forbidden"
