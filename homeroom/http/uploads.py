"""The doors of files: one comes in as a raw body or as the file of a form, and goes out in whole or in part.

What goes out can do nothing in a browser: its type is the one that was found in its content, it is sandboxed, and what a browser
might run is only saved. Never here: limits and types (`records.files.reception`), and the rows' other doors (`records`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.http import parse_options_header

from homeroom.engine.behaviour import Refusal
from homeroom.http.file_names import disposition, safe_name
from homeroom.http.multipart import FORM_TYPE, OVERHEAD, open_form
from homeroom.http.problems import PROBLEM_TYPE, make_problem
from homeroom.http.ranges import Span, wanted_span
from homeroom.http.record_shapes import shapes_of
from homeroom.http.rest import Desk, fresh_id, key_of
from homeroom.http.routes import RAW_TYPE, Call, Nothing, Out, Route
from homeroom.http.versions import etag, wanted_version
from homeroom.protocol.ids import is_made
from homeroom.protocol.text import UnfitText
from homeroom.records.files.coming import Received
from homeroom.records.files.content import FILE_TYPES, known_name
from homeroom.records.files.reception import Reception
from homeroom.records.files.store import Source
from homeroom.records.files.terms import Offer, too_large
from homeroom.records.school.uploads import FILE_NAME_MAX, UPLOAD, clean_file_name
from homeroom.records.store import Store

_ERRORS = ("forbidden", "not_found", "rate_limited", "overloaded", "unavailable", "timeout")
_LATE = {408: "it came too slowly"}
_PARTS = {206: "a part of it", 304: "it is the one that the client has", 416: "it has no such part"}
_SANDBOX = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}

NAME_WORDS = (
    "what you call the file; of a path, the last part is kept. A raw body needs it, unless `Content-Disposition` says `filename`; "
    "a form's file has its own"
)
NameText = Annotated[str, Meta(min_length=1, max_length=FILE_NAME_MAX, description=NAME_WORDS)]
TypeText = Annotated[
    str, Meta(max_length=120, description="what the file is, such as image/png; else the Content-Type says it")
]


class FileQuery(Struct, frozen=True):
    """What a raw body is."""

    name: NameText | UnsetType = UNSET
    type: TypeText | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class UploadDoors:
    """The doors of files beside those that every record has."""

    reception: Reception
    store: Store
    desk: Desk

    def routes(self) -> list[Route]:
        """Return the doors: in, out, and gone."""
        shown, of_one = shapes_of(UPLOAD).shown, f"{UPLOAD.door}/{{id}}"
        return [
            Route(
                "POST", UPLOAD.door, "upload_receive", "A file: the body itself, or the one file of a form.", self._receive,
                UPLOAD.plural, query=FileQuery, reply=shown, status=201, keyed=True, tagged=True, streamed=True,
                takes=(RAW_TYPE, FORM_TYPE), errors=(*_ERRORS, "conflict", "full", "too_large"), also=_LATE,
            ),
            Route(
                "GET", f"{of_one}/content", "upload_content", "What is in a file, or a part of it (`Range`).", self._content,
                UPLOAD.plural, mimetype=RAW_TYPE, errors=_ERRORS, also=_PARTS, gives=tuple(FILE_TYPES), ranged=True,
            ),
            Route(
                "DELETE", of_one, "upload_let_go", "One upload, taken away with its file.", self._delete, UPLOAD.plural,
                reply=Nothing, keyed=True, matched=True, errors=(*_ERRORS, "conflict"),
            ),
        ]  # fmt: skip

    async def _receive(self, call: Call) -> Out:
        self.desk.spend(call.person, "write")
        new = fresh_id(self.desk.random, call.person.id, UPLOAD.name, call.key)
        try:
            received = await self._take_in(new, call)
        except Refusal as refusal:
            if refusal.code != "timeout":
                raise
            return _too_slow(refusal, call.id)
        headers = {**etag(received.row["version"]), "Location": f"{UPLOAD.door}/{new}"}
        return Out(received.row, 201, headers)

    async def _take_in(self, new: str, call: Call) -> Received:
        """Take the file in under the id `new`: the one of a form, or the body itself."""
        said, length = call.headers.get("Content-Type", ""), _length(call.headers)
        if said.partition(";")[0].strip().lower() == FORM_TYPE:
            self._check_form(length)
            opening = partial(_opened, said)
            return await self.reception.receive_from(new, opening, call.body, call.person.caller, call.ask)
        declared = said if call.query.type is UNSET else call.query.type
        given = _disposed_name(call.headers) if call.query.name is UNSET else call.query.name
        offer = Offer(_name(given), known_name(declared), length)
        return await self.reception.receive(new, offer, call.body, call.person.caller, call.ask)

    def _check_form(self, length: int | None) -> None:
        """Refuse a form that cannot but hold too large a file, before it comes."""
        if (length or 0) > self.reception.settings.file_bytes + OVERHEAD:
            raise too_large(self.reception.settings)

    async def _content(self, call: Call) -> Out:
        self.desk.spend(call.person, "read")
        row, name = await self.reception.look(_made_id(call), call.person.caller)
        tag = row["sha256"][:32]
        span = wanted_span(call.headers, tag, row["size"])
        headers = {**_SANDBOX, **span.headers, "ETag": f'"{tag}"'}
        if span.status == 416:
            problem = make_problem("bad_command", "the file has no such part", call.id, status=416)
            return Out(problem, 416, headers, PROBLEM_TYPE)
        if span.status == 304:
            return Out(b"", 304, headers)
        return await self._send(call, row, name, span, headers)

    async def _send(self, call: Call, row: Mapping[str, Any], name: str, span: Span, headers: Mapping[str, str]) -> Out:
        kind = FILE_TYPES[row["type"]]
        source = await self.reception.open(name, span.start, span.length)
        call.ends.callback(source.close)
        said = {**headers, "Content-Disposition": disposition(safe_name(row["name"], kind.suffixes), shown=kind.shown)}
        charset = "; charset=utf-8" if kind.name.startswith("text/") else ""
        return Out(_pieces(self.reception.read, source), span.status, said, kind.name + charset)

    async def _delete(self, call: Call) -> Out:
        self.desk.spend(call.person, "write")
        one, version = _made_id(call), wanted_version(call.match)
        key = key_of(call)
        await self.store.delete(UPLOAD, one, call.person.caller, version, key=key)
        self.reception.sweep_soon()
        return Out(Nothing())


async def _opened(type: str, body: AsyncIterator[bytes]) -> tuple[Offer, AsyncIterator[bytes]]:
    """Return what a form says of its file, and the pieces of it."""
    part = await open_form(body, type)
    return Offer(_name(part.name), known_name(part.type)), part.pieces


async def _pieces(read: Callable[[Source], Any], source: Source) -> AsyncGenerator[bytes, None]:
    """Yield all of an open file."""
    while data := await read(source):
        yield data


def _made_id(call: Call) -> str:
    """Return the id in the path; raises `not_found` for one that no upload has."""
    if not is_made(call.path["id"]):
        raise Refusal("not_found", "this file is not here")
    return call.path["id"]


def _length(headers: Mapping[str, str]) -> int | None:
    """Return how long the body says it is."""
    said = headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _disposed_name(headers: Mapping[str, str]) -> str:
    """Return the name that `Content-Disposition` gives, empty for none."""
    return parse_options_header(headers.get("Content-Disposition", ""))[1].get("filename", "")


def _name(given: str) -> str:
    """Return a name as it is kept: a text like any other, of a path its last part; raises `bad_command` for none, NUL, or a long one."""
    if not given:
        raise _unfit_name("missing")
    try:
        name = clean_file_name(given)
    except UnfitText as error:
        raise _unfit_name(str(error)) from error
    if len(name) > FILE_NAME_MAX:
        raise _unfit_name("the text is too long")
    return name


def _too_slow(refusal: Refusal, request: str) -> Out:
    """Return the answer to a client that took too long: its own time is over, and not ours."""
    problem = make_problem(refusal.code, refusal.msg, request, status=408, retry_ms=refusal.retry_ms, data=refusal.data)
    return Out(problem, 408, problem.headers, PROBLEM_TYPE)


def _unfit_name(wrong: str) -> Refusal:
    allowed = f"1 to {FILE_NAME_MAX} characters"
    return Refusal("bad_command", f"name: {wrong}", data={"field": "name", "allowed": allowed})
