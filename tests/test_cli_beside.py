"""Commands and a server that start on one new directory at once, in either order: real processes, a database of their own."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeroom.engine.claim import WAITING, Claim, is_served
from homeroom.engine.embedded import EmbeddedPostgres
from tests.engine.test_embedded import wait_until
from tests.test_cli import CommandLine

PASSWORD = "long enough 1\n"


@contextmanager
def serving(homeroom: CommandLine) -> "Iterator[subprocess.Popen[str]]":
    """Start a server, and see that it opens within the block's time and ends well when asked to."""
    with homeroom.start("serve", "--port", "0", stderr=subprocess.PIPE) as server:
        try:
            yield server
            assert server.stdout is not None
            assert "open at" in server.stdout.readline()
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
            assert server.returncode == 0
        finally:
            server.kill()


def test_people_are_added_while_the_server_starts_for_the_first_time(home: Path) -> None:
    homeroom = CommandLine("", home)
    with serving(homeroom) as server:
        wait_until(lambda: is_served(home) or server.poll() is not None, "the server comes to its database")
        added = homeroom("user", "add", "boss", "--role", "super_admin", "--password-stdin", say=PASSWORD)
        assert (added.returncode, added.stdout.strip()) == (0, "boss added as super_admin"), added.stderr


def test_a_server_that_starts_while_a_command_runs_the_database_opens_once_that_has_ended(home: Path) -> None:
    command = EmbeddedPostgres(home, claim=Claim(home))
    command.start()
    try:
        homeroom = CommandLine("", home)
        with serving(homeroom) as server:
            assert server.stderr is not None
            told = json.loads(server.stderr.readline())
            assert told["event"] == WAITING
            assert told["who"].endswith("a command")
            beside = homeroom("user", "add", "boss", "--role", "super_admin", "--password-stdin", say=PASSWORD)
            assert beside.returncode == 0, beside.stderr
            command.stop()
    finally:
        command.stop()
    people = json.loads(homeroom("user", "list", "--json").stdout)
    assert [person["login"] for person in people] == ["boss"]
