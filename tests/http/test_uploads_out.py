"""Files on their way out: only to whoever may have them, in whole or in part, and harmless. What records point to stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeroom.engine.behaviour import SYSTEM_CALLER
from homeroom.records.school.resources import RESOURCE
from tests.http.upload_school import ADA, ANN, BOB, PNG, TESS, TOM, UploadSchool, open_upload_school


@pytest.fixture
async def there(database_url: str, tmp_path: Path) -> AsyncIterator[UploadSchool]:
    """Return a school that takes files."""
    async with open_upload_school(database_url, tmp_path / "files") as school:
        yield school


# --- who may have it


async def share(there: UploadSchool, upload: str, **where: str) -> None:
    """Let a teacher point to a file, in a class or for all."""
    async with there.store.unit(SYSTEM_CALLER) as unit:
        await unit.insert(RESOURCE, {"author_id": "tess", "title": "Read this", "upload_id": upload, **where})


async def put_in_class(there: UploadSchool, user: str, part: str) -> None:
    await there.database.execute(
        "INSERT INTO class_memberships (id, version, created_at, updated_at, class_id, user_id, part) VALUES ($1, 1, 1, 1, '10a', $1, $2)",
        user,
        part,
    )


async def test_a_file_is_its_owners_until_it_is_shared_and_then_of_those_who_may_read_what_points_to_it(
    there: UploadSchool,
) -> None:
    one = (await there.send(PNG, TESS)).body["id"]
    assert [(await there.fetch(one, who))[0] for who in (TESS, ADA, ANN, BOB)] == [200, 200, 404, 404]
    await there.database.execute(
        "INSERT INTO classes (id, version, created_at, updated_at, title, grade, room) VALUES ('10a', 1, 1, 1, '10a', '', '')"
    )
    await put_in_class(there, "ann", "student")
    await share(there, one, class_id="10a")
    assert [(await there.fetch(one, who))[0] for who in (TESS, ADA, ANN, BOB)] == [200, 200, 200, 404]
    for_all = (await there.send(PNG, TESS)).body["id"]
    await share(there, for_all)
    assert [(await there.fetch(for_all, who))[0] for who in (TESS, ADA, ANN, BOB)] == [200, 200, 200, 200]
    assert [(await there.call(method, f"/api/uploads/{one}", ANN)).status for method in ("GET", "DELETE")] == [200, 403]


async def shared_with_class(there: UploadSchool) -> str:
    """Return a file of a teacher's that another teacher and a student of the class may read."""
    await there.database.execute(
        "INSERT INTO classes (id, version, created_at, updated_at, title, grade, room) VALUES ('10a', 1, 1, 1, '10a', '', '')"
    )
    for user, part in (("ann", "student"), ("tess", "teacher"), ("tom", "teacher")):
        await put_in_class(there, user, part)
    one: str = (await there.send(PNG, TESS)).body["id"]
    shared = {"title": "For 10a", "class_id": "10a", "upload_id": one}
    assert (await there.call("POST", "/api/study-resources", TESS, body=shared)).status == 201
    return one


async def test_only_its_owner_or_an_admin_lets_a_record_point_to_a_file(there: UploadSchool) -> None:
    one = await shared_with_class(there)
    vacancy = (await there.call("POST", "/api/vacancies", ADA, body={"title": "Cook"})).body["id"]
    applies = {"vacancy_id": vacancy, "name": "Ann", "email": "a@school.example", "letter": "Me"}
    linked = {"title": "All", "url": "https://school.example"}
    own = (await there.call("POST", "/api/study-resources", TOM, body=linked)).body["id"]
    turned = {"url": None, "upload_id": one}
    tries = [
        ("POST", "/api/study-resources", TOM, {"title": "All", "upload_id": one}),
        ("PATCH", f"/api/study-resources/{own}", TOM, turned),
        ("POST", "/api/applications", ANN, {**applies, "upload_id": one}),
    ]
    for method, path, who, body in tries:
        assert (await there.fetch(one, who))[0] == 200, "they may read it"
        refused = await there.call(method, path, who, body=body)
        assert (refused.status, refused.body["d"]["field"]) == (403, "upload_id"), path
    hidden = await there.call("POST", "/api/applications", BOB, body={**applies, "upload_id": one})
    assert (hidden.status, hidden.body["d"]["field"]) == (400, "upload_id"), (
        "to whoever may not read it, it is not there"
    )
    assert (await there.fetch(one, BOB))[0] == 404
    assert (await there.call("PATCH", f"/api/study-resources/{own}", ADA, body=turned)).status == 200
    assert (await there.fetch(one, BOB))[0] == 200
    mine = (await there.send(PNG)).body["id"]
    assert (await there.call("POST", "/api/applications", ANN, body={**applies, "upload_id": mine})).status == 201


async def test_a_file_that_failed_is_nothing_to_point_to(there: UploadSchool) -> None:
    assert (await there.send(b"no png", TESS)).status == 400
    (row,) = (await there.call("GET", "/api/uploads?status=failed", TESS)).body["items"]
    refused = await there.call("POST", "/api/study-resources", TESS, body={"title": "Read", "upload_id": row["id"]})
    assert (refused.status, refused.body["d"]["field"]) == (400, "upload_id")
    assert (await there.call("GET", "/api/uploads?status=completed", TESS)).body["items"] == []
    assert (await there.call("DELETE", f"/api/uploads/{row['id']}", TESS)).status == 200


async def test_a_file_in_use_stays_and_its_owner_hears_what_uses_it(there: UploadSchool) -> None:
    one = await shared_with_class(there)
    (shared,) = await there.rows("study_resources")
    for who in (TESS, ADA):
        refused = await there.call("DELETE", f"/api/uploads/{one}", who)
        assert (refused.status, refused.code) == (409, "conflict")
        assert "'For 10a' of tess" in refused.body["detail"]
        named = {"type": "resource", "id": shared["id"], "title": "For 10a", "owner_id": "tess"}
        assert refused.body["d"]["records"] == [named]
    assert (await there.fetch(one, ANN))[0] == 200
    assert (await there.call("DELETE", f"/api/study-resources/{shared['id']}", TESS)).status == 200
    assert (await there.call("DELETE", f"/api/uploads/{one}", TESS)).status == 200
    assert (await there.fetch(one, TESS))[0] == 404


async def test_nobody_without_a_token_gets_anything(there: UploadSchool) -> None:
    one = (await there.send(PNG)).body["id"]
    assert (await there.call("GET", f"/api/uploads/{one}/content", None)).status == 401
    assert (await there.call("POST", "/api/uploads?name=x", None)).status == 401


async def test_a_deleted_upload_takes_its_file_along(there: UploadSchool) -> None:
    one = (await there.send(PNG)).body["id"]
    assert (await there.call("DELETE", f"/api/uploads/{one}", BOB)).status == 404
    assert (await there.call("DELETE", f"/api/uploads/{one}")).status == 200
    assert (await there.fetch(one))[0] == 404
    assert await there.reception.sweep() == 1
    assert there.kept() == []
    assert there.events("user:ann")[-1] == "upload.deleted"


async def test_its_owner_may_call_it_otherwise_and_change_nothing_else(there: UploadSchool) -> None:
    path = f"/api/uploads/{(await there.send(PNG)).body['id']}"
    assert (await there.call("PATCH", path, body={"name": "better.png"})).body["name"] == "better.png"
    for field, value in (("type", "text/html"), ("size", 1), ("status", "failed"), ("owner_id", "bob"), ("sha256", "")):
        assert (await there.call("PATCH", path, body={field: value})).status == 400, field


# --- how it goes out


async def test_a_text_is_saved_and_never_shown_and_every_name_ends_as_its_type_does(there: UploadSchool) -> None:
    one = (await there.send(b"hello", name="page.html", type="text/plain")).body["id"]
    _, content, headers = await there.fetch(one)
    assert content == b"hello"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Disposition"].startswith('attachment; filename="page.html.txt"')
    assert headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=10-999999999", 206, slice(10, None)),
        ("bytes=-999999999", 206, slice(None)),
        ("bytes=-" + "9" * 5_000, 206, slice(None)),
        ("Bytes= -05", 206, slice(-5, None)),
        ("bytes=0-0,5-6", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        ("bytes=9-1", 200, slice(None)),
        ("bytes=99999999-", 416, None),
    ],
)
async def test_a_part_of_a_file_can_be_asked_for(
    there: UploadSchool, asked: str, status: int, part: slice | None
) -> None:
    one = (await there.send(PNG)).body["id"]
    answered, content, headers = await there.fetch(one, range=asked)
    assert answered == status
    if part is not None:
        assert content == PNG[part]
        assert int(headers["Content-Length"]) == len(content)
    if status != 200:
        start = 0 if part is None else range(len(PNG))[part].start
        shown = "*" if part is None else f"{start}-{start + len(content) - 1}"
        assert headers["Content-Range"] == f"bytes {shown}/{len(PNG)}"


async def test_a_part_of_another_version_is_not_given(there: UploadSchool) -> None:
    one = (await there.send(PNG)).body["id"]
    tag = (await there.fetch(one))[2]["ETag"]
    assert (await there.fetch(one, range="bytes=0-3", if_range=tag))[0] == 206
    for other in ('"other"', f"W/{tag}", "Sat, 21 Nov 2026 00:00:00 GMT"):
        assert (await there.fetch(one, range="bytes=0-3", if_range=other))[0] == 200
    assert (await there.fetch(one, if_none_match=tag))[:2] == (304, b"")
    assert (await there.fetch(one, if_none_match='"other"'))[0] == 200


async def test_an_empty_text_is_a_file_too(there: UploadSchool) -> None:
    one = (await there.send(b"", name="empty", type="text/plain")).body["id"]
    status, content, headers = await there.fetch(one)
    assert (status, content, headers["Content-Length"]) == (200, b"", "0")
    assert (await there.fetch(one, range="bytes=-5"))[0] == 416


async def test_a_file_that_the_store_has_lost_is_not_found(there: UploadSchool) -> None:
    one = (await there.send(PNG)).body["id"]
    (name,) = there.kept()
    there.reception.files.remove(name)
    assert (await there.fetch(one))[0] == 404
