"""Who is named and is not there: at the doors, and in the whole server, whose table of people says who is."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from homeroom.bootstrap import running_inside
from homeroom.config import load_config
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.engine.named import NOBODY
from homeroom.house import open_house
from homeroom.protocol.access import SYSTEM_ROLE
from homeroom.protocol.exam import Create, Enroll, Expel, Person
from homeroom.records.directory import Directory
from homeroom.records.reads import Reads
from homeroom.records.school.users import USER
from tests.http.rest_school import School

TEACHER, STUDENT = ("tess", "teacher"), ("ann", "student")
EXAM = "exam:mid"


async def only_ann(ids: Collection[str]) -> Mapping[str, str]:
    return dict.fromkeys({*ids} - {"ann"}, NOBODY)


@pytest.fixture
async def school(nursery: trio.Nursery) -> School:
    school = await School(strangers=only_ann).open(nursery)
    made = await school.call("PUT", "/api/exams/mid", TEACHER, body={"title": "Mid", "minutes": 30})
    assert made.status == 201
    return school


async def test_a_door_names_the_field_and_enrols_nobody(school: School) -> None:
    listed = {"people": [{"id": "ann"}, {"id": "an"}, {"id": "nn"}]}
    refused = await school.call("POST", "/api/exams/mid/students", TEACHER, body=listed)
    assert (refused.status, refused.code) == (400, "bad_command")
    assert refused.body["detail"] == "people[1].id: there is no 'an'"
    assert refused.body["d"]["field"] == "people[1].id"
    assert [one["field"] for one in refused.body["d"]["errors"]] == ["people[1].id", "people[2].id"]
    assert (await school.call("GET", "/api/exams/mid/students", TEACHER)).body["data"]["students"] == {}


async def test_a_field_of_the_path_is_named_as_well(school: School) -> None:
    refused = await school.call("PUT", "/api/exams/mid/proctors/nobody", TEACHER, body={})
    assert (refused.status, refused.body["detail"]) == (400, "user: there is no 'nobody'")
    refused = await school.call("POST", "/api/notifications/nobody/send", TEACHER, body={"type": "a.b", "title": "Hi"})
    assert (refused.status, refused.body["detail"]) == (400, "id: there is no 'nobody'")


async def test_a_key_that_was_refused_is_good_for_the_people_who_came_since(school: School) -> None:
    listed, key = {"people": [{"id": "ann"}]}, {"Idempotency-Key": "k"}
    first = await school.call("POST", "/api/exams/mid/students", TEACHER, body=listed, headers=key)
    again = await school.call("POST", "/api/exams/mid/students", TEACHER, body=listed, headers=key)
    assert again.body == {**first.body, "again": True}
    told = [
        await school.call("POST", "/api/exams/mid/students", STUDENT, body={"people": [{"id": user}]})
        for user in ("ann", "nobody")
    ]
    assert [(one.status, one.body["detail"]) for one in told] == [(404, told[0].body["detail"])] * 2


async def test_the_directory_tells_who_never_was_or_was_deleted(database: Database) -> None:
    add = "INSERT INTO users (id, login, name, role, active, created_at, updated_at, deleted_at) VALUES ($1, $1, $1, 'student', $2, 1, 1, $3)"
    for user, active, deleted in (("ann", True, None), ("away", False, None), ("gone", False, 1)):
        await database.execute(add, user, active, deleted)
    directory = Directory(Reads(database))
    assert await directory.strangers({"ann", "away", "gone", "nobody"}) == {"gone": NOBODY, "nobody": NOBODY}
    assert await directory.strangers(["ann"]) == {}


async def test_the_directory_tells_as_what_a_student_has_left(database: Database) -> None:
    add = """WITH person AS (INSERT INTO users (id, login, name, role, active, created_at, updated_at)
    VALUES ($1, $1, $1, $2, true, 1, 1) RETURNING id)
    INSERT INTO students (id, version, user_id, number, status, created_at, updated_at) SELECT id, 1, id, id, $3, 1, 1 FROM person"""
    people = (("ann", "student", "active"), ("ada", "student", "graduated"), ("tim", "teacher", "withdrawn"))
    for user, role, status in people:
        await database.execute(add, user, role, status)
    assert await Directory(Reads(database)).strangers(["ann", "ada", "tim"]) == {"ada": "graduated"}


async def test_the_server_asks_its_own_table_of_people(database_url: str, home: Path) -> None:
    environment = {"DATABASE_URL": database_url, "HOMEROOM_ALLOW_UNSAFE_DATABASE": "true"}
    async with open_house(load_config(environment, {"data_dir": str(home)})) as house:
        for user, role in (("tess", "teacher"), ("ann", "student")):
            await house.users.add(user, user.title(), role, None, id=user)
        async with running_inside(house) as (store, engine):
            assert await answer(engine, Create("Mid", students=(Person("nobody"),))) == "bad_command"
            assert await answer(engine, Create("Mid", students=(Person("ann"),))) == "ok"
            assert await answer(engine, Expel("ann")) == "ok"
            await store.delete(USER, "ann", Caller("root", SYSTEM_ROLE))
            assert await answer(engine, Enroll((Person("ann"),))) == "bad_command"


async def answer(engine: Engine, command: Any) -> str:
    said = await engine.ref(EXAM).ask(command, Caller("tess", "teacher", "Tess"))
    return said.code if isinstance(said, Refusal) else "ok"
