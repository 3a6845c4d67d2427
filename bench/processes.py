"""The processes that are measured: started, pinned to a core, their CPU and memory read from `/proc`, ended by their ids.

Never here: what the processes are. Linux only, as every figure here comes from its `/proc`.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_TICK = os.sysconf("SC_CLK_TCK")
_AFTER_NAME = ") "
_UTIME, _CHILDREN_STIME, _PPID = 11, 15, 1


def start(
    argv: Sequence[str], *, log: IO[bytes], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, with `env` added to ours and both outputs written to `log`."""
    return subprocess.Popen(
        argv,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], within: float = 15.0) -> None:
    """Ask `process` to end, and kill it, and whoever descends from it, when it has not after `within` seconds."""
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    kill(pid for pid in family if pid != process.pid)


def kill(pids: Iterable[int]) -> None:
    """Kill each of `pids` that still lives; never the first process of the machine."""
    for pid in pids:
        if pid > 1:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_port(port: int, process: subprocess.Popen[bytes], within: float) -> None:
    """Wait until somebody listens on `port`; raises `RuntimeError` when `process` ends first or time is up."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it listened")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listened on port {port} within {within} s")


def pin(pid: int, core: int) -> None:
    """Bind the threads that `pid` has, and thereby those it will start, to one core; its child processes keep theirs."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {core})


def descendants(pid: int) -> list[int]:
    """Return `pid` and the processes that descend from it, parents before children."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _stat(int(name))
        if fields:
            children.setdefault(int(fields[_PPID]), []).append(int(name))
    family = [pid]
    for parent in family:
        family += children.get(parent, [])
    return family


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return user and system time that `pids` used so far, their ended and awaited children included (10 ms steps)."""
    return sum(sum(map(int, fields[_UTIME:_CHILDREN_STIME])) for fields in map(_stat, pids) if fields) / _TICK


def waited_seconds(pid: int) -> float:
    """Return how long the main thread of `pid` was ready to run so far while its core did something else."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def memory_bytes(pid: int) -> int:
    """Return the memory that is `pid`'s alone (private pages, in RAM)."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return 1024 * sum(int(row[1]) for row in rows if row[0] in {"Private_Clean:", "Private_Dirty:"})


def name_of(pid: int) -> str:
    """Return the name of the program that `pid` runs, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` after the name, or none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(_AFTER_NAME)[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
