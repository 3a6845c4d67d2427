"""Carries out `docs/adding-an-actor.md` in a copy of the tree: its files, its row, its test."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-an-actor.md"
BLOCK = re.compile(r"^```python\n# (?P<path>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SUPPORT = ("driver.py", "people.py", "school.py")


def blocks() -> dict[str, str]:
    """Return the files of the page: path -> text."""
    return {found["path"]: found["code"] for found in BLOCK.finditer(PAGE.read_text("utf-8"))}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the tree in which the page was carried out."""
    shutil.copytree(ROOT / "homeroom", tmp_path / "homeroom", ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "actors").mkdir(parents=True)
    for name in SUPPORT:
        shutil.copy(ROOT / "tests" / "actors" / name, tmp_path / "tests" / "actors")
    for path, code in blocks().items():
        (tmp_path / path).write_text(code, "utf-8")
    return tmp_path


def run(tree: Path, *arguments: str) -> str:
    """Run Python in the copy, seeing nothing of the original; returns its output."""
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_holds_one_new_file_one_table_and_one_test() -> None:
    assert list(blocks()) == ["homeroom/actors/counter.py", "homeroom/actors/kinds.py", "tests/actors/test_counter.py"]
    assert not (ROOT / "homeroom/actors/counter.py").exists()


def test_the_table_of_the_page_is_the_real_one_with_one_row_more() -> None:
    real = (ROOT / "homeroom/actors/kinds.py").read_text("utf-8")
    page = blocks()["homeroom/actors/kinds.py"]
    without = page.replace("from homeroom.actors.counter import COUNTER\n", "").replace(", COUNTER)", ")")
    assert without == real
    assert without != page


def test_the_test_of_the_page_passes_in_the_real_engine(tree: Path) -> None:
    output = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actors/test_counter.py")
    assert "5 passed" in output
    assert run(tree, "-c", "import homeroom; print(homeroom.__file__)").strip() == str(tree / "homeroom/__init__.py")


def test_the_test_of_the_page_fails_for_a_counter_that_forgets(tree: Path) -> None:
    path = tree / "homeroom/actors/counter.py"
    path.write_text(path.read_text("utf-8").replace("fact.event.total if", "1 if"), "utf-8")
    with pytest.raises(AssertionError, match="failed"):
        run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actors/test_counter.py")


def test_the_code_of_the_page_is_typed_and_clean(tree: Path) -> None:
    files = list(blocks())
    run(tree, "-m", "ruff", "check", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *files)
    run(
        tree,
        "-m",
        "mypy",
        "--cache-dir",
        str(tree / ".types"),
        "homeroom/actors/counter.py",
        "homeroom/actors/kinds.py",
    )
