"""CSV that somebody sent: the same rows whether read at once or in a thread, and no more at a time than anybody has to wait for."""

import threading

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.records import csv_rows
from homeroom.records.csv_rows import COLUMNS_MAX, LARGE, PIECE_LINES, ROW_LINES_MAX, CsvRow, count_lines, read_rows
from homeroom.records.school.class_lists import LINES_SENT_MAX, parse_list

SMALL = 'login,name\n\nann,"Ann\nBee"\r\n , \nbob,"B ""b"""\n'


async def test_rows_that_hold_anything_come_with_the_number_of_their_line() -> None:
    assert await read_rows("\ufeff" + SMALL) == [
        CsvRow(1, ["login", "name"]),
        CsvRow(4, ["ann", "Ann\nBee"]),
        CsvRow(6, ["bob", 'B "b"']),
    ]
    assert await read_rows("") == []
    assert (await read_rows("a;b,c;d\n1;2;3"))[1].cells == ["1", "2", "3"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("said", ["", "sep=?", "SEP=?", '"sep=?"', "sep=?;;"])
async def test_a_list_is_read_as_spreadsheets_write_it(said: str, delimiter: str, end: str) -> None:
    lines = [said.replace("?", delimiter)] if said else []
    lines += [delimiter.join(row) for row in (("login", '"Name, given; family"'), ("ann", "Ann"))]
    assert await read_rows("\ufeff" + end.join(lines)) == [
        CsvRow(1, ["login", "Name, given; family"]),
        CsvRow(2, ["ann", "Ann"]),
    ]


async def test_what_is_said_to_stand_between_cells_counts_more_than_what_does_and_is_no_row() -> None:
    assert [row.cells for row in await read_rows("sep=;\na;b,c,d\n1;2")] == [["a", "b,c,d"], ["1", "2"]]
    assert await read_rows("sep=;") == []
    assert (await read_rows("sep=;x\n"))[0].cells == ["sep=", "x"]
    assert (await read_rows("a\tb,c\td\n1\t2\t3"))[1].cells == ["1", "2", "3"]
    assert (await read_rows("\n\na;b\n1;2"))[1].cells == ["1", "2"]


async def test_a_large_text_is_read_by_another_thread_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[tuple[int, int]] = []
    plain = csv_rows._Pieces.take

    def take(self: csv_rows._Pieces) -> list[CsvRow]:
        rows = plain(self)
        pieces.append((threading.get_ident(), len(rows)))
        return rows

    monkeypatch.setattr(csv_rows._Pieces, "take", take)
    small = await read_rows(SMALL)
    assert {thread for thread, _ in pieces} == {threading.get_ident()}
    pieces.clear()
    lines = LARGE // len(SMALL) + 1
    rows = await read_rows(SMALL * lines)
    assert [row.cells for row in rows] == [row.cells for row in small] * lines
    assert threading.get_ident() not in {thread for thread, _ in pieces}
    assert max(count for _, count in pieces) <= PIECE_LINES


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("login" + "," * 199_000, f"more than {COLUMNS_MAX} columns"),
        ("login\n" + ";" * 3 + "," * COLUMNS_MAX, f"more than {COLUMNS_MAX} columns"),
        ('login\n"' + "a\n" * 65_000 + '"', f"a row over more than {ROW_LINES_MAX} lines"),
        ('login\nann,"half', "unexpected end of data"),
    ],
)
async def test_what_no_list_has_ends_it_with_a_fault(text: str, fault: str) -> None:
    *_, last = await read_rows(text)
    assert last.fault == f"no CSV: {fault}"


async def test_a_row_may_have_many_columns_and_go_over_lines() -> None:
    names = ["login", *("c" for _ in range(COLUMNS_MAX - 1))]
    cell = "a\n" * (ROW_LINES_MAX - 1)
    rows = await read_rows(",".join(names) + '\n"' + cell + '"' + "," * (COLUMNS_MAX - 1))
    assert [len(row.cells) for row in rows] == [COLUMNS_MAX, COLUMNS_MAX]
    assert rows[1].cells[0] == cell


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
async def test_blank_lines_count_before_anything_is_read(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_lines(f"a{end}b{end}{end}c") == 4
    rows = await parse_list(f"login{end}{end}ann" + end * (LINES_SENT_MAX - 3))
    assert [row.names for row in rows] == [(("login", "ann"),)]
    monkeypatch.setattr(csv_rows, "csv", None)
    with pytest.raises(Refusal) as caught:
        await parse_list(f"login{end}ann" + end * LINES_SENT_MAX)
    assert (caught.value.code, (caught.value.data or {})["field"]) == ("bad_command", "csv")
