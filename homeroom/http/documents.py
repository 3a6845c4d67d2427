"""The doors of documents that never change once they are made: kept packed, with an `ETag`, and made for who asks first.

No start waits for one, and nobody else does: a thread makes it, a piece at a time, and lets the others' turns come often. What is
kept is the packed text alone. Never here: what a document says.
"""

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import trio
from werkzeug.http import parse_accept_header

from homeroom.http.ranges import is_known
from homeroom.http.routes import Call, Handler, Out, Route
from homeroom.protocol.rest_json import encode_json

_GZIP = 31
"""How zlib is told to write and read what HTTP calls gzip."""
_LEVEL = 9
_DEEP = 3
"""So many levels of a document are written piece by piece: no piece takes long."""
_TURN_S = 0.0005
"""How long the thread that makes a document keeps the interpreter to itself."""
_KNOWN = {304: "it is the one that one has (`If-None-Match`)"}
_HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


@dataclass(frozen=True, slots=True)
class _Made:
    """A document as it is kept; `tag` changes with its content."""

    packed: bytes
    tag: str


class Documents:
    """Makes the doors of documents; one is made at a time."""

    def __init__(self) -> None:
        self._turn = trio.Lock()
        self._unpacking = trio.CapacityLimiter(1)  # anybody may ask, and other threads have more to do than this

    def door(self, path: str, name: str, summary: str, make: Callable[[], Any]) -> Route:
        """Return the open door of the document that `make` gives, in a thread; what it gives is taken apart."""
        return Route(
            "GET",
            path,
            name,
            summary,
            self._handler(make),
            "documents",
            reply=dict[str, Any],
            bearer="ignored",
            also=_KNOWN,
        )

    def _handler(self, make: Callable[[], Any]) -> Handler:
        kept: list[_Made] = []

        async def handler(call: Call) -> Out:
            async with self._turn:
                if not kept:
                    with _short_turns():  # from before the thread begins: who waits already waits by the old measure
                        kept.append(await trio.to_thread.run_sync(_made, make))
            return await self._answer(kept[0], call.headers)

        return handler

    async def _answer(self, made: _Made, asked: Mapping[str, str]) -> Out:
        headers = {**_HEADERS, "ETag": f'W/"{made.tag}"'}  # weak: packed or not, it is the same document
        if is_known(asked, made.tag):
            return Out(b"", 304, headers)
        if parse_accept_header(asked.get("Accept-Encoding", ""))["gzip"] > 0:
            return Out(made.packed, headers={**headers, "Content-Encoding": "gzip"})
        plain = await trio.to_thread.run_sync(zlib.decompress, made.packed, _GZIP, limiter=self._unpacking)
        return Out(plain, headers=headers)


def _made(make: Callable[[], Any]) -> _Made:
    packer, digest, packed = zlib.compressobj(_LEVEL, wbits=_GZIP), blake2b(digest_size=12), bytearray()
    for piece in _pieces(make(), _DEEP):
        digest.update(piece)
        packed += packer.compress(piece)
    packed += packer.flush()
    return _Made(bytes(packed), digest.hexdigest())


def _pieces(value: Any, deep: int) -> Iterator[bytes]:
    """Yield the JSON of `value`; the entries of an object, and of those inside it, come one by one, and are let go of.

    All at once they would be freed in one go at the end, during which nobody else has a turn.
    """
    if not deep or not isinstance(value, dict) or not value:
        yield encode_json(value)
        return
    before = b"{"
    for name in [*value]:
        yield before + encode_json(name) + b":"
        yield from _pieces(value.pop(name), deep - 1)
        before = b","
    yield b"}"


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let other threads have the interpreter often; only one document is made at a time, so what was before is what comes after."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
