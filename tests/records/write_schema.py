"""Write the tables of record types into a migration: `python -m tests.records.write_schema [NAME]`.

Without a name it is one of the next number, with the tables that no migration makes yet. A migration that some school has carried
out never changes; one that none has is written anew by its name.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from homeroom.records.declare import RecordType
from homeroom.records.schema import HEAD, ddl
from homeroom.records.types import RECORD_TYPES

FOLDER = Path(__file__).parents[2] / "homeroom" / "records" / "migrations"
_MADE = re.compile(r"^CREATE TABLE (\w+) ", re.MULTILINE)
_CHANGED = re.compile(r"^ALTER TABLE (\w+)", re.MULTILINE)


def generated() -> dict[Path, list[RecordType]]:
    """Return the migrations that were written from declarations, in order, and whose tables each makes."""
    texts = {path: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.sql"))}
    tables = {path: set(_MADE.findall(text)) for path, text in texts.items() if text.startswith(HEAD)}
    return {path: [one for one in RECORD_TYPES if one.plural in made] for path, made in tables.items()}


def changed_by_hand() -> set[str]:
    """Return the tables that a later migration changed: their first text says no more what they are."""
    return {name for path in FOLDER.glob("*.sql") for name in _CHANGED.findall(path.read_text("utf-8"))}


def without_table() -> list[RecordType]:
    """Return the types whose tables no migration makes."""
    made = {one.name for types in generated().values() for one in types}
    return [one for one in RECORD_TYPES if not one.by_hand and one.name not in made]


def text_of(types: Sequence[RecordType]) -> str:
    """Return the migration that makes the tables of `types`, beside those of all others."""
    names = {one.name for one in types}
    return ddl(types, [one for one in RECORD_TYPES if one.name not in names])


def write(name: str = "") -> Path | None:
    """Write a migration, anew if it has a name; returns its path, `None` when there was nothing to write."""
    path = FOLDER / name if name else None
    types = [*(generated()[path] if path else ()), *without_table()]
    if not types:
        return None
    if path is None:
        number = 1 + max(int(found.name[:4]) for found in FOLDER.glob("*.sql"))
        path = FOLDER / f"{number:04}_{types[0].plural}.sql"
    path.write_text(text_of(types), "utf-8")
    return path


if __name__ == "__main__":
    written = write(*sys.argv[1:])
    print(written.name if written else "every record type has its table")  # noqa: T201 - a command's answer
