"""A type in a few words, bounds included, for people to read: `text, at most 4000`, `integer 0 to 3600`.

Never here: schemas for machines (`rest_json`).
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, inspect

_PLAIN = {
    inspect.AnyType: "any value",
    inspect.NoneType: "`null`",
    inspect.BoolType: "true or false",
    inspect.RawType: "map: the arguments of the verb",
}


def shape_of(type: Any) -> str:
    """Return the words for a type annotation."""
    return _words(inspect.type_info(type))


def _words(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        described = (info.extra_json_schema or {}).get("description")
        return f"{_words(info.type)} ({_escape(described)})" if described else _words(info.type)
    for known, words in _WORDS.items():
        if isinstance(info, known):
            return words(info)
    return _PLAIN[type(info)]


def _text(info: Any) -> str:
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


def _struct(info: Any) -> str:
    return f"map {_fields(info.cls)}"


def _fields(struct: type[Struct]) -> str:
    return "{" + ", ".join(f"`{name}`" for name in struct.__struct_encode_fields__) + "}"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _portable(pattern: str) -> str:
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")


_WORDS: dict[type[inspect.Type], Callable[[Any], str]] = {
    inspect.StrType: _text,
    inspect.IntType: _number("integer"),
    inspect.FloatType: _number("number"),
    inspect.LiteralType: lambda info: " or ".join(f"`{value}`" for value in info.values),
    inspect.UnionType: _union,
    inspect.StructType: _struct,
    inspect.ListType: lambda info: f"list of {_words(info.item_type)}{_length(info)}",
    inspect.VarTupleType: lambda info: f"list of {_words(info.item_type)}{_length(info)}",
    inspect.TupleType: lambda info: "[" + ", ".join(map(_words, info.item_types)) + "]",
    inspect.DictType: lambda info: f"map of {_words(info.key_type)} to {_words(info.value_type)}",
}
