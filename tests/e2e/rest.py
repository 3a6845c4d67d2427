"""One person at the doors of REST, with a token of a demo school. Never here: what is written through them, and sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.e2e.server import Server


@asynccontextmanager
async def rest(server: Server, user: str) -> AsyncIterator[httpx.AsyncClient]:
    """Offer the doors to one person."""
    bearer = {"Authorization": f"Bearer {server.token(user)}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=bearer, timeout=30) as http:
        yield http


async def sent(http: httpx.AsyncClient, method: str, path: str, **body: Any) -> Any:
    """Return what a write answered; raises `AssertionError` when it was refused."""
    reply = await http.request(method, path, json=body or None)
    assert reply.status_code < 300, reply.text
    return reply.json() if reply.content else None
