"""The first page in a school of one's own, which has no room yet: it says so, staff make it there, everybody else sees it come."""

import time
from collections.abc import Callable, Iterator

import pytest
import trio

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.records.passwords import Passwords
from homeroom.records.users import Users
from tests.conftest import TRIAL
from tests.e2e.browser import Browser
from tests.e2e.page import Page
from tests.e2e.server import Server
from tests.e2e.test_page import HERE, say, sees

PASSWORD = "long enough 1"


@pytest.fixture(scope="module")
def new_school(new_database: Callable[[], str]) -> Iterator[Server]:
    """Run a school without a demo, with a teacher and a student."""
    with Server(database=new_database(), demo=False, lifted=False).opened() as made:
        trio.run(add_people, made.dsn)
        yield made


async def add_people(dsn: str) -> None:
    """Add the teacher and the student."""
    async with open_database(dsn, TRIAL) as database:
        users, hashed = Users(database, TrioClock(int(time.time() * 1000))), await Passwords().hash(PASSWORD)
        for login, role in (("tia", "teacher"), ("ann", "student")):
            await users.add(login, login.title(), role, hashed, id=login)


async def sign_in(server: Server, browser: Browser, login: str) -> Page:
    """Sign in at the door of a school that is no demo."""
    page = await browser.open_page()
    await page.go(f"{server.url}/")
    await page.fill("textbox", "Login", login)
    await page.fill("textbox", "Password", PASSWORD)
    await page.press("Enter")
    return page


async def test_a_school_without_a_lobby_says_so_and_its_teacher_makes_one_that_others_see_come(
    new_school: Server, browser: Browser
) -> None:
    ann, tia = await sign_in(new_school, browser, "ann"), await sign_in(new_school, browser, "tia")
    for page, told in ((ann, "A teacher makes it."), (tia, "Whoever is at this school")):
        await page.find("heading", "There is no room lobby here yet.")
        await page.wait_for_text(told, within="#absent")
        assert await page.run("document.getElementById('toast').hidden")
        assert await page.run("document.getElementById('composer-text').disabled")
    assert await ann.run("document.getElementById('me-name').textContent") == "Ann"
    assert not await ann.holds("button", "Make it")
    async with ann.same_document(), tia.same_document():
        await tia.click("button", "Make it")
        await tia.wait_for(HERE)
        assert await tia.run("document.activeElement.id") == "composer-text"
        await ann.run("window.dispatchEvent(new Event('focus'))")  # else it looks within five seconds
        await ann.wait_for(HERE)
        await say(tia, "welcome")
        await sees(ann, "welcome")
    for page in (ann, tia):
        assert await page.run("document.getElementById('absent').hidden")
        assert page.errors == []
