"""The doors of deeds: what makes one thing says where it is, a list comes as CSV, and what may be asked in the query may."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import Person, RecordSchool, open_record_school

CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest.fixture
async def school(notes_url: str) -> AsyncIterator[RecordSchool]:
    """Return a school that keeps everything."""
    async with open_record_school(notes_url, RECORD_TYPES) as opened:
        yield opened


async def made_class(school: RecordSchool, admin: Person) -> str:
    """Return the id of a new class."""
    found: str = (await school.call("POST", "/api/classes", admin, body={"title": "7a", "grade": "7"})).body["id"]
    return found


async def members(school: RecordSchool, admin: Person, group: str) -> list[str]:
    items = (await school.call("GET", f"/api/class-memberships?class_id={group}", admin)).body["items"]
    return [row["user_id"] for row in items]


async def test_registering_says_where_the_record_is_and_of_which_version(school: RecordSchool) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    body = {"user_id": student[0], "number": f"n.{student[0]}"}
    options: dict[str, Any] = {"body": body, "headers": {"Idempotency-Key": f"k-{student[0]}"}}
    first = await school.call("POST", "/api/students/register", admin, **options)
    again = await school.call("POST", "/api/students/register", admin, **options)
    assert (first.status, again.status) == (201, 201)
    assert first.headers["Location"] == again.headers["Location"] == f"/api/students/{first.body['id']}"
    assert first.headers["ETag"] == '"1"'
    assert (await school.call("GET", first.headers["Location"], admin)).body["user_id"] == student[0]


@pytest.mark.parametrize("query", ["?dry_run=true", "?dryRun=true"])
async def test_a_list_comes_as_csv_and_the_query_says_that_it_is_only_tried(school: RecordSchool, query: str) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    group = await made_class(school, admin)
    door, content = f"/api/classes/{group}/import", f"login\n{student[0]}\n".encode()
    tried = await school.call("POST", door + query, admin, body=content, headers=CSV)
    assert [line["status"] for line in tried.body["lines"]] == ["would_enrol"]
    assert await members(school, admin, group) == []
    done = await school.call("POST", door, admin, body=content, headers=CSV)
    assert [line["status"] for line in done.body["lines"]] == ["enrolled"]
    assert await members(school, admin, group) == [student[0]]


async def test_what_the_query_asks_for_holds_for_json_too_and_is_said_once(school: RecordSchool) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    group = await made_class(school, admin)
    door, body = f"/api/classes/{group}/import", {"csv": f"login\n{student[0]}\n"}
    assert not (await school.call("POST", f"{door}?dry_run=true", admin, body=body)).body["done"]
    both = await school.call("POST", f"{door}?dry_run=true", admin, body={**body, "dry_run": False})
    assert (both.code, both.body["d"]["field"]) == ("bad_command", "dry_run")
    stray = await school.call("POST", f"{door}?scope=all", admin, body=body)
    assert (stray.code, stray.body["d"]["field"]) == ("bad_command", "scope")
    assert await members(school, admin, group) == []


async def test_a_list_that_is_no_text_is_refused_and_other_doors_take_no_csv(school: RecordSchool) -> None:
    admin = await school.person("admin")
    group = await made_class(school, admin)
    broken = await school.call("POST", f"/api/classes/{group}/import", admin, body=b"\xff\xfe", headers=CSV)
    assert (broken.status, broken.code) == (400, "bad_frame")
    elsewhere = await school.call("POST", f"/api/classes/{group}/enrol", admin, body=b"login\n", headers=CSV)
    assert elsewhere.status == 415


async def test_a_series_says_where_its_slots_are_and_goes_by_a_scope_in_the_query(school: RecordSchool) -> None:
    teacher = await school.person("teacher")
    start = 4_000_000_000_000
    body = {
        "mentor_id": teacher[0], "title": "Reading", "start_at": start, "end_at": start + 3_600_000,
        "zone": "UTC", "series": "FREQ=DAILY;COUNT=3",
    }  # fmt: skip
    made = await school.call("POST", "/api/schedules/series", teacher, body=body)
    place = made.headers["Location"]
    assert (made.status, "ETag" in made.headers) == (201, False)
    slots = (await school.call("GET", f"{place}&sort=start_at", teacher)).body["items"]
    assert [slot["id"] for slot in slots] == [one["id"] for one in made.body["occurrences"]]
    gone = await school.call("DELETE", f"/api/schedules/{slots[1]['id']}/series?scope=following", teacher)
    assert len(gone.body["occurrences"]) == 2
    assert [slot["id"] for slot in (await school.call("GET", place, teacher)).body["items"]] == [slots[0]["id"]]
    assert (await school.call("DELETE", f"/api/schedules/{slots[0]['id']}/series", teacher)).body["d"][
        "field"
    ] == "scope"
