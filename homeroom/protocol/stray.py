"""Fields of a request that its type does not know, or that say another thing than its path: one of two would be as good as none, and
nobody would be told which.

For REST alone: whoever writes a request is told of a slip, while frames of the WebSocket may carry what a later client says.
Never here: whether the fields that are known fit (`verbs`, `rest_json`).
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import inspect

from homeroom.protocol.errors import RemoteProtocolError

NAME_MOST = 64
"""Characters of a stray name that an answer repeats."""


class Stray(NamedTuple):
    """A field that nobody knows, by its place (`file.nmae`, `questions[2].titel`), and those that are known there."""

    place: str
    known: tuple[str, ...]


def check_fields(values: Mapping[str, Any], type: Any, *, elsewhere: Collection[str] = ()) -> None:
    """Raise `RemoteProtocolError` `bad_command`, naming the first stray of a body and what is known in its place.

    Fields that come from `elsewhere` (the path) are not told among the known ones.
    """
    for place, allowed in find_strays(values, type, elsewhere=elsewhere):
        data = {"field": place, "allowed": allowed}
        raise RemoteProtocolError("bad_command", f"{place}: no such field; {allowed}", data=data)


def find_strays(values: Mapping[str, Any], type: Any, *, elsewhere: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the place of each stray of a body, and in words what is known there."""
    for stray in _strays(values, _looked_into(type), ""):
        known = [name for name in stray.known if stray.place != name and (name not in elsewhere or "." in stray.place)]
        yield stray.place, "one of " + ", ".join(known) if known else "no fields"


def check_path(given: Mapping[str, Any], path: Mapping[str, Any], where: str = "path") -> None:
    """Raise `RemoteProtocolError` `bad_command` for a field of a body that the `path` (or whatever is said) names as well, with another value."""
    for name, value in path.items():
        if name in given and given[name] != value:
            allowed = f"as in the {where}, or none"
            data = {"field": name, "allowed": allowed}
            raise RemoteProtocolError("bad_command", f"{name}: the {where} says another one", data=data)


@lru_cache(maxsize=1_000)
def _looked_into(type: Any) -> inspect.Type:
    return inspect.type_info(type)


def _strays(value: Any, info: inspect.Type, place: str) -> Iterator[Stray]:
    """Yield what is unknown in a value and inside it; what does not fit its type at all is left to those who say so."""
    if not isinstance(value, dict | list):
        return  # nothing is inside it
    match info:
        case inspect.Metadata():
            yield from _strays(value, info.type, place)
        case inspect.UnionType():
            yield from _strays_of_union(value, info, place)
        case inspect.StructType() if isinstance(value, dict):
            yield from _strays_of_struct(value, info, place)
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            for number, item in enumerate(value):
                yield from _strays(item, info.item_type, f"{place}[{number}]")
        case inspect.DictType() if isinstance(value, dict):
            for item in value.values():
                yield from _strays(item, info.value_type, f"{place}[...]")


def _strays_of_struct(value: dict[str, Any], info: inspect.StructType, place: str) -> Iterator[Stray]:
    fields = {field.encode_name: field.type for field in info.fields}
    known = (*([info.tag_field] if info.tag_field else []), *fields)
    for name, inside in value.items():
        if name in fields:
            yield from _strays(inside, fields[name], f"{place}.{name}".removeprefix("."))
        elif name not in known:
            yield Stray(f"{place}.{name[:NAME_MOST]}".removeprefix("."), known)


def _strays_of_union(value: Any, info: inspect.UnionType, place: str) -> Iterator[Stray]:
    """Yield the strays of what the value can be: of several structures, its tag tells which."""
    for one in info.types:
        if not is_tagged_otherwise(value, one):
            yield from _strays(value, one, place)


def is_tagged_otherwise(value: Any, info: inspect.Type) -> bool:
    """Tell whether a value says by its tag that it is another structure than the type."""
    if not isinstance(info, inspect.StructType) or not info.tag_field or not isinstance(value, dict):
        return False
    return bool(value.get(info.tag_field) != info.tag)
