"""The table of the REST doors: each row is registered with the server and written into OpenAPI, so the two always agree.

Never here: Quart (only `app` knows it) and what a handler does.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import trio
from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.http.identity import Identity

BAD_INPUT = ("bad_frame", "bad_command")
"""What every door that takes input may say."""
RAW_TYPE = "application/octet-stream"
"""The type of a body that is just its bytes."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, decoded as its route says. `who` is there unless the route takes nobody too and nobody said who they are.

    `body` and `query` are the route's structures (raw bytes and text for a verb's twin), `address` the peer's IP, `key`
    the `Idempotency-Key`, `bearer` what was sent as such, checked or not. `arrived` is when all of it was here, Unix ms of the
    server's clock. `ends` is unwound when the answer has been sent, or
    nobody is there to take it. `match` is the `If-Match`. A `streamed` route's `body` is an iterator of its pieces;
    `headers` are all of them, by any case. `ask` asks again who asks, for handlers that read for long: it raises `unauthenticated`
    once the login has ended.
    """

    id: str
    who: Identity | None
    path: Mapping[str, str]
    query: Any
    body: Any
    address: str
    key: str | None = None
    bearer: str = ""
    ends: ExitStack = field(default_factory=ExitStack)
    arrived: int = 0
    match: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint

    @property
    def person(self) -> Identity:
        """Return who asks; raises `unauthenticated` when nobody said."""
        if self.who is None:
            raise Refusal("unauthenticated", "this needs `Authorization: Bearer`")
        return self.who


@dataclass(frozen=True, slots=True)
class Out:
    """What a handler answers: a structure for JSON, or finished bytes with their type, or an async generator of them."""

    value: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    mimetype: str = "application/json"


Handler = Callable[[Call], Awaitable[Out]]


class Nothing(Struct, frozen=True):
    """An empty object."""


@dataclass(frozen=True, slots=True)
class Route:
    """One door. `path` has `{name}` placeholders.

    `bearer`: `needed`; `welcome` (nobody may come, but never with a wrong one); `lenient` (a wrong one is nobody's).

    `body`, `query` and `reply` are structures; with `raw` the handler itself reads body and query (a verb's twin), and the
    structures serve the description only. `spellings` are further names of the query's fields: other spelling → field;
    `words` those of a body's, which with `raw` the handler itself reads.
    `shapes` are the types of placeholders that are no field of a structure, where they are not just any id.
    `keyed` and `matched` doors take an `Idempotency-Key` and an `If-Match`; `tagged` ones answer an `ETag`.
    `streamed`: the handler reads a body of one of the types `takes` piece by piece; else `takes` are further types of the body, which the
    handler reads. `gives` are the types of the answer where there are several; `ranged` doors answer parts of it.
    `also` are further statuses and what they mean.
    `body_bytes` is the most a body has, 0 for what the application says. `errors` are codes of the protocol beside those of `BAD_INPUT` and of the door.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    tag: str
    body: type[Any] | None = None
    query: type[Any] | None = None
    reply: Any = None
    errors: tuple[str, ...] = ()
    status: int = 200
    bearer: Literal["needed", "welcome", "lenient", "ignored"] = "needed"
    raw: bool = False
    keyed: bool = False
    matched: bool = False
    body_bytes: int = 0
    tagged: bool = False
    spellings: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    mimetype: str = "application/json"
    streamed: bool = False
    takes: tuple[str, ...] = ()
    also: Mapping[int, str] = field(default_factory=dict)
    shapes: Mapping[str, Any] = field(default_factory=dict)
    gives: tuple[str, ...] = ()
    ranged: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the query that it knows, in order."""
        fields: tuple[str, ...] = getattr(self.query, "__struct_encode_fields__", ())
        return tuple(name for name in fields if name not in self.placeholders)

    @property
    def pattern(self) -> str:
        """Return the path with nameless placeholders: two doors of one pattern are the same to a router."""
        return "/".join("{}" if part[:1] == "{" else part for part in self.path.split("/"))

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Return the names in the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part[:1] == "{")


def check_doors(routes: Iterable[Route]) -> None:
    """Raise `ValueError` when two routes are the same door, or have the same name."""
    seen: dict[Any, Route] = {}
    for route in routes:
        for mark in ((route.method, route.pattern), route.name):
            other = seen.setdefault(mark, route)
            if other is not route:
                raise ValueError(f"two doors are one: {route.name} and {other.name}, {route.method} {route.path}")
