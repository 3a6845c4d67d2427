"""The client's half of WebSocket, without a socket: what the load generators speak.

Bytes in, messages out. Only what a well-behaved server sends is understood: whole, unmasked, uncompressed frames. Masks are
zero, which every server must undo all the same, so that making a frame costs the generator nothing.
Never here: sockets, and what a message means.
"""

import struct
from base64 import b64encode

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_NO_MASK = b"\0\0\0\0"


def handshake(port: int, path: str, subprotocol: str | None = None) -> bytes:
    """Return the request that opens `path`, asking for `subprotocol` where one is given."""
    key = b64encode(b"homeroom-bench!!").decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode()


def accepted(head: bytes) -> bool:
    """Tell whether the server's answer to the handshake is yes."""
    return head.startswith(b"HTTP/1.1 101")


def frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole frame from the client; `payload` is shorter than 64 KiB."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, 0x80 | size)) + _NO_MASK + payload
    return struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size) + _NO_MASK + payload


def split(data: bytes, most: int = 1 << 30) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole frames at the head of `data`, `most` at the most, as (opcode, payload), and the bytes left over.

    Raises `ValueError` for a frame that is masked, fragmented or compressed: no server measured here sends one.
    """
    found: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2 and len(found) < most:
        first, size = data[at], data[at + 1]
        body = at + 2
        if size == 126:
            body += 2
            size = int.from_bytes(data[at + 2 : body], "big") if body <= end else end
        elif size >= 127:
            body, size = _long_size(data, at, end)
        if body + size > end:
            break
        if first & 0xF0 != 0x80:
            raise ValueError(f"a frame that begins with {first:#x} is not expected here")
        found.append((first & 0x0F, data[body : body + size]))
        at = body + size
    return found, data[at:]


def _long_size(data: bytes, at: int, end: int) -> tuple[int, int]:
    if data[at + 1] > 127:
        raise ValueError("a server never masks")
    body = at + 10
    return body, int.from_bytes(data[at + 2 : body], "big") if body <= end else end
