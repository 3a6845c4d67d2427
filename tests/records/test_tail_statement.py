"""What ends a transaction of records: only what is there is in the statement, and the database understands each."""

from collections.abc import Iterator

import pytest

from homeroom.engine.database import Database
from homeroom.records.tail_statement import HEADS, PIECES, TOLD, Piece, composed

ALONE = [piece for piece in PIECES if piece is not TOLD]
"""An event is nothing without the head of its stream."""


def rows(piece: Piece, count: int) -> list[tuple[None, ...]]:
    return [(None,) * len(piece.columns)] * count


def text(there: dict[Piece, int]) -> tuple[str, int]:
    sql, args = composed("tess", 1, [rows(piece, there.get(piece, 0)) for piece in PIECES])
    return sql, len(args)


def all_kinds() -> Iterator[dict[Piece, int]]:
    for count in (1, 2):
        yield dict.fromkeys(PIECES, count)
        yield {HEADS: 2, TOLD: count}
        yield from ({piece: count} for piece in ALONE)


async def test_the_database_understands_the_statement_whatever_is_in_it(database: Database) -> None:
    async with database.connection() as connection:
        for there in all_kinds():
            await connection.script(f"PREPARE tried AS {text(there)[0]}; DEALLOCATE tried")


@pytest.mark.parametrize("piece", ALONE, ids=lambda piece: piece.name)
def test_what_has_no_rows_is_not_in_the_statement(piece: Piece) -> None:
    sql, args = text({piece: 1})
    assert [one.name for one in PIECES if f"{one.name} AS (" in sql] == [piece.name]
    assert args == 2 + len(piece.columns)  # who, when, and the row


def test_many_rows_of_a_part_are_as_many_arguments_as_one_and_the_same_text_however_many() -> None:
    one, two, three = (text(dict.fromkeys(PIECES, count)) for count in (1, 2, 3))
    assert one[1] == two[1]
    assert one[0] != two[0] == three[0]
