"""Coming back to many full rooms at once: the server paces what it sends, and only a reader that does not read is cut."""

from typing import Any

import msgpack
import pytest
import trio

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Done
from homeroom.http.gateway import GatewaySettings
from homeroom.http.outbox import OutboxSettings
from homeroom.protocol.chat import Say
from homeroom.protocol.room import Create
from tests.http.alive import until
from tests.http.harness import House, open_house
from tests.http.peer import Peer, ws_frame

ROOMS, SAID, CHARS = 40, 50, 4_000
"""A snapshot holds the newest messages: 200 KB of them, so that all rooms together are eight times what may wait."""
TEACHER = Caller("t-1", "teacher", "Teacher")


def room(number: int) -> str:
    return f"room:full-{number}"


async def fill(house: House, rooms: int = ROOMS) -> None:
    """Make rooms full of messages."""

    async def fill_one(number: int) -> None:
        ref = house.engine.ref(room(number))
        assert isinstance(await ref.ask(Create(title="full"), TEACHER), Done)
        for _ in range(SAID):
            assert isinstance(await ref.ask(Say(text="x" * CHARS), TEACHER), Done)

    async with trio.open_nursery() as nursery:
        for number in range(rooms):
            nursery.start_soon(fill_one, number)


def subs(rooms: int = ROOMS, **more: Any) -> list[dict[str, Any]]:
    """Return one `sub` a room; their ids begin at 100."""
    return [{"t": "sub", "id": 100 + number, "to": room(number), **more} for number in range(rooms)]


async def read_answers(peer: Peer, count: int) -> list[dict[str, Any]]:
    """Return the next answers in the order in which they come; the rest is kept in `others`."""
    answers = list[dict[str, Any]]()
    while len(answers) < count:
        frame = await peer.receive()
        (answers if frame["t"] in {"ok", "err"} else peer.others).append(frame)
    return answers


async def test_p4_forty_snapshots_of_200_kb_asked_for_in_one_message_all_arrive() -> None:
    async with open_house() as house:
        await fill(house)
        peer = await house.enter("t-1/teacher")
        await peer.put(subs())
        answers = await read_answers(peer, ROOMS)
        assert [answer["id"] for answer in answers] == list(range(100, 100 + ROOMS))
        assert {answer["d"]["verdict"] for answer in answers} == {"snapshot"}
        assert all(len(str(answer["d"]["state"])) > SAID * CHARS * 0.9 for answer in answers)
        assert (await peer.ping())["at"].keys() == {room(number) for number in range(ROOMS)}
        await peer.aclose()


async def test_p4_forty_rooms_with_200_kb_missed_in_each_are_all_resumed_without_a_gap() -> None:
    async with open_house() as house:
        await fill(house)
        peer = await house.enter("t-1/teacher")
        await peer.put(subs(since=["memory", 2]))
        newest = dict.fromkeys(map(room, range(ROOMS)), 2)
        verdicts = list[str]()
        while min(newest.values()) < SAID + 2 or len(verdicts) < ROOMS:
            frame = await peer.receive()
            if frame["t"] == "ev":
                assert frame["seq"] == newest[frame["to"]] + 1
                newest[frame["to"]] += len(frame["e"])
            elif frame["t"] == "ok":
                verdicts.append(frame["d"]["verdict"])
        assert verdicts == ["resumed"] * ROOMS
        assert set(newest.values()) == {SAID + 2}
        assert (await peer.ping())["at"].keys() == newest.keys()
        await peer.aclose()


async def test_commands_between_subscriptions_that_wait_keep_their_order() -> None:
    async with open_house() as house:
        await fill(house)
        peer = await house.enter("t-1/teacher")
        mixed = list[dict[str, Any]]()
        for number, sub in enumerate(subs()):
            said = {"t": "cmd", "id": 200 + number, "to": room(0), "do": "say", "d": {"text": str(number)}}
            mixed += [sub, said, {"t": "ping", "n": number}]
        await peer.put(mixed)
        answers = await read_answers(peer, 2 * ROOMS)
        await peer.ping()
        asked = [answer for answer in answers if answer["id"] < 200]
        told = [answer for answer in answers if answer["id"] >= 200]
        assert [answer["id"] for answer in asked] == list(range(100, 100 + ROOMS))
        assert [answer["id"] for answer in told] == list(range(200, 200 + ROOMS))
        positions = [answer["pos"][1] for answer in told]
        assert positions == sorted(positions)
        assert [frame["n"] for frame in peer.others if frame["t"] == "pong"] == list(range(ROOMS))
        await peer.aclose()


@pytest.mark.parametrize("since", [None, ["memory", 2]], ids=["snapshots", "resumed"])
async def test_p11_a_reader_that_asks_for_all_and_never_reads_is_4500_in_time(since: list[Any] | None) -> None:
    times = GatewaySettings(sweep_s=0.2, close_s=0.3, outbox=OutboxSettings(patience_s=0.8))
    async with open_house(gateway=times) as house:
        await fill(house)
        peer, bystander = await house.enter("t-1/teacher", receive_buffer=4096), await house.enter("ben")
        begun = trio.current_time()
        await peer.put(subs(since=since) if since else subs())
        await until(lambda: house.gateway.statistics()["closed"] == {4500: 1}, 10)
        assert trio.current_time() - begun < 0.8 + 0.2 + 0.3 + 1, "patience, sweep, the last frames, and a little"
        assert (await bystander.ping())["t"] == "pong"
        assert house.gateway.statistics()["waiting_bytes"] == 0
        await peer.aclose()


async def test_what_comes_in_one_message_with_hello_is_not_timed_like_hello() -> None:
    async with open_house(gateway=GatewaySettings(hello_s=0.3)) as house:
        await fill(house)
        peer = await house.connect(receive_buffer=65_536)
        await peer.put([{"t": "hello", "token": "t-1/teacher", "client": "c"}, *subs()])
        await peer.wait("welcome")
        for _ in range(4):
            await read_answers(peer, ROOMS // 4)
            await trio.sleep_until(trio.current_time() + 0.15)
        assert (await peer.ping())["t"] == "pong"
        await peer.aclose()


async def test_whoever_waits_for_a_turn_is_not_taken_for_silent_and_leaves_when_it_hangs_up() -> None:
    times = GatewaySettings(sweep_s=0.05, ping_after_s=60, silent_s=0.6, outbox=OutboxSettings(patience_s=0.5))
    async with open_house(gateway=times) as house:
        await fill(house, 20)
        peer = await house.enter("t-1/teacher", receive_buffer=65_536)
        await peer.send(b"".join(ws_frame(msgpack.packb(sub)) for sub in subs(20)))
        for _ in range(20):
            await read_answers(peer, 1)
            await trio.sleep_until(trio.current_time() + 0.05)
        assert (await peer.ping())["t"] == "pong"
        await peer.put(subs(20))
        await peer.receive()
        peer.reset()
        house.peers.remove(peer)
        await until(lambda: house.gateway.statistics()["connections"] == 0, 5)
