"""What a file is, found in its bytes and never in its name: the types that there are, and the look at a file that comes in.

Pure. Never here: which of the types a school takes (its configuration).
"""

import codecs
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import puremagic

HEAD = 8_192
"""Bytes from the beginning in which marks are looked for."""
FOOT = 65_536
"""Bytes of the end that are kept: the list of an archive's members stands there."""
UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types by which a client says that it does not know."""
_MEMBER = b"PK\x01\x02"
"""Begins each entry of the list at the end of an archive; the member's name stands 46 bytes on."""
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}
_NOT_PLAIN = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/pdf",
        "application/postscript",
        "application/rtf",
        "text/rtf",
    }
)
"""Types that are written in text, and are no plain text: programs look into them."""
_BLANK = b"\xef\xbb\xbf \t\r\n\f"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a file: its beginning, its end, and whether all of it is text (UTF-8 without control characters)."""

    head: bytes
    foot: bytes
    text: bool
    marks: frozenset[str]


Fits = Callable[[Evidence], bool]


@dataclass(frozen=True, slots=True)
class FileType:
    """A type that may be taken. `suffixes` are the names' endings, the first one ours; `shown`: a browser may show it as it is."""

    name: str
    suffixes: tuple[str, ...]
    fits: Fits
    shown: bool = False


def _marked(*marks: str) -> Fits:
    """Return the test for a type that says what it is in its first bytes."""
    wanted = frozenset(marks)
    return lambda seen: bool(wanted & seen.marks)


def _archive(*members: bytes) -> Fits:
    """Return the test for an archive that has all these members, or members of names that begin so."""

    def fits(seen: Evidence) -> bool:
        return seen.head.startswith(b"PK\x03\x04") and all(_has_member(seen.foot, member) for member in members)

    return fits


def _has_member(foot: bytes, name: bytes) -> bool:
    at = foot.find(_MEMBER)
    while at >= 0:
        if foot.startswith(name, at + 46):
            return True
        at = foot.find(_MEMBER, at + 4)
    return False


def _document(kind: str) -> Fits:
    """Return the test for an OpenDocument file, which names its type right at its beginning."""
    mark = f"mimetypeapplication/vnd.oasis.opendocument.{kind}".encode()
    return lambda seen: seen.head.startswith(b"PK\x03\x04") and seen.head.startswith(mark, 30)


def _plain(seen: Evidence) -> bool:
    return seen.text and not seen.marks & _NOT_PLAIN


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
_ROWS = (
    FileType("image/png", (".png",), _marked("image/png"), shown=True),
    FileType("image/jpeg", (".jpg", ".jpeg"), _marked("image/jpeg"), shown=True),
    FileType("image/gif", (".gif",), _marked("image/gif"), shown=True),
    FileType("image/webp", (".webp",), _marked("image/webp"), shown=True),
    FileType("audio/mpeg", (".mp3",), _marked("audio/mpeg"), shown=True),
    FileType("audio/ogg", (".ogg", ".oga", ".opus"), _marked("application/ogg", "audio/ogg"), shown=True),
    FileType("audio/wav", (".wav",), _marked("audio/wave", "audio/x-wav", "audio/wav"), shown=True),
    FileType("video/mp4", (".mp4", ".m4v"), _marked("video/mp4"), shown=True),
    FileType("video/webm", (".webm",), _marked("video/webm"), shown=True),
    FileType("application/pdf", (".pdf",), _marked("application/pdf")),
    FileType(_OFFICE + "wordprocessingml.document", (".docx",), _archive(b"[Content_Types].xml", b"word/document")),
    FileType(_OFFICE + "spreadsheetml.sheet", (".xlsx",), _archive(b"[Content_Types].xml", b"xl/workbook")),
    FileType(
        _OFFICE + "presentationml.presentation", (".pptx",), _archive(b"[Content_Types].xml", b"ppt/presentation")
    ),
    FileType(_OPEN + "text", (".odt",), _document("text")),
    FileType(_OPEN + "spreadsheet", (".ods",), _document("spreadsheet")),
    FileType(_OPEN + "presentation", (".odp",), _document("presentation")),
    FileType("application/zip", (".zip",), _archive()),
    FileType("text/plain", (".txt", ".log"), _plain),
    FileType("text/csv", (".csv",), _plain),
    FileType("text/markdown", (".md", ".markdown"), _plain),
    FileType("application/json", (".json",), _plain),
)
FILE_TYPES: Mapping[str, FileType] = MappingProxyType({row.name: row for row in _ROWS})
"""All types, the narrower before the wider: a file whose type nobody said is of the first that fits."""
_ALIASES = MappingProxyType(
    {
        "image/jpg": "image/jpeg",
        "audio/mp3": "audio/mpeg",
        "audio/x-wav": "audio/wav",
        "audio/wave": "audio/wav",
        "application/ogg": "audio/ogg",
        "application/x-zip-compressed": "application/zip",
        "text/x-markdown": "text/markdown",
    }
)


class UnfitContent(ValueError):
    """The bytes are not what they were said to be, or nothing that is taken. `found` is what they are, empty if not known."""

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.found = found


def known_name(declared: str) -> str:
    """Return the type that a client named as this table knows it, empty when it said that it does not know."""
    bare = declared.partition(";")[0].strip().lower()
    return "" if bare in UNSAID else _ALIASES.get(bare, bare)


class Inspector:
    """Looks at a file piece by piece, and says at its end what it is; keeps no more of it than its beginning and its end."""

    def __init__(self) -> None:
        self._head = b""
        self._foot = b""
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()

    def see(self, data: bytes) -> None:
        """Look at the next bytes."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._foot = data[-FOOT:] if len(data) >= FOOT else (self._foot + data)[-FOOT:]
        self._read(data, final=False)

    def verdict(self, declared: str, taken: Collection[str]) -> FileType:
        """Return what all of it is; raises `UnfitContent` when it is not `declared` (empty: nobody said), or is not among `taken`."""
        self._read(b"", final=True)
        seen = Evidence(self._head, self._foot, self._decoder is not None, _marks_of(self._head))
        found = [row for row in FILE_TYPES.values() if row.fits(seen)]
        if declared:
            found = [row for row in found if row.name == declared] or self._belied(declared, found)
        if not found or found[0].name not in taken:
            raise UnfitContent("files of this type are not taken", found[0].name if found else "")
        return found[0]

    def _belied(self, declared: str, found: list[FileType]) -> list[FileType]:
        what = found[0].name if found else "something else"
        raise UnfitContent(f"it was said to be {declared}, but its content is {what}", found[0].name if found else "")

    def _read(self, data: bytes, *, final: bool) -> None:
        """Go on with the question whether all of it is text."""
        if self._decoder is None:
            return
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError:
            self._decoder = None
            return
        if data.translate(None, _TEXT_BYTES):
            self._decoder = None


_TEXT_BYTES = bytes(byte for byte in range(256) if byte not in _CONTROLS and byte != 127)


def _marks_of(head: bytes) -> frozenset[str]:
    """Return the names of the types whose mark the first bytes bear: of several marks the surest, such as `WAVE` before `RIFF`."""
    try:
        found = [match for match in puremagic.magic_string(head.lstrip(_BLANK)) if match.mime_type]
    except (puremagic.PureError, ValueError):
        return frozenset()
    surest = max((match.confidence for match in found), default=0.0)
    return frozenset(match.mime_type for match in found if match.confidence == surest)
