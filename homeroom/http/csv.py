"""Sheets as CSV for people who open them in a spreadsheet: RFC 4180, and nothing in them is taken for a formula (ASVS 1.2.10).

A text is always quoted; a number stands as it is. Where a field of a text would begin with what starts a formula, `'` stands before it:
at the beginning of a cell, behind blanks and quotes that a spreadsheet overlooks, and behind separators, since a program that
is set to another one splits there. Never here: what stands in a sheet (`protocol.sheet`), and who may have it.
"""

import re
from collections.abc import Iterable

from homeroom.http.routes import Out
from homeroom.protocol.sheet import Cell, Sheet

CSV_TYPE = "text/csv; charset=utf-8"

_FORMULA = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""What starts a formula, and the wide forms that some spreadsheets read as the same."""
_SEPARATOR = r",;\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
_BLANK = r"\s\"'`\u200b-\u200f\u2060\ufeff"
"""What a spreadsheet overlooks in front of a formula; separators are among them, and are looked for first."""
_TOKENS = re.compile(
    rf"(?P<formula>[{_FORMULA}])|(?P<separator>[{_SEPARATOR}])|(?P<blank>(?![{_SEPARATOR}])[{_BLANK}])"
    rf"|[^{_FORMULA}{_SEPARATOR}{_BLANK}]+"
)
_LED = re.compile(rf"\A[{_BLANK}]*?[\t\r\n]")
"""A cell that begins with a separator, which a spreadsheet may take for the end of a cell."""


def sheet_out(sheet: Sheet) -> Out:
    """Return the answer that gives a sheet as a file."""
    headers = {
        "Content-Disposition": f'attachment; filename="{sheet.name}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Out(write_csv(sheet), headers=headers, mimetype=CSV_TYPE)


def write_csv(sheet: Sheet) -> bytes:
    """Return the headings and the rows as UTF-8, a line each, ended by CR LF."""
    lines = [_line(sheet.columns), *map(_line, sheet.rows)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _line(cells: Iterable[Cell]) -> str:
    return ",".join(map(_field, cells))


def _field(cell: Cell) -> str:
    if cell is None:
        return ""
    return '"' + neutralise(cell).replace('"', '""') + '"' if isinstance(cell, str) else str(cell)


def neutralise(text: str) -> str:
    """Return `text` without NUL, and with `'` before whatever would start a formula; harmless text comes back as it was."""
    text = text.replace("\0", "")
    pieces, field, begins = ["'"] if _LED.match(text) else [], 0, True
    for token in _TOKENS.finditer(text):
        if token["formula"] and begins:
            pieces.insert(field, "'")
        if not token["blank"]:
            begins = token["separator"] is not None
        pieces.append(token[0])
        field = len(pieces) if token["separator"] else field
    return "".join(pieces)
