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
    old = "login;name\nben;Jürgen\n".encode("cp1252")
    broken = await school.call("POST", f"/api/classes/{group}/import", admin, body=old, headers=CSV)
    assert (broken.status, broken.code) == (400, "bad_command")
    assert broken.body["d"] == {"field": "csv", "allowed": "text in UTF-8: save it as CSV UTF-8"}
    assert "save it as CSV UTF-8" in broken.body["detail"]
    elsewhere = await school.call("POST", f"/api/classes/{group}/enrol", admin, body=b"login\n", headers=CSV)
    assert (elsewhere.status, elsewhere.body["d"]["allowed"]) == (415, "application/json")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    sent = await school.call("POST", f"/api/classes/{group}/import", admin, body=b"--x--", headers=form)
    assert sent.status == 415
    assert sent.body["detail"] == "send Content-Type: application/json, text/csv or application/octet-stream"


async def test_a_list_comes_as_plain_bytes_too_and_names_a_column_once(school: RecordSchool) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    group = await made_class(school, admin)
    door, raw = f"/api/classes/{group}/import", {"Content-Type": "application/octet-stream"}
    done = await school.call("POST", door, admin, body=f"login\n{student[0]}\n".encode(), headers=raw)
    assert [line["status"] for line in done.body["lines"]] == ["enrolled"]
    twice = await school.call("POST", door, admin, body=b"Login, login \nben,eva\n", headers=CSV)
    assert (twice.status, twice.body["detail"]) == (400, "csv: the first line names the column login once")
    others = f"login,name,name\n{student[0]},A,B\n".encode()
    assert (await school.call("POST", door, admin, body=others, headers=CSV)).status == 200


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


async def test_a_series_is_made_by_an_rrule_and_changed_by_a_scope_in_the_query_or_the_body(
    school: RecordSchool,
) -> None:
    teacher, start = await school.person("teacher"), 4_000_000_000_000
    body = {
        "mentor_id": teacher[0], "title": "Reading", "startTime": start, "end_time": start + 3_600_000,
        "zone": "UTC", "rrule": "FREQ=DAILY;COUNT=3",
    }  # fmt: skip
    made = await school.call("POST", "/api/schedules/series", teacher, body=body)
    assert made.status == 201, made.body
    slots = (await school.call("GET", f"{made.headers['Location']}&sort=start_at", teacher)).body["items"]
    door = f"/api/schedules/{slots[1]['id']}/series"
    for query, more, changed in (
        ("?scope=following", {}, 2), ("", {"scope": "all"}, 3), ("?scope=all", {"scope": "all"}, 3),
    ):  # fmt: skip
        reply = await school.call("PATCH", f"{door}{query}", teacher, body={"title": f"After {changed}", **more})
        assert len(reply.body["occurrences"]) == changed, reply.body
    both = await school.call("PATCH", f"{door}?scope=all", teacher, body={"title": "Both", "scope": "following"})
    assert (both.code, both.body["d"]["field"]) == ("bad_command", "scope")
    assert both.body["detail"] == "scope: the query says another one"
    neither = await school.call("PATCH", door, teacher, body={"title": "Neither"})
    assert (neither.code, neither.body["d"]["field"]) == ("bad_command", "scope")
    twice = {**body, "series": "FREQ=DAILY;COUNT=2"}
    reply = await school.call("POST", "/api/schedules/series", teacher, body=twice)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", "series")


async def test_both_doors_that_enrol_take_either_word_for_people(school: RecordSchool) -> None:
    admin, ann, ben = await school.person("admin"), await school.person("student"), await school.person("student")
    teacher = await school.person("teacher")
    course = {"code": f"c.{admin[0]}", "title": "Algebra", "teacher_id": teacher[0]}
    made = await school.call("POST", "/api/courses", admin, body=course)
    for door in (f"/api/classes/{await made_class(school, admin)}/enrol", f"/api/courses/{made.body['id']}/enrol"):
        for word, person in (("students", ann), ("people", ben)):
            reply = await school.call("POST", door, admin, body={word: [person[0]]})
            assert reply.body["enrolled"] == [person[0]], reply.body
        both = await school.call("POST", door, admin, body={"students": [ann[0]], "people": [ben[0]]})
        assert (both.code, both.body["d"]["field"]) == ("bad_command", "people" if "courses" in door else "students")


async def test_what_is_allowed_is_told_without_names_of_the_code(school: RecordSchool) -> None:
    admin = await school.person("admin")
    body = {"class_id": await made_class(school, admin), "date": "2026-09-01", "marks": "all"}
    reply = await school.call("POST", "/api/attendance/mark", admin, body=body)
    assert reply.body["d"]["field"] == "marks"
    assert reply.body["d"]["allowed"].startswith("list of maps with student_id, status, note, ")
    assert "`Mark`" not in reply.body["detail"]


async def test_names_inside_lists_are_taken_in_camel_case_as_well(school: RecordSchool) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    group = await made_class(school, admin)
    place = {"class_id": group, "user_id": student[0], "part": "student"}
    assert (await school.call("POST", "/api/class-memberships", admin, body=place)).status == 201
    body = {"classId": group, "date": "2025-06-12", "marks": [{"studentId": student[0], "status": "late"}]}
    marked = await school.call("POST", "/api/attendance/mark", admin, body=body)
    assert (marked.status, marked.body["marked"]) == (200, 1)
    twice = {**body, "marks": [{"studentId": student[0], "student_id": student[0], "status": "late"}]}
    refused = await school.call("POST", "/api/attendance/mark", admin, body=twice)
    assert (refused.code, refused.body["d"]["field"]) == ("bad_command", "marks[0].student_id")


async def test_marks_of_a_report_card_are_taken_in_camel_case_as_well(school: RecordSchool) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    group = await made_class(school, admin)
    place = {"class_id": group, "user_id": student[0], "part": "student"}
    assert (await school.call("POST", "/api/class-memberships", admin, body=place)).status == 201
    term = (
        await school.call(
            "POST", "/api/terms", admin, body={"title": group, "starts_on": "2026-08-01", "ends_on": "2027-01-31"}
        )
    ).body
    subject = (await school.call("POST", "/api/subjects", admin, body={"code": group[:20], "title": "Algebra"})).body
    card = {
        "studentId": student[0],
        "classId": group,
        "termId": term["id"],
        "marks": [{"subjectId": subject["id"], "mark": "1"}],
    }
    made = await school.call("POST", "/api/report-cards", admin, body=card)
    assert made.status == 201, made.body
    assert made.body["marks"][0]["subject_id"] == subject["id"]
