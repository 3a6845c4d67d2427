"""The server with a database of its own: it ends in time when asked to (SIGTERM), says goodbye, and loses nothing; and what
else is done on its data directory meanwhile.

Slow readers, requests under way and a frozen database hold it up no longer than its bounds; the counts are printed.
"""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from tests.e2e.server import Ended, Server, signal_all
from tests.e2e.voices import Choir, choir
from tests.http.peer import Closed, Peer, dial

SPEAKERS = ("demo-teacher-1", "demo-teacher-2", "demo-student-1", "demo-student-2")
SLOW_READERS = 20
STOP_S = 10.0
BIG = "x" * 3_900
LOUD = 100
"""Messages of which many times more than a stalled reader's kernel takes waits for each of them, and not yet so much that it is cut."""
FILL_S = 4.0
"""Shorter than the patience with slow readers: they are still connected when the end comes."""


async def stalled(server: Server, room: str, number: int) -> Peer:
    """Return a connection that follows the room, has next to no buffer, and never reads again."""
    peer = await server.enter(f"demo-student-{number % 6 + 1}", f"slow-{number}", receive_buffer=4_096)
    assert (await peer.do(room, "join"))["t"] == "ok"
    assert (await peer.ask("sub", to=room))["t"] == "ok"
    return peer


@asynccontextmanager
async def stalled_readers(server: Server, room: str) -> AsyncIterator[None]:
    """Keep `SLOW_READERS` of them in the room for the time of the block."""
    async with AsyncExitStack() as ends:
        for number in range(SLOW_READERS):
            ends.push_async_callback((await stalled(server, room, number)).aclose)
        yield


async def fill(server: Server, room: str, enough: int) -> None:
    """Talk until more than `enough` bytes wait for those who do not read, and look once: the figures of a second are the same."""
    teacher = await server.enter("demo-teacher-1", "loud")
    assert (await teacher.do(room, "join"))["t"] == "ok"
    with trio.fail_after(FILL_S):
        for _ in range(LOUD):
            assert (await teacher.do(room, "say", text=BIG))["t"] == "ok"
        assert await server.figure("homeroom_gateway_waiting_bytes") > enough
    await teacher.aclose()


async def held_poll(server: Server, room: str, answers: list[int]) -> None:
    """Hold a long poll and write down the status with which it is let go."""
    bearer = {"Authorization": f"Bearer {server.token('demo-teacher-2')}"}
    url = f"http://127.0.0.1:{server.port}/api/realtime/sync"
    async with httpx.AsyncClient(headers=bearer, timeout=30) as http:
        first = (await http.get(url, params={"streams": room})).json()
        answers.append(
            (await http.get(url, params={"streams": room, "since": first["cursor"], "wait": 25})).status_code
        )


@pytest.fixture(scope="module")
def server(furnished: Path) -> Iterator[Server]:
    """One server that is asked to end in each test, and started again by it."""
    with Server().furnish(furnished).opened() as made:
        yield made


async def end_and_return(talk: Choir, title: str) -> Ended:
    """Wait for the end, which must be in time and clean, start the server again, and compare the books."""
    ended = await trio.to_thread.run_sync(talk.server.wait_end)
    talk.fault()
    await trio.to_thread.run_sync(talk.server.open)
    findings = await talk.examine(f"asked to end {title}, gone after {ended.seconds:.2f} s", len(talk.voices))
    assert ended.code == 0, talk.server.log[-3000:]
    assert ended.seconds <= STOP_S
    assert findings.breaches() == {}
    assert talk.server.complaints() == []
    for voice in talk.voices:
        said_goodbye(voice.ends[0][0])
    return ended


async def test_a_stop_with_twenty_slow_readers_ends_in_time_says_goodbye_and_loses_nothing(server: Server) -> None:
    room, quiet = await server.make_room("stop"), await server.make_room("quiet")
    readers = [await server.enter(f"demo-parent-{number}", "reader") for number in (1, 2)]
    polls: list[int] = []
    audience, talking = stalled_readers(server, room), choir(server, quiet, SPEAKERS, pause_s=0.02)
    async with audience, talking as talk, trio.open_nursery() as nursery:
        nursery.start_soon(held_poll, server, quiet, polls)
        await fill(server, room, SLOW_READERS * 100_000)
        await talk.wait_answered(trio.current_time())
        server.ask_to_end()
        for reader in readers:
            said_goodbye(await reader.wait_closed())
        await end_and_return(talk, f"with {SLOW_READERS} slow readers")
    assert polls == [200]
    for peer in readers:
        await peer.aclose()


def said_goodbye(closed: Closed) -> None:
    """Check that the end was announced, with a time to come back."""
    assert closed.code == 4501, closed
    assert closed.bye is not None
    assert 0 <= closed.bye["reconnect_ms"] <= 10_000


async def test_a_stop_while_the_database_is_frozen_ends_in_time_and_loses_nothing_acknowledged(server: Server) -> None:
    room = await server.make_room("frozen-stop")
    async with choir(server, room, SPEAKERS, pause_s=0.02) as talk:
        await talk.wait_answered(trio.current_time())
        signal_all(server.postgres(), signal.SIGSTOP)
        begun = trio.current_time()
        await talk.wait_answered(begun, "unavailable")
        server.ask_to_end()
        await end_and_return(talk, "with a frozen database")


async def test_a_token_made_beside_the_running_server_opens_a_connection(server: Server) -> None:
    made = await trio.to_thread.run_sync(server.run, "token", "create", "demo-student-4")
    assert (made.returncode, made.stdout.count("\n")) == (0, 1), made.stderr
    peer = await dial(server.port)
    await peer.shake_hands()
    welcome = await peer.hello(made.stdout.strip())
    assert welcome["user"]["id"] == "demo-student-4"
    await peer.aclose()


async def test_a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on(server: Server) -> None:
    peer = await server.enter("demo-student-6", "first")
    assert (await peer.do("room:lobby", "join"))["t"] == "ok"
    second = await trio.to_thread.run_sync(server.run, "serve", "--demo", "--port", "0")
    assert second.returncode == 1
    assert "another program runs the database" in second.stderr
    assert "Traceback" not in second.stderr
    assert (await peer.do("room:lobby", "say", text="still here"))["t"] == "ok"
    assert server.complaints() == []
    await peer.aclose()
