"""The feed of what happened, within the reader's scope: a line is there for whoever may follow a stream that it was told on.

Admins see all of it. Lines are written by the tail of each transaction, and by announcements of actors. Never here: writing it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from homeroom.engine.behaviour import Caller
from homeroom.protocol.access import ADMINS, SYSTEM_ROLE
from homeroom.protocol.ids import MAX_SEQ
from homeroom.protocol.paging import encode_after
from homeroom.records.faults import told_as_refusals
from homeroom.records.intake import check_storable
from homeroom.records.named import Named
from homeroom.records.pages import read_after
from homeroom.records.reads import Reads
from homeroom.records.vocabulary import plain_event

LIMIT, LIMIT_MAX = 50, 100
_PLACE = "feed:row"
"""Stands for the stream in a page's `after`, which here holds a line's number alone."""
_ME, _ROLE = "$1::text", "$2::text"


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
    actor_id: str = ""
    start: int | None = None
    end: int | None = None
    limit: int = LIMIT
    after: str = ""


class Activity:
    """Reads the feed.

    `memberships` says for each kind of stream that has members which they are: SQL of the ids that the person `:me` may follow.
    """

    def __init__(self, reads: Reads, memberships: Mapping[str, str]) -> None:
        self._reads = reads
        self._scope = _scope(memberships)

    async def page(self, query: FeedQuery, caller: Caller) -> Feed:
        """Return a page of what `caller` may see; raises `Refusal`."""
        limit = max(1, min(query.limit, LIMIT_MAX))
        sql, args = _reading(query, "TRUE" if caller.role in (*ADMINS, SYSTEM_ROLE) else self._scope)
        with told_as_refusals():
            rows = await self._reads.fetch(caller.user, sql, caller.user, caller.role, limit + 1, *args)
        after = encode_after(rows[limit - 1]["id"], _PLACE) if len(rows) > limit else ""
        return Feed(tuple(_happening(row) for row in rows[:limit]), after)


_READ = """SELECT f.id, f.event_type, f.actor_id, f.target_type, f.target_id, f.payload, f.at FROM activity_feed AS f
WHERE $1::text IS NOT NULL AND $2::text IS NOT NULL AND {where} ORDER BY f.id DESC LIMIT $3::bigint"""
_ASKED: Mapping[str, str] = MappingProxyType(
    {
        "type": "f.event_type = ANY({}::text[])",
        "target_type": "f.target_type = {}::text",
        "target_id": "f.target_id = {}::text",
        "actor_id": "f.actor_id = {}::text",
        "start": "f.at >= {}::bigint",
        "end": "f.at <= {}::bigint",
        "after": "f.id < {}::bigint",
    }
)
"""Field of a `FeedQuery` -> what it asks of a line. Only what is asked for is in the statement, so that the fitting index serves."""


def _reading(query: FeedQuery, scope: str) -> tuple[str, list[Any]]:
    """Return the statement of a page, and its arguments behind the first three."""
    args: list[Any] = []
    conditions = [scope]
    for name, condition in _ASKED.items():
        value = getattr(query, name)
        if isinstance(value, str):
            value = _argument(name, check_storable(name, value))
        if value not in (None, "", []):
            args.append(value)
            conditions.append(condition.format(f"${len(args) + 3}"))
    return _READ.format(where=" AND ".join(conditions)), args


def _argument(name: str, text: str) -> Any:
    """Return what stands for a text that is asked for, nothing for an empty one."""
    return _types(text) if name == "type" else _behind(text) if name == "after" else text


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


def _types(text: str) -> list[str]:
    """Return the events that are asked for, under the names of the wire."""
    return [plain_event(word) for word in _words(text)]


def _words(text: str) -> Iterable[str]:
    return filter(None, (word.strip() for word in text.split(",")))


def _behind(after: str) -> int | None:
    place = read_after(after, int)
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
