"""What is wrong with a declaration of a record type, so that one that cannot hold is refused when it is made. Pure.

Never here: what a declaration is (`declare`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from homeroom.protocol.access import ANY, ROLES, SYSTEM_ROLE

if TYPE_CHECKING:
    from homeroom.records.declare import Action, Deed, RecordType

WORD = re.compile(r"\A[a-z][a-z0-9_]{1,39}\Z")
EVENT = re.compile(r"\A[a-z_]+\.[a-z_]+\Z")
DOOR = re.compile(r"\A(?:GET|POST|PUT|PATCH|DELETE) /api/[a-z0-9/{}_\-]+\Z")
CHANGES = ("created", "updated", "deleted")
QUERY_WORDS = frozenset({"limit", "after", "sort", "fields", "include"})
"""Names that a list's query has already, so that no column that is filtered by may have them."""


def faults(type: "RecordType") -> Iterator[str]:
    """Yield what is wrong with a declaration."""
    for find in (_name_faults, _channel_faults, _column_faults, _rule_faults):
        yield from find(type)


def _name_faults(type: "RecordType") -> Iterator[str]:
    for word in (type.name, type.plural):
        if not WORD.match(word):
            yield f"{word!r} is no name"
    events = (*type.words.values(), *type.tells, *(action.event for action in type.actions))
    yield from (f"{event!r} is no event" for event in events if not EVENT.match(event))
    yield from (f"{change!r} is no change" for change in type.words if change not in CHANGES)
    yield from (f"{notice.type!r} is no type of a notice" for notice in type.notices if not EVENT.match(notice.type))
    kinds = [notice.type for notice in type.notices]
    yield from (f"two notices are {kind!r}" for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1}))
    things: tuple[Action | Deed, ...] = (*type.actions, *type.deeds)
    doors = [door for thing in things for door in (thing.door, *thing.also)]
    yield from (f"{door!r} is no door" for door in doors if not DOOR.match(door))
    for action in type.actions:
        yield from (f"{door!r} names no row" for door in (action.door, *action.also) if "{id}" not in door)


def _channel_faults(type: "RecordType") -> Iterator[str]:
    if not type.channels:
        yield "nobody would hear of it: it has no channels"
    for channel in type.channels:
        if channel.kind == "table" and channel.shape != "ids":
            yield "the stream of a table holds no rows"


def _column_faults(type: "RecordType") -> Iterator[str]:
    places: Mapping[str, Sequence[str]] = {
        "references": tuple(type.references),
        "made_by_server": tuple(type.made_by_server),
        "settable": tuple(type.settable),
        "hidden": tuple(type.hidden),
        "mine": tuple(type.mine),
        "derived": tuple(name for column, one in type.derived.items() for name in (column, *one.of)),
        "rich": tuple(type.rich),
        "filters": type.filters,
        "lenses": tuple(type.lenses),
        "searched": type.searched,
        "notices": tuple(name for notice in type.notices for name in (*notice.data, notice.named) if name),
        "sorts": type.sorts,
        "indexes": tuple(name for names in type.indexes for name in names),
        "unique": tuple(name for names in type.unique for name in names),
        "spellings": tuple(type.spellings),
        "tallies": tuple(name for tally in type.tallies for name in tally.columns),
    }
    for place, names in places.items():
        yield from (f"{place} names {name!r}, which is no column" for name in names if name not in type.columns)
    yield from (f"{name!r} is a search and a column" for name in type.searches if name in type.columns)
    sent = {*type.columns, *(one for deed in type.deeds for one in deed.body.__struct_fields__)}
    yield from (f"aliases names {name!r}, which nobody sends" for name in type.aliases.values() if name not in sent)
    yield from (f"{name!r} is an alias and a column" for name in type.aliases if name in type.columns)
    yield from (
        f"{name!r} is a word of every query" for name in QUERY_WORDS.intersection((*type.filters, *type.searches))
    )
    yield from (f"{name!r} is no text, and so not rich" for name in type.rich if not type.columns[name].text)
    found = [type.columns[name] for name in type.searched if name in type.columns]
    yield from (f"{one.name!r} is no text to look in" for one in found if one.kind != "text" or one.optional)
    yield from _server_faults(type)


def _server_faults(type: "RecordType") -> Iterator[str]:
    for name in sorted(type.made_by_server):
        if type.columns[name].required and name not in type.mine:
            yield f"no client sets {name!r}, and it has no default"
    for name, reference in type.references.items():
        if reference.on_delete == "clear" and not type.columns[name].optional:
            yield f"{name!r} cannot be cleared: it may not be empty"


def _rule_faults(type: "RecordType") -> Iterator[str]:
    rules = {"read": type.read, "create": type.create, "update": type.update, "delete": type.delete}
    rules |= {f"settable {name}": rule for name, rule in type.settable.items()}
    rules |= {f"hidden {name}": rule for name, rule in type.hidden.items()}
    rules |= {f"action {action.name}": action.rule for action in type.actions}
    known = {ANY, *type.relations}
    yield from (f"wants names the unknown relation {name!r}" for name in type.wants if name not in known)
    for place, rule in rules.items():
        for who, relation in sorted(rule.pairs):
            if relation not in known:
                yield f"{place} names the unknown relation {relation!r}"
            if who not in (*ROLES, SYSTEM_ROLE):
                yield f"{place} names the unknown role {who!r}"
    for name, lens in type.lenses.items():
        yield from (f"lens {name} names the unknown role {who!r}" for who in lens.known if who not in ROLES)
