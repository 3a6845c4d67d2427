"""The words by which one looks back: the types of things, the types of events and what was done, as the feed and the audit know them, and the
tables that one catches up on.

Made from the declarations, so a new record type has its words without a line here. Types are known by their names, in the singular and
the plural, and by their doors, with `_`, `-` or neither between the words. Pure. Never here: the questions that words are part of.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from homeroom.records.declare import RecordType
from homeroom.records.declare_faults import CHANGES
from homeroom.records.intake import misfit

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Thing(NamedTuple):
    """A kind of things that are no records: its name, its plural, and the types of the events that it tells channels."""

    name: str
    plural: str
    events: tuple[str, ...]


class Vocabulary:
    """The words of some record types and of other `things`."""

    def __init__(self, types: Iterable[RecordType], things: Iterable[Thing] = ()) -> None:
        named: dict[str, str] = {}
        events: list[str] = []
        for name, words, told in (*map(_of_record, types), *map(_of_thing, things)):
            events += told
            for word in words:
                named.setdefault(_squeezed(word), name)
        self._named: Mapping[str, str] = named
        self.types = tuple(dict.fromkeys(named.values()))
        self.events = tuple(sorted(set(events)))

    def type_of(self, word: str, field: str) -> str:
        """Return the type that `word` names; raises `bad_command` for none."""
        found = _named(self._named, word)
        if found is None:
            raise misfit(field, f"no such type: {word[:64]!r}", "one of " + ", ".join(self.types))
        return found

    def event_of(self, word: str, field: str) -> str:
        """Return the type of event that `word` names, `entry.status_changed` also as `entry:statusChanged`; raises `bad_command` for none."""
        domain, _, rest = plain_event(word).partition(".")
        for found in (f"{domain}.{rest}", f"{_named(self._named, domain) or domain}.{rest}"):
            if found in self.events:
                return found
        near = [event for event in self.events if event.startswith(f"{domain}.")] or self.events
        raise misfit(field, f"no such event: {word[:64]!r}", "one of " + ", ".join(near))


class TableNames:
    """The names of `tables` that are told of as `table:<name>`, by the words for what is in them: record types, and other `things`."""

    def __init__(self, tables: Iterable[str], types: Iterable[RecordType], things: Iterable[Thing] = ()) -> None:
        own = {_squeezed(table): table for table in tables}
        named = dict(own)
        for _, words, _ in (*map(_of_record, types), *map(_of_thing, things)):
            squeezed = [*map(_squeezed, words)]
            table = next((own[word] for word in squeezed if word in own), None)
            named.update({word: table for word in squeezed if table is not None and word not in own})
        self._named: Mapping[str, str] = named

    def name_of(self, word: str) -> str:
        """Return the name of the table that `word` means; what means none comes back as it is."""
        return _named(self._named, word) or word


def plain_event(word: str) -> str:
    """Return the type of an event as the wire spells it."""
    return _HUMP.sub("_", word.replace(":", ".")).lower()


def events_of(type: RecordType) -> tuple[str, ...]:
    """Return the types of all events that tell of a record type: of its changes, of its actions, and those beside them."""
    changes = map(type.event, CHANGES)
    return tuple(dict.fromkeys((*changes, *(action.event for action in type.actions), *type.tells)))


def _of_record(type: RecordType) -> tuple[str, Iterator[str], tuple[str, ...]]:
    doors = (path.rpartition("/")[2] for path in (type.door, *type.also))
    return type.name, iter((type.name, type.plural, *doors)), events_of(type)


def _of_thing(thing: Thing) -> tuple[str, Iterator[str], tuple[str, ...]]:
    return thing.name, iter((thing.name, thing.plural)), thing.events


def _named(named: Mapping[str, str], word: str) -> str | None:
    """Return what a word means, or what it does in the plural or the singular."""
    squeezed = _squeezed(word)
    forms = (squeezed, f"{squeezed}s", squeezed.removesuffix("s"))
    return next((named[form] for form in forms if form in named), None)


def _squeezed(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
