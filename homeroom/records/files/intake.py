"""One file on its way in: its bytes are written, counted, hashed and looked at in one go. Blocks, and so runs in worker threads.

Never here: limits and rows (`reception`), where the bytes go (`store`) and what they are (`content`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

from homeroom.records.files.content import Inspector
from homeroom.records.files.store import FileStore, Sink


@dataclass(frozen=True, slots=True)
class Found:
    """What a whole file was found to be; `size` in bytes, `sha256` in hex."""

    type: str
    size: int
    sha256: str


class Intake:
    """A file that comes into `files` under `name`. `kept` once `finish` was asked for: from then on it may be there for good."""

    def __init__(self, files: FileStore, name: str) -> None:
        self._files = files
        self._name = name
        self._sink: Sink | None = None
        self._hash = sha256()
        self._inspector = Inspector()
        self._size = 0
        self.kept = False

    def take(self, data: bytes) -> None:
        """Take the next bytes; raises `FileError`."""
        if self._sink is None:
            self._sink = self._files.begin(self._name)
        self._sink.write(data)
        self._size += len(data)
        self._hash.update(data)
        self._inspector.see(data)

    def finish(self, declared: str, taken: Collection[str]) -> Found:
        """Return what it is, once it survives a power cut; raises `UnfitContent` or `FileError`."""
        found = self._inspector.verdict(declared, taken)
        self.take(b"")  # an empty file was not begun yet
        self.kept = True
        assert self._sink is not None, "taking begins it"  # noqa: S101 - said in the line above
        self._sink.finish()
        return Found(found.name, self._size, self._hash.hexdigest())

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._sink is not None:
            self._sink.discard()
