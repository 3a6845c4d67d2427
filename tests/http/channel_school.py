"""People in every relation to the channels of the records, on a real database; what the tests of access stage."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random

import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.channel_log_postgres import PostgresChannelLog
from homeroom.engine.channels import Channels
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.http.sync import POLL_FORMAT, PollFrames
from homeroom.protocol.access import ROLES
from homeroom.protocol.announce import Announce
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.records.doors import Doors, tables_of
from homeroom.records.types import RECORD_TYPES

PERSON = "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, 1, 1)"
THINGS = (
    "INSERT INTO classes (id, version, created_at, updated_at, title, grade, room) VALUES ('10a', 3, 1, 1, 'Class 10a', '', '')",
    "INSERT INTO subjects (id, version, created_at, updated_at, code, title, description) VALUES ('m', 1, 1, 1, 'M', 'Maths', '')",
    (
        "INSERT INTO terms (id, version, created_at, updated_at, title, starts_on, ends_on, active) "
        "VALUES ('t', 1, 1, 1, 'Term', '2026-09-01', '2027-01-31', true)"
    ),
    "INSERT INTO cohorts (id, version, created_at, updated_at, title, description) VALUES ('north', 1, 1, 1, 'North', '')",
)
MEMBER = "INSERT INTO class_memberships (id, version, created_at, updated_at, class_id, user_id, part) VALUES ($1, 1, 1, 1, '10a', $1, $2)"
TEACHING = "INSERT INTO teachings (id, version, created_at, updated_at, class_id, subject_id, teacher_id) VALUES ($1, 1, 1, 1, '10a', 'm', $1)"
COURSE = (
    "INSERT INTO courses (id, version, created_at, updated_at, code, title, description, teacher_id) "
    "VALUES ($1, 1, 1, 1, $1, 'Course', '', $2)"
)
ENROLMENT = (
    "INSERT INTO enrolments (id, version, created_at, updated_at, course_id, user_id, part, status) "
    "VALUES ($1, 1, 1, 1, 'physics', $1, $2, $3)"
)
COHORT = "INSERT INTO cohort_memberships (id, version, created_at, updated_at, cohort_id, user_id, part) VALUES ($1, 1, 1, 1, 'north', $1, $2)"
CARD = (
    "INSERT INTO report_cards (id, version, created_at, updated_at, student_id, class_id, term_id, marks, comment, status) "
    "VALUES ($1, 1, 1, 1, $2, '10a', 't', '[]', '', $3)"
)
LINK = "INSERT INTO guardians (guardian, ward, changed_at) VALUES ($1, $2, 1)"
CHILD, SISTER = "child", "sister"


@asynccontextmanager
async def open_channels(database: Database) -> AsyncIterator[Channels]:
    """Run the channels of the records on `database`."""
    hub = Hub({"msgpack": MsgpackFrames(), "json": JsonFrames(), POLL_FORMAT: PollFrames()})
    doors = Doors(database, tables_of(RECORD_TYPES) | {kind.plural for kind in KINDS})
    channels = Channels(
        doors.kinds,
        PostgresChannelLog(database),
        doors,
        PostgresJournal(database),
        StoredWire(),
        hub=hub,
        announce=Announce,
        clock=TrioClock(START_MS),
        random=Random(1),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        await nursery.start(channels.run)
        yield channels
        nursery.cancel_scope.cancel()


def person(relation: str, role: str) -> str:
    """Return the id of whoever of a role stands in a relation."""
    return f"{relation}-{role}"


async def stage(database: Database, relations: Iterable[str]) -> None:
    """Add the things, a child who belongs to all of them, and for each relation a person of each role."""
    await database.execute(PERSON, "boss", "teacher")
    for child in (CHILD, SISTER):
        await database.execute(PERSON, child, "student")
    for statement in THINGS:
        await database.execute(statement)
    await database.execute(COURSE, "physics", "boss")
    await _put(database, "student", CHILD)
    await _put(database, "enrolled", CHILD)
    await _put(database, "member", CHILD)
    await database.execute(CARD, "draft", CHILD, "draft")
    await database.execute(CARD, "published", SISTER, "published")
    for relation in relations:
        for role in ROLES:
            await database.execute(PERSON, person(relation, role), role)
            await _put(database, relation, person(relation, role))


async def _put(database: Database, relation: str, user: str) -> None:
    """Put a person into a relation; `_MORE` says how, and who is not there has none."""
    for sql, *more in _MORE.get(relation, ()):
        await database.execute(sql, user, *more)
    if relation in ("own_draft", "own_published"):
        await database.execute(CARD, user, user, relation.removeprefix("own_"))
    if relation == "owner":
        await database.execute(COURSE, user, user)


_MORE: dict[str, tuple[tuple[str, ...], ...]] = {
    "teacher": ((MEMBER, "teacher"),),
    "teaching": ((TEACHING,),),
    "student": ((MEMBER, "student"),),
    "classmate": ((MEMBER, "student"),),
    "enrolled": ((ENROLMENT, "student", "active"),),
    "assistant": ((ENROLMENT, "assistant", "active"),),
    "withdrawn": ((ENROLMENT, "student", "withdrawn"),),
    "mentor": ((COHORT, "mentor"),),
    "member": ((COHORT, "member"),),
    "guardian": ((LINK, CHILD),),
    "guardian_of_draft": ((LINK, CHILD),),
    "guardian_of_published": ((LINK, SISTER),),
}


def address_of(kind: str, relation: str, user: str) -> str:
    """Return the channel to which a person stands in a relation."""
    return _ADDRESSES.get((kind, relation), _ADDRESSES.get((kind, ""), "{}:{}")).format(kind, user if relation else "")


_ADDRESSES = {
    ("class", ""): "class:10a",
    ("course", ""): "course:physics",
    ("course", "owner"): "course:{1}",
    ("cohort", ""): "cohort:north",
    ("reportcard", ""): "reportcard:published",
    ("reportcard", "own_draft"): "reportcard:{1}",
    ("reportcard", "own_published"): "reportcard:{1}",
    ("reportcard", "guardian_of_draft"): "reportcard:draft",
    ("reportcard", "teacher"): "reportcard:draft",
    ("user", "self"): "user:{1}",
    ("user", ""): f"user:{CHILD}",
    **{("role", role): f"role:{role}" for role in ROLES},
    ("table", "records"): "table:classes",
    ("table", "kinds"): "table:exams",
    ("table", "alias"): "table:academic_terms",
    ("table", "people"): "table:users",
}
