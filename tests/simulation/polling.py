"""Catching up over HTTP in the simulation: the real desk of `GET /api/realtime/sync`, asked without the HTTP around it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from homeroom.engine.behaviour import Refusal
from homeroom.http.routes import Call
from homeroom.http.sync import Sync, SyncQuery
from tests.simulation.identities import believe


async def poll(sync: Sync, url: str, headers: Mapping[str, str]) -> Any:
    """Return the answer's structure; raises `OSError` for a refusal, as any answer but success."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    who = await believe(headers["Authorization"].removeprefix("Bearer "))
    call = Call(
        "simulated",
        who,
        {},
        SyncQuery(query["streams"], since=query.get("since", "")),
        None,
        "simulated",
        bearer=who.id,
    )
    try:
        return (await sync.handle(call)).value
    except Refusal as refusal:
        raise OSError(str(refusal)) from None
