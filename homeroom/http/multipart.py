"""The one file of a `multipart/form-data` body, piece by piece: what HTML forms send.

Never here: what becomes of the file. Fields beside it are refused, since nobody would look at them.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from homeroom.engine.behaviour import Refusal

FORM_TYPE = "multipart/form-data"
HEAD_BYTES = 262_144
"""The most that is held of a body until a boundary, or the end of a part's head, is found."""
OVERHEAD = 16_384
"""Bytes that a form with one file has more than the file, at the most, so far as its length is judged by its head."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a form: the name and type that the client gave it, and its pieces."""

    name: str
    type: str
    pieces: AsyncIterator[bytes]


class _Form:
    """A form that comes in."""

    def __init__(self, body: AsyncIterator[bytes], boundary: str) -> None:
        self._body = body
        self._decoder = MultipartDecoder(boundary.encode("latin-1"), HEAD_BYTES, max_parts=2)
        self._ended = False
        self._more = True

    async def next(self) -> File | Field | Data | Epilogue:
        """Return what comes next, but for what stands before the first part; raises `bad_command` for what is no form."""
        while True:
            try:
                event = self._decoder.next_event()
            except (ValueError, RequestEntityTooLarge) as error:
                raise _no_form() from error
            if isinstance(event, (File, Field, Data, Epilogue)):
                return event
            if isinstance(event, NeedData):
                await self._feed()

    async def _feed(self) -> None:
        """Read on."""
        if self._ended:
            raise _no_form()
        data = await anext(self._body, None)
        self._ended = data is None
        try:
            self._decoder.receive_data(data)
        except (ValueError, RequestEntityTooLarge) as error:
            raise _no_form() from error

    def __aiter__(self) -> "_Form":
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the file; no generator, since it may be left in the middle. Holds the rest of the form to be nothing."""
        while self._more:
            data = await self.next()
            if not isinstance(data, Data):
                raise _no_form()
            self._more = data.more_data
            if data.data:
                return bytes(data.data)
        if not isinstance(await self.next(), Epilogue):
            raise _not_one()
        raise StopAsyncIteration


async def open_form(body: AsyncIterator[bytes], content_type: str) -> FilePart:
    """Return the file of a form; raises `bad_command` for what is no form, or a form with anything but one file."""
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise _no_form()
    form = _Form(body, boundary)
    part = await form.next()
    if not isinstance(part, File):
        raise _not_one()
    return FilePart(part.filename, part.headers.get("Content-Type", ""), form)


def _no_form() -> Refusal:
    return Refusal("bad_command", "the body is no multipart/form-data", data={"field": "content", "allowed": FORM_TYPE})


def _not_one() -> Refusal:
    return Refusal(
        "bad_command", "the form has something else than one file", data={"field": "content", "allowed": "one file"}
    )
