"""Seventeen ways to break the WebSocket protocol, and a program that does it again and again, each time ending with a reset.

Run as `python -m tests.http.malformed PORT COUNT`: in a process of its own, so that it costs the server nothing but itself.
"""

import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import msgpack

from tests.http.peer import CLOSE, PING, TEXT, upgrade_request, ws_frame

HELLO = ws_frame(msgpack.packb({"t": "hello", "token": "mallory", "client": "c"}))
RESET = struct.pack("ii", 1, 0)

MALFORMED: dict[str, tuple[bytes, int]] = {
    "unmasked": (ws_frame(b"abc", masked=False), 1002),
    "rsv1, as of a compressed frame": (ws_frame(b"abc", rsv=4), 1002),
    "rsv2": (ws_frame(b"abc", rsv=2), 1002),
    "rsv3": (ws_frame(b"abc", rsv=1), 1002),
    "reserved data opcode": (ws_frame(b"abc", 3), 1002),
    "reserved control opcode": (ws_frame(b"abc", 11), 1002),
    "fragmented ping": (ws_frame(b"abc", PING, fin=False), 1002),
    "ping of 126 bytes": (ws_frame(b"x" * 126, PING), 1002),
    "close with one byte": (ws_frame(b"x", CLOSE), 1002),
    "close with code 999": (ws_frame(struct.pack("!H", 999), CLOSE), 1002),
    "close with code 1005": (ws_frame(struct.pack("!H", 1005), CLOSE), 1002),
    "close whose reason is no text": (ws_frame(struct.pack("!H", 1000) + b"\xff\xff", CLOSE), 1007),
    "continuation of nothing": (ws_frame(b"abc", 0), 1002),
    "a message inside a message": (ws_frame(b"a", fin=False) + ws_frame(b"b"), 1002),
    "text that is no UTF-8": (ws_frame(b"\xff\xfe", TEXT), 1007),
    "a length with its first bit": (ws_frame(b"", length=2**63), 1002),
    "a length of 2^62": (ws_frame(b"", length=2**62), 1009),
}
"""The bytes, and the code with which they are to be closed."""


def attack(port: int, number: int) -> None:
    """Shake hands or not, say hello or not, break the protocol, look at the answer or not, and reset."""
    data = list(MALFORMED.values())[number % len(MALFORMED)][0]
    with socket.create_connection(("127.0.0.1", port)) as sock, suppress(ConnectionError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.sendall(upgrade_request() + (HELLO if number % 2 else b""))
        if number % 3:
            sock.recv(65_536)
        sock.sendall(data)
        if number % 5 == 0:
            sock.recv(65_536)


if __name__ == "__main__":
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(attack, int(sys.argv[1])), range(int(sys.argv[2]))))
