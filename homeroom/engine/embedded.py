"""Running an embedded PostgreSQL: started by us, living and dying with this process.

Below one home directory: `postgres/` (the data), `postgres.log`, the locks that say who may start a server (`claim`) and
`postgres.dsn` (how a second process of the same person reaches the server, mode 0600). The server listens on a unix
socket in a private directory only, so it trusts who gets there.

Never here: who may run it (`claim`), how what it needs is made (`cluster`), what it notes of itself (`postmaster`),
connections and SQL.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import structlog
import trio

from homeroom.engine.claim import Claim, Share, share_or_claim, wait_unshared
from homeroom.engine.cluster import (
    drop_dsn,
    drop_socket_folder,
    dsn_at,
    find_binaries,
    initialise,
    make_socket_folder,
    note_dsn,
    noted_dsn,
    unprivileged,
)
from homeroom.engine.errors import DataDirectoryInUse, EmbeddedError, StartFailed
from homeroom.engine.postmaster import children_of, is_server_of, noted_pid, noted_status

log = structlog.get_logger(__name__)

START_S = 60.0
"""How long a start may take, recovery after a crash included."""
STOP_WAYS = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0))
"""How the server is asked to end (fast, at once, not asked), and the seconds that each way is given. None loses a commit."""
ORPHAN_S = 15.0
"""How long a server whose starter died is given to end by itself."""
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 5.0
LOG_BYTES = 8 * 1024 * 1024
"""A log longer than this is begun anew at the next start."""

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "max_connections": "40",
        "shared_buffers": "64MB",
        "io_method": "sync",  # no helper processes: the data of a school lies in the page cache
        "wal_level": "minimal",  # nobody replicates from here
        "max_wal_senders": "0",
        "wal_writer_delay": "10s",  # every commit flushes for itself
        "checkpoint_timeout": "15min",
        "update_process_title": "off",  # a system call for each statement
        "compute_query_id": "off",
        "jit": "off",
        "log_min_error_statement": "panic",  # what people write does not belong in a log
        "log_checkpoints": "off",
        "timezone": "UTC",
    }
)
UNSAFE: Mapping[str, str] = MappingProxyType({"fsync": "off", "full_page_writes": "off"})
"""For tests only: fast; survives the kill of any process, but forgets after a power loss."""

# Runs between us and the server: asks the kernel for a signal when our thread ends, and does not start when it has ended.
_LEASH = """import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[2]))
os.getppid() == int(sys.argv[1]) and os.execv(sys.argv[3], sys.argv[3:])"""


class EmbeddedPostgres:
    """One server on one home directory. Its methods block: from trio, use `open_embedded`.

    Its life: (1) `start` takes the claim, unless that is held already, makes the data directory on the first run, starts the
    server and waits until it is ready; (2) `wait` returns when the server ended, wanted or not, and `start` may be called again; (3) `stop` ends
    the server and gives the claim back.
    """

    def __init__(
        self, home: Path, settings: Mapping[str, str] = MappingProxyType({}), claim: Claim | None = None
    ) -> None:
        self.home = home
        self.data = home / "postgres"
        self._settings = {**SETTINGS, **settings}
        self._binaries = find_binaries()
        self._claim = claim or Claim(home)
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()

    @property
    def pid(self) -> int:
        """Return the process id of the server, 0 when there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def dsn(self) -> str:
        """Return how to reach the server; the same after a restart of the server."""
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        """Return how to reach another database of this server."""
        return dsn_at(self._sockets, database)

    def start(self) -> None:
        """Start the server and wait until it takes connections; raises `EmbeddedError`."""
        again = self._sockets is not None
        self._claim.take()
        try:
            self._wait_for_orphan()
            if not (self.data / "PG_VERSION").exists():
                initialise(self._binaries, self.data, sync=self._settings.get("fsync") != "off")
            self._sockets = self._sockets or make_socket_folder(self.home)
            self._launch_until_ready()
            if noted_dsn(self.home) != self.dsn:  # else those who hold the note would not be waited for
                note_dsn(self.home, self.dsn)
        except BaseException:
            if not again:  # else it is tried once more, with the same sockets
                self.stop()
            raise

    def stop(self) -> None:
        """End the server, open sessions too, and give everything back; harmless when there is none."""
        if self._process is not None:
            drop_dsn(self.home)
            self._end_process(self._process)
            self._process = None
        if self._sockets is not None:
            drop_socket_folder(self._sockets)
            self._sockets = None
        self._claim.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the server has ended, whoever ended it; `False` when the time was over first."""
        return self._ended.wait(timeout_s)

    def _wait_for_orphan(self) -> None:
        """Let a server end whose starter was killed; forget a `postmaster.pid` that names somebody else by now."""
        deadline = time.monotonic() + ORPHAN_S
        while (pid := noted_pid(self.data)) and is_server_of(pid, self.data):
            if time.monotonic() > deadline:
                raise DataDirectoryInUse(f"a PostgreSQL server, process {pid}, still runs on {self.data}")
            time.sleep(0.02)
        if pid and Path(f"/proc/{pid}").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch_until_ready(self) -> None:
        """Start the server; again while the children of a killed one still hold its shared memory."""
        deadline = time.monotonic() + START_S
        while True:
            begun = self._open_log()
            process = self._launch()
            if self._became_ready(process, deadline):
                return
            said = self._log_since(begun)
            if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
                raise StartFailed(f"postgres ended with {process.poll()}: {said[-2000:]}")
            time.sleep(0.05)

    def _became_ready(self, process: "subprocess.Popen[bytes]", deadline: float) -> bool:
        while process.poll() is None:
            if noted_pid(self.data) == process.pid and noted_status(self.data) == "ready":
                return True
            if time.monotonic() > deadline:
                self._end_process(process)
                return False
            time.sleep(0.005)
        return False

    def _launch(self) -> "subprocess.Popen[bytes]":
        """Start the server from a thread that lives as long as it.

        The kernel's signal at the parent's death comes when the parent *thread* ends, and the thread that calls us may be
        a worker of a pool.
        """
        born: list[subprocess.Popen[bytes] | OSError] = []
        ready, self._ended = threading.Event(), threading.Event()
        arguments = (born, ready, self._ended)
        threading.Thread(target=self._nurse, args=arguments, daemon=True, name="postgres").start()
        ready.wait()
        process = born[0]
        if isinstance(process, OSError):
            raise StartFailed(f"the server's process could not be started: {process}") from process
        self._process = process
        return process

    def _nurse(
        self, born: "list[subprocess.Popen[bytes] | OSError]", ready: threading.Event, ended: threading.Event
    ) -> None:
        try:
            with (self.home / "postgres.log").open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - our own arguments only
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for us; the server is ended when everything else has
                )
        except OSError as error:
            born.append(error)
            ready.set()
            return
        born.append(process)
        ready.set()
        process.wait()
        ended.set()

    def _command(self) -> Sequence[str]:
        leash = (sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), str(int(signal.SIGINT)))
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        server = (str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self._sockets), *options)
        return (*unprivileged(), *leash, *server)

    def _end_process(self, process: "subprocess.Popen[bytes]") -> None:
        """Ask for a fast shutdown, then for an immediate one, then insist; what is frozen goes on, to hear of it.

        Its own processes end with it when they can; frozen ones would keep its memory from the next start.
        """
        for way, patience_s in STOP_WAYS:
            if process.poll() is None:
                helpers = children_of(process.pid)
                process.send_signal(way)
                process.send_signal(signal.SIGCONT)
                for pid in helpers:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL if way is signal.SIGKILL else signal.SIGCONT)
            if self._ended.wait(patience_s):
                return

    def _open_log(self) -> int:
        """Begin the log anew when it has grown long; return where the next words will stand."""
        path = self.home / "postgres.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.write_bytes(b"")
        return path.stat().st_size if path.exists() else 0

    def _log_since(self, begun: int) -> str:
        return (self.home / "postgres.log").read_bytes()[begun:].decode(errors="replace")


async def _keep_running(server: EmbeddedPostgres) -> None:
    """Start the server again whenever it ended by itself, waiting longer from time to time while that fails."""
    backoff_s = FIRST_BACKOFF_S
    while True:
        await trio.to_thread.run_sync(server.wait, abandon_on_cancel=True)
        log.error("the embedded PostgreSQL ended; starting it again", home=str(server.home), wait_s=backoff_s)
        await trio.sleep(backoff_s)
        try:
            await trio.to_thread.run_sync(server.start)
        except EmbeddedError as error:
            log.error("the embedded PostgreSQL does not start", error=str(error))
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
        else:
            backoff_s = FIRST_BACKOFF_S


@asynccontextmanager
async def open_embedded(
    home: Path, settings: Mapping[str, str] = MappingProxyType({}), claim: Claim | None = None
) -> AsyncIterator[EmbeddedPostgres]:
    """Run the server of `home` and keep it running; stop it before leaving. Raises `EmbeddedError`.

    `claim`: one that is held already. At the end those who work beside us are waited for, unless it is cancelled; what the
    body raises comes out as it is, in no group.
    """
    claim = claim or Claim(home)
    server = EmbeddedPostgres(home, settings, claim)
    await claim.wait()
    await trio.to_thread.run_sync(server.start)
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_running, server)
            try:
                yield server
            except Exception as error:  # carried around the nursery, which would wrap it
                failure = error
            await wait_unshared(claim)
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.stop)
    if failure is not None:
        raise failure


@asynccontextmanager
async def share_embedded(home: Path, settings: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[str]:
    """Offer how to reach the database of `home`: beside the program that runs it, else run by us for as long as the body takes.

    Waits for one that starts or stops. Raises `EmbeddedError`.
    """
    found = await share_or_claim(home)
    try:
        if isinstance(found, Share):
            yield found.dsn
        else:
            async with open_embedded(home, settings, found) as server:
                yield server.dsn
    finally:
        found.release()
