"""Files through the door: taken in whole or not at all, held to what they were said to be, and to the places there are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.records.files.directory import Directory
from homeroom.records.files.store import Sink
from homeroom.records.files.terms import Offer, UploadSettings
from homeroom.records.school.uploads import UPLOAD
from tests.http.alive import until
from tests.http.upload_school import ANN, BOB, PNG, TESS, TOM, Person, UploadSchool, open_upload_school, unsaid

NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "/etc/passwd": "passwd",
    "C:\\con": "con",
    "%2e%2e%2fpasswd": "%2e%2e%2fpasswd",
    "a\nb": "a b",
    "a\x1b[2Jb\u202egnp": "a[2Jbgnp",
    "ä" * 255: "ä" * 255,
    "$(id).png": "$(id).png",
}
"""Names that a careless server would take for paths, or would be hurt by, and as which they are kept."""


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


async def test_the_name_may_stand_in_a_header(there: UploadSchool) -> None:
    reply = await there.send(
        PNG, name="", headers={"Content-Disposition": "attachment; filename*=UTF-8''a%20%C3%A4.png"}
    )
    assert reply.body["name"] == "a ä.png"
    assert (await there.send(PNG, name="")).body["d"]["field"] == "name"


@pytest.mark.parametrize(("name", "clean"), NAMES.items())
async def test_a_name_is_a_text_and_never_a_path(there: UploadSchool, name: str, clean: str) -> None:
    reply = await there.send(PNG, name=name)
    assert reply.status == 201
    assert reply.body["name"] == clean
    path = f"/api/uploads/{(await there.send(PNG)).body['id']}"
    assert (await there.call("PATCH", path, body={"name": name})).body["name"] == clean, "nor does it become one later"
    assert all(len(kept) == 26 for kept in there.kept())
    assert {path.name for path in there.folder.parent.iterdir()} == {"files"}
    given = (await there.fetch(reply.body["id"]))[2]["Content-Disposition"]
    assert not set("/\\\n%:") & set(given.partition("filename=")[2].partition(";")[0])
    assert given.partition("filename=")[2].startswith('"') or ".." not in given


@pytest.mark.parametrize("name", ["a\0b.png", "\0", " ", "x" * 256, "\u200b", "..", "a/..", "a/"])
async def test_a_name_that_cannot_be_kept_is_refused_before_a_byte_is_read(there: UploadSchool, name: str) -> None:
    reply = await there.send(PNG, name=name)
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", "name")
    assert there.kept() == []
    assert await there.rows() == []
    path = f"/api/uploads/{(await there.send(PNG)).body['id']}"
    renamed = await there.call("PATCH", path, body={"name": name})
    assert (renamed.status, renamed.code, renamed.body["d"]["field"]) == (400, "bad_command", "name")


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


async def stalled() -> AsyncIterator[bytes]:
    yield PNG
    await trio.sleep_forever()


async def receive(
    there: UploadSchool, content: AsyncIterator[bytes], id: str = "a" * 26, by: Person = ANN, **offer: Any
) -> Any:
    who = await there.school.tokens.authenticate(there.school.bearer(*by)["Authorization"].partition(" ")[2])
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
    assert (await there.send(PNG[:-1] + b"x", headers=key)).code == "conflict", "as long, and yet another one"
    for other in (PNG + b"x", PNG[:-1]):
        with pytest.raises(Refusal) as caught:
            await receive(there, unsaid(other), first.body["id"], name="work.png", declared="image/png")
        assert caught.value.code == "conflict", "its length was not said"
    same = await receive(there, unsaid(PNG, 100), first.body["id"], name="work.png", declared="image/png")
    assert (same.again, same.row) == (True, first.body)
    assert len(there.kept()) == len(await there.rows()) == 1
    assert (await there.send(PNG, name="other.png", headers=key)).code == "conflict"
    assert (await there.send(PNG, BOB, headers=key)).body["id"] != first.body["id"]
    assert (await there.send(b"no png", headers={"Idempotency-Key": "two"})).code == "bad_command"
    retried = await there.send(PNG, headers={"Idempotency-Key": "two"})
    assert (retried.status, retried.body["status"], retried.body["reason"]) == (201, "completed", "")
    assert (await there.fetch(retried.body["id"]))[1] == PNG


async def test_a_late_repeat_does_not_bring_back_what_was_taken_away(there: UploadSchool) -> None:
    key = {"Idempotency-Key": "late"}
    first = (await there.send(PNG, headers=key)).body
    assert (await there.call("DELETE", f"/api/uploads/{first['id']}")).status == 200
    await there.reception.sweep()
    again = await there.send(PNG, headers=key)
    assert (again.status, again.code, again.body["d"]) == (409, "conflict", {"reason": "deleted"})
    assert (await there.rows(), there.kept()) == ([], [])
    assert (await there.send(PNG, headers={"Idempotency-Key": "later"})).status == 201


async def test_a_client_that_hangs_up_leaves_nothing_behind(there: UploadSchool) -> None:
    with trio.move_on_after(0.2) as hung_up:
        await receive(there, stalled())
    assert hung_up.cancelled_caught
    await there.reception.sweep()
    assert there.kept() == []
    assert (await there.row("a" * 26))["reason"] == "interrupted"
    assert there.events("user:ann") == ["upload.started", "upload.failed"]


async def test_a_file_on_its_way_is_not_begun_twice_and_two_are_the_most(there: UploadSchool) -> None:
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


async def test_of_the_last_places_everybody_gets_one(database_url: str, tmp_path: Path) -> None:
    settings = UploadSettings(at_once=4)
    async with open_upload_school(database_url, tmp_path / "files", settings) as there, trio.open_nursery() as nursery:

        async def stall(letter: str, who: Person) -> None:
            before = len(there.kept())
            nursery.start_soon(receive, there, stalled(), letter * 26, who)
            await until(lambda: len(there.kept()) > before, 30)

        for letter, who in (("b", ANN), ("c", ANN), ("d", BOB)):
            await stall(letter, who)
        refused = await there.send(PNG, ANN)
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert (await there.send(PNG, TESS)).status == 201
        await stall("e", TOM)
        assert (await there.send(PNG, TESS)).code == "overloaded"
        assert there.reception.statistics()["coming"] == 4
        nursery.cancel_scope.cancel()
    assert there.reception.statistics()["coming"] == 0


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


async def test_what_a_killed_server_left_half_comes_again_when_its_lease_is_over_and_says_when(
    there: UploadSchool,
) -> None:
    lost, now = "e" * 26, there.school.clock.now()
    async with there.store.unit(SYSTEM_CALLER) as unit:
        await unit.insert(UPLOAD, {"id": lost, "owner_id": "ann", "name": "x", "status": "receiving"})
    await there.database.execute("INSERT INTO upload_files VALUES ($1, $1, $2)", lost, now + 40_000)
    with pytest.raises(Refusal) as caught:
        await receive(there, unsaid(PNG), lost)
    assert caught.value.code == "conflict"
    assert 0 < (caught.value.retry_ms or 0) <= 40_000
    await there.database.execute("UPDATE upload_files SET lease = $1", there.school.clock.now() - 1)
    assert (await receive(there, unsaid(PNG), lost)).row["status"] == "completed"
    await there.reception.sweep()
    assert ((await there.row(lost))["status"], len(there.kept())) == ("completed", 1)
    assert [row["lease"] for row in await there.rows("upload_files")] == [None]


async def test_a_server_that_starts_sweeps_half_files_and_rows_of_those_that_failed_long_ago(
    there: UploadSchool,
) -> None:
    lost, failed = "e" * 26, "f" * 26
    values = {"owner_id": "ann", "name": "x"}
    async with there.store.unit(SYSTEM_CALLER) as unit:
        await unit.insert(UPLOAD, {"id": lost, "status": "receiving", **values})
        await unit.insert(UPLOAD, {"id": failed, "status": "failed", "reason": "full", **values})
    await there.database.execute("INSERT INTO upload_files VALUES ($1, $1, 1)", lost)
    await there.database.execute("UPDATE uploads SET updated_at = 1 WHERE id = $1", failed)
    async with trio.open_nursery() as nursery:
        await nursery.start(there.reception.run)
        await until(lambda: len(there.events("user:ann")) == 4, 30)
        nursery.cancel_scope.cancel()
    assert sorted(there.events("user:ann")[2:]) == ["upload.deleted", "upload.failed"]
    (row,) = await there.rows()
    assert (row["id"], row["status"], row["reason"]) == (lost, "failed", "interrupted")


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
