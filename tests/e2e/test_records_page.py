"""Carries out `docs/records.md` against a real server: every command of the page, in one shell, and what each of them shows."""

import os
import re
import subprocess
from pathlib import Path

from tests.e2e.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
BLOCK = re.compile(r"^```(?P<kind>sh|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = os.environ["PATH"]
MARK = "--- next"


def steps() -> list[tuple[str, str]]:
    """Return each command of the page with what it shows."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.finditer(PAGE.read_text("utf-8")):
        if block["kind"] == "sh":
            found.append((block["text"], ""))
            continue
        for line in block["text"].splitlines(keepends=True):
            if line.startswith("$ "):
                found.append((line[2:], ""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def told(wanted: str) -> re.Pattern[str]:
    """Return what fits the words of the page: `…` is anything."""
    return re.compile(".*?".join(map(re.escape, wanted.strip().split("…"))) + r"\s*\Z", re.DOTALL)


def test_every_command_of_the_page_shows_what_the_page_says(demo: Server, tmp_path: Path) -> None:
    walk = steps()
    script = "".join(f"{command}echo '{MARK}'\n" for command, _ in walk)
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=tmp_path,
        env={"URL": demo.url, "PATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = done.stdout.split(f"{MARK}\n")
    assert len(shown) == len(walk) + 1, done.stderr
    assert len(walk) > 35
    for (command, wanted), output in zip(walk, shown, strict=False):
        assert told(wanted).match(output.replace("\r", "").strip()), f"$ {command}{output}\ninstead of\n{wanted}"


def test_what_a_command_shows_is_held_to_the_words_around_the_dots() -> None:
    assert told('{"id":"…","version":1}').match('{"id":"abc","version":1}\n')
    assert not told('{"id":"…","version":1}').match('{"id":"abc","version":2}')
    assert not told("").match("curl: (7) failed")
