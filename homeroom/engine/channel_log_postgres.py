"""The log of channels in PostgreSQL.

Rules of this file: heads are taken in the order of the streams' names, as everybody takes them who appends to several, so no two
wait for each other; the message goes first, so of two that carry it only one writes. Never here: the driver, and records.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from homeroom.engine.channel_log import Announcement, Place
from homeroom.engine.database import Database
from homeroom.engine.journal import Unavailable
from homeroom.engine.postgres import DatabaseError

ANNOUNCE = """WITH taken AS (DELETE FROM messages WHERE number = $1 RETURNING number),
told AS (SELECT stream, body FROM unnest($2::text[], $3::bytea[]) AS given (stream, body) WHERE EXISTS (SELECT FROM taken)),
heads AS (INSERT INTO channels (stream, seq, at) SELECT stream, 1, $5::bigint FROM told ORDER BY stream COLLATE "C"
ON CONFLICT (stream) DO UPDATE SET seq = channels.seq + 1, at = greatest(channels.at, excluded.at) RETURNING stream, seq, at),
written AS (INSERT INTO journal (stream, seq, type, at, by, body)
SELECT heads.stream, heads.seq, $4, heads.at, $6, told.body FROM heads JOIN told ON told.stream = heads.stream COLLATE "C"),
kept AS (INSERT INTO activity_feed (event_type, actor_id, target_type, target_id, payload, channels, at)
SELECT $4, $6, $7, $8, $9, $2::text[], $5::bigint FROM taken)
SELECT stream, seq, at FROM heads"""
HEADS = "SELECT stream, seq FROM channels WHERE stream = ANY($1::text[])"


class PostgresChannelLog:
    """The `ChannelLog` protocol on a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, announcement: Announcement) -> Mapping[str, Place] | None:
        """Append, keep, and remove the message in one statement; `None` when it is gone."""
        kind, _, name = announcement.source.partition(":")
        rows = await self._fetch(
            ANNOUNCE,
            announcement.number,
            list(announcement.told),
            list(announcement.told.values()),
            announcement.type,
            announcement.at,
            announcement.by,
            kind,
            name,
            json.dumps(announcement.payload),
        )
        return {row["stream"]: Place(row["seq"], row["at"]) for row in rows} or None

    async def heads(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest number of each stream."""
        rows = await self._fetch(HEADS, list(streams))
        return dict.fromkeys(streams, 0) | {row["stream"]: row["seq"] for row in rows}

    async def _fetch(self, sql: str, *args: object) -> list[Any]:
        try:
            return await self._database.fetch(sql, *args)
        except DatabaseError as error:
            raise Unavailable(str(error)) from error
