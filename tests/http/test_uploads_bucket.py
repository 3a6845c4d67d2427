"""Files in a bucket, on the whole road: the program as it is served, a real S3 server behind it, and what is left when one is away."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
import trio

from homeroom.records.files.s3 import PART
from tests.e2e.server import Server
from tests.records.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, running_s3

TEACHER, STUDENT = "demo-teacher-1", "demo-student-1"
LARGE = b"\x89PNG\r\n\x1a\n" + Random(3).randbytes(PART + 4_711)
"""More than one part."""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Give where a bucket is kept, and where its server listens."""
    folder = tmp_path_factory.mktemp("s3")
    with running_s3(folder) as found:
        assert found.endpoint
        yield folder / BUCKET, found.endpoint


@pytest.fixture(scope="module")
def school(bucket: tuple[Path, str], new_database: Callable[[], str]) -> Iterator[Server]:
    """Give a running school that keeps its files there, set up by its environment alone."""
    env = {
        "HOMEROOM_UPLOAD_BUCKET": BUCKET,
        "HOMEROOM_UPLOAD_ENDPOINT": bucket[1],
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
    with Server(env, database=new_database()).opened() as server:
        yield server


async def _token(school: Server, user: str) -> str:
    return school.token(user)


def door(school: Server, user: str) -> httpx.Client:
    """Return a person's way in."""
    headers = {"Authorization": f"Bearer {trio.run(_token, school, user)}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{school.port}", headers=headers, timeout=60)


def objects(bucket: tuple[Path, str]) -> list[Path]:
    """Return what lies in the bucket."""
    return sorted(path for path in bucket[0].rglob("*") if path.is_file())


def test_a_file_goes_into_the_bucket_comes_out_in_whole_and_in_part_and_is_gone_when_it_is_deleted(
    school: Server, bucket: tuple[Path, str]
) -> None:
    with door(school, TEACHER) as teacher, door(school, STUDENT) as student:
        raw = {"Content-Type": "application/octet-stream"}
        made = teacher.post("/api/uploads?name=map.png", content=LARGE, headers=raw)
        assert made.status_code == 201, made.text
        assert (made.json()["size"], made.json()["status"]) == (len(LARGE), "completed")
        (kept,) = objects(bucket)
        assert kept.read_bytes() == LARGE
        path = f"/api/uploads/{made.json()['id']}"
        whole = teacher.get(f"{path}/content")
        assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, LARGE, "image/png")
        part = teacher.get(f"{path}/content", headers={"Range": f"bytes={PART - 5}-{PART + 5}"})
        assert (part.status_code, part.content) == (206, LARGE[PART - 5 : PART + 6])
        known = teacher.get(f"{path}/content", headers={"If-None-Match": whole.headers["ETag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert student.get(f"{path}/content").status_code == 404
        assert teacher.delete(path).status_code == 200
        assert teacher.get(f"{path}/content").status_code == 404


def test_what_belies_its_type_leaves_nothing_in_the_bucket(school: Server, bucket: tuple[Path, str]) -> None:
    before = objects(bucket)
    with door(school, TEACHER) as teacher:
        raw = {"Content-Type": "application/octet-stream"}
        refused = teacher.post("/api/uploads?name=map.png&type=image/png", content=b"%PDF-1.7 a text", headers=raw)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_command")
        assert set(objects(bucket)) <= set(before)


def test_while_the_store_is_away_files_are_answered_503_and_all_else_goes_on(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with running_s3(tmp_path) as found:
        env = {
            "HOMEROOM_UPLOAD_BUCKET": BUCKET,
            "HOMEROOM_UPLOAD_ENDPOINT": found.endpoint or "",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        server = Server(env, database=new_database())
        server.open()
    try:
        with door(server, TEACHER) as teacher:
            sent = teacher.post("/api/uploads?name=a.txt", content=b"hello", headers={"Content-Type": "text/plain"})
            assert (sent.status_code, sent.json()["code"]) == (503, "unavailable"), sent.text
            assert teacher.get("/api/schedules").status_code == 200
        server.end()
    finally:
        server.close()
