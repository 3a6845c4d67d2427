"""What somebody is told who may not: what is missing, in the words of the record type."""

from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.records.declare import RecordType
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE, Mark, MarkClass
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.courses import COURSE
from homeroom.records.school.entries import COMMENT, ENTRY
from homeroom.records.school.terms import TERM
from homeroom.records.school.users import USER
from tests.records.school_rows import put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

DAY = "2026-09-01"


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


@pytest.mark.parametrize(
    ("who", "record", "values", "words"),
    [
        ("ada", USER, {"login": "x", "name": "X", "role": "admin"}, "admins are made, changed and removed by a super_admin"),
        (
            "theo", ATTENDANCE, {"class_id": "10a", "student_id": "ann", "date": DAY, "status": "late"},
            "you are no teacher of class '10a'",
        ),
        (
            "theo", CLASS_MEMBERSHIP, {"class_id": "no-such", "user_id": "cid", "part": "student"},
            "you are no teacher of class 'no-such', or it is not as a student",
        ),
        (
            "tess", ANNOUNCEMENT, {"title": "Hi", "body": "All"},
            "teachers announce to classes and courses that they teach, and change what they announced there: all else is for admins",
        ),
        ("pam", TERM, {"title": "X"}, "this term is for a super_admin or an admin, and you are a parent"),
        ("bob", COMMENT, {"entry_id": "of-ann", "body": "Me too"}, "there is no such entry of yours"),
        ("bob", COMMENT, {"entry_id": "no-such", "body": "Me too"}, "there is no such entry of yours"),
    ],
)  # fmt: skip
async def test_whoever_may_not_create_is_told_what_is_missing(
    school: SchoolStore, who: str, record: RecordType, values: dict[str, Any], words: str
) -> None:
    await put(school.database, ENTRY, "of-ann", student_id="ann", title="Plan", body="Plan")
    assert (await refused("forbidden", school.create(who, record, **values))).msg == words


async def test_whoever_may_not_change_is_told_what_is_missing(school: SchoolStore) -> None:
    await put_person(school.database, "eve", "admin")
    wrong = await refused("forbidden", school.update("ada", USER, "eve", name="Eva"))
    assert wrong.msg == "admins are made, changed and removed by a super_admin"
    wrong = await refused("forbidden", school.update("tess", COURSE, "chess", title="Go"))
    assert wrong.msg.startswith("'theo' is its teacher, and you are not")
    wrong = await refused("forbidden", school.delete("ann", CLASS, "10a"))
    assert (wrong.msg, wrong.data) == (
        "this class is for a super_admin or an admin, and you are a student",
        {"roles": ["super_admin", "admin"]},
    )


async def test_whoever_may_not_do_a_deed_is_told_whose_it_is(school: SchoolStore) -> None:
    deed = next(one for one in ATTENDANCE.deeds if one.name == "mark")
    wrong = await refused("forbidden", school.store.perform(ATTENDANCE, deed, None, CALLERS["ann"]))
    assert wrong.msg == "`mark` is for a super_admin or an admin or a teacher, and you are a student"
    assert wrong.data == {"roles": ["super_admin", "admin", "teacher"]}
    wrong = await refused("forbidden", school.store.check_right(CLASS, "", deed.rule, CALLERS["ann"]))
    assert wrong.msg == "this class is for a super_admin or an admin or a teacher, and you are a student"


async def test_whoever_may_not_set_a_field_is_told_who_may(school: SchoolStore) -> None:
    wrong = await refused("forbidden", school.update("ann", USER, "ann", login="boss"))
    assert (wrong.msg, wrong.data) == ("login: set by a super_admin or an admin, and not by you", {"field": "login"})


async def test_whoever_may_not_for_many_rows_is_told_what_is_missing_of_all(school: SchoolStore) -> None:
    for wrong in (
        school.perform("theo", ATTENDANCE, "mark", MarkClass("10a", DAY, (Mark("ann", "late"),))),
        school.perform("theo", CLASS, "enrol", EnrolStudents("10a", ("ann", "bob"))),
    ):
        assert (await refused("forbidden", wrong)).msg.startswith("you are no teacher of class '10a'")


async def test_rows_that_lack_different_things_are_told_of_together(school: SchoolStore) -> None:
    await put(school.database, CLASS, "10b", title="10b")
    rows = [{"class_id": one, "user_id": "cid", "part": "student"} for one in ("10a", "10b")]
    async with school.store.unit(CALLERS["theo"]) as unit:
        assert (
            await refused("forbidden", unit.insert_many(CLASS_MEMBERSHIP, rows))
        ).msg == "this class membership is not yours"
