"""Rows of the school put straight into their tables, past every check but the database's own: what a test starts from."""

from typing import Any

import msgspec

from homeroom.engine.database import Database
from homeroom.records.columns import Column
from homeroom.records.declare import RecordType
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.school.students import MENTORSHIP

AT = 1_800_000_000_000


async def put_person(database: Database, id: str, role: str) -> None:
    """Add a person of the id as name and login."""
    sql = "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, $3, $3)"
    await database.execute(sql, id, role, AT)


async def put(database: Database, type: RecordType, id: str, **values: Any) -> None:
    """Add a row; columns that are not named have their defaults."""
    given = {"id": id, "version": 1, "created_at": AT, "updated_at": AT, **values}
    kept = [_kept(column, given.get(name, column.default)) for name, column in type.columns.items()]
    marks = ", ".join(f"${number}" for number in range(1, len(kept) + 1))
    await database.execute(f"INSERT INTO {type.plural} ({', '.join(type.columns)}) VALUES ({marks})", *kept)  # noqa: S608 - a declaration's names


def _kept(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "json":
        return msgspec.json.encode(value).decode()
    return list(value) if column.kind == "list" else value


async def put_school(database: Database) -> None:
    """Add people, the class 10a and the course chess.

    Tess teaches 10a with Ann and Bob, Theo teaches nobody but in the course, with Bob; Mia mentors Ann; Pam is Ann's
    parent, Pit Cid's, who is in no class; Ada is an admin.
    """
    people = {"tess": "teacher", "theo": "teacher", "mia": "teacher", "pam": "parent", "pit": "parent", "ada": "admin"}
    for person, role in {**people, **dict.fromkeys(("ann", "bob", "cid"), "student")}.items():
        await put_person(database, person, role)
    await put(database, CLASS, "10a", title="10a")
    for person, part in (("tess", "teacher"), ("ann", "student"), ("bob", "student")):
        await put(database, CLASS_MEMBERSHIP, f"m-{person}", class_id="10a", user_id=person, part=part)
    await put(database, COURSE, "chess", code="chess", title="Chess", teacher_id="theo")
    await put(database, ENROLMENT, "e-bob", course_id="chess", user_id="bob")
    await put(database, MENTORSHIP, "mia-ann", mentor_id="mia", student_id="ann")
    for guardian, ward in (("pam", "ann"), ("pit", "cid")):
        await database.execute("INSERT INTO guardians VALUES ($1, $2, true, $3)", guardian, ward, AT)
