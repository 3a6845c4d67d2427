"""Carries out `docs/adding-an-actor.md` in a copy of the tree: its files, its row, its test, the documents."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-an-actor.md"
BLOCK = re.compile(r"^```python\n# (?P<path>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGE = re.compile(r"^```diff\n# (?P<path>\S+)\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = "homeroom/actors/kinds.py"


def blocks() -> dict[str, str]:
    """Return the files of the page: path -> text."""
    return {found["path"]: found["code"] for found in BLOCK.finditer(PAGE.read_text("utf-8"))}


def added_lines() -> tuple[str, str]:
    """Return what the table gets: the import and the row."""
    (change,) = CHANGE.finditer(PAGE.read_text("utf-8"))
    assert change["path"] == TABLE
    imported, row = (line[1:] for line in change["lines"].splitlines() if line.startswith("+"))
    return imported, row


def with_row(table: str) -> str:
    """Return the table with the page's lines at their places; as it is when somebody has put them there."""
    imported, row = added_lines()
    lines = table.splitlines()
    if imported not in lines:
        place = next(number for number, line in enumerate(lines) if line.startswith("from ") and line > imported)
        lines[place:place] = [imported]
        lines[lines.index(")") : lines.index(")")] = [row]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the page was carried out; with what Python has compiled of it, which it need not do again."""
    made = tmp_path_factory.mktemp("tree")
    for folder in (
        "homeroom",
        "docs",
        *(f"tests/{name}" for name in ("actors", "docs", "http", "protocol", "vectors")),
    ):
        shutil.copytree(ROOT / folder, made / folder)
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, made / name)
    for path, code in blocks().items():
        (made / path).write_text(code, "utf-8")
    table = made / TABLE
    table.write_text(with_row(table.read_text("utf-8")), "utf-8")
    return made


def run(tree: Path, *arguments: str) -> str:
    """Run Python in the copy, seeing nothing of the original; returns its output."""
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_holds_one_new_file_two_lines_of_the_table_and_one_test() -> None:
    assert list(blocks()) == ["homeroom/actors/counter.py", "tests/actors/test_counter.py"]
    assert added_lines() == ("from homeroom.actors.counter import COUNTER", "    COUNTER,")


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
    assert "python -m tests.docs.protocol_page" in PAGE.read_text("utf-8")
    run(tree, "-m", "tests.docs.protocol_page")
    output = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests)
    assert "failed" not in output
    assert "## `counter`" in (tree / "docs/protocol.md").read_text("utf-8")


def test_the_code_of_the_page_is_typed_and_clean(tree: Path) -> None:
    files = [*blocks(), TABLE]
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    run(tree, "-m", "mypy", "--cache-dir", str(tree / ".types"), "homeroom/actors/counter.py", TABLE)
