"""The doors to the presence of the people of a course and of a class, for those who may follow its channel.

Whoever has a course or class in common with somebody sees whether they are here. Never here: who may follow (the channels' own door), and who
belongs there (`places`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import trio

from homeroom.engine.switchboard import Ref
from homeroom.http.identity import Identity
from homeroom.http.presence import A_CHARGE, LOOKED_AT, OnlineQuery, PresenceDesk
from homeroom.http.rest import checked_id, late
from homeroom.http.roster import RosterAnswer
from homeroom.http.routes import Call, Out, Route

PLACES = ("course", "class")
_LOOKS = Identity("system", "system", "admin", 0)
"""The server itself looks, for those who may follow the place: a face is the same for everybody, and who hides is offline in it."""
_ERRORS = ("forbidden", "not_found", "rate_limited", "overloaded", "unavailable", "timeout")


@dataclass(frozen=True, slots=True)
class PlaceParts:
    """What the doors need: who belongs to a place, in order, and the way to a channel."""

    members: Callable[[str], Sequence[str]]
    ref: Callable[[str], Ref]


@dataclass(frozen=True, slots=True)
class PlaceRoster:
    """The desk."""

    parts: PlaceParts
    presences: PresenceDesk

    def routes(self) -> Sequence[Route]:
        """Return the doors."""
        return [self._route(kind) for kind in PLACES]

    def _route(self, kind: str) -> Route:
        async def handler(call: Call) -> Out:
            return Out(await self._read(f"{kind}:{checked_id(call.path['id'])}", call.person, call.query.limit))

        return Route(
            "GET", f"/api/presence/{kind}/{{id}}", f"presence_{kind}", f"The presence of the people of a {kind} that one may follow.",
            handler, "presence", query=OnlineQuery, reply=RosterAnswer, errors=_ERRORS,
        )  # fmt: skip

    async def _read(self, place: str, who: Identity, limit: int) -> RosterAnswer:
        """Return the people of a place, those who are here first; raises what following it does."""
        desk = self.presences.desk
        desk.spend(who, "read")
        await self._check(place, who)
        people = self.parts.members(place)
        here = set(self.presences.present())
        asked = [user for user in people if user in here][:LOOKED_AT]
        desk.spend(who, "read", max(0, ceil(len(asked) / A_CHARGE) - 1))
        online = [state for state in await self.presences.states(asked, _LOOKS) if state.status != "offline"]
        shown = {state.user for state in online}
        away = [user for user in people if user not in shown]
        rest = await self.presences.states(away[: max(limit - len(online), 0)], _LOOKS)
        return RosterAnswer([*online, *rest][:limit], len(people), len(online))

    async def _check(self, place: str, who: Identity) -> None:
        """Raise `not_found` for a place that is not for `who`."""
        with trio.move_on_after(self.presences.desk.timeout_s):
            await self.parts.ref(place).read(who.caller, None, 1)
            return
        raise late()
