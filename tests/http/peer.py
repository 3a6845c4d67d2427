"""A WebSocket client made by hand, with the independent `msgpack` package: it can also break every rule."""

import socket
import struct
from collections.abc import Iterable
from typing import Any

import msgpack
import trio

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MSGPACK, JSON = "homeroom.v1.msgpack", "homeroom.v1.json"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def upgrade_request(
    path: str = "/ws", *, drop: Iterable[str] = (), method: str = "GET", **headers: str | None
) -> bytes:
    """Return a handshake; `sec_websocket_version="99"` replaces a header, `origin=None` leaves it out."""
    lines: dict[str, str | None] = {
        "Host": "testserver",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": MSGPACK,
    }
    lines |= {
        name.replace("_", "-").title().replace("Websocket", "WebSocket"): value for name, value in headers.items()
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None and name not in drop)
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode()


def ws_frame(
    payload: bytes,
    opcode: int = BINARY,
    *,
    fin: bool = True,
    masked: bool = True,
    rsv: int = 0,
    length: int | None = None,
) -> bytes:
    """Return a client's frame; `length` lies about the payload's."""
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    mask = b"\x37\xfa\x21\x3d"  # always the same: frames stand in the names of tests
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


class Closed(Exception):
    """The server closed: its code (0: without a close frame) and the `bye` before it."""

    def __init__(self, code: int, bye: dict[str, Any] | None) -> None:
        super().__init__(code, bye)
        self.code, self.bye = code, bye


class Peer:
    """One connection to the server under test."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.data = b""
        self.bye: dict[str, Any] | None = None
        self.others: list[dict[str, Any]] = []  # what came while an answer was waited for
        self.numbers = 0

    # --- bytes

    async def read_some(self) -> None:
        try:
            chunk = await self.stream.receive_some(65_536)
        except trio.BrokenResourceError:
            chunk = b""
        if not chunk:
            raise Closed(0, self.bye)
        self.data += bytes(chunk)

    async def read_http(self) -> tuple[int, str, bytes]:
        """Return the status, the head and the body (by its length) of an answer."""
        while b"\r\n\r\n" not in self.data:
            await self.read_some()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        lengths = [line.split(":")[1] for line in text.lower().split("\r\n") if line.startswith("content-length:")]
        size = int(lengths[0]) if lengths else 0
        while len(self.data) < size:
            await self.read_some()
        body, self.data = self.data[:size], self.data[size:]
        return int(text.split(" ")[1]), text, body

    async def read_frame(self) -> tuple[int, bytes]:
        """Return the opcode and payload of the next frame."""
        while len(self.data) < 2:
            await self.read_some()
        header = {126: 4, 127: 10}.get(self.data[1], 2)
        while len(self.data) < header:
            await self.read_some()
        size = self.data[1] if header == 2 else int.from_bytes(self.data[2:header], "big")
        while len(self.data) < header + size:
            await self.read_some()
        opcode, payload = self.data[0] & 15, self.data[header : header + size]
        self.data = self.data[header + size :]
        return opcode, payload

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def shake_hands(self, **headers: str | None) -> None:
        await self.send(upgrade_request(**headers))  # type: ignore[arg-type] # the keywords are headers here
        status, head, body = await self.read_http()
        assert status == 101, (head, body)

    # --- frames of the protocol

    async def put(self, *frames: Any) -> None:
        """Send frames, each a message of its own."""
        await self.send(b"".join(ws_frame(msgpack.packb(frame)) for frame in frames))

    async def receive(self) -> dict[str, Any]:
        """Return the next frame of the protocol; pings are answered, a close raises `Closed`."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big"), self.bye)
            if opcode == PING:
                await self.send(ws_frame(payload, PONG))
            elif opcode in {TEXT, BINARY}:
                frame: dict[str, Any] = msgpack.unpackb(payload)
                if frame["t"] != "bye":
                    return frame
                self.bye = frame

    async def wait(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the next frame of a type and with these fields; others are kept in `others`."""
        while True:
            frame = await self.receive()
            if frame["t"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame
            self.others.append(frame)

    async def answer(self, id: int) -> dict[str, Any]:
        """Return the `ok` or `err` of one command."""
        while True:
            frame = await self.receive()
            if frame["t"] in {"ok", "err"} and frame["id"] == id:
                return frame
            self.others.append(frame)

    async def ask(self, t: str = "cmd", **fields: Any) -> dict[str, Any]:
        """Send a frame with a fresh id and return its answer."""
        self.numbers += 1
        await self.put({"t": t, "id": self.numbers, **fields})
        return await self.answer(self.numbers)

    async def do(self, to: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and return its answer."""
        return await self.ask(to=to, do=verb, d=arguments)

    async def ping(self) -> dict[str, Any]:
        self.numbers += 1
        await self.put({"t": "ping", "n": self.numbers})
        return await self.wait("pong", n=self.numbers)

    async def hello(self, user: str, client: str = "c-1") -> dict[str, Any]:
        """Say hello; in this house a token is `user` or `user/role`."""
        await self.put({"t": "hello", "token": user, "client": client})
        return await self.wait("welcome")

    async def wait_closed(self) -> Closed:
        """Read on until the server closes, and return how."""
        while True:
            try:
                self.others.append(await self.receive())
            except Closed as closed:
                return closed

    async def wait_end(self) -> None:
        """Read on until the server has closed the socket."""
        try:
            while True:
                self.data = b""
                await self.read_some()
        except Closed:
            return

    def reset(self) -> None:
        """Close with a reset: whatever is on its way is lost."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self.stream)


async def dial(port: int, *, receive_buffer: int | None = None) -> Peer:
    """Connect, and say nothing. `receive_buffer`: how little this client wants to hold."""
    sock = trio.socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await sock.connect(("127.0.0.1", port))
    return Peer(trio.SocketStream(sock))
