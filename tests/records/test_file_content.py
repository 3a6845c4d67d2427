"""What a file is, is found in its bytes: never in its name, and only half in what somebody says of it."""

import zipfile
from io import BytesIO

import pytest

from homeroom.records.files.content import FILE_TYPES, Inspector, UnfitContent, known_name

OFFICE, OPEN = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."


def archive(*names: str, first: str = "") -> bytes:
    """Return an archive with members of these names; `first` is the content of the first one."""
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name in names:
            file.writestr(name, first or "x" * 50)
            first = ""
    return held.getvalue()


SAMPLES = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 50,
    "image/gif": b"GIF89a" + b"\0" * 50,
    "image/webp": b"RIFF\0\1\0\0WEBPVP8 " + b"\0" * 50,
    "audio/mpeg": b"ID3\3\0" + b"\0" * 50,
    "audio/ogg": b"OggS\0\2" + b"\0" * 50,
    "audio/wav": b"RIFF\0\1\0\0WAVEfmt " + b"\0" * 50,
    "video/mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 50,
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm" + b"\0" * 50,
    "application/pdf": b"%PDF-1.7\n" + b"x" * 50,
    f"{OFFICE}wordprocessingml.document": archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    f"{OFFICE}spreadsheetml.sheet": archive("xl/workbook.xml", "[Content_Types].xml"),
    f"{OFFICE}presentationml.presentation": archive("[Content_Types].xml", "ppt/presentation.xml"),
    f"{OPEN}text": archive("mimetype", "content.xml", first=f"{OPEN}text"),
    f"{OPEN}spreadsheet": archive("mimetype", "content.xml", first=f"{OPEN}spreadsheet"),
    f"{OPEN}presentation": archive("mimetype", "content.xml", first=f"{OPEN}presentation"),
    "application/zip": archive("a.txt", "word/of/mine.txt"),
    "text/plain": "Grüße, 日本\n".encode(),
    "text/csv": b"name,mark\nann,1\n",
    "text/markdown": b"# Title\n",
    "application/json": b'{"a": 1}',
}
TEXTS = {"text/plain", "text/csv", "text/markdown", "application/json"}
HARMFUL = {
    "a page": b"<!DOCTYPE html><html><script>alert(1)</script>",
    "a page behind blanks": b"\xef\xbb\xbf \n\t<html><script>alert(1)</script>",
    "a picture with a script": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a program": b"MZ" + b"\0" * 100,
    "another program": b"\x7fELF\2\1\1" + b"\0" * 100,
    "bytes": bytes(range(256)),
    "half a character": b"abc\xe2\x82",
    "a text with NUL": b"abc\0def",
}


def look(content: bytes, declared: str = "", piece: int = 7) -> str:
    inspector = Inspector()
    for start in range(0, len(content), piece):
        inspector.see(content[start : start + piece])
    return inspector.verdict(declared, FILE_TYPES).name


def test_every_type_there_is_has_a_sample() -> None:
    assert SAMPLES.keys() == FILE_TYPES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_is_what_it_was_said_to_be_and_is_found_when_nobody_said(name: str) -> None:
    assert look(SAMPLES[name], name) == name
    assert look(SAMPLES[name], name, piece=10**9) == name
    assert look(SAMPLES[name]) == ("text/plain" if name in TEXTS else name)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_that_belies_its_type_is_refused_with_what_it_is(name: str) -> None:
    wider = TEXTS if name in TEXTS else {name, "application/zip"}
    for declared in SAMPLES.keys() - wider:
        with pytest.raises(UnfitContent) as caught:
            look(SAMPLES[name], declared)
        assert caught.value.found == ("text/plain" if name in TEXTS else name)


@pytest.mark.parametrize("what", HARMFUL)
def test_what_is_no_type_of_the_table_is_refused_whatever_it_is_said_to_be(what: str) -> None:
    for declared in ("", *FILE_TYPES):
        with pytest.raises(UnfitContent):
            look(HARMFUL[what], declared)


def test_nothing_of_the_table_can_run_in_a_browser() -> None:
    assert not {
        name for name in FILE_TYPES if "html" in name or "svg" in name or "xml" in name.rpartition("/")[2].split("-")
    }
    assert all(row.name.split("/")[0] in {"image", "audio", "video"} for row in FILE_TYPES.values() if row.shown)


def test_only_the_types_that_a_school_takes_are_taken() -> None:
    inspector = Inspector()
    inspector.see(SAMPLES["image/png"])
    with pytest.raises(UnfitContent, match="not taken") as caught:
        inspector.verdict("", {"application/pdf"})
    assert caught.value.found == "image/png"


def test_an_archive_is_known_by_its_end_however_long_it_is() -> None:
    document = f"{OFFICE}wordprocessingml.document"
    long = archive("word/media/film.mp4", "word/document.xml", "[Content_Types].xml", first="x" * 300_000)
    assert look(long, document, piece=65_536) == document


def test_names_of_types_are_known_in_their_usual_spellings() -> None:
    assert known_name("text/plain; charset=utf-8") == "text/plain"
    assert known_name(" IMAGE/JPG ") == "image/jpeg"
    assert known_name("application/octet-stream") == known_name("") == ""
    assert known_name("image/svg+xml") == "image/svg+xml"
