"""Carries out `docs/adding-an-actor.md` in a copy of the tree: its files, its row, its test, the documents."""

import shutil
from pathlib import Path

import pytest

from tests.docs.worked_page import ROOT, WorkedPage, run

TABLE = "homeroom/actors/kinds.py"
PAGE = WorkedPage(ROOT / "docs" / "adding-an-actor.md", TABLE)
FOLDERS = ("docs", *(f"tests/{name}" for name in ("actors", "docs", "http", "protocol", "records", "vectors")))
TESTS = (
    *(f"tests/docs/{name}.py" for name in ("test_protocol_page", "test_shapes")),
    *(f"tests/http/{name}.py" for name in ("test_openapi", "test_access_matrix")),
    *("tests/actors/test_counter.py", "tests/protocol/test_asyncapi.py"),
)
CHOSEN = "counter or protocol_page or asyncapi or openapi or page or doors"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the page was carried out."""
    return PAGE.carry_out(tmp_path_factory.mktemp("tree"), FOLDERS)


@pytest.fixture(scope="module")
def passed(tree: Path) -> list[str]:
    """Carry out the one command of the page and then, in one process, all tests that the new kind concerns: return their names."""
    run(tree, "-m", "tests.docs.protocol_page")
    output = run(tree, "-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider", "-k", CHOSEN, *TESTS)
    return [line.removeprefix("PASSED ") for line in output.splitlines() if line.startswith("PASSED ")]


def test_the_page_holds_one_new_file_two_lines_of_the_table_and_one_test() -> None:
    assert list(PAGE.files()) == ["homeroom/actors/counter.py", "tests/actors/test_counter.py"]
    assert PAGE.added_lines() == ("from homeroom.actors.counter import COUNTER", "    COUNTER,")


def test_the_test_of_the_page_passes_in_the_real_engine(tree: Path, passed: list[str]) -> None:
    assert len([name for name in passed if name.startswith("tests/actors/test_counter.py::")]) == 5
    assert run(tree, "-c", "import homeroom; print(homeroom.__file__)").strip() == str(tree / "homeroom/__init__.py")


def test_the_test_of_the_page_fails_for_a_counter_that_forgets(tree: Path, tmp_path: Path) -> None:
    forgetful = tmp_path / "forgetful"
    shutil.copytree(tree, forgetful)
    path = forgetful / "homeroom/actors/counter.py"
    path.write_text(path.read_text("utf-8").replace("fact.event.total if", "1 if"), "utf-8")
    with pytest.raises(AssertionError, match="failed"):
        run(forgetful, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actors/test_counter.py")


def test_the_documents_and_the_access_matrix_are_right_after_the_one_command_of_the_page(
    tree: Path, passed: list[str]
) -> None:
    assert "python -m tests.docs.protocol_page" in PAGE.text
    assert {name.partition("::")[0] for name in passed} == set(TESTS)
    assert "## `counter`" in (tree / "docs/protocol.md").read_text("utf-8")


def test_the_code_of_the_page_is_typed_and_clean(tree: Path) -> None:
    files = [*PAGE.files(), TABLE]
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    run(tree, "-m", "mypy", "--cache-dir", str(tree / ".types"), "homeroom/actors/counter.py", TABLE)
