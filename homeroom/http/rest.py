"""The REST twins of all verbs, made from the kinds' rows: a new verb has its door without a line here.

A request becomes the same command structure as a frame, with the same digest, and goes to the same actor, which checks
access. Never here: what a verb does, and who may.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import GenericAlias
from typing import Any, Generic, Protocol, TypeVar

import trio
from msgspec import Struct

from homeroom.engine.behaviour import Kind, Refusal, Verb
from homeroom.engine.envelope import Answer
from homeroom.engine.ref import ActorRef
from homeroom.engine.wire import Wire
from homeroom.engine.words import Page
from homeroom.http.identity import Identity
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.verbs import VerbTable, command_digest

RETRY_MS = 1_000
_KEY = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
_ID = re.compile(r"\A[A-Za-z0-9_.\-]{1,64}\Z")


ReplyT = TypeVar("ReplyT")


class Done(Struct, Generic[ReplyT], frozen=True, omit_defaults=True):
    """A command was carried out. `data` is the verb's reply, `pos` is `[stream, seq]` of the last event it caused.

    `again`: it had been done before.
    """

    data: ReplyT | None = None
    pos: tuple[str, int] | None = None
    again: bool = False


class Take(Protocol):
    """Who keeps the budgets."""

    def __call__(self, user: str, budget: str, amount: float = 1.0) -> int | None:
        """Take so much from a person's budget; `None` when it was there, else the ms to wait."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the twins need: the way to actors, the verbs, the budgets and the stored form of earlier answers.

    `take(user, budget)` is `None` or the ms to wait; `timeout_s` is how long an answer is waited for.
    """

    ref: Callable[[str], ActorRef]
    verbs: VerbTable
    wire: Wire
    take: Take
    timeout_s: float = 5.0

    async def carry_out(self, address: str, verb: Verb, command: Any, who: Identity, key: str | None) -> Done[Any]:
        """Have the actor do it; raises `Refusal`. With a `key`, exactly once however often it is sent."""
        self.spend(who, verb.budget)
        client, number = (f"{who.id}/{_key_name(key)}", 1) if key is not None else ("", 0)
        digest = command_digest(verb.command.do, command)
        answer: Answer | None = None
        with trio.move_on_after(self.timeout_s):
            answer = await self.ref(address).ask(command, who.caller, client=client, number=number, digest=digest)
        return self._read(answer, address)

    async def page(self, address: str, who: Identity) -> Page:
        """Return a snapshot of a stream as `who` may see it; raises `Refusal`."""
        with trio.move_on_after(self.timeout_s):
            return await self.ref(address).read(who.caller, None, 1)
        raise _timeout()

    def spend(self, who: Identity, budget: str, amount: float = 1.0) -> None:
        """Take from the person's budget; raises `rate_limited`."""
        wait_ms = self.take(who.id, budget, amount)
        if wait_ms is not None:
            raise Refusal("rate_limited", f"the budget `{budget}` is used up", retry_ms=wait_ms)

    def _read(self, answer: Answer | None, address: str) -> Done[Any]:
        if answer is None:
            raise _timeout()
        if isinstance(answer, Refusal):
            raise answer
        data = self.wire.decode_plain(answer.encoded) if answer.encoded is not None else answer.reply
        return Done(data, (address, answer.seq) if answer.seq is not None else None, answer.again)


def twin_routes(kinds: Iterable[Kind], desk: Desk) -> list[Route]:
    """Return a door for each verb of each kind that has one."""
    return [_route(kind, verb, desk) for kind in kinds for verb in kind.verbs if verb.rest is not None]


def twin_path(kind: Kind, verb: Verb) -> tuple[str, str]:
    """Return method and path of a verb that has a door."""
    text = verb.rest or f"POST /api/{kind.plural}/{{id}}/{verb.command.do}"
    method, path = text.split(" ")
    return method, path


def _route(kind: Kind, verb: Verb, desk: Desk) -> Route:
    method, path = twin_path(kind, verb)
    own = "{id}" not in path
    reads = method == "GET"

    async def handler(call: Call) -> Out:
        who = call.person
        fields = {**call.query, **call.path} if reads else dict(call.path)
        target = who.id if own else checked_id(fields.pop("id"))
        command = desk.verbs.decode_body(kind.name, verb.command.do, b"" if reads else call.body, fields)
        done = await desk.carry_out(f"{kind.name}:{target}", verb, command, who, None if reads else call.key)
        return Out(done)

    return Route(
        method,
        path,
        name=f"{kind.name}_{verb.command.do}",
        summary=(verb.command.__doc__ or verb.command.do).splitlines()[0],
        handler=handler,
        tag=kind.plural,
        body=None if reads else verb.command,
        query=verb.command if reads else None,
        reply=done_with(verb.reply),
        errors=("forbidden", "not_found", "conflict", "rate_limited", "overloaded", "unavailable", "timeout"),
        raw=True,
        keyed=not reads,
    )


def done_with(reply: type[Any] | None) -> Any:
    """Return the type of the answer of a verb that replies `reply`."""
    return GenericAlias(Done, (reply,))


def _timeout() -> Refusal:
    return Refusal("timeout", "no answer in time; what was asked for may still happen", retry_ms=RETRY_MS)


def checked_id(text: str) -> str:
    """Return an id from a path; raises `not_found` for what is none."""
    if not _ID.match(text):
        raise Refusal("not_found", "no such thing")
    return text


def _key_name(key: str) -> str:
    """Return the client name that an `Idempotency-Key` stands for: fixed in length, whatever the caller chose."""
    if not _KEY.match(key):
        raise Refusal("bad_command", "an Idempotency-Key is 1 to 255 visible characters")
    return f"key.{blake2b(key.encode(), digest_size=16).hexdigest()}"


def doors(kinds: Iterable[Kind]) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Return (kind, verb) by (method, path): for tests that look for a door without a rule."""
    return {
        twin_path(kind, verb): (kind.name, verb.command.do)
        for kind in kinds
        for verb in kind.verbs
        if verb.rest is not None
    }
