"""One of everything that a school keeps, made from the declarations, with people who stand in every relation to some of it.

There are two people of each role: `pat-<role>`, to whom the rows belong in every way that their columns can say, and `oth-<role>`,
who has rows of the same kinds. Rows are put into the tables past the store, so that no rule is asked. Never here: what
anybody may do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import fields

from homeroom.engine.database import Database
from homeroom.protocol.access import ROLES
from homeroom.records.columns import BASE, Column
from homeroom.records.declare import RecordType
from homeroom.records.schema import USER, in_order
from tests.http.samples import sample_column

SIDES = ("pat", "oth")
_ADD_PERSON = "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, 1, 1)"
_LINK = "INSERT INTO guardians (id, guardian, ward, changed_at) VALUES ($1, $2, $3, 1)"

Values = dict[str, Any]

ADDED: Mapping[str, Sequence[Values]] = {
    "user": ({"login": "gone-{side}", "deleted_at": 1},),
    "guardianship": ({"active": False},),
    "class_membership": ({"user_id": "{side}-teacher", "part": "teacher"},),
    "cohort_membership": ({"user_id": "{side}-teacher", "part": "mentor"},),
    "reportcard": ({"term_id": "term-{side}-1", "status": "published"},),
    "homepage": ({"section": "{side}.open", "published": True},),
}
"""Rows more, where there can be but one with the values of the first row."""


async def build_world(database: Database, types: Sequence[RecordType]) -> None:
    """Fill a migrated database."""
    for side in SIDES:
        for role in ROLES:
            await database.execute(_ADD_PERSON, f"{side}-{role}", role)
        await database.execute(_LINK, f"guardianship-{side}-link", f"{side}-parent", f"{side}-student")
    for record in in_order(types):
        for side in SIDES:
            for row in rows_of(record, side):
                names = ", ".join(row)
                sql = (
                    f"INSERT INTO {record.plural} ({names}) SELECT {names} "  # noqa: S608 - declared
                    f"FROM json_populate_record(NULL::{record.plural}, $1::text::json) ON CONFLICT DO NOTHING"
                )
                await database.execute(sql, msgspec.json.encode(row).decode())


def rows_of(record: RecordType, side: str) -> Iterator[Values]:
    """Yield a row, and one more for each other value of each column that has few: words, flags, people, and nothing."""
    first = base_row(record, side)
    added = [{**first, **_filled(row, side)} for row in ADDED.get(record.name, ())]
    others = [{**first, name: value} for name in first for value in _other_values(record, side, name, first[name])]
    for number, row in enumerate((first, *added, *others)):
        yield {**row, "id": f"{record.name}-{side}-{number}"}


def _filled(row: Values, side: str) -> Values:
    return {name: value.format(side=side) if isinstance(value, str) else value for name, value in row.items()}


def base_row(record: RecordType, side: str) -> Values:
    """Return the values of the first row of a side; what must be the only one of its kind is named by the row's id."""
    row: Values = {"id": f"{record.name}-{side}-0", "version": 1, "created_at": 1, "updated_at": 1}
    types = {field.name: field.type for field in fields(record.row)}
    for column in record.own_columns():
        row[column.name] = _value(record, column, types[column.name], side)
    return row


def _value(record: RecordType, column: Column, type: Any, side: str) -> Any:
    reference = record.references.get(column.name)
    if reference is not None and reference.to == USER:
        return f"{side}-{reference.role or 'student'}"
    if reference is not None:
        return f"{reference.to}-{side}-0"
    single = any(column.name in names for names in record.unique)
    if single and column.kind == "text" and not column.words and column.style != "date":
        return f"{record.name}-{side}"[-40:]
    if column.name.endswith("_at") and column.optional:
        return column.since if column.name == "publish_at" else None
    return sample_column(column, type)


def _other_values(record: RecordType, side: str, name: str, value: Any) -> Sequence[Any]:
    """Return further values of a column that has few; a reference that may be empty is so once."""
    column, reference = record.columns[name], record.references.get(name)
    if name in BASE:
        return ()
    empty = [None] if column.optional and value is not None else []
    if reference is not None and reference.to == USER and reference.role is None:
        return [*empty, *(f"{side}-{role}" for role in ROLES if f"{side}-{role}" != value)]
    if column.kind == "flag":
        return [*empty, not value]
    return [*empty, *(word for word in column.words if word != value)]


async def relations_to(database: Database, record: RecordType, user: str) -> Mapping[str, frozenset[str]]:
    """Return, by row, the relations in which a person stands to it: each predicate asked alone."""
    wanted = ", ".join(
        f"({predicate.replace(':me', '$1::text')}) IS TRUE AS {name}" for name, predicate in record.relations.items()
    )
    found = await database.fetch(
        f"SELECT r.id, $1::text AS me{', ' * bool(wanted)}{wanted} FROM {record.plural} AS r ORDER BY r.id",  # noqa: S608 - declared
        user,
    )
    return {row["id"]: frozenset(name for name in record.relations if row[name]) for row in found}
