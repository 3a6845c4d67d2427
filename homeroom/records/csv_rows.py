"""The rows of a CSV text that somebody sent, read in pieces: a large one `aside`, and never so much at once that others wait.

A thread does not hold the event loop up, but it does hold the interpreter; so it, too, reads one piece and lets go. What no list needs
is refused before anything is built of it. Commas, semicolons or tabs stand between the cells, whichever the first line has most of, or what a
line `sep=;` before it says, as spreadsheets write it: no row, and no line that counts. Never here: what the columns mean (`school.class_lists`).
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from homeroom.records.aside import aside
from homeroom.records.breath import Breath

COLUMNS_MAX, ROW_LINES_MAX = 200, 20
"""Separators that one line may hold, and lines that one row may go over, within quotes."""
LARGE = 20_000
"""Characters from which on a text is read in a thread."""
PIECE_CHARACTERS, PIECE_LINES = 5_000, 200
"""What is read at once: half a millisecond at the worst."""
DELIMITERS = ",;\t"
_SAID = re.compile(r'"?sep=([,;\t])"?[;, \t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*+"')


class CsvRow(NamedTuple):
    """A row that holds anything: the number of its (last) line, its cells, and why there is nothing after it, if it cannot be read."""

    line: int
    cells: list[str]
    fault: str = ""


def count_lines(text: str) -> int:
    """Return how many lines a text has, blank ones too."""
    return text.count("\n") + text.count("\r") - text.count("\r\n") + 1


async def read_rows(text: str) -> list[CsvRow]:
    """Return the rows of `text` that hold anything; what cannot be read ends them with a fault."""
    pieces, rows, breath = _Pieces(text), list[CsvRow](), Breath()
    while not pieces.ended:
        await breath.taken()
        rows += await aside(pieces.take) if len(text) > LARGE else pieces.take()
    return rows


class _Lines:
    """The lines of a text; raises `csv.Error` for what no list has."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._delimiter = delimiter
        self.of_row = self.of_piece = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.of_row += 1
        self.of_piece += 1
        self.characters += len(line)
        if line.count(self._delimiter) >= COLUMNS_MAX:
            msg = f"more than {COLUMNS_MAX} columns"
            raise csv.Error(msg)
        if self.of_row > ROW_LINES_MAX:
            msg = f"a row over more than {ROW_LINES_MAX} lines"
            raise csv.Error(msg)
        return line


class _Pieces:
    """A text, read a piece at a time."""

    def __init__(self, text: str) -> None:
        text, delimiter = _begun(text.lstrip("\ufeff"))
        self._lines = _Lines(text, delimiter)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self.ended = False

    def take(self) -> list[CsvRow]:
        """Return the rows of the next piece."""
        self._lines.of_piece = self._lines.characters = 0
        rows: list[CsvRow] = []
        while not self.ended and self._lines.of_piece < PIECE_LINES and self._lines.characters < PIECE_CHARACTERS:
            row = self._next()
            if row.fault or any(map(str.strip, row.cells)):
                rows.append(row)
        return rows

    def _next(self) -> CsvRow:
        """Return the next row, an empty one at the end."""
        self._lines.of_row = 0
        try:
            cells = next(self._reader)
        except StopIteration:
            self.ended = True
            return CsvRow(self._reader.line_num, [])
        except csv.Error as error:
            self.ended = True
            return CsvRow(self._reader.line_num, [], f"no CSV: {error}")
        return CsvRow(self._reader.line_num, cells)


def _begun(text: str) -> tuple[str, str]:
    """Return the text from its first row on, and what stands between its cells."""
    said = _SAID.match(text)
    if said is not None:
        return text[said.end() :], said[1]
    first = _QUOTED.sub("", text[:PIECE_CHARACTERS]).lstrip("\r\n").splitlines()[:1]
    return text, max(DELIMITERS, key="".join(first).count)
