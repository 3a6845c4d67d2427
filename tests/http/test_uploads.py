"""Files through the door: taken in whole or not at all, held to what they were said to be, and given only to whoever may have them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.records.files.directory import Directory
from homeroom.records.files.reception import Offer, UploadSettings
from homeroom.records.files.store import Sink
from homeroom.records.school.resources import RESOURCE
from homeroom.records.school.uploads import UPLOAD
from tests.http.upload_school import ADA, ANN, BOB, PNG, TESS, UploadSchool, open_upload_school

NAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/passwd",
    "C:\\con",
    "%2e%2e%2fpasswd",
    "..",
    "a\nb",
    "ä" * 255,
    "$(id).png",
]
"""Names that a careless server would take for paths, or would be hurt by."""


@pytest.fixture
async def there(database_url: str, tmp_path: Path) -> AsyncIterator[UploadSchool]:
    """Return a school that takes files."""
    settings = UploadSettings(file_bytes=300_000, person_bytes=1_000_000, person_at_once=2)
    async with open_upload_school(database_url, tmp_path / "files", settings) as school:
        yield school


async def test_a_file_comes_in_and_goes_out_again_as_it_was(there: UploadSchool) -> None:
    reply = await there.send(PNG)
    assert reply.status == 201
    row = reply.body
    assert row["status"] == "completed"
    assert (row["owner_id"], row["name"], row["type"], row["size"]) == ("ann", "work.png", "image/png", len(PNG))
    assert reply.headers["Location"] == f"/api/uploads/{row['id']}"
    status, content, headers = await there.fetch(row["id"])
    assert (status, content) == (200, PNG)
    assert headers["Content-Type"] == "image/png"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["Content-Disposition"] == "inline; filename=\"work.png\"; filename*=UTF-8''work.png"
    assert (await there.call("GET", f"/api/uploads/{row['id']}")).body == row
    assert len(there.kept()) == 1
    assert row["id"] not in there.kept(), "its name in the store is nobody's to guess"


async def test_its_owner_is_told_of_its_beginning_and_its_end_and_of_its_progress_between(there: UploadSchool) -> None:
    await there.send(PNG)
    assert there.events("user:ann") == ["upload.started", "upload.completed"]
    assert there.events("table:uploads") == ["upload.started", "upload.completed"]
    assert [stream for stream, _ in there.signals] == ["user:ann"]
    _, event = there.signals[-1]
    assert event["type"] == "upload.progressed"
    assert (event["d"]["received"], event["d"]["of"]) == (len(PNG), len(PNG))
    assert len(await there.rows("audit_logs WHERE entity_type = 'upload'")) == 2


async def test_the_file_of_a_form_comes_in_too(there: UploadSchool) -> None:
    form = (
        b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="Bild \xc3\xa4.png"\r\nContent-Type: image/png\r\n\r\n'
        + PNG
        + b"\r\n--xYz--\r\n"
    )
    reply = await there.send(form, name="", type="multipart/form-data; boundary=xYz")
    assert (reply.status, reply.body["name"], reply.body["size"]) == (201, "Bild ä.png", len(PNG))
    assert (await there.fetch(reply.body["id"]))[1] == PNG
    broken = [
        form[:-12],
        form.replace(b"; filename=", b"; fn="),
        b"",
        form[:-4] + b"\r\n" + form,
        form.replace(b"xYz", b"abc"),
    ]
    for body in broken:
        refused = await there.send(body, name="", type="multipart/form-data; boundary=xYz")
        assert (refused.status, refused.code) == (400, "bad_command"), body[-40:]
    assert (await there.send(form, name="", type="multipart/form-data")).code == "bad_command"
    assert len(there.kept()) == 1


async def test_the_name_may_stand_in_a_header(there: UploadSchool) -> None:
    reply = await there.send(
        PNG, name="", headers={"Content-Disposition": "attachment; filename*=UTF-8''a%20%C3%A4.png"}
    )
    assert reply.body["name"] == "a ä.png"
    assert (await there.send(PNG, name="")).body["d"]["field"] == "name"


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_a_text_and_never_a_path(there: UploadSchool, name: str) -> None:
    reply = await there.send(PNG, name=name)
    assert reply.status == 201
    assert reply.body["name"] == " ".join(name.split())
    assert all(len(kept) == 26 for kept in there.kept())
    assert {path.name for path in there.folder.parent.iterdir()} == {"files"}
    given = (await there.fetch(reply.body["id"]))[2]["Content-Disposition"]
    assert not set("/\\\n%:") & set(given.partition("filename=")[2].partition(";")[0])
    assert given.partition("filename=")[2].startswith('"') or ".." not in given


@pytest.mark.parametrize("name", ["a\0b.png", "\0", " ", "x" * 256, "\u200b"])
async def test_a_name_that_cannot_be_kept_is_refused_before_a_byte_is_read(there: UploadSchool, name: str) -> None:
    reply = await there.send(PNG, name=name)
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", "name")
    assert there.kept() == []
    assert await there.rows() == []


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (b"<!DOCTYPE html><script>alert(1)</script>", "image/png"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (PNG, "application/pdf"),
        (b"%PDF-1.7\n%...", "image/png"),
        (b"MZ\x90\0" + b"\0" * 200, "application/octet-stream"),
    ],
)
async def test_a_file_whose_content_belies_its_type_is_refused_and_removed(
    there: UploadSchool, content: bytes, type: str
) -> None:
    reply = await there.send(content, type=type)
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", "type")
    await there.reception.sweep()
    assert there.kept() == []
    (row,) = await there.rows()
    assert (row["status"], row["reason"]) == ("failed", "unfit_content")
    assert there.events("user:ann") == ["upload.started", "upload.failed"]
    assert (await there.fetch(row["id"]))[0] == 404
    assert await there.rows("upload_files") == []


@pytest.mark.parametrize("type", ["text/html", "image/svg+xml", "application/x-msdownload", "nonsense"])
async def test_a_type_that_is_not_taken_is_refused_before_a_byte_is_read(there: UploadSchool, type: str) -> None:
    reply = await there.send(PNG, type=type)
    assert (reply.status, reply.body["d"]["field"], reply.body["d"]["found"]) == (400, "type", type)
    assert await there.rows() == []


async def test_a_file_over_the_limit_is_refused(there: UploadSchool) -> None:
    assert (await there.send(PNG + b"\0" * 300_000)).status == 413
    assert await there.rows() == [], "its head said so"


async def unsaid(content: bytes, piece: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), piece):
        await trio.lowlevel.checkpoint()
        yield content[start : start + piece]


async def receive(there: UploadSchool, content: AsyncIterator[bytes], id: str = "a" * 26, **offer: Any) -> Any:
    who = await there.school.tokens.authenticate(there.school.bearer(*ANN)["Authorization"].partition(" ")[2])
    return await there.reception.receive(id, Offer(**{"name": "x", **offer}), content, who.caller)


async def test_a_file_that_did_not_say_how_long_it_is_is_cut_at_the_limit(there: UploadSchool) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100_000):
            await trio.lowlevel.checkpoint()
            read += 65_536
            yield b"\0" * 65_536

    with pytest.raises(Refusal) as caught:
        await receive(there, endless())
    assert caught.value.code == "too_large"
    assert read < 400_000
    assert there.kept() == []
    assert (await there.row("a" * 26))["reason"] == "too_large"


async def test_the_files_of_one_person_have_a_limit_together(there: UploadSchool) -> None:
    large = PNG + b"\0" * 280_000
    replies = [(await there.send(large)).status for _ in range(3)]
    assert replies == [201, 201, 201]
    assert (await there.send(large)).code == "full"
    assert (await there.send(large, BOB)).status == 201, "others have a limit of their own"
    with pytest.raises(Refusal) as caught:
        await receive(there, unsaid(large))
    assert caught.value.code == "full"
    gone = (await there.call("GET", "/api/uploads?status=completed&limit=1")).body["items"][0]["id"]
    assert (await there.call("DELETE", f"/api/uploads/{gone}")).status == 200
    assert (await there.send(large)).status == 201


async def test_the_same_key_gives_the_same_file_and_another_file_is_refused(there: UploadSchool) -> None:
    key = {"Idempotency-Key": "once"}
    first = await there.send(PNG, headers=key)
    again = await there.send(PNG, headers=key)
    assert (again.status, again.body) == (201, first.body)
    assert len(there.kept()) == len(await there.rows()) == 1
    assert (await there.send(PNG + b"x", headers=key)).code == "conflict"
    assert (await there.send(PNG, name="other.png", headers=key)).code == "conflict"
    assert (await there.send(PNG, BOB, headers=key)).body["id"] != first.body["id"]
    assert (await there.send(b"no png", headers={"Idempotency-Key": "two"})).code == "bad_command"
    retried = await there.send(PNG, headers={"Idempotency-Key": "two"})
    assert (retried.status, retried.body["status"], retried.body["reason"]) == (201, "completed", "")
    assert (await there.fetch(retried.body["id"]))[1] == PNG


async def test_a_client_that_hangs_up_leaves_nothing_behind(there: UploadSchool) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield PNG
        await trio.sleep_forever()

    with trio.move_on_after(0.2) as hung_up:
        await receive(there, stalled())
    assert hung_up.cancelled_caught
    await there.reception.sweep()
    assert there.kept() == []
    assert (await there.row("a" * 26))["reason"] == "interrupted"
    assert there.events("user:ann") == ["upload.started", "upload.failed"]


async def test_a_file_on_its_way_is_not_begun_twice_and_two_are_the_most(there: UploadSchool) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield PNG
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for name in ("b" * 26, "c" * 26):
            nursery.start_soon(receive, there, stalled(), name)
        with trio.fail_after(30):
            while len(there.kept()) < 2:  # noqa: ASYNC110 - a file in a folder tells nobody that it is there
                await trio.sleep(0.01)
        for name, code in (("b" * 26, "conflict"), ("d" * 26, "rate_limited")):
            with pytest.raises(Refusal) as caught:
                await receive(there, unsaid(PNG), name)
            assert caught.value.code == code
        nursery.cancel_scope.cancel()


async def test_what_a_killed_server_left_half_is_swept_once_its_lease_is_over(there: UploadSchool) -> None:
    lost, running = "e" * 26, "f" * 26
    now = there.school.clock.now()
    for name, lease in ((lost, now - 1), (running, now + 60_000)):
        values = {"id": name, "owner_id": "ann", "name": "x", "status": "receiving"}
        async with there.store.unit(SYSTEM_CALLER) as unit:
            await unit.insert(UPLOAD, values)
        await there.database.execute("INSERT INTO upload_files VALUES ($1, $1, $2)", name, lease)
        there.reception.files.begin(name).write(PNG)
    assert there.kept() == [lost, running]
    assert await there.reception.sweep() == 1
    assert there.kept() == [running]
    assert (await there.row(lost))["reason"] == "interrupted"
    assert (await there.row(running))["status"] == "receiving"


class Full(Directory):
    """A directory whose disk becomes full in the middle of a file."""

    full = True

    def check_room(self) -> None:
        self._keep_free = 2**62 if self.full and self._begun else 0
        self._begun = True
        super().check_room()

    _begun = False

    def begin(self, name: str) -> Sink:
        sink = super().begin(name)
        return _Looking(self, sink) if self.full else sink


class _Looking:
    """A sink that looks at the room at each write."""

    def __init__(self, directory: Full, sink: Sink) -> None:
        self._directory, self._sink = directory, sink
        self.finish, self.discard = sink.finish, sink.discard

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._directory.check_room()


async def test_a_full_disk_is_a_clear_answer_and_the_next_file_is_taken_when_there_is_room(
    database_url: str, tmp_path: Path
) -> None:
    files = Full(tmp_path / "files", keep_free=0)
    async with open_upload_school(database_url, tmp_path / "files", files=files) as there:
        reply = await there.send(PNG)
        assert (reply.status, reply.code, reply.body["d"]) == (503, "unavailable", {"reason": "no_room"})
        assert int(reply.headers["Retry-After"]) >= 1
        assert there.kept() == []
        (row,) = await there.rows()
        assert (row["status"], row["reason"]) == ("failed", "no_room")
        files.full = False
        assert (await there.send(PNG)).status == 201


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
    assert (await there.call("DELETE", f"/api/uploads/{one}", TESS)).code == "conflict", "a resource points to it"


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


async def test_a_file_that_the_store_has_lost_is_not_found(there: UploadSchool) -> None:
    one = (await there.send(PNG)).body["id"]
    (name,) = there.kept()
    there.reception.files.remove(name)
    assert (await there.fetch(one))[0] == 404
