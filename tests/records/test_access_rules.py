"""Who may what with which row, asked of a real database: every rule of every type holds as SQL, and by example."""

import pytest

from homeroom.engine.database import Database
from homeroom.protocol.access import ROLES, SYSTEM_ROLE, allow
from homeroom.records.access import allowed, role_may, sights, verdicts
from homeroom.records.declare import RecordType
from homeroom.records.listing import ListQuery, count_statement
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.classes import CLASS, CLASS_MEMBERSHIP
from homeroom.records.school.courses import COURSE, ENROLMENT
from homeroom.records.school.entries import COMMENT, ENTRY
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.students import STUDENT
from homeroom.records.school.subjects import SUBJECT, TEACHING
from homeroom.records.school.terms import TERM
from homeroom.records.types import RECORD_TYPES
from tests.records.school_rows import AT, put, put_school
from tests.records.school_store import ROLE_OF
from tests.records.test_declare import play

RULES = ("read", "create", "update", "delete")


async def who(database: Database, type: RecordType, id: str, rule: str) -> str:
    """Return those whom `rule` of the type permits with the row, in the order of `ROLE_OF`."""
    return " ".join([person for person in ROLE_OF if await may(database, type, id, (rule, person))])


async def may(database: Database, type: RecordType, id: str, asked: tuple[str, str]) -> bool:
    rule, person = asked
    predicate = allowed(type, getattr(type, rule), ROLE_OF[person])
    sql = f"SELECT ($1::text IS NOT NULL) AND {predicate} AS may FROM {type.plural} r WHERE r.id = $2"  # noqa: S608 - a declaration's
    row = await database.fetch_row(sql, person, id)
    assert row is not None
    return bool(row["may"])


def test_a_rule_is_the_predicates_of_its_relations_for_that_role() -> None:
    mine = play(relations={"own": "r.author_id = :me", "open": "r.open::text <> ':meant'"})
    rule = allow(("teacher",), "own", "open") | allow(("student",), "own") | allow(("admin",))
    assert allowed(mine, rule, "student") == "((r.author_id = $1))"
    assert allowed(mine, rule, "student", "asked.me") == "((r.author_id = asked.me))"
    assert allowed(mine, rule, "teacher") == "((r.author_id = $1) OR (r.open::text <> ':meant'))"
    assert allowed(mine, rule, "admin") == allowed(mine, rule, SYSTEM_ROLE) == "TRUE"
    assert allowed(mine, rule, "parent") == "FALSE"
    assert [role_may(rule, name) for name in ("parent", "student", SYSTEM_ROLE)] == [False, True, True]


@pytest.mark.parametrize("role", ["teacher", "student", "parent"])
async def test_a_list_of_what_is_theirs_goes_by_an_index_and_asks_nothing_of_each_row(
    database: Database, role: str
) -> None:
    asked = count_statement(ATTENDANCE, ListQuery(), role)
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {asked.sql}", "somebody"))
    assert "Index Cond: (student_id = " in plan
    assert ("Index Cond: (class_id = ANY" in plan) == (role == "teacher")
    assert "SubPlan" not in plan, "what is asked anew for each row"


@pytest.mark.parametrize("type", RECORD_TYPES, ids=lambda one: one.name)
async def test_every_rule_relation_and_channel_is_sql_that_the_database_takes(
    database: Database, type: RecordType
) -> None:
    rules = {name: getattr(type, name) for name in RULES} | {one.name: one.rule for one in type.actions}
    for role in (*ROLES, SYSTEM_ROLE):
        seen = [f"{predicate} AS {name}" for name, predicate in sights(type, role).items()]
        columns = ", ".join([verdicts(type, role, rules), *seen])
        await database.fetch(f"SELECT $1::text, {columns} FROM {type.plural} r", "ann")  # noqa: S608 - declared
    for relation in type.relations:
        asked = allowed(type, allow(("teacher",), relation), "teacher")
        await database.fetch(f"SELECT $1::text FROM {type.plural} r WHERE {asked}", "ann")  # noqa: S608 - declared
    for channel in type.channels:
        ids = f"ARRAY({channel.ids})::text[]" if channel.many else f"({channel.ids})::text"
        await database.fetch(f"SELECT {ids} FROM {type.plural} r")  # noqa: S608 - declared


async def test_a_class_and_who_belongs_to_it(database: Database) -> None:
    await put_school(database)
    assert await who(database, CLASS, "10a", "read") == "tess theo mia ann bob pam ada"
    assert await who(database, CLASS, "10a", "update") == "ada"
    assert await who(database, CLASS_MEMBERSHIP, "m-bob", "read") == "tess bob ada"
    assert await who(database, CLASS_MEMBERSHIP, "m-tess", "read") == "tess ann bob pam ada"
    assert await who(database, CLASS_MEMBERSHIP, "m-bob", "delete") == "tess ada"
    assert await who(database, CLASS_MEMBERSHIP, "m-tess", "delete") == "ada"


async def test_who_teaches_a_subject_in_a_class_is_one_of_its_teachers(database: Database) -> None:
    await put_school(database)
    await put(database, SUBJECT, "art", code="art", title="Art")
    assert await who(database, CLASS_MEMBERSHIP, "m-bob", "read") == "tess bob ada"
    await put(database, TEACHING, "t", class_id="10a", subject_id="art", teacher_id="theo")
    assert await who(database, CLASS_MEMBERSHIP, "m-bob", "read") == "tess theo bob ada"


async def test_a_course_and_who_takes_part(database: Database) -> None:
    await put_school(database)
    assert await who(database, COURSE, "chess", "read") == "tess theo mia bob ada"
    assert await who(database, COURSE, "chess", "update") == "theo ada"
    assert await who(database, ENROLMENT, "e-bob", "read") == "theo bob ada"
    assert await who(database, ENROLMENT, "e-bob", "delete") == "theo ada"
    await put(database, ENROLMENT, "e-mia", course_id="chess", user_id="mia", part="teacher")
    assert await who(database, ENROLMENT, "e-mia", "delete") == "ada"
    assert await who(database, ENROLMENT, "e-bob", "update") == "theo mia ada"
    await database.execute("UPDATE enrolments SET status = 'withdrawn'")
    assert await who(database, COURSE, "chess", "read") == "tess theo mia ada"
    assert await who(database, ENROLMENT, "e-bob", "update") == "theo ada"


async def test_a_student_is_known_to_teachers_mentors_and_parents_and_the_birthday_to_fewer(
    database: Database,
) -> None:
    await put_school(database)
    await put(database, STUDENT, "s", user_id="ann", number="1", birth_date="2012-02-03")
    assert await who(database, STUDENT, "s", "read") == "tess mia ann pam ada"
    assert await who(database, STUDENT, "s", "update") == "ada"
    seen = {person: sights(STUDENT, role)["birth_date"] for person, role in ROLE_OF.items()}
    assert (seen["ada"], seen["tess"]) == ("TRUE", "FALSE")
    sql = f"SELECT {seen['pam']} AS seen FROM students r"  # noqa: S608 - a declaration's
    assert [(await database.fetch(sql, person))[0]["seen"] for person in ("pam", "pit")] == [True, False]


async def test_attendance_is_seen_by_the_student_those_who_look_after_them_and_nobody_else(database: Database) -> None:
    await put_school(database)
    mark = {"class_id": "10a", "student_id": "ann", "date": "2026-09-01", "status": "late", "marked_by": "tess"}
    await put(database, ATTENDANCE, "a", **mark)
    assert await who(database, ATTENDANCE, "a", "read") == "tess mia ann pam ada"
    assert await who(database, ATTENDANCE, "a", "create") == "tess ada"
    await database.execute("UPDATE guardians SET active = false")
    await database.execute("UPDATE mentorships SET active = false")
    assert await who(database, ATTENDANCE, "a", "read") == "tess ann ada"


async def test_a_report_card_is_hidden_from_the_family_until_it_is_published(database: Database) -> None:
    await put_school(database)
    await put(database, TERM, "t", title="Autumn", starts_on="2026-09-01", ends_on="2026-12-20")
    await put(database, REPORT_CARD, "c", student_id="ann", class_id="10a", term_id="t")
    assert await who(database, REPORT_CARD, "c", "read") == "tess ada"
    assert await who(database, REPORT_CARD, "c", "delete") == "tess ada"
    assert await streams(database, REPORT_CARD) == {"table:report_cards ids", "reportcard:c ids", "user:tess row"}
    await database.execute("UPDATE report_cards SET status = 'published'")
    assert await who(database, REPORT_CARD, "c", "read") == "tess ann pam ada"
    assert await who(database, REPORT_CARD, "c", "delete") == "ada"
    assert await streams(database, REPORT_CARD) == {
        "table:report_cards ids",
        "class:10a ids",
        *(f"{stream} row" for stream in ("reportcard:c", "user:tess", "user:ann", "user:pam")),
    }


async def streams(database: Database, type: RecordType) -> set[str]:
    """Return where the only row of a type is told, each with its shape; never where there is no stream."""
    found = set()
    for channel in type.channels:
        ids = f"ARRAY({channel.ids})" if channel.many else f"ARRAY[{channel.ids}]"
        for row in await database.fetch(f"SELECT unnest({ids}::text[]) AS id FROM {type.plural} r"):  # noqa: S608 - declared
            found |= {f"{channel.kind}:{row['id']} {channel.shape}"} if row["id"] is not None else set()
    return found


@pytest.mark.parametrize(
    ("values", "readers", "heard"),
    [
        ({}, "tess theo mia ann bob cid pam pit ada", {f"role:{role}" for role in ROLES}),
        ({"target_role": "parent"}, "pam pit ada", {"role:parent"}),
        ({"class_id": "10a"}, "tess ann bob pam ada", {"class:10a"}),
        ({"course_id": "chess"}, "theo bob ada", {"course:chess"}),
        ({"course_id": "chess", "author_id": "theo", "status": "draft"}, "theo ada", set()),
        ({"status": "scheduled", "publish_at": AT}, "ada", set()),
        ({"expires_at": 1_000}, "ada", set()),
    ],
)
async def test_an_announcement_reaches_those_it_is_for_once_it_is_published_and_until_it_is_over(
    database: Database, values: dict[str, str], readers: str, heard: set[str]
) -> None:
    await put_school(database)
    given = {"author_id": "ada", "title": "News", "body": "News", **values}
    await put(database, ANNOUNCEMENT, "a", **given)
    assert await who(database, ANNOUNCEMENT, "a", "read") == readers
    told = {f"{stream} row" for stream in heard | {f"user:{given['author_id']}"}}
    assert await streams(database, ANNOUNCEMENT) == told | {"table:announcements ids"}


async def test_teachers_announce_to_their_own_classes_and_courses_only(database: Database) -> None:
    await put_school(database)
    for number, (audience, creators) in enumerate(
        (({"class_id": "10a"}, "tess ada"), ({"course_id": "chess"}, "ada"), ({"target_role": "student"}, "ada"))
    ):
        await put(database, ANNOUNCEMENT, f"a{number}", author_id="tess", title="News", body="News", **audience)
        assert await who(database, ANNOUNCEMENT, f"a{number}", "create") == creators


async def test_an_entry_and_its_comments_are_for_the_student_the_mentors_and_the_parents(database: Database) -> None:
    await put_school(database)
    await put(database, ENTRY, "e", student_id="ann", title="Plan", body="Plan")
    await put(database, COMMENT, "c", entry_id="e", author_id="mia", body="Good")
    assert await who(database, ENTRY, "e", "read") == "mia ann pam ada"
    assert await who(database, ENTRY, "e", "update") == "ann"
    assert await who(database, COMMENT, "c", "read") == "mia ann pam ada"
    assert await who(database, COMMENT, "c", "create") == "mia ann ada"
    assert await who(database, COMMENT, "c", "update") == "mia"
    assert await streams(database, COMMENT) == {
        "table:comments ids",
        *(f"user:{user} row" for user in ("ann", "mia", "pam")),
    }
