"""What an idle connection costs: everything, its tasks and its subscription included.

Measured in a process of its own: in one that ran other tests before, connections fill the holes that those left behind.
"""

import gc
import os
import socket
import subprocess
import sys
from pathlib import Path

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


async def measure() -> float:
    """Return the bytes that one more idle connection takes."""
    async with open_house(listener=MANY) as house:
        socks = [knock(house.port, number) for number in range(WARM)]
        await until(lambda: house.hub.watchers(LOBBY) == WARM)
        before = resident()
        socks += [knock(house.port, WARM + number) for number in range(COUNTED)]
        await until(lambda: house.hub.watchers(LOBBY) == WARM + COUNTED, 30)
        each = (resident() - before) / COUNTED
        for sock in socks:
            sock.close()
        return each


def test_an_idle_connection_costs_less_than_24_kb() -> None:
    root = str(Path(__file__).parents[2])
    code = "import trio; from tests.http.test_idle_memory import measure; print(trio.run(measure))"
    environment = {**os.environ, "PYTHONPATH": root}
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, stdout=subprocess.PIPE, check=True)
    each = float(ran.stdout)
    assert 5_000 < each < BUDGET, f"{each:.0f} bytes a connection"
