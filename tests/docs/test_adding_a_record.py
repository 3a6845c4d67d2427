"""Carries out `docs/adding-a-record.md` in a copy of the tree: its file, its row, the migration, its test, its line."""

import ast
import re
import textwrap
from pathlib import Path

import pytest

from tests.docs.worked_page import ROOT, WorkedPage, run

TABLE = "homeroom/records/types.py"
PAGE = WorkedPage(ROOT / "docs" / "adding-a-record.md", TABLE)
MIGRATIONS = "homeroom/records/migrations"
LINES = "tests/http/record_lines.py"
RULES = "test_every_rule_of_a_record_type_has_a_line_that_says_the_same"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the page was carried out."""
    made = PAGE.carry_out(tmp_path_factory.mktemp("tree"), ("tests/records", "tests/http"))
    run(made, "-m", "tests.records.write_schema")
    return made


def block(language: str, first: str) -> str:
    """Return the one block of the page that begins so."""
    (found,) = re.findall(rf"^```{language}\n({re.escape(first)}.*?)^```$", PAGE.text, re.MULTILINE | re.DOTALL)
    return str(found)


def with_line(lines: str) -> str:
    """Return the lines of access with the page's own at their end."""
    return lines.replace("\n}\n", "\n" + textwrap.indent(block("python", '"lost_item"'), "    ") + "}\n", 1)


def test_the_page_holds_one_new_file_two_lines_of_the_table_and_one_test() -> None:
    assert list(PAGE.files()) == ["homeroom/records/school/lost_items.py", "tests/records/test_lost_items.py"]
    assert PAGE.added_lines() == ("from homeroom.records.school.lost_items import LOST_ITEM", "    LOST_ITEM,")


def test_the_command_of_the_page_writes_one_migration_more_and_changes_none(tree: Path) -> None:
    before = {path.name: path.read_text("utf-8") for path in (ROOT / MIGRATIONS).glob("*.sql")}
    after = {path.name: path.read_text("utf-8") for path in (tree / MIGRATIONS).glob("*.sql")}
    (new,) = after.keys() - before.keys()
    assert after == {**before, new: block("sql", "-- Made from")}
    assert new == f"{int(max(before)[:4]) + 1:04}_lost_items.sql"
    assert run(tree, "-m", "tests.records.write_schema").strip() == "every record type has its table"
    run(tree, "-m", "tests.records.write_schema", new)
    assert (tree / MIGRATIONS / new).read_text("utf-8") == after[new]


def test_the_test_of_the_page_and_those_that_hold_declarations_to_tables_pass(tree: Path) -> None:
    lines = tree / LINES
    lines.write_text(with_line(lines.read_text("utf-8")), "utf-8")
    tests = [
        "tests/records/test_lost_items.py",
        "tests/records/test_schema.py",
        f"tests/http/test_record_access.py::{RULES}",
    ]
    output = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "lost_item or migrat", *tests)
    assert re.search(r"^(\d+) passed", output, re.MULTILINE)
    assert "failed" not in output


def test_the_code_of_the_page_is_clean(tree: Path) -> None:
    files = [*PAGE.files(), TABLE]
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    ast.parse("{" + block("python", '"lost_item"') + "}")
