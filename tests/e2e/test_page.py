"""The first page in a real browser against the real program: what people do with it, and what it survives."""

import json

import trio

from tests.e2e.browser import Browser
from tests.e2e.page import Page
from tests.e2e.server import Server

LINES = "[...document.querySelectorAll('#messages .text')].map((line) => line.textContent)"
NEWEST = 50
"""So many messages are there at first."""
PENDING = "document.querySelectorAll('#pending li').length"
HIDE = """
(Object.defineProperty(document, "hidden", { value: %s, configurable: true }),
document.dispatchEvent(new Event("visibilitychange")))"""
BELOW_MARK = "[...document.querySelectorAll('.divider.unread ~ li .text')].map((line) => line.textContent)"
CONNECTED = "document.getElementById('connection').dataset.phase === 'connected'"
HERE = f"{CONNECTED} && document.getElementById('room-title').textContent === 'Lobby'"


async def come_in(server: Server, browser: Browser, person: str, *, phone: bool = False) -> Page:
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


async def stand_at(page: Page, text: str) -> None:
    """Put the focus onto the message with this text, so that its buttons are there."""
    found = f"[...document.querySelectorAll('#messages article')].find((one) => one.querySelector('.text')?.textContent === {json.dumps(text)})"
    await page.wait_for(f"{found} && ({found}.focus(), true)")


async def test_two_people_talk_and_see_each_other_typing_and_present(demo: Server, browser: Browser) -> None:
    ann = await come_in(demo, browser, "demo-student-1")
    teacher = await come_in(demo, browser, "demo-teacher-1", phone=True)
    await say(ann, "What is for today?")
    for page in (ann, teacher):
        await sees(page, "What is for today?")
    await ann.wait_for_text("Read by Tara Teacher", within="#messages")
    await teacher.fill("textbox", "Message", "Chapter")
    await ann.wait_for_text("Tara Teacher is typing", within="#typing")
    await teacher.fill("textbox", "Message", "Chapter 4")
    await teacher.click("button", "Send")
    await sees(ann, "Chapter 4")
    await ann.wait_for("document.getElementById('typing').textContent === ''")
    await ann.choose("Your status", "dnd")
    await teacher.click("button", "People")
    await teacher.wait_for_text("Do not disturb", within="#members")
    await ann.fill("textbox", "What you are doing", "Reading chapter 4")
    await teacher.wait_for_text("Do not disturb · Reading chapter 4", within="#members")
    for page in (ann, teacher):
        assert page.errors == []
        assert page.failed == []


async def test_somebody_who_hides_looks_offline_to_others_and_knows_it(demo: Server, browser: Browser) -> None:
    hiding = await come_in(demo, browser, "demo-student-3")
    other = await come_in(demo, browser, "demo-student-4")
    row = "[...document.querySelectorAll('#members li')].find((row) => row.innerText.includes('Student 3')).innerText"
    await other.wait_for(f"{row}.includes('Online')")
    await hiding.choose("Your status", "invisible")
    await other.wait_for(f"{row}.includes('Offline')")
    await hiding.wait_for(f"{row}.includes('Invisible to others')")
    await hiding.choose("Your status", "busy")
    await other.wait_for(f"{row}.includes('Busy')")


async def test_edit_react_reply_and_delete_reach_the_others(demo: Server, browser: Browser) -> None:
    author = await come_in(demo, browser, "demo-student-5")
    other = await come_in(demo, browser, "demo-teacher-2")
    await say(author, "Frist")
    await sees(other, "Frist")
    await author.wait_for(f"{PENDING} === 0")
    await author.press("ArrowUp")
    await author.find("button", "Save")
    await author.fill("textbox", "Message", "First")
    await author.press("Enter")
    await sees(other, "First (edited)")
    await stand_at(other, "First (edited)")
    await other.click("button", "React")
    await other.click("button", "React with 👍")
    await author.find("button", "👍 1: Theo Teacher")
    await stand_at(other, "First (edited)")
    await other.click("button", "Reply")
    await say(other, "Well done")
    await author.wait_for_text("Student 5 First", within="#messages .quote")
    await stand_at(author, "First (edited)")
    await author.click("button", "Delete")
    await author.click("button", "Really delete")
    await other.wait_for_text("a deleted message", within="#messages .quote")
    assert "First (edited)" not in await other.run(LINES)


async def test_escape_puts_away_the_emoji_and_the_question_whether_to_delete(demo: Server, browser: Browser) -> None:
    author = await come_in(demo, browser, "demo-student-6")
    await say(author, "to be kept")
    await sees(author, "to be kept")
    await stand_at(author, "to be kept")
    for name, asked in (("React", "Cancel"), ("Delete", "Really delete")):
        await author.click("button", name)
        await author.find("button", asked)
        await author.press("Escape")
        await author.find("button", name)
        assert not await author.holds("button", asked)
        assert await author.run("document.activeElement.closest('article') !== null")
    assert "to be kept" in await author.run(LINES)


async def test_a_message_that_somebody_else_deleted_says_who_it_was(demo: Server, browser: Browser) -> None:
    author = await come_in(demo, browser, "demo-student-1")
    admin = await come_in(demo, browser, "demo-admin")
    before = await author.run(LINES)
    for text in ("mine to delete", "theirs to delete"):
        await say(author, text)
        await sees(admin, text)
    for page, text, told in ((author, "mine to delete", "Deleted."), (admin, "theirs to delete", "Deleted by ")):
        await stand_at(page, text)
        await page.click("button", "Delete")
        await page.click("button", "Really delete")
        await author.wait_for(f"{LINES}.slice({len(before)}).some((line) => line.startsWith({json.dumps(told)}))")
    name = await admin.run("document.getElementById('me-name').textContent")
    assert await author.run(LINES) == [*before, "Deleted.", f"Deleted by {name}."]


async def test_a_text_that_is_too_long_is_kept_and_told_but_not_sent(demo: Server, browser: Browser) -> None:
    page = await come_in(demo, browser, "demo-student-2")
    text = "😀" * 4_000
    await page.fill("textbox", "Message", text + "xyz")
    await page.wait_for_text("3 characters too many", within="#composer-over")
    assert await page.run("document.getElementById('composer-text').value.length") == 8_003
    assert await page.run("document.getElementById('composer-send').disabled")
    await page.press("Enter")
    assert await page.run("document.getElementById('composer-text').value.length") == 8_003
    assert await page.run(PENDING) == 0
    await page.fill("textbox", "Message", text)
    await page.wait_for("document.getElementById('composer-over').textContent === ''")
    await page.press("Enter")
    await sees(page, text)
    assert page.errors == []


async def test_what_comes_while_the_tab_is_hidden_is_unread_until_it_is_looked_at(
    demo: Server, browser: Browser
) -> None:
    reader = await come_in(demo, browser, "demo-teacher-2")
    writer = await come_in(demo, browser, "demo-student-1")
    await say(writer, "seen")
    await sees(writer, "seen")  # from now on it is this message whose readers are named, and no older one
    await writer.wait_for_text("Read by Theo Teacher", within="#messages")
    await reader.run(HIDE % "true")
    await say(writer, "unseen")
    await sees(reader, "unseen")
    await reader.wait_for("document.title.startsWith('(1) ')")
    assert await reader.run(BELOW_MARK) == ["unseen"]
    await writer.wait_for(f"{PENDING} === 0")
    assert "Read by" not in await writer.run("document.getElementById('messages').innerText")
    await reader.run(HIDE % "false")
    await writer.wait_for_text("Read by Theo Teacher", within="#messages")
    assert await reader.run(BELOW_MARK) == ["unseen"]
    await reader.wait_for("!document.title.startsWith('(')")


async def test_whatever_is_written_stays_text_everywhere_on_the_page(demo: Server, browser: Browser) -> None:
    evil = """<img src=x onerror="window.harmed=1"><script>window.harmed=1</script><b>bold</b>"""
    author = await come_in(demo, browser, "demo-student-6")
    other = await come_in(demo, browser, "demo-parent-1")
    await author.fill("textbox", "What you are doing", evil)
    await say(author, evil)
    await sees(author, evil)
    await sees(other, evil)
    await stand_at(other, evil)
    await other.click("button", "Reply")
    await other.wait_for_text(evil, within="#composer-about")
    await other.wait_for_text(evil, within="#members")
    for page in (author, other):
        assert (
            await page.run("document.querySelectorAll('#hall :is(img, script, b):not([src^=\"/static/\"])').length")
            == 0
        )
        assert await page.run("window.harmed ?? null") is None
        assert page.errors == []


async def test_a_kill_and_a_new_start_of_the_server_lose_and_double_nothing(demo: Server, browser: Browser) -> None:
    ann = await come_in(demo, browser, "demo-student-1")
    teacher = await come_in(demo, browser, "demo-teacher-1")
    before, away = [f"before {number}" for number in range(5)], [f"while away {number}" for number in range(3)]
    old = await ann.run(LINES)
    async with ann.same_document(), teacher.same_document():
        for line in before:
            await say(ann, line)
        await sees(teacher, before[0])
        await say(ann, "in flight")
        await trio.to_thread.run_sync(demo.kill)
        await ann.wait_for(f"!({CONNECTED})")
        for line in away:
            await say(ann, line)
        await say(teacher, "is anybody there?")
        await ann.wait_for(f"{PENDING} >= {len(away)}")
        await trio.to_thread.run_sync(demo.open)
        for page in (ann, teacher):
            await page.wait_for(f"{PENDING} === 0", seconds=60)
            await sees(page, "is anybody there?", seconds=60)
            await sees(page, away[-1], seconds=60)
        await say(teacher, "welcome back")
        for page in (ann, teacher):
            await sees(page, "welcome back")
    seen = await ann.run(LINES)
    assert seen == await teacher.run(LINES)
    assert seen[: len(old)] == old
    seen = seen[len(old) :]
    assert [line for line in seen if line != "is anybody there?"] == [*before, "in flight", *away, "welcome back"]
    assert seen.count("is anybody there?") == 1


async def test_what_is_written_while_away_survives_a_reload_of_the_tab(demo: Server, browser: Browser) -> None:
    ann = await come_in(demo, browser, "demo-student-1")
    old = await ann.run(LINES)
    await say(ann, "first")
    await ann.wait_for(f"{LINES}.length === {len(old) + 1} && {PENDING} === 0")
    await ann.ask("Network.enable")
    await ann.ask(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await trio.to_thread.run_sync(demo.kill)
    await say(ann, "kept")
    await ann.wait_for(f"{PENDING} === 1")
    await ann.ask(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await trio.to_thread.run_sync(demo.open)
    await ann.go(f"{demo.url}/")
    await ann.wait_for(f"{LINES}.includes('kept') && {PENDING} === 0", seconds=60)
    assert await ann.run(LINES) == [*old, "first", "kept"][-NEWEST:]


async def test_older_messages_are_loaded_until_the_beginning(demo: Server, browser: Browser) -> None:
    lines = [f"line {number}" for number in range(70)]
    for person, part in (("demo-student-2", lines[:35]), ("demo-parent-2", lines[35:])):
        await post(await come_in(demo, browser, person), part)
    page = await come_in(demo, browser, "demo-admin")
    assert await page.run(f"{LINES}.length") == NEWEST
    await sees(page, lines[-1])
    while await page.holds("button", "Load older messages"):
        oldest = await page.run("document.querySelector('#messages article').closest('li').dataset.key")
        await page.click("button", "Load older messages")
        await page.wait_for(f"document.querySelector('#messages article').closest('li').dataset.key !== '{oldest}'")
    await page.wait_for_text("This is where the room begins.")
    assert [line for line in await page.run(LINES) if line.startswith("line ")] == lines


async def post(page: Page, lines: list[str]) -> None:
    """Post messages as the page's person, by REST, in order."""
    script = """(async (lines) => {
      const { token } = JSON.parse(sessionStorage.getItem("homeroom.session"));
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
      for (const text of lines) {
        const answer = await fetch("/api/rooms/lobby/messages", { method: "POST", headers, body: JSON.stringify({ text }) });
        if (!answer.ok) throw new Error(await answer.text());
      }
    })(%s)"""
    await page.run(script % json.dumps(lines))


async def test_a_wrong_password_is_told_and_a_right_one_comes_in(demo: Server, browser: Browser) -> None:
    page = await browser.open_page()
    await page.go(f"{demo.url}/")
    password = await page.run("fetch('/api/demo').then((answer) => answer.json()).then((demo) => demo.password)")
    await page.click("button", "Sign in with a login and password")
    await page.fill("textbox", "Login", "demo-student-1")
    await page.fill("textbox", "Password", "wrong")
    await page.click("button", "Sign in")
    await page.wait_for_text("This login and password do not belong together.", within="[role=alert]")
    await page.fill("textbox", "Password", password)
    await page.press("Enter")
    await page.wait_for("document.getElementById('connection').dataset.phase === 'connected'")
    assert page.errors == []
    assert await page.run("Object.values(localStorage).length") == 0
    assert "eyJ" not in await page.run("location.href")


async def test_a_demo_person_comes_in_by_one_press_and_goes_out_again(demo: Server, browser: Browser) -> None:
    page = await browser.open_page(width=390, height=780, touch=True)
    await page.go(f"{demo.url}/")
    await page.click("button", "Student 1 Student")
    await page.wait_for("document.getElementById('connection').dataset.phase === 'connected'")
    await page.click("button", "People")
    await page.click("button", "Sign out")
    await page.find("button", "Student 1 Student")
    assert await page.run("sessionStorage.getItem('homeroom.session')") is None


async def test_a_link_that_names_a_person_does_not_bring_them_back_after_they_went(
    demo: Server, browser: Browser
) -> None:
    page = await come_in(demo, browser, "demo-student-1")
    assert await page.run("location.pathname + location.search") == "/"
    await page.click("button", "Sign out")
    await page.find("button", "Student 2 Student")
    await page.reload()
    await page.click("button", "Student 2 Student")
    await page.wait_for(HERE)
    await page.reload()
    await page.wait_for(HERE)
    assert "Student 2" in await page.run("document.getElementById('me-name').textContent")


async def test_everything_that_can_be_used_has_a_name_and_nothing_is_wider_than_a_phone(
    demo: Server, browser: Browser
) -> None:
    page = await come_in(demo, browser, "demo-student-1", phone=True)
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
