"""Files in forms: one file and nothing else, byte for byte, and a head that is small before anybody takes it apart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeroom.http.multipart import open_form
from tests.http.upload_school import PNG, UploadSchool, open_upload_school, unsaid


@pytest.fixture
async def there(database_url: str, tmp_path: Path) -> AsyncIterator[UploadSchool]:
    """Return a school that takes files."""
    async with open_upload_school(database_url, tmp_path / "files") as school:
        yield school


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


@pytest.mark.parametrize("given", [r"..\..\x.png", r"C:\Users\ann\x.png", "../../x.png", r"\\srv\x.png"])
async def test_of_a_path_in_a_form_the_last_part_is_kept(there: UploadSchool, given: str) -> None:
    head = f'--X\r\nContent-Disposition: form-data; name="file"; filename="{given}"\r\nContent-Type: image/png\r\n\r\n'
    reply = await there.send(head.encode() + PNG + b"\r\n--X--\r\n", name="", type="multipart/form-data; boundary=X")
    assert (reply.status, reply.body["name"]) == (201, "x.png")


async def test_a_form_that_is_no_form_of_one_file_is_refused_before_it_costs_anything(there: UploadSchool) -> None:
    said = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.png"'
    for head in (
        said + b'; a="b"' * 30_000,
        said + b'; a="b"' * 100,
        said + b"\r\nX: y" * 700,
        b"before it\r\n" + said,
        b"--X \t" + b" " * 5_000,
    ):
        reply = await there.send(head + b"\r\n\r\nhi\r\n--X--\r\n", name="", type="multipart/form-data; boundary=X")
        assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", "content"), head[:100]
    two = said + b"\r\n\r\nhi\r\n" + said + b'; a="b"' * 4_000 + b"\r\n\r\nhi\r\n--X--\r\n"
    assert "one file" in (await there.send(two, name="", type="multipart/form-data; boundary=X")).body["detail"]
    named = said.replace(b"a.png", "\U0001f600".encode() * 251 + b".png") + b"\r\nContent-Type: image/png\r\n\r\n"
    whole = await there.send(b"\r\n" + named + PNG + b"\r\n--X--", name="", type="multipart/form-data; boundary=X")
    assert (whole.status, len(whole.body["name"])) == (201, 255)


@pytest.mark.parametrize("size", [1, 7, 100, 16_383, 16_384, 40_000])
async def test_a_form_in_pieces_of_any_size_is_its_file_byte_for_byte(size: int) -> None:
    content = (b"\r\n--X \r\r\n--" + PNG + b"\n--XX--\r") * (20 if size > 10 else 1)
    body = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + content + b"\r\n--X--\r\n"
    part = await open_form(unsaid(body, size), "multipart/form-data; boundary=X")
    assert b"".join([piece async for piece in part.pieces]) == content
