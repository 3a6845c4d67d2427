"""The doors of a record type: every operation, by every name, over the real application and PostgreSQL."""

from typing import Any

import pytest

from tests.http.record_school import RecordSchool


async def test_a_row_is_made_read_changed_replaced_and_taken_away(notes: RecordSchool) -> None:
    tom, sam, ada = [await notes.person(role) for role in ("teacher", "student", "admin")]
    body = {"author_id": tom[0], "student_id": sam[0], "title": "Late again", "marks": [{"subject": "ma", "points": 7}]}
    made = await notes.call("POST", "/api/notes", tom, body=body)
    assert made.status == 201
    note = made.body
    door = f"/api/notes/{note['id']}"
    assert (made.headers["Location"], made.headers["ETag"]) == (door, '"1"')
    assert note["marks"] == [{"subject": "ma", "points": 7}]
    assert (note["version"], note["status"], note["urgent"], note["day"]) == (1, "open", False, None)

    read = await notes.call("GET", door, tom)
    assert (read.status, read.body, read.headers["ETag"]) == (200, note, '"1"')

    changed = await notes.call("PATCH", door, tom, body={"weight": 3, "day": "2026-02-28"}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert changed.body == {
        **note, "version": 2, "weight": 3, "day": "2026-02-28", "updated_at": changed.body["updated_at"]
    }  # fmt: skip

    whole = {"author_id": tom[0], "student_id": sam[0], "title": "Better"}
    replaced = await notes.call("PUT", door, tom, body=whole)
    assert (replaced.body["title"], replaced.body["weight"], replaced.body["marks"]) == ("Better", 0, [])
    assert (replaced.body["version"], replaced.body["created_at"]) == (3, note["created_at"])

    gone = await notes.call("DELETE", door, ada, headers={"If-Match": '"3"'})
    assert (gone.status, gone.body) == (200, {})
    assert (await notes.call("GET", door, ada)).code == "not_found"


async def test_what_is_left_out_of_a_replacement_stays_where_not_everybody_may_set_or_see_it(
    notes: RecordSchool,
) -> None:
    tom, sam, ada = [await notes.person(role) for role in ("teacher", "student", "admin")]
    note = await notes.note(tom, sam, secret="his dog is ill", weight=2)
    door = f"/api/notes/{note['id']}"
    assert (await notes.call("PATCH", door, ada, body={"urgent": True})).status == 200
    whole = {"author_id": tom[0], "student_id": sam[0], "title": "Anew", "weight": 1}
    replaced = await notes.call("PUT", door, tom, body=whole)
    assert (replaced.body["urgent"], replaced.body["secret"]) == (True, "his dog is ill")


async def test_an_action_is_carried_out_at_each_of_its_doors_and_answers_the_row(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    doors: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", "finish", {}),
        ("PATCH", "status", {"status": "canceled"}),
    )
    for number, (method, word, body) in enumerate(doors):
        note = await notes.note(tom, sam, title=f"Thing {number}")
        reply = await notes.call(method, f"/api/notes/{note['id']}/{word}", tom, body=body, headers={"If-Match": '"1"'})
        assert (reply.status, reply.headers["ETag"]) == (200, '"2"')
        assert reply.body["status"] == ("cancelled" if body else "done")
        assert reply.body["done_at"] == reply.body["updated_at"]
        again = await notes.call(method, f"/api/notes/{note['id']}/{word}", tom, body=body)
        assert (again.code, again.body["detail"]) == ("conflict", "the note is dealt with already")


async def test_a_deed_changes_many_rows_or_none(notes: RecordSchool) -> None:
    tom = await notes.person("teacher")
    pupils = [(await notes.person("student"))[0] for _ in range(3)]
    body = {"authorId": tom[0], "student_ids": pupils, "title": "Trip on Friday"}
    reply = await notes.call("POST", "/api/notes/many", tom, body=body)
    assert (reply.status, reply.body) == (200, {"count": 3})
    broken = {**body, "student_ids": [*pupils[:1], "nobody"], "title": "Another trip"}
    assert (await notes.call("POST", "/api/notes/many", tom, body=broken)).code == "bad_command"
    found = await notes.call("GET", f"/api/notes?student_id={pupils[0]}", tom)
    assert [note["title"] for note in found.body["items"]] == ["Trip on Friday"]


async def test_further_doors_of_a_type_lead_to_the_same_rows(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    body = {"author_id": tom[0], "student_id": sam[0], "title": "By another name"}
    made = await notes.call("POST", "/api/remarks", tom, body=body)
    assert made.headers["Location"] == f"/api/notes/{made.body['id']}"
    assert (await notes.call("GET", f"/api/remarks/{made.body['id']}", tom)).body == made.body
    assert (await notes.call("GET", f"/api/notes/{made.body['id']}", tom)).body == made.body


async def test_a_list_is_filtered_sorted_paged_and_thinned(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    for weight in range(5):
        await notes.note(tom, sam, title=f"No {weight}", weight=weight, day=f"2026-03-0{weight + 1}")
    path = f"/api/notes?student_id={sam[0]}"

    async def titles(query: str) -> list[str]:
        reply = await notes.call("GET", f"{path}&{query}", tom)
        assert reply.status == 200, reply.body
        return [note["title"] for note in reply.body["items"]]

    assert await titles("weight=3") == ["No 3"]
    assert await titles("sort=-weight&limit=2") == ["No 4", "No 3"]
    assert await titles("weight_from=1&weight_to=2&sort=weight") == ["No 1", "No 2"]
    assert await titles("dayFrom=2026-03-04&sort=day") == ["No 3", "No 4"]
    assert await titles("status=done") == []
    seen, after = [], ""
    for _ in range(3):
        reply = await notes.call("GET", f"{path}&sort=-weight&limit=2&after={after}&fields=title,authorId", tom)
        seen += reply.body["items"]
        after = reply.body["after"]
    assert after == ""
    assert [note["title"] for note in seen] == [f"No {weight}" for weight in (4, 3, 2, 1, 0)]
    assert {frozenset(note) for note in seen} == {frozenset({"id", "version", "title", "author_id"})}


async def test_the_names_and_words_of_the_sources_are_taken_and_ours_are_answered(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    body = {"authorId": tom[0], "about": sam[0], "title": "x", "notedOn": "2026-05-01", "status": "canceled"}
    made = await notes.call("POST", "/api/notes", tom, body=body)
    assert (made.status, made.body["day"], made.body["status"]) == (201, "2026-05-01", "cancelled")
    door = f"/api/notes/{made.body['id']}"
    assert (await notes.call("PATCH", door, tom, body={"noted_on": "2026-05-02"})).body["day"] == "2026-05-02"
    for query in ("notedOn=2026-05-02", "noted_on_from=2026-05-02", "notedOnTo=2026-05-02", "status=canceled,open"):
        reply = await notes.call("GET", f"/api/notes?studentId={sam[0]}&{query}&fields=notedOn&sort=-notedOn", tom)
        assert [row["day"] for row in reply.body["items"]] == ["2026-05-02"], (query, reply.body)
    assert (await notes.call("GET", f"/api/notes?studentId={sam[0]}&day=", tom)).body["items"] == []
    await notes.call("PATCH", door, tom, body={"day": None})
    assert len((await notes.call("GET", f"/api/notes?studentId={sam[0]}&notedOn=", tom)).body["items"]) == 1


async def test_a_list_holds_what_one_may_see_and_rows_what_of_them_one_may_see(notes: RecordSchool) -> None:
    tom, tia, sam, pia = [await notes.person(role) for role in ("teacher", "teacher", "student", "parent")]
    await notes.link(pia, sam)
    note = await notes.note(tom, sam, secret="between us")
    for person, seen in ((tom, True), (tia, False), (sam, True), (pia, True)):
        listed = await notes.call("GET", f"/api/notes?about={sam[0]}", person)
        assert [one["id"] for one in listed.body["items"]] == ([note["id"]] if seen else [])
        read = await notes.call("GET", f"/api/notes/{note['id']}", person)
        assert read.code == ("ok" if seen else "not_found")
        if seen:
            assert ("secret" in read.body) == ("secret" in listed.body["items"][0]) == (person == tom)


async def test_a_caller_may_choose_the_id_where_the_type_lets_them(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    name = f"own-{sam[0]}"
    note = await notes.note(tom, sam, id=name)
    assert note["id"] == name
    body = {"author_id": tom[0], "student_id": sam[0], "title": "Another", "id": name}
    assert (await notes.call("POST", "/api/notes", tom, body=body)).code == "conflict"


async def test_a_write_that_is_sent_again_with_its_key_is_done_once(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    body, key = {"author_id": tom[0], "student_id": sam[0], "title": "Once"}, {"Idempotency-Key": f"k-{sam[0]}"}
    first = await notes.call("POST", "/api/notes", tom, body=body, headers=key)
    again = await notes.call("POST", "/api/notes", tom, body=body, headers=key)
    assert (again.status, again.body, again.headers["ETag"]) == (201, first.body, '"1"')
    other = await notes.call("POST", "/api/notes", tom, body={**body, "title": "Twice"}, headers=key)
    assert other.code == "conflict"
    door = f"/api/notes/{first.body['id']}"
    for method, path, sent in (
        ("PATCH", door, {"weight": 4}),
        ("POST", f"{door}/finish", {}),
        ("POST", "/api/notes/many", {"author_id": tom[0], "student_ids": [sam[0]], "title": "Many"}),
    ):
        key = {"Idempotency-Key": f"{method}-{path[-9:]}-{sam[0]}"}
        replies = [await notes.call(method, path, tom, body=sent, headers=key) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200], replies
        assert replies[0].body == replies[1].body
    found = await notes.call("GET", f"/api/notes?student_id={sam[0]}", tom)
    assert sorted(note["title"] for note in found.body["items"]) == ["Many", "Once"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_a_door_answers_head_and_options_as_all_others_do(notes: RecordSchool, method: str) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    note = await notes.note(tom, sam)
    reply = await notes.call(method, f"/api/notes/{note['id']}", tom)
    assert reply.status == 200
    if method == "HEAD":
        assert reply.headers["ETag"] == '"1"'
    else:
        assert set(reply.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}


async def test_a_method_that_a_door_does_not_have_is_refused_with_those_that_it_has(notes: RecordSchool) -> None:
    tom = await notes.person("teacher")
    for method, path, allowed in (
        ("DELETE", "/api/notes", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/api/notes/x", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}),
        ("GET", "/api/notes/x/finish", {"OPTIONS", "POST"}),
    ):
        reply = await notes.call(method, path, tom)
        assert (reply.status, reply.code) == (405, "bad_command")
        assert set(reply.headers["Allow"].split(", ")) == allowed


async def test_nobody_gets_in_without_a_token(notes: RecordSchool) -> None:
    for method, path in (
        ("GET", "/api/notes"),
        ("POST", "/api/notes"),
        ("PATCH", "/api/notes/x"),
        ("GET", "/api/activity-feed"),
    ):
        assert (await notes.call(method, path)).status == 401
