"""A sheet: rows and columns for people who go on with them elsewhere. Over REST it is answered as CSV.

Never here: quoting, and the neutralising of formulas (`http.csv`): the values stand here as they are.
"""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

Cell = str | int | float | None


class Sheet(Struct, frozen=True):
    """A table with a name for its file (without ending), the headings of its columns, and rows of as many cells."""

    name: Annotated[str, Meta(max_length=100, pattern=r"\A[A-Za-z0-9_.\-]+\Z")]
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sheet_time(at: int | None) -> str | None:
    """Return a time in Unix ms as a cell of every sheet: ISO 8601, UTC, to the second; nothing for one that never was (0)."""
    return datetime.fromtimestamp(at // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
