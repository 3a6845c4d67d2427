"""The embedded server: starts, refuses a second one, dies with its starter, comes back by itself."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from homeroom.engine import cluster, embedded
from homeroom.engine.claim import running_dsn
from homeroom.engine.cluster import unprivileged
from homeroom.engine.database import Database, open_database
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres, open_embedded
from homeroom.engine.errors import DataDirectoryInUse, NoBinaries, StartFailed
from homeroom.engine.postgres import DatabaseError
from homeroom.engine.postmaster import children_of
from tests.conftest import TRIAL

PATIENCE_S = 30

STARTER = """
import sys
from pathlib import Path
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), UNSAFE)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def start_elsewhere(home: Path) -> tuple["subprocess.Popen[str]", int]:
    """Start a server from a process of its own; returns the process and the server's id."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    return starter, int(starter.stdout.readline())


def close(starter: "subprocess.Popen[str]") -> None:
    with starter:
        starter.kill()


def exists(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll for what another process does: there is nothing to wait on."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        os.sched_yield()


async def fetch_number(dsn: str) -> int:
    async with open_database(dsn, TRIAL) as database:
        row = await database.fetch_row("SELECT 7 AS number")
        assert row is not None
        return int(row["number"])


def test_it_starts_takes_connections_and_stops(home: Path) -> None:
    server = EmbeddedPostgres(home, UNSAFE)
    server.start()
    pid = server.pid
    assert trio.run(fetch_number, server.dsn) == 7
    server.stop()
    assert server.pid == 0
    assert not exists(pid)


def test_without_being_told_it_syncs_what_it_acknowledges(home: Path) -> None:
    async def settings(dsn: str) -> list[str]:
        async with open_database(dsn) as database:
            rows = await database.fetch("SELECT current_setting(name) AS s FROM unnest($1::text[]) AS name", names)
            return [row["s"] for row in rows]

    names = ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding"]
    server = EmbeddedPostgres(home)
    server.start()
    try:
        assert trio.run(settings, server.dsn) == ["on", "on", "on", "", "UTF8"]
    finally:
        server.stop()


def test_what_it_keeps_is_there_at_the_next_start(used_home: Path) -> None:
    async def run(dsn: str, sql: str) -> list[int]:
        async with open_database(dsn, TRIAL) as database:
            return [row[0] for row in await database.fetch(sql)]

    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    trio.run(run, server.dsn, "CREATE TABLE kept AS SELECT 3 AS n")
    server.stop()
    server.start()
    try:
        assert trio.run(run, server.dsn, "SELECT n FROM kept") == [3]
    finally:
        server.stop()


def test_only_its_owner_gets_in(home: Path) -> None:
    server = EmbeddedPostgres(home, UNSAFE)
    server.start()
    try:
        sockets = Path(server.dsn.rpartition("host=")[2])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres.dsn").stat().st_mode) == 0o600
        assert len(str(sockets / ".s.PGSQL.5432")) < 100
    finally:
        server.stop()
    assert not sockets.exists()


def test_a_second_process_finds_the_running_server_and_only_a_running_one(used_home: Path) -> None:
    assert running_dsn(used_home) is None
    starter, pid = start_elsewhere(used_home)
    dsn = running_dsn(used_home)
    assert dsn is not None
    assert trio.run(fetch_number, dsn) == 7
    close(starter)
    assert running_dsn(used_home) is None, "it may still take connections, but it is about to end"
    wait_until(lambda: not exists(pid), "the server outlives its starter")
    assert (used_home / "postgres.dsn").exists(), "nobody was left to remove it"
    assert running_dsn(used_home) is None


def test_two_servers_on_one_directory_are_refused(used_home: Path) -> None:
    starter, _ = start_elsewhere(used_home)
    try:
        with pytest.raises(DataDirectoryInUse, match="another program"):
            EmbeddedPostgres(used_home, UNSAFE).start()
        assert running_dsn(used_home) is not None, "the first one is unharmed"
    finally:
        close(starter)


def test_no_server_outlives_a_killed_starter_and_the_next_start_works(used_home: Path) -> None:
    starter, pid = start_elsewhere(used_home)
    children = [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    old_sockets = Path((running_dsn(used_home) or "").rpartition("host=")[2])
    starter.send_signal(signal.SIGKILL)
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()  # at once: the old server may still be ending
    try:
        assert not exists(pid)
        assert not [child for child in children if exists(child)]
        assert not old_sockets.exists()
        assert trio.run(fetch_number, server.dsn) == 7
    finally:
        server.stop()
        close(starter)


def test_it_starts_after_the_server_itself_was_killed(used_home: Path) -> None:
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(PATIENCE_S)
    dsn = server.dsn
    server.start()
    try:
        assert server.dsn == dsn
        assert trio.run(fetch_number, dsn) == 7
    finally:
        server.stop()


def test_a_frozen_server_is_stopped_all_the_same_and_the_next_start_works(used_home: Path) -> None:
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    family = [server.pid, *children_of(server.pid)]
    assert len(family) > 1
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not [pid for pid in family if exists(pid)]
    server.start()
    try:
        assert trio.run(fetch_number, server.dsn) == 7
    finally:
        server.stop()


def test_a_stale_note_that_names_a_stranger_does_not_stop_the_start(used_home: Path) -> None:
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    note = (used_home / "postgres" / "postmaster.pid").read_text().splitlines()
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(PATIENCE_S)
    server.stop()
    (used_home / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *note[1:]]) + "\n")
    server.start()
    try:
        assert trio.run(fetch_number, server.dsn) == 7
    finally:
        server.stop()


def test_a_start_that_fails_says_why_and_leaves_nothing_behind(home: Path) -> None:
    server = EmbeddedPostgres(home, {**UNSAFE, "shared_buffers": "nonsense"})
    with pytest.raises(StartFailed, match="shared_buffers"):
        server.start()
    assert server.pid == 0
    server = EmbeddedPostgres(home, UNSAFE)
    server.start()
    server.stop()


def test_a_process_that_cannot_be_started_is_told(used_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    server.stop()
    monkeypatch.setattr(embedded, "unprivileged", lambda: (str(used_home / "no-such-program"),))
    with pytest.raises(StartFailed, match="no-such-program"):
        server.start()


def test_a_broken_initialisation_is_begun_anew(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(home, UNSAFE)
    server.start()
    server.stop()
    assert not (home / "postgres.new").exists()


def test_root_gives_up_its_rights_and_others_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert unprivileged()[0] == "unshare"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged() == ()


def test_missing_binaries_are_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(NoBinaries, match="DATABASE_URL"):
        EmbeddedPostgres(home)


def test_a_log_that_has_grown_long_is_begun_anew(used_home: Path) -> None:
    (used_home / "postgres.log").write_bytes(b"x" * (embedded.LOG_BYTES + 1))
    server = EmbeddedPostgres(used_home, UNSAFE)
    server.start()
    server.stop()
    assert (used_home / "postgres.log").stat().st_size < 100_000


async def test_a_server_that_dies_comes_back_by_itself_at_the_same_place(used_home: Path) -> None:
    async with open_embedded(used_home, UNSAFE) as server, open_database(server.dsn, TRIAL) as database:
        for _ in range(2):
            killed = server.pid
            os.kill(killed, signal.SIGKILL)
            with trio.fail_after(PATIENCE_S):
                while server.pid in {0, killed} or not await answers(database):
                    await trio.lowlevel.checkpoint()
    assert server.pid == 0


async def answers(database: Database) -> bool:
    try:
        await database.fetch("SELECT 1")
    except DatabaseError:
        return False
    return True


async def test_what_the_body_raises_comes_out_in_no_group(used_home: Path) -> None:
    with pytest.raises(json.JSONDecodeError):
        async with open_embedded(used_home, UNSAFE):
            json.loads("no")
