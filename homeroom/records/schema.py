"""The tables of record types as SQL, made from their declarations: bounds, enumerations, references, indexes.

The same declarations give the same text, byte for byte. Never here: tables that no record type declares, and when a
migration runs (`engine.migrate`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from homeroom.records.columns import Column
from homeroom.records.declare import RecordType, Reference
from homeroom.records.search import search_index

USER = "user"
"""The record type of people, whose table is older than the others and made by hand."""
JSON_BYTES = 262_144
"""The largest nested value; its own declaration bounds it more narrowly."""
LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL; it would cut a longer one."""

_TYPES: Mapping[str, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "flag": "boolean",
    "list": "text[]",
    "json": "text",
}
_ON_DELETE = {"restrict": "RESTRICT", "cascade": "CASCADE", "clear": "SET NULL"}
HEAD = "-- Made from the declarations of homeroom/records/school by `python -m tests.records.write_schema`.\n\n"


def ddl(types: Sequence[RecordType], beside: Sequence[RecordType] = ()) -> str:
    """Return the SQL of all tables that are not made by hand, each after those it refers to; those of `beside` are there already.

    Raises `ValueError` for references in a ring.
    """
    tables = {USER: "users"} | {one.name: one.plural for one in (*beside, *types)}
    return HEAD + "\n\n".join(_table(one, tables) for one in in_order(types, beside) if not one.by_hand) + "\n"


def in_order(types: Sequence[RecordType], beside: Sequence[RecordType] = ()) -> list[RecordType]:
    """Return `types`, each after those that it refers to among them, otherwise in the given order; `beside` come before all.

    Raises `ValueError` for references in a ring or to nothing, and for two types of one name, table or door.
    """
    _check_distinct([*beside, *types])
    ordered: list[RecordType] = []
    left = list(types)
    while left:
        known = {USER, *(one.name for one in (*beside, *ordered))}
        ready = next((one for one in left if _needs(one) <= known), None)
        if ready is None:
            msg = "references in a ring or to nothing: " + ", ".join(sorted(one.name for one in left))
            raise ValueError(msg)
        ordered.append(ready)
        left.remove(ready)
    return ordered


def unique_names(types: Iterable[RecordType]) -> dict[str, tuple[str, ...]]:
    """Return the columns of each unique constraint by its name: what a `UniqueViolation` speaks of."""
    return {_name(one, names, "key"): names for one in types for names in one.unique}


def reference_names(types: Iterable[RecordType]) -> dict[str, str]:
    """Return the column of each reference by its constraint's name: what a broken one speaks of."""
    return {_name(one, (column,), "fkey"): column for one in types for column in one.references}


def sql_type(column: Column) -> str:
    """Return the type of a column in SQL."""
    return _TYPES[column.kind]


def _check_distinct(types: Sequence[RecordType]) -> None:
    for names in ([one.name for one in types], [one.plural for one in types], [one.door for one in types]):
        for name in names:
            if names.count(name) > 1:
                msg = f"two record types have {name!r}"
                raise ValueError(msg)


def _needs(type: RecordType) -> set[str]:
    return {reference.to for reference in type.references.values()} - {type.name}


def _table(type: RecordType, tables: Mapping[str, str]) -> str:
    lines = [_column(column, type.references.get(name), tables) for name, column in type.columns.items()]
    lines += [f"CONSTRAINT {_name(type, names, 'key')} UNIQUE ({', '.join(names)})" for names in type.unique]
    body = ",\n".join(f"    {line}" for line in lines)
    return "\n".join([f"CREATE TABLE {type.plural} (\n{body}\n);", *_indexes(type)])


def _column(column: Column, reference: Reference | None, tables: Mapping[str, str]) -> str:
    words = [column.name, sql_type(column)]
    words += ["PRIMARY KEY"] if column.name == "id" else []
    words += [] if column.optional or column.name == "id" else ["NOT NULL"]
    words += [f"CHECK ({check})" for check in _checks(column)] if reference is None else []
    if reference is not None:
        words.append(f"REFERENCES {tables[reference.to]} ON DELETE {_ON_DELETE[reference.on_delete]}")
    return " ".join(words)


def _checks(column: Column) -> Iterator[str]:
    """Yield what holds of a column; one that refers to another row needs none of its own."""
    name, low, high = column.name, _figure(column.low), _figure(column.high)
    if column.words:
        yield f"{name} IN ({', '.join(map(_quoted, column.words))})"
    if column.pattern is not None:
        yield f"{name} ~ {_quoted(column.pattern)}"
    if column.kind in ("integer", "number"):
        yield f"{name} BETWEEN {low} AND {high}"
    if column.kind == "text" and column.high is not None:
        yield f"length({name}) BETWEEN {low or 0} AND {high}"
    if column.kind == "list":
        yield f"cardinality({name}) <= {high}"
    if column.kind == "json":
        yield f"octet_length({name}) <= {JSON_BYTES}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _indexes(type: RecordType) -> Iterator[str]:
    """Yield the indexes: those declared, one for each reference that none begins with, and one of the texts that are searched."""
    named = list(type.indexes)
    for column in type.references:
        if not any(names[0] == column for names in (*named, *type.unique)):
            named.append((column,))
    for names in named:
        yield f"CREATE INDEX {_name(type, names, 'idx')} ON {type.plural} ({', '.join(names)});"
    if type.searched:
        yield search_index(type.plural, type.searched)


def _name(type: RecordType, columns: tuple[str, ...], what: str) -> str:
    name = "_".join((type.plural, *columns, what))
    if len(name) > LONGEST_NAME:
        msg = f"record type {type.name!r}: the name {name} is too long"
        raise ValueError(msg)
    return name
