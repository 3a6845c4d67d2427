"""Our own pages: right types, tags, a policy that lets nothing foreign in, and no way out of their folders."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from homeroom.http.pages import read_folder
from tests.http.rest_school import School

FOLDERS = {
    "static": Path(str(files("homeroom.http") / "static")),
    "docs": Path(str(files("homeroom.http") / "docs_page")),
}
NAMES = [
    (folder, str(file.relative_to(path)))
    for folder, path in FOLDERS.items()
    for file in sorted(path.rglob("*"))
    if file.is_file() and not file.name.startswith(".")
]
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_comes_with_a_policy_that_lets_nothing_foreign_in(rest_school: School, path: str) -> None:
    page = await rest_school.call("GET", path, headers={"Host": "school.example:8000"})
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self' ws://school.example:8000 wss://school.example:8000"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"


async def test_the_address_of_the_docs_with_a_slash_leads_to_the_one_without(rest_school: School) -> None:
    page = await rest_school.call("GET", "/docs/")
    assert (page.status, page.headers["Location"]) == (308, "/docs")


async def test_a_host_that_is_none_does_not_get_into_the_policy(rest_school: School) -> None:
    for host in ("x; script-src *", "a b", "x'y"):
        page = await rest_school.call("GET", "/", headers={"Host": host})
        assert "script-src *" not in page.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize(("folder", "name"), NAMES)
async def test_every_file_has_its_type_and_a_tag_that_saves_sending_it_again(
    rest_school: School, folder: str, name: str
) -> None:
    first = await rest_school.call("GET", f"/{folder}/{name}")
    assert first.status == 200
    assert first.headers["Content-Type"] == TYPES[Path(name).suffix]
    assert first.headers["Cache-Control"] == "no-cache"
    again = await rest_school.call("GET", f"/{folder}/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, "")
    other = await rest_school.call("GET", f"/{folder}/{name}", headers={"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize("folder", FOLDERS)
async def test_no_page_has_a_script_style_or_source_that_the_policy_forbids(folder: str) -> None:
    for file in FOLDERS[folder].rglob("*.html"):
        text = file.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\son\w+\s*=|\sstyle\s*=|javascript:", text), file
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text), file


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/docs/../../pyproject.toml",
        "/static/index.html%00",
        "/static/",
        "/static",
        "/static/.hidden",
        "/static\\..\\app.py",
        "/other/index.html",
    ],
)
async def test_z7_nothing_outside_the_folders_can_be_had(rest_school: School, path: str) -> None:
    assert (await rest_school.call("GET", path)).status == 404


def test_folders_are_read_with_what_is_inside_them_and_without_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.js").write_text("1")
    (tmp_path / ".secret").write_text("2")
    (tmp_path / "data.bin").write_bytes(b"3")
    found = read_folder(tmp_path)
    assert {name: file.type for name, file in found.items()} == {
        "a/b/x.js": "text/javascript; charset=utf-8",
        "data.bin": "application/octet-stream",
    }


def test_a_tag_changes_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "x.js").write_text("1")
    before = read_folder(tmp_path)["x.js"].tag
    (tmp_path / "x.js").write_text("2")
    assert read_folder(tmp_path)["x.js"].tag != before
