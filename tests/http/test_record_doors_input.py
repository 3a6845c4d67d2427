"""Bad input at the doors of records, each with its named answer; nothing is changed by any of it."""

from collections.abc import Callable, Mapping
from itertools import product
from operator import attrgetter
from typing import Any

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.http.record_input import read_record_body
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.records.columns import Kind
from homeroom.records.declare import RecordType
from homeroom.records.intake import clean_values
from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import RecordSchool, open_record_school
from tests.http.trial_record import NOTE, AddMany

FIT = {"title": "Fits", "author_id": "$author", "student_id": "$student"}

BODIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown field": ({**FIT, "titel": "x"}, "bad_command", "titel"),
    "an unknown field inside": ({**FIT, "marks": [{"subject": "ma", "point": 1}]}, "bad_command", "marks[0].point"),
    "a column that the server makes": ({**FIT, "done_at": 1}, "bad_command", "done_at"),
    "a version": ({**FIT, "version": 7}, "bad_command", "version"),
    "a wrong type": ({**FIT, "weight": "heavy"}, "bad_command", "weight"),
    "a number as text": ({**FIT, "weight": "3"}, "bad_command", "weight"),
    "nothing where there must be something": ({**FIT, "title": None}, "bad_command", "title"),
    "a missing field": ({"title": "x", "author_id": "$author"}, "bad_command", "student_id"),
    "an overlong text": ({**FIT, "title": "x" * 201}, "bad_command", "title"),
    "a text of nothing": ({**FIT, "title": " \u200b "}, "bad_command", "title"),
    "too many items": ({**FIT, "marks": [{"subject": "ma", "points": 1}] * 6}, "bad_command", "marks"),
    "a number out of bounds": ({**FIT, "weight": 1_001}, "bad_command", "weight"),
    "a number beyond all bounds": ({**FIT, "weight": 2**70}, "bad_command", "weight"),
    "a word that is none of them": ({**FIT, "status": "lost"}, "bad_command", "status"),
    "a day that there is not": ({**FIT, "day": "2026-02-30"}, "bad_command", "day"),
    "a day in another form": ({**FIT, "day": "30.2.2026"}, "bad_command", "day"),
    "an id that is none": ({**FIT, "student_id": "a b"}, "bad_command", "student_id"),
    "a reference to nobody": ({**FIT, "student_id": "nobody"}, "bad_command", "student_id"),
    "a person of another role": ({**FIT, "student_id": "$author"}, "bad_command", "student_id"),
    "NUL in a text": ({**FIT, "title": "a\0b"}, "bad_command", "title"),
    "NUL in a text inside": ({**FIT, "marks": [{"subject": "m\0", "points": 1}]}, "bad_command", "marks"),
    "NUL in a text with markup": ({**FIT, "text": "a\0b"}, "bad_command", "text"),
    "two spellings at once": ({**FIT, "authorId": "$author"}, "bad_command", "author_id"),
    "a name of the sources and ours": ({**FIT, "notedOn": "2026-01-01", "day": "2026-01-01"}, "bad_command", "day"),
    "an alias and the name": ({**FIT, "about": "$student"}, "bad_command", "student_id"),
    "what the declaration's check refuses": ({**FIT, "urgent": True}, "bad_command", "weight"),
}


async def make_people(notes: RecordSchool) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str]]:
    return await notes.person("teacher"), await notes.person("student"), await notes.person("admin")


def filled(body: dict[str, Any], author: str, student: str) -> dict[str, Any]:
    names = {"$author": author, "$student": student}
    return {name: names.get(value, value) if isinstance(value, str) else value for name, value in body.items()}


async def test_each_wrong_body_is_named_and_changes_nothing(notes: RecordSchool) -> None:
    tom, sam, ada = await make_people(notes)
    note = await notes.note(tom, sam)
    for what, (body, code, field) in BODIES.items():
        for method, path in (("POST", "/api/notes"), ("PUT", f"/api/notes/{note['id']}")):
            reply = await notes.call(method, path, ada, body=filled(body, tom[0], sam[0]))
            assert (reply.code, reply.body.get("d", {}).get("field")) == (code, field), (what, method, reply.body)
    assert (await notes.call("GET", f"/api/notes/{note['id']}", tom)).body == note
    assert len((await notes.call("GET", f"/api/notes?student_id={sam[0]}", tom)).body["items"]) == 1


async def test_all_wrong_fields_of_a_form_are_named_at_once_the_first_one_as_ever(notes: RecordSchool) -> None:
    tom, sam, ada = await make_people(notes)
    body = {"titel": "x", "marks": [{"subject": "ma", "points": 101}], "weight": "heavy", "student_id": "a b"}
    said = (await notes.call("POST", "/api/notes", ada, body=body)).body["d"]
    assert said["field"] == "titel"
    assert [(error["field"], error["wrong"]) for error in said["errors"]] == [
        ("titel", "no such field"),
        ("author_id", "missing"),
        ("student_id", "expected 1 to 64 of A-Z a-z 0-9 _ - ."),
        ("title", "missing"),
        ("marks[0].points", "expected integer 0 to 100"),
        ("weight", "expected integer 0 to 1,000"),
    ]
    assert all(error["allowed"] for error in said["errors"])
    many = {f"stray{number}": 1 for number in range(50)}
    assert len((await notes.call("POST", "/api/notes", ada, body=many)).body["d"]["errors"]) == 20
    alone = (await notes.call("POST", "/api/notes", ada, body={**filled(FIT, tom[0], sam[0]), "weight": "heavy"})).body[
        "d"
    ]
    assert alone.keys() == {"field", "allowed"}


async def test_each_wrong_change_is_named(notes: RecordSchool) -> None:
    tom, sam, _ = await make_people(notes)
    note = await notes.note(tom, sam)
    for body, field in (
        ({"titel": "x"}, "titel"),
        ({"id": "another"}, "id"),
        ({"createdAt": 3}, "createdAt"),
        ({"weight": None}, "weight"),
        ({"studentId": "nobody"}, "student_id"),
        ({"student_id": sam[0], "studentId": sam[0]}, "student_id"),
    ):
        reply = await notes.call("PATCH", f"/api/notes/{note['id']}", tom, body=body)
        assert (reply.code, reply.body.get("d", {}).get("field")) == ("bad_command", field), reply.body
    assert (await notes.call("GET", f"/api/notes/{note['id']}", tom)).body == note


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b"{",
        b'{"weight": NaN}',
        b'{"weight": Infinity}',
        b'{"title": "\xff"}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"\0",
    ],
    ids=["list", "cut", "nan", "infinity", "no-utf8", "deep", "nul"],
)
async def test_what_is_no_json_object_is_no_frame(notes: RecordSchool, body: bytes) -> None:
    tom = await notes.person("teacher")
    note = f"/api/notes/{(await notes.note(tom, await notes.person('student')))['id']}"
    headers = {**notes.school.bearer(*tom), "Content-Type": "application/json"}
    client: Any = notes.school.app.test_client()
    for method, path in (("POST", "/api/notes"), ("PATCH", note), ("POST", f"{note}/finish")):
        response = await client.open(path, method=method, headers=headers, data=body)
        problem = await response.get_json(force=True)
        assert (response.status_code, problem["code"]) == (400, "bad_frame"), path


async def test_a_body_of_another_type_or_too_large_is_refused(notes: RecordSchool) -> None:
    tom = await notes.person("teacher")
    client: Any = notes.school.app.test_client()
    for content, data, status in (("text/plain", b"{}", 415), ("application/json", b" " * 300_000, 413)):
        headers = {**notes.school.bearer(*tom), "Content-Type": content}
        response = await client.open("/api/notes", method="POST", headers=headers, data=data)
        assert response.status_code == status


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limt=3", "limt"),
        ("sort=secret", "sort"),
        ("sort=--day", "sort"),
        ("sort=", "sort"),
        ("fields=title,titel", "fields"),
        ("title=x", "title"),
        ("status=lost", "status"),
        ("weight=heavy", "weight"),
        ("weight_from=1.5", "weight_from"),
        ("weight_to=99999999999999999999999", "weight_to"),
        ("day=yesterday", "day"),
        ("day_from=yesterday", "day_from"),
        ("student_id=a%00b", "student_id"),
        ("fields=%00", "fields"),
        ("after=%00", "after"),
        ("after=nonsense", "after"),
        ("after=p1.AAAA", "after"),
        ("student_id=x&studentId=x", "student_id"),
        ("weightFrom=1&weight_from=1", "weight_from"),
        ("about=x&studentId=x", "student_id"),
        ("notedOnFrom=x", "day_from"),
        ("noted_on=2026-01-01&notedOn=2026-01-01", "day"),
    ],
)
async def test_each_wrong_query_of_a_list_is_named(notes: RecordSchool, query: str, field: str) -> None:
    tom = await notes.person("teacher")
    reply = await notes.call("GET", f"/api/notes?{query}", tom)
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", field), reply.body


async def test_the_place_of_another_order_is_no_place(notes: RecordSchool) -> None:
    tom, sam, _ = await make_people(notes)
    for number in range(2):
        await notes.note(tom, sam, title=f"No {number}", day=f"2026-01-0{number + 1}")
    path = f"/api/notes?student_id={sam[0]}"
    after = (await notes.call("GET", f"{path}&sort=day&limit=1", tom)).body["after"]
    assert after
    reply = await notes.call("GET", f"{path}&sort=weight&after={after}", tom)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", "after")


async def test_a_stale_version_is_a_conflict_and_what_is_none_is_named(notes: RecordSchool) -> None:
    tom, sam, ada = await make_people(notes)
    note = await notes.note(tom, sam)
    door = f"/api/notes/{note['id']}"
    whole = {"author_id": tom[0], "student_id": sam[0], "title": "x"}
    doors: tuple[tuple[str, str, Any], ...] = (
        ("PUT", door, whole),
        ("PATCH", door, {"weight": 1}),
        ("DELETE", door, None),
        ("POST", f"{door}/finish", {}),
    )
    for method, path, body in doors:
        for match, code in (
            ('"2"', "conflict"),
            ("1", "bad_command"),
            ('W/"1"', "bad_command"),
            ('"1", "2"', "bad_command"),
        ):
            reply = await notes.call(method, path, ada, body=body, headers={"If-Match": match})
            assert reply.code == code, (method, match, reply.body)
    assert (await notes.call("GET", door, tom)).body == note
    assert (await notes.call("PATCH", door, tom, body={"weight": 1}, headers={"If-Match": "*"})).status == 200


async def test_a_second_row_that_must_be_the_only_one_is_a_conflict_that_names_the_columns(notes: RecordSchool) -> None:
    tom, sam, _ = await make_people(notes)
    await notes.note(tom, sam, title="The one")
    other = await notes.note(tom, sam, title="The other")
    body = {"author_id": tom[0], "student_id": sam[0], "title": "The one"}
    for method, path in (("POST", "/api/notes"), ("PATCH", f"/api/notes/{other['id']}")):
        reply = await notes.call(method, path, tom, body=body)
        assert reply.code == "conflict"
        assert "title" in str(reply.body)


async def test_a_row_that_is_gone_is_not_found_at_any_door(notes: RecordSchool) -> None:
    tom, sam, ada = await make_people(notes)
    note = await notes.note(tom, sam)
    door = f"/api/notes/{note['id']}"
    assert (await notes.call("DELETE", door, ada)).status == 200
    whole = {"author_id": tom[0], "student_id": sam[0], "title": "x"}
    for method, path, body in (
        ("GET", door, None),
        ("PUT", door, whole),
        ("PATCH", door, {"weight": 1}),
        ("DELETE", door, None),
        ("POST", f"{door}/finish", {}),
        ("GET", "/api/notes/never", None),
        ("GET", "/api/notes/a%20b", None),
        ("GET", "/api/notes/a%00b", None),
    ):
        assert (await notes.call(method, path, ada, body=body)).code == "not_found", (method, path)


async def test_what_is_not_the_callers_to_do_is_forbidden_and_changes_nothing(notes: RecordSchool) -> None:
    tom, sam, _ = await make_people(notes)
    tia = await notes.person("teacher")
    note = await notes.note(tom, sam, weight=1)
    door = f"/api/notes/{note['id']}"
    mine = {"author_id": tom[0], "student_id": sam[0], "title": "x"}
    for person, method, path, body in (
        (sam, "PATCH", door, {"weight": 1}),
        (sam, "DELETE", door, None),
        (tom, "DELETE", door, None),
        (sam, "POST", f"{door}/finish", {}),
        (sam, "POST", "/api/notes", mine),
        (tia, "POST", "/api/notes", mine),
        (tom, "PATCH", door, {"author_id": tia[0]}),
        (tom, "PATCH", door, {"urgent": True}),
        (sam, "POST", "/api/notes/many", {"author_id": tom[0], "student_ids": [sam[0]], "title": "x"}),
        (tia, "POST", "/api/notes/many", {"author_id": tom[0], "student_ids": [sam[0]], "title": "x"}),
    ):
        reply = await notes.call(method, path, person, body=body)
        assert reply.code == "forbidden", (person, method, path, body, reply.body)
    assert (await notes.call("PATCH", door, tia, body={"weight": 1})).code == "not_found"
    assert (await notes.call("GET", door, tom)).body == note


async def test_a_key_that_is_none_is_named(notes: RecordSchool) -> None:
    tom, sam, _ = await make_people(notes)
    body = {"author_id": tom[0], "student_id": sam[0], "title": "x"}
    for key in ("", "two words", "x" * 256):
        reply = await notes.call("POST", "/api/notes", tom, body=body, headers={"Idempotency-Key": key})
        assert reply.code == "bad_command"
        assert "Idempotency-Key" in reply.body["detail"]


async def test_reads_and_writes_have_budgets_of_their_own(notes_url: str) -> None:
    plenty, one = Rate(1e6, 1e6), Rate(0.01, 1)
    for budget, spent, left in (("write", "POST", "GET"), ("read", "GET", "POST")):
        budgets = BudgetSettings({"chat": plenty, "read": plenty, "write": plenty, budget: one})
        async with open_record_school(notes_url, budgets=budgets) as notes:
            tom, sam, _ = await make_people(notes)
            body = {"author_id": tom[0], "student_id": sam[0], "title": "x"}
            sent = {"POST": body, "GET": None}
            assert (await notes.call(spent, "/api/notes", tom, body=sent[spent])).code == "ok"
            refused = await notes.call(spent, "/api/notes", tom, body=sent[spent])
            assert (refused.status, refused.code) == (429, "rate_limited")
            assert int(refused.headers["Retry-After"]) > 1
            assert (await notes.call(left, "/api/notes", tom, body=sent[left])).code in {"ok", "conflict"}


async def test_a_database_that_is_away_is_said_to_be_so() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    async with open_record_school(nowhere) as notes:
        body = {"author_id": "t", "student_id": "s", "title": "x"}
        for method, path, sent in (
            ("GET", "/api/notes", None),
            ("GET", "/api/notes/x", None),
            ("POST", "/api/notes", body),
            ("PATCH", "/api/notes/x", {"weight": 1}),
            ("GET", "/api/activity-feed", None),
            ("GET", "/api/audit-logs/note/x", None),
        ):
            reply = await notes.call(method, path, ("ann", "admin"), body=sent)
            assert (reply.status, reply.code) == (503, "unavailable"), (method, path)
            assert reply.headers["Retry-After"]


def test_a_body_that_says_another_thing_than_the_path_is_refused_by_the_name_of_the_field() -> None:
    sent = b'{"authorId":"tom","student_ids":["sam"],"title":"Fits"}'
    assert read_record_body(sent, AddMany, NOTE, {"author_id": "tom", "id": "n1"}) == AddMany("tom", ("sam",), "Fits")
    with pytest.raises(RemoteProtocolError) as caught:
        read_record_body(sent, AddMany, NOTE, {"author_id": "tim"})
    assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "author_id")


@pytest.mark.parametrize("type", RECORD_TYPES, ids=attrgetter("name"))
def test_no_text_of_any_column_holds_nul_or_half_a_character_however_deep_it_lies(type: RecordType) -> None:
    texts = [column for column in type.columns.values() if column.kind in _HOLDING]
    for column, unfit in product(texts, ("tom@\0", "\0tom@school", "tom@\ud800")):
        for value in _HOLDING[column.kind](unfit):
            with pytest.raises(Refusal) as caught:
                clean_values(type, {column.name: value})
            assert (caught.value.code, caught.value.data["field"]) == ("bad_command", column.name)


def _nested(text: str) -> list[Any]:
    return [[text], (text,), {"note": text}, ({"note": text},)]


_HOLDING: Mapping[Kind, Callable[[str], list[Any]]] = {"text": lambda text: [text], "list": _nested, "json": _nested}
"""Values as a column of a kind gets them, each of which holds a text."""
