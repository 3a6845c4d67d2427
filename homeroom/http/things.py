"""Every live thing as it is, and as it was: `GET /api/<plural>/{id}`, and its replay where the kind has one.

Both go the way of a subscription: the same rule, the same view and the same events for the same caller.
Never here: what a thing looks like, and catching up (`sync`).
"""

from collections.abc import Collection, Iterable
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from homeroom.engine.kind import Kind
from homeroom.http.rest import Desk, checked_id, id_of
from homeroom.http.routes import Call, Out, Route
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.ids import MAX_SEQ, Millis, Seq

REPLAY_MAX = 500
_ERRORS = ("forbidden", "not_found", "rate_limited", "overloaded", "unavailable", "timeout")


class ReplayQuery(Struct, frozen=True):
    """Where to begin, and how many events at the most."""

    after: Annotated[int, Meta(ge=0, le=MAX_SEQ, description="Begin behind the event of this number.")] = 0
    limit: Annotated[int, Meta(ge=1, le=REPLAY_MAX, description="How many events at the most.")] = 100


class ReplayedEvent(Struct, frozen=True):
    """An event with its number and its time; `d` is what its type says."""

    seq: Seq
    at: Millis
    type: str
    by: str
    d: Any


class Replay(Struct, frozen=True):
    """Events in their order. `next`, when there are more of them: the `after` of the next page."""

    events: list[ReplayedEvent]
    next: Seq | UnsetType = UNSET


def thing_path(kind: Kind) -> str:
    """Return the path at which a thing is looked at as it is."""
    return f"/api/{kind.plural}/{{id}}"


def replay_path(kind: Kind) -> str:
    """Return the path at which the events of a thing are paged."""
    return f"{thing_path(kind)}/replay"


def has_looks(kind: Kind) -> bool:
    """Tell whether anybody may look at things of a kind from outside."""
    return kind.watch != SYSTEM_ONLY


def thing_routes(kinds: Iterable[Kind], desk: Desk, taken: Collection[tuple[str, str]]) -> list[Route]:
    """Return the doors that are not `taken` (method and pattern) by a verb or a list."""
    routes = [route for kind in kinds for route in _doors(kind, desk)]
    return [route for route in routes if (route.method, route.pattern) not in taken]


def _doors(kind: Kind, desk: Desk) -> list[Route]:
    """Return the doors of a kind: none to things that nobody but the engine may look at."""
    if not has_looks(kind):
        return []
    return [_thing(kind, desk), *([_replay(kind, desk)] if kind.replay else [])]


def _thing(kind: Kind, desk: Desk) -> Route:
    async def handler(call: Call) -> Out:
        desk.spend(call.person, "read")
        page = await desk.page(f"{kind.name}:{checked_id(call.path['id'], kind)}", call.person)
        return Out(page.state, headers={"ETag": f'W/"{page.epoch}.{page.seq}"'})

    summary = f"The {kind.name} as it is now, as its subscribers see it."
    path = thing_path(kind)
    shapes = {"id": id_of(kind)}
    return Route("GET", path, kind.name, summary, handler, kind.plural, reply=kind.shown, errors=_ERRORS, shapes=shapes)


def _replay(kind: Kind, desk: Desk) -> Route:
    async def handler(call: Call) -> Out:
        desk.spend(call.person, "read")
        address = f"{kind.name}:{checked_id(call.path['id'], kind)}"
        page = await desk.replay(address, call.person, call.query.after, call.query.limit)
        first = page.seq - len(page.events) + 1
        events = [_event(seq, desk.wire.decode_plain(event)) for seq, event in enumerate(page.events, first)]
        return Out(Replay(events, page.seq if page.more else UNSET))

    name, summary = f"{kind.name}_replay", f"The events of the {kind.name} with their times, page by page."
    path = replay_path(kind)
    asked, shapes = ReplayQuery, {"id": id_of(kind)}
    return Route(
        "GET", path, name, summary, handler, kind.plural, query=asked, reply=Replay, errors=_ERRORS, shapes=shapes
    )


def _event(seq: int, event: Any) -> ReplayedEvent:
    return ReplayedEvent(seq, event["at"], event["type"], event["by"], event["d"])
