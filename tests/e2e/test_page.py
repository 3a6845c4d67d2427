"""The first page in a real browser against the real program: what people do with it, and what it survives."""

import json

import trio

from tests.e2e.browser import Browser
from tests.e2e.page import Page
from tests.e2e.serving import Serving

ANN = "demo-student-1"
BEN = "demo-student-2"
TEACHER = "demo-teacher-1"
LINES = "[...document.querySelectorAll('#messages .text')].map((line) => line.textContent)"
PENDING = "document.querySelectorAll('#pending li').length"
CONNECTED = "document.getElementById('connection').dataset.phase === 'connected'"
HERE = f"{CONNECTED} && document.getElementById('room-title').textContent === 'Lobby'"


async def come_in(server: Serving, browser: Browser, person: str, *, phone: bool = False) -> Page:
    """Open the printed link of a demo person, and wait until the room is there."""
    page = await (browser.open_page(width=390, height=780, touch=True) if phone else browser.open_page())
    await page.go(f"{server.url}/?as={person}")
    await page.wait_for(HERE)
    return page


async def say(page: Page, text: str) -> None:
    """Write a message and press Enter."""
    await page.fill("textbox", "Message", text)
    await page.press("Enter")


async def sees(page: Page, text: str, *, seconds: float = 20) -> None:
    """Wait until a message stands in the stream, acknowledged."""
    await page.wait_for(f"{LINES}.includes({json.dumps(text)})", seconds=seconds)


async def test_two_people_talk_and_see_each_other_typing_and_present(demo: Serving, browser: Browser) -> None:
    ann = await come_in(demo, browser, ANN)
    teacher = await come_in(demo, browser, TEACHER, phone=True)
    await say(ann, "What is for today?")
    await sees(teacher, "What is for today?")
    await teacher.fill("textbox", "Message", "Chapter")
    await ann.wait_for_text("Tara Teacher is typing", within="#typing")
    await teacher.fill("textbox", "Message", "Chapter 4")
    await teacher.click("button", "Send")
    await sees(ann, "Chapter 4")
    await ann.wait_for("document.getElementById('typing').textContent === ''")
    await ann.wait_for_text("Read by Tara Teacher", within="#messages")
    await ann.run("const status = document.getElementById('me-status'); status.value = 'dnd'; status.onchange({target: status})")
    await teacher.click("button", "People")
    await teacher.wait_for_text("Do not disturb", within="#members")
    await ann.fill("textbox", "What you are doing", "Reading chapter 4")
    await teacher.wait_for_text("Do not disturb · Reading chapter 4", within="#members")
    assert ann.errors == []
    assert teacher.errors == []
    assert ann.failed == []
    assert teacher.failed == []


async def test_somebody_who_leaves_or_hides_is_seen_offline(demo: Serving, browser: Browser) -> None:
    ann = await come_in(demo, browser, ANN)
    teacher = await come_in(demo, browser, TEACHER)
    of_ann = "[...document.querySelectorAll('#members li')].find((row) => row.innerText.includes('Student 1'))"
    await teacher.wait_for(f"{of_ann}.innerText.includes('Online')")
    await ann.run("const status = document.getElementById('me-status'); status.value = 'invisible'; status.onchange({target: status})")
    await teacher.wait_for(f"{of_ann}.innerText.includes('Offline')")
    await ann.wait_for_text("Invisible to others", within="#members")


async def test_edit_react_reply_and_delete_reach_the_others(demo: Serving, browser: Browser) -> None:
    ann = await come_in(demo, browser, ANN)
    teacher = await come_in(demo, browser, TEACHER)
    await say(ann, "Frist")
    await sees(teacher, "Frist")
    await ann.wait_for(f"{PENDING} === 0")
    await ann.press("ArrowUp")
    await ann.wait_for("document.getElementById('composer-send').textContent === 'Save'")
    await ann.fill("textbox", "Message", "First")
    await ann.press("Enter")
    await sees(teacher, "First (edited)")
    await teacher.run("document.querySelector('#messages article:last-of-type').focus()")
    await teacher.click("button", "React")
    await teacher.click("button", "React with 👍")
    await ann.wait_for_text("👍 1", within="#messages .chip")
    await teacher.run("document.querySelector('#messages article:last-of-type').focus()")
    await teacher.click("button", "Reply")
    await say(teacher, "Well done")
    await ann.wait_for_text("Student 1 First", within="#messages .quote")
    await ann.run("document.querySelector('#messages .own').focus()")
    await ann.click("button", "Delete")
    await ann.click("button", "Really delete")
    await teacher.wait_for_text("Deleted.", within="#messages")
    assert "First (edited)" not in await teacher.run(LINES)


async def test_whatever_is_written_stays_text_everywhere_on_the_page(demo: Serving, browser: Browser) -> None:
    evil = """<img src=x onerror="window.harmed=1"><script>window.harmed=1</script><b>bold</b>"""
    ann = await come_in(demo, browser, ANN)
    teacher = await come_in(demo, browser, TEACHER)
    await ann.fill("textbox", "What you are doing", evil[:100])
    await say(ann, evil)
    await sees(teacher, evil)
    await sees(ann, evil)
    await teacher.wait_for_text(evil[:60], within="#members")
    for page in (ann, teacher):
        assert await page.run("document.querySelectorAll('#hall img:not([src^=\"/static/\"]), #hall script, #hall b').length") == 0
        assert await page.run("window.harmed ?? null") is None
        assert page.errors == []


async def test_a_kill_and_a_new_start_of_the_server_lose_and_double_nothing(mortal: Serving, browser: Browser) -> None:
    ann = await come_in(mortal, browser, ANN)
    teacher = await come_in(mortal, browser, TEACHER)
    async with ann.same_document(), teacher.same_document():
        for number in range(5):
            await say(ann, f"before {number}")
        await sees(teacher, "before 0")
        await say(ann, "in flight")
        await trio.to_thread.run_sync(mortal.kill)
        await ann.wait_for("document.getElementById('connection').dataset.phase !== 'connected'")
        for number in range(3):
            await say(ann, f"while away {number}")
        await say(teacher, "is anybody there?")
        await ann.wait_for(f"{PENDING} > 0")
        await trio.to_thread.run_sync(mortal.start)
        for page in (ann, teacher):
            await page.wait_for(f"{PENDING} === 0", seconds=60)
            await sees(page, "is anybody there?", seconds=60)
            await sees(page, "while away 2", seconds=60)
        await say(teacher, "welcome back")
        await sees(ann, "welcome back")
    said = {*(f"before {n}" for n in range(5)), "in flight", *(f"while away {n}" for n in range(3)), "is anybody there?", "welcome back"}
    of_ann, of_teacher = await ann.run(LINES), await teacher.run(LINES)
    assert of_ann == of_teacher
    assert sorted(of_ann) == sorted(said)
    by_ann = [line for line in of_ann if line not in {"is anybody there?", "welcome back"}]
    assert by_ann == [*(f"before {n}" for n in range(5)), "in flight", *(f"while away {n}" for n in range(3))]


async def test_what_is_written_while_away_survives_a_reload_of_the_tab(mortal: Serving, browser: Browser) -> None:
    ann = await come_in(mortal, browser, ANN)
    await say(ann, "first")
    await ann.wait_for(f"{LINES}.length === 1 && {PENDING} === 0")
    await ann.ask("Network.enable")
    await ann.ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    await trio.to_thread.run_sync(mortal.kill)
    await say(ann, "kept")
    await ann.wait_for(f"{PENDING} === 1")
    await ann.ask("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    await trio.to_thread.run_sync(mortal.start)
    await ann.go(f"{mortal.url}/")
    await ann.wait_for(f"{LINES}.includes('kept') && {PENDING} === 0", seconds=60)
    assert await ann.run(LINES) == ["first", "kept"]


async def test_older_messages_are_loaded_until_the_beginning(demo: Serving, browser: Browser) -> None:
    ann = await come_in(demo, browser, ANN)
    ids = await post_many(ann, 70)
    teacher = await come_in(demo, browser, TEACHER)
    await sees(teacher, f"line {ids - 1}")
    assert await teacher.run(f"{LINES}.length") == 50
    await teacher.click("button", "Load older messages")
    await teacher.wait_for_text("This is where the room begins.")
    assert await teacher.run(LINES) == [f"line {number}" for number in range(ids)]


async def post_many(page: Page, count: int) -> int:
    """Post `count` messages as the page's person, by REST, in order; the chat's budget is waited for. Returns the count."""
    script = """(async () => {
      const { token } = JSON.parse(sessionStorage.getItem("homeroom.session"));
      for (let number = 0; number < %d;) {
        const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
        const body = JSON.stringify({ text: `line ${number}` });
        const answer = await fetch("/api/rooms/lobby/messages", { method: "POST", headers, body });
        if (answer.ok) number += 1;
        else if (answer.status === 429) await new Promise((resolve) => setTimeout(resolve, 1000));
        else throw new Error(await answer.text());
      }
    })()"""
    with trio.fail_after(120):
        await page.run(script % count)
    return count


async def test_a_wrong_password_is_told_and_a_right_one_comes_in(demo: Serving, browser: Browser) -> None:
    page = await browser.open_page()
    await page.go(f"{demo.url}/")
    password = await page.run("fetch('/api/demo').then((answer) => answer.json()).then((demo) => demo.password)")
    await page.click("button", "Sign in with a login and password")
    await page.fill("textbox", "Login", ANN)
    await page.fill("textbox", "Password", "wrong")
    await page.click("button", "Sign in")
    await page.wait_for_text("This login and password do not belong together.", within="[role=alert]")
    await page.fill("textbox", "Password", password)
    await page.press("Enter")
    await page.wait_for("document.getElementById('connection').dataset.phase === 'connected'")
    assert page.errors == []
    assert await page.run("Object.values(localStorage).length") == 0
    assert "eyJ" not in await page.run("location.href")


async def test_a_demo_person_comes_in_by_one_press_and_goes_out_again(demo: Serving, browser: Browser) -> None:
    page = await browser.open_page(width=390, height=780, touch=True)
    await page.go(f"{demo.url}/")
    await page.click("button", "Student 1 Student")
    await page.wait_for("document.getElementById('connection').dataset.phase === 'connected'")
    await page.click("button", "People")
    await page.click("button", "Sign out")
    await page.find("button", "Student 1 Student")
    assert await page.run("sessionStorage.getItem('homeroom.session')") is None


async def test_everything_that_can_be_used_has_a_name_and_nothing_is_wider_than_a_phone(demo: Serving, browser: Browser) -> None:
    page = await come_in(demo, browser, ANN, phone=True)
    await say(page, "w" * 300)
    await sees(page, "w" * 300)
    tree = (await page.ask("Accessibility.getFullAXTree"))["nodes"]
    usable = {"button", "textbox", "combobox", "link", "listbox"}
    nameless = [
        node for node in tree
        if not node["ignored"] and node["role"]["value"] in usable and not node.get("name", {}).get("value")
    ]  # fmt: skip
    assert nameless == []
    assert await page.run("document.documentElement.scrollWidth") == 390
