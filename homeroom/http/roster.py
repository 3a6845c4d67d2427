"""The doors to the presence of the people of one thing: of a room, a session, a group.

Who may look at the thing sees of its people what its subscribers see: what their presences have signalled onto its stream, so
that nobody is woken, and who hides is offline here as well. Never here: who may look, and what a presence tells to whom.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.kind import Kind
from homeroom.http.identity import Identity
from homeroom.http.presence import A_CHARGE, LOOKED_AT, OnlineQuery
from homeroom.http.rest import Desk, checked_id, id_of
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.ids import AddressText
from homeroom.protocol.presence import PresenceState

SIGNAL = "presence:"
"""How the keys of presences among the signals of a stream begin."""

_ERRORS = ("forbidden", "not_found", "rate_limited", "overloaded", "unavailable", "timeout")


class RosterAnswer(Struct, frozen=True):
    """The people of a thing, those who are here first. `count` and `online` are of all of them, however many are shown."""

    users: list[PresenceState]
    count: int
    online: int


@dataclass(frozen=True, slots=True)
class Roster:
    """The desk. `retained(stream)` returns the signals of a stream that still hold, by key."""

    desk: Desk
    kinds: Sequence[Kind]
    retained: Callable[[str], Mapping[str, bytes]]

    def routes(self) -> Sequence[Route]:
        """Return the doors: one for addresses, and one with the name of each kind that has people."""
        whole = self._route("/api/presence/of/{address}", "presence_of", "a thing", None)
        with_people = [kind for kind in self.kinds if kind.people is not None]
        return [
            whole,
            *(self._route(roster_path(kind), f"presence_{kind.name}", f"a {kind.name}", kind) for kind in with_people),
        ]

    def _route(self, path: str, name: str, of: str, kind: Kind | None) -> Route:
        async def handler(call: Call) -> Out:
            found, name = (kind, call.path["id"]) if kind is not None else self._find(call.path["address"])
            return Out(await self._read(found, checked_id(name, found), call.person, call.query.limit))

        summary = f"The presence of the people of {of} that one may look at."
        shapes = {"address": AddressText} if kind is None else {"id": id_of(kind)}
        return Route(
            "GET", path, name, summary, handler, "presence",
            query=OnlineQuery, reply=RosterAnswer, errors=_ERRORS, shapes=shapes,
        )  # fmt: skip

    def _find(self, address: str) -> tuple[Kind, str]:
        wanted, _, name = address.partition(":")
        for kind in self.kinds:
            if kind.name == wanted and kind.people is not None:
                return kind, name
        known = ", ".join(kind.name for kind in self.kinds if kind.people is not None)
        raise Refusal(
            "not_found", f"people are looked at in one of {known}, by its address, such as {known.split(',')[0]}:id"
        )

    async def _read(self, kind: Kind, id: str, who: Identity, limit: int) -> RosterAnswer:
        """Return the people of one thing; costs as much as asking for those shown by name."""
        address = f"{kind.name}:{id}"
        self.desk.spend(who, "read")
        page = await self.desk.page(address, who)
        view = self.desk.wire.convert(page.state, kind.shown)
        people = list(dict.fromkeys(kind.people(view))) if kind.people is not None else []
        self.desk.spend(who, "read", max(0, ceil(min(len(people), limit) / A_CHARGE) - 1))
        here = self._here(address, people)
        first = [*here.values(), *(PresenceState(user) for user in people if user not in here)]
        return RosterAnswer(first[:limit], len(people), len(here))

    def _here(self, address: str, people: Collection[str]) -> dict[str, PresenceState]:
        """Return those of `people` who are not offline, in their order."""
        signals = self.retained(address)
        here = islice((user for user in people if f"{SIGNAL}{user}" in signals), LOOKED_AT)
        wire = self.desk.wire
        return {user: wire.convert(wire.decode_plain(signals[f"{SIGNAL}{user}"])["d"], PresenceState) for user in here}


def roster_path(kind: Kind) -> str:
    """Return the path of the roster of a kind that has people."""
    return f"/api/presence/{kind.name}/{{id}}"
