"""Who runs the database of a home, over real processes: the others wait for it, work beside it, or are told who is in the way."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from homeroom.engine import claim, cluster
from homeroom.engine.claim import Claim, Share, is_claimed, is_served, running_dsn, share_nowait, share_or_claim
from homeroom.engine.embedded import UNSAFE, open_embedded, share_embedded
from homeroom.engine.errors import DataDirectoryInUse

PATIENCE_S = 30

ELSEWHERE = """
import sys
from pathlib import Path
from homeroom.engine.claim import Claim, share_nowait
from homeroom.engine.embedded import UNSAFE, EmbeddedPostgres
home, claims = Path(sys.argv[1]), []
def hold(server):
    claims.append(Claim(home, server=server))
    claims[0].take()
def run():
    EmbeddedPostgres(home, UNSAFE, claims[0]).start()
def share():
    claims.append(share_nowait(home))
deeds = {"command": lambda: hold(False), "server": lambda: hold(True), "run": run, "share": share}
for line in sys.stdin:
    deeds[line.strip()]()
    print("done", flush=True)
"""


class Elsewhere:
    """Another process: it does what it is told, and holds what it has until it is ended."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", ELSEWHERE, str(home)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid

    def do(self, deed: str) -> None:
        """Have it do something, and wait until it is done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(deed + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def end(self) -> None:
        """Kill it: whatever it held is free."""
        with self._process:
            self._process.kill()


@contextmanager
def elsewhere(home: Path, *deeds: str) -> Iterator[Elsewhere]:
    """Run another process that has done these deeds, until it is ended or the block is left."""
    other = Elsewhere(home)
    try:
        for deed in deeds:
            other.do(deed)
        yield other
    finally:
        other.end()


class Told:
    """In the place of the log: what is said of waiting, and when."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heard = trio.Event()

    def warning(self, event: str, **values: str) -> None:
        """Take a line."""
        self.said.append(f"{event}: {values.get('who', '')}")
        self.heard.set()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Have told at once what is waited for, and return where it is heard."""
    made = Told()
    monkeypatch.setattr(claim, "TELL_S", 0.0)
    monkeypatch.setattr(claim, "log", made)
    return made


async def test_a_server_waits_for_the_command_that_runs_the_database_and_says_so(used_home: Path, told: Told) -> None:
    mine = Claim(used_home, server=True)
    with elsewhere(used_home, "command", "run") as other, trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mine.wait)
            await told.heard.wait()
            assert told.said == [f"{claim.WAITING}: process {other.pid}, a command"]
            assert is_served(used_home), "who comes now sees that a server is about to run it"
            other.end()
    async with open_embedded(used_home, UNSAFE, mine) as server:
        assert running_dsn(used_home) == server.dsn
    assert not is_claimed(used_home)


async def test_a_server_does_not_wait_for_a_server(used_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "DYING_S", 0.0)
    with elsewhere(used_home, "server") as other:
        with pytest.raises(
            DataDirectoryInUse, match=f"another program runs the database in .*: process {other.pid}, a server"
        ):
            await Claim(used_home, server=True).wait()
        other.end()
        mine = Claim(used_home, server=True)
        await mine.wait()
        mine.release()


async def test_a_server_that_stops_waiting_is_in_nobodys_way(used_home: Path, told: Told) -> None:
    with elsewhere(used_home, "command"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Claim(used_home, server=True).wait)
            await told.heard.wait()
            nursery.cancel_scope.cancel()
        assert not is_served(used_home)


async def test_a_command_waits_for_a_server_that_starts_and_works_beside_it(used_home: Path, told: Told) -> None:
    with elsewhere(used_home, "server") as other, trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_use, used_home, lambda dsn: dsn == running_dsn(used_home))
            await told.heard.wait()
            assert told.said == [f"{claim.WAITING}: process {other.pid}, a server"]
            await trio.to_thread.run_sync(other.do, "run")


async def test_a_command_runs_the_database_itself_once_the_server_before_it_has_ended(
    used_home: Path, told: Told
) -> None:
    with elsewhere(used_home, "server", "run") as other, trio.fail_after(PATIENCE_S):
        cluster.drop_dsn(used_home)  # as one that stops does first
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_use, used_home, lambda dsn: not is_served(used_home))
            await told.heard.wait()
            other.end()


async def test_a_command_says_in_the_end_who_is_in_the_way(used_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "COMMAND_PATIENCE_S", 0.0)
    with (
        elsewhere(used_home, "server") as other,
        pytest.raises(DataDirectoryInUse, match=f"process {other.pid}, a server"),
    ):
        await share_or_claim(used_home)


@pytest.mark.parametrize("patience_s", [PATIENCE_S, 0.0])
async def test_a_command_that_is_done_keeps_the_database_for_those_beside_it_within_bounds(
    used_home: Path, told: Told, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr(claim, "COMMAND_PATIENCE_S", patience_s)
    done = trio.Event()
    with elsewhere(used_home) as other, trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            async with _Body(used_home, nursery, done) as dsn:
                await trio.to_thread.run_sync(other.do, "share")
                assert running_dsn(used_home) == dsn
            if patience_s:
                await told.heard.wait()
                assert share_nowait(used_home) is None, "nobody new comes"
                assert is_claimed(used_home)
                assert not done.is_set()
                other.end()
            await done.wait()
    assert not is_claimed(used_home)


class _Body:
    """A command of ours at work, in a task of its own; leaving the block ends its work, and `done` is set when it has ended."""

    def __init__(self, home: Path, nursery: trio.Nursery, done: trio.Event) -> None:
        self._home, self._nursery, self._done = home, nursery, done
        self._leave = trio.Event()

    async def __aenter__(self) -> str:
        found: str = await self._nursery.start(self._work)
        return found

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()

    async def _work(self, task_status: trio.TaskStatus[str]) -> None:
        async with share_embedded(self._home, UNSAFE) as dsn:
            task_status.started(dsn)
            await self._leave.wait()
        self._done.set()


async def _use(home: Path, check: Callable[[str], bool]) -> None:
    async with share_embedded(home, UNSAFE) as dsn:
        assert check(dsn)


async def test_what_a_dead_program_left_is_no_part_in_a_database(used_home: Path) -> None:
    with elsewhere(used_home, "command", "run"):
        share = share_nowait(used_home)
        assert isinstance(share, Share)
        share.release()
    assert (used_home / "postgres.dsn").exists(), "nobody was left to remove it"
    assert share_nowait(used_home) is None
    assert not is_claimed(used_home)
