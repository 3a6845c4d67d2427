"""The REST twins of all verbs, made from the kinds' rows: a new verb has its door without a line here.

A request becomes the same command structure as a frame, with the same digest, and goes to the same actor, which checks
access. Never here: what a verb does, and who may.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Annotated, Any, Generic, Optional, Protocol, TypeVar

import trio
from msgspec import Meta, Struct, defstruct
from msgspec.structs import replace

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Answer
from homeroom.engine.errors import AnotherBefore
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.switchboard import Ref
from homeroom.engine.wire import Wire
from homeroom.engine.words import Page
from homeroom.http.csv import CSV_TYPE, sheet_out
from homeroom.http.identity import Identity
from homeroom.http.routes import Call, Out, Route
from homeroom.http.spellings import may_differ, respell, respell_body, spellings, turn
from homeroom.protocol.ids import spell_id
from homeroom.protocol.rest_json import encode_json
from homeroom.protocol.sheet import Sheet
from homeroom.protocol.summaries import summary_of
from homeroom.protocol.verbs import VerbTable, command_digest, decode_object

RETRY_MS = 1_000
_ERRORS = (
    "forbidden", "not_found", "conflict", "full", "too_late", "rate_limited", "overloaded", "unavailable", "timeout",
)  # fmt: skip
"""What an actor may say to any verb."""
_KEY = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
_ID = re.compile(r"\A[A-Za-z0-9_.\-]{1,64}\Z")


ReplyT = TypeVar("ReplyT")


class Done(Struct, Generic[ReplyT], frozen=True, omit_defaults=True):
    """A command was carried out. `data` is the verb's reply, `pos` is `[stream, seq]` of the last event it caused.

    `again`: it had been done before. `id`: that of a thing whose id the server made.
    """

    data: ReplyT | None = None
    pos: tuple[str, int] | None = None
    again: bool = False
    id: str | None = None


class Take(Protocol):
    """Who keeps the budgets."""

    def __call__(self, user: str, budget: str, amount: float = 1.0) -> int | None:
        """Take so much from a person's budget; `None` when it was there, else the ms to wait."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the twins need: the way to every stream, the verbs, the budgets and the stored form of earlier answers.

    `take(user, budget)` is `None` or the ms to wait; `random` makes ids that nobody can guess; `timeout_s` is how long an
    answer is waited for.
    """

    ref: Callable[[str], Ref]
    verbs: VerbTable
    wire: Wire
    take: Take
    random: Random
    timeout_s: float = 5.0

    async def carry_out(self, address: str, verb: Verb, command: Any, call: Call, key: str | None) -> Done[Any]:
        """Have the actor do it; raises `Refusal`. With a `key`, exactly once however often it is sent."""
        who = call.person
        self.spend(who, verb.budget)
        client, number = (f"{who.id}/{key_name(key)}", 1) if key is not None else ("", 0)
        digest, ref = command_digest(verb.command.do, command), self.ref(address)
        answer: Answer | None = None
        with trio.move_on_after(self.timeout_s):
            answer = await ref.ask(
                command, who.caller, client=client, number=number, digest=digest, arrived=call.arrived
            )
        if isinstance(answer, AnotherBefore):
            raise Refusal("conflict", f"the Idempotency-Key {key} came with another request before: choose a new key")
        return self._read(answer, address)

    async def page(self, address: str, who: Identity) -> Page:
        """Return a snapshot of a stream as `who` may see it; raises `Refusal`."""
        with trio.move_on_after(self.timeout_s):
            return await self.ref(address).read(who.caller, None, 1)
        raise late()

    async def replay(self, address: str, who: Identity, after: int, limit: int) -> Page:
        """Return events of a stream behind number `after`, as `who` may see them; raises `Refusal`."""
        with trio.move_on_after(self.timeout_s):
            return await self.ref(address).replay(who.caller, after, limit)
        raise late()

    def spend(self, who: Identity, budget: str, amount: float = 1.0) -> None:
        """Take from the person's budget; raises `rate_limited`."""
        wait_ms = self.take(who.id, budget, amount)
        if wait_ms is not None:
            raise Refusal("rate_limited", f"the budget `{budget}` is used up", retry_ms=wait_ms)

    def _read(self, answer: Answer | None, address: str) -> Done[Any]:
        if answer is None:
            raise late()
        if isinstance(answer, Refusal):
            raise answer
        data = self.wire.decode_plain(answer.encoded) if answer.encoded is not None else answer.reply
        return Done(data, (address, answer.seq) if answer.seq is not None else None, answer.again)


def twin_routes(kinds: Iterable[Kind], desk: Desk) -> list[Route]:
    """Return all doors of each verb of each kind that has one."""
    return [
        _route(kind, verb, desk, number, door)
        for kind in kinds
        for verb in kind.verbs
        for number, door in enumerate(twin_paths(kind, verb))
    ]


def twin_paths(kind: Kind, verb: Verb) -> list[tuple[str, str]]:
    """Return method and path of each door of a verb: none for one that is not to be reached from outside."""
    if verb.rest is None:
        return []
    first = verb.rest or f"POST /api/{kind.plural}/{{id}}/{verb.command.do}"
    return [(method, path) for method, _, path in (door.partition(" ") for door in (first, *verb.also))]


def makes_id(verb: Verb, path: str) -> bool:
    """Tell whether this door of a verb makes the id of a new thing."""
    return verb.fresh and not verb.own and "{id}" not in path


def id_of(kind: Kind) -> Any:
    """Return the type of an id of `kind` in a path, with what it is made of: the address of such a thing is taken as well."""
    return _id_of(kind.name, kind.ids or "1 to 64 of A-Z a-z 0-9 _ - .")


@lru_cache(maxsize=100)
def _id_of(kind: str, made: str) -> Any:
    pattern = rf"\A(?:{kind}:)?[A-Za-z0-9_.\-]{{1,64}}\Z"
    told = f"{made}; the address, `{kind}:` and the id, does as well"
    return Annotated[str, Meta(pattern=pattern, description=told)]


def _route(kind: Kind, verb: Verb, desk: Desk, number: int, door: tuple[str, str]) -> Route:
    method, path = door
    reads, makes = method == "GET", makes_id(verb, path)
    sheet = reads and verb.reply is Sheet
    other = spellings(verb.command.__struct_encode_fields__, verb.words)
    words: Mapping[str, str] = {} if reads else {**other, **verb.other_words}

    async def handler(call: Call) -> Out:
        fields = {**respell(call.query, other), **call.path} if reads else dict(call.path)
        target = _target(call, kind, fields.pop("id", None), desk.random if makes else None)
        body = b"" if reads else _in_our_words(call.body, verb, other, words)
        command = desk.verbs.decode_body(kind.name, verb.command.do, body, fields)
        done = await desk.carry_out(f"{kind.name}:{target}", verb, command, call, None if reads else call.key)
        if verb.fresh:
            return Out(
                replace(done, id=target) if "{id}" not in path else done,
                201,
                {"Location": f"/api/{kind.plural}/{target}"},
            )
        return sheet_out(done.data) if sheet and isinstance(done.data, Sheet) else Out(done)

    return Route(
        method,
        path,
        name=f"{kind.name}_{verb.command.do}" + (f"_{number + 1}" if number else ""),
        summary=summary_of(verb.command.__doc__, verb.command.do),
        handler=handler,
        tag=kind.plural,
        body=None if reads else verb.command,
        query=verb.command if reads else None,
        reply=str if sheet else done_with(verb.reply),
        errors=_ERRORS,
        status=201 if verb.fresh else 200,
        raw=True,
        keyed=not reads,
        mimetype=CSV_TYPE if sheet else "application/json",
        shapes={"id": id_of(kind)},
        spellings=other if reads else {},
        words=words,
    )


def _in_our_words(body: bytes, verb: Verb, other: Mapping[str, str], words: Mapping[str, str]) -> bytes:
    """Return a body in which nothing is named as in other systems any more; raises `bad_command` for what is given twice.

    `other` are the names in `verb.words`, and what those of its fields are in the spelling of the sources; `words` are
    those and the names in `verb.turned`.
    """
    if not body or not (words or may_differ(verb.command)):
        return body
    given = decode_object(body)
    ours = respell_body(given, verb.command, other)
    if ours is given and given.keys().isdisjoint(words):
        return body
    return encode_json(turn(ours, verb.turned))


def _target(call: Call, kind: Kind, id: str | None, random: Random | None) -> str:
    """Return whose door it is: the one in the path, a new thing's, or the caller's own."""
    if id is not None:
        return checked_id(id, kind)
    return call.person.id if random is None else fresh_id(random, call.person.id, kind.name, call.key)


def fresh_id(random: Random, user: str, kind: str, key: str | None) -> str:
    """Return an id for a new thing: 128 bits from `random`, or made of who asks and the `Idempotency-Key`.

    So the same request sent again reaches the thing that the first one made. 26 letters and digits, in lower case.
    """
    if key is None:
        bits = random.randbytes(16)
    else:
        bits = blake2b(f"{user}/{key_name(key)}".encode(), digest_size=16, key=kind.encode()).digest()
    return spell_id(bits)


def done_with(reply: Any) -> type[Any]:
    """Return the type of the answer of a verb that replies `reply`.

    A class of its own in the module of the reply, and no `Done[reply]`: those of equally named replies could not be told apart
    in the description.
    """
    return _done_with(reply)


@lru_cache(maxsize=1_000)
def _done_with(reply: Any) -> type[Any]:
    name = "" if reply is None else re.sub(r"\W+", "", getattr(reply, "__name__", repr(reply)))
    return defstruct(
        f"{name}Done",
        [("data", Optional[reply], None)],  # noqa: UP045 - a reply may be any type, also one that knows no `|`
        bases=(Done,),
        module=getattr(reply, "__module__", __name__),
        namespace={"__doc__": Done.__doc__},
        frozen=True,
        omit_defaults=True,
    )


def late() -> Refusal:
    """Return the answer when there was none in time."""
    return Refusal("timeout", "no answer in time; what was asked for may still happen", retry_ms=RETRY_MS)


def checked_id(text: str, kind: Kind | None = None) -> str:
    """Return an id from a path, where the address of a `kind` may stand as well; raises `not_found` for what is neither."""
    name = text.removeprefix(f"{kind.name}:") if kind is not None else text
    if not _ID.match(name):
        raise Refusal("not_found", "no such thing")
    return name


def key_of(call: Call) -> str | None:
    """Return the name that the request's `Idempotency-Key` stands for; raises `bad_command` for what is none."""
    return None if call.key is None else key_name(call.key)


def key_name(key: str) -> str:
    """Return the client name that an `Idempotency-Key` stands for: fixed in length, whatever the caller chose."""
    if not _KEY.match(key):
        raise Refusal("bad_command", "an Idempotency-Key is 1 to 255 visible characters")
    return f"key.{blake2b(key.encode(), digest_size=16).hexdigest()}"
