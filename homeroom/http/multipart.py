"""The one file of a `multipart/form-data` body, piece by piece: what HTML forms send.

The head of its part is held to a size before anybody takes it apart, and its end is looked for by one pattern that reads no byte twice:
what stands in a body costs the event loop nothing that others would notice. Never here: what becomes of the file, and how fast it comes.
Fields beside it are refused, since nobody would look at them, and so is what stands before the first part.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from werkzeug.http import parse_options_header

from homeroom.engine.behaviour import Refusal
from homeroom.http.request_head import SEMICOLONS_MAX

FORM_TYPE = "multipart/form-data"
HEAD_BYTES = 4_096
"""The most that a part's head has, with the boundary before it: of a file's name of 255 characters, however they are written."""
OVERHEAD = 16_384
"""Bytes that a form with one file has more than the file, at the most, so far as its length is judged by its head."""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BREAKS = b"\r\n"
_PATH_SIGN = re.compile(r'\\(?!")')
"""What stands between the parts of some paths; by the rules of headers it makes the sign behind it plain, and would be gone."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a form: the name and type that the client gave it, and its pieces."""

    name: str
    type: str
    pieces: AsyncIterator[bytes]


class _Content:
    """What stands between the head of the only part and the end of the form, of which `held` has come already.

    No generator, since it may be left in the middle.
    """

    def __init__(self, body: AsyncIterator[bytes], delimiter: bytes, held: bytes) -> None:
        self._body = body
        self._end = re.compile(re.escape(delimiter) + rb"(?:(--)|[ \t]{0,64}(?:(\r?\n)|\r?\Z)|-\Z)")
        self._back = len(delimiter) - 1
        self._held = held
        self._over = False

    def __aiter__(self) -> "_Content":
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece; raises `bad_command` when the form ends too early, or has something else behind its file."""
        while not self._over:
            if piece := self._cut():
                return piece
            if not self._over:
                self._held += await _more(self._body)
        await self._pass_by()
        raise StopAsyncIteration

    def _cut(self) -> bytes:
        """Return what is surely the file's of what is held, and go on holding the rest: it may be the beginning of the end."""
        found = self._end.search(self._held)
        at = max(0, len(self._held) - self._back) if found is None else found.start()
        if found is not None and found[2]:
            raise _not_one()
        self._over = found is not None and bool(found[1])
        piece, self._held = self._held[:at], self._held[at:]
        return piece

    async def _pass_by(self) -> None:
        """Read what stands behind the form, so that the connection can be kept."""
        behind = len(self._held)
        while (piece := await anext(self._body, None)) is not None:
            behind += len(piece)
            if behind > OVERHEAD:
                raise _no_form("it goes on behind its end")


async def open_form(body: AsyncIterator[bytes], content_type: str) -> FilePart:
    """Return the file of a form; raises `bad_command` for what is no form, or a form with anything but one file."""
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise _no_form()
    mark = b"--" + boundary.encode("ascii")
    head, held = await _read_head(body)
    began = re.match(re.escape(mark) + rb"[ \t]*(\r?\n)", head)
    if began is None:
        raise _no_form("it does not begin with its boundary")
    said = _parse_head(head[began.end() :])
    name = parse_options_header(_PATH_SIGN.sub(r"\\\\", said.get("content-disposition", "")))[1].get("filename")
    if name is None:
        raise _not_one()
    return FilePart(name, said.get("content-type", ""), _Content(body, began[1] + mark, held))


async def _read_head(body: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """Return the first lines of a form up to an empty one, and what came behind that."""
    held = b""
    while (end := _HEAD_END.search(held, 0, HEAD_BYTES)) is None:
        if len(held) >= HEAD_BYTES:
            raise _no_form("the head of its part is too long")
        held = (held + await _more(body)).lstrip(_BREAKS)
    head = held[: end.start()]
    if head.count(b";") > SEMICOLONS_MAX:
        raise _no_form("the head of its part has too many parameters")
    return head, held[end.end() :]


def _parse_head(lines: bytes) -> dict[str, str]:
    """Return the headers of a part, by their names in small letters."""
    try:
        pairs = [line.partition(":") for line in lines.decode().split("\n")]
    except UnicodeDecodeError as error:
        raise _no_form("the head of its part is not UTF-8") from error
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _more(body: AsyncIterator[bytes]) -> bytes:
    """Return the next piece of a body that must go on."""
    piece = await anext(body, None)
    if piece is None:
        raise _no_form()
    return piece


def _no_form(why: str = "") -> Refusal:
    words = "the body is no multipart/form-data" + (f": {why}" if why else "")
    return Refusal("bad_command", words, data={"field": "content", "allowed": FORM_TYPE})


def _not_one() -> Refusal:
    return Refusal(
        "bad_command", "the form has something else than one file", data={"field": "content", "allowed": "one file"}
    )
