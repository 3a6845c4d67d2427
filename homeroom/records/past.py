"""What of past events somebody is shown now: of a record that is gone, or that is not theirs to see any more, its ids alone.

Rules of this file: no event is left out and none moves, so numbers have no gap; what is left out of one is everything but ids. An old
state of a record is shown while its reader may read the record itself, and back to when it was last published, or shown where it was not
before (`shown_anew`): what was taken back, and mended, does not come again. Admins, who may read it all the while, see that as well. Events of
actors (exams, sessions) are no matter of the records and pass as they are.
Never here: who may follow which channel (`doors`), and live events, which are told to whom they are for when they are written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw, Struct

from homeroom.engine.behaviour import Caller
from homeroom.engine.database import Database
from homeroom.engine.errors import unavailable
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.wire import Wire
from homeroom.records.access import ALL, NONE, allowed
from homeroom.records.breath import Breath
from homeroom.records.declare import RecordType
from homeroom.records.declare_faults import CHANGES

RETRY_MS = 500
_BARE = frozenset({"id", "operation", "version"})
_PUBLISHED = "published_at"
"""The column of those records that are taken back and published anew: what was said before is not what was published."""


class _Event(Struct):
    """An event as it stands in a frame."""

    type: str
    at: int
    by: str
    d: Raw


class _Saying(NamedTuple):
    """An event that says something of a record: its place among the others, and what it may always say."""

    place: int
    event: _Event
    id: str
    bare: Mapping[str, Any]

    def stands(self, since: "_Since") -> bool:
        """Tell whether all of it may be shown; what says no version goes by its time."""
        version = self.bare.get("version", since.version if self.event.at >= since.anew else 0)
        return self.event.at >= since.published and version >= since.version


class _Since(NamedTuple):
    """Since when what was said of a record stands: since it was `published` (Unix ms), and since it was shown `anew` in that `version`."""

    published: int
    anew: int
    version: int


class Past:
    """Looks at past events for whoever asks for them; each page takes one statement for each type of record in it."""

    def __init__(self, database: Database, types: Iterable[RecordType], wire: Wire) -> None:
        self._database = database
        self._wire = wire
        self._types = _by_domain(types)
        self._texts: dict[tuple[str, str], str] = {}

    async def review(self, caller: Caller, events: Sequence[bytes]) -> Sequence[bytes]:
        """Return the events in their order as `caller` may be shown them now; raises `unavailable`."""
        found = await self._sayings(events)
        shown, breath = [*events], Breath()
        for domain, sayings in found.items():
            since = await self._readable(self._types[domain], {one.id for one in sayings}, caller)
            for one in sayings:
                await breath.taken()
                if one.id not in since or not one.stands(since[one.id]):
                    shown[one.place] = self._told(one)
        return shown

    async def _sayings(self, events: Sequence[bytes]) -> Mapping[str, list[_Saying]]:
        """Return by domain the events that hold more than ids."""
        breath, found = Breath(), defaultdict[str, list[_Saying]](list)
        for place, encoded in enumerate(events):
            await breath.taken()
            event: _Event = self._wire.decode(encoded, _Event)
            domain = event.type.partition(".")[0]
            data = self._wire.decode_plain(event.d) if domain in self._types else None
            bare = _bare(data) if isinstance(data, dict) else data
            if bare != data and bare is not None:
                found[domain].append(_Saying(place, event, str(bare.get("id", "")), bare))
        return found

    async def _readable(self, type: RecordType, ids: Iterable[str], caller: Caller) -> Mapping[str, _Since]:
        """Return those records of `ids` that the caller may read, and since when what was said of them stands."""
        sql = self._text(type, caller.role)
        if not sql:
            return {}
        try:
            rows = await self._database.fetch(sql, caller.user, list(ids))
        except DatabaseError as error:
            raise unavailable(RETRY_MS) from error
        return {row["id"]: _Since(row["published"], row["anew"], row["version"]) for row in rows}

    def _text(self, type: RecordType, role: str) -> str:
        """Return the statement for callers of `role`, empty where none of them reads any record of the type."""
        text = self._texts.get((type.name, role))
        if text is None:
            text = self._texts[type.name, role] = _statement(type, role)
        return text

    def _told(self, one: _Saying) -> bytes:
        event = one.event
        return self._wire.event(event.type, event.at, event.by, self._wire.encode(one.bare))


def _bare(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the data of an event names, without what it says of it."""
    return {name: value for name, value in data.items() if name in _BARE or name.endswith("_id")}


def _by_domain(types: Iterable[RecordType]) -> Mapping[str, RecordType]:
    """Return the types by the first words of their events: `guardian.linked` is of the type `guardianship`."""
    found: dict[str, RecordType] = {}
    for one in types:
        events = (*map(one.event, CHANGES), *(action.event for action in one.actions))
        found |= {event.partition(".")[0]: one for event in (f"{one.name}.", *events)}
    return found


def _statement(type: RecordType, role: str) -> str:
    may = allowed(type, type.read, role)
    if may == NONE:
        return ""
    published = f"coalesce(r.{_PUBLISHED}, 0)" if _PUBLISHED in type.columns else "0::bigint"
    # Who may read all of them was never kept from one.
    anew = "FALSE" if may == ALL else "r.id = a.id"
    return (
        f"SELECT r.id, {published} AS published, coalesce(a.at, 0) AS anew, coalesce(a.version, 0) AS version "  # noqa: S608 - declared
        f"FROM {type.plural} AS r LEFT JOIN shown_anew AS a ON a.type = '{type.name}' AND {anew} "
        f"WHERE r.id = ANY($2::text[]) AND {may} AND $1::text IS NOT NULL"
    )
