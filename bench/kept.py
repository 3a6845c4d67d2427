"""The journal as it stands in the database, read with the bare driver and with nothing of the product's own reading.

Never here: judging it (`checker`).
"""

import asyncio
from typing import Any

import asyncpg
import msgspec

from bench.checker import Kept

_POSTED = "room.message_posted"


def key_of(text: str) -> str:
    """Return what tells messages apart: the first word of a text."""
    return text.partition(" ")[0]


def read_journal(dsn: str, stream: str) -> list[Kept]:
    """Return all events of `stream` in the order of their numbers; blocks."""
    return asyncio.run(_read(dsn, stream))


def read_events(dsn: str, type: str) -> list[tuple[str, dict[str, Any]]]:
    """Return all events of a type with their streams, those of one stream in the order of their numbers; blocks."""
    rows = asyncio.run(_fetch(dsn, "SELECT stream, body FROM journal WHERE type = $1 ORDER BY stream, seq", type))
    return [(row["stream"], msgspec.msgpack.decode(row["body"])) for row in rows]


async def _read(dsn: str, stream: str) -> list[Kept]:
    rows = await _fetch(dsn, "SELECT seq, type, body FROM journal WHERE stream = $1 ORDER BY seq", stream)
    return [Kept(row["seq"], _key(row["body"]) if row["type"] == _POSTED else None) for row in rows]


async def _fetch(dsn: str, query: str, argument: str) -> list[Any]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        rows: list[Any] = await connection.fetch(query, argument)
    finally:
        await connection.close()
    return rows


def _key(body: bytes) -> str:
    return key_of(msgspec.msgpack.decode(body)["text"])
