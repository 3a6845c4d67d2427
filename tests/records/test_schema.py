"""The tables are what the declarations say: in the migration's file, and in a database that was migrated."""

import re
from collections import Counter
from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.engine.postgres import Refused, UniqueViolation
from homeroom.records.columns import Row, Title
from homeroom.records.declare import Action, Deed, RecordType, Reference
from homeroom.records.schema import ddl, in_order, reference_names, sql_type, unique_names
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.report_cards import REPORT_CARD, SubjectMark
from homeroom.records.school.subjects import SUBJECT
from homeroom.records.school.terms import TERM
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import put, put_school
from tests.records.test_declare import play
from tests.records.write_schema import changed_by_hand, generated, text_of

_COLUMNS = """SELECT table_name, column_name, is_nullable = 'YES' AS optional,
CASE data_type WHEN 'ARRAY' THEN 'text[]' ELSE data_type END AS type
FROM information_schema.columns WHERE table_name = ANY($1::text[]) ORDER BY table_name, ordinal_position"""
_CONSTRAINTS = """SELECT c.conname AS name, c.contype::text AS kind, c.conrelid::regclass::text AS table,
CASE WHEN c.confrelid = 0 THEN '' ELSE c.confrelid::regclass::text END AS target, c.confdeltype::text AS on_delete
FROM pg_constraint c WHERE c.conrelid::regclass::text = ANY($1::text[])"""
_LEADING = """SELECT i.indrelid::regclass::text AS table, a.attname AS column FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid::regclass::text = ANY($1::text[])"""
MADE = [one for one in RECORD_TYPES if not one.by_hand]
TABLES = [one.plural for one in MADE]
_NAMES = "SELECT conname AS name FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind = 'i'"
ON_DELETE = {"restrict": "r", "cascade": "c", "clear": "n"}


def settled(text: str) -> list[str]:
    """Return the tables of a migration as it makes them, without those that a later one changed."""
    later = changed_by_hand()
    return [block for block in text.split("\n\n") if not any(f"CREATE TABLE {name} " in block for name in later)]


def test_the_migrations_are_what_the_declarations_make() -> None:
    """For a new type: `python -m tests.records.write_schema`; for a change of one that schools have: a migration by hand."""
    made = generated()
    for path, types in made.items():
        assert settled(path.read_text("utf-8")) == settled(text_of(types)), path.name
    assert Counter(one.name for types in made.values() for one in types) == Counter(one.name for one in MADE)
    assert text_of(RECORD_TYPES) == text_of(list(RECORD_TYPES))
    assert len(settled(text_of(RECORD_TYPES))) > 20


def test_a_migration_of_a_new_type_knows_the_tables_that_are_there() -> None:
    later = ddl([linked("lamp", TERM.name)], RECORD_TYPES)
    assert later.count("CREATE TABLE") == 1
    assert "other text NOT NULL REFERENCES terms ON DELETE RESTRICT" in later
    with pytest.raises(ValueError, match="two record types"):
        ddl([TERM], RECORD_TYPES)


async def test_the_columns_of_a_migrated_database_are_those_declared(database: Database) -> None:
    found = {(row["table_name"], row["column_name"]): row for row in await database.fetch(_COLUMNS, TABLES)}
    declared = {(one.plural, name): column for one in MADE for name, column in one.columns.items()}
    assert found.keys() == declared.keys()
    for key, column in declared.items():
        assert (found[key]["type"], found[key]["optional"]) == (sql_type(column), column.optional), key


async def test_the_database_keeps_the_declared_references_and_what_is_unique(database: Database) -> None:
    tables = {"user": "users", **{one.name: one.plural for one in RECORD_TYPES}}
    rows = await database.fetch(_CONSTRAINTS, TABLES)
    references = {row["name"]: (row["table"], row["target"], row["on_delete"]) for row in rows if row["kind"] == "f"}
    assert references == {
        f"{one.plural}_{column}_fkey": (one.plural, tables[said.to], ON_DELETE[said.on_delete])
        for one in MADE
        for column, said in one.references.items()
    }
    assert references.keys() == reference_names(MADE).keys()
    assert {row["name"] for row in rows if row["kind"] == "u"} == unique_names(MADE).keys()


async def test_tables_made_by_hand_have_the_declared_columns_and_name_their_constraints_alike(
    database: Database,
) -> None:
    by_hand = [one for one in RECORD_TYPES if one.by_hand]
    found = await database.fetch(_COLUMNS, [one.plural for one in by_hand])
    types = {(row["table_name"], row["column_name"]): row["type"] for row in found}
    for one in by_hand:
        assert {name: types.get((one.plural, name)) for name in one.columns} == {
            name: sql_type(column) for name, column in one.columns.items()
        }
    names = {row["name"] for row in await database.fetch(_NAMES)}
    assert names >= reference_names(by_hand).keys() | unique_names(by_hand).keys()


async def test_every_reference_begins_an_index(database: Database) -> None:
    leading = {(row["table"], row["column"]) for row in await database.fetch(_LEADING, TABLES)}
    assert {(one.plural, column) for one in MADE for column in one.references} <= leading


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "x" * 201},
        {"title": ""},
        {"starts_on": "2026-1-01"},
        {"starts_on": "2026-01-01\n"},
        {"version": 0},
        {"created_at": -1},
        {"id": "a b"},
    ],
)
async def test_the_database_refuses_what_is_beyond_the_bounds(database: Database, wrong: dict[str, Any]) -> None:
    fit = {"id": "t", "title": "Autumn", "starts_on": "2026-09-01", "ends_on": "2026-12-20"}
    await put(database, TERM, **fit)
    with pytest.raises(Refused) as caught:
        await put(database, TERM, **{**fit, "id": "u", **wrong})
    assert caught.value.sqlstate == "23514"


async def test_the_database_refuses_other_words_second_ones_and_what_is_not_there(database: Database) -> None:
    await put_school(database)
    mark = {"class_id": "10a", "student_id": "ann", "date": "2026-09-01", "status": "late", "marked_by": "tess"}
    await put(database, ATTENDANCE, "one", **mark)
    with pytest.raises(UniqueViolation) as second:
        await put(database, ATTENDANCE, "two", **mark)
    assert unique_names([ATTENDANCE])[second.value.constraint] == ("class_id", "date", "student_id")
    with pytest.raises(Refused) as broken:
        await put(database, ATTENDANCE, "two", **{**mark, "student_id": "nobody"})
    assert reference_names([ATTENDANCE])[broken.value.constraint] == "student_id"
    with pytest.raises(Refused) as word:
        await put(database, ATTENDANCE, "two", **{**mark, "date": "2026-09-02", "status": "asleep"})
    assert word.value.sqlstate == "23514"


async def test_nested_values_come_back_as_they_were_kept(database: Database) -> None:
    await put_school(database)
    await put(database, SUBJECT, "maths", code="maths", title="Maths")
    await put(database, TERM, "t", title="Autumn", starts_on="2026-09-01", ends_on="2026-12-20")
    marks = (SubjectMark("maths", "1-", 'a "very" good one'),)
    await put(database, REPORT_CARD, "card", student_id="ann", class_id="10a", term_id="t", marks=marks)
    row = await database.fetch_row("SELECT marks FROM report_cards WHERE marks::json -> 0 ->> 'mark' = '1-'")
    assert row is not None
    assert row["marks"] == '[{"subject_id":"maths","mark":"1-","comment":"a \\"very\\" good one"}]'


def test_no_two_doors_of_all_types_are_the_same() -> None:
    lists = [path for one in RECORD_TYPES for path in (one.door, *one.also)]
    doors = [f"{method} {path}" for path in lists for method in ("GET", "POST")]
    doors += [f"{method} {path}/{{}}" for path in lists for method in ("GET", "PUT", "PATCH", "DELETE")]
    further: list[Action | Deed] = [action for one in RECORD_TYPES for action in one.actions]
    further += [deed for one in RECORD_TYPES for deed in one.deeds]
    doors += [re.sub(r"\{[a-z_]+\}", "{}", door) for thing in further for door in (thing.door, *thing.also)]
    assert len(doors) > 200
    assert sorted(set(doors)) == sorted(doors)


def linked(name: str, to: str) -> RecordType:
    class Linked(Row, frozen=True, kw_only=True):
        """A row that refers to another one."""

        other: Title

    return play(
        name=name, plural=f"{name}s", row=Linked, references={"other": Reference(to)}, channels=play().channels[:1]
    )


def test_tables_come_after_those_that_they_refer_to() -> None:
    types = [linked("first", "second"), linked("second", "third"), linked("third", "user"), linked("own", "own")]
    assert [one.name for one in in_order(types)] == ["third", "second", "first", "own"]


def test_references_in_a_ring_or_to_nothing_and_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="in a ring or to nothing: here, there"):
        in_order([linked("here", "there"), linked("there", "here")])
    with pytest.raises(ValueError, match="in a ring or to nothing: here"):
        in_order([linked("here", "nowhere")])
    with pytest.raises(ValueError, match="two record types have 'here'"):
        in_order([linked("here", "user"), linked("here", "user")])


def test_a_name_that_the_database_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="is too long"):
        ddl([play(unique=(("title", "author_id", "place", "text", "day", "begins_at", "weight"),))])
