"""The feed of what happened, within the reader's scope: a line is there for whoever may follow a stream that it was told on.

Admins see all of it. Lines are written by the tail of each transaction, and by announcements of actors. Never here: writing it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.protocol.access import ADMINS, SYSTEM_ROLE
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.paging import decode_after, encode_after
from homeroom.records.faults import told_as_refusals
from homeroom.records.intake import check_storable
from homeroom.records.named import Named

LIMIT, LIMIT_MAX = 50, 100
_PLACE = "feed:row"
"""Stands for the stream in a page's `after`, which here holds a line's number alone."""
_ME, _ROLE = "$1::text", "$2::text"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Happening(Struct, frozen=True):
    """A line of the feed: who (`actor_id`) did what to which thing, and when (`created_at`, Unix ms)."""

    id: str
    event_type: str
    actor_id: str
    target_type: str
    target_id: str
    payload: dict[str, Any]
    created_at: int


class Feed(Struct, frozen=True):
    """A page of the feed, the newest first; `after` leads to the next one, empty when there is none. `people`: whom it names, if asked."""

    items: tuple[Happening, ...]
    after: str = ""
    people: dict[str, Named] | UnsetType = UNSET


class FeedQuery(Struct, frozen=True, kw_only=True):
    """Which lines. `type`: events, joined by commas, also as `entry:statusChanged`. `start`, `end`: Unix ms, both inclusive."""

    type: str = ""
    target_type: str = ""
    target_id: str = ""
    start: int | None = None
    end: int | None = None
    limit: int = LIMIT
    after: str = ""


class Activity:
    """Reads the feed.

    `memberships` says for each kind of stream that has members which they are: SQL of the ids that the person `:me` may follow.
    """

    def __init__(self, database: Database, memberships: Mapping[str, str]) -> None:
        self._database = database
        self._scope = _scope(memberships)

    async def page(self, query: FeedQuery, caller: Caller) -> Feed:
        """Return a page of what `caller` may see; raises `Refusal`."""
        limit = max(1, min(query.limit, LIMIT_MAX))
        for name in ("type", "target_type", "target_id"):
            check_storable(name, getattr(query, name))
        args = (_types(query.type), query.target_type, query.target_id, query.start, query.end, _behind(query.after))
        sql = _READ.format(scope="TRUE" if caller.role in (*ADMINS, SYSTEM_ROLE) else self._scope)
        with told_as_refusals():
            rows = await self._database.fetch(sql, caller.user, caller.role, *args, limit + 1)
        after = encode_after(rows[limit - 1]["id"], _PLACE) if len(rows) > limit else ""
        return Feed(tuple(_happening(row) for row in rows[:limit]), after)


_READ = """SELECT f.id, f.event_type, f.actor_id, f.target_type, f.target_id, f.payload, f.at FROM activity_feed AS f
WHERE $1::text IS NOT NULL AND $2::text IS NOT NULL AND {scope}
AND ($3::text[] = '{{}}' OR f.event_type = ANY($3::text[]))
AND ($4::text = '' OR f.target_type = $4::text) AND ($5::text = '' OR f.target_id = $5::text)
AND f.at >= coalesce($6::bigint, 0) AND ($7::bigint IS NULL OR f.at <= $7::bigint)
AND ($8::bigint IS NULL OR f.id < $8::bigint)
ORDER BY f.id DESC LIMIT $9::bigint"""


def _scope(memberships: Mapping[str, str]) -> str:
    """Return the condition of a line that was told on a stream of the person `$1`, whose role is `$2`.

    The streams are found once a statement, so that the index over the channels serves.
    """
    told = [
        f"ARRAY(SELECT '{kind}:' || q.id FROM ({query.replace(':me', _ME)}) AS q (id))"  # noqa: S608 - declared
        for kind, query in memberships.items()
    ]
    mine = " || ".join((f"ARRAY['user:' || {_ME}, 'role:' || {_ROLE}]", *told))
    return f"f.channels && (SELECT {mine})"


def _types(text: str) -> Sequence[str]:
    """Return the events that are asked for, under the names of the wire."""
    return [_wire_name(word) for word in _words(text)]


def _words(text: str) -> Iterable[str]:
    return filter(None, (word.strip() for word in text.split(",")))


def _wire_name(word: str) -> str:
    return _HUMP.sub("_", word.replace(":", ".")).lower()


def _behind(after: str) -> int | None:
    try:
        place = decode_after(after, int)
    except RemoteProtocolError as error:
        raise Refusal(error.code, error.msg, data=error.data) from None
    return None if place is None else min(place[0] or 0, MAX_SEQ)


def _happening(row: Any) -> Happening:
    payload = msgspec.json.decode(row["payload"])
    return Happening(
        str(row["id"]),
        row["event_type"],
        row["actor_id"],
        row["target_type"],
        row["target_id"],
        payload if isinstance(payload, dict) else {"value": payload},
        row["at"],
    )
