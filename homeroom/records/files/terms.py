"""On what terms files are taken: what a client says of one, the limits, and in which words each error is told.

Pure. Never here: taking files in (`reception`), and what types there are (`content`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.errors import unavailable
from homeroom.engine.postgres import DatabaseError
from homeroom.records.files.content import FILE_TYPES, UnfitContent
from homeroom.records.files.pace import TooSlow
from homeroom.records.files.store import FileError, NoRoom

MIB = 1_048_576
RETRY_MS = 5_000


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Limits of files. Sizes in bytes, times in seconds.

    `person_bytes`: all files of one person together; `at_once` files come in on this server, `person_at_once` of one person (one of each,
    once half of the places are taken);
    `least_rate`: bytes a second that a file comes at least, over each `pace_s`; `longest_s`: for one file, however slowly it comes;
    `lease_s`: after which a file that nobody brings in is removed.
    """

    file_bytes: int = 50 * MIB
    person_bytes: int = 1024 * MIB
    at_once: int = 32
    person_at_once: int = 4
    least_rate: int = 1_024
    pace_s: float = 30.0
    longest_s: float = 3_600.0
    lease_s: float = 60.0
    sweep_s: float = 30.0
    types: frozenset[str] = frozenset(FILE_TYPES)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client says of a file: its name, its type (`content.known_name`, empty: it does not know), its size if it knows."""

    name: str
    declared: str = ""
    length: int | None = None


def too_large(settings: UploadSettings) -> Refusal:
    """Return the refusal of a file that is too large by itself."""
    limit = settings.file_bytes
    return Refusal("too_large", f"a file has {limit} bytes at the most", data={"field": "content", "allowed": limit})


def full(settings: UploadSettings) -> Refusal:
    """Return the refusal of a file for which its owner has no room left."""
    limit = settings.person_bytes
    return Refusal("full", f"your files may have {limit} bytes together", data={"field": "content", "allowed": limit})


def unfit(error: UnfitContent, settings: UploadSettings) -> Refusal:
    """Return the refusal of a file that is not what it was said to be, or of a type that is not taken."""
    allowed = "one of " + ", ".join(sorted(settings.types))
    return Refusal("bad_command", str(error), data={"field": "type", "allowed": allowed, "found": error.found})


def another() -> Refusal:
    """Return the refusal of a file that came with the key of another one."""
    return Refusal("conflict", "this Idempotency-Key came with another file before: choose a new key")


def taken_away() -> Refusal:
    """Return the refusal of a file that came with its key before, and was taken away since: a late repeat does not bring it back."""
    words = "the file that came with this Idempotency-Key was taken away since: choose a new key"
    return Refusal("conflict", words, data={"reason": "deleted"})


def refusal_of(error: BaseException, settings: UploadSettings) -> Refusal | None:
    """Return what the client is told of an error; `None` when nobody is there, or it is a defect of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, UnfitContent):
        return unfit(error, settings)
    if isinstance(error, TooSlow):
        least = f"fewer than {settings.least_rate} bytes a second over {settings.pace_s:g} s"
        return Refusal("timeout", f"too slow: {least}", retry_ms=RETRY_MS, data={"reason": "too_slow"})
    if isinstance(error, trio.TooSlowError):
        return Refusal("timeout", "the file did not come in time", retry_ms=RETRY_MS)
    if isinstance(error, NoRoom):
        return Refusal("unavailable", str(error), retry_ms=RETRY_MS, data={"reason": "no_room"})
    return unavailable(RETRY_MS, str(error)) if isinstance(error, (FileError, DatabaseError)) else None


_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "too_large": "too_large",
        "bad_command": "unfit_content",
        "full": "full",
        "timeout": "interrupted",
        "unauthenticated": "interrupted",
    }
)


def reason_of(error: BaseException, refusal: Refusal | None) -> str:
    """Return the word for why a file failed."""
    if isinstance(error, NoRoom):
        return "no_room"
    return _REASONS.get(refusal.code, "unavailable") if refusal else "interrupted"
