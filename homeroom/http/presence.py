"""The doors to other people's presence: one, several, or who is here. The verbs' own doors are twins like all others.

Each person is asked by their own actor whether the reader may see them; who may not be seen is missing, as if offline. Only
who has a history is asked: of somebody who was never here there is nothing to wake, and a blank presence answers instead.
Never here: who may see whom, and what a status means.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Annotated

import trio
from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.kind import Kind
from homeroom.http.identity import Identity
from homeroom.http.rest import Desk, checked_id, done_with, id_of
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.ids import Id
from homeroom.protocol.presence import Activity, OwnPresence, PresenceState, SetStatus

KIND = "presence"
BULK_MAX = 100
LOOKED_AT = 2_000
"""How many of the people who are here one reading asks at the most."""
AT_ONCE = 8
"""Actors that one request asks at the same time: many requests of one person must not be felt by the others."""
A_CHARGE = 10
"""People asked for by name that cost as much as one reading."""
HERE_A_CHARGE = 100
"""The same of those who are here: their actors are awake."""

Known = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Returns those of some streams that have a history; may raise the journal's `Unavailable`."""


class OnlineQuery(Struct, frozen=True):
    """How many people at the most."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many people at the most.")] = 100


class BulkBody(Struct, frozen=True):
    """Whose presence."""

    users: Annotated[list[Id], Meta(min_length=1, max_length=BULK_MAX)]


class ActivityBody(Struct, frozen=True):
    """What one is doing; empty: nothing."""

    activity: Activity


class People(Struct, frozen=True):
    """Those of them whom the reader may see."""

    users: list[PresenceState]


@dataclass(frozen=True, slots=True)
class PresenceDesk:
    """The desk. `present()` names the people who may be here, each once, in any order; `known` tells whom there is to ask."""

    desk: Desk
    kind: Kind
    present: Callable[[], Iterable[str]]
    known: Known

    def routes(self) -> Iterable[Route]:
        """Return the doors."""
        tag, limits = self.kind.plural, ("rate_limited", "overloaded", "unavailable", "timeout")
        return (
            Route("GET", "/api/presence/online", "presence_online", "Who is here, as far as one may see.", self.online,
                  tag, query=OnlineQuery, reply=People, errors=limits),
            Route("GET", "/api/presence/user/{user}", "presence_user", "The presence of one person.", self.one, tag,
                  reply=PresenceState, errors=("forbidden", "not_found", *limits), shapes={"user": id_of(self.kind)}),
            Route("POST", "/api/presence/bulk", "presence_bulk", "The presence of several people.", self.several, tag,
                  body=BulkBody, reply=People, errors=limits, words={"userIds": "users"}),
            Route("PUT", "/api/presence/activity", "presence_activity", "Say what one is doing.", self.act, tag,
                  body=ActivityBody, reply=done_with(OwnPresence), errors=("conflict", *limits), keyed=True),
        )  # fmt: skip

    async def online(self, call: Call) -> Out:
        """Answer those who are here and are not offline to the reader."""
        here = list(islice(self.present(), LOOKED_AT))
        self.desk.spend(call.person, "read", max(1, ceil(len(here) / HERE_A_CHARGE)))
        shown: list[PresenceState] = []
        ids = iter(here)
        while len(shown) < call.query.limit and (some := list(islice(ids, AT_ONCE))):
            shown += [state for state in await self._look(some, call.person) if state.status != "offline"]
        return Out(People(shown[: call.query.limit]))

    async def one(self, call: Call) -> Out:
        """Answer one person; `forbidden` or `not_found` as the person's actor says."""
        self.desk.spend(call.person, "read")
        return Out(await self._read(checked_id(call.path["user"], self.kind), call.person))

    async def several(self, call: Call) -> Out:
        """Answer those of the people asked for whom the reader may see."""
        users = list(dict.fromkeys(call.body.users))
        self.desk.spend(call.person, "read", ceil(len(users) / A_CHARGE))
        return Out(People(await self.states(users, call.person)))

    async def states(self, users: Sequence[str], who: Identity) -> list[PresenceState]:
        """Return those of `users` whom `who` may see, in their order; nobody is woken who was never here."""
        known = await self.known([f"{KIND}:{user}" for user in users])
        asked = [user for user in users if f"{KIND}:{user}" in known]
        found = {state.user: state for state in await self._look(asked, who)}
        blank = {user: self._blank(user, who) for user in users if user not in found and f"{KIND}:{user}" not in known}
        states = (found.get(user) or blank.get(user) for user in users)
        return [state for state in states if state is not None]

    async def act(self, call: Call) -> Out:
        """Change the activity only: the verb `set` with nothing else."""
        who, command = call.person, SetStatus(activity=call.body.activity)
        verb = self.kind.verb(command.do)
        if verb is None:
            raise Refusal("not_found", "no such thing")
        return Out(await self.desk.carry_out(f"{KIND}:{who.id}", verb, command, call, call.key))

    def _blank(self, user: str, who: Identity) -> PresenceState | None:
        """Return what the actor of somebody who was never here would show, by its own rules and without waking it."""
        actor = self.kind.behaviour(user, self.kind.behaviour.fresh(user))
        if actor.hidden(who.caller) or not self.kind.watch.permits(who.role, actor.relations(who.caller)):
            return None
        state: PresenceState = actor.view(who.caller)
        return state

    async def _look(self, users: list[str], who: Identity) -> list[PresenceState]:
        """Return those whom `who` may see, in the order given."""
        found: dict[str, PresenceState] = {}

        async def look(user: str) -> None:
            try:
                found[user] = await self._read(user, who)
            except Refusal as refusal:
                if refusal.code not in {"forbidden", "not_found"}:
                    failures.append(refusal)

        failures: list[Refusal] = []
        for start in range(0, len(users), AT_ONCE):
            async with trio.open_nursery() as nursery:
                for user in users[start : start + AT_ONCE]:
                    nursery.start_soon(look, user)
        if failures:
            raise failures[0]
        return [found[user] for user in users if user in found]

    async def _read(self, user: str, who: Identity) -> PresenceState:
        page = await self.desk.page(f"{KIND}:{user}", who)
        state: PresenceState = self.desk.wire.convert(page.state, PresenceState)
        return state
