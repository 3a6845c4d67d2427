"""Words in the texts of records: found wherever they stand, as looking at every row would find them, and by the index."""

from random import Random

import pytest

from homeroom.engine.behaviour import Caller
from homeroom.engine.database import Database
from homeroom.records.declare import RecordType
from homeroom.records.directory import Directory
from homeroom.records.listing import ListQuery, list_statement
from homeroom.records.reads import Reads
from homeroom.records.schema import ddl
from homeroom.records.school.courses import COURSE
from homeroom.records.school.entries import ENTRY
from homeroom.records.school.students import STUDENT
from homeroom.records.school.subjects import SUBJECT
from homeroom.records.school.users import SEARCHED, USER
from homeroom.records.school.vacancies import VACANCY
from homeroom.records.search import all_words_in, search_index, searched_text, words_in
from tests.records.school_rows import AT

PEOPLE = 400
ADMIN = Caller("ada", "admin")
LETTERS = "abcéßÑ李-_%'\\. "
MIGRATION = "homeroom/records/migrations/0209_search.sql"
MIGRATION_OF_TITLES = "homeroom/records/migrations/0210_looking_back.sql"


def _text(random: Random, most: int) -> str:
    return "".join(random.choice(LETTERS) for _ in range(random.randrange(1, most))).strip() or "a"


async def _fill(database: Database, random: Random) -> list[tuple[str, str]]:
    """Add people with names of few letters, so that words are in several; returns names and logins."""
    people = [(_text(random, 20), f"{_text(random, 6).replace(' ', '').lower()}-{number}") for number in range(PEOPLE)]
    sql = """INSERT INTO users (id, login, name, role, created_at, updated_at)
SELECT 'p' || place, login, name, 'student', $3, $3
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS made (name, login, place)"""
    await database.execute(sql, [name for name, _ in people], [login for _, login in people], AT)
    return people


async def _found(database: Database, words: str) -> list[str]:
    """Return the ids that the list of users shows for words."""
    asked = list_statement(USER, ListQuery(filters={"words": words}, limit=100), "admin")
    return [row["id"] for row in await database.fetch(asked.sql, ADMIN.user, *asked.args)]


async def test_whatever_is_looked_for_the_index_leaves_out_nobody_who_has_it(database: Database) -> None:
    random = Random(5)
    await _fill(database, random)
    every = f"SELECT r.id FROM users r WHERE {all_words_in(searched_text(SEARCHED), '$1')} ORDER BY r.id LIMIT 101"  # noqa: S608 - constants
    counted = set()
    for number in range(150):
        words = _text(random, 4 if number % 3 else 9)
        exact = [row["id"] for row in await database.fetch(every, words)]
        assert await _found(database, words) == exact, words
        page = await Directory(Reads(database)).page(ADMIN, (), "", words, 100, "")
        by_name = f"SELECT r.id FROM users r WHERE {all_words_in('r.name', '$1')} ORDER BY r.id LIMIT 100"  # noqa: S608 - constants
        assert [one.id for one in page.items] == [row["id"] for row in await database.fetch(by_name, words)], words
        counted.add(len(exact))
    assert {0, 1, 2} < counted, "too little was found to tell anything"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("quill", ["abe", "quillon", "zed"]),
        ("QUILL abe", ["abe"]),
        ("uil", ["abe", "quillon", "zed"]),
        ("ui", ["abe", "quillon", "zed"]),
        ("zed.q", ["zed"]),
        ("cole nor", ["ecole"]),
        ("qu_ll", []),
        ("%", []),
        ("  abe \n quill ", ["abe"]),
    ],
)
async def test_words_stand_anywhere_in_name_and_login_and_no_sign_is_a_wildcard(
    database: Database, words: str, found: list[str]
) -> None:
    people = {"abe": "Abe Quill", "zed": "Zed Quill", "quillon": "Quillon", "ecole": "École Normale"}
    for person, name in people.items():
        sql = "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $2, $3, 'student', $4, $4)"
        await database.execute(sql, person, f"{person}.q@school.example", name, AT)
    assert await _found(database, words) == found


async def test_the_planner_takes_the_index_for_a_word_that_few_have(database: Database) -> None:
    sql = """INSERT INTO users (id, login, name, role, created_at, updated_at)
SELECT 'p' || n, 'p' || n, md5(n::text), 'student', 1, 1 FROM generate_series(1, 3000) AS n"""
    await database.execute(sql)
    await database.execute("ANALYZE users")
    asked = list_statement(USER, ListQuery(filters={"words": "p2711"}, limit=100), "admin")
    plan = "\n".join(row["QUERY PLAN"] for row in await database.fetch(f"EXPLAIN {asked.sql}", ADMIN.user, *asked.args))
    assert "users_words_idx" in plan, plan
    assert await _found(database, "p2711") == ["p2711"]


def test_a_type_whose_texts_are_searched_has_the_filter_and_the_index() -> None:
    parts = {name: getattr(SUBJECT, name) for name in ("row", "channels", "read", "create", "update", "delete")}
    made = RecordType(name="topic", plural="topics", relations=SUBJECT.relations, searched=("title", "code"), **parts)
    assert "words" in made.searches
    assert (
        "CREATE INDEX topics_words_idx ON topics USING gin (text_grams(title || ' ' || code)) WITH (gin_pending_list_limit = 256);"
        in ddl([made])
    )
    with pytest.raises(ValueError, match="searched names 'nothing'"):
        RecordType(name="topic", plural="topics", relations=SUBJECT.relations, searched=("nothing",), **parts)
    with pytest.raises(ValueError, match="no text to look in"):
        RecordType(name="topic", plural="topics", relations=SUBJECT.relations, searched=("version",), **parts)


def test_the_table_of_people_that_is_made_by_hand_has_the_index_of_its_declaration(migration: str) -> None:
    assert search_index(USER.plural, USER.searched) in migration


@pytest.fixture
def migration(pytestconfig: pytest.Config) -> str:
    """Return the migration that makes it."""
    return (pytestconfig.rootpath / MIGRATION).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("record", "columns"),
    [(COURSE, ("code", "title")), (VACANCY, ("title", "department")), (ENTRY, ("title",))],
    ids=lambda value: getattr(value, "name", None),
)
def test_words_in_titles_have_the_index_that_their_search_asks(
    pytestconfig: pytest.Config, record: RecordType, columns: tuple[str, ...]
) -> None:
    assert record.searches["words"] == words_in(columns)
    migration = (pytestconfig.rootpath / MIGRATION_OF_TITLES).read_text(encoding="utf-8")
    assert search_index(record.plural, columns) in migration


async def test_the_planner_finds_students_by_name_without_reading_all_of_them(database: Database) -> None:
    await database.execute("""INSERT INTO users (id, login, name, role, created_at, updated_at)
SELECT 'p' || n, 'p' || n, md5(n::text), 'student', 1, 1 FROM generate_series(1, 3000) AS n""")
    await database.execute("""INSERT INTO students (id, user_id, number, status, version, created_at, updated_at)
SELECT 's' || n, 'p' || n, 'n' || n, 'active', 1, 1, 1 FROM generate_series(1, 3000) AS n""")
    await database.execute("ANALYZE users, students")
    asked = list_statement(STUDENT, ListQuery(filters={"words": "c4ca4238"}, limit=100), "admin")
    plan = "\n".join(row["QUERY PLAN"] for row in await database.fetch(f"EXPLAIN {asked.sql}", ADMIN.user, *asked.args))
    assert "users_words_idx" in plan, plan
    assert [row["id"] for row in await database.fetch(asked.sql, ADMIN.user, *asked.args)] == ["s1"]
