"""Rows W1 to W20 of the attack table that concern WebSockets: real sockets, the real door, and the ALIVE oracle after each."""

import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
import trio

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Done
from homeroom.http.budgets import DEFAULT_RATES, BudgetSettings, Rate
from homeroom.http.gateway import GatewaySettings
from homeroom.http.outbox import OutboxSettings
from homeroom.protocol.chat import Say
from homeroom.protocol.presence import Mine, OwnPresence
from homeroom.protocol.room import Join
from tests.http.alive import alive, until
from tests.http.harness import LOBBY, MANY, House, open_house
from tests.http.malformed import MALFORMED
from tests.http.peer import BINARY, CLOSE, PING, TEXT, Closed, Peer, upgrade_request, ws_frame

ROOT = Path(__file__).parents[2]
QUICK = GatewaySettings(hello_s=0.5, sweep_s=0.05, close_s=0.5, outbox=OutboxSettings(patience_s=0.5))
HELLO = ws_frame(msgpack.packb({"t": "hello", "token": "mallory", "client": "c"}))


async def test_w1_five_thousand_malformed_frames_followed_by_a_reset_leave_everybody_alive() -> None:
    assert len(MALFORMED) == 17
    async with open_house() as house, alive(house):
        before = house.listener.statistics()["accepted"]
        await trio.run_process([sys.executable, "-m", "tests.http.malformed", str(house.port), "5000"], cwd=ROOT)
        await until(lambda: house.gateway.statistics()["connections"] == 1)
        assert house.listener.statistics()["accepted"] == before + 5_000


@pytest.mark.parametrize("name", MALFORMED)
async def test_w3_what_breaks_the_websocket_protocol_is_closed_with_its_code(name: str) -> None:
    data, code = MALFORMED[name]
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        await peer.send(data)
        assert (await peer.wait_closed()).code == code
        await peer.wait_end()
        await peer.aclose()


@pytest.mark.parametrize("fragments", [1, 3, 30])
async def test_w4_a_message_over_the_limit_is_1009(fragments: int) -> None:
    size = 65_537 // fragments + 1
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        parts = [ws_frame(b"x" * size, BINARY if n == 0 else 0, fin=n == fragments - 1) for n in range(fragments)]
        await peer.send(b"".join(parts))
        assert (await peer.wait_closed()).code == 1009
        await peer.aclose()


async def test_w4_a_message_at_the_limit_is_read() -> None:
    async with open_house() as house:
        peer = await house.enter("ann")
        frame = {"t": "ping", "n": 1, "pad": ""}
        frame["pad"] = "x" * (65_536 - len(msgpack.packb(frame | {"pad": "x" * 65_000})) + 65_000)
        assert len(msgpack.packb(frame)) == 65_536
        await peer.put(frame)
        assert (await peer.wait("pong"))["n"] == 1


@pytest.mark.parametrize(("length", "code"), [(2**62, 1009), (2**63, 1002), (2**64 - 1, 1002), (2**32, 1009)])
async def test_w5_a_giant_length_is_judged_from_the_header(length: int, code: int) -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        await peer.send(ws_frame(b"x" * 100, length=length))
        assert (await peer.wait_closed()).code == code
        await peer.aclose()


async def test_w6_one_byte_fragments_are_bounded() -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        with suppress(trio.BrokenResourceError):
            await peer.send(ws_frame(b"x", fin=False) + ws_frame(b"y", 0, fin=False) * 60_000)
        assert (await peer.wait_closed()).code == 1008
        await peer.aclose()


async def test_w7_endless_empty_continuations_are_1008() -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        await peer.send(ws_frame(b"x", fin=False))
        with suppress(trio.BrokenResourceError):
            for _ in range(200):
                await peer.send(ws_frame(b"", 0, fin=False))
        assert (await peer.wait_closed()).code == 1008
        await peer.aclose()


async def test_w8_a_ping_flood_that_reads_its_pongs_is_4429() -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        opcodes = list[int]()
        for _ in range(100):
            with suppress(trio.BrokenResourceError):
                await peer.send(ws_frame(b"are you there", PING))
            opcode, payload = await peer.read_frame()
            opcodes.append(opcode)
            if opcode == CLOSE:
                break
        assert 10 <= opcodes.count(10) <= 25
        assert int.from_bytes(payload[:2], "big") == 4429
        await peer.aclose()


async def test_w9_a_ping_flood_that_never_reads_is_cut() -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        with trio.fail_after(10), suppress(trio.BrokenResourceError):
            while True:
                await peer.send(ws_frame(b"x" * 125, PING) * 100)
        await until(lambda: house.gateway.statistics()["connections"] == 1)
        await peer.aclose()


async def flood(peer: Peer, data: bytes, seconds: float = 5.0) -> None:
    """Send as fast as the server takes it, until it has had enough."""
    with trio.move_on_after(seconds), suppress(trio.BrokenResourceError):
        while True:
            await peer.send(data)


@pytest.mark.parametrize("kind", ["tiny messages", "large messages", "arrays of frames", "nothing but bytes"])
async def test_w10_a_flood_is_4429_and_the_others_are_answered_in_time(kind: str) -> None:
    ping = {"t": "ping", "n": 1}
    data = {
        "tiny messages": ws_frame(msgpack.packb(ping)) * 200,
        "large messages": ws_frame(msgpack.packb(ping | {"pad": "x" * 60_000})),
        "arrays of frames": ws_frame(msgpack.packb([ping] * 256)),
        "nothing but bytes": ws_frame(b"\x01") * 200,
    }[kind]
    expected = {4429} if kind != "nothing but bytes" else {4400}
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, peer, data)
            with trio.fail_after(5):
                assert (await peer.wait_closed()).code in expected
            nursery.cancel_scope.cancel()
        await peer.aclose()


async def talk(house: House, count: int, size: int) -> int:
    """Have somebody say much in the lobby; returns the newest number. Nothing may hold the speaker up."""
    room, speaker = house.engine.ref(LOBBY), Caller("speaker", "student", "Speaker")
    await room.ask(Join(), speaker)
    newest, delays = 0, list[float]()
    for _ in range(count):
        begun = trio.current_time()
        answer = await room.ask(Say(text="x" * size), speaker)
        delays.append(trio.current_time() - begun)
        assert isinstance(answer, Done)
        newest = answer.seq or 0
    assert sorted(delays)[int(count * 0.99)] < 0.25
    return newest


@pytest.mark.parametrize("reads_at_last", [True, False])
async def test_w11_a_reader_that_stalls_is_4500_holds_nobody_up_and_can_resume(reads_at_last: bool) -> None:
    patient = OutboxSettings(bytes=2**26, patience_s=0.5)  # only its lateness can cut it
    settings = replace(QUICK, close_s=2.0 if reads_at_last else 0.5, outbox=patient)
    async with open_house(gateway=settings) as house, alive(house, kept=4 * 600 * 4_000):
        slow = await house.member("slow", receive_buffer=4096)
        await slow.ping()
        joined = house.hub.newest(LOBBY)
        begun = trio.current_time()
        newest = await talk(house, 600, 4_000)
        if reads_at_last:
            await until(lambda: house.gateway.statistics()["waiting_bytes"] < 100_000, what="it was never cut")
            closed = await slow.wait_closed()
            assert (closed.code, closed.bye and closed.bye["code"]) == (4500, 4500)
        await until(lambda: house.gateway.statistics()["connections"] == 1)
        assert trio.current_time() - begun < 10
        await slow.aclose()
        again = await house.enter("slow")
        answer = await again.ask("sub", to=LOBBY, since=["memory", joined])
        assert answer["d"] == {"verdict": "resumed", "count": newest - joined, "pos": ["memory", newest]}
        numbers = list[int]()
        while len(numbers) < newest - joined:
            frame = await again.wait("ev")
            numbers += range(frame["seq"], frame["seq"] + len(frame["e"]))
        assert numbers == list(range(joined + 1, newest + 1))
        await again.aclose()


def test_w11_the_default_times_cut_a_stalled_reader_within_ten_seconds() -> None:
    settings = GatewaySettings()
    assert settings.outbox.patience_s + settings.sweep_s + settings.close_s <= 10
    assert settings.silent_s <= 30
    assert settings.hello_s <= 5
    assert settings.outbox.bytes <= 2**20


async def test_w11_an_outbox_that_overflows_is_cut_at_once() -> None:
    settings = replace(QUICK, outbox=OutboxSettings(bytes=100_000, patience_s=60))
    async with open_house(gateway=settings) as house, alive(house, kept=4 * 600 * 4_000):
        slow = await house.member("slow", receive_buffer=4096)
        await talk(house, 600, 4_000)
        await until(lambda: house.gateway.statistics()["connections"] == 1)
        await slow.aclose()


async def test_w13_whoever_never_says_hello_is_4408() -> None:
    async with open_house(gateway=QUICK) as house, alive(house):
        silent = [await house.connect() for _ in range(10)]
        for peer in silent:
            assert (await peer.wait_closed()).code == 4408
            await peer.aclose()


async def test_w13_a_hello_that_is_never_finished_is_4408() -> None:
    async with open_house(gateway=QUICK) as house, alive(house):
        peer = await house.connect()
        await peer.send(HELLO[:-3])
        assert (await peer.wait_closed()).code == 4408
        await peer.aclose()


async def test_w15_compression_is_never_agreed_on_and_a_compressed_frame_is_1002() -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        await peer.send(upgrade_request(sec_websocket_extensions="permessage-deflate; client_max_window_bits"))
        status, head, _ = await peer.read_http()
        assert status == 101
        assert "extensions" not in head.lower()
        await peer.send(ws_frame(b"\x00" * 50, rsv=4))
        assert (await peer.wait_closed()).code == 1002
        await peer.aclose()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("https://app.example.com.evil", 403),
        ("https://APP.example.com", 403),
        ("https://app.example.com:8443", 403),
        ("https://app.example.com", 101),
        ("http://testserver", 101),
        (None, 101),
    ],
)
async def test_w16_an_origin_that_is_not_on_the_list_is_403_before_any_upgrade(origin: str | None, status: int) -> None:
    async with open_house(origins=["https://app.example.com"]) as house, alive(house):
        peer = await house.dial()
        await peer.send(upgrade_request(origin=origin))
        assert (await peer.read_http())[0] == status
        if status == 403:
            await peer.wait_end()
        await peer.aclose()


async def test_w17_a_join_flood_is_4429() -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        verbs = [{"t": "cmd", "id": n, "to": LOBBY, "do": "leave" if n % 2 else "join"} for n in range(1, 10_001)]
        data = b"".join(ws_frame(msgpack.packb(frame)) for frame in verbs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, peer, data)
            assert (await peer.wait_closed()).code == 4429
            nursery.cancel_scope.cancel()
        await peer.aclose()


async def test_w17_a_connection_follows_at_most_a_hundred_streams() -> None:
    budgets = BudgetSettings({**DEFAULT_RATES, "chat": Rate(1e6, 1e6)})
    async with open_house(budgets=budgets) as house, alive(house):
        ann = await house.enter("ann")
        codes = [(await ann.ask("sub", to=f"presence:u{n}")).get("code") for n in range(110)]
        refused = [code for code in codes if code == "full"]
        followed = sum(code is None for code in codes)
        assert followed <= 100
        assert len(refused) == max(0, 110 - 100) or followed == 0
        await ann.aclose()


async def test_w18_an_address_has_at_most_so_many_connections_and_is_told_when_to_come_back() -> None:
    few = replace(MANY, per_address=5)
    async with open_house(listener=few) as house, alive(house):
        inside = [await house.enter("ann", f"c-{n}") for n in range(4)]
        outside = await house.dial()
        await outside.send(upgrade_request())
        status, head, _ = await outside.read_http()
        assert (status, "retry-after: " in head.lower()) == (503, True)
        await outside.wait_end()
        for peer in (outside, *inside):
            await peer.aclose()
        await until(lambda: house.listener.statistics()["connections"] == 1)
        back = await house.enter("ann")
        await back.aclose()


async def test_w18_a_storm_of_connections_is_answered_503_and_those_inside_go_on() -> None:
    slowly = replace(MANY, accepts=Rate(50.0, 20.0), refusing=5)
    async with open_house(listener=slowly) as house, alive(house):
        results = list[int]()

        async def knock() -> None:
            peer = await house.dial()
            with suppress(Closed, trio.BrokenResourceError):
                await peer.send(upgrade_request())
                results.append((await peer.read_http())[0])
            await peer.aclose()

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(knock)
        assert results.count(101) >= 19
        assert results.count(503) >= 20
        figures = house.listener.statistics()
        assert figures["accepted"] == 201
        assert figures["dropped"] == 200 - len(results)


async def test_w18_a_storm_from_one_address_keeps_nobody_else_out() -> None:
    slowly = replace(MANY, accepts=Rate(1.0, 5.0), all_accepts=Rate(1.0, 20.0))
    async with open_house(listener=slowly) as house, alive(house):

        async def knock(source: str) -> int:
            stream = await trio.open_tcp_stream("127.0.0.1", house.port, local_address=source)
            peer = Peer(stream)
            await peer.send(upgrade_request())
            status = (await peer.read_http())[0]
            await peer.aclose()
            return status

        flood = [await knock("127.0.0.7") for _ in range(40)]
        assert flood[:5] == [101] * 5
        assert flood.count(503) >= 30
        assert [await knock("127.0.0.8") for _ in range(5)] == [101] * 5


async def test_w18_a_hundred_clients_come_back_at_once_and_each_resumes() -> None:
    async with open_house() as house, alive(house):
        peers = [await house.enter(f"u{n}", f"c{n}") for n in range(100)]
        for peer in peers:
            await peer.put({"t": "cmd", "id": 1, "to": LOBBY, "do": "join"})
            assert (await peer.answer(1))["t"] == "ok"
        for peer in peers:
            peer.reset()
        loads = house.journal.statistics().get("loads", 0)
        resumed = list[str]()

        async def come_back(number: int) -> None:
            peer = await house.enter(f"u{number}", f"c{number}")
            resumed.append((await peer.ask("sub", to=LOBBY, since=["memory", 75]))["d"]["verdict"])
            await peer.aclose()

        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(come_back, number)
        assert resumed == ["resumed"] * 100
        assert house.journal.statistics().get("loads", 0) <= loads + 1


async def connections(house: House, user: str) -> int:
    """Return how many connections the presence of `user` knows."""
    answer = await house.engine.ref(f"presence:{user}").ask(Mine(), Caller(user, "student", user))
    assert isinstance(answer, Done)
    assert isinstance(answer.reply, OwnPresence)
    return answer.reply.connections


async def test_w19_a_peer_that_vanished_is_noticed_its_presence_goes_and_resuming_leaves_no_gap() -> None:
    times = replace(QUICK, ping_after_s=0.5, silent_s=1.5)
    async with open_house(gateway=times) as house, alive(house):
        gone, stays = await house.member("gone"), await house.member("stays")
        await gone.ping()
        seen = (await gone.ping())["at"][LOBBY]
        assert await connections(house, "gone") == 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stays.wait, "never")  # it answers pings, the other one is as good as dead
            await until(lambda: "gone" not in house.gateway.present, 6)
            nursery.cancel_scope.cancel()
        assert await connections(house, "gone") == 0
        assert (await stays.do(LOBBY, "say", text="anybody?"))["t"] == "ok"
        await gone.aclose()
        back = await house.enter("gone")
        answer = await back.ask("sub", to=LOBBY, since=["memory", seen])
        assert answer["d"]["verdict"] == "resumed"
        missed = await back.wait("ev")
        assert missed["seq"] == seen + 1
        for peer in (back, stays):
            await peer.aclose()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("text where binary was agreed", ws_frame(b'{"t":"ping","n":1}', TEXT), 1003),
        ("an empty message", ws_frame(b""), 4400),
        ("an empty array", ws_frame(msgpack.packb([])), 0),
        ("a compressed frame", ws_frame(b"abc", rsv=4), 1002),
        ("no msgpack", ws_frame(b"\xc1"), 4400),
        ("no map", ws_frame(msgpack.packb(7)), 4400),
        ("an unknown frame", ws_frame(msgpack.packb({"t": "dance"})), 4400),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_w20_what_is_no_frame_is_closed_with_its_code(name: str, data: bytes, code: int) -> None:
    async with open_house() as house, alive(house):
        peer = await house.enter("mallory")
        await peer.send(data)
        if code:
            closed = await peer.wait_closed()
            assert closed.code == code, name
            assert (closed.bye is not None) == (code >= 4000)
        else:
            assert (await peer.ping())["t"] == "pong"
        await peer.aclose()


# --- beyond the table


@contextmanager
def few_descriptors(spare: int) -> Iterator[None]:
    """Leave this process only so many descriptors more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = socket.socket()
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno() + spare, hard))
    probe.close()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_f14_without_descriptors_those_inside_go_on_and_those_outside_come_in_later() -> None:
    async with open_house() as house, alive(house):
        inside = await house.enter("ann")
        outside = [trio.socket.socket() for _ in range(20)]
        with few_descriptors(0):
            for sock in outside:
                await sock.connect(("127.0.0.1", house.port))
            await until(lambda: house.listener.statistics()["exhausted"] > 0)
            assert (await inside.ping())["t"] == "pong"
        peers = [Peer(trio.SocketStream(sock)) for sock in outside]
        for peer in peers:
            await peer.shake_hands()
            await peer.aclose()
        await inside.aclose()


async def test_f12_a_stop_with_twenty_slow_readers_says_bye_and_ends_within_ten_seconds() -> None:
    async with open_house() as house:
        slow = [await house.member(f"s{n}", client=f"c{n}", receive_buffer=4096) for n in range(20)]
        quick = await house.enter("quick")
        await talk(house, 600, 4_000)
        assert house.gateway.statistics()["waiting_bytes"] > 0
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.listener.stop)
            assert (await quick.wait_closed()).code == 4501
        assert trio.current_time() - begun < 10
        assert house.gateway.statistics()["connections"] == 0
        assert house.listener.statistics()["connections"] == 0
        for peer in slow:
            await peer.aclose()
