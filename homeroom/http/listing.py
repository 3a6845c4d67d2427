"""The lists over all things of a kind, made from the kinds' rows: a query becomes a question to the read models.

Which rows the caller may see is a part of the question that the kind makes. Never here: what is listed, and pages (`protocol.paging`).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import trio

from homeroom.engine.behaviour import Lookup, Refusal
from homeroom.engine.kind import Kind, Listing
from homeroom.http.csv import CSV_TYPE, sheet_out
from homeroom.http.rest import Desk, late
from homeroom.http.routes import Call, Out, Route
from homeroom.http.spellings import respell, spellings
from homeroom.protocol.rest_json import read_query
from homeroom.protocol.sheet import Sheet
from homeroom.protocol.summaries import summary_of

LookUp = Callable[[Lookup], Awaitable[Any]]
"""Answers a question to the rows of all streams; raises `Refusal`."""


def listing_routes(kinds: Iterable[Kind], desk: Desk, look_up: LookUp) -> list[Route]:
    """Return a door for each list of each kind."""
    return [_route(kind, listing, desk, look_up) for kind in kinds for listing in kind.lists]


def _route(kind: Kind, listing: Listing, desk: Desk, look_up: LookUp) -> Route:
    sheet = listing.reply is Sheet
    other = spellings(listing.query.__struct_encode_fields__, listing.words)

    async def handler(call: Call) -> Out:
        who = call.person
        if not listing.rule.permits(who.role, ()):
            raise Refusal("forbidden", "this list is not for you")
        query = read_query({**respell(call.query, other), **call.path}, listing.query)
        desk.spend(who, listing.budget)
        lookup = listing.ask(query, who.caller)
        with trio.move_on_after(desk.timeout_s):
            found = await look_up(lookup)
            return sheet_out(found) if sheet else Out(found)
        raise late()

    return Route(
        "GET",
        listing.path,
        name=listing.name,
        summary=summary_of(listing.query.__doc__, listing.name),
        handler=handler,
        tag=kind.plural,
        query=listing.query,
        reply=str if sheet else listing.reply,
        errors=("forbidden", "not_found", "rate_limited", "overloaded", "unavailable", "timeout"),
        raw=True,
        spellings=other,
        mimetype=CSV_TYPE if sheet else "application/json",
    )
