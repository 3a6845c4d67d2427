"""What lists answer beside their rows if asked: names of today for those whom one may know of, and how many rows there are."""

from collections.abc import Sequence
from typing import Any

import pytest

from homeroom.engine.behaviour import Caller
from homeroom.engine.journal_memory import START_MS
from homeroom.records.listing import TOTAL_MAX
from tests.http.record_school import Person
from tests.http.schedules import HOUR, Timetable


async def rename(timetable: Timetable, who: Person, name: str) -> None:
    """Call somebody otherwise."""
    await timetable.school.database.execute("UPDATE users SET name = $2 WHERE id = $1", who[0], name)


async def body(timetable: Timetable, path: str, who: Person) -> Any:
    """Return what a door answers."""
    reply = await timetable.call("GET", path, who)
    assert reply.status == 200, reply.body
    return reply.body


async def marked(timetable: Timetable) -> tuple[Person, Person, Person, Person]:
    """Return a teacher, two students of the class whose mark it has set, and the parent of the first."""
    tess, sam, sue, pam = [await timetable.person(role) for role in ("teacher", "student", "student", "parent")]
    await timetable.school.link(pam, sam)
    group = await timetable.school_class(sam, sue, teacher=tess)
    marks = [{"student_id": sam[0], "status": "late"}, {"student_id": sue[0], "status": "present"}]
    sent = {"class_id": group, "date": "2025-06-10", "marks": marks}
    assert (await timetable.call("POST", "/api/attendance/mark", tess, body=sent)).status == 200
    return tess, sam, sue, pam


async def test_a_list_names_the_people_of_its_rows_as_they_are_called_now(timetable: Timetable) -> None:
    tess, sam, sue, pam = await marked(timetable)
    for name in ("Sam One", "Sam Two"):
        await rename(timetable, sam, name)
        found = await body(timetable, f"/api/attendance?student_id={sam[0]}&include=people", pam)
        assert found["people"] == {
            sam[0]: {"name": name, "role": "student"},
            tess[0]: {"name": tess[0], "role": "teacher"},
        }
    assert sue[0] not in found["people"]
    plain = await body(timetable, f"/api/attendance?student_id={sam[0]}", pam)
    assert plain.keys() == {"items", "after"}, "who does not ask gets what there always was"
    assert plain["items"] == found["items"]


async def test_only_columns_that_are_shown_name_somebody(timetable: Timetable) -> None:
    tess, sam, _, _ = await marked(timetable)
    asked = f"/api/attendance?student_id={sam[0]}&include=people"
    assert (await body(timetable, f"{asked}&fields=student_id", tess))["people"].keys() == {sam[0]}
    assert (await body(timetable, f"{asked}&fields=status", tess))["people"] == {}


async def test_a_parent_learns_no_name_of_another_child_and_everybody_those_of_the_staff(timetable: Timetable) -> None:
    ada, tom, sam, sue, pam = [
        await timetable.person(role) for role in ("admin", "teacher", "student", "student", "parent")
    ]
    await timetable.school.link(pam, sam)
    directory = timetable.school.school.parts.records.directory  # type: ignore[union-attr] # the school keeps records
    assert directory is not None
    everybody = {person[0] for person in (ada, tom, sam, sue, pam)}
    seen = {}
    for who in (ada, tom, sam, pam):
        caller = Caller(*who)
        seen[who] = (await directory.names(caller, everybody)).keys()
    assert seen == {
        ada: everybody,
        tom: everybody,
        sam: {sam[0], pam[0], ada[0], tom[0]},
        pam: {pam[0], sam[0], ada[0], tom[0]},
    }


async def test_the_total_is_that_of_all_pages_under_the_same_filters_and_rights(timetable: Timetable) -> None:
    tess, sam, _, pam = await marked(timetable)
    ask = "/api/attendance?include=total&limit=1"
    group = (await body(timetable, "/api/attendance?limit=1", tess))["items"][0]["class_id"]
    first = await body(timetable, f"{ask}&class_id={group}", tess)
    assert (first["total"], len(first["items"])) == (2, 1)
    second = await body(timetable, f"{ask}&class_id={group}&after={first['after']}", tess)
    assert (second["total"], second["after"]) == (2, "")
    assert (await body(timetable, f"{ask}&class_id={group}&status=late", tess))["total"] == 1
    assert (await body(timetable, f"{ask}&class_id={group}", pam))["total"] == 1, "of what one may see"
    both = await body(timetable, f"/api/attendance?student_id={sam[0]}&include=total,people", pam)
    assert both.keys() == {"items", "after", "people", "total"}


async def test_a_long_list_is_counted_so_far_and_no_further(timetable: Timetable) -> None:
    ada = await timetable.person("admin")
    await timetable.school.database.execute(
        """INSERT INTO subjects (id, code, title, description, version, created_at, updated_at)
SELECT 'many-' || n, 'MANY-' || n, 'Many', '', 1, 1, 1 FROM generate_series(1, $1::bigint) AS n""",
        TOTAL_MAX + 5,
    )
    found = await body(timetable, "/api/subjects?include=total&limit=1", ada)
    await timetable.school.database.execute("DELETE FROM subjects WHERE id LIKE 'many-%'")
    assert found["total"] == TOTAL_MAX


@pytest.mark.parametrize("path", ["/api/attendance", "/api/activity-feed", "/api/audit-logs"])
@pytest.mark.parametrize("wrong", ["names", "people,people", "people;total", "Total"])
async def test_what_cannot_be_included_is_refused_by_name(timetable: Timetable, path: str, wrong: str) -> None:
    reply = await timetable.call("GET", f"{path}?include={wrong}", await timetable.person("admin"))
    assert (reply.status, reply.body["d"]["field"]) == (400, "include")


async def test_the_feed_and_the_audit_name_people_in_the_same_way(timetable: Timetable) -> None:
    tess, sam, _, _ = await marked(timetable)
    ada = await timetable.person("admin")
    await rename(timetable, tess, "Tess T.")
    mark = (await body(timetable, f"/api/attendance?student_id={sam[0]}", tess))["items"][0]["id"]
    feed = await body(timetable, f"/api/activity-feed?target_id={mark}&include=people", tess)
    assert {line["actor_id"] for line in feed["items"]} == {tess[0]}
    assert feed["people"] == {tess[0]: {"name": "Tess T.", "role": "teacher"}}
    audit = await body(timetable, f"/api/audit-logs/attendance/{mark}?include=people", ada)
    assert audit["people"] == feed["people"]
    listed = await body(timetable, f"/api/audit-logs?entity_id={mark}&include=people", ada)
    assert listed == audit
    assert "people" not in await body(timetable, f"/api/audit-logs/attendance/{mark}", ada)
    assert (await timetable.call("PATCH", f"/api/users/{sam[0]}", ada, body={"active": False})).status == 200
    told = await body(timetable, f"/api/audit-logs/user/{sam[0]}?include=people", ada)
    assert told["people"].keys() == {sam[0], ada[0]}


async def test_students_are_found_by_name_and_courses_entries_and_vacancies_by_their_titles(
    timetable: Timetable,
) -> None:
    ada, tom, sam, sue = [await timetable.person(role) for role in ("admin", "teacher", "student", "student")]
    await rename(timetable, sam, "Samuel Quillon")
    await rename(timetable, sue, "Suzanne Quimby")
    for who in (sam, sue):
        sent = {"user_id": who[0], "number": f"N-{who[0]}"}
        assert (await timetable.call("POST", "/api/students/register", ada, body=sent)).status == 201
    course = {"code": f"QX-{sam[0]}", "title": "Quantum Knitting", "teacher_id": tom[0]}
    vacancy = {"title": "Knitter (f/m)", "department": f"Yarn {sam[0]}"}
    for path, sent in (("courses", course), ("vacancies", vacancy)):
        assert (await timetable.call("POST", f"/api/{path}", ada, body=sent)).status == 201
    written = await timetable.call("POST", "/api/entries", sam, body={"title": "My first Quilt", "body": "done"})
    assert written.status == 201, written.body

    async def found(path: str, words: str, who: Person, column: str) -> Sequence[str]:
        return [row[column] for row in (await body(timetable, f"/api/{path}?words={words}", who))["items"]]

    assert await found("students", "samuel%20QUILL", ada, "user_id") == [sam[0]]
    assert set(await found("students", "qui", tom, "user_id")) == {sam[0], sue[0]}
    assert await found("students", sam[0], ada, "user_id") == [], "who is looked for by name is not found by login"
    assert await found("students", "qui", sue, "user_id") == [sue[0]], "of those whom one may see"
    assert await found("courses", f"knit%20qx-{sam[0]}", ada, "title") == ["Quantum Knitting"]
    assert await found("entries", "quilt", sam, "title") == ["My first Quilt"]
    assert await found("vacancies", f"{sam[0]}%20knitter", sue, "department") == [f"Yarn {sam[0]}"]


async def test_who_has_the_version_that_there_is_gets_no_row_again(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    times = {"start_at": START_MS + 24 * HOUR, "end_at": START_MS + 25 * HOUR}
    made = await timetable.slot(tom, sam, "2026-01-01 00:00", **times)
    path = f"/api/schedules/{made['id']}"
    tag = (await timetable.call("GET", path, sam)).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"999", {tag}'):
        reply = await timetable.call("GET", path, sam, headers={"If-None-Match": known})
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, "", tag)
    stranger = await timetable.person("student", mentored=False)
    refused = await timetable.call("GET", path, stranger, headers={"If-None-Match": tag})
    assert refused.code == "not_found", "what one may not see is not told to be as it was"
    assert (await timetable.call("PATCH", path, tom, body={"title": "Other"})).status == 200
    fresh = await timetable.call("GET", path, sam, headers={"If-None-Match": tag})
    assert (fresh.status, fresh.body["title"]) == (200, "Other")
    stale = await timetable.call("PATCH", path, tom, body={"title": "Mine"}, headers={"If-Match": tag})
    assert (stale.status, stale.code) == (409, "conflict")
