"""Files in a directory of this machine.

A file is written under `half/`, flushed to the disk and only then moved to its place, in a folder of its first two letters.
Nothing is ever opened by a name that somebody else chose, and no link is followed.
Never here: what is in a file.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from homeroom.records.files.store import PIECE, Away, Missing, NoRoom, Sink, checked_name

KEEP_FREE = 134_217_728
"""Bytes of the disk that files leave to others: the database may live beside them."""
LOOK_EVERY = 8_388_608
"""Bytes written between two looks at the free room."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_HALF = "half"


class Directory:
    """Files below `root`, for the server's own user only. `keep_free`: bytes that stay free on its disk."""

    def __init__(self, root: Path, keep_free: int = KEEP_FREE) -> None:
        self._root = root
        self._keep_free = keep_free
        (root / _HALF).mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self, name: str) -> Sink:
        """Begin a file."""
        return DirectorySink(self, checked_name(name))

    def open(self, name: str, start: int, length: int) -> "DirectorySource":
        """Open a part of a file."""
        with _told():
            return DirectorySource(os.open(self.place(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), start, length)

    def size(self, name: str) -> int:
        """Return the size of a finished file."""
        with _told():
            return os.lstat(self.place(name)).st_size

    def remove(self, name: str) -> None:
        """Remove a file, finished or half."""
        for path in (self.place(name), self.half(name)):
            with suppress(Missing), _told():
                path.unlink()

    def place(self, name: str) -> Path:
        """Return where a finished file lies."""
        return self._root / checked_name(name)[:2] / name

    def half(self, name: str) -> Path:
        """Return where a file lies that is on its way in."""
        return self._root / _HALF / checked_name(name)

    def check_room(self) -> None:
        """Raise `NoRoom` when less than `keep_free` is free."""
        with _told():
            disk = os.statvfs(self._root)
        if disk.f_bavail * disk.f_frsize < self._keep_free:
            raise NoRoom("the disk of the files is full")


class DirectorySink:
    """A file on its way in."""

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._name = name
        directory.check_room()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _told():
            self._file: int | None = os.open(directory.half(name), flags, 0o600)
        self._unlooked = 0

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        self._look(len(data))
        left = memoryview(data)
        with _told():
            while left:
                left = left[os.write(self._open, left) :]

    def finish(self) -> None:
        """Flush the file to the disk, move it to its place, and flush both folders."""
        half, place = self._directory.half(self._name), self._directory.place(self._name)
        with _told():
            os.fsync(self._open)
            self._close()
            place.parent.mkdir(mode=0o700, exist_ok=True)
            half.rename(place)
            for folder in (place.parent, half.parent, place.parent.parent):
                _flush_folder(folder)

    def discard(self) -> None:
        """Close and remove what there is, in its place too: a `finish` may have failed behind the move."""
        with suppress(Away):
            self._close()
            self._directory.remove(self._name)

    @property
    def _open(self) -> int:
        if self._file is None:
            raise Away("the file is closed")
        return self._file

    def _look(self, size: int) -> None:
        self._unlooked += size
        if self._unlooked >= LOOK_EVERY:
            self._unlooked = 0
            self._directory.check_room()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with _told():
                os.close(file)


class DirectorySource:
    """A part of a file on its way out; it stays readable when the file is removed."""

    def __init__(self, file: int, start: int, length: int) -> None:
        self._file = file
        self._at = start
        self._left = length

    def read(self) -> bytes:
        """Return the next bytes."""
        size = min(PIECE, self._left)
        with _told():
            data = os.pread(self._file, size, self._at)
        if size and not data:
            raise Away("the file ends too early")
        self._at += len(data)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close it; again is no error."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _flush_folder(folder: Path) -> None:
    """Have the disk know the names in a folder."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what the system says as what the interface says."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(str(error)) from error
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoom("the disk of the files is full") from error
        raise Away(f"the directory of the files: {error.strerror}") from error
