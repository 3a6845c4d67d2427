"""Sheets as CSV: what a program reads is what stood there, and what a spreadsheet reads is never a formula."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homeroom.http.csv import neutralise, sheet_out, write_csv
from homeroom.protocol.sheet import Cell, Sheet, sheet_time

STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
OVERLOOKED = " \t\u00a0\u3000\u200b\ufeff\"'`"
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(STARTS + OVERLOOKED + ",;\r\n\0ab"), max_size=40
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
CELLS = TEXTS | NUMBERS | st.none()


def read(body: bytes) -> list[list[str]]:
    """Read as a program does that keeps to RFC 4180."""
    return list(csv.reader(io.StringIO(body.decode("utf-8"), newline=""), strict=True))


def visible(text: str) -> str:
    """Return what a spreadsheet sees of a field behind what it overlooks; an apostrophe that we wrote is seen first."""
    return text.lstrip(OVERLOOKED.replace("'", "").replace("\t", "") + "\v\f")


@given(TEXTS)
@example("=1+1")
@example("\"=cmd|' /C calc'!A0\"")
@example("\t=1")
@example("\r\n-2")
@example("\0=1")
@example(" \tx")
def test_z5_no_cell_begins_with_what_starts_a_formula(text: str) -> None:
    made = neutralise(text)
    assert "\0" not in made
    assert visible(made)[:1] not in {*STARTS, "\t", "\r"} - {""}


@given(TEXTS)
@example("a;=1+1")
@example('a,"=1+1')
@example("a\n =1;+2\t-3")
def test_z5_nor_does_what_a_program_with_another_separator_takes_for_one(text: str) -> None:
    for field in re.split(r"[,;\t\r\n]", neutralise(text)):
        assert visible(field)[:1] not in set(STARTS), field


@given(TEXTS)
def test_z5_nothing_is_lost_but_nul_and_nothing_comes_in_but_apostrophes(text: str) -> None:
    made = iter(neutralise(text))
    for letter in text.replace("\0", ""):
        for other in made:
            if other == letter:
                break
            assert other == "'"
        else:
            pytest.fail(f"{letter!r} is gone")
    assert set(made) <= {"'"}


@given(st.text(st.characters(categories=["L", "N", "Zs"], include_characters=".:/()"), max_size=60))
@example("Ada Lovelace, 5b; well-known, 3+4")
@example("2024-11-21 08:00")
def test_z5_harmless_text_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("=SUM(A1)", "'=SUM(A1)"),
        ("  -1", "'  -1"),
        ('"@x', "'\"@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("a;=1", "a;'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\0+1", "'+1"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_z5_by_example(text: str, made: str) -> None:
    assert neutralise(text) == made


def test_z5_a_long_text_of_nothing_but_starts_is_done_in_one_pass() -> None:
    assert len(neutralise("\t=" * 50_000)) == 150_001


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_z5_numbers_stay_numbers_and_texts_are_quoted(rows: list[tuple[Cell, Cell]]) -> None:
    body = write_csv(Sheet("marks", ("=name", "points"), tuple(rows)))
    head, *found = read(body)
    assert head == ["'=name", "points"]
    assert len(found) == len(rows)
    for row, cells in zip(rows, found, strict=True):
        for cell, given_cell in zip(row, cells, strict=True):
            if isinstance(cell, str):
                assert given_cell == neutralise(cell)
            else:
                assert given_cell == ("" if cell is None else str(cell))


def test_a_sheet_is_a_file_with_its_name_that_no_browser_takes_for_a_page() -> None:
    out = sheet_out(Sheet("attendance-s1", ("name", "minutes"), (('Ada "A"', 5), ("<b>", -1.5), (None, None))))
    assert out.value == b'"name","minutes"\r\n"Ada ""A""",5\r\n"<b>",-1.5\r\n,\r\n'
    assert out.mimetype == "text/csv; charset=utf-8"
    assert out.headers["Content-Disposition"] == 'attachment; filename="attendance-s1.csv"'
    assert out.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("at", "cell"), [(0, None), (None, None), (1_700_000_000_999, "2023-11-14T22:13:20Z"), (1, "1970-01-01T00:00:00Z")]
)
def test_a_time_in_a_sheet_is_in_utc_and_one_that_never_was_is_an_empty_cell(at: int | None, cell: str | None) -> None:
    assert sheet_time(at) == cell
