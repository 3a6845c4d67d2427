"""The command line, as a person or a script uses it: real processes, a real database."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import trio

from homeroom.cli import COMMANDS, main
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.http.keys import own_key
from homeroom.records.demo import DEMO_PASSWORD
from homeroom.records.users import Users
from tests.conftest import TRIAL


class CommandLine:
    """The command line of a person: each call a process of its own. `environment` is what all of them see."""

    def __init__(self, database_url: str, home: Path, **more: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOMEROOM_", "PYTHONDONT"))}
        self.environment: Mapping[str, str] = {
            **clean,
            "DATABASE_URL": database_url,
            "HOMEROOM_ALLOW_UNSAFE_DATABASE": "true",
            "HOMEROOM_DATA_DIR": str(home),
            "HOMEROOM_DEMO_SIZE": "bare",
            **more,
        }

    def __call__(self, *words: str, say: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `say` is what it reads, `more` is for its environment."""
        return subprocess.run(
            [sys.executable, "-m", "homeroom", *words],
            env={**self.environment, **more},
            input=say,
            start_new_session=True,  # away from whoever's terminal: nobody is asked there
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """Start it, to be read while it runs."""
        command = [sys.executable, "-m", "homeroom", *words]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True, **options)

    @contextmanager
    def tail(self, *words: str) -> "Iterator[subprocess.Popen[str]]":
        """Follow the lobby from its first event, and wait until it is followed."""
        with self.start("tail", "room:lobby", "--since", "0", *words, stderr=subprocess.PIPE) as tail:
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["kind"] == "resumed"
            yield tail


@pytest.fixture
def homeroom(database_url: str, home: Path) -> CommandLine:
    """Return the command line of a school in which nobody is yet, and nothing runs."""
    return CommandLine(database_url, home)


@pytest.fixture(scope="module")
def empty_database(new_database: Callable[[], str]) -> str:
    """Return the database of all that change nothing in it: nobody ever is in it."""
    return new_database()


@pytest.fixture
def still(empty_database: str, home: Path) -> CommandLine:
    """Return the command line of a school of its own, for what changes nothing in its database."""
    return CommandLine(empty_database, home)


@pytest.fixture(scope="module")
def demo(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Run one demo school for all that only talk to a server, and return its command line."""
    homeroom = CommandLine(new_database(), tmp_path_factory.mktemp("demo"))
    with homeroom.start("serve", "--demo", "--port", "0", stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "open at" in first
        homeroom.environment = {**homeroom.environment, "HOMEROOM_URL": first.split()[-1]}
        yield homeroom
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(15) == 0


def add_people(database_url: str, home: Path, **roles: str) -> None:
    """Found a school with these people, past the command line; none of them has a password."""
    home.mkdir()
    own_key(home)

    async def add() -> None:
        async with open_database(database_url, TRIAL) as database:
            users = Users(database, TrioClock(int(time.time() * 1000)))
            for login, role in roles.items():
                await users.add(login, login.title(), role, None, id=login)

    trio.run(add)


def test_version_and_help_need_no_database(still: CommandLine) -> None:
    assert still("version", DATABASE_URL="postgresql://nowhere.invalid/x").stdout.strip() == "0.1.0"
    assert "serve" in still("--help").stdout


def test_what_needs_neither_server_nor_database_loads_none_of_them(still: CommandLine) -> None:
    for words in (["version"], ["config", "show", "--json"], ["exma"]):
        loaded = still(*words, PYTHONPROFILEIMPORTTIME="1").stderr
        assert "homeroom.cli" in loaded
        for heavy in ("trio", "asyncpg", "quart", "cryptography", "homeroom.house", "homeroom.client", "structlog"):
            assert not re.search(rf"\| +{heavy}$", loaded, re.MULTILINE), (words, heavy)


def test_who_has_a_token_loads_no_database_whatever_the_end(still: CommandLine) -> None:
    words = ("call", "room:lobby", "join", "--token", "x", "--wait", "0.1", "--url", "http://127.0.0.1:9")
    done = still(*words, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 1
    assert "is the server running" in done.stderr
    for heavy in ("asyncpg", "cryptography", "homeroom.house", "homeroom.errands"):
        assert not re.search(rf"\| +{heavy}$", done.stderr, re.MULTILINE), heavy


def test_every_command_of_the_table_stands_where_it_says_and_no_other_does() -> None:
    with click.Context(main) as context:
        found = {name: main.get_command(context, name) for name in main.list_commands(context)}
        assert main.get_command(context, "exma") is None
    assert found.keys() == COMMANDS.keys()
    assert {name: command.name for name, command in found.items() if command} == {name: name for name in COMMANDS}


def test_migrate_says_what_it_did_and_does_it_once(still: CommandLine) -> None:
    assert still("migrate").stdout.strip() == "nothing to do"


def test_a_person_is_added_and_gets_a_token_that_the_check_understands(homeroom: CommandLine) -> None:
    added = homeroom(
        "user", "add", "ada", "--name", "Ada", "--role", "teacher", "--password-stdin", say="long enough 1\n"
    )
    assert added.returncode == 0, added.stderr
    token = homeroom("token", "create", "ada", "--ttl", "60")
    assert token.stdout.count("\n") == 1, "the token stands alone on standard output"
    checked = json.loads(homeroom("token", "check", token.stdout.strip()).stdout)
    assert (checked["user"], checked["name"], checked["role"]) == ("ada", "Ada", "teacher")
    assert json.loads(homeroom("token", "check", say=token.stdout).stdout) == checked
    assert "unauthenticated" in homeroom("token", "check", token.stdout.strip()[:-4] + "AAAA").stderr
    assert "nobody with the login 'adam'" in homeroom("token", "create", "adam").stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["token", "create", "ada"], "no key"),
        (["token", "check", "not.a.token"], "no key"),
        (["user", "add", "ada", "--password-stdin"], "password"),
        (["call", "room:lobby", "join"], "--as"),
        (["call", "room:lobby", "say", "{text}"], "JSON"),
        (["call", "lobby", "join", "--token", "x"], "kind:id"),
        (["user", "add", "ada"], "--password-stdin"),
        (["serve", "--demo", "--host", "0.0.0.0"], "public"),  # noqa: S104 - refused
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_without_a_trace(
    still: CommandLine, words: list[str], says: str
) -> None:
    done = still(*words, say="short\n")
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unfit_login_is_refused_by_name(still: CommandLine) -> None:
    done = still("user", "add", "a b", "--password-stdin", say="long enough 1\n")
    assert done.returncode == 2
    assert "login" in done.stderr


def test_a_login_is_taken_once(homeroom: CommandLine) -> None:
    add = ["user", "add", "ada", "--password-stdin"]
    assert homeroom(*add, say="long enough 1\n").returncode == 0
    again = homeroom(*add, say="long enough 1\n")
    assert again.returncode == 1
    assert "conflict" in again.stderr


def test_a_forgotten_password_is_replaced_beside_the_running_server_and_ends_every_login(demo: CommandLine) -> None:
    url, new = demo.environment["HOMEROOM_URL"], "another one 2"

    def login(password: str) -> int:
        said = {"login": "demo-parent-2", "password": password}
        return httpx.post(f"{url}/api/auth/login", json=said, timeout=30).status_code

    demo("call", "room:lobby", "join", "--as", "demo-parent-2")
    with demo.tail("--as", "demo-parent-2") as tail:
        done = demo("user", "password", "demo-parent-2", "--password-stdin", say=f"{new}\n")
        assert (done.returncode, done.stdout.split()[0]) == (0, "demo-parent-2"), done.stderr
        _, complaint = tail.communicate(timeout=15)
        assert "revoked" in complaint
    assert (login(DEMO_PASSWORD), login(new)) == (401, 200)
    bearer = {"Authorization": f"Bearer {demo('token', 'create', 'demo-super').stdout.strip()}"}
    audit = httpx.get(f"{url}/api/audit-logs/user/demo-parent-2", headers=bearer, timeout=30)
    lines = [(line["action"], line["changed_by"]) for line in audit.json()["items"]]
    assert ("password_changed", "system") in lines
    assert new not in audit.text


def test_a_password_is_replaced_without_a_server_and_what_cannot_be_is_named(
    homeroom: CommandLine, database_url: str, home: Path
) -> None:
    add_people(database_url, home, ada="super_admin")
    assert homeroom("user", "password", "ada", "--password-stdin", say="long enough 1\n").returncode == 0
    for words, says in (
        (("ada", "--password-stdin"), "a password has 8 to 200 visible characters"),
        (("adam", "--password-stdin"), "nobody with the login 'adam'"),
        (("ada",), "--password-stdin"),
    ):
        done = homeroom("user", "password", *words, say="short\n")
        assert (done.returncode in {1, 2}, says in done.stderr, "Traceback" in done.stderr) == (True, True, False)


def test_parents_are_linked_to_their_children_and_unlinked_again(
    homeroom: CommandLine, database_url: str, home: Path
) -> None:
    add_people(database_url, home, pam="parent", ann="student")
    assert homeroom("user", "link", "pam", "ann").stdout.strip() == "pam stands for ann"
    assert homeroom("user", "link", "pam", "ann").stdout.strip() == "pam stands for ann already"
    assert homeroom("user", "unlink", "pam", "ann").stdout.strip() == "pam stands for ann no longer"
    for words, says in (
        (("unlink", "pam", "ann"), "does not stand for"),
        (("link", "ann", "pam"), "this person is no parent"),
        (("link", "pam", "nobody"), "nobody with the login 'nobody'"),
    ):
        done = homeroom("user", *words)
        assert done.returncode == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_config_show_tells_every_setting_and_hides_the_database_url(still: CommandLine) -> None:
    shown = still("config", "show", "--json", HOMEROOM_CHAT_PER_MINUTE="7")
    values = json.loads(shown.stdout)
    assert values["chat_per_minute"] == 7
    assert values["database_url"] == "(set, hidden)"
    piped = still("config", "show").stdout
    assert "postgresql://" not in piped
    assert len(piped.splitlines()) == len(values) + 1


def test_a_misspelt_setting_is_refused(still: CommandLine) -> None:
    done = still("config", "show", HOMEROOM_CHATS_PER_MINUTE="7")
    assert done.returncode == 2
    assert "HOMEROOM_CHATS_PER_MINUTE" in done.stderr


def test_doctor_refuses_a_database_that_forgets_unless_it_is_told_to_bear_it(still: CommandLine) -> None:
    assert still("doctor").returncode == 0
    strict = still("doctor", HOMEROOM_ALLOW_UNSAFE_DATABASE="false")
    assert strict.returncode == 1
    assert "fsync" in strict.stdout


def test_a_new_school_says_how_its_first_admin_is_made_until_there_is_one(homeroom: CommandLine, home: Path) -> None:
    command = f"homeroom user add LOGIN --role super_admin --data-dir {home}"
    looked = homeroom("doctor")
    assert (looked.returncode, command in looked.stdout) == (0, True)
    with homeroom.start("serve", "--port", "0", stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        told = []
        while not (line := server.stdout.readline()).startswith("API"):
            assert line, "it opens"
            told.append(line.strip())
        assert command in told
        added = homeroom("user", "add", "ada", "--role", "Mentor", "--password-stdin", say="long enough 1\n")
        assert added.stdout.strip() == "ada added as teacher"
        assert command in added.stderr
        boss = homeroom("user", "add", "boss", "--role", "super_admin", "--password-stdin", say="long enough 1\n")
        assert (boss.stdout.strip(), "super_admin" in boss.stderr) == ("boss added as super_admin", False)
        assert "there is a super_admin" in homeroom("doctor").stdout
        server.terminate()
        log = [json.loads(line) for line in server.stderr if line.startswith("{")]
    assert [line["make"] for line in log if "make" in line] == [command]
    teachers = json.loads(homeroom("user", "list", "--role", "INSTRUCTOR", "--json").stdout)
    assert [person["login"] for person in teachers] == ["ada"]


def test_people_talk_from_the_command_line_while_the_server_runs(demo: CommandLine) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return demo("call", *words, "--as", "demo-student-1")

    assert call("room:lobby", "join").returncode == 0
    said = json.loads(call("room:lobby", "say", '{"text": "Grüße <b>"}').stdout)
    assert said["pos"][0] == "room:lobby"
    history = json.loads(call("room:lobby", "history").stdout)
    assert [message["text"] for message in history["data"]["messages"]] == ["Grüße <b>"]
    refused = call("room:lobby", "fly")
    assert refused.returncode == 1
    assert "bad_command" in refused.stderr
    assert "history" in refused.stderr, "what is allowed is said"


def test_tail_prints_past_and_live_events_a_line_of_json_each(demo: CommandLine) -> None:
    demo("call", "room:lobby", "join", "--as", "demo-teacher-1")
    with demo.tail("--as", "demo-teacher-1", "--url", demo.environment["HOMEROOM_URL"]) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["type"] == "room.created"
        demo("call", "room:lobby", "join", "--as", "demo-student-2")
        seen = (json.loads(line) for line in tail.stdout)
        joined = next(item for item in seen if item["by"] == "demo-student-2")
        assert joined["type"] == "room.joined"
        tail.send_signal(signal.SIGINT)
        tail.communicate()
    assert tail.returncode == 130


def test_p15_who_stands_for_a_child_no_longer_is_cut_off_within_seconds(demo: CommandLine) -> None:
    demo("call", "room:lobby", "join", "--as", "demo-parent-1")
    with demo.tail("--as", "demo-parent-1") as tail:
        done = demo("user", "unlink", "demo-parent-1", "demo-student-2")
        assert done.stdout.strip() == "demo-parent-1 stands for demo-student-2 no longer"
        began = time.monotonic()
        _, complaint = tail.communicate(timeout=15)
        assert tail.returncode == 1
        assert time.monotonic() - began < 5
        assert "revoked" in complaint


def test_a_command_in_the_wrong_directory_makes_no_school_there(still: CommandLine, home: Path) -> None:
    for words in (["token", "create", "ada"], ["doctor"]):
        done = still(*words, DATABASE_URL="")
        assert str(home) in done.stderr + done.stdout
        assert not (home / "postgres").exists()


def test_a_port_in_use_is_named_before_anything_is_started(still: CommandLine, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = still("serve", "--port", str(port), DATABASE_URL="")
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert not (home / "postgres").exists()


def test_a_wrong_database_url_is_named(still: CommandLine) -> None:
    done = still("migrate", DATABASE_URL="postgresql://127.0.0.1:9/x")
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


def test_the_server_is_looked_for_where_one_with_the_same_settings_listens(still: CommandLine) -> None:
    words = ("call", "room:lobby", "join", "--token", "x", "--wait", "0.5")
    assert "http://127.0.0.1:1:" in still(*words, HOMEROOM_PORT="1").stderr
    assert "http://[::1]:1:" in still(*words, HOMEROOM_PORT="1", HOMEROOM_HOST="::").stderr
    assert "http://127.0.0.1:2:" in still(*words, HOMEROOM_PORT="1", HOMEROOM_URL="127.0.0.1:2").stderr
    assert "--url" in still(*words, HOMEROOM_PORT="0").stderr


def test_people_are_listed_with_whom_they_stand_for(homeroom: CommandLine, database_url: str, home: Path) -> None:
    add_people(database_url, home, ada="student", pia="parent")
    homeroom("user", "link", "pia", "ada")
    listed = [line.split() for line in homeroom("user", "list").stdout.splitlines()]
    assert listed[1:] == [["ada", "ada", "student", "Ada"], ["pia", "pia", "parent", "Pia", "ada"]]
    assert homeroom("user", "list", "--role", "teacher").stdout.count("\n") == 1


def test_a_list_that_is_piped_is_cut_nowhere_and_comes_as_json_too(
    homeroom: CommandLine, database_url: str, home: Path
) -> None:
    long = "a" * 60
    add_people(database_url, home, **{long: "student"})
    assert homeroom("user", "list", COLUMNS="80").stdout.splitlines()[1].split() == [
        long,
        long,
        "student",
        long.title(),
    ]
    (person,) = json.loads(homeroom("user", "list", "--json").stdout)
    assert person == {
        "login": long,
        "id": long,
        "role": "student",
        "name": long.title(),
        "active": True,
        "stands_for": [],
    }


def test_a_server_that_is_not_there_is_named(homeroom: CommandLine, database_url: str, home: Path) -> None:
    add_people(database_url, home, ada="student")
    done = homeroom("call", "room:lobby", "join", "--as", "ada", "--url", "http://127.0.0.1:9", "--wait", "0.5")
    assert done.returncode == 1
    assert "http://127.0.0.1:9: no connection" in done.stderr
    assert "is the server running" in done.stderr
