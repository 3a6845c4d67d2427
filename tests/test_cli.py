"""The command line, as a person or a script uses it: real processes, a real database."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Homeroom = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(database_url: str) -> Mapping[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOMEROOM_", "PYTHONDONT"))}
    return {**clean, "DATABASE_URL": database_url, "HOMEROOM_ALLOW_UNSAFE_DATABASE": "true"}


@pytest.fixture
def homeroom(environment: Mapping[str, str], home: Path) -> Homeroom:
    """Return a function that runs the command line to its end."""

    def run(*words: str, say: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "homeroom", *words],
            env={**environment, "HOMEROOM_DATA_DIR": str(home), **more},
            input=say,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def server(environment: Mapping[str, str], home: Path) -> Iterator[str]:
    """Run a demo school, and return its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "homeroom", "serve", "--demo", "--port", "0"],
        env={**environment, "HOMEROOM_DATA_DIR": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        first = process.stdout.readline()
        assert "open at" in first
        yield first.split()[-1]
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(15) == 0


def test_version_and_help_need_no_database(homeroom: Homeroom) -> None:
    assert homeroom("version", DATABASE_URL="postgresql://nowhere.invalid/x").stdout.strip() == "0.1.0"
    assert "serve" in homeroom("--help").stdout


def test_migrate_says_what_it_did_and_does_it_once(homeroom: Homeroom) -> None:
    assert homeroom("migrate").stdout.strip() == "nothing to do"


def test_a_person_is_added_and_gets_a_token_that_the_check_understands(homeroom: Homeroom) -> None:
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
        (["serve", "--demo", "--host", "0.0.0.0"], "public"),  # noqa: S104 - refused
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_without_a_trace(
    homeroom: Homeroom, words: list[str], says: str
) -> None:
    done = homeroom(*words, say="short\n")
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unfit_login_is_refused_by_name(homeroom: Homeroom) -> None:
    done = homeroom("user", "add", "a b", "--password-stdin", say="long enough 1\n")
    assert done.returncode == 2
    assert "login" in done.stderr


def test_a_login_is_taken_once(homeroom: Homeroom) -> None:
    add = ["user", "add", "ada", "--password-stdin"]
    assert homeroom(*add, say="long enough 1\n").returncode == 0
    again = homeroom(*add, say="long enough 1\n")
    assert again.returncode == 1
    assert "conflict" in again.stderr


def test_parents_are_linked_to_their_children_and_unlinked_again(homeroom: Homeroom) -> None:
    for login, role in (("pam", "parent"), ("ann", "student")):
        homeroom("user", "add", login, "--role", role, "--password-stdin", say="long enough 1\n")
    assert homeroom("user", "link", "pam", "ann").stdout.strip() == "pam stands for ann"
    assert homeroom("user", "link", "pam", "ann").stdout.strip() == "pam stands for ann already"
    assert homeroom("user", "unlink", "pam", "ann").stdout.strip() == "pam stands for ann no longer"
    for words, says in (
        (("unlink", "pam", "ann"), "does not stand for"),
        (("link", "ann", "pam"), "ann is a student, not a parent"),
        (("link", "pam", "nobody"), "nobody with the login 'nobody'"),
    ):
        done = homeroom("user", *words)
        assert done.returncode == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_config_show_tells_every_setting_and_hides_the_database_url(homeroom: Homeroom) -> None:
    shown = homeroom("config", "show", "--json", HOMEROOM_CHAT_PER_MINUTE="7")
    values = json.loads(shown.stdout)
    assert values["chat_per_minute"] == 7
    assert values["database_url"] == "(set, hidden)"
    assert "postgresql://" not in homeroom("config", "show").stdout


def test_a_misspelt_setting_is_refused(homeroom: Homeroom) -> None:
    done = homeroom("config", "show", HOMEROOM_CHATS_PER_MINUTE="7")
    assert done.returncode == 2
    assert "HOMEROOM_CHATS_PER_MINUTE" in done.stderr


def test_doctor_refuses_a_database_that_forgets_unless_it_is_told_to_bear_it(homeroom: Homeroom) -> None:
    assert homeroom("doctor").returncode == 0
    strict = homeroom("doctor", HOMEROOM_ALLOW_UNSAFE_DATABASE="false")
    assert strict.returncode == 1
    assert "fsync" in strict.stdout


def test_people_talk_from_the_command_line_while_the_server_runs(homeroom: Homeroom, server: str) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return homeroom("call", *words, HOMEROOM_URL=server)

    assert call("room:lobby", "join", "--as", "demo-student-1").returncode == 0
    said = json.loads(call("room:lobby", "say", '{"text": "Grüße <b>"}', "--as", "demo-student-1").stdout)
    assert said["pos"][0] == "room:lobby"
    history = json.loads(call("room:lobby", "history", "--as", "demo-student-1").stdout)
    assert [message["text"] for message in history["data"]["messages"]] == ["Grüße <b>"]
    refused = call("room:lobby", "fly", "--as", "demo-student-1")
    assert refused.returncode == 1
    assert "bad_command" in refused.stderr
    assert "history" in refused.stderr, "what is allowed is said"


def test_tail_prints_past_and_live_events_a_line_of_json_each(
    homeroom: Homeroom, server: str, environment: Mapping[str, str], home: Path
) -> None:
    homeroom("call", "room:lobby", "join", "--as", "demo-teacher-1", "--url", server)
    words = ["tail", "room:lobby", "--since", "0", "--as", "demo-teacher-1", "--url", server]
    with subprocess.Popen(
        [sys.executable, "-m", "homeroom", *words],
        env={**environment, "HOMEROOM_DATA_DIR": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["kind"] == "resumed"
        assert json.loads(tail.stdout.readline())["type"] == "room.created"
        homeroom("call", "room:lobby", "join", "--as", "demo-student-2", "--url", server)
        seen = (json.loads(line) for line in tail.stdout)
        joined = next(item for item in seen if item["by"] == "demo-student-2")
        assert joined["type"] == "room.joined"
        tail.send_signal(signal.SIGINT)
        tail.stdout.read()
    assert tail.returncode == 130


def test_p15_who_stands_for_a_child_no_longer_is_cut_off_within_seconds(
    environment: Mapping[str, str], homeroom: Homeroom, home: Path, server: str
) -> None:
    homeroom("call", "room:lobby", "join", "--as", "demo-parent-1", "--url", server)
    words = ["tail", "room:lobby", "--since", "0", "--as", "demo-parent-1", "--url", server]
    with subprocess.Popen(
        [sys.executable, "-m", "homeroom", *words],
        env={**environment, "HOMEROOM_DATA_DIR": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert json.loads(tail.stdout.readline())["kind"] == "resumed"
        done = homeroom("user", "unlink", "demo-parent-1", "demo-student-2")
        assert done.stdout.strip() == "demo-parent-1 stands for demo-student-2 no longer"
        began = time.monotonic()
        tail.stdout.read()
        assert tail.wait(15) == 1
        assert time.monotonic() - began < 5
        assert "revoked" in tail.stderr.read()


def test_a_command_in_the_wrong_directory_makes_no_school_there(homeroom: Homeroom, home: Path) -> None:
    for words in (["token", "create", "ada"], ["doctor"]):
        done = homeroom(*words, DATABASE_URL="")
        assert str(home) in done.stderr + done.stdout
        assert not (home / "postgres").exists()


def test_a_port_in_use_is_named_before_anything_is_started(homeroom: Homeroom, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = homeroom("serve", "--port", str(port), DATABASE_URL="")
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert not (home / "postgres").exists()


def test_a_wrong_database_url_is_named(homeroom: Homeroom) -> None:
    done = homeroom("migrate", DATABASE_URL="postgresql://127.0.0.1:9/x")
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


def test_a_server_that_is_not_there_is_named(homeroom: Homeroom) -> None:
    homeroom("user", "add", "ada", "--password-stdin", say="long enough 1\n")
    done = homeroom("call", "room:lobby", "join", "--as", "ada", "--url", "http://127.0.0.1:9", "--wait", "2")
    assert done.returncode == 1
    assert "http://127.0.0.1:9: no connection" in done.stderr
    assert "is the server running" in done.stderr
