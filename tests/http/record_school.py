"""The real application over a store of records on the real PostgreSQL, with people of all roles and the notes of `trial_record`.

All tests share one database, so each makes its own people and finds its own rows by them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database, open_database
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.posted import Posted
from homeroom.http.app import RecordParts
from homeroom.http.news import News
from homeroom.http.wards import Wards
from homeroom.protocol.stored import StoredWire
from homeroom.records.activity import Activity
from homeroom.records.audit import AuditReader
from homeroom.records.declare import RecordType
from homeroom.records.directory import Directory
from homeroom.records.memberships import MEMBERSHIPS
from homeroom.records.schema import ddl
from homeroom.records.store import Store
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.http.rest_school import Reply, School
from tests.http.trial_record import NOTE

Person = tuple[str, str]
"""Id and role."""

_ADD_PERSON = """INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, 1, 1)
ON CONFLICT DO NOTHING"""
_LINK = "INSERT INTO guardians (guardian, ward, changed_at) VALUES ($1, $2, 1)"
_NUMBERS = "CREATE SEQUENCE IF NOT EXISTS trial_numbers"


async def make_note_tables(dsn: str) -> None:
    """Add the table of the notes to a migrated database."""
    async with open_database(dsn, TRIAL) as database:
        async with database.connection() as connection:
            await connection.script(ddl([NOTE]))
        await database.execute(_NUMBERS)


@dataclass
class RecordSchool:
    """A school with a store. `posted` is what was told to the streams."""

    school: School
    store: Store
    database: Database
    posted: list[Posted] = field(default_factory=list)

    async def person(self, role: str) -> Person:
        """Return a new person."""
        (row,) = await self.database.fetch("SELECT nextval('trial_numbers')::text AS number")
        person = (f"{role[:3]}-{row['number']}", role)
        await self.database.execute(_ADD_PERSON, *person)
        return person

    async def link(self, guardian: Person, ward: Person) -> None:
        """Let a parent stand for a child."""
        await self.database.execute(_LINK, guardian[0], ward[0])

    async def call(self, method: str, path: str, who: Person | None = None, **options: Any) -> Reply:
        """Knock at a door."""
        return await self.school.call(method, path, who, **options)

    async def note(self, author: Person, student: Person, **more: Any) -> dict[str, Any]:
        """Return a new note, made by its author."""
        body = {"author_id": author[0], "student_id": student[0], "title": "About the work", **more}
        reply = await self.call("POST", "/api/notes", author, body=body)
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.body
        return made


def make_school(database: Database, types: Sequence[RecordType], **options: Any) -> RecordSchool:
    """Return a school over a database that has the tables of `types`."""
    posted: list[Posted] = []
    heard: list[News] = []
    whole = RECORD_TYPES[0] in types
    store = Store(
        database,
        TrioClock(START_MS),
        StoredWire(),
        types,
        publish=posted.extend,
        random=SystemRandom(),
        learn=lambda news: heard[0].learn(news),  # noqa: PLW0108 - made below
    )
    activity = Activity(store.reads, MEMBERSHIPS if whole else {})
    directory = Directory(store.reads) if whole else None
    parts = RecordParts(store, activity, AuditReader(store.reads, store.catalog), directory=directory)
    school = School(records=parts, **{"kinds": (), "database": database, **options})
    heard.append(
        News(school.revocations, Wards(school.clock), lambda user, family: school.revoked.append((user, family)))
    )
    return RecordSchool(school, store, database, posted)


@asynccontextmanager
async def open_record_school(
    dsn: str, types: Sequence[RecordType] = (NOTE,), **options: Any
) -> AsyncIterator[RecordSchool]:
    """Open a school on a database that has the tables of `types`."""
    async with open_database(dsn, TRIAL) as database:
        yield make_school(database, types, **options)
