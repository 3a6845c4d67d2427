"""Whoever stops reading is cut off in time and comes back without a gap, and nobody else notices; nor does anybody whose
connection stands notice that the server has no descriptor left for newcomers.

Delays are measured before and meanwhile; they and the counts are printed.
"""

import os
import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import trio

from bench import processes
from tests.e2e.server import Server
from tests.e2e.voices import Choir, choir
from tests.http.peer import Peer, dial

SPEAKERS = ("demo-teacher-1", "demo-teacher-2", "demo-student-1", "demo-student-2", "demo-student-3")
CUT_S, BACK_S = 10.0, 5.0
BASELINE_S = 3.0
FLOOR_S = 0.05
"""So much is always allowed beside twice the baseline."""
CUT_OFF, WAITING = 'homeroom_gateway_closed_total{code="4500"}', "homeroom_gateway_waiting_bytes"
SPARE, CROWD = 8, 40
"""Descriptors left to the server, and those who want one."""


def p99(delays: Sequence[float]) -> float:
    """Return the delay that one in a hundred exceeds."""
    assert len(delays) > 50, f"only {len(delays)} were measured"
    return sorted(delays)[int(len(delays) * 0.99)]


def in_ms(delays: Sequence[float]) -> str:
    """Return delays for people."""
    return " and ".join(f"{delay * 1000:.0f} ms" for delay in delays)


def delays_since(talk: Choir, begun: float) -> tuple[float, float]:
    """Return the p99 of the answers and of the deliveries since then."""
    return p99([heard.seconds for heard in talk.heard(begun)]), p99(talk.deliveries(begun))


async def test_a_client_that_stops_reading_is_cut_off_resumes_without_a_gap_and_holds_up_nobody(server: Server) -> None:
    room = await server.make_room("slow")
    async with choir(server, room, SPEAKERS, padding=3_000) as talk:
        begun = trio.current_time()
        await trio.sleep(BASELINE_S)
        before = delays_since(talk, begun)
        slow, epoch = await follow(server, room, "slow")
        deaf, _ = await follow(server, room, "deaf")
        stalled, others = trio.current_time(), await server.figure(CUT_OFF)
        await until(server, WAITING, lambda octets: octets > 100_000)
        await until(server, WAITING, lambda octets: octets < 50_000)  # given up; told as soon as there is an ear
        closed = await slow.wait_closed()
        await until(server, CUT_OFF, lambda count: count - others == 2)
        cut_s, meanwhile = trio.current_time() - stalled, delays_since(talk, stalled)
        seen = numbers(slow.others)
        title = f"cut off after {cut_s:.1f} s; p99 of answers and deliveries {in_ms(before)} before, {in_ms(meanwhile)} meanwhile"
        findings = await talk.examine(title)
    assert cut_s <= CUT_S
    assert (closed.code, (closed.bye or {}).get("code")) == (4500, 4500)
    assert findings.breaches() == {}
    for then, now in zip(before, meanwhile, strict=True):
        assert now < 2 * then + FLOOR_S
    rest = await resume(server, room, (epoch, seen[-1]))
    assert seen + rest == list(range(seen[0], rest[-1] + 1))
    assert rest[-1] >= talk.newest()
    await slow.aclose()
    await deaf.aclose()


async def follow(server: Server, room: str, client: str) -> tuple[Peer, str]:
    """Return a connection with next to no buffer that follows the room, and the epoch."""
    slow = await server.enter("demo-student-6", client, receive_buffer=4_096)
    assert (await slow.do(room, "join"))["t"] == "ok"
    joined = await slow.ask("sub", to=room)
    assert joined["d"]["verdict"] == "snapshot"
    slow.others.clear()
    return slow, joined["d"]["pos"][0]


async def until(server: Server, figure: str, true: Callable[[float], bool]) -> None:
    """Wait until a figure of the server is as wanted; each look is a request."""
    with trio.fail_after(2 * CUT_S):
        while not true(await server.figure(figure)):  # noqa: ASYNC110 - the figure stands in another process
            await trio.sleep(0.1)


async def resume(server: Server, room: str, cursor: tuple[str, int]) -> list[int]:
    """Come back with the cursor of the last event seen, and return the numbers of those missed."""
    back = await server.enter("demo-student-6", "slow")
    answer = await back.ask("sub", to=room, since=cursor)
    assert answer["d"]["verdict"] == "resumed"
    while len(numbers(back.others)) < answer["d"]["count"]:
        back.others.append(await back.wait("ev", to=room))
    await back.aclose()
    return numbers(back.others)


def numbers(frames: Iterable[dict[str, Any]]) -> list[int]:
    """Return the numbers of all events in `frames`."""
    return [
        seq for frame in frames if frame["t"] == "ev" for seq in range(frame["seq"], frame["seq"] + len(frame["e"]))
    ]


@contextmanager
def descriptors(server: Server, most: int) -> Iterator[None]:
    """Let the server have so many descriptors at most for the time of the block."""
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (most, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)


async def test_without_descriptors_nobody_new_comes_in_those_inside_notice_nothing_and_it_passes(
    server: Server,
) -> None:
    room = await server.make_room("crowded")
    complained, crowd = len(server.log), list[Peer]()
    async with choir(server, room, SPEAKERS) as talk:
        begun = trio.current_time()
        await trio.sleep(1.5)
        before = delays_since(talk, begun)
        inside = len(os.listdir(f"/proc/{server.pid}/fd"))
        with descriptors(server, inside + SPARE):
            try:
                crowd += [await dial(server.port) for _ in range(CROWD)]
                begun, used = trio.current_time(), processes.cpu_seconds([server.pid])
                await trio.sleep(1.5)
                meanwhile, used = delays_since(talk, begun), processes.cpu_seconds([server.pid]) - used
                assert len(os.listdir(f"/proc/{server.pid}/fd")) <= inside + SPARE
            finally:
                for peer in crowd:
                    await peer.aclose()
            freed = trio.current_time()
            with trio.fail_after(BACK_S):
                newcomer = await server.enter("demo-student-4", "newcomer")
            back_s = trio.current_time() - freed
        title = f"no descriptors; p99 {in_ms(before)} before, {in_ms(meanwhile)} meanwhile, CPU {used:.2f} s of 1.5, open after {back_s:.2f} s"
        findings = await talk.examine(title)
    assert "no descriptor left" in server.log[complained:]
    assert findings.breaches() == {}
    assert not any(voice.ends for voice in talk.voices)
    for then, now in zip(before, meanwhile, strict=True):
        assert now < 2 * then + FLOOR_S
    assert used < 1.0, "it spins"
    await newcomer.aclose()
