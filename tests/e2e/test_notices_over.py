"""Notices of an announcement over real sockets, from the program as it is served and killed: in an inbox once, or not at all.

Never here: every change that ends a notice (`tests.records.test_notices_over`).
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.e2e.rest import rest, sent
from tests.e2e.server import Server
from tests.http.peer import Peer

ADMIN, PUPIL = "demo-admin", "demo-student-1"
PATIENCE_S = 60.0


class InSight:
    """One person's own inbox, as a client follows it: the notices that lead to one place, by their numbers, and who took any away."""

    def __init__(self, peer: Peer, url: str, notices: list[dict[str, Any]]) -> None:
        self._peer, self._url = peer, url
        self._titles = {one["id"]: one["title"] for one in notices if one.get("url") == url}
        self.dismissed_by: list[str] = []

    async def wait(self, titles: list[str]) -> None:
        """Wait until notices of these titles are there, and no others."""
        with trio.fail_after(PATIENCE_S):
            while sorted(self._titles.values()) != titles:
                for event in (await self._peer.wait("ev", to=f"inbox:{PUPIL}"))["e"]:
                    self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "inbox.notified" and event["d"]["notice"].get("url") == self._url:
            self._titles[event["d"]["notice"]["id"]] = event["d"]["notice"]["title"]
        elif event["type"] == "inbox.dismissed" and self._titles.pop(event["d"]["notification"], None):
            self.dismissed_by.append(event["by"])


@asynccontextmanager
async def in_sight(server: Server, url: str) -> AsyncIterator[InSight]:
    """Follow the pupil's inbox."""
    peer = await server.enter(PUPIL)
    state = (await peer.ask("sub", to=f"inbox:{PUPIL}"))["d"]["state"]
    yield InSight(peer, url, state.get("notices", []))
    await peer.aclose()


async def killed_and_back(server: Server) -> None:
    """Kill the program in whatever it does, and start it again."""
    await trio.to_thread.run_sync(server.kill)
    await trio.to_thread.run_sync(server.open)


async def test_an_announcement_that_is_mended_is_once_in_an_inbox_and_gone_when_it_is_over_whoever_is_killed(
    server: Server,
) -> None:
    async with rest(server, ADMIN) as http:
        await sent(http, "POST", "/api/classes", id="over", title="Class")
        await sent(http, "POST", "/api/class-memberships", class_id="over", user_id=PUPIL, part="student")
        made = (await sent(http, "POST", "/api/announcements", title="News", body="News", class_id="over"))["id"]
        url = f"/announcements/{made}"
        async with in_sight(server, url) as inbox:
            await inbox.wait(["News"])
        await sent(http, "PATCH", f"/api{url}", status="draft", title="Mended")
        await sent(http, "POST", f"/api{url}/publish")
    await killed_and_back(server)
    async with in_sight(server, url) as inbox:
        await inbox.wait(["Mended"])
    async with rest(server, ADMIN) as http:
        await sent(http, "PATCH", f"/api{url}", expires_at=int(time.time() * 1000) + 300)
    await killed_and_back(server)
    async with in_sight(server, url) as inbox:
        await inbox.wait([])
    async with rest(server, ADMIN) as http:
        await sent(http, "PATCH", f"/api{url}", expires_at=None)
        async with in_sight(server, url) as inbox:
            await inbox.wait(["Mended"])
            await sent(http, "PATCH", f"/api{url}", target_role="parent", class_id=None)
            await inbox.wait([])
        assert inbox.dismissed_by == ["system"]
