"""What is about to become of a held row: pure, and asked before anything is written.

Never here: who may (`unit`), and writing it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from homeroom.records.columns import Row
from homeroom.records.declare import RecordType
from homeroom.records.intake import changed_row
from homeroom.records.rows import Kept, plain


class Step(NamedTuple):
    """A held row: before, then, and the columns named that differ."""

    old: Kept
    before: Row
    row: Row
    named: list[str]

    def to(self, row: Row) -> "Step":
        """Return the same step to another row."""
        return self._replace(row=row, named=_differing(self.old, row, self.named))


def step_of(old: Kept, changes: Mapping[str, Any], now: int) -> Step:
    """Return what `changes` would make of a row; its rich texts are still to be sanitised. Raises `bad_command` that names the field."""
    before = old.row()
    values = {**changes, "version": old.version + 1, "updated_at": now}
    row = changed_row(old.type, before, values, rich=False)
    return Step(old, before, row, _differing(old, row, changes))


def is_default(type: RecordType, name: str, value: Any) -> bool:
    """Tell whether a column holds what it would if nothing had been said."""
    column = type.columns[name]
    return not column.required and bool(plain(column.default) == value)


def _differing(old: Kept, row: Row, names: Iterable[str]) -> list[str]:
    values = plain(row)
    return [name for name in names if values[name] != old.values[name]]
