"""Who runs the embedded database of a home: one program at a time, and how the others wait for it or work beside it.

Three files of the home, each locked by the kernel for as long as a process holds it, so that a kill leaves nothing behind:
`postgres.lock` is held by the program that starts, runs and stops the database; `server.lock` by a server beside that, from before it
has the database, so that a second server is told from a command; `postgres.dsn` is held shared by all who work beside its owner.

| who comes | finds | does |
|---|---|---|
| a server | a server | is refused after `DYING_S` |
| a server | a command | waits until that one has ended: it shares with nobody |
| a command | a database that runs | works beside its owner |
| a command | one that starts or stops, or a server that waits for it | waits until it runs, or runs it itself |

Never here: PostgreSQL's own processes (`embedded`), and what it needs (`cluster`).
"""

import fcntl
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

import structlog
import trio

from homeroom.engine.cluster import drop_dsn, socket_of
from homeroom.engine.errors import DataDirectoryInUse

log = structlog.get_logger(__name__)
T = TypeVar("T")

DYING_S = 1.0
"""How long is waited for a holder who may be dying this moment."""
SERVER_PATIENCE_S = 300.0
"""How long a server waits for a command: the longest ones fill a school."""
COMMAND_PATIENCE_S = 60.0
"""How long a command waits for a database that starts or stops; also for the commands beside it, when it has ended itself."""
SERVER_STOP_PATIENCE_S = 1.0
"""How long a server that stops waits for the commands beside it: its own stop is bounded."""
TELL_S = 1.0
"""After which time of waiting is told what for."""
LOOK_S = 0.02
"""How often a lock is looked at: whoever lets the kernel wait for it cannot stop waiting."""
WAITING = "waiting for the database: another program starts, stops or uses it"


class FileLock:
    """A lock on a file, in which its holder leaves a word of who it is."""

    def __init__(self, path: Path, word: str) -> None:
        self._path = path
        self._word = word
        self._file: IO[str] | None = None

    def take_nowait(self) -> bool:
        """Take it, unless somebody else holds it."""
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a", encoding="utf-8")
        if not _locked(file, fcntl.LOCK_EX):
            file.close()
            return False
        with suppress(OSError):  # of a full disk: the lock counts, not the word
            file.truncate(0)
            file.write(self._word)
            file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """Give it back; harmless when it is not ours."""
        if self._file is not None:
            self._file.close()
            self._file = None


def holder_of(path: Path) -> str:
    """Return the word of who holds the lock on a file; empty when nobody does."""
    try:
        with path.open("r", encoding="utf-8") as file:
            return "" if _locked(file, fcntl.LOCK_SH) else file.read() or "another process"
    except FileNotFoundError:
        return ""


class Claim:
    """The right to run the database of `home`, for a server or for a command."""

    def __init__(self, home: Path, *, server: bool = False) -> None:
        word = f"process {os.getpid()}, a {'server' if server else 'command'}"
        self.home = home
        self.server = server
        self._server = FileLock(home / "server.lock", word)
        self._database = FileLock(home / "postgres.lock", word)

    def take(self, patience_s: float = DYING_S) -> None:
        """Take it; blocks. Raises `DataDirectoryInUse` when somebody else has it all the time."""
        deadline = time.monotonic() + patience_s
        while not self.take_nowait():
            if time.monotonic() > deadline:
                raise _in_use(self.home, _in_the_way(self.home))
            time.sleep(LOOK_S)

    def take_nowait(self) -> bool:
        """Take it, unless somebody else has it; a server keeps what says that it is about to."""
        return (not self.server or self._server.take_nowait()) and self._database.take_nowait()

    async def wait(self) -> None:
        """Take it, once who has it has ended; a server does not wait for a server. Raises `DataDirectoryInUse`.

        Cancelled, it holds nothing.
        """
        try:
            if self.server:
                await _wait(self._server.take_nowait, self.home, DYING_S, "server.lock")
            await _wait(self.take_nowait, self.home, SERVER_PATIENCE_S if self.server else DYING_S)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give it back; harmless when it is not ours."""
        self._database.release()
        self._server.release()


class Share:
    """A part in the database that another program runs, at `dsn`: it is not stopped before this is given back."""

    def __init__(self, dsn: str, note: IO[str]) -> None:
        self.dsn = dsn
        self._note = note

    def release(self) -> None:
        """Give it back."""
        self._note.close()


def share_nowait(home: Path) -> Share | None:
    """Return a part in the database of `home`; `None` when none takes connections there, or one that is about to end."""
    with suppress(FileNotFoundError):
        note = (home / "postgres.dsn").open("r", encoding="utf-8")
        dsn = note.read().strip()
        if _locked(note, fcntl.LOCK_SH) and os.fstat(note.fileno()).st_nlink and _answers(home, dsn):
            return Share(dsn, note)
        note.close()
    return None


def running_dsn(home: Path) -> str | None:
    """Return how to reach the database of `home`, or `None` when none answers there, or one that is about to end."""
    share = share_nowait(home)
    if share is None:
        return None
    share.release()
    return share.dsn


def is_served(home: Path) -> bool:
    """Tell whether a server runs on `home`, or is about to."""
    return bool(holder_of(home / "server.lock"))


def is_claimed(home: Path) -> bool:
    """Tell whether any program runs the database of `home`, or is about to."""
    return is_served(home) or bool(holder_of(home / "postgres.lock"))


async def share_or_claim(home: Path) -> Share | Claim:
    """Return a part in the database that runs, or else the right to run it; waits for one that starts or stops.

    Raises `DataDirectoryInUse` when that takes too long. Cancelled, it holds nothing.
    """
    claim = Claim(home)

    def attempt() -> Share | Claim | None:
        found = share_nowait(home)
        if found is not None:
            return found
        return claim if not is_served(home) and claim.take_nowait() else None

    return await _wait(attempt, home, COMMAND_PATIENCE_S)


async def wait_unshared(claim: Claim) -> None:
    """Let those end who work beside us, within bounds; nobody new comes from here on."""
    try:
        note = (claim.home / "postgres.dsn").open("r", encoding="utf-8")
    except FileNotFoundError:
        return
    with note:
        drop_dsn(claim.home)
        patience_s = SERVER_STOP_PATIENCE_S if claim.server else COMMAND_PATIENCE_S
        begun, told = trio.current_time(), False
        while not _locked(note, fcntl.LOCK_EX) and (waited := trio.current_time() - begun) < patience_s:
            if waited > TELL_S and not told:
                told = True
                log.warning("waiting for the commands that share this database", home=str(claim.home))
            await trio.sleep(LOOK_S)


async def _wait(attempt: Callable[[], T | None], home: Path, patience_s: float, lock: str = "postgres.lock") -> T:
    """Return what `attempt` gives at last; says after a while what it waits for, and raises `DataDirectoryInUse` in the end."""
    begun, told = trio.current_time(), False
    while not (found := attempt()):
        waited = trio.current_time() - begun
        if waited > patience_s:
            raise _in_use(home, _in_the_way(home, lock))
        if waited > TELL_S and not told:
            told = True
            log.warning(WAITING, home=str(home), who=_in_the_way(home, lock))
        await trio.sleep(LOOK_S)
    return found


def _in_use(home: Path, who: str) -> DataDirectoryInUse:
    return DataDirectoryInUse(f"another program runs the database in {home}: {who}")


def _in_the_way(home: Path, lock: str = "postgres.lock") -> str:
    return holder_of(home / lock) or holder_of(home / "server.lock") or "it has ended this moment"


def _locked(file: IO[str], way: int) -> bool:
    try:
        fcntl.flock(file, way | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(home: Path, dsn: str) -> bool:
    """Tell whether the database at `dsn` takes connections, and whoever started it lives: else it soon will not."""
    if not holder_of(home / "postgres.lock"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(socket_of(dsn)))
        except OSError:
            return False
    return True
