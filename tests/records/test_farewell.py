"""What becomes of the relations of somebody who is deleted, and that nobody takes part any more who was."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroom.engine.database import Database
from homeroom.records.recount import Recount
from homeroom.records.school.class_lists import ClassList
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT, EnrolPeople
from homeroom.records.school.grading_tasks import GRADING_TASK
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.users import USER
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import put, put_school
from tests.records.school_store import SchoolStore, refused

HOUR = 3_600_000


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def counters(school: SchoolStore, name: str) -> dict[str, int]:
    sql = (
        "SELECT scope, sum(value)::bigint AS value FROM counters WHERE name = $1 GROUP BY scope HAVING sum(value) <> 0"
    )
    return {row["scope"]: row["value"] for row in await school.database.fetch(sql, name)}


async def test_whoever_others_rely_on_is_not_deleted_and_all_who_do_are_named(school: SchoolStore) -> None:
    database, soon = school.database, school.clock.ms + HOUR
    await put(database, SUBJECT, "art", code="art", title="Art")
    await put(database, COHORT, "owls", title="Owls")
    relied: dict[str, dict[str, Any]] = {
        "courses": {"code": "go", "title": "Go", "teacher_id": "mia"},
        "mentorships": {"mentor_id": "mia", "student_id": "bob"},
        "teachings": {"class_id": "10a", "subject_id": "art", "teacher_id": "mia"},
        "class_memberships": {"class_id": "10a", "user_id": "mia", "part": "teacher"},
        "cohort_memberships": {"cohort_id": "owls", "user_id": "mia", "part": "mentor"},
        "schedules": {"mentor_id": "mia", "title": "Talk", "start_at": soon, "end_at": soon + HOUR},
        "grading_tasks": {"exam_id": "x", "student_id": "ann", "question_id": "q", "assignee_id": "mia"},
    }
    types = (COURSE, MENTORSHIP, TEACHING, CLASS_MEMBERSHIP, COHORT_MEMBERSHIP, SCHEDULE, GRADING_TASK)
    for record in types:
        await put(database, record, f"of-{record.plural}", **relied[record.plural])
    wrong = await refused("conflict", school.delete("ada", USER, "mia"))
    named = {**{name: [f"of-{name}"] for name in relied}, "mentorships": ["mia-ann", "of-mentorships"]}
    assert wrong.data == {"by": named, "instead": {"active": False}}
    assert "courses, mentorships, teachings" in wrong.msg
    assert await school.column(USER, "id", "deleted_at IS NOT NULL") == []
    await school.update("ada", USER, "mia", active=False)
    assert await school.column(MENTORSHIP, "active") == [True, True]


async def test_what_is_over_keeps_nobody(school: SchoolStore) -> None:
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    past = {"start_at": school.clock.ms - 2 * HOUR, "end_at": school.clock.ms - HOUR}
    await put(school.database, SCHEDULE, "past", mentor_id="mia", title="Talk", **past)
    await school.delete("ada", USER, "mia")
    assert await school.column(USER, "id", "deleted_at IS NOT NULL") == ["mia"]
    assert await school.column(SCHEDULE, "status") == ["scheduled"]


async def test_a_student_who_is_deleted_belongs_nowhere_any_more_and_everybody_hears_of_it(school: SchoolStore) -> None:
    await school.create("ada", COHORT, id="owls", title="Owls")
    await school.create("ada", STUDENT, user_id="cid", number="7", class_id="10a", cohort_id="owls")
    await school.create("ada", MENTORSHIP, mentor_id="mia", student_id="cid")
    await school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("cid",)))
    soon = {"start_at": school.clock.ms + HOUR, "end_at": school.clock.ms + 2 * HOUR}
    await school.create("mia", SCHEDULE, mentor_id="mia", student_id="cid", title="Talk", **soon)
    await Recount(RECORD_TYPES, ZoneInfo("UTC")).ensure(school.database)
    others = {"student:ann": 1, "student:bob": 1}
    assert await counters(school, "active_students") == {"school": 3, "student:cid": 1, **others}
    school.told("user:mia"), school.told("class:10a"), school.told("user:pit")
    school.withdrawn.clear()
    await school.delete("ada", USER, "cid")
    assert await counters(school, "active_students") == {"school": 2, **others}
    assert await counters(school, "mentees") == {"mentor:mia": 1}
    assert await school.column(CLASS_MEMBERSHIP, "user_id", "part = 'student'") == ["ann", "bob"]
    assert await school.column(COHORT_MEMBERSHIP, "id") == []
    assert await school.column(ENROLMENT, "status", "user_id = 'cid'") == ["withdrawn"]
    assert await school.column(MENTORSHIP, "active", "student_id = 'cid'") == [False]
    assert await school.column(STUDENT, "status") == ["withdrawn"]
    assert await school.column(SCHEDULE, "status") == ["cancelled"]
    assert set(school.withdrawn) >= {("class:10a", ("cid",)), ("course:chess", ("cid",)), ("cohort:owls", ("cid",))}
    assert {"mentorship.updated", "student.updated", "schedule.status_changed"} <= set(school.told("user:mia"))
    assert "class_membership.deleted" in school.told("class:10a")
    left = await school.database.fetch(
        "SELECT action FROM audit_logs WHERE entity_type = 'class_membership' AND action LIKE '%deleted'"
    )
    assert len(left) == 1


async def test_nobody_who_was_deleted_is_put_in_anywhere(school: SchoolStore) -> None:
    await school.create("ada", COHORT, id="owls", title="Owls")
    await put(school.database, STUDENT, "s-cid", user_id="cid", number="7")
    await school.delete("ada", USER, "cid")
    await school.create("ada", USER, id="new", login="cid", name="Another")
    for record, values in (
        (CLASS_MEMBERSHIP, {"class_id": "10a", "user_id": "cid", "part": "student"}),
        (ENROLMENT, {"course_id": "chess", "user_id": "cid"}),
        (COHORT_MEMBERSHIP, {"cohort_id": "owls", "user_id": "cid", "part": "member"}),
    ):
        wrong, never = [
            await refused("bad_command", school.create("ada", record, **values | {"user_id": person}))
            for person in ("cid", "nobody")
        ]
        assert (wrong.msg, wrong.data) == (never.msg, never.data) == ("user_id: there is no such thing", never.data)
    for record, body in ((CLASS, EnrolStudents("10a", ("cid",))), (COURSE, EnrolPeople("chess", ("cid",)))):
        assert "there is no 'cid'" in (await refused("bad_command", school.perform("ada", record, "enrol", body))).msg
    for csv, fault in (("user_id\ncid", "cid"), ("number\n7", "7")):
        wrong = await refused("bad_command", school.perform("ada", CLASS, "import", ClassList("10a", csv)))
        assert wrong.data["lines"] == [{"line": 2, "fault": f"there is nobody with '{fault}'"}]
    report = await school.perform("ada", CLASS, "import", ClassList("10a", "login\ncid"))
    assert [line.user_id for line in report.lines] == ["new"]


@pytest.mark.parametrize("id", ["system", "System", ".", ".."])
async def test_nobody_has_the_id_of_the_schools_own_voice_or_one_that_no_path_leads_to(
    school: SchoolStore, id: str
) -> None:
    wrong = await refused("bad_command", school.create("ada", USER, id=id, login="x", name="X"))
    assert wrong.data["field"] == "id"


@pytest.mark.parametrize("id", [".", ".."])
async def test_no_record_has_an_id_that_no_path_leads_to(school: SchoolStore, id: str) -> None:
    assert (await refused("bad_command", school.create("ada", CLASS, id=id, title="X"))).data["field"] == "id"
