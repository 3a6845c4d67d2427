"""The page of the REST doors in a real browser: read from the server's own description, and good for trying."""

from dataclasses import replace
from typing import Any, cast

import trio

from homeroom.engine.database import Database
from homeroom.http.app import Demo
from homeroom.http.authentication import UserAnswer
from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.replay import ReplayStream
from homeroom.protocol.room import Create
from homeroom.records.types import RECORD_TYPES
from tests.e2e.browser import Browser
from tests.http.record_school import make_school
from tests.http.rest_school import School

MARKUP = "<img src=x onerror=alert(1)>"


async def serve(school: School, nursery: trio.Nursery) -> str:
    """Serve a school's application on a port of its own and return its address."""
    server = HttpServer(school.app)
    await nursery.start(server.run)

    async def handle(stream: trio.SocketStream) -> None:
        await server.serve(ReplayStream(stream, b""))

    listeners = await nursery.start(trio.serve_tcp, handle, 0)
    return f"http://localhost:{listeners[0].socket.getsockname()[1]}"


async def test_the_page_shows_every_door_and_lets_one_be_tried(nursery: trio.Nursery, browser: Browser) -> None:
    school = await School().open(nursery)
    await school.do("room:lobby", Create(MARKUP))
    url = await serve(school, nursery)
    document = (await school.call("GET", "/openapi.json")).body
    count = sum(map(len, document["paths"].values()))
    page = await browser.open_page()
    await page.go(f"{url}/docs")
    await page.wait_for(f"document.querySelectorAll('details').length === {count}")
    await page.fill("searchbox", "Find", "healthz")
    await page.wait_for("[...document.querySelectorAll('details')].filter((one) => !one.hidden).length === 1")
    await page.run("document.querySelector('#healthz summary').click()")
    await page.click("button", "Send GET")
    await page.wait_for_text('"status": "ok"')
    assert "internal" not in await page.run("document.querySelector('#healthz').innerText")
    await page.run("[...document.querySelectorAll('#healthz summary')].at(-1).click()")
    await page.wait_for_text("internal", within="#healthz")
    assert page.errors == []


async def test_what_the_server_answers_is_shown_as_text_and_a_refusal_as_what_it_is(
    nursery: trio.Nursery, browser: Browser
) -> None:
    school = await School().open(nursery)
    url = await serve(school, nursery)
    page = await browser.open_page()
    await page.go(f"{url}/docs")
    await page.wait_for("document.querySelector('#presence_user')")
    await page.run("document.querySelector('#presence_user summary').click()")
    await page.fill("textbox", "user (path)", MARKUP)
    await page.click("button", "Send GET")
    await page.wait_for_text("401 application/problem+json")
    assert await page.run("document.querySelectorAll('img').length") == 0
    assert [error for error in page.errors if "401" not in error] == []


async def test_sending_stands_above_the_errors_and_backticks_are_shown_as_code(
    nursery: trio.Nursery, browser: Browser
) -> None:
    school = await School().open(nursery)
    url = await serve(school, nursery)
    page = await browser.open_page()
    await page.go(f"{url}/docs")
    await page.wait_for("document.querySelector('#sync')")
    await page.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    await page.wait_for("document.querySelectorAll('details[data-find]:not(:has(.try))').length === 0")
    await page.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert "`" not in await page.run("document.body.innerText")
    assert await page.run("[...document.querySelectorAll('#sync code')].map((one) => one.textContent)") != []
    place = "(one) => document.querySelector(one).getBoundingClientRect().top"
    assert await page.run(f"(({place})('#sync .try button') < ({place})('#sync details'))")
    assert await page.run("document.getElementById('demo').hidden")
    assert (page.errors, page.failed) == ([], [])


async def test_fields_open_inside_answers_and_an_address_leads_to_a_door(
    nursery: trio.Nursery, browser: Browser
) -> None:
    school = await make_school(cast("Database", None), RECORD_TYPES).school.open(nursery)
    assert school.parts.records is not None
    files: Any = object()  # what takes them in is not asked: its doors are shown
    school.parts = replace(school.parts, records=replace(school.parts.records, reception=files))
    url = await serve(school, nursery)
    page = await browser.open_page()
    await page.go(f"{url}/docs#entry_create")
    await page.wait_for("document.querySelector('#entry_create').open && document.querySelector('#entry_create .try')")
    assert "ETag" in await page.run("document.querySelector('#entry_create').innerText")
    example = await page.run("JSON.parse(document.querySelector('#entry_create textarea').value)")
    assert set(example) == {"title", "body"}
    await page.run(
        "[...document.querySelectorAll('#entry_create .type > summary')].find((one) => one.innerText === 'EntryShown').click()"
    )
    await page.wait_for_text("the id of the user who is the student", within="#entry_create .type")
    await page.wait_for_text("always", within="#entry_create .type")
    await page.run("location.hash = 'upload_receive'")
    await page.wait_for("document.querySelector('#upload_receive').open")
    await page.wait_for("document.querySelector('#upload_receive .try input[type=file]')")
    await page.fill("searchbox", "Find", "/api/entries/{id}/review")
    await page.wait_for("[...document.querySelectorAll('main section')].filter((one) => !one.hidden).length === 1")
    assert await page.run("[...document.querySelectorAll('#contents li')].filter((one) => !one.hidden).length") == 1
    await page.run("location.hash = 'entry_list'")
    await page.wait_for("document.querySelector('#entry_list .try')")
    await page.run("document.querySelector('#entry_list .try button').click()")  # a list: nothing has to be filled in
    await page.wait_for_text("401 application/problem+json", within="#entry_list")
    assert [error for error in page.errors if "401" not in error] == []


async def test_the_demo_says_how_to_log_in(nursery: trio.Nursery, browser: Browser) -> None:
    people = (UserAnswer("demo-admin", "Ada", "admin"), UserAnswer("demo-student-1", MARKUP, "student"))
    school = await School(demo=Demo(people, "open sesame")).open(nursery)
    url = await serve(school, nursery)
    page = await browser.open_page()
    await page.go(f"{url}/docs")
    told = "This is a demo: log in as demo-admin, demo-student-1 with the password open sesame."
    await page.wait_for_text(told, within="#demo")
    assert page.errors == []
