"""Which part of a file is asked for (`Range`, `If-Range`, `If-None-Match`), and what is said of it. Pure.

One range is answered; of several none, so that all of the file comes. Never here: reading files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.http import parse_etags, parse_if_range_header, parse_range_header

_LAST = re.compile(r"\Abytes=[ \t]*-0*([1-9][0-9]*)[ \t]*\Z", re.IGNORECASE)
"""So many bytes of the end, and nothing else."""


@dataclass(frozen=True, slots=True)
class Span:
    """What to send of a file of `size` bytes: `length` from `start` on, under `status` 200 or 206; or nothing: 304, 416."""

    status: int
    start: int
    length: int
    size: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what an answer says of it."""
        if self.status == 206:
            last = self.start + self.length - 1
            return {"Content-Range": f"bytes {self.start}-{last}/{self.size}", "Content-Length": str(self.length)}
        if self.status == 416:
            return {"Content-Range": f"bytes */{self.size}"}
        return {"Content-Length": str(self.length)} if self.status == 200 else {}


def is_known(headers: Mapping[str, str], tag: str) -> bool:
    """Tell whether a client says (`If-None-Match`) that it has what the ETag `tag`, without its quotes, stands for."""
    none_match = headers.get("If-None-Match")
    return bool(none_match) and parse_etags(none_match).contains_weak(tag)


def wanted_span(headers: Mapping[str, str], tag: str, size: int) -> Span:
    """Return what a request wants of a file of `size` bytes whose ETag is `tag`, without its quotes."""
    if is_known(headers, tag):
        return Span(304, 0, 0, size)
    whole = Span(200, 0, size, size)
    last = _LAST.match(headers.get("Range", "").strip())
    if last and size and _still(headers, tag):
        length = _at_most(size, last[1])
        return Span(206, size - length, length, size)
    asked = parse_range_header(headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not _still(headers, tag):
        return whole
    found = asked.range_for_length(size)
    return Span(416, 0, 0, size) if found is None else Span(206, found[0], found[1] - found[0], size)


def _at_most(size: int, digits: str) -> int:
    """Return the number that `digits` spell, or `size` if that is less: who asks for more of the end than there is gets all of it."""
    return size if len(digits) > len(str(size)) else min(size, int(digits))


def _still(headers: Mapping[str, str], tag: str) -> bool:
    """Tell whether the part belongs to the file that the client knows; a date is never taken for it."""
    given = headers.get("If-Range")
    if not given or given.startswith("W/"):
        return not given
    return parse_if_range_header(given).etag == tag
