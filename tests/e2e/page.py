"""One page of a browser, as a person uses it: things are found by role and name, clicked with the mouse, typed with keys.

Finding by the accessibility tree makes every test a test of labels too. Never here: starting the browser (`browser`).
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.e2e.devtools import BrowserRefused, DevTools, Json

PATIENCE_S = 20
KEYS = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "Tab": 9}
CHOOSE = "function (value) { this.value = value; this.dispatchEvent(new Event('change', { bubbles: true })); }"
WAIT = """
new Promise((resolve) => {
  const look = () => {
    let found = null;
    try { found = (%s); } catch (error) { /* not there yet */ }
    if (found) resolve(found); else setTimeout(look, 25);
  };
  look();
})"""


class NotThere(AssertionError):
    """What was waited for did not come; the text shows what the page held instead."""


class Page:
    """A page with storage of its own.

    `errors` collects uncaught exceptions, console errors and what the page's policy refused; `failed` what the network
    did not bring; `logged` all that went to the console.
    """

    def __init__(self, tools: DevTools, session: str) -> None:
        self._tools = tools
        self._session = session
        self.errors: list[str] = []
        self.failed: list[str] = []
        self.logged: list[str] = []

    async def prepare(self, width: int, height: int, *, touch: bool = False) -> None:
        """Listen to the page's errors and give it a size; `touch` makes it a phone."""
        self._tools.listen(self._session, "Runtime.exceptionThrown", lambda p: self.errors.append(_exception(p)))
        self._tools.listen(self._session, "Runtime.consoleAPICalled", self._console)
        self._tools.listen(self._session, "Log.entryAdded", self._entry)
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility"):
            await self.ask(f"{domain}.enable")
        await self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.resize(width, height, touch=touch)

    async def resize(self, width: int, height: int, *, touch: bool = False) -> None:
        """Give the window another size, in CSS pixels."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch
        )
        await self.ask("Emulation.setTouchEmulationEnabled", enabled=touch)

    async def ask(self, method: str, **params: Any) -> Json:
        """Send a command of the DevTools protocol to this page."""
        return await self._tools.ask(method, self._session, **params)

    def listen(self, method: str, listener: Any) -> None:
        """Call `listener` with each event `method` of this page."""
        self._tools.listen(self._session, method, listener)

    async def go(self, url: str) -> None:
        """Open `url` and wait until the document is there."""
        answer = await self.ask("Page.navigate", url=url)
        if answer.get("errorText"):
            raise NotThere(f"{url}: {answer['errorText']}")
        await self.wait_for("document.readyState === 'complete'")

    async def reload(self) -> None:
        """Load the page that is shown anew, whatever its address has become."""
        await self.go(await self.run("location.href"))

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        answer = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserRefused(_exception(answer))
        return answer["result"].get("value")

    async def wait_for(self, expression: str, *, seconds: float = PATIENCE_S) -> Any:
        """Return the value of an expression as soon as it is true. Raises `NotThere`."""
        with trio.move_on_after(seconds):
            return await self.run(WAIT % expression)
        raise NotThere(await self._story(f"not within {seconds:g} s: {expression}"))

    async def wait_for_text(self, text: str, *, within: str = "body", seconds: float = PATIENCE_S) -> None:
        """Wait until `text` stands in the page."""
        await self.wait_for(
            f"[...document.querySelectorAll({json.dumps(within)})].some((e) => e.innerText.includes({json.dumps(text)}))",
            seconds=seconds,
        )

    async def click(self, role: str, name: str) -> None:
        """Click the middle of the one thing with this role and accessible name."""
        node = await self.find(role, name)
        await self.ask("DOM.scrollIntoViewIfNeeded", backendNodeId=node)
        x, y = _middle((await self.ask("DOM.getContentQuads", backendNodeId=node))["quads"][0])
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def fill(self, role: str, name: str, text: str) -> None:
        """Put the cursor into a field, replace what it holds by `text`."""
        await self.ask("DOM.focus", backendNodeId=await self.find(role, name))
        await self.run("document.activeElement.select?.()")
        await self.ask("Input.insertText", text=text)

    async def choose(self, name: str, value: str) -> None:
        """Choose an option of a list by its value."""
        node = await self.ask("DOM.resolveNode", backendNodeId=await self.find("combobox", name))
        await self.ask(
            "Runtime.callFunctionOn",
            objectId=node["object"]["objectId"],
            functionDeclaration=CHOOSE,
            arguments=[{"value": value}],
        )

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=KEYS[key],
                modifiers=8 if shift else 0,
                **(text if kind == "keyDown" else {}),
            )

    async def find(self, role: str, name: str, *, seconds: float = PATIENCE_S) -> int:
        """Return the node with this role and name, waiting for it. Raises `NotThere`."""
        with trio.move_on_after(seconds):
            while True:
                nodes = await self._named(role, name)
                if nodes:
                    return nodes[0]
                await self.run("new Promise((resolve) => setTimeout(resolve, 25))")
        raise NotThere(await self._story(f"not within {seconds:g} s: {role} {name!r}"))

    async def holds(self, role: str, name: str) -> bool:
        """Tell whether there is such a thing now."""
        return bool(await self._named(role, name))

    async def _named(self, role: str, name: str) -> list[int]:
        root = (await self.ask("DOM.getDocument", depth=0))["root"]["backendNodeId"]
        found = await self.ask("Accessibility.queryAXTree", backendNodeId=root, role=role, accessibleName=name)
        return [node["backendDOMNodeId"] for node in found["nodes"] if not node["ignored"]]

    async def screenshot(self, path: Path) -> None:
        """Write a picture of the window as PNG."""
        data = base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])
        await trio.Path(path).write_bytes(data)

    @asynccontextmanager
    async def same_document(self) -> AsyncIterator[None]:
        """Check that the document at the end is the one of the beginning: nothing was loaded anew."""
        await self.run("window.sameDocument = true")
        yield
        assert await self.run("window.sameDocument === true"), "the page was loaded anew"

    async def _story(self, head: str) -> str:
        with trio.move_on_after(2):
            text = await self.run("location.href + '\\n' + document.body.innerText")
            return f"{head}\n--- the page shows\n{text}\n--- its errors\n" + "\n".join(self.errors)
        return f"{head}\n(the page does not answer)"

    def _console(self, params: Json) -> None:
        text = " ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"])
        self.logged.append(text)
        if params["type"] in {"error", "assert"}:
            self.errors.append(text)

    def _entry(self, params: Json) -> None:
        entry = params["entry"]
        if entry["level"] == "error":
            kept = self.failed if entry["source"] == "network" else self.errors
            kept.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")


def _exception(params: Json) -> str:
    details = params["exceptionDetails"]
    return str(details.get("exception", {}).get("description", details.get("text")))


def _middle(quad: list[float]) -> tuple[float, float]:
    return sum(quad[0::2]) / 4, sum(quad[1::2]) / 4
