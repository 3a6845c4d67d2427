"""Carries out `docs/client.md` against a real server: its code, word for word, in the order of the page."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import trio

import homeroom.client
from homeroom.client import Client, ClientSettings, open_client
from homeroom.records.demo import DEMO_PASSWORD
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "client.md"
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
ANN, BEN = "demo-student-1", "demo-student-2"
LOBBY = "room:lobby"


def program() -> str:
    """Return all code of the page as one module."""
    return "\n\n".join(found["code"].rstrip() + "\n" for found in BLOCK.finditer(PAGE.read_text("utf-8")))


@pytest.fixture
def page() -> Any:
    """Return what the code of the page defines."""
    module = ModuleType("client_page")
    exec(compile(program(), str(PAGE), "exec"), module.__dict__)  # noqa: S102 - the page's own code
    return module


@pytest.fixture
def server(demo: Server) -> SimpleNamespace:
    """Give a demo school; `http` and `ws` are its addresses."""
    return SimpleNamespace(http=demo.url, ws=demo.url.replace("http", "ws", 1) + "/ws")


def client_of(page: Any, server: Any, login: str) -> Any:
    """Return `open_client` for somebody of the demo school who logs in as the page shows."""
    return open_client(server.ws, page.Login(server.http, login, DEMO_PASSWORD).token)


async def test_a_message_is_said_and_found_by_folding(page: Any, server: Any) -> None:
    with trio.fail_after(30):
        message_id = await page.greet(server.ws, page.Login(server.http, ANN, DEMO_PASSWORD))
        async with client_of(page, server, ANN) as client:
            assert await page.wait_for_message(client, LOBBY, message_id) == "Here is Student 1"
            later = (await client.call(LOBBY, "say", text="later")).data["id"]
        async with client_of(page, server, ANN) as client:
            assert await page.wait_for_message(client, LOBBY, later) == "later"


async def test_a_room_is_printed_as_it_goes_on_until_one_is_thrown_out(page: Any, server: Any) -> None:
    address, lines = "room:printed", printed_by(page)
    async with client_of(page, server, "demo-teacher-1") as teacher, client_of(page, server, BEN) as ben:
        with trio.fail_after(30):
            await teacher.call(address, "create", title="Printed")
            await ben.call(address, "join")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(page.print_room, ben, address)
                await wait_line(lines, "Printed, 2 members, after event 3")
                await teacher.call(address, "typing")
                await wait_line(lines, "demo-teacher-1 is typing")
                await teacher.call(address, "say", text="hello")
                await wait_line(lines, "demo-teacher-1: hello")
                await teacher.call(address, "remove", user=BEN)
            await wait_line(lines, "no more of this: forbidden")


def printed_by(page: Any) -> trio.MemoryReceiveChannel[str]:
    """Return what the code of the page prints from now on."""
    printed, lines = trio.open_memory_channel[str](1_000)
    page.print = printed.send_nowait
    return lines


async def wait_line(lines: trio.MemoryReceiveChannel[str], wanted: str) -> None:
    """Wait until a line is printed; what is printed before it is passed over."""
    while await lines.receive() != wanted:
        pass


async def test_a_refusal_and_a_closed_client_are_told_apart(page: Any, server: Any) -> None:
    with trio.fail_after(30):
        async with client_of(page, server, ANN) as client:
            assert await page.say_or_explain(client, "room:nowhere", "hello") == "not said: not_found"
            await client.call(LOBBY, "join")
            assert await page.say_or_explain(client, LOBBY, "hello") == "said"
        async with open_client(server.ws, "no token") as nobody:
            assert await page.say_or_explain(nobody, LOBBY, "hello") == "not connected any more: 4401"


async def test_the_connection_is_shown_until_it_is_closed(page: Any, server: Any) -> None:
    lines = printed_by(page)
    with trio.fail_after(30):
        async with open_client(server.ws, "no token") as nobody:
            await page.show_connection(nobody)
    assert lines.receive_nowait() == "connecting, 0 failures in a row"


def test_every_name_of_the_client_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for name in set(homeroom.client.__all__) - {"Fold", "Subscription"}:
        assert re.search(rf"\b{name}\b", text), name
    assert f"{ClientSettings().buffer:,} items" in text
    for method in (name for name in vars(Client) if not name.startswith("_") and name not in INSIDE):
        assert f"{method}" in text, method


INSIDE = {"run", "close", "welcome", "statistics"}
"""Of the client's own, or for operators."""


def test_the_code_of_the_page_is_typed_and_clean(tmp_path: Path) -> None:
    path = tmp_path / "client_page.py"
    path.write_text(program(), "utf-8")
    for arguments in (
        ["ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), "--ignore", "D,S,T,ASYNC,INP"],
        ["mypy", "--strict", "--cache-dir", str(tmp_path / ".types")],
    ):
        command = [sys.executable, "-m", *arguments, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
