"""Rows of the attack table that concern HTTP on the one port: real sockets, Hypercorn behind its guard, the ALIVE oracle."""

import json
import socket
from contextlib import suppress
from dataclasses import replace

import pytest
import trio

from homeroom.http.hypercorn_guard import HttpSettings
from tests.http.alive import alive, until
from tests.http.harness import MANY, House, open_house
from tests.http.peer import Closed, Peer, upgrade_request

QUICK = replace(MANY, head_s=0.4, linger_s=0.3, grace_s=0.3)
BRIEF = HttpSettings(body_s=0.3, send_s=0.3, idle_s=0.3)


def get(path: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: testserver", *lines, "", "")).encode() + body


async def send_and_read(house: House, data: bytes) -> tuple[int, Peer]:
    """Return the status of the first answer."""
    peer = await house.dial()
    await peer.send(data)
    status, _, _ = await peer.read_http()
    return status, peer


async def test_requests_are_answered_and_the_connection_is_kept_for_the_next() -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        for _ in range(3):
            await peer.send(get())
            assert (await peer.read_http())[::2] == (200, b"hello")
            await peer.send(get("/echo", "Content-Length: 3", method="POST", body=b"abc"))
            assert (await peer.read_http())[::2] == (200, b"abc")
        await peer.aclose()


async def test_an_answer_before_the_end_of_a_body_says_that_the_connection_ends_and_no_other_does() -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        await peer.send(get("/echo", "Content-Length: 3", method="POST", body=b"abc"))
        assert "connection: close" not in (await peer.read_http())[1].lower()
        await peer.send(get("/nowhere", "Content-Length: 3", method="POST"))
        status, head, _ = await peer.read_http()
        assert (status, "connection: close" in head.lower()) == (404, True)
        await peer.wait_end()
        await peer.aclose()


async def test_a_request_in_one_byte_pieces_is_answered() -> None:
    async with open_house() as house:
        peer = await house.dial()
        for byte in get():
            await peer.send(bytes((byte,)))
        assert (await peer.read_http())[0] == 200


@pytest.mark.parametrize("path", ["/", "/ws", "/nowhere", "/echo"])
@pytest.mark.parametrize("tail", [b"", b"x", b"\x00" * 1000])
async def test_w2_an_upgrade_with_trailing_bytes_leaves_the_process_alive(path: str, tail: bytes) -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        await peer.send(upgrade_request(path, sec_websocket_protocol=None) + tail)
        assert (await peer.read_http())[0] == 400
        await peer.wait_end()
        await peer.aclose()


async def test_w2_an_upgrade_behind_an_ordinary_request_is_400_too() -> None:
    async with open_house() as house, alive(house):
        for path in ("/", "/ws"):
            status, peer = await send_and_read(house, get())
            assert status == 200
            await peer.send(upgrade_request(path) + b"x" * 100)
            assert (await peer.read_http())[0] == 400
            await peer.wait_end()
            await peer.aclose()


async def test_w2_http2_is_not_spoken() -> None:
    async with open_house() as house, alive(house):
        status, peer = await send_and_read(house, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert status == 400
        await peer.wait_end()
        await peer.aclose()
        status, peer = await send_and_read(
            house, get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        )
        assert status == 200
        await peer.aclose()


async def test_w12_slow_handshakes_are_closed_and_others_come_in_meanwhile() -> None:
    async with open_house(listener=QUICK) as house, alive(house):
        begun = trio.current_time()

        async def drip() -> None:
            peer = await house.dial()
            with suppress(trio.BrokenResourceError, Closed):
                for byte in upgrade_request():
                    await peer.send(bytes((byte,)))
                    with trio.move_on_after(0.3):
                        await peer.read_some()
            await peer.aclose()

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(drip)
            for number in range(5):
                peer = await house.enter(f"ann{number}")
                assert (await peer.ping())["t"] == "pong"
                await peer.aclose()
        assert trio.current_time() - begun < 5
        await until(lambda: house.listener.statistics()["connections"] == 1)


BAD_HANDSHAKES = {
    "no upgrade": get("/ws"),
    "version 99": upgrade_request(sec_websocket_version="99"),
    "no key": upgrade_request(sec_websocket_key=None),
    "POST": upgrade_request(method="POST"),
    "a token in the URL": upgrade_request("/ws?token=secret"),
    "unknown subprotocol": upgrade_request(sec_websocket_protocol="homeroom.v9.cbor"),
    "no subprotocol": upgrade_request(sec_websocket_protocol=None),
    "TLS on the plain port": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 200,
    "60 KiB of headers": get("/ws", *(f"X-{n}: {'y' * 1000}" for n in range(60))),
    "5000 headers": get("/ws", *(f"X-{n}: y" for n in range(5000))),
    "a target of 60 KiB": get("/" + "x" * 60_000),
    "a bare line feed": get().replace(b"\r\n", b"\n"),
    "a folded header": get("/", "X-A: b\r\n  c"),
    "a name with a blank": get("/", "X-A : b"),
    "no HTTP": b"EHLO mail.example\r\n\r\n",
    "no request line": b"\r\n\r\n\r\n\r\n",
    "nothing but zeros": b"\x00" * 100,
}


@pytest.mark.parametrize("name", BAD_HANDSHAKES)
async def test_w14_a_bad_handshake_is_400_and_the_descriptor_is_free_at_once(name: str) -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        with suppress(trio.BrokenResourceError):
            await peer.send(BAD_HANDSHAKES[name])
        with trio.fail_after(2):
            assert (await peer.read_http())[0] == 400
            await peer.wait_end()
        await peer.aclose()


async def test_w14_a_client_that_says_nothing_or_half_a_head_is_closed() -> None:
    async with open_house(listener=QUICK) as house, alive(house):
        for start in (b"", b"GET / HTTP/1.1\r\nHost:"):
            peer = await house.dial()
            await peer.send(start)
            with trio.fail_after(2):
                await peer.wait_end()
            await peer.aclose()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Content-Length: -5",),
        ("Content-Length: five",),
    ],
)
@pytest.mark.parametrize("number", ["first", "second"])
async def test_z10_a_length_that_can_be_read_in_two_ways_is_400_and_close(lines: tuple[str, ...], number: str) -> None:
    async with open_house(http=HttpSettings(idle_s=60)) as house, alive(house):
        peer = await house.dial()
        if number == "second":
            await peer.send(get())
            await peer.read_http()
        await peer.send(get("/echo", *lines, method="POST", body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert (await peer.read_http())[0] == 400
        await peer.wait_end()
        await peer.aclose()


LOOSE_HEADS = {
    "a bare line feed": get().replace(b"\r\n", b"\n"),
    "one bare line feed": get("/", "X-A: b").replace(b"X-A: b\r\n", b"X-A: b\n"),
    "a folded header": get("/", "X-A: b", "  c"),
    "a name with a blank": get("/", "X-A : b"),
    "a control character": get("/", "X-A: b\x0bc"),
    "an empty line first": b"\r\n" + get(),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "chunks in HTTP/1.0": get("/echo", "Transfer-Encoding: chunked", method="POST").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a name as people write it": get("/?words=Bär"),
    "too many headers": get("/", *(f"X-{n}: y" for n in range(101))),
    "too long a header": get("/", "X-A: " + "b" * 20_000),
}


@pytest.mark.parametrize("name", LOOSE_HEADS)
@pytest.mark.parametrize("way", ["first", "second", "pipelined", "behind a body", "in one byte pieces"])
async def test_z10_every_head_of_a_connection_is_held_to_the_rules_of_the_first(name: str, way: str) -> None:
    head, after = LOOSE_HEADS[name], get("/smuggled")
    async with open_house(http=HttpSettings(idle_s=60)) as house:
        peer = await house.dial()
        if way in {"second", "in one byte pieces"}:
            await peer.send(get())
            assert (await peer.read_http())[0] == 200
        before = {"pipelined": get(), "behind a body": get("/echo", "Content-Length: 3", method="POST", body=b"abc")}
        with suppress(trio.BrokenResourceError):  # refused before all of it was said
            if way == "in one byte pieces":
                for byte in head[:300]:
                    await peer.send(bytes((byte,)))
                await peer.send(head[300:] + after)
            else:
                await peer.send(before.get(way, b"") + head + after)
        if way in before:
            assert (await peer.read_http())[0] == 200
        status, text, told = await peer.read_http()
        assert status in ({400, 431} if name == "too long a header" else {400})
        assert {"connection: close", "content-type: application/problem+json"} <= set(text.lower().split("\r\n"))
        problem = json.loads(told)
        assert (problem["status"], problem["code"]) in {(400, "bad_command"), (431, "too_large")}
        assert problem["detail"]
        with pytest.raises(Closed):  # nothing behind it is answered
            await peer.read_http()
        await peer.aclose()


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\n\n"], ids=["strict", "loose"])
async def test_z10_nothing_is_read_behind_a_body_in_chunks(end: bytes) -> None:
    async with open_house() as house, alive(house):
        peer = await house.dial()
        await peer.send(get("/echo", "Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n" + end) + get())
        status, text, body = await peer.read_http()
        assert (status, body) == (200, b"abc")
        assert "connection: close" in text.lower()
        with pytest.raises(Closed):
            await peer.read_some()
        await peer.aclose()


async def test_z10_a_body_that_stalls_is_cut() -> None:
    async with open_house(http=BRIEF) as house, alive(house):
        peer = await house.dial()
        await peer.send(get("/echo", "Content-Length: 100", method="POST", body=b"abc"))
        with trio.fail_after(3):
            await peer.wait_end()
        await peer.aclose()


async def test_a_long_poll_is_not_taken_for_a_stalled_body() -> None:
    async with open_house(http=BRIEF) as house, alive(house):
        peer = await house.dial()
        await peer.send(get("/slow"))
        with trio.move_on_after(1) as waiting:
            await peer.read_some()
        assert waiting.cancelled_caught
        await peer.aclose()


async def test_idle_and_finished_connections_are_closed() -> None:
    async with open_house(http=BRIEF) as house, alive(house):
        idle = [(await send_and_read(house, get()))[1] for _ in range(20)]
        closing = [(await send_and_read(house, get("/", "Connection: close")))[1] for _ in range(20)]
        with trio.fail_after(3):
            for peer in (*closing, *idle):
                await peer.wait_end()
                await peer.aclose()


async def test_a_second_head_that_dribbles_in_gets_no_more_time_than_silence() -> None:
    async with open_house(http=replace(BRIEF, idle_s=1.0)) as house, alive(house):
        _, peer = await send_and_read(house, get())
        with trio.fail_after(5), suppress(Closed, trio.BrokenResourceError):
            for byte in get("/", f"X-Long: {'x' * 1000}"):
                await peer.send(bytes((byte,)))
                with trio.move_on_after(0.1):
                    await peer.wait_end()
                    break
        await peer.aclose()


async def test_a_client_that_does_not_read_its_answer_is_cut() -> None:
    async with open_house(http=BRIEF) as house, alive(house, kept=30_000_000):
        peer = await house.dial(receive_buffer=4096)
        await peer.send(get("/large"))
        await until(lambda: house.pages.statistics()["connections"] == 1)
        await until(lambda: house.pages.statistics()["connections"] == 0, 3)
        await peer.aclose()


async def test_p10_an_answer_that_is_read_drop_by_drop_is_cut_when_its_whole_time_is_over() -> None:
    async with open_house(http=HttpSettings(send_s=10, answer_s=0.5)) as house, alive(house, kept=30_000_000):
        peer = await house.dial(receive_buffer=4096)
        await peer.send(get("/large"))
        began, size = trio.current_time(), 0
        with suppress(trio.BrokenResourceError):
            while piece := await peer.stream.receive_some(4096):
                size += len(piece)
                await trio.sleep(0.005)
                if trio.current_time() > began + 5:
                    break
        await until(lambda: house.pages.statistics()["connections"] == 0, 3)
        assert size < 10_000_000
        assert trio.current_time() - began < 5
        await peer.aclose()


async def test_resets_in_the_middle_of_everything_leave_everybody_alive() -> None:
    parts = [get("/echo", "Content-Length: 100", method="POST", body=b"abc"), get("/slow"), get("/large"), get()[:20]]
    async with open_house(listener=QUICK) as house, alive(house, kept=30_000_000):
        for number in range(100):
            peer = await house.dial()
            await peer.send(parts[number % 4])
            await trio.lowlevel.checkpoint()
            house.peers.remove(peer)
            peer.reset()
        await until(lambda: house.listener.statistics()["connections"] == 1)


async def test_a_stop_ends_with_requests_that_run_readers_that_stall_and_connections_that_idle() -> None:
    async with open_house(listener=QUICK) as house:
        stalled = await house.dial(receive_buffer=4096)
        await stalled.send(get("/large"))
        running = await house.dial()
        await running.send(get("/slow"))
        _, idle = await send_and_read(house, get())
        await until(lambda: house.pages.statistics()["connections"] == 3)
        with trio.fail_after(5):
            await house.listener.stop()
            await idle.wait_end()
        assert house.listener.statistics()["connections"] == 0
        refused = socket.socket()
        with pytest.raises(ConnectionRefusedError):
            refused.connect(("127.0.0.1", house.port))
        refused.close()
