"""What an idle connection costs: everything, its tasks and its subscription included."""

import gc
import socket

import msgpack
import psutil

from tests.http.alive import until
from tests.http.harness import LOBBY, MANY, open_house
from tests.http.peer import upgrade_request, ws_frame

BUDGET = 24_000
WARM, COUNTED = 100, 400


def knock(port: int, number: int) -> socket.socket:
    """Return a client that is in and follows the lobby, as a bare socket: all else counted here is the server's."""
    sock = socket.create_connection(("127.0.0.1", port))
    frames = [
        {"t": "hello", "token": f"u{number // 10}", "client": f"c{number}"},
        {"t": "cmd", "id": number + 1, "to": LOBBY, "do": "join"},
        {"t": "sub", "id": 10_000 + number, "to": LOBBY},
    ]
    sock.sendall(upgrade_request(user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"))
    sock.sendall(b"".join(ws_frame(msgpack.packb(frame)) for frame in frames))
    return sock


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def test_an_idle_connection_costs_less_than_24_kb() -> None:
    async with open_house(listener=MANY) as house:
        socks = [knock(house.port, number) for number in range(WARM)]
        await until(lambda: house.hub.watchers(LOBBY) == WARM)
        before = resident()
        socks += [knock(house.port, WARM + number) for number in range(COUNTED)]
        await until(lambda: house.hub.watchers(LOBBY) == WARM + COUNTED, 30)
        each = (resident() - before) / COUNTED
        for sock in socks:
            sock.close()
        assert 5_000 < each < BUDGET, f"{each:.0f} bytes a connection"
