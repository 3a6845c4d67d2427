"""The page's modules in a real browser, each without server, network or waiting: the tests stand in the `.test.js` files."""

import base64
import json
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from msgspec import to_builtins

from homeroom.protocol.room import RoomState, reduce_room, show_room
from tests.e2e.browser import Browser
from tests.e2e.devtools import Json
from tests.e2e.page import Page
from tests.e2e.web.histories import random_history

ORIGIN = "https://page.test"
HERE = Path(__file__).parent
STATIC = Path(str(files("homeroom.http") / "static"))
MODULES = sorted(path.name for path in HERE.glob("*.test.js"))


def find_file(path: str) -> tuple[str, bytes] | None:
    """Return type and content of what the page asks for: the product's files under `/static/`, the tests beside them."""
    if path == "/":
        return "text/html", b"<!doctype html><title>tests</title><body></body>"
    folder, _, name = path.removeprefix("/").partition("/")
    place = {"static": STATIC, "tests": HERE}.get(folder, HERE) / name
    return (mimetypes.guess_type(name)[0] or "text/plain", place.read_bytes()) if place.is_file() else None


@asynccontextmanager
async def served_page(browser: Browser) -> AsyncIterator[Page]:
    """Open a page whose requests are answered from files: a secure origin without a server."""
    async with trio.open_nursery() as nursery:
        page = await browser.open_page()

        async def answer(request: Json) -> None:
            found = find_file(urlsplit(request["request"]["url"]).path)
            kind, body = found or ("text/plain", b"no such file")
            await page.ask(
                "Fetch.fulfillRequest",
                requestId=request["requestId"],
                responseCode=200 if found else 404,
                responseHeaders=[{"name": "Content-Type", "value": kind}],
                body=base64.b64encode(body).decode(),
            )

        page.listen("Fetch.requestPaused", lambda request: nursery.start_soon(answer, request))
        await page.ask("Fetch.enable", patterns=[{"urlPattern": f"{ORIGIN}/*"}])
        await page.go(f"{ORIGIN}/")
        yield page
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("module", MODULES)
async def test_the_modules_of_the_page_do_what_their_tests_say(module: str, browser: Browser) -> None:
    async with served_page(browser) as page:
        outcome = await page.run(
            f"import('/tests/{module}').then(() => import('/tests/check.js')).then(({{ runAll }}) => runAll())"
        )
    assert outcome["count"] > 0
    assert outcome["failures"] == [], "\n\n".join(f"{one['name']}\n{one['why']}" for one in outcome["failures"])


async def test_the_page_reduces_events_to_the_same_state_as_the_protocol_does(browser: Browser) -> None:
    histories = [_tell(seed) for seed in range(40)]
    assert sum(len(history["steps"]) for history in histories) > 4_000
    async with served_page(browser) as page:
        await page.run("import('/tests/room.test.js')")
        for history in histories:
            differing = await page.run(f"window.compareHistories({_literal([history])})")
            assert differing == [], f"seed {history['seed']}: {differing}"


def _tell(seed: int) -> Json:
    """Return a random history as a client gets it: a snapshot somewhere in it, then the events, with views in between."""
    random = Random(seed)
    facts = random_history(random, 400)
    begin = random.randrange(len(facts) // 3)
    state = RoomState()
    for fact in facts[:begin]:
        reduce_room(state, fact)
    start, steps = to_builtins(show_room(state)), []
    for fact in facts[begin:]:
        reduce_room(state, fact)
        event = {"type": fact.event.type, "at": fact.at, "by": fact.by, "d": to_builtins(fact.event)}
        steps.append({"event": event, "view": to_builtins(show_room(state)) if random.random() < 0.2 else None})
    steps[-1]["view"] = to_builtins(show_room(state))
    return {"seed": seed, "start": start, "steps": steps}


def _literal(value: Any) -> str:
    """Return `value` as JavaScript."""
    return f"JSON.parse({json.dumps(json.dumps(value))})"
