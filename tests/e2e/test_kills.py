"""The server is killed at named points, and crashed by a poisonous command: what was acknowledged stays, once and in order.

Each point is passed by the program as it is (`planted` only says when it dies); the counts are printed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from homeroom.engine.embedded import EmbeddedPostgres
from tests.conftest import run_sql
from tests.e2e.server import Server
from tests.e2e.voices import Choir, choir
from tests.http.peer import Closed, Peer

SPEAKERS = ("demo-teacher-1", "demo-student-1", "demo-student-2", "demo-student-3")
SNAPSHOT_EVERY = 40
MISSED, WORDS = 700, "x" * 400
"""So many messages, so long, that whoever missed them is fed from the journal page by page."""
BACK_S = 5.0


@pytest.fixture(scope="module")
def school(new_database: Callable[[], str]) -> Iterator[Server]:
    """One server that is killed in each test, and started again by it."""
    with Server(
        {"HOMEROOM_SNAPSHOT_EVERY": str(SNAPSHOT_EVERY)}, database=new_database(), planted=True
    ).opened() as made:
        yield made


@pytest.fixture
def server(school: Server) -> Iterator[Server]:
    """Give the server, in which nothing may be called a defect."""
    with school.lent():
        yield school


async def come_back(talk: Choir, title: str) -> None:
    """Wait until the fuse has burnt and the process is dead, start it again, and compare the books."""
    killed = await wait_killed(talk)
    await trio.to_thread.run_sync(talk.server.open)
    back = await talk.wait_answered(killed)
    findings = await talk.examine(f"killed {title}, all back after {back - killed:.2f} s", resumes=len(talk.voices))
    assert findings.breaches() == {}
    assert findings.acknowledged > len(talk.voices)


async def wait_killed(talk: Choir) -> float:
    """Wait until the process has died by itself; returns when."""
    ended = await trio.to_thread.run_sync(talk.server.wait_end)
    assert ended.code == -9, talk.server.log[-2000:]
    assert not talk.server.fuse.exists()
    return talk.fault()


@pytest.mark.parametrize("point", ["before append", "after append", "mid snapshot"])
async def test_a_server_killed_in_its_work_loses_and_doubles_nothing(server: Server, point: str) -> None:
    room = await server.make_room(point.replace(" ", "-"))
    async with choir(server, room, SPEAKERS, pause_s=0.02) as talk:
        await talk.wait_answered(trio.current_time())
        server.fuse.write_text(point)
        await come_back(talk, point)


async def test_a_server_killed_while_it_drains_loses_nothing(server: Server) -> None:
    room = await server.make_room("drain")
    async with choir(server, room, SPEAKERS, pause_s=0.02) as talk:
        await talk.wait_answered(trio.current_time())
        server.fuse.write_text("mid drain")
        server.ask_to_end()
        await come_back(talk, "mid drain")
    assert {closed.code for voice in talk.voices for closed, _ in voice.ends} <= {0, 4501}


async def test_a_server_killed_between_two_pages_of_missed_events_leaves_no_gap(server: Server) -> None:
    room = await server.make_room("resume")
    teller = await server.enter("demo-teacher-1", "teller")
    epoch = (await teller.ask("sub", to=room))["d"]["pos"][0]
    numbers = range(100, 100 + MISSED)
    for start in numbers[::128]:
        some = [_say(room, number) for number in range(start, min(start + 128, numbers.stop))]
        await teller.put(some)
        assert {(await teller.answer(command["id"]))["t"] for command in some} == {"ok"}
    server.fuse.write_text("mid resume")
    late = await server.enter("demo-student-1", "late")
    assert (await late.do(room, "join"))["t"] == "ok"
    seen = await collect(late, room, [epoch, 0])
    assert (await trio.to_thread.run_sync(server.wait_end)).code == -9
    await trio.to_thread.run_sync(server.open)
    again = await server.enter("demo-student-1", "late")
    began = trio.current_time()
    rest = await collect(again, room, [epoch, len(seen)], upto=MISSED)
    print(f"\nkilled mid resume: {len(seen)} events before, {len(rest)} after, {trio.current_time() - began:.2f} s")  # noqa: T201 - counts
    assert 0 < len(seen) < MISSED
    assert seen + rest == list(range(1, len(seen) + len(rest) + 1))
    for peer in (teller, late, again):
        await peer.aclose()


async def test_a_start_killed_inside_a_migration_is_made_good_by_the_next_start(postgres: EmbeddedPostgres) -> None:
    await run_sql(postgres.dsn, "CREATE DATABASE half_migrated")
    server = Server(database=postgres.dsn_of("half_migrated"), planted=True)
    server.fuse.write_text("mid migration")
    try:
        server.begin()
        assert (await trio.to_thread.run_sync(server.wait_end)).code == -9
        assert not server.fuse.exists()
        await trio.to_thread.run_sync(server.open)
        peer = await server.enter("demo-student-1")
        assert (await peer.do("room:lobby", "join"))["t"] == "ok"
        assert server.complaints() == []
        await peer.aclose()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.close)
            await run_sql(postgres.dsn, "DROP DATABASE half_migrated WITH (FORCE)")


async def test_a_poisonous_command_harms_its_sender_only_and_is_not_run_for_ever(school: Server) -> None:
    server = school
    room = await server.make_room("poison")
    before = server.log.count('"crashed"')
    async with choir(server, room, SPEAKERS, pause_s=0.05) as talk:
        await talk.wait_answered(trio.current_time())
        villain = await server.enter("demo-student-4", "villain")
        await villain.do(room, "join")
        answers = []
        for _ in range(10):
            begun = talk.fault()
            answers.append(await villain.do(room, "say", text="poison for you"))
            assert await talk.wait_answered(begun) - begun < 1.0
        assert {answer["code"] for answer in answers} == {"internal"}
        assert all("incident" in answer["msg"] and "Traceback" not in answer["msg"] for answer in answers)
        assert server.log.count('"crashed"') - before == 3, "after three crashes it is run no more"
        assert (await villain.do(room, "leave"))["t"] == "ok"
        assert all(not voice.ends for voice in talk.voices)
        findings = await talk.examine("ten poisonous commands")
        assert findings.breaches() == {}
        await villain.aclose()


async def collect(peer: Peer, room: str, since: list[object], upto: int | None = None) -> list[int]:
    """Subscribe from a cursor and return the numbers of the events that came, up to number `upto` or the connection's end."""
    numbers: list[int] = []
    try:
        with trio.fail_after(BACK_S):
            answer = await peer.ask("sub", to=room, since=since)
            assert answer["d"]["verdict"] == "resumed", answer
            while upto is None or not numbers or numbers[-1] < upto:
                frame = await peer.wait("ev", to=room)
                numbers += range(frame["seq"], frame["seq"] + len(frame["e"]))
    except Closed:
        assert upto is None
    return numbers


def _say(room: str, number: int) -> dict[str, Any]:
    return {"t": "cmd", "id": number, "to": room, "do": "say", "d": {"text": f"{number} {WORDS}"}}
