"""The servers under test, as the benchmarks start and end them: Homeroom with its own PostgreSQL, and its peers.

Each runs on the loopback, in a data folder of its own that is gone afterwards, and is ended by its process id.
Never here: what is measured, and tokens (`people`).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import processes

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
PEER = PEERS / "socketio"
GENEROUS = {
    "HOMEROOM_CHAT_PER_MINUTE": "1000000",
    "HOMEROOM_CONTROL_PER_MINUTE": "1000000",
    "HOMEROOM_READ_PER_MINUTE": "1000000",
    "HOMEROOM_WRITE_PER_MINUTE": "1000000",
    "HOMEROOM_CONNECTIONS_PER_USER": "100000",
    "HOMEROOM_CONNECTIONS_PER_IP": "100000",
    "HOMEROOM_LOG_LEVEL": "warning",
}
"""One machine plays a whole school: the budgets of a single person and of a single address are lifted, nothing else is."""
BARE = {"HOMEROOM_DEMO_SIZE": "bare"}
"""The people alone: what is measured, or tried, is not to meet the rest of a demo school."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds of the server's own process, and of those that it started (Homeroom: PostgreSQL)."""

    own: float
    children: float

    @property
    def total(self) -> float:
        """Return both together."""
        return self.own + self.children

    def since(self, before: "Cpu") -> "Cpu":
        """Return what was used after `before`."""
        return Cpu(self.own - before.own, self.children - before.children)


class House:
    """A server in a folder of its own; use as a context manager.

    Its life: (1) made: nothing runs, and `furnish` may give it data; (2) `open` starts it and waits until it listens; (3) `kill`
    and `open` again as often as wanted, in the same folder and on the same port; (4) leaving the context ends every process and
    removes the folder.
    """

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], port: int, folder: Path) -> None:
        self.name, self.port, self.folder = name, port, folder
        self._argv, self._env = argv, env
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "House":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process of it and remove its folder."""
        if self._process is not None:
            processes.stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Return the id of the server's own process."""
        assert self._process is not None, "the server is not open"
        return self._process.pid

    @property
    def log(self) -> str:
        """Return what the server printed in all its lives."""
        return (self.folder / "log").read_text(errors="replace")

    def open(self, within: float = 60.0) -> None:
        """Start the server and wait until it listens; raises `RuntimeError` with its last words when it does not."""
        with (self.folder / "log").open("ab") as log:
            self._process = processes.start(self._argv, log=log, env=self._env, cwd=ROOT)
        try:
            processes.wait_port(self.port, self._process, within)
        except RuntimeError as error:
            processes.stop(self._process, 5)
            raise RuntimeError(f"{self.name}: {error}\n{self.log[-4000:]}") from error

    def furnish(self, data: Path) -> Self:
        """Begin with a copy of another house's data directory, ended in peace, in place of an empty one; before `open`."""
        shutil.copytree(data, self.data)
        return self

    def kill(self) -> None:
        """Kill the server's own process as a power cut would, and wait until it is gone."""
        assert self._process is not None, "the server is not open"
        self._process.kill()
        self._process.wait(10)

    @property
    def data(self) -> Path:
        """Return Homeroom's data directory."""
        return self.folder / "data"

    def postgres(self) -> list[int]:
        """Return the process ids of Homeroom's PostgreSQL, the first is the one that started the others."""
        return [pid for pid in self.children() if processes.name_of(pid) == "postgres"]

    def children(self) -> list[int]:
        """Return the ids of the processes that the server started."""
        return processes.descendants(self.pid)[1:]

    def cpu(self) -> Cpu:
        """Return what all its processes used so far."""
        return Cpu(processes.cpu_seconds([self.pid]), processes.cpu_seconds(self.children()))


def homeroom(*, env: Mapping[str, str] | None = None, entry: Sequence[str] = ("-m", "homeroom")) -> House:
    """Return Homeroom's demo school; `entry` says how Python is to start it (`bench.planted` plants bugs that way)."""
    port, folder = processes.free_port(), Path(tempfile.mkdtemp(prefix="homeroom-bench-"))
    argv = [sys.executable, *entry, "serve", "--demo", "--port", str(port), "--data-dir", str(folder / "data")]
    return House("Homeroom", argv, {**GENEROUS, **BARE, **(env or {})}, port, folder)


def socketio() -> House:
    """Return the Socket.IO peer; installs what `package-lock.json` names on first use."""
    if not (PEER / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=PEER, check=True, stdout=sys.stderr)
    port, folder = processes.free_port(), Path(tempfile.mkdtemp(prefix="homeroom-bench-"))
    return House("Socket.IO", ["node", str(PEER / "server.mjs"), str(port)], {"NODE_ENV": "production"}, port, folder)


def fastapi(dsn: str, secret: str) -> House:
    """Return the FastAPI peer on the database at `dsn`, as its users run it on one core; `secret` signs the tokens it takes."""
    port, folder = processes.free_port(), Path(tempfile.mkdtemp(prefix="homeroom-bench-"))
    words = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    argv = [sys.executable, "-m", "uvicorn", "bench.peers.fastapi.server:app", "--port", str(port), *words]
    return House("FastAPI", argv, {"PEER_DSN": dsn, "PEER_SECRET": secret}, port, folder)


def all_open(houses: Iterable[House]) -> ExitStack:
    """Open each of `houses` and return the stack that closes them."""
    stack = ExitStack()
    with stack:
        for house in houses:
            stack.enter_context(house)
        return stack.pop_all()
