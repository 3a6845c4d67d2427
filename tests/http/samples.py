"""Values that fit a declared type, as builtin ones: what tests send where any value will do.

Never here: values that mean something, such as ids of what there is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from homeroom.records.columns import Column

_PATTERNS = {"@": "somebody@school.example", "https": "https://school.example/x", "[0-9]{4}-": "2026-09-01", "": "x-1"}
"""A part of a pattern, and a text that such a pattern takes."""


def sample_body(type: Any, **given: Any) -> dict[str, Any]:
    """Return what a structure needs at the least, with the values `given` for the fields that it has."""
    info = inspect.type_info(type)
    assert isinstance(info, inspect.StructType)
    needed = {field.encode_name: sample(field.type) for field in info.fields if field.required}
    known = {field.encode_name for field in info.fields}
    return {**needed, **{name: value for name, value in given.items() if name in known}}


def sample_column(column: Column, field: Any) -> Any:
    """Return a value of a column: its default, where it has one."""
    if column.default is not NODEFAULT:
        return msgspec.to_builtins(column.default)
    if column.since is not None:
        return column.since
    return sample(inspect.type_info(field))


def sample(info: inspect.Type) -> Any:
    """Return a value of a type."""
    if isinstance(info, inspect.Metadata):
        return sample(info.type)
    if isinstance(info, inspect.UnionType):
        return None if any(isinstance(one, inspect.NoneType) for one in info.types) else sample(info.types[0])
    return _MAKERS[type(info)](info)


def _text(info: Any) -> str:
    if info.pattern:
        return next(text for part, text in _PATTERNS.items() if part in info.pattern)
    return "x" * max(info.min_length or 0, 1)


_MAKERS: Mapping[type, Callable[[Any], Any]] = {
    inspect.StrType: _text,
    inspect.IntType: lambda info: info.ge or 0,
    inspect.FloatType: lambda info: info.ge or 0.0,
    inspect.BoolType: lambda info: False,
    inspect.LiteralType: lambda info: info.values[0],
    inspect.VarTupleType: lambda info: [sample(info.item_type)] * (info.min_length or 0),
    inspect.ListType: lambda info: [sample(info.item_type)] * (info.min_length or 0),
    inspect.StructType: lambda info: sample_body(info.cls),
    inspect.DictType: lambda info: {},
    inspect.AnyType: lambda info: None,
}
