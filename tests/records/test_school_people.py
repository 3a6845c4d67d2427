"""Who belongs where: classes, courses, cohorts, terms, students and their mentors, changed through the store."""

import pytest

from homeroom.engine.database import Database
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.class_lists import LINES_MAX, ClassList, parse_list
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.cohorts import COHORT, COHORT_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT, EnrolPeople
from homeroom.records.school.students import MENTORSHIP, STUDENT, RegisterStudent
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.terms import TERM, ActivateTerm
from tests.records.school_rows import put, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def members(school: SchoolStore, class_id: str = "10a") -> list[str]:
    return await school.column(CLASS_MEMBERSHIP, "user_id", f"class_id = '{class_id}' AND part = 'student'")


async def test_one_term_is_active_at_a_time(school: SchoolStore) -> None:
    dates = {"starts_on": "2026-09-01", "ends_on": "2026-12-20"}
    first = await school.create("ada", TERM, title="Autumn", **dates)
    second = await school.create("ada", TERM, title="Spring", **dates)
    assert not first["active"]
    await school.perform("ada", TERM, "activate", ActivateTerm(first["id"]))
    school.told("table:academic_terms")
    activated = await school.perform("ada", TERM, "activate", ActivateTerm(second["id"]))
    assert (activated.title, activated.active) == ("Spring", True)
    assert await school.column(TERM, "title", "active") == ["Spring"]
    assert sorted(school.told("table:academic_terms")) == ["term.activated", "term.updated"]
    await refused("conflict", school.perform("ada", TERM, "activate", ActivateTerm(second["id"])))
    await refused("not_found", school.perform("ada", TERM, "activate", ActivateTerm("no-such")))
    await refused("forbidden", school.perform("tess", TERM, "activate", ActivateTerm(first["id"])))


async def test_a_term_does_not_end_before_it_begins(school: SchoolStore) -> None:
    wrong = school.create("ada", TERM, title="Short", starts_on="2026-09-02", ends_on="2026-09-01")
    assert (await refused("bad_command", wrong)).data["field"] == "ends_on"


async def test_a_teacher_enrols_in_the_own_class_once_each(school: SchoolStore) -> None:
    done = await school.perform("tess", CLASS, "enrol", EnrolStudents("10a", ("cid", "ann", "cid")))
    assert (done.enrolled, done.already) == (("cid",), ("ann",))
    assert await members(school) == ["ann", "bob", "cid"]
    assert school.told("user:cid") == ["class_membership.created", "student.enrolled"]
    assert school.told("class:10a") == ["class_membership.created", "student.enrolled"]


async def test_who_was_enrolled_is_told_to_those_concerned_and_to_the_class_ids_alone(school: SchoolStore) -> None:
    made = await school.create("ada", CLASS_MEMBERSHIP, class_id="10a", user_id="cid", part="student")
    events = [(one.stream, school.wire.decode_plain(event)) for one in school.posted for event in one.events]
    told = {stream: event["d"] for stream, event in events if event["type"] == "student.enrolled"}
    named = {stream for stream, said in told.items() if "cid" in said.values()}
    assert {"table:students", "role:admin", "user:cid", "user:tess"} <= named
    assert "class:10a" in told.keys() - named
    assert told["class:10a"] == {"id": made["id"], "class_id": "10a"}
    await refused("forbidden", school.perform("theo", CLASS, "enrol", EnrolStudents("10a", ("cid", "bob", "mia"))))
    await refused("not_found", school.perform("tess", CLASS, "enrol", EnrolStudents("10z", ("cid",))))
    wrong = await refused("bad_command", school.perform("tess", CLASS, "enrol", EnrolStudents("10a", ("mia",))))
    assert wrong.data == {"field": "students[0]", "allowed": "the id of a student"}
    twice = school.create("tess", CLASS_MEMBERSHIP, class_id="10a", user_id="cid", part="student")
    assert (await refused("conflict", twice)).data["fields"] == ["class_id", "user_id"]


async def test_all_who_cannot_be_enrolled_are_named(school: SchoolStore) -> None:
    enrol = school.perform("tess", CLASS, "enrol", EnrolStudents("10a", ("cid", "nobody", "mia")))
    wrong = await refused("bad_command", enrol)
    assert wrong.msg == "students[1]: there is no 'nobody'"
    assert [(error["field"], error["wrong"]) for error in wrong.data["errors"]] == [
        ("students[1]", "there is no 'nobody'"),
        ("students[2]", "'mia' is a teacher"),
    ]
    enrol = school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("pam", "mia"), "assistant"))
    wrong = await refused("bad_command", enrol)
    assert wrong.data == {"field": "people[0]", "allowed": "the id of a student or teacher"}


async def test_a_teacher_appoints_no_teachers(school: SchoolStore) -> None:
    await refused("forbidden", school.create("tess", CLASS_MEMBERSHIP, class_id="10a", user_id="mia", part="teacher"))
    await refused("forbidden", school.create("mia", CLASS_MEMBERSHIP, class_id="10a", user_id="mia", part="teacher"))
    await school.create("ada", CLASS_MEMBERSHIP, class_id="10a", user_id="mia", part="teacher")
    assert school.told("class:10a") == ["class_membership.created"]


async def test_who_leaves_a_class_hears_nothing_more_of_it(school: SchoolStore) -> None:
    await school.delete("tess", CLASS_MEMBERSHIP, "m-bob")
    assert school.withdrawn == [("class:10a", ("bob",))]
    assert school.told("user:bob") == ["class_membership.deleted"]
    assert await members(school) == ["ann"]


async def test_a_class_goes_with_all_memberships_but_not_while_it_is_a_home(school: SchoolStore) -> None:
    await school.create("ada", SUBJECT, code="art", title="Art", id="art")
    await school.create("ada", TEACHING, class_id="10a", subject_id="art", teacher_id="theo")
    student = await school.create("ada", STUDENT, user_id="ann", number="1", class_id="10a")
    wrong = await refused("conflict", school.delete("ada", CLASS, "10a"))
    assert wrong.data == {"field": "class_id", "students": ["ann"]}
    assert "home class of 'ann'" in wrong.msg
    await school.update("ada", STUDENT, student["id"], class_id=None)
    await school.delete("ada", CLASS, "10a")
    assert await school.column(CLASS_MEMBERSHIP, "id") == await school.column(TEACHING, "id") == []
    assert {stream for stream, _ in school.withdrawn} == {"class:10a"}
    assert "class.deleted" in school.told("class:10a")


async def test_what_keeps_a_course_is_named_to_whoever_may_read_it(school: SchoolStore) -> None:
    draft = {"author_id": "ada", "course_id": "chess", "title": "Soon", "body": "A surprise", "status": "draft"}
    await put(school.database, ANNOUNCEMENT, "draft", **draft)
    in_the_way = {"by": "announcement", "field": "course_id"}
    hidden = await refused("conflict", school.delete("theo", COURSE, "chess"))
    assert (hidden.msg, hidden.data) == ("announcements still refer to this course", in_the_way)
    told = await refused("conflict", school.delete("ada", COURSE, "chess"))
    assert told.data == {**in_the_way, "records": [{"type": "announcement", "id": "draft", "title": "Soon"}]}
    assert await school.column(ENROLMENT, "id") == ["e-bob"]


async def test_a_student_belongs_to_the_home_class_and_moves_with_it(school: SchoolStore) -> None:
    await school.create("ada", CLASS, id="10b", title="10b")
    await school.create("ada", COHORT, id="owls", title="Owls")
    made = await school.create("ada", STUDENT, user_id="cid", number="7", class_id="10a", cohort_id="owls")
    assert "cid" in await members(school)
    assert await school.column(COHORT_MEMBERSHIP, "user_id", "part = 'member'") == ["cid"]
    (membership,) = await school.column(CLASS_MEMBERSHIP, "id", "user_id = 'cid'")
    wrong = await refused("conflict", school.delete("ada", CLASS_MEMBERSHIP, membership))
    assert wrong.data == {"field": "class_id", "students": ["cid"]}
    await school.update("ada", STUDENT, made["id"], class_id="10b")
    assert "cid" not in await members(school)
    assert await members(school, "10b") == ["cid"]
    assert ("class:10a", ("cid",)) in school.withdrawn
    await school.update("ada", STUDENT, made["id"], class_id=None, cohort_id=None)
    assert await members(school, "10b") == await school.column(COHORT_MEMBERSHIP, "id") == []


async def test_a_home_class_that_one_belongs_to_already_is_no_second_membership(school: SchoolStore) -> None:
    await school.create("ada", STUDENT, user_id="ann", number="1", class_id="10a")
    assert await members(school) == ["ann", "bob"]


async def test_registering_a_student_tells_the_mentor(school: SchoolStore) -> None:
    body = RegisterStudent("bob", "12", class_id="10a", birth_date="2012-02-29", mentor_id="mia")
    student = await school.perform("ada", STUDENT, "register", body)
    assert (student.user_id, student.number, student.class_id) == ("bob", "12", "10a")
    assert school.told("user:mia") == ["mentorship.created", "student.registered"]
    assert sorted(school.told("role:admin")) == ["mentorship.created", "student.created"]
    again = await refused("conflict", school.perform("ada", STUDENT, "register", body))
    assert again.data["fields"] == ["user_id"]
    await refused("forbidden", school.perform("tess", STUDENT, "register", body))


async def test_a_mentor_is_a_teacher_and_hears_of_a_student_again_who_comes_back(school: SchoolStore) -> None:
    await refused("bad_command", school.create("ada", MENTORSHIP, mentor_id="pam", student_id="bob"))
    await refused("bad_command", school.create("ada", MENTORSHIP, mentor_id="mia", student_id="theo"))
    await refused("conflict", school.create("ada", MENTORSHIP, mentor_id="mia", student_id="ann"))
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    assert school.told("user:mia") == ["mentorship.updated"]
    await school.update("ada", MENTORSHIP, "mia-ann", active=True)
    assert school.told("user:mia") == ["mentorship.updated", "student.registered"]


async def test_events_of_a_student_never_hold_the_birthday(school: SchoolStore) -> None:
    await school.create("ada", STUDENT, user_id="ann", number="1", birth_date="2012-02-03")
    assert school.told("user:ann") == ["student.created"]
    bodies = await school.database.fetch("SELECT body FROM journal")
    assert bodies
    assert not [row for row in bodies if b"2012-02-03" in row["body"]]


async def test_a_course_is_enrolled_in_once_and_left_for_good(school: SchoolStore) -> None:
    done = await school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("ann", "bob")))
    assert (done.enrolled, done.already) == (("ann",), ("bob",))
    twice = school.create("theo", ENROLMENT, course_id="chess", user_id="bob")
    assert (await refused("conflict", twice)).data["fields"] == ["course_id", "user_id"]
    await refused("forbidden", school.create("tess", ENROLMENT, course_id="chess", user_id="cid"))
    await refused("forbidden", school.create("theo", ENROLMENT, course_id="chess", user_id="mia", part="teacher"))
    await refused("bad_command", school.create("theo", ENROLMENT, course_id="chess", user_id="pam"))
    await school.update("theo", ENROLMENT, "e-bob", status="withdrawn")
    assert school.withdrawn == [("course:chess", ("bob",))]
    await school.delete("theo", COURSE, "chess")
    assert await school.column(ENROLMENT, "id") == []


async def test_whoever_comes_back_is_enrolled_again_in_the_part_asked_for(school: SchoolStore) -> None:
    record = (await school.create("ada", STUDENT, user_id="bob", number="2"))["id"]
    await school.update("ada", STUDENT, record, status="withdrawn")
    await school.update("ada", STUDENT, record, status="active")
    assert await school.column(ENROLMENT, "status") == ["withdrawn"]
    school.told("user:bob")
    done = await school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("bob", "ann"), "assistant"))
    assert (done.enrolled, done.already) == (("ann", "bob"), ())
    rows = await school.database.fetch("SELECT user_id, part, status FROM enrolments ORDER BY 1")
    assert [tuple(row) for row in rows] == [("ann", "assistant", "active"), ("bob", "assistant", "active")]
    assert school.told("user:bob") == ["enrolment.updated"]
    audit = (
        "SELECT changed_by FROM audit_logs WHERE entity_id = 'e-bob' AND action = 'updated' ORDER BY id DESC LIMIT 1"
    )
    assert [row["changed_by"] for row in await school.database.fetch(audit)] == ["theo"]
    again = await school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("bob", "ann")))
    assert (again.enrolled, again.already) == ((), ("ann", "bob"))


async def test_whoever_completed_a_course_takes_part_again_once_enrolled_anew(school: SchoolStore) -> None:
    await school.update("theo", ENROLMENT, "e-bob", status="completed")
    wrong = await refused("conflict", school.create("theo", ENROLMENT, course_id="chess", user_id="bob"))
    assert wrong.msg == "course_id and user_id: taken already by enrolment 'e-bob' (completed)"
    done = await school.perform("theo", COURSE, "enrol", EnrolPeople("chess", ("bob",)))
    assert (done.enrolled, done.already) == (("bob",), ())
    assert await school.column(ENROLMENT, "status") == ["active"]


async def test_no_teacher_enrols_anew_who_was_enrolled_as_a_teacher(school: SchoolStore) -> None:
    await put(school.database, ENROLMENT, "e-mia", course_id="chess", user_id="mia", part="teacher", status="withdrawn")
    enrol = EnrolPeople("chess", ("mia",), "assistant")
    await refused("forbidden", school.perform("theo", COURSE, "enrol", enrol))
    assert (await school.perform("ada", COURSE, "enrol", enrol)).enrolled == ("mia",)


async def test_whoever_is_registered_once_more_has_the_same_mentor_again(school: SchoolStore) -> None:
    wish = RegisterStudent("ann", "1", mentor_id="mia")
    first = await school.perform("ada", STUDENT, "register", wish)
    assert await school.column(MENTORSHIP, "active") == [True]
    await school.delete("ada", STUDENT, first.id)
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    wrong = await refused("conflict", school.create("ada", MENTORSHIP, mentor_id="mia", student_id="ann"))
    assert wrong.data["records"] == [{"type": "mentorship", "id": "mia-ann", "active": False}]
    assert wrong.msg.endswith("taken already by mentorship 'mia-ann' (not active)")
    school.told("user:mia")
    await school.perform("ada", STUDENT, "register", wish)
    assert await school.column(MENTORSHIP, "active") == [True]
    assert school.told("user:mia") == ["mentorship.updated", "student.registered"]


async def test_a_teacher_makes_courses_of_the_own_only_and_may_not_give_them_away(school: SchoolStore) -> None:
    made = await school.create("tess", COURSE, code="go", title="Go")
    assert made["teacher_id"] == "tess"
    await refused("forbidden", school.create("tess", COURSE, code="bridge", title="Bridge", teacher_id="theo"))
    await refused("forbidden", school.update("tess", COURSE, made["id"], teacher_id="theo"))
    await school.update("ada", COURSE, made["id"], teacher_id="theo")
    assert school.withdrawn == [(f"course:{made['id']}", ("tess",))]


async def test_an_admin_who_makes_a_course_says_who_teaches_it(school: SchoolStore) -> None:
    wrong = await refused("bad_command", school.create("ada", COURSE, code="go", title="Go"))
    assert wrong.data["field"] == "teacher_id"
    assert (await school.create("ada", COURSE, code="go", title="Go", teacher_id="theo"))["teacher_id"] == "theo"


async def test_a_mentor_of_a_cohort_reads_the_records_of_its_students_and_hears_of_them(school: SchoolStore) -> None:
    made = await school.create("ada", STUDENT, user_id="cid", number="7")
    await refused("not_found", school.store.read(STUDENT, made["id"], CALLERS["theo"]))
    await school.create("ada", COHORT, id="owls", title="Owls")
    await school.create("ada", COHORT_MEMBERSHIP, cohort_id="owls", user_id="theo", part="mentor")
    await school.create("ada", COHORT_MEMBERSHIP, cohort_id="owls", user_id="cid", part="member")
    assert (await school.store.read(STUDENT, made["id"], CALLERS["theo"]))["number"] == "7"
    await refused("forbidden", school.update("theo", STUDENT, made["id"], number="8"))
    await refused("not_found", school.store.read(STUDENT, made["id"], CALLERS["mia"]))
    await school.create("ada", MENTORSHIP, mentor_id="theo", student_id="cid")
    school.told("user:theo")
    await school.update("ada", STUDENT, made["id"], number="9")
    assert school.told("user:theo") == ["student.updated"]
    assert school.told("user:mia") == []


async def test_a_mentor_of_a_cohort_takes_members_in_and_nobody_else_does(school: SchoolStore) -> None:
    await school.create("ada", COHORT, id="owls", title="Owls")
    await refused("forbidden", school.create("mia", COHORT_MEMBERSHIP, cohort_id="owls", user_id="ann", part="member"))
    await school.create("ada", COHORT_MEMBERSHIP, cohort_id="owls", user_id="mia", part="mentor")
    made = await school.create("mia", COHORT_MEMBERSHIP, cohort_id="owls", user_id="ann", part="member")
    await school.delete("mia", COHORT_MEMBERSHIP, made["id"])
    assert school.withdrawn == [("cohort:owls", ("ann",))]
    await school.delete("ada", COHORT, "owls")
    assert await school.column(COHORT_MEMBERSHIP, "id") == []


# --- class lists


async def import_list(school: SchoolStore, text: str, *, dry_run: bool = False, who: str = "tess") -> object:
    return await school.perform(who, CLASS, "import", ClassList("10a", text, dry_run))


@pytest.mark.parametrize(
    "text",
    [
        "login,name\ncid,Cid\nann,Ann\n",
        "\ufeffName;User_ID\r\nCid;cid\r\n\r\nAnn;ann\r\n",
        'login\n"CID"\nann',
        "number\n33\n11",
        "sep=;\r\nlogin;number;name\r\nCID;33;Cid\r\n;11;Ann\r\n",
        "number\tlogin\tuser_id\n\tcid\t\nno-such\t\tann\n",
    ],
)
async def test_a_class_list_is_imported(school: SchoolStore, text: str) -> None:
    for number, student in (("33", "cid"), ("11", "ann")):
        await school.create("ada", STUDENT, user_id=student, number=number)
    report = await import_list(school, text)
    assert (report.done, report.enrolled, report.already, report.wrong) == (True, 1, 1, 0)  # type: ignore[attr-defined] # a reply
    assert await members(school) == ["ann", "bob", "cid"]


async def test_a_dry_run_says_of_each_line_what_would_become_of_it_and_does_nothing(school: SchoolStore) -> None:
    report = await import_list(school, "login,name\ncid,C\nann,A\nnobody,N\ntess,T\ncid,C\n,E\nbob\n", dry_run=True)
    assert [(line.line, line.status, line.fault) for line in report.lines] == [  # type: ignore[attr-defined] # a reply
        (2, "would_enrol", ""),
        (3, "already", ""),
        (4, "wrong", "there is nobody with 'nobody'"),
        (5, "wrong", "'tess' is a teacher, not a student"),
        (6, "wrong", "'cid' stands in the list twice"),
        (7, "wrong", "no login"),
        (8, "wrong", "1 values instead of 2"),
    ]
    assert not report.done  # type: ignore[attr-defined] # a reply
    assert await members(school) == ["ann", "bob"]


async def test_a_line_of_which_two_columns_name_two_people_is_wrong(school: SchoolStore) -> None:
    for number, student in (("33", "cid"), ("11", "ann")):
        await school.create("ada", STUDENT, user_id=student, number=number)
    text = "number,login,name\n11,cid,\n33,cid,\n33,,\n,,Eva\n11,no-such,\n,tess,\n"
    report = await import_list(school, text, dry_run=True)
    assert [(line.line, line.status, line.fault) for line in report.lines] == [  # type: ignore[attr-defined] # a reply
        (2, "wrong", "login 'cid' and number '11' are two people"),
        (3, "would_enrol", ""),
        (4, "wrong", "'33' stands in the list twice"),
        (5, "wrong", "no login or number"),
        (6, "wrong", "there is nobody with 'no-such'"),
        (7, "wrong", "'tess' is a teacher, not a student"),
    ]


async def test_a_line_that_is_no_csv_ends_the_list_with_its_number() -> None:
    lines = await parse_list('login,name\ncid,Cid\nann,"half')
    assert lines == [(2, (("login", "cid"),), ""), (3, (), "no CSV: unexpected end of data")]


async def test_a_list_that_only_its_400th_line_spoils_names_that_line(school: SchoolStore) -> None:
    people = [f"s{number}" for number in range(398)]
    sql = "INSERT INTO users (id, login, name, role, created_at, updated_at) SELECT u, u, u, 'student', 0, 0 FROM unnest($1::text[]) u"
    await school.database.execute(sql, people)
    wrong = await refused("bad_command", import_list(school, "\n".join(["login", *people, "s398", "cid"])))
    assert wrong.data["line"] == 400
    assert wrong.data["lines"] == [{"line": 400, "fault": "there is nobody with 's398'"}]
    assert await members(school) == ["ann", "bob"]


@pytest.mark.parametrize("text", ["", "\n\n", "name\nAnn", "login\n", "login\n" + "ann\n" * (LINES_MAX + 1)])
async def test_what_is_no_class_list_is_refused_as_a_whole(school: SchoolStore, text: str) -> None:
    wrong = await refused("bad_command", import_list(school, text, dry_run=True))
    assert wrong.data["field"] == "csv"


async def test_only_teachers_of_the_class_and_admins_import(school: SchoolStore) -> None:
    await refused("forbidden", import_list(school, "login\ncid", who="theo"))
    await refused("forbidden", import_list(school, "login\ncid", who="ann"))
    await import_list(school, "login\ncid", who="ada")
