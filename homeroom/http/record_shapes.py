"""The structures of a record's doors, made from its declared row: what is sent, asked for and shown, with every bound.

They decode the input and make the description, so the two agree. Pure. Never here: doors (`records`), and who may set what.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType, defstruct
from msgspec import field as with_default
from msgspec.structs import FieldInfo, fields, replace

from homeroom.http.include import Include
from homeroom.http.schema_names import singular
from homeroom.http.spellings import spellings
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.summaries import summary_of
from homeroom.records.columns import Column
from homeroom.records.declare import Deed, RecordType
from homeroom.records.named import Named

PAGE_ITEMS = 50
"""Rows of a page when nothing is said."""
FIELDS_MAX, ITEM_MAX = 2_000, 4_000
SHOWN_ALWAYS = frozenset({"id", "version"})
"""The columns that every row shows, whatever was asked for."""
RANGES: Mapping[str, str] = {"_from": "`{}` at least", "_to": "`{}` at most"}
"""What may follow the name of a column that is counted, and what is then asked for."""
SORT_WORDS = "the column to order by, with a `-` for the greatest first"
SEARCH_WORDS = "words that all occur, in any case and order"
SPARSE_WORDS = "Where `fields` names columns, those alone are there, with `id` and `version`."
PAGE_WORDS = "A page of the list; `after` leads to the next one, empty when there is none. `people` and `total` are there if asked for."

Words = Annotated[str, Meta(min_length=1, max_length=100)]
Field = tuple[str, Any] | tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The structures of one record type, by what they are for.

    `new` is the body of a creation, `whole` of a `PUT`, `change` of a `PATCH`; `look` and `query` are the queries of reading one
    and of the list; `shown` is a row as it is answered, `page` a page of them. `spellings`: other spelling → column;
    `asked`: other spelling → field of the list's query.
    """

    new: type[Struct]
    whole: type[Struct]
    change: type[Struct]
    look: type[Struct]
    query: type[Struct]
    shown: type[Struct]
    page: type[Struct]
    spellings: Mapping[str, str]
    asked: Mapping[str, str]


@lru_cache(maxsize=1_000)
def shapes_of(record: RecordType) -> Shapes:
    """Return the structures of a record type, always the same ones: two of one name cannot be told apart in the description."""
    shown, query = _shown(record), _query(record)
    beside: list[Field] = [("people", dict[str, Named] | UnsetType, UNSET), ("total", int | UnsetType, UNSET)]
    items: list[Field] = [("items", tuple[shown, ...]), ("after", str, ""), *beside]  # type: ignore[valid-type] # made above
    return Shapes(
        new=_new(record),
        whole=_whole(record),
        change=_change(record),
        look=_struct(record, "Look", [_wanted(record)], "Which columns to show."),
        query=query,
        shown=shown,
        page=_struct(record, "Page", items, PAGE_WORDS),
        spellings=spellings(record.columns, record.aliases),
        asked=spellings(query.__struct_encode_fields__, _asked(record)),
    )


def noun(record: RecordType) -> str:
    """Return what people call one row: `report card` where the table is `report_cards`."""
    return singular(record.plural.replace("_", " "))


def one_of(record: RecordType) -> str:
    """Return the noun with its article."""
    name = noun(record)
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def fields_of(type: Any) -> tuple[str, ...]:
    """Return the names of a structure's fields, none of what is no structure."""
    names: tuple[str, ...] = getattr(type, "__struct_encode_fields__", ())
    return names


@lru_cache(maxsize=1_000)
def beside(deed: Deed) -> type[Struct] | None:
    """Return the query of a deed: the fields of its body that may stand there instead; `None` where none may."""
    columns = [(*_perhaps(one),) for one in fields(deed.body) if one.name in deed.asked]
    if not columns:
        return None
    words = f"What `{deed.name}` takes in the query as well."
    title = f"{deed.body.__name__}Query"
    return defstruct(
        title, columns, module=deed.body.__module__, namespace={"__doc__": words}, frozen=True, kw_only=True
    )


def _new(record: RecordType) -> type[Struct]:
    kept = {"id", *record.mine, *(name for name in _guarded(record) if not record.columns[name].required)}
    columns = [_perhaps(one) if one.name in kept else _declared(one) for one in _sent(record, create=True)]
    return _struct(record, "New", columns, f"A new {noun(record)}.")


def _whole(record: RecordType) -> type[Struct]:
    """Return the body of a `PUT`: what is left out is as in a new one, but for columns that not everybody may set: they stay."""
    kept = _guarded(record)
    columns = [_perhaps(one) if one.name in kept else _declared(one) for one in _sent(record)]
    return _struct(record, "Whole", columns, f"All of {one_of(record)}: what is left out is as in a new one.")


def _guarded(record: RecordType) -> frozenset[str]:
    """Return the columns that not everybody may set or see, that name a person or are derived: who leaves one out means no default either."""
    return frozenset({*record.settable, *record.hidden, *record.mine, *record.derived})


def _change(record: RecordType) -> type[Struct]:
    return _struct(record, "Change", map(_perhaps, _sent(record)), f"What is to change of {one_of(record)}.")


def _shown(record: RecordType) -> type[Struct]:
    """Return a row as it is answered when all of it is asked for: what is not for every reader may be missing."""
    columns = [_perhaps(one) if one.name in record.hidden else _declared(one) for one in fields(record.row)]
    words = summary_of(record.row.__doc__, f"{one_of(record).capitalize()}.")
    return _struct(record, "Shown", columns, f"{words}\n\n{SPARSE_WORDS}")


def _query(record: RecordType) -> type[Struct]:
    types = {one.name: one.type for one in fields(record.row)}
    filters = [
        (name, _asked_for(record.columns[column], types[column], words) | UnsetType, UNSET)
        for column in record.filters
        for name, words in filter_names(record.columns[column])
    ]
    filters += [(name, _told(Words, SEARCH_WORDS) | UnsetType, UNSET) for name in record.searches]
    paging: list[Field] = [
        ("limit", PageLimit, PAGE_ITEMS),
        ("after", After, ""),
        _wanted(record),
        ("include", Include, ""),
    ]
    return _struct(record, "Query", [*paging, *_order(record), *filters], f"Which {record.plural}.")


def filter_names(column: Column) -> Iterator[tuple[str, str]]:
    """Yield the filters of a column, each with its words, empty for those of its type: what is counted has a range as well."""
    yield column.name, ""
    if column.kind in ("integer", "number") or column.style == "date":
        form = ": a day, YYYY-MM-DD" if column.style == "date" else ""
        for suffix, words in RANGES.items():
            yield column.name + suffix, words.format(column.name) + form


def _asked_for(column: Column, type: Any, words: str) -> Any:
    """Return the type of a filter: of several words one or more, of a list one of its items, of anything else one value."""
    if column.words:
        one = f"(?:{'|'.join(map(re.escape, column.words))})"
        told = f"one or more of {', '.join(column.words)}, joined by commas"
        return Annotated[str, Meta(pattern=rf"\A{one}(?:,{one})*\Z", description=told)]
    if column.kind == "list":
        return Annotated[str, Meta(max_length=ITEM_MAX, description=f"one of `{column.name}`")]
    return _told(_bare(type), words) if words else _bare(type)


def _order(record: RecordType) -> list[Field]:
    if not record.sorts:
        return []
    literal: Any = Literal
    orders = literal[tuple(mark + column for column in record.sorts for mark in ("", "-"))]
    return [("sort", _told(orders, SORT_WORDS) | UnsetType, UNSET)]


def _wanted(record: RecordType) -> Field:
    words = f"columns to show, separated by commas: {', '.join(record.columns)}; empty: all"
    return "fields", Annotated[str, Meta(max_length=FIELDS_MAX, description=words)], ""


def _asked(record: RecordType) -> dict[str, str]:
    """Return the further names of the filters: those of their columns, ranges included."""
    filters = {column: [name for name, _ in filter_names(record.columns[column])] for column in record.filters}
    return {
        alias + name.removeprefix(column): name
        for alias, column in record.aliases.items()
        for name in filters.get(column, ())
    }


def _sent(record: RecordType, *, create: bool = False) -> list[FieldInfo]:
    """Return the columns that a client may send."""
    sent = {column.name: column for column in record.writable(create=create)}
    return [replace(one, type=_written(sent[one.name], one.type)) for one in fields(record.row) if one.name in sent]


def _written(column: Column, type: Any) -> Any:
    """Return the type of a column as it is written: some rows may hold less than is written from now on."""
    if column.since is None:
        return type
    _, meta = get_args(_bare(type))
    written = Annotated[int, Meta(ge=column.since, le=meta.le, description=meta.description, extra=meta.extra)]
    return written | None if column.optional else written


def _declared(one: FieldInfo) -> Field:
    """Return a field as it is declared, with its default."""
    if one.required:
        return one.name, one.type
    if one.default is NODEFAULT:
        return one.name, one.type, with_default(default_factory=one.default_factory)
    return one.name, one.type, with_default(default=one.default)


def _perhaps(one: FieldInfo) -> Field:
    """Return a field that may be left out."""
    return one.name, one.type | UnsetType, UNSET


def _bare(type: Any) -> Any:
    """Return a type without `None`: nothing is not asked for in a query."""
    kinds = [kind for kind in get_args(type) if kind is not NoneType]
    return reduce(or_, kinds) if NoneType in get_args(type) else type


def _told(type: Any, words: str) -> Any:
    """Return a type with words for it."""
    return Annotated[type, Meta(description=words)]


def _struct(record: RecordType, name: str, columns: Iterable[Field], words: str) -> type[Struct]:
    title = "".join(part.capitalize() for part in record.name.split("_"))
    return defstruct(
        f"{title}{name}",
        list(columns),
        module=record.row.__module__,
        namespace={"__doc__": words},
        frozen=True,
        kw_only=True,
    )
