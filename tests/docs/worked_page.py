"""A page of the documents that shows how to add something, carried out in a copy of the tree: its files, its row, its commands."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FILE = re.compile(r"^```python\n# (?P<path>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGE = re.compile(r"^```diff\n# (?P<path>\S+)\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class WorkedPage:
    """A page, and the table to which it adds an import and a row."""

    path: Path
    table: str

    @property
    def text(self) -> str:
        """Return what the page says."""
        return self.path.read_text("utf-8")

    def files(self) -> dict[str, str]:
        """Return the files of the page: path -> text."""
        return {found["path"]: found["code"] for found in _FILE.finditer(self.text)}

    def added_lines(self) -> tuple[str, str]:
        """Return what the table gets: the import and the row."""
        (change,) = _CHANGE.finditer(self.text)
        assert change["path"] == self.table
        imported, row = (line[1:] for line in change["lines"].splitlines() if line.startswith("+"))
        return imported, row

    def carry_out(self, tree: Path, folders: Iterable[str]) -> Path:
        """Copy the program and further folders with what Python has compiled of them, and do what the page says; return `tree`."""
        for folder in ("homeroom", *folders):
            shutil.copytree(ROOT / folder, tree / folder)
        for name in ("pyproject.toml", "tests/conftest.py"):
            shutil.copy(ROOT / name, tree / name)
        for path, code in self.files().items():
            (tree / path).write_text(code, "utf-8")
        table = tree / self.table
        table.write_text(self._with_row(table.read_text("utf-8")), "utf-8")
        return tree

    def _with_row(self, table: str) -> str:
        """Return the table with the page's lines at their places; as it is when somebody has put them there."""
        imported, row = self.added_lines()
        lines = table.splitlines()
        if imported not in lines:
            place = next(number for number, line in enumerate(lines) if line.startswith("from ") and line > imported)
            lines[place:place] = [imported]
            lines[lines.index(")") : lines.index(")")] = [row]
        return "\n".join(lines) + "\n"


def run(tree: Path, *arguments: str) -> str:
    """Run Python in the copy, seeing nothing of the original; returns its output."""
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
