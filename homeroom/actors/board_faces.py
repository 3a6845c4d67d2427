"""What the events of a leaderboard look like to others: never an alias with a user id, never somebody who opted out.

Live, as things stood when the event happened; replayed, as they stand today. Never here: what is decided (`board`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from homeroom.actors.board_people import Person
from homeroom.protocol.board import Entry, EntryChanged, PeriodEnded, Recomputed, Scored
from homeroom.protocol.board_state import mask

People = Mapping[str, Person]


def public(event: Any) -> Any:
    """Return `event` as everybody may see it when it happens."""
    publish = _PUBLIC.get(type(event))
    return publish(event) if publish else event


def of_today(event: Any, people: People) -> Any:
    """Return `event` as everybody may see it today.

    Points of somebody who is out today are shown as an entry that goes: a follower who comes back and still has it lets go
    of it there, and gets the one that comes into view in its place by the event of opting out.
    """
    refresh = _TODAY.get(type(event))
    return refresh(event, people) if refresh else event


def _public_scored(e: Scored) -> Scored:
    if e.out or e.entry is None:
        return Scored(e.entries)
    return Scored(e.entries, mask(e.entry), _masked(e.next))


def _public_changed(e: EntryChanged) -> EntryChanged:
    return EntryChanged(e.entries, e.n, _masked(e.entry), _masked(e.next))


def _public_top(e: Any) -> Any:
    return replace(e, top=tuple(map(mask, e.top)))


def _scored_today(e: Scored, people: People) -> Scored | EntryChanged:
    if e.out or e.entry is None:
        return Scored(e.entries)
    entry, filler = _face(e.entry, people), _face(e.next, people)
    return Scored(e.entries, entry, filler) if entry else EntryChanged(e.entries, e.entry.entry, None, filler)


def _changed_today(e: EntryChanged, people: People) -> EntryChanged:
    return EntryChanged(e.entries, e.n, _face(e.entry, people), _face(e.next, people))


def _top_today(e: Any, people: People) -> Any:
    return replace(e, top=tuple(_faces(e.top, people)))


def _faces(entries: Iterable[Entry], people: People) -> Iterable[Entry]:
    return (entry for entry in (_face(entry, people) for entry in entries) if entry is not None)


def _face(entry: Entry | None, people: People) -> Entry | None:
    """Return an entry under the name of today, nothing for somebody who is out."""
    person = people.get(entry.user) if entry is not None else None
    if entry is None or person is None:
        return _masked(entry)
    if person.out:
        return None
    return mask(replace(entry, name=person.shown_name, alias=bool(person.alias)))


def _masked(entry: Entry | None) -> Entry | None:
    return entry and mask(entry)


_PUBLIC: dict[type[Any], Callable[[Any], Any]] = {
    Scored: _public_scored,
    EntryChanged: _public_changed,
    PeriodEnded: _public_top,
    Recomputed: _public_top,
}
_TODAY: dict[type[Any], Callable[[Any, People], Any]] = {
    Scored: _scored_today,
    EntryChanged: _changed_today,
    PeriodEnded: _top_today,
    Recomputed: _top_today,
}
