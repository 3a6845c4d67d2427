"""The journal as it stands in the database, read with the bare driver and with nothing of the product's own reading.

Never here: judging it (`checker`).
"""

import asyncio

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


async def _read(dsn: str, stream: str) -> list[Kept]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        rows = await connection.fetch("SELECT seq, type, body FROM journal WHERE stream = $1 ORDER BY seq", stream)
    finally:
        await connection.close()
    return [Kept(row["seq"], _key(row["body"]) if row["type"] == _POSTED else None) for row in rows]


def _key(body: bytes) -> str:
    return key_of(msgspec.msgpack.decode(body)["text"])
