"""The page of the REST doors in a real browser: read from the server's own description, and good for trying."""

import trio

from homeroom.http.hypercorn_guard import HttpServer
from homeroom.http.replay import ReplayStream
from homeroom.protocol.room import Create
from tests.e2e.browser import open_browser
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


async def test_the_page_shows_every_door_and_lets_one_be_tried(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    await school.do("room:lobby", Create(MARKUP))
    url = await serve(school, nursery)
    document = (await school.call("GET", "/openapi.json")).body
    count = sum(map(len, document["paths"].values()))
    async with open_browser() as browser:
        page = await browser.open_page()
        await page.go(f"{url}/docs")
        await page.wait_for(f"document.querySelectorAll('details').length === {count}")
        await page.fill("searchbox", "Find", "healthz")
        await page.wait_for("[...document.querySelectorAll('details')].filter((one) => !one.hidden).length === 1")
        await page.run("document.querySelector('#healthz summary').click()")
        await page.click("button", "Send GET")
        await page.wait_for_text('"status": "ok"')
        await page.wait_for_text("internal", within="#healthz")
        assert page.errors == []


async def test_what_the_server_answers_is_shown_as_text_and_a_refusal_as_what_it_is(nursery: trio.Nursery) -> None:
    school = await School().open(nursery)
    url = await serve(school, nursery)
    async with open_browser() as browser:
        page = await browser.open_page()
        await page.go(f"{url}/docs")
        await page.wait_for("document.querySelector('#presence_user')")
        await page.run("document.querySelector('#presence_user summary').click()")
        await page.fill("textbox", "user (path)", MARKUP)
        await page.click("button", "Send GET")
        await page.wait_for_text("401 application/problem+json")
        assert await page.run("document.querySelectorAll('img').length") == 0
        assert [error for error in page.errors if "401" not in error] == []
