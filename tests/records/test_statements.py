"""The statements of all record types of the school, for every role: the database understands each of them."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from homeroom.engine.database import Database
from homeroom.protocol.access import ROLES, SYSTEM_ROLE
from homeroom.records.declare import RecordType
from homeroom.records.listing import ListQuery, list_statement
from homeroom.records.school.tasks import TASK
from homeroom.records.statements import FOR_DELETE, Statements, Texts
from homeroom.records.types import RECORD_TYPES
from tests.records.trial import PAGE, Page


def all_of(one: Statements, type: RecordType) -> Iterator[str]:
    yield from (one.read, one.delete, one.insert(), one.update(type.update), one.hold(type.delete, FOR_DELETE))
    yield one.insert_permitted()
    yield from (one.hold(rule) for rule in (type.read, type.update, *(action.rule for action in type.actions)))
    yield from (one.referring(column) for column in type.references)
    yield from (list_statement(type, ListQuery(sort=sort), one.role).sql for sort in ("", *type.sorts))
    yield from (list_statement(type, ListQuery(filters={name: "some words"}), one.role).sql for name in type.searches)


async def test_the_database_understands_every_statement_of_every_type_and_role(database: Database) -> None:
    texts = Texts()
    for type_ in RECORD_TYPES:
        async with database.connection() as connection:  # one for each: they are lent for a time only
            for role in (*ROLES, SYSTEM_ROLE):
                for sql in all_of(texts.of(type_, role), type_):
                    await connection.script(f"PREPARE tried AS {sql}; DEALLOCATE tried")


async def test_a_change_finds_its_row_by_the_key_and_not_by_reading_the_table(database: Database) -> None:
    update = Statements(TASK, "teacher", "users").update(TASK.update)
    async with database.connection() as connection:
        await connection.script(f"PREPARE tried AS {update}")
        planned = await connection.fetch("EXPLAIN EXECUTE tried ('tess', '[]', '{}')")
    scans = [line for (line,) in planned if "Scan on tasks" in line]
    assert scans
    assert not [line for line in scans if "Seq Scan" in line]


def test_a_change_is_asked_about_again_only_where_what_holding_the_row_has_told_may_be_otherwise() -> None:
    texts = Statements(PAGE, "teacher", "users")
    before = Page(id="p1", version=1, created_at=0, updated_at=0, mentor_id="tess", title="One")
    again = texts.update(PAGE.update)
    tried: list[tuple[dict[str, Any], bool]] = [
        ({"title": "Two"}, False),
        ({"mentor_id": "tom"}, True),
        ({"student_id": "ann"}, True),
    ]
    for changes, asked in tried:
        text = texts.update_of(PAGE.update, [before, before], [before, replace(before, **changes)])
        assert (text == again) is asked, changes
        assert ("u.role = 'teacher'" in text) is asked
