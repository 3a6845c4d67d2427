"""The head of a request: read with a bound, parsed strictly, and nothing else of the request looked at.

A head that two readers could understand differently is refused here: a bare line feed, a folded line, a name with a blank,
a length that is said twice. So is one whose parts cost whoever reads them later more than they could be worth: lists without end, a
query of a thousand names. Rule of this file: every pattern reads a byte once, whatever the bytes are.
Never here: what to do with the request (`listener`), and whether a WebSocket handshake is right (`handshake`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import trio

END = b"\r\n\r\n"
MAX_HEAD = 16_384
MAX_HEADERS = 100
_LINE = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]{1,8192}) HTTP/(1\.[01])\Z")
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
_UNENCODED = re.compile(rb"[^\x21-\x7e]")
PARAMETERS_MAX = 100
"""Names in a query: more than any door has."""
ESCAPES_MAX = 1_024
"""Percent signs in a target: those of a file's name of 255 characters of four bytes each."""
MOST: Mapping[str, int] = MappingProxyType(
    {
        "accept-encoding": 512,
        "connection": 256,
        "content-disposition": 4_096,
        "content-type": 512,
        "expect": 64,
        "host": 262,
        "if-match": 256,
        "if-none-match": 2_048,
        "if-range": 256,
        "range": 1_024,
        "sec-websocket-protocol": 512,
        "transfer-encoding": 64,
        "upgrade": 256,
    }
)
"""Characters of a header's values together, of those that somebody takes apart: what they cost grows with what stands between commas."""
SEMICOLONS_MAX = 64
"""In any one of those headers."""
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00-\x08\x0a-\x1f\x7f]*)\Z")
_TARGET = re.compile(r"/|\*\Z|https?://[A-Za-z0-9.\-]{1,255}(?::[0-9]{1,5})?/", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9_\-]{1,63}(?:\.[A-Za-z0-9_\-]{1,63})*\.?|\[[0-9A-Fa-f:.]{2,45}\])?(?::[0-9]{0,5})?\Z")
_LENGTH = re.compile(r"[0-9]{1,20}\Z")
_METHOD = re.compile(rb"[A-Z]{0,16}\Z|[A-Z]{1,16} ")


class BadHead(Exception):
    """They broke a rule of HTTP: what was read is no head, and the connection ends with 400."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What was read: `raw` up to and with the empty line, `rest` behind it. Header names are lower case."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    rest: bytes

    @property
    def path(self) -> str:
        """Return the target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """Return what follows the first question mark."""
        return self.target.partition("?")[2]

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        """Return the value of a header that may stand once, `None` if it is absent. Raises `BadHead` if it stands twice."""
        values = self.all(name)
        if len(values) > 1:
            raise BadHead(f"{name} stands twice")
        return values[0] if values else None

    def tokens(self, name: str) -> list[str]:
        """Return the comma-separated words of a header, of all its lines, as written."""
        return [word for value in self.all(name) for word in (part.strip() for part in value.split(",")) if word]

    @property
    def upgrades(self) -> bool:
        """Tell whether the client asks for a WebSocket, in however broken a way."""
        return "websocket" in (word.lower() for word in self.tokens("upgrade"))


async def read_head(stream: trio.abc.ReceiveStream) -> RequestHead | None:
    """Read the first request's head; `None` when the client ends before saying anything.

    Raises `BadHead` as soon as the bytes can be no head, and the stream's own errors. Cancelled, it has eaten what it read.
    """
    data = b""
    while (head := find_head(data)) is None:
        chunk = await stream.receive_some(4096)
        if not chunk:
            if data:
                raise BadHead("the head ends in the middle")
            return None
        data += chunk
    return head


def find_head(data: bytes) -> RequestHead | None:
    """Return the head that `data` begins with, `None` while it is not whole; raises `BadHead` as soon as it can be none."""
    raw, end, rest = data.partition(END)
    if end:
        return parse_head(raw, bytes(rest))
    _check_start(data)
    return None


def parse_head(raw: bytes, rest: bytes) -> RequestHead:
    """Parse a head without its empty line. Raises `BadHead`."""
    first, *lines = raw.split(b"\r\n")
    line = _LINE.match(first)
    if len(raw) > MAX_HEAD or len(lines) > MAX_HEADERS:
        raise BadHead(f"too much of a head: {MAX_HEAD} bytes and {MAX_HEADERS} headers at the most")
    if line is None:
        raise BadHead(_wrong_line(first))
    headers = tuple(_parse_header(text) for text in lines)
    method, target, version = (part.decode("ascii") for part in line.groups())
    head = RequestHead(method, target, version, headers, raw + END, rest)
    _check_length(head)
    _check_target(head.target)
    _check_most(head)
    return head


def _wrong_line(first: bytes) -> str:
    """Return what is wrong with a first line that is none: mostly a URL that was typed as people write."""
    target, _, version = first.partition(b" ")[2].rpartition(b" ")
    if version not in _VERSIONS or not target.startswith(b"/"):
        return "no request line of HTTP/1.1"
    if _UNENCODED.search(target):
        return "the URL has characters that have to be percent-encoded, in UTF-8: ä is %C3%A4, a blank is %20"
    return "the method is none, or the URL too long: 8192 characters at the most"


def _check_target(target: str) -> None:
    """Refuse what names no place here, and more of a query than any door takes."""
    if not _TARGET.match(target):
        raise BadHead("the target is no path")
    if target.count("%") > ESCAPES_MAX or target.count("&") >= PARAMETERS_MAX:
        raise BadHead("the target has too many parameters or escapes")


def _check_most(head: RequestHead) -> None:
    """Refuse a header of which there is too much, on one line or on several."""
    left = dict(MOST)
    for name, value in head.headers:
        if name in left:
            left[name] -= len(value)
            if left[name] < 0:
                raise BadHead(f"too much of {name}: {MOST[name]} characters at the most")
            if value.count(";") > SEMICOLONS_MAX:
                raise BadHead(f"too many parameters in {name}: {SEMICOLONS_MAX} at the most")
    host = head.one("host")
    if host and not _HOST.match(host):
        raise BadHead("the host is none")


def _check_length(head: RequestHead) -> None:
    """Refuse a body whose end could be seen in two places."""
    length, coding = head.one("content-length"), head.one("transfer-encoding")
    if length is not None and not _LENGTH.match(length):
        raise BadHead("content-length is no number")
    if coding is not None and (length is not None or head.version == "1.0"):
        raise BadHead("transfer-encoding stands where it may not")


def _parse_header(text: bytes) -> tuple[str, str]:
    found = _HEADER.match(text)
    if found is None:
        raise BadHead("a header is malformed")
    return found[1].decode("ascii").lower(), found[2].decode("latin-1").strip(" \t")


def _check_start(data: bytes) -> None:
    """Refuse early: what is no HTTP (a TLS hello), too long, or has lines that end in a bare line feed."""
    if not _METHOD.match(data[:17]):
        raise BadHead("not HTTP")
    if len(data) > MAX_HEAD:
        raise BadHead("the head is too long")
    if data.count(b"\n") != data.count(b"\r\n"):
        raise BadHead("a line ends in a bare line feed")
