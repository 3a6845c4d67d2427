"""The program as a process of its own, for the tests of faults: started, frozen, killed, asked to end, started again.

Built on the benchmarks' `House`; what is added is the end of a life (`ask_to_end`, `wait_end`), signals for processes that
belong to it, and tokens without a command line. Never here: who talks to it (`voices`, `page`), and what is to be true.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from bench import processes
from bench.houses import BARE, GENEROUS, ROOT, House
from homeroom.engine.claim import running_dsn
from homeroom.engine.clock import TrioClock
from homeroom.http.keys import KeyRing, own_key
from homeroom.http.tokens import Tokens
from homeroom.records.demo import DEMO_PEOPLE
from tests.http.peer import Peer, dial

OPEN = re.compile(r"open at (http://\S+:(\d+))\s")
"""Ends with what follows the port: of a line that is half written, half a port might be read."""
PLAIN = ("-m", "homeroom")
PLANTED = ("-m", "tests.e2e.planted")
READABLE = {"PYTHONDONTWRITEBYTECODE": "", "COLUMNS": "200", "DATABASE_URL": "", **BARE}
HASTY = {"HOMEROOM_ALLOW_UNSAFE_DATABASE": "true"}
"""With the tests' own PostgreSQL, which does not sync: that matters in a power loss only."""
STOP_S = 20.0
"""Longer than any stop may take; how soon it has to be is tried elsewhere."""
ROLES = {person.id: (person.name, person.role) for person in DEMO_PEOPLE}


class Ended(NamedTuple):
    """How a process ended: its exit code, and how many seconds after it had been asked to."""

    code: int
    seconds: float


class Server(House):
    """One school, the demo's unless said otherwise, in a folder of its own, on a port of its own choice that it keeps in all its lives.

    `database`: the DSN of one that it is given; else it runs its own, which syncs and dies with it.
    `planted`: with the faults that `planted` can strike with; so it is also when a whole run is to find a planted bug.
    `lifted`: with the budgets of a single person and address lifted, and less in the log, as one machine plays a whole school;
    else as a person starts it. `url` is where it is, the same in all its lives.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        database: str | None = None,
        planted: bool = False,
        demo: bool = True,
        lifted: bool = True,
    ) -> None:
        folder = Path(tempfile.mkdtemp(prefix="homeroom-e2e-"))
        entry = PLANTED if planted or "PLANTED_BUG" in os.environ else PLAIN
        self.fuse = folder / "fuse"
        """What `planted` looks at: the name of the point where it is to strike."""
        school = ["--demo"] if demo else []
        argv = [sys.executable, *entry, "serve", *school, "--data-dir", str(folder / "data"), "--port"]
        given = {**(GENEROUS if lifted else {}), **READABLE, "PLANTED_FUSE": str(self.fuse)}
        given |= {**HASTY, "DATABASE_URL": database} if database else {}
        super().__init__("Homeroom", argv, {**given, **(env or {})}, 0, folder)
        self.url = ""
        self._asked_at = 0.0
        self._before: Sequence[str] = ()

    def lose_log(self) -> None:
        """Let the log go, from the next start on, where every write fails as on a full disk."""
        self._before = ("sh", "-c", 'exec "$0" "$@" 2>/dev/full')

    def begin(self) -> None:
        """Start the server, and do not wait for it."""
        with (self.folder / "log").open("ab") as log:
            argv = [*self._before, *self._argv, str(self.port)]
            self._process = processes.start(argv, log=log, env=self._env, cwd=ROOT)

    def open(self, within: float = 60.0) -> None:
        """Start the server and wait until it says where it is open; raises `RuntimeError` with its last words."""
        before = len(self.log) if (self.folder / "log").exists() else 0
        self.begin()
        end = time.monotonic() + within
        while not (found := OPEN.search(self.log, before)):
            if not self.lives() or time.monotonic() > end:
                self.close_process()
                raise RuntimeError(f"the server did not open:\n{self.log[before:][-4000:]}")
            time.sleep(0.02)
        self.url, self.port = found[1], int(found[2])

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """Open it, and at the end see that it ends when asked to; whatever happens, nothing of it is left."""
        try:
            self.open()
            yield self
            self.end()
        finally:
            self.close()

    @contextmanager
    def lent(self) -> Iterator[Self]:
        """Lend it to one of many tests: it is open at the beginning and at the end, and nothing that the test did was a defect."""
        if not self.lives():  # of a test that failed before it had started it again
            self.open()
        before = len(self.log)
        yield self
        assert self.complaints(before) == []
        assert self.lives()

    def lives(self) -> bool:
        """Tell whether its own process runs."""
        return self._process is not None and self._process.poll() is None

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        assert self._process is not None
        self._asked_at = time.monotonic()
        self._process.terminate()

    def wait_end(self, within: float = 30.0) -> Ended:
        """Wait until its own process is gone; raises `subprocess.TimeoutExpired`."""
        assert self._process is not None
        code = self._process.wait(within)
        return Ended(code, time.monotonic() - self._asked_at)

    def end(self) -> None:
        """Ask it to end, if it runs, and see that it does; raises `AssertionError` or `subprocess.TimeoutExpired`."""
        if self.lives():
            self.ask_to_end()
            assert self.wait_end(STOP_S).code == 0, self.log[-4000:]

    def close_process(self) -> None:
        """End what is left of it, whatever state it is in; the folder stays."""
        if self._process is not None:
            signal_all(self.children(), signal.SIGCONT)
            processes.stop(self._process, 12)

    def close(self) -> None:
        """End every process of it and remove its folder."""
        self.close_process()
        super().close()

    @property
    def dsn(self) -> str:
        """Return how to reach the database, the one it was given or its own."""
        dsn = self._env["DATABASE_URL"] or running_dsn(self.data)
        assert dsn, "the database runs"
        return dsn

    def token(self, user: str, ttl_s: float = 3_600.0) -> str:
        """Return a token for a person of the demo school, signed with the key of the data directory."""
        keys = KeyRing([own_key(self.data)])
        return Tokens(keys, TrioClock(int(time.time() * 1000))).issue(user, *ROLES[user], ttl_s=ttl_s)

    async def enter(self, user: str, client: str = "c-1", *, receive_buffer: int | None = None) -> Peer:
        """Return a raw connection of `user` that has been welcomed."""
        peer = await dial(self.port, receive_buffer=receive_buffer)
        await peer.shake_hands()
        await peer.hello(self.token(user), client)
        return peer

    async def make_room(self, name: str) -> str:
        """Make an open room of the first teacher and return its address."""
        teacher = await self.enter("demo-teacher-1", f"maker-of-{name}")
        made = await teacher.do(f"room:{name}", "create", title=name, visibility="open")
        assert made["t"] == "ok", made
        await teacher.aclose()
        return f"room:{name}"

    async def figure(self, name: str) -> float:
        """Return one of the figures of `/metrics`, as it was within the last second; 0 for one that is not there yet."""
        peer = await dial(self.port)
        await peer.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status, _, text = await peer.read_http()
        await peer.aclose()
        assert status == 200
        found = (line.split()[1] for line in text.decode().splitlines() if line.startswith(f"{name} "))
        return float(next(found, 0.0))

    def run(self, *words: str, within: float = 20.0) -> "subprocess.CompletedProcess[str]":
        """Run another command of the program on the same data directory, and return what it printed; blocks."""
        environment = {**os.environ, **self._env}
        argv = [sys.executable, *PLAIN, *words, "--data-dir", str(self.data)]
        return subprocess.run(
            argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=within
        )

    def complaints(self, since: int = 0) -> list[str]:
        """Return the lines of its log that speak of a defect, tracebacks and crashes; `since`: after so many characters of it."""
        return [line[:500] for line in self.log[since:].splitlines() if "Traceback" in line or '"crashed"' in line]


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to each of `pids` that still lives; never to the first process of the machine."""
    for pid in pids:
        if pid > 1:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
