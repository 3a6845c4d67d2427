"""Carries out `docs/adding-an-actor.md` in a copy of the tree: its files, its row, its test, the documents."""

import shutil
from pathlib import Path

import pytest

from tests.docs.worked_page import ROOT, WorkedPage, run

TABLE = "homeroom/actors/kinds.py"
PAGE = WorkedPage(ROOT / "docs" / "adding-an-actor.md", TABLE)
FOLDERS = ("docs", *(f"tests/{name}" for name in ("actors", "docs", "http", "protocol", "vectors")))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the page was carried out."""
    return PAGE.carry_out(tmp_path_factory.mktemp("tree"), FOLDERS)


def test_the_page_holds_one_new_file_two_lines_of_the_table_and_one_test() -> None:
    assert list(PAGE.files()) == ["homeroom/actors/counter.py", "tests/actors/test_counter.py"]
    assert PAGE.added_lines() == ("from homeroom.actors.counter import COUNTER", "    COUNTER,")


def test_the_test_of_the_page_passes_in_the_real_engine(tree: Path) -> None:
    output = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actors/test_counter.py")
    assert "5 passed" in output
    assert run(tree, "-c", "import homeroom; print(homeroom.__file__)").strip() == str(tree / "homeroom/__init__.py")


def test_the_test_of_the_page_fails_for_a_counter_that_forgets(tree: Path, tmp_path: Path) -> None:
    forgetful = tmp_path / "forgetful"
    shutil.copytree(tree, forgetful)
    path = forgetful / "homeroom/actors/counter.py"
    path.write_text(path.read_text("utf-8").replace("fact.event.total if", "1 if"), "utf-8")
    with pytest.raises(AssertionError, match="failed"):
        run(forgetful, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actors/test_counter.py")


def test_the_documents_and_the_access_matrix_are_right_after_the_one_command_of_the_page(tree: Path) -> None:
    tests = [
        f"tests/{name}" for name in ("docs/test_protocol_page.py", "docs/test_shapes.py", "protocol/test_asyncapi.py")
    ]
    tests += [f"tests/http/{name}" for name in ("test_openapi.py", "test_access_matrix.py")]
    chosen = "counter or protocol_page or asyncapi or openapi or page or doors"
    assert "python -m tests.docs.protocol_page" in PAGE.text
    run(tree, "-m", "tests.docs.protocol_page")
    output = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests)
    assert "failed" not in output
    assert "## `counter`" in (tree / "docs/protocol.md").read_text("utf-8")


def test_the_code_of_the_page_is_typed_and_clean(tree: Path) -> None:
    files = [*PAGE.files(), TABLE]
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    run(tree, "-m", "mypy", "--cache-dir", str(tree / ".types"), "homeroom/actors/counter.py", TABLE)
