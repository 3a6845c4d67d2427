"""Another role ends what somebody was by the one before: each relation with its events, its audit, its counters and its subscriptions."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroom.engine.database import Database
from homeroom.records.declare import RecordType
from homeroom.records.recount import Recount
from homeroom.records.school.class_lists import ClassList
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT, EnrolPeople
from homeroom.records.school.schedule_series import CreateSeries
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.users import USER
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import put_school
from tests.records.school_store import SchoolStore, refused


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    """Return the school, with Tess and Ann in everything that a teacher and a student can be in."""
    await put_school(database)
    school = SchoolStore(database)
    await school.create("ada", COHORT, id="owls", title="Owls")
    await school.create("ada", COHORT_MEMBERSHIP, cohort_id="owls", user_id="tess", part="mentor")
    await school.create("ada", SUBJECT, id="art", code="art", title="Art")
    await school.create("ada", TEACHING, class_id="10a", subject_id="art", teacher_id="tess")
    await school.create("ada", MENTORSHIP, mentor_id="tess", student_id="ann")
    await school.create("ada", ENROLMENT, course_id="chess", user_id="tess", part="teacher")
    await school.create("ada", ENROLMENT, course_id="chess", user_id="ann")
    await school.create("ada", STUDENT, user_id="ann", number="1", class_id="10a", cohort_id="owls")
    school.posted.clear()
    school.withdrawn.clear()
    return school


async def standing(school: SchoolStore, person: str) -> dict[str, list[Any]]:
    """Return how a person stands to others, by type."""
    of = {CLASS_MEMBERSHIP: "user_id", COHORT_MEMBERSHIP: "user_id", TEACHING: "teacher_id"}
    found = {one.name: await school.column(one, "id", f"{column} = '{person}'") for one, column in of.items()}
    found["enrolment"] = await school.column(ENROLMENT, "status", f"user_id = '{person}'")
    found["mentorship"] = await school.column(
        MENTORSHIP, "active", f"mentor_id = '{person}' OR (student_id = '{person}' AND mentor_id = 'tess')"
    )
    return found


ENDED = {
    "class_membership": [],
    "cohort_membership": [],
    "teaching": [],
    "enrolment": ["withdrawn"],
    "mentorship": [False],
}


async def test_a_teacher_who_becomes_something_else_teaches_and_mentors_nobody(school: SchoolStore) -> None:
    await school.update("ada", USER, "tess", role="parent")
    assert await standing(school, "tess") == ENDED
    assert set(school.withdrawn) == {("class:10a", ("tess",)), ("cohort:owls", ("tess",)), ("course:chess", ("tess",))}
    assert set(school.told("user:tess")) >= {
        "user.updated",
        "class_membership.deleted",
        "teaching.deleted",
        "cohort_membership.deleted",
        "enrolment.updated",
        "mentorship.updated",
    }
    assert "class_membership.deleted" in school.told("class:10a")
    sql = "SELECT entity_type FROM audit_logs WHERE changed_by = 'ada' AND action = 'deleted' ORDER BY 1"
    removed = [row["entity_type"] for row in await school.database.fetch(sql)]
    assert removed == ["class_membership", "cohort_membership", "teaching"]


async def test_a_student_who_becomes_something_else_is_in_no_class_and_has_no_parents(school: SchoolStore) -> None:
    await school.update("ada", USER, "ann", role="teacher")
    assert await standing(school, "ann") == ENDED
    (row,) = await school.database.fetch("SELECT status, class_id, cohort_id FROM students WHERE user_id = 'ann'")
    assert (row["status"], row["class_id"], row["cohort_id"]) == ("withdrawn", None, None)
    assert await school.database.fetch("SELECT FROM guardians WHERE ward = 'ann' AND active") == []
    assert "guardian.unlinked" in school.told("user:pam")


@pytest.mark.parametrize("status", ["withdrawn", "graduated"])
async def test_a_student_who_leaves_the_school_is_in_no_class_any_more_and_keeps_the_parents(
    school: SchoolStore, status: str
) -> None:
    await school.create("ada", ENROLMENT, course_id="chess", user_id="cid", part="assistant")
    soon = {"title": "Talk", "start_at": school.clock.ms + 3_600_000, "end_at": school.clock.ms + 7_200_000}
    await school.create("tess", SCHEDULE, mentor_id="tess", student_id="ann", **soon)
    (record,) = await school.column(STUDENT, "id")
    school.posted.clear()
    left = await school.update("ada", STUDENT, record, status=status)
    assert (left["status"], left["class_id"], left["cohort_id"]) == (status, None, None)
    assert await standing(school, "ann") == ENDED
    assert await school.column(SCHEDULE, "status") == ["cancelled"]
    assert set(school.withdrawn) == {(place, ("ann",)) for place in ("class:10a", "cohort:owls", "course:chess")}
    assert set(school.told("user:tess")) >= {"student.updated", "mentorship.updated", "schedule.status_changed"}
    assert "class_membership.deleted" in school.told("class:10a")
    assert await school.database.fetch("SELECT FROM guardians WHERE ward = 'ann' AND active") != []
    assert await school.column(ENROLMENT, "status", "user_id = 'cid'") == ["active"]


async def test_who_comes_back_is_given_places_anew_and_nobody_who_has_left_is_given_a_home(school: SchoolStore) -> None:
    (record,) = await school.column(STUDENT, "id")
    await school.update("ada", STUDENT, record, status="withdrawn")
    wrong = await refused("bad_command", school.update("ada", STUDENT, record, class_id="10a"))
    assert wrong.data == {"field": "class_id", "allowed": "nothing, unless the status is active"}
    new = {"user_id": "bob", "number": "2", "status": "graduated"}
    await refused("bad_command", school.create("ada", STUDENT, **new, class_id="10a"))
    await school.create("ada", STUDENT, **new)
    assert await school.column(CLASS_MEMBERSHIP, "user_id", "part = 'student'") == []
    await school.update("ada", STUDENT, record, status="active")
    assert await standing(school, "ann") == ENDED
    await school.update("ada", STUDENT, record, class_id="10a")
    assert await school.column(CLASS_MEMBERSHIP, "user_id", "part = 'student'") == ["ann"]


LATER: dict[str, Any] = {"start_at": 1_900_000_000_000, "end_at": 1_900_003_600_000}
PLACES: dict[str, tuple[RecordType, dict[str, Any]]] = {
    "class": (CLASS_MEMBERSHIP, {"class_id": "10a", "user_id": "ann", "part": "student"}),
    "cohort": (COHORT_MEMBERSHIP, {"cohort_id": "owls", "user_id": "ann", "part": "member"}),
    "course": (ENROLMENT, {"course_id": "go", "user_id": "ann"}),
    "assistant": (ENROLMENT, {"course_id": "go", "user_id": "ann", "part": "assistant"}),
    "mentor": (MENTORSHIP, {"mentor_id": "theo", "student_id": "ann"}),
    "slot": (SCHEDULE, {"mentor_id": "theo", "student_id": "ann", "title": "Talk", **LATER}),
}


@pytest.fixture
async def without_ann(school: SchoolStore) -> SchoolStore:
    """Return the school after Ann has graduated, with one more course."""
    (record,) = await school.column(STUDENT, "id")
    await school.update("ada", STUDENT, record, status="graduated")
    await school.create("ada", COURSE, id="go", code="go", title="Go", teacher_id="theo")
    return school


@pytest.mark.parametrize("place", PLACES)
async def test_who_has_left_is_given_no_new_place_before_they_come_back(without_ann: SchoolStore, place: str) -> None:
    record_type, values = PLACES[place]
    wrong = await refused("bad_command", without_ann.create("ada", record_type, **values))
    assert "'ann' is graduated" in wrong.msg
    allowed = "a student who is at the school: an admin makes the record of 'ann' active first"
    assert wrong.data["allowed"] == allowed
    (record,) = await without_ann.column(STUDENT, "id")
    await without_ann.update("ada", STUDENT, record, status="active")
    await without_ann.create("ada", record_type, **values)


async def test_what_ended_when_somebody_left_does_not_begin_again_without_them(without_ann: SchoolStore) -> None:
    (enrolment,) = await without_ann.column(ENROLMENT, "id", "user_id = 'ann'")
    (mentorship,) = await without_ann.column(MENTORSHIP, "id", "mentor_id = 'tess'")
    await refused("bad_command", without_ann.update("ada", ENROLMENT, enrolment, status="active"))
    await refused("bad_command", without_ann.update("ada", MENTORSHIP, mentorship, active=True))
    await without_ann.update("ada", ENROLMENT, enrolment, status="completed")


async def test_lists_name_who_has_left(without_ann: SchoolStore) -> None:
    wrong = await refused(
        "bad_command", without_ann.perform("ada", CLASS, "enrol", EnrolStudents("10a", ("cid", "ann")))
    )
    assert wrong.msg == "students[1]: 'ann' is graduated"
    allowed = "the id of a student who is at the school: an admin makes the record of 'ann' active first"
    assert wrong.data == {"field": "students[1]", "allowed": allowed}
    wrong = await refused("bad_command", without_ann.perform("ada", COURSE, "enrol", EnrolPeople("go", ("ann",))))
    assert wrong.msg == "people[0]: 'ann' is graduated"
    lists = ClassList("10a", "user_id\ncid\nann\n", dry_run=True)
    report: Any = await without_ann.perform("ada", CLASS, "import", lists)
    assert [(line.status, line.fault) for line in report.lines] == [
        ("would_enrol", ""),
        ("wrong", "'ann' is graduated: an admin makes the student's record active first"),
    ]


async def test_no_series_is_for_somebody_who_has_left_but_what_was_is_written_down(without_ann: SchoolStore) -> None:
    series = CreateSeries(mentor_id="theo", student_id="ann", title="Talk", series="FREQ=WEEKLY;COUNT=3", **LATER)
    await refused("bad_command", without_ann.perform("ada", SCHEDULE, "create_series", series))
    now = without_ann.clock.ms
    past = {"title": "Then", "start_at": now - 7_200_000, "end_at": now - 3_600_000}
    await without_ann.create("ada", SCHEDULE, mentor_id="theo", student_id="ann", **past)


async def test_a_teacher_who_was_a_student_here_once_is_given_places_as_a_teacher(school: SchoolStore) -> None:
    await school.update("ada", USER, "ann", role="teacher")
    await school.create("ada", CLASS_MEMBERSHIP, class_id="10a", user_id="ann", part="teacher")
    assert await school.column(CLASS_MEMBERSHIP, "user_id", "part = 'teacher' AND user_id = 'ann'") == ["ann"]


async def test_nobody_is_taken_out_of_the_cohort_of_their_record_and_it_does_not_go(school: SchoolStore) -> None:
    (membership,) = await school.column(COHORT_MEMBERSHIP, "id", "user_id = 'ann'")
    wrong = await refused("conflict", school.delete("tess", COHORT_MEMBERSHIP, membership))
    assert wrong.data == {"field": "cohort_id", "students": ["ann"]}
    wrong = await refused("conflict", school.delete("ada", COHORT, "owls"))
    assert wrong.data == {"field": "cohort_id", "students": ["ann"]}
    (record,) = await school.column(STUDENT, "id")
    await school.update("ada", STUDENT, record, cohort_id=None)
    assert await school.column(COHORT_MEMBERSHIP, "user_id") == ["tess"]
    await school.delete("ada", COHORT, "owls")


async def test_slots_to_come_are_off_for_who_teaches_or_learns_no_more(school: SchoolStore) -> None:
    await school.create("ada", SCHEDULE, mentor_id="tess", student_id="ann", title="Talk", **LATER)
    later = {name: at + 7_200_000 for name, at in LATER.items()}
    await school.create("ada", SCHEDULE, mentor_id="theo", class_id="10a", title="Maths", **later)
    await school.update("ada", USER, "ann", role="parent")
    assert await school.column(SCHEDULE, "status", "student_id = 'ann'") == ["cancelled"]
    assert "schedule.status_changed" in school.told("user:tess")
    later = {name: at + 7_200_000 for name, at in later.items()}
    await school.create("ada", SCHEDULE, mentor_id="tess", title="Alone", **later)
    await school.update("ada", USER, "tess", role="parent")
    assert await school.column(SCHEDULE, "status", "mentor_id = 'tess'") == ["cancelled", "cancelled"]
    assert await school.column(SCHEDULE, "status", "mentor_id = 'theo'") == ["scheduled"]


async def test_a_parent_who_becomes_something_else_stands_for_nobody(school: SchoolStore) -> None:
    await school.update("ada", USER, "pam", role="teacher")
    assert await school.database.fetch("SELECT FROM guardians WHERE guardian = 'pam' AND active") == []
    assert (await standing(school, "ann"))["mentorship"] == [True]


async def test_what_fits_the_new_role_as_well_goes_on(school: SchoolStore) -> None:
    await school.create("ada", ENROLMENT, course_id="chess", user_id="cid", part="assistant")
    await school.update("ada", USER, "cid", role="teacher")
    assert await school.column(ENROLMENT, "status", "user_id = 'cid'") == ["active"]
    await school.update("ada", USER, "tess", name="Tess T.")
    assert len((await standing(school, "tess"))["class_membership"]) == 1


async def test_the_teacher_of_a_course_hands_it_over_first(school: SchoolStore) -> None:
    refusal = await refused("conflict", school.update("ada", USER, "theo", role="parent"))
    assert refusal.data == {"field": "role", "courses": ["chess"]}
    await school.update("ada", COURSE, "chess", teacher_id="mia")
    await school.update("ada", USER, "theo", role="parent")
    assert await school.column(USER, "role", "id = 'theo'") == ["parent"]


async def test_the_counters_know_of_it(school: SchoolStore) -> None:
    await Recount(RECORD_TYPES, ZoneInfo("UTC")).ensure(school.database)
    sql = "SELECT value FROM counters WHERE scope = $1 AND name = $2 AND day = ''"

    async def count(scope: str, name: str) -> int:
        return int((await school.database.fetch(sql, scope, name))[0]["value"])

    before = await count("class:10a", "teachers"), await count("mentor:tess", "mentees")
    await school.update("ada", USER, "tess", role="student")
    assert (before, await count("class:10a", "teachers"), await count("mentor:tess", "mentees")) == ((1, 1), 0, 0)


@pytest.mark.parametrize(
    ("type", "values"),
    [(COURSE, {"code": "once", "title": "Once", "teacher_id": "mia"}), (CLASS, {"title": "Once"}), (COHORT, {"title": "Once"})],
    ids=["course", "class", "cohort"],
)  # fmt: skip
async def test_an_id_of_what_has_a_channel_is_given_out_once(
    school: SchoolStore, type: Any, values: dict[str, Any]
) -> None:
    await school.create("ada", type, id="once", **values)
    await school.delete("ada", type, "once")
    refusal = await refused("conflict", school.create("ada", type, id="once", **values))
    assert refusal.data == {"fields": ["id"]}
    assert await school.column(type, "id", "id = 'once'") == []
    await school.create("ada", type, **values)


async def test_what_another_role_has_ended_does_not_begin_again_while_the_role_is_another(school: SchoolStore) -> None:
    (mentorship,) = await school.column(MENTORSHIP, "id", "mentor_id = 'tess'")
    (student,) = await school.column(STUDENT, "id")
    (enrolment,) = await school.column(ENROLMENT, "id", "user_id = 'ann'")
    ended: list[tuple[RecordType, str, dict[str, Any], str]] = [
        (STUDENT, student, {"status": "active"}, "user_id"),
        (MENTORSHIP, mentorship, {"active": True}, "student_id"),
        (ENROLMENT, enrolment, {"status": "active"}, "user_id"),
    ]
    await school.update("ada", USER, "ann", role="parent")
    for record, name, changes, field in ended:
        refusal = await refused("bad_command", school.update("ada", record, name, **changes))
        assert (refusal.data or {})["field"] == field
    await school.update("ada", USER, "ann", role="student")
    for record, name, changes, _ in ended:
        await school.update("ada", record, name, **changes)
