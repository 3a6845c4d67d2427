"""What a PostgreSQL server notes of itself in `postmaster.pid`, and whether the note is still true.

Never here: starting and stopping one (`embedded`).
"""

from collections.abc import Sequence
from pathlib import Path


def noted_pid(data: Path) -> int:
    """Return the process id in `postmaster.pid`, 0 when there is none."""
    line = _noted(data, 0)
    return int(line) if line.isdigit() else 0


def noted_status(data: Path) -> str:
    """Return how far the server has come: "starting", "ready", "stopping"; empty when there is none."""
    return _noted(data, 7).strip()


def _noted(data: Path, line: int) -> str:
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    return lines[line] if line < len(lines) else ""


def is_server_of(pid: int, data: Path) -> bool:
    """Tell whether process `pid` is a PostgreSQL server on `data`: such a server stands in its data directory."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


def children_of(pid: int) -> Sequence[int]:
    """Return the processes that `pid` has started, none where the system does not tell."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return ()
