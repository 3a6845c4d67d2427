"""The counters of dashboards are what counting would find, whatever is written, by however many at once, and whatever is taken back."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.engine.database import Database
from homeroom.protocol.dashboard import AttendanceFigures, EntryFigures, StudentFigures, TeacherFigures
from homeroom.protocol.zones import find_zone
from homeroom.records.declare import RecordType, Unit
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.recount import Recount
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.class_lists import ClassList
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP, EnrolStudents
from homeroom.records.school.courses import COURSE
from homeroom.records.school.entries import ENTRY
from homeroom.records.school.grading_tasks import GRADING_TASK
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP, STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.tasks import TASK
from homeroom.records.school.terms import TERM
from homeroom.records.school.users import USER
from homeroom.records.school.vacancies import APPLICATION, VACANCY
from homeroom.records.types import RECORD_TYPES
from tests.records.counted import ZONE, kept_counters, true_counters, true_student, true_teacher
from tests.records.school_rows import AT, put, put_person, put_school
from tests.records.school_store import CALLERS, SchoolStore

BERLIN = find_zone(ZONE)
STUDENTS, TEACHERS, CLASSES = ("ann", "bob", "cid", "dee"), ("tess", "theo", "mia"), ("10a", "10b")
HOUR_MS = 3_600_000
TODAY = "2027-01-15"
DAYS = ("2027-01-11", "2027-01-12", "2027-01-13", "2027-01-14", TODAY)
WRITERS, STEPS, UNDO = 8, 30, 0.15
EXPECTED = frozenset({"conflict", "bad_command", "not_found", "too_late"})
Make = Callable[[Random], Mapping[str, Any]]


class Undone(Exception):
    """Thought better of."""


def _slot(random: Random) -> Mapping[str, Any]:
    start = AT + random.randrange(-40, 40) * HOUR_MS
    group = random.random() < 0.3
    whom = {"class_id": random.choice(CLASSES)} if group else {"student_id": random.choice(STUDENTS)}
    times = {
        "start_at": start,
        "end_at": start + HOUR_MS // 60,
        "status": random.choice(SCHEDULE.columns["status"].words),
    }
    return {"mentor_id": random.choice(TEACHERS), "title": "A slot", "is_group_session": group, **times, **whom}


def _word(type: RecordType, name: str, random: Random) -> str:
    return str(random.choice(type.columns[name].words))


MAKE: Mapping[RecordType, Make] = {
    ENTRY: lambda r: {"student_id": r.choice(STUDENTS), "title": "Mine", "body": "All.", "status": _word(ENTRY, "status", r)},
    TASK: lambda r: {
        "mentor_id": r.choice(TEACHERS), "student_id": r.choice(STUDENTS), "title": "Do", "status": _word(TASK, "status", r),
    },
    STUDENT: lambda r: {
        "user_id": r.choice(STUDENTS), "number": str(r.randrange(10**6)),
        **r.choice(({"class_id": r.choice((*CLASSES, None)), "status": "active"}, {"class_id": None, "status": _word(STUDENT, "status", r)})),
    },
    MENTORSHIP: lambda r: {"mentor_id": r.choice(TEACHERS), "student_id": r.choice(STUDENTS), "active": r.random() < 0.7},
    CLASS: lambda r: {"title": "A class"},
    COURSE: lambda r: {"code": f"c{r.randrange(10**6)}", "title": "A course", "teacher_id": r.choice(TEACHERS)},
    CLASS_MEMBERSHIP: lambda r: {
        "class_id": r.choice(CLASSES),
        **r.choice(({"user_id": r.choice(STUDENTS), "part": "student"}, {"user_id": r.choice(TEACHERS), "part": "teacher"})),
    },
    TEACHING: lambda r: {"class_id": r.choice(CLASSES), "subject_id": "maths", "teacher_id": r.choice(TEACHERS)},
    ATTENDANCE: lambda r: {
        "class_id": r.choice(CLASSES), "student_id": r.choice(STUDENTS), "date": r.choice(DAYS), "marked_by": "tess",
        "status": _word(ATTENDANCE, "status", r),
    },
    SCHEDULE: _slot,
    GRADING_TASK: lambda r: {
        "exam_id": "mid", "student_id": r.choice(STUDENTS), "question_id": f"q{r.randrange(99)}", "assignee_id": r.choice(TEACHERS),
        "status": _word(GRADING_TASK, "status", r),
    },
    APPLICATION: lambda r: {
        "vacancy_id": r.choice(("v1", "v2")), "applicant_id": r.choice(TEACHERS + STUDENTS), "name": "Me", "email": "me@example.org",
        "letter": "Please.", "status": _word(APPLICATION, "status", r),
    },
    TERM: lambda r: {"title": "Term", "starts_on": r.choice(DAYS[:2]), "ends_on": r.choice(DAYS[2:]), "active": False},
    USER: lambda r: {
        "login": f"u{r.randrange(10**9)}", "name": "Somebody", "role": r.choice(("student", "parent")), "active": r.random() < 0.7,
    },
}  # fmt: skip
KINDS = (*MAKE, ATTENDANCE, ATTENDANCE, ATTENDANCE, SCHEDULE, CLASS_MEMBERSHIP)
WRITER = {ATTENDANCE: CALLERS["ada"], USER: CALLERS["ada"]}
"""Who writes what the engine's own voice does not: a mark says whose it is, and of who was deleted nobody else knows."""
OWN_ROWS = {
    CLASS_MEMBERSHIP: "id NOT LIKE 'm-%'",
    USER: "login LIKE 'u%'",
    CLASS: "title = 'A class'",
    TERM: "NOT active",
}
"""Rows that are changed and removed: not those that the others stand on."""


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    await put_person(database, "dee", "student")
    await put(database, CLASS, "10b", title="10b")
    for number, student in enumerate((*STUDENTS[2:], *STUDENTS)):
        values = {"class_id": CLASSES[number > 1], "user_id": student, "part": "student"}
        await put(database, CLASS_MEMBERSHIP, f"m-{number}", **values)
    await put(database, SUBJECT, "maths", code="M", title="Maths")
    await put(database, TERM, "autumn", title="Autumn", starts_on="2027-01-14", ends_on=TODAY, active=True)
    for vacancy in ("v1", "v2"):
        await put(database, VACANCY, vacancy, title="A post")
    made = SchoolStore(database)
    made.store.catalog.zone = BERLIN
    assert await Recount(RECORD_TYPES, BERLIN).ensure(database)
    return made


async def _any_row(unit: Unit, kind: RecordType, random: Random) -> str | None:
    sql = f"SELECT id FROM {kind.plural} WHERE {OWN_ROWS.get(kind, 'TRUE')} ORDER BY id"  # noqa: S608 - declared
    ids = [row["id"] for row in await unit.fetch(sql)]
    return random.choice(ids) if ids else None


async def _write(unit: Unit, kind: RecordType, random: Random) -> None:
    """Add up to three rows (of slots one: it holds the names of those whom it keeps busy), or change or remove one."""
    deed = random.choice(("insert", "insert", "update", "update", "delete"))
    row = await _any_row(unit, kind, random) if deed != "insert" else None
    if row is None:
        several = [MAKE[kind](random) for _ in range(1 if kind in {SCHEDULE, ATTENDANCE} else random.randrange(1, 4))]
        for values in sorted(
            several, key=repr
        ):  # in one order for all: rows that agree in a unique column wait for each other
            await unit.insert(kind, values)
    elif deed == "update":
        values = MAKE[kind](random)
        names = random.sample(sorted(values), random.randrange(1, len(values) + 1))
        await unit.update(kind, row, {name: values[name] for name in names}, kind.event("updated"))
    else:
        await unit.delete(kind, row)


async def _begin(school: SchoolStore, random: Random) -> None:
    """Write one row of kinds of which others may by chance never write one that counts."""
    async with school.store.unit(SYSTEM_CALLER) as unit:
        for kind in (ENTRY, TASK, SCHEDULE, GRADING_TASK):
            await unit.insert(kind, {name: value for name, value in MAKE[kind](random).items() if name != "status"})


async def _work(school: SchoolStore, random: Random, done: list[str]) -> None:
    """Write at random; what is refused, or taken back, must leave nothing."""
    for _ in range(STEPS):
        try:
            kind = random.choice(KINDS)
            async with school.store.unit(WRITER.get(kind, SYSTEM_CALLER)) as unit:
                await _write(unit, kind, random)
                if random.random() < UNDO:
                    raise Undone
        except Undone:
            done.append("undone")
        except Refusal as refusal:
            done.append(refusal.code)
        else:
            done.append("done")


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_eight_writers_do_at_once_every_counter_and_figure_is_what_sql_counts(
    school: SchoolStore, seed: int
) -> None:
    done: list[str] = []
    await _begin(school, Random(seed))
    async with trio.open_nursery() as nursery:
        for writer in range(WRITERS):
            nursery.start_soon(_work, school, Random(seed * 100 + writer), done)
    assert done.count("done") > WRITERS * STEPS / 4
    assert {"undone", "conflict"} <= set(done) <= {"done", "undone", *EXPECTED}, set(done)
    kept = await kept_counters(school.database)
    assert kept == await true_counters(school.database)
    ever = {row["name"].partition("_")[0] for row in await school.database.fetch("SELECT DISTINCT name FROM counters")}
    assert ever >= {"entries", "attendance", "schedules", "tasks", "users", "gradings", "active"}
    await _compare_figures(school)


async def _compare_figures(school: SchoolStore) -> None:
    database = school.database
    reader = FigureReader(database, school.clock, BERLIN)
    found = await reader.of(
        [*(Reader(one, "teacher") for one in TEACHERS), *(Reader(one, "student") for one in STUDENTS)]
    )
    for one in TEACHERS:
        figures = found[one].teacher
        assert isinstance(figures, TeacherFigures)
        shown = (
            figures.active_students, figures.entries.total, figures.entries.pending, figures.attendance_today.present,
            figures.gradings_open, figures.tasks_open, figures.schedules_today,
        )  # fmt: skip
        assert shown == tuple((await true_teacher(database, one, TODAY)).values()), one
    for one in STUDENTS:
        student = found[one].student
        assert isinstance(student, StudentFigures)
        seen = (
            student.entries.total,
            student.entries.approved,
            student.tasks_open,
            student.attendance.late,
            student.schedules_today,
        )
        assert seen == tuple((await true_student(database, one, TODAY)).values()), one


async def test_rows_that_are_there_before_the_first_start_are_counted_then_and_not_again(school: SchoolStore) -> None:
    recount = Recount(RECORD_TYPES, BERLIN)
    assert await kept_counters(school.database) == await true_counters(school.database)
    assert not await recount.ensure(school.database)


async def test_another_zone_moves_what_happens_around_midnight_to_its_day(school: SchoolStore) -> None:
    at = AT + 15 * HOUR_MS + HOUR_MS // 2  # 23:30 in London, half past midnight in Berlin
    await school.create("mia", SCHEDULE, mentor_id="mia", student_id="ann", title="Late", start_at=at, end_at=at + 1)
    assert (await kept_counters(school.database))["student:ann", "schedules", "2027-01-16"] == 1
    assert await Recount(RECORD_TYPES, find_zone("Europe/London")).ensure(school.database)
    assert (await kept_counters(school.database))["student:ann", "schedules", TODAY] == 1
    assert await Recount(RECORD_TYPES, BERLIN).ensure(school.database)
    assert await kept_counters(school.database) == await true_counters(school.database)


async def test_a_parent_and_an_admin_have_figures_of_theirs(school: SchoolStore) -> None:
    entry = await school.create("ann", ENTRY, title="Mine", body="All.")
    await school.create("cid", ENTRY, title="His", body="All.")
    reader = FigureReader(school.database, school.clock, BERLIN)
    found = await reader.of([Reader("pam", "parent"), Reader("ada", "admin"), Reader("nobody", "student")])
    (child,) = found["pam"].parent.children  # type: ignore[union-attr]  # a parent's are there
    assert (child.id, child.figures.entries.pending, child.figures.entries.total) == ("ann", 1, 1)
    admin = found["ada"].school
    assert admin
    assert (admin.entries_pending, admin.users.student, admin.users.teacher, admin.classes) == (2, 4, 3, 2)
    assert found["nobody"].student == StudentFigures(EntryFigures(), 0, AttendanceFigures(), 0)
    await school.delete("ada", ENTRY, entry["id"])
    changed = (await reader.of([Reader("ada", "admin")]))["ada"].school
    assert changed
    assert changed.entries_pending == 1


async def _active(school: SchoolStore, teacher: str) -> tuple[int, int, int]:
    """Return the active students and the mentees that a teacher is shown, and those of the school."""
    reader = FigureReader(school.database, school.clock, BERLIN)
    found = await reader.of([Reader(teacher, "teacher"), Reader("ada", "admin")])
    own, office = found[teacher].teacher, found["ada"].school
    assert own
    assert office
    return own.active_students, own.mentees, office.active_students


async def test_students_of_a_class_list_are_active_ones_without_a_student_s_record_until_one_says_otherwise(
    school: SchoolStore,
) -> None:
    assert await _active(school, "mia") == (1, 1, 4)  # a mentee whom nobody registered
    await school.perform("ada", CLASS, "import", ClassList("10a", "\n".join(("user_id", *STUDENTS))))
    assert await _active(school, "tess") == (4, 0, 4)
    record = await school.create("ada", STUDENT, user_id="cid", number="7")
    assert await _active(school, "tess") == (4, 0, 4)
    await school.update("ada", STUDENT, record["id"], status="graduated")
    assert await _active(school, "tess") == (3, 0, 3)
    await school.update("ada", STUDENT, record["id"], status="active")
    assert await _active(school, "tess") == (3, 0, 4)
    await school.perform("ada", CLASS, "enrol", EnrolStudents("10a", ("cid",)))
    assert await _active(school, "tess") == (4, 0, 4)
    await school.update("ada", STUDENT, record["id"], status="withdrawn")
    await school.delete("ada", STUDENT, record["id"])
    assert await _active(school, "tess") == (3, 0, 4)
    await school.create("ada", USER, id="eve", login="eve", name="Eve")
    assert (await _active(school, "tess"))[2] == 5
    await school.update("ada", USER, "eve", role="parent")
    await school.update("ada", USER, "eve", active=False)
    assert (await _active(school, "tess"))[2] == 4
    await school.delete("ada", USER, "cid")
    assert await _active(school, "tess") == (3, 0, 3)
    assert await kept_counters(school.database) == await true_counters(school.database)
