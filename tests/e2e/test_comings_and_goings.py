"""People whose connection is lost, whose token ends, who log out, or whose server is killed, over the whole program.

Presence's grace is shortened (`planted`). Never here: talk (`voices`).
"""

from collections.abc import Iterator
from time import time
from typing import Any

import httpx
import pytest
import trio

from homeroom.records.demo import DEMO_PASSWORD
from tests.e2e.journey import GRACE_MS
from tests.e2e.server import Server
from tests.http.peer import Peer, dial

GRACE_S = GRACE_MS / 1000
TOLD_S = 3.0
"""Within this a change of presence is visible."""
EXPIRED_S, TTL_S = 5.0, 2
COMER = "demo-super"
"""Nobody else comes as this person: offline when the test begins."""


@pytest.fixture
def server(brisk: Server) -> Iterator[Server]:
    """Give the school with the short grace."""
    with brisk.lent():
        yield brisk


# --- presence


async def look_at(server: Server, user: str) -> tuple[Peer, str]:
    """Return a teacher's connection that follows the presence of `user`, and the status as it was."""
    teacher = await server.enter("demo-teacher-1", "looker")
    joined = await teacher.ask("sub", to=f"presence:{user}")
    return teacher, joined["d"]["state"].get("status", "offline")


async def told(looker: Peer, status: str) -> float:
    """Wait until the looker is told of `status`, and of no other one; returns when."""
    with trio.fail_after(GRACE_S + TOLD_S):
        while not (found := changes([await looker.wait("ev")])):
            continue
    assert found == [status]
    return trio.current_time()


def changes(frames: list[dict[str, Any]]) -> list[str]:
    """Return the statuses that `frames` tell of."""
    events = [event for frame in frames if frame["t"] == "ev" for event in frame["e"]]
    return [event["d"]["status"] for event in events if event["type"] == "presence.changed"]


async def test_whoever_comes_back_within_the_grace_was_never_gone_and_whoever_does_not_goes_offline(
    server: Server,
) -> None:
    looker, _ = await look_at(server, COMER)
    first = await server.enter(COMER, "first")
    await told(looker, "online")
    first.reset()
    second = await server.enter(COMER, "second")
    with trio.move_on_after(GRACE_S + 0.5):  # for longer than the grace nothing is to be told
        raise AssertionError(f"told of {await looker.wait('ev')}")
    lost = trio.current_time()
    second.reset()
    gone_s = await told(looker, "offline") - lost
    print(f"\nback within the grace: nothing told; lost: offline after {gone_s:.2f} s")  # noqa: T201 - the times
    assert GRACE_S - 0.1 <= gone_s <= GRACE_S + TOLD_S
    await looker.aclose()


async def test_after_a_kill_only_those_who_do_not_come_back_go_offline(server: Server) -> None:
    users = ("demo-student-2", "demo-student-3")
    before = []
    for user in users:
        looker, status = await look_at(server, user)
        before += [looker, await server.enter(user, "before")]
        assert status == "online" or await told(looker, "online")
    await trio.to_thread.run_sync(server.kill)
    await trio.to_thread.run_sync(server.open)
    opened = trio.current_time()
    back = await server.enter(users[0], "after")
    (faithful, faithful_status), (looker, lost_status) = [await look_at(server, user) for user in users]
    assert (faithful_status, lost_status) == ("online", "online"), "the grace is not over"
    gone_s = await told(looker, "offline") - opened
    await faithful.ping()
    assert changes(faithful.others) == []
    print(f"\nkilled: whoever stayed away is offline {gone_s:.2f} s after the start, the other one online")  # noqa: T201
    assert gone_s <= GRACE_S + TOLD_S
    for peer in (*before, back, faithful, looker):
        await peer.aclose()


# --- tokens


async def test_a_connection_ends_with_its_token(server: Server) -> None:
    peer = await dial(server.port)
    await peer.shake_hands()
    await peer.put({"t": "hello", "token": server.token("demo-student-4", TTL_S), "client": "short-lived"})
    welcome = await peer.wait("welcome")
    with trio.fail_after(TTL_S + EXPIRED_S):
        closed = await peer.wait_closed()
    late_s = time() - welcome["expires"] / 1000
    print(f"\nthe token ended, the connection {late_s:.2f} s later")  # noqa: T201 - the times
    assert (closed.code, (closed.bye or {}).get("code")) == (4401, 4401)
    assert -0.1 <= late_s <= EXPIRED_S
    await peer.aclose()


async def test_a_logout_closes_the_connections_of_that_login_and_no_other(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/api/auth"
    async with httpx.AsyncClient() as http:
        body = {"login": "demo-student-5", "password": DEMO_PASSWORD}
        here, elsewhere = [(await http.post(f"{url}/login", json=body)).json() for _ in range(2)]
        peers = []
        for login in (here, elsewhere):
            peer = await dial(server.port)
            await peer.shake_hands()
            await peer.hello(login["access_token"], "tab")
            peers.append(peer)
        out = await http.post(f"{url}/logout", headers={"Authorization": f"Bearer {here['access_token']}"})
        assert out.status_code < 300, out.text
        with trio.fail_after(EXPIRED_S):
            closed = await peers[0].wait_closed()
        again = await http.get(f"{url}/me", headers={"Authorization": f"Bearer {here['access_token']}"})
    assert (closed.code, (closed.bye or {}).get("code")) == (4403, 4403)
    assert again.status_code == 401
    assert (await peers[1].ping())["t"] == "pong"
    for peer in peers:
        await peer.aclose()
