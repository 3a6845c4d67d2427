"""Columns of a record type, read off the fields of its row: what SQL, validation and the description have in common.

A field without a bound is refused: whatever is kept has a largest size. Never here: SQL text (`schema`), and the values
of rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import NODEFAULT, Meta, Struct, inspect

from homeroom.protocol.ids import MAX_SEQ, Id, Millis
from homeroom.protocol.instant import INSTANT

Style = Literal["exact", "word", "line", "text", "date"]
"""How a text is taken: as it is (a pattern holds it), one of `words`, one line, lines, or a day `YYYY-MM-DD`."""
Kind = Literal["text", "integer", "number", "flag", "list", "json"]

LINE = {"style": "line"}
SINCE_MS = 946_684_800_000
"""The first of January 2000: no time that people write is earlier. One that they write in seconds is, and would be taken for one in 1970."""
TITLE_MAX, NAME_MAX, DESCRIPTION_MAX, BODY_MAX, CODE_MAX = 200, 100, 4_000, 20_000, 40

Title = Annotated[str, Meta(min_length=1, max_length=TITLE_MAX, extra=LINE)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX, extra=LINE)]
Label = Annotated[str, Meta(max_length=NAME_MAX, extra=LINE, description="one line, or nothing")]
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX)]
Body = Annotated[str, Meta(min_length=1, max_length=BODY_MAX)]
Code = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{1,40}\Z", description="1 to 40 of A-Z a-z 0-9 _ - .")]
Day = Annotated[
    str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", extra={"style": "date"}, description="a day, YYYY-MM-DD")
]
Link = Annotated[
    str,
    Meta(
        max_length=500, pattern=r"\Ahttps://[^\s\\\x01-\x1f\"<>]+\Z", description="https only, at most 500 characters"
    ),
]
Instant = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_SEQ,
        description="milliseconds since 1970, from the year 2000 on",
        extra={"since": SINCE_MS} | INSTANT,
    ),
]
"""A time that people write. `since` holds for what they write and not for rows, so that one that was kept before is still read."""
Version = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="grows by one with each change")]


class Row(Struct, frozen=True, kw_only=True):
    """What every record has; a record type's row adds its own fields. Times are Unix milliseconds."""

    id: Id
    version: Version
    created_at: Millis
    updated_at: Millis


BASE = Row.__struct_fields__


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds and its bounds. `default` is `NODEFAULT` where a create must name it.

    `since` is the smallest of what is written from now on, where rows may hold less.
    """

    name: str
    kind: Kind
    optional: bool
    default: Any = NODEFAULT
    style: Style = "exact"
    words: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str | None = None
    since: int | None = None

    @property
    def required(self) -> bool:
        """Tell whether a create must name it."""
        return self.default is NODEFAULT

    @property
    def text(self) -> bool:
        """Tell whether people write it: such texts are cleaned on their way in."""
        return self.kind == "text" and self.style in ("line", "text")


def columns_of(row: type[Struct]) -> dict[str, Column]:
    """Return the columns of `row` in order; raises `ValueError` for a field that cannot be kept or has no bound."""
    made = inspect.type_info(row)
    if not isinstance(made, inspect.StructType):
        msg = f"{row} is no structure"
        raise ValueError(msg)
    return {field.name: _column(field) for field in made.fields}


def _column(field: inspect.Field) -> Column:
    bare, optional, extra = _bare(field.type)
    make = _MAKERS.get(type(bare))
    if make is None:
        msg = f"{field.name}: {type(bare).__name__} cannot be kept"
        raise ValueError(msg)
    return Column(field.name, optional=optional, default=_default(field), **make(field.name, bare, extra))


def _default(field: inspect.Field) -> Any:
    return field.default if field.default_factory is NODEFAULT else field.default_factory()


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool, Mapping[str, Any]]:
    """Return a type without its notes and without `None`, whether `None` is one of its values, and the notes."""
    extra: Mapping[str, Any] = {}
    optional = False
    while isinstance(kind, (inspect.Metadata, inspect.UnionType)):
        if isinstance(kind, inspect.Metadata):
            extra, kind = kind.extra or {}, kind.type
            continue
        rest = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(rest) != 1:
            break
        kind, optional = rest[0], True
    return kind, optional, extra


def _text(name: str, kind: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    if kind.max_length is None and kind.pattern is None:
        msg = f"{name}: a text has a greatest length, or a pattern that says it"
        raise ValueError(msg)
    style = extra.get("style", "exact" if kind.pattern else "text")
    return {"kind": "text", "style": style, "low": kind.min_length, "high": kind.max_length, "pattern": kind.pattern}


def _number(kept: Kind) -> Callable[[str, Any, Mapping[str, Any]], dict[str, Any]]:
    def make(name: str, kind: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
        if kind.ge is None or kind.le is None:
            msg = f"{name}: a number has a smallest and a greatest value"
            raise ValueError(msg)
        return {"kind": kept, "low": kind.ge, "high": kind.le, "since": extra.get("since")}

    return make


def _word(name: str, kind: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "text", "style": "word", "words": tuple(kind.values)}


def _many(name: str, kind: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    if kind.max_length is None:
        msg = f"{name}: a list has a greatest length"
        raise ValueError(msg)
    bare = _bare(kind.item_type)[0]
    return {"kind": "list" if isinstance(bare, inspect.StrType) else "json", "low": None, "high": kind.max_length}


_MAKERS: Mapping[type, Callable[[str, Any, Mapping[str, Any]], dict[str, Any]]] = {
    inspect.StrType: _text,
    inspect.LiteralType: _word,
    inspect.IntType: _number("integer"),
    inspect.FloatType: _number("number"),
    inspect.BoolType: lambda *_: {"kind": "flag"},
    inspect.VarTupleType: _many,
    inspect.StructType: lambda *_: {"kind": "json"},
}
