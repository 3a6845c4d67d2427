"""Files over real sockets: a flood is cut and not stored, the pace is that of the disk, and who stalls or hangs up leaves nothing."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.http.hypercorn_guard import HttpSettings
from homeroom.records.files.directory import Directory
from homeroom.records.files.store import Sink
from homeroom.records.files.terms import Offer, UploadSettings
from homeroom.records.logins import Ended
from tests.http.alive import until
from tests.http.upload_school import ANN, BOB, PNG, UploadSchool, on_a_port, open_upload_school

MIB = 1_048_576
GIB = 1_024 * MIB
BUFFERS = 24 * MIB
"""What the sockets of both sides may hold of a body that nobody reads, at the most."""
LIMITS = UploadSettings(file_bytes=2 * MIB, person_bytes=GIB)
PIECE = b"\0" * 65_536
ROUNDS = 4


@pytest.fixture
async def there(database_url: str, tmp_path: Path) -> AsyncIterator[UploadSchool]:
    """Return a school that takes files of two MiB."""
    async with open_upload_school(database_url, tmp_path / "files", LIMITS) as school:
        yield school


class Client:
    """A client that sends a body, and looks for an answer meanwhile. `sent` bytes of the body."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.sent = 0
        self.answer = b""

    async def begin(self, there: UploadSchool, *lines: str) -> None:
        """Send the head of an upload."""
        bearer = there.school.bearer(*ANN)["Authorization"]
        head = ("POST /api/uploads?name=x HTTP/1.1", "Host: testserver", f"Authorization: {bearer}", *lines, "", "")
        await self.stream.send_all("\r\n".join(head).encode())

    async def send(self, size: int, *, chunked: bool = False) -> None:
        """Send so much of a body, or until nobody takes it."""
        data = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while self.sent < size:
                await self.stream.send_all(data)
                self.sent += len(PIECE)

    async def read(self) -> None:
        """Read all of the answer."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self.stream.receive_some(65_536):
                self.answer += data

    async def send_and_read(self, size: int, *, chunked: bool = False) -> None:
        """Do both, until there is an answer."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: self.send(size, chunked=chunked))
            await self.read()
            nursery.cancel_scope.cancel()

    @property
    def status(self) -> int:
        """The status of the answer, 0 for none."""
        return int(self.answer.split(b" ", 2)[1]) if self.answer else 0


async def client_of(port: int) -> Client:
    return Client(await trio.open_tcp_stream("127.0.0.1", port))


@pytest.mark.parametrize("chunked", [False, True], ids=["said", "chunked"])
async def test_a_gigabyte_is_cut_at_the_limit_and_the_client_hears_why(there: UploadSchool, chunked: bool) -> None:
    async with on_a_port(there) as port:
        client = await client_of(port)
        await client.begin(there, "Transfer-Encoding: chunked" if chunked else f"Content-Length: {GIB}")
        with trio.fail_after(60):
            await client.send_and_read(GIB, chunked=chunked)
        assert client.status == 413, client.answer
        assert b'"too_large"' in client.answer
        assert client.sent < BUFFERS
        await client.stream.aclose()
        await there.reception.sweep()
        assert there.kept() == []
        rows = await there.rows()
        assert [(row["status"], row["reason"]) for row in rows] == ([("failed", "too_large")] if chunked else [])


async def test_a_door_that_takes_no_files_lets_nobody_fill_its_memory(there: UploadSchool) -> None:
    async with on_a_port(there) as port:
        client = await client_of(port)
        bearer = there.school.bearer(*ANN)["Authorization"]
        head = (
            "POST /api/tasks HTTP/1.1",
            "Host: testserver",
            f"Authorization: {bearer}",
            "Transfer-Encoding: chunked",
            "",
            "",
        )
        await client.stream.send_all("\r\n".join(head).encode())
        with trio.fail_after(60):
            await client.send_and_read(GIB, chunked=True)
        assert client.status == 413, client.answer
        assert client.sent < BUFFERS
        await client.stream.aclose()


class Slow(Directory):
    """A directory on a disk that takes nothing until it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, keep_free=0)
        self.goes_on = Event()

    def begin(self, name: str) -> Sink:
        self.goes_on.wait(60)
        return super().begin(name)


async def test_no_more_of_a_file_comes_in_than_the_disk_takes(database_url: str, tmp_path: Path) -> None:
    size = 64 * MIB
    disk = Slow(tmp_path / "files")
    async with (
        open_upload_school(database_url, tmp_path / "files", replace(LIMITS, file_bytes=size), disk) as there,
        on_a_port(there) as port,
    ):
        client = await client_of(port)
        await client.begin(
            there, f"Content-Length: {size}", "Content-Type: application/octet-stream", "Connection: close"
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, size)
            await until(lambda: client.sent > 0)
            await wait_all_tasks_blocked(0.3)
            held = client.sent
            disk.goes_on.set()
            with trio.fail_after(60):
                await client.read()
        assert held < BUFFERS
        assert client.sent == size
        assert client.status == 400, "64 MiB of nothing are no file of any type"
        await client.stream.aclose()


async def gone(there: UploadSchool) -> Callable[[], bool]:
    """Return what tells whether the only upload has failed."""
    return lambda: there.events("user:ann")[-1:] == ["upload.failed"]


async def test_a_body_that_stalls_is_cut_and_leaves_nothing(there: UploadSchool) -> None:
    async with on_a_port(there, HttpSettings(body_s=0.4)) as port:
        client = await client_of(port)
        await client.begin(there, f"Content-Length: {MIB}")
        await client.stream.send_all(PNG)
        with trio.fail_after(30):
            await client.read()
        await until(await gone(there), 30)
        assert there.kept() == []
        await client.stream.aclose()


async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(there: UploadSchool) -> None:
    async with on_a_port(there) as port:
        client = await client_of(port)
        await client.begin(there, f"Content-Length: {MIB}")
        await client.stream.send_all(PNG)
        await until(lambda: len(there.kept()) == 1, 30)
        await client.stream.aclose()
        await until(await gone(there), 30)
        assert there.kept() == []
        (row,) = await there.rows()
        assert (row["status"], row["reason"]) == ("failed", "interrupted")


async def test_a_file_that_a_login_was_sending_when_it_ended_comes_in_no_more(there: UploadSchool) -> None:
    async with on_a_port(there) as port:
        client = await client_of(port)
        await client.begin(there, f"Content-Length: {2 * len(PNG)}", "Content-Type: image/png")
        await client.stream.send_all(PNG)
        await until(lambda: len(there.kept()) == 1, 30)
        there.school.revocations.add(Ended("ann", "", there.school.clock.now() + 1_000))
        await client.stream.send_all(PNG)
        with trio.fail_after(30):
            await client.read()
        assert client.status == 401, client.answer
        await client.stream.aclose()
        await there.reception.sweep()
        (row,) = await there.rows()
        assert (row["status"], row["reason"], there.kept()) == ("failed", "interrupted", [])


async def test_a_login_that_ends_while_its_file_is_made_to_last_has_no_file(there: UploadSchool) -> None:
    asked = 0

    async def still() -> None:
        nonlocal asked
        await trio.lowlevel.checkpoint()
        asked += 1
        if asked > 1:
            raise Refusal("unauthenticated", "the login was ended")

    async def content() -> AsyncIterator[bytes]:
        yield PNG

    with pytest.raises(Refusal):
        await there.reception.receive("a" * 26, Offer("x"), content(), Caller("ann", "student", "Ann"), still)
    await there.reception.sweep()
    assert ((await there.row("a" * 26))["status"], there.kept()) == ("failed", [])


async def drip(client: Client) -> None:
    """Send a byte now and then: far below any rate, and never a long pause."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while True:
            await client.stream.send_all(b"x")
            await trio.sleep(0.05)


async def dripping_until_cut(client: Client) -> None:
    """Drip until the server ends it as too slow."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip, client)
        with trio.fail_after(30):
            await client.read()
        nursery.cancel_scope.cancel()
    assert client.status == 408, client.answer
    assert b"too slow" in client.answer


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
async def test_who_drips_is_cut_and_the_place_is_somebody_elses(database_url: str, tmp_path: Path, again: bool) -> None:
    limits = replace(LIMITS, at_once=1, pace_s=0.5)
    async with open_upload_school(database_url, tmp_path / "files", limits) as there, on_a_port(there) as port:
        if again:
            assert (await there.send(PNG, name="x", headers={"Idempotency-Key": "k"})).status == 201
        client = await client_of(port)
        await client.begin(there, f"Content-Length: {len(PNG)}", "Content-Type: image/png", "Idempotency-Key: k")
        await dripping_until_cut(client)
        assert b"retry-after" in client.answer.lower()
        await client.stream.aclose()
        assert (await there.send(PNG, BOB)).status == 201
        found = [(row["status"], row["reason"]) for row in await there.rows() if row["owner_id"] == "ann"]
        assert found == ([("completed", "")] if again else [("failed", "interrupted")])


async def test_a_form_whose_head_drips_has_a_place_and_a_pace_like_any_file(database_url: str, tmp_path: Path) -> None:
    limits = replace(LIMITS, at_once=1, pace_s=0.5)
    async with open_upload_school(database_url, tmp_path / "files", limits) as there, on_a_port(there) as port:
        client = await client_of(port)
        await client.begin(there, "Content-Length: 9000", "Content-Type: multipart/form-data; boundary=X")
        await client.stream.send_all(b'--X\r\nContent-Disposition: form-data; name="file"; filename="')
        await until(lambda: there.reception.statistics()["coming"] == 1, 30)
        await dripping_until_cut(client)
        await client.stream.aclose()
        assert (await there.send(PNG, BOB)).status == 201
        assert [row["owner_id"] for row in await there.rows()] == ["bob"]


async def send_with_key(there: UploadSchool, port: int, key: str, content: bytes) -> Client:
    """Send a file on a connection of its own, and read all of the answer."""
    client = await client_of(port)
    said = (f"Content-Length: {len(content)}", "Content-Type: text/plain", "Connection: close")
    await client.begin(there, *said, f"Idempotency-Key: {key}")
    with suppress(trio.BrokenResourceError):
        await client.stream.send_all(content)
    await client.read()
    await client.stream.aclose()
    return client


@pytest.mark.parametrize("differ", [True, False], ids=["other bytes", "same bytes"])
async def test_of_many_with_one_key_at_once_one_file_comes_in_and_none_wait_for_each_other(
    there: UploadSchool, differ: bool
) -> None:
    contents = [b"file %d\n" % (n if differ else 0) * 2_000 for n in range(8)]
    async with on_a_port(there) as port:
        for count in range(ROUNDS):
            key, answers = f"round-{count}", dict[int, Client]()

            async def send(n: int, key: str = key, answers: dict[int, Client] = answers) -> None:
                answers[n] = await send_with_key(there, port, key, contents[n])

            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    for n in range(8):
                        nursery.start_soon(send, n)
            told = Counter(client.status for client in answers.values())
            assert set(told) <= {201, 409}, [client.answer for client in answers.values()]
            assert told[201] == 1 if differ else told[201] >= 1
            refused = [client.answer for client in answers.values() if client.status == 409]
            assert all(b"on its way" in text or b"another file" in text for text in refused), refused
            assert [row["status"] for row in await there.rows()] == ["completed"] * (count + 1)
            assert len(there.kept()) == count + 1
            won = next(n for n, client in answers.items() if client.status == 201)
            again = await send_with_key(there, port, key, contents[won])
            assert again.status == 201
            assert sha256(contents[won]).hexdigest().encode() in again.answer
            assert (await send_with_key(there, port, key, contents[won].swapcase())).status == 409


async def test_a_whole_file_goes_over_the_wire_and_the_connection_is_kept(there: UploadSchool) -> None:
    """Both ways on one connection, many pieces each."""
    content = PNG + bytes(range(256)) * 4_000
    async with on_a_port(there) as port:
        client = await client_of(port)
        await client.begin(there, f"Content-Length: {len(content)}", "Content-Type: image/png")
        await client.stream.send_all(content)
        with trio.fail_after(30):
            while b'"completed"' not in client.answer:
                client.answer += await client.stream.receive_some(65_536)
        one = (await there.rows())[0]["id"]
        bearer = there.school.bearer(*ANN)["Authorization"]
        head = (
            f"GET /api/uploads/{one}/content HTTP/1.1",
            "Host: testserver",
            f"Authorization: {bearer}",
            "Connection: close",
            "",
            "",
        )
        await client.stream.send_all("\r\n".join(head).encode())
        client.answer = b""
        with trio.fail_after(30):
            await client.read()
        assert client.status == 200
        assert client.answer.partition(b"\r\n\r\n")[2] == content
        await client.stream.aclose()
