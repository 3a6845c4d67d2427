"""The spellings of the sources, taken on input: `studentId` for `student_id`, in queries and, at every depth, in bodies; there also
moments in ISO 8601 for Unix milliseconds.

What the server itself says is always the other one. Pure. Never here: which names there are (the declarations of the records).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import is_
from typing import Any, NamedTuple

from msgspec import Struct, inspect
from msgspec.structs import fields

from homeroom.engine.behaviour import Refusal
from homeroom.engine.kind import Turned
from homeroom.protocol.instant import is_instant, read_time
from homeroom.protocol.shape import structures_in
from homeroom.protocol.stray import is_tagged_otherwise


def camel(name: str) -> str:
    """Return how the sources spell a name of ours: `start_at_from` is `startAtFrom`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def spellings(names: Iterable[str], others: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return other spelling → name, for each of `names` that has one; `others` are further words, as they are and in camelCase."""
    known = dict.fromkeys(names)
    words = {**{name: name for name in known}, **(others or {})}
    found = {spelling: name for word, name in words.items() for spelling in (word, camel(word))}
    return {other: name for other, name in found.items() if other not in known}


def respell(values: Mapping[str, Any], other: Mapping[str, str], place: str = "") -> dict[str, Any]:
    """Return `values` under the names of ours; raises `bad_command` for one that is given in two spellings at once.

    `place` is where they stand in a body, empty for the body itself.
    """
    ours: dict[str, Any] = {}
    for name, value in values.items():
        own = other.get(name, name)
        if own in ours:
            raise _twice(f"{place}.{own}".removeprefix("."))
        ours[own] = value
    return ours


def respell_body(values: Mapping[str, Any], type: type[Struct], other: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the body of a structure `type` under the names of ours and with moments in Unix ms, in the structures inside it too; JSON of
    any form stays as it is.

    `other` are further words for the fields of the body itself. Where there is nothing to do the same body comes back. Raises as
    `respell` does, for whatever stands inside by its place: `marks[0].student_id`.
    """
    ours = values if other.keys().isdisjoint(values) else respell(values, other)
    return _of_structure(ours, type, "")


def may_differ(type: Any) -> bool:
    """Tell whether a type has structures in it (itself, if it is one) whose fields have another spelling, or hold moments."""
    return _may_differ(type)  # kept behind a plain function: of one that is kept, mypy takes no `type[Any]`


class _Inside(NamedTuple):
    """Of a structure: how else its fields are spelled, which hold moments, the types of those to look into; and all those names."""

    other: Mapping[str, str]
    moments: frozenset[str]
    types: Mapping[str, inspect.Type]
    all: frozenset[str]


@lru_cache(maxsize=2_000)
def _may_differ(type: Any) -> bool:
    structures = structures_in([type]).items()
    return any(spellings(one.__struct_encode_fields__) or moments(info) for one, info in structures)


def moments(info: inspect.StructType) -> frozenset[str]:
    """Return the fields of a structure that hold moments."""
    return frozenset(field.encode_name for field in info.fields if is_instant(field.type))


@lru_cache(maxsize=1_000)
def _inside(type: type[Struct]) -> _Inside:
    names = [one.encode_name for one in fields(type) if _may_differ(one.type)]
    info = structures_in([type])[type]
    types = {field.encode_name: field.type for field in info.fields if field.encode_name in names}
    other, times = spellings(type.__struct_encode_fields__), moments(info)
    return _Inside(other, times, types, times.union(other, types))


def _of_structure(value: Mapping[str, Any], type: type[Struct], place: str) -> Mapping[str, Any]:
    inside = _inside(type)
    if inside.all.isdisjoint(value):
        return value
    ours = value if inside.other.keys().isdisjoint(value) else respell(value, inside.other, place)
    changed = {name: read_time(ours[name]) for name in inside.moments & ours.keys()}
    for name in inside.types.keys() & ours.keys():
        changed[name] = _respelled(ours[name], inside.types[name], f"{place}.{name}".removeprefix("."))
    return ours if all(one is ours[name] for name, one in changed.items()) else {**ours, **changed}


def _respelled(value: Any, info: inspect.Type, place: str) -> Any:
    """Return a value of any type with the names of ours in its structures; what does not fit is left to those who say so."""
    if not isinstance(value, dict | list):
        return value  # nothing is inside it
    match info:
        case inspect.StructType() if isinstance(value, dict):
            return _of_structure(value, info.cls, place)
        case inspect.Metadata():
            return _respelled(value, info.type, place)
        case inspect.UnionType():
            for one in info.types:
                value = value if is_tagged_otherwise(value, one) else _respelled(value, one, place)
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            ours = [_respelled(one, info.item_type, f"{place}[{at}]") for at, one in enumerate(value)]
            return value if all(map(is_, ours, value)) else ours
        case inspect.DictType() if isinstance(value, dict):
            return {name: _respelled(one, info.value_type, f"{place}[...]") for name, one in value.items()}
    return value


def turn(values: Mapping[str, Any], turned: Iterable[Turned]) -> dict[str, Any]:
    """Return `values` with what other systems say in another way said in ours; raises `bad_command` for what is said in both."""
    ours = dict(values)
    for one in turned:
        if not ours.keys().isdisjoint(one.names):
            said = one.turn(*(ours.pop(name, None) for name in one.names))
            if one.field in ours:
                raise _twice(one.field)
            ours[one.field] = said
    return ours


def _twice(own: str) -> Refusal:
    data = {"field": own, "allowed": f"{own}, once"}
    return Refusal("bad_command", f"{own}: given twice, in two spellings", data=data)
