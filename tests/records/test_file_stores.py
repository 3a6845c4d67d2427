"""What every store of files promises, held by a directory and by a real S3 server alike."""

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from homeroom.records.files.directory import LOOK_EVERY, Directory
from homeroom.records.files.s3 import PART, Bucket, S3Store
from homeroom.records.files.store import PIECE, Away, FileStore, Missing, NoRoom
from homeroom.records.ids import fresh_id
from tests.records.s3_server import running_s3

SMALL = b"an essay"
LARGE = Random(1).randbytes(2 * PART + 4_711)
OUTSIDE = [
    "",
    "..",
    "../../../etc/passwd",
    "/etc/passwd",
    "a\0b",
    "..\\evil",
    "half",
    "A" * 26,
    "a" * 27,
    "a" * 25 + ".",
]

Left = Callable[[], list[Path]]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """Return a bucket of a real server."""
    with running_s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def s3_store(bucket: Bucket) -> S3Store:
    """Return its files: a client takes a moment to make."""
    return S3Store(bucket)


@pytest.fixture(params=["directory", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    """Return a store."""
    if request.param == "directory":
        return Directory(tmp_path / "files", keep_free=0)
    store: S3Store = request.getfixturevalue("s3_store")
    return store


@pytest.fixture
def name() -> str:
    """Return a name that no other file has."""
    return fresh_id(Random(os.urandom(8)))


def keep(files: FileStore, name: str, content: bytes, piece: int = 65_536) -> None:
    sink = files.begin(name)
    for start in range(0, len(content), piece):
        sink.write(content[start : start + piece])
    sink.finish()


def read(files: FileStore, name: str, start: int, length: int) -> bytes:
    source = files.open(name, start, length)
    pieces = list(iter(source.read, b""))
    source.close()
    assert all(len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_what_was_finished_can_be_read(files: FileStore, name: str, content: bytes) -> None:
    keep(files, name, content)
    assert files.size(name) == len(content)
    assert read(files, name, 0, len(content)) == content


def test_any_part_can_be_read(files: FileStore, name: str) -> None:
    keep(files, name, LARGE)
    for start, length in ((0, 1), (1, 70_000), (PART - 3, 6), (len(LARGE) - 9, 9), (5, 0)):
        assert read(files, name, start, length) == LARGE[start : start + length]


def test_nobody_reads_a_file_before_it_is_finished(files: FileStore, name: str) -> None:
    sink = files.begin(name)
    sink.write(LARGE)
    with pytest.raises(Missing):
        files.size(name)
    with pytest.raises(Missing):
        files.open(name, 0, 1)
    sink.finish()
    assert files.size(name) == len(LARGE)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_of_a_discarded_file_nothing_is_left(files: FileStore, name: str, content: bytes) -> None:
    sink = files.begin(name)
    sink.write(content)
    sink.discard()
    with pytest.raises(Missing):
        files.size(name)


def test_a_file_is_removed_finished_or_half_or_not_there_at_all(files: FileStore, name: str) -> None:
    files.remove(name)
    files.begin(name).write(LARGE)
    files.remove(name)
    with pytest.raises(Missing):
        files.size(name)
    keep(files, name, SMALL)
    files.remove(name)
    with pytest.raises(Missing):
        files.open(name, 0, 1)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_the_server_cannot_have_made_is_refused(files: FileStore, name: str) -> None:
    steps: list[Callable[[], Any]] = [
        lambda: files.begin(name),
        lambda: files.open(name, 0, 1),
        lambda: files.size(name),
        lambda: files.remove(name),
    ]
    for step in steps:
        with pytest.raises(ValueError, match="no name of a file"):
            step()


# --- a directory


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_directory_holds_nothing_of_what_was_discarded_and_lets_nobody_else_in(tmp_path: Path, name: str) -> None:
    files = Directory(tmp_path / "files", keep_free=0)
    sink = files.begin(name)
    sink.write(SMALL)
    assert contents(tmp_path) == [name]
    sink.discard()
    assert contents(tmp_path) == []
    keep(files, name, SMALL)
    assert contents(tmp_path) == [name]
    assert files.place(name).stat().st_mode & 0o077 == 0
    assert files.place(name).parent.stat().st_mode & 0o077 == 0


def test_a_directory_follows_no_link(tmp_path: Path, name: str) -> None:
    files, secret = Directory(tmp_path / "files", keep_free=0), tmp_path / "secret"
    secret.write_text("secret")
    files.place(name).parent.mkdir()
    files.place(name).symlink_to(secret)
    files.half(name).symlink_to(secret)
    with pytest.raises(Away):
        files.open(name, 0, 6)
    with pytest.raises(Away):
        files.begin(name)
    files.remove(name)
    assert secret.read_text() == "secret"


def test_a_full_disk_is_said_to_be_full_and_keeps_nothing_half(tmp_path: Path, name: str) -> None:
    """The kernel itself refuses to let the file grow, as it does on a full disk."""
    files = Directory(tmp_path / "files", keep_free=0)
    sink = files.begin(name)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        sink.write(b"x" * 65_536)
        with pytest.raises(NoRoom):
            sink.write(b"x" * 65_536)
        sink.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path) == []
    keep(files, name, LARGE)
    assert read(files, name, 0, len(LARGE)) == LARGE


def test_files_leave_room_on_the_disk_for_others(tmp_path: Path, name: str) -> None:
    full = Directory(tmp_path / "files", keep_free=2**62)
    with pytest.raises(NoRoom):
        full.begin(name)
    filling = Directory(tmp_path / "files", keep_free=0)
    sink = filling.begin(name)
    filling._keep_free = 2**62  # the disk fills up meanwhile
    with pytest.raises(NoRoom):
        sink.write(b"x" * LOOK_EVERY)
    sink.discard()
    assert contents(tmp_path) == []


# --- S3


def test_parts_of_a_file_that_nobody_finishes_are_removed_from_s3(s3_store: S3Store, bucket: Bucket, name: str) -> None:
    files = s3_store
    sink = files.begin(name)
    sink.write(LARGE)
    listing = {"Bucket": bucket.name, "Prefix": name}
    assert len(files._client.list_multipart_uploads(**listing)["Uploads"]) == 1
    S3Store(bucket).remove(name)
    assert not files._client.list_multipart_uploads(**listing).get("Uploads")
    with pytest.raises((Missing, Away)):
        sink.finish()


def test_an_s3_store_that_is_away_or_knows_us_not_says_so_without_its_secrets(bucket: Bucket, name: str) -> None:
    away = S3Store(replace(bucket, endpoint="http://127.0.0.1:1", connect_s=2.0))
    unknown = S3Store(replace(bucket, secret_key="wrong"))
    for files in (away, unknown):
        with pytest.raises(Away) as caught:
            keep(files, name, SMALL)
        assert bucket.secret_key is not None
        assert bucket.secret_key not in str(caught.value)
        files.begin(name).discard()
        with pytest.raises(Away):
            files.remove(name)


def test_two_schools_share_a_bucket_by_their_prefixes(bucket: Bucket, name: str) -> None:
    one, other = (S3Store(replace(bucket, prefix=prefix)) for prefix in ("one/", "other/"))
    keep(one, name, SMALL)
    with pytest.raises(Missing):
        other.size(name)
    assert read(one, name, 0, len(SMALL)) == SMALL
