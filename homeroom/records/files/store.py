"""Where the bytes of files are kept: one interface, which a directory and any S3-like store fulfil.

All of it blocks, and so is called in worker threads only. A file has a name that the server made, of 26 letters and digits;
what a person calls it never gets here. Never here: who may read it, its type, and its row.

    FileError
    ├── NoRoom      there is no room for it now
    ├── Away        the store does not answer, or fails
    └── Missing     there is no such file
"""

from typing import Protocol

from homeroom.protocol.ids import is_made

PIECE = 262_144
"""Bytes that are read of a file at a time."""


class FileError(Exception):
    """The store did not do what was asked."""


class NoRoom(FileError):
    """There is no room for it now; nothing of it is kept after `discard`."""


class Away(FileError):
    """The store does not answer, or fails."""


class Missing(FileError):
    """There is no such file."""


class Sink(Protocol):
    """A file on its way in: nobody can read it before `finish` has returned."""

    def write(self, data: bytes) -> None:
        """Take more bytes; raises `NoRoom` or `Away`, after which only `discard` is left to do."""

    def finish(self) -> None:
        """Keep the file: when this returns, it survives a power cut. Raises as `write` does."""

    def discard(self) -> None:
        """Leave nothing of it behind; never raises `FileError` (what cannot be reached now, `remove` gets later)."""


class Source(Protocol):
    """A part of a file on its way out."""

    def read(self) -> bytes:
        """Return the next bytes, at most `PIECE`, and none at the end; raises `Away`, also for a part that is missing."""

    def close(self) -> None:
        """Let go of it."""


class FileStore(Protocol):
    """All files of a school."""

    def begin(self, name: str) -> Sink:
        """Begin a file; raises `NoRoom` or `Away`."""

    def open(self, name: str, start: int, length: int) -> Source:
        """Open `length` bytes from `start` on, which lie within the file; raises `Missing` or `Away`."""

    def size(self, name: str) -> int:
        """Return how many bytes a finished file has; raises `Missing` or `Away`."""

    def remove(self, name: str) -> None:
        """Remove a file, finished or half; none is no error. Raises `Away`."""


def checked_name(name: str) -> str:
    """Return the name; raises `ValueError` for one that the server cannot have made."""
    if not is_made(name):
        msg = f"{name!r} is no name of a file"
        raise ValueError(msg)
    return name
