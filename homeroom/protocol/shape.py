"""A type in a few words, bounds included, for people to read: `text, at most 4000`, `integer 0 to 3600`, `map Message`.

Never here: schemas for machines (`rest_json`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, inspect

_CHOICES = re.compile(r"\A\\A\(\?:([a-z_]*(?:\|[a-z_]*)+)\)\\Z\Z")
"""A pattern that is nothing but a choice of words."""
_PLAIN = {
    inspect.AnyType: "any value",
    inspect.NoneType: "`null`",
    inspect.BoolType: "true or false",
    inspect.RawType: "any value",
    inspect.BytesType: "bytes",
    inspect.DateTimeType: "text: date and time",
    inspect.DateType: "text: date",
    inspect.TimeType: "text: time",
    inspect.UUIDType: "text: UUID",
}


def shape_of(type: Any) -> str:
    """Return the words for a type annotation; raises `KeyError` for one that the protocol does not use."""
    return _words(inspect.type_info(type))


def plain_words_of(info: inspect.Type) -> str:
    """Return the words for who has no reference at hand, in which structures have names: a map is told by its fields.

    Raises `KeyError` for a type that the protocol does not use.
    """
    found: dict[type[Struct], inspect.StructType] = {}
    _collect(info, found)
    words = _words(info)
    for one in found:
        names = ", ".join(one.__struct_encode_fields__)
        words = words.replace(_named(one), f"map with {names}" if names else "map")
    return words.replace("list of map ", "list of maps ")


def structures_in(types: Iterable[Any]) -> dict[type[Struct], inspect.StructType]:
    """Return the structures that `types` are made of, themselves included, each once, outer ones first."""
    found: dict[type[Struct], inspect.StructType] = {}
    for info in inspect.multi_type_info(types):
        _collect(info, found)
    return found


def _collect(info: inspect.Type, found: dict[type[Struct], inspect.StructType]) -> None:
    if isinstance(info, inspect.StructType):
        if info.cls in found:
            return
        found[info.cls] = info
    for inside in _inside(info):
        _collect(inside, found)


def _inside(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types right inside a type."""
    if isinstance(info, inspect.StructType):
        yield from (field.type for field in info.fields)
    for name in _PARTS:
        part = getattr(info, name, ())
        yield from (part,) if isinstance(part, inspect.Type) else part


_PARTS = ("type", "types", "item_type", "item_types", "key_type", "value_type")
"""Where the descriptions of types hold others."""


def _words(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        described = (info.extra_json_schema or {}).get("description")
        return f"{_words(info.type)} ({_escape(described)})" if described else _words(info.type)
    for known, words in _WORDS.items():
        if isinstance(info, known):
            return words(info)
    return _PLAIN.get(type(info), "any value")


def _text(info: Any) -> str:
    choices = _CHOICES.match(info.pattern or "")
    if choices:
        return " or ".join(f"`{one}`" if one else "nothing" for one in choices[1].split("|"))
    if info.pattern is not None and info.max_length is None:
        return f"text like `{_escape(_portable(info.pattern))}`"
    return f"text{_length(info)}"


def _length(info: Any) -> str:
    low, high = info.min_length, info.max_length
    if low and high:
        return f", {low} to {high}"
    return f", at most {high}" if high is not None else ""


def _number(name: str) -> Callable[[Any], str]:
    def words(info: Any) -> str:
        low, high = info.ge, info.le
        if low is not None and high is not None:
            return f"{name} {low:,} to {'2^53-1' if high == 2**53 - 1 else f'{high:,}'}"
        return f"{name} of at least {low:,}" if low is not None else name

    return words


def _union(info: Any) -> str:
    return " or ".join(map(_words, info.types))


def _choices(values: Iterable[Any]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _list(info: Any) -> str:
    return f"list of {_words(info.item_type)}{_length(info)}"


def _named(type: type[Any]) -> str:
    return f"map `{type.__name__}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _portable(pattern: str) -> str:
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")


_WORDS: dict[type[inspect.Type], Callable[[Any], str]] = {
    inspect.StrType: _text,
    inspect.IntType: _number("integer"),
    inspect.FloatType: _number("number"),
    inspect.LiteralType: lambda info: _choices(info.values),
    inspect.EnumType: lambda info: _choices(member.value for member in info.cls),
    inspect.UnionType: _union,
    inspect.StructType: lambda info: _named(info.cls),
    inspect.ListType: _list,
    inspect.VarTupleType: _list,
    inspect.SetType: _list,
    inspect.FrozenSetType: _list,
    inspect.TupleType: lambda info: "[" + ", ".join(map(_words, info.item_types)) + "]",
    inspect.DictType: lambda info: f"map of {_words(info.key_type)} to {_words(info.value_type)}",
}
