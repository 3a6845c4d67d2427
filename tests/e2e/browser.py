"""A real Chromium: found, started with a profile of its own, and ended with everything it started.

It is looked for in this order: `$CHROMIUM`; a Chromium or Chrome of the system; the npm package `@sparticuz/chromium`,
unpacked once into the user's cache. Without any of them the tests fail and say so; they are never skipped.
Never here: what a person does in a page (`page`).
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from tests.e2e.devtools import DevTools, connect
from tests.e2e.page import Page

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PACKAGE = "@sparticuz/chromium@147"
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--use-mock-keychain",
    "--lang=en-GB",
    "--remote-debugging-port=0",
)
START_S = 60
LEAVE_S = 10
UNPACK = "import chromium from '@sparticuz/chromium'; console.log(await chromium.executablePath())"
HELP = f"""No Chromium was found, and the tests of the page need a real one. One of these helps:
  apt-get install chromium            (or your system's way)
  CHROMIUM=/path/to/chrome make test
  node and npm on the PATH            (the tests then fetch {PACKAGE} into the cache)"""


class NoChromium(Exception):
    """There is no browser, and none could be had."""


def find_chromium() -> str:
    """Return the path of a Chromium. Raises `NoChromium` with what would help."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise NoChromium(f"CHROMIUM={named} is no program that can be started")
        return named
    return next(filter(None, map(shutil.which, NAMES)), None) or _packaged_chromium()


def _packaged_chromium() -> str:
    """Return the packaged Chromium, unpacked once into the cache; it needs node and npm."""
    if not (shutil.which("npm") and shutil.which("node")):
        raise NoChromium(HELP)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "homeroom" / "chromium-147"
    cache.mkdir(parents=True, exist_ok=True)
    try:
        if not (cache / "node_modules").exists():
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(cache), PACKAGE], check=True)
        unpacked = subprocess.run(
            ["node", "--input-type=module", "-e", UNPACK],
            cwd=cache,
            env=os.environ | {"TMPDIR": str(cache)},
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise NoChromium(f"{HELP}\n\n{PACKAGE} could not be had: {error.stderr or error}") from error
    return unpacked.stdout.strip()


class Browser:
    """A running browser."""

    def __init__(self, tools: DevTools) -> None:
        self._tools = tools

    async def open_page(self, *, width: int = 1100, height: int = 760, touch: bool = False) -> Page:
        """Return an empty page of a person of their own: no storage, cookie or cache is shared with other pages."""
        context = (await self._tools.ask("Target.createBrowserContext"))["browserContextId"]
        target = await self._tools.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self._tools.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self._tools, attached["sessionId"])
        await page.prepare(width, height, touch=touch)
        return page


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start a browser; nothing of it is left when the block ends."""
    path = await trio.to_thread.run_sync(find_chromium)
    with _profile() as profile:
        flags = [*FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        process = await trio.lowlevel.open_process(
            [path, *flags], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            async with _drained(process) as url, connect(url) as tools:
                yield Browser(tools)
                await tools.ask("Browser.close")
        finally:
            await _end(process)


@contextmanager
def _profile() -> Iterator[Path]:
    """Make a profile's folder; a browser's last writes into it must not fail its removal."""
    with tempfile.TemporaryDirectory(prefix="homeroom-chromium-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@asynccontextmanager
async def _drained(process: trio.Process) -> AsyncIterator[str]:
    """Give the URL that the browser prints, and keep reading what it prints, so that it never waits for us."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(START_S):
            url = await nursery.start(_drain, process)
        yield url
        nursery.cancel_scope.cancel()


async def _drain(process: trio.Process, *, task_status: trio.TaskStatus[str]) -> None:
    printed, mark, told = "", "DevTools listening on ", False
    assert process.stderr is not None
    async for chunk in process.stderr:
        printed = "" if told else printed + chunk.decode(errors="replace")
        if not told and mark in printed and printed.partition(mark)[2].find("\n") > 0:
            task_status.started(printed.partition(mark)[2].partition("\n")[0].strip())
            told = True
    if not told:
        raise NoChromium(f"the browser ended at once:\n{printed}")


async def _end(process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        with trio.move_on_after(LEAVE_S):
            await process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await process.wait()


if __name__ == "__main__":
    sys.stdout.write(f"{find_chromium()}\n")
