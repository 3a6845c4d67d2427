"""One WebSocket to a server under test, opened and spoken on with blocking calls: for openings and for single questions.

Never here: waiting for many at once (`crowd`), and what the bytes mean (`dialects`).
"""

import socket
from collections.abc import Iterator

from bench.dialects import Dialect
from bench.websocket import CLOSE, PING, PONG, accepted, frame, handshake, split

_ONE_READ = 1 << 18


class Line:
    """A connection; `rest` holds bytes that were read and not yet understood. Closed by `close`.

    Raises `RuntimeError` when the server refuses or closes, and `OSError` when it is not there or silent for 10 s.
    """

    __slots__ = ("opcode", "rest", "socket")

    def __init__(self, dialect: Dialect, port: int) -> None:
        self.rest = b""
        self.opcode = dialect.opcode
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(handshake(port, dialect.path, dialect.subprotocol))
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.read()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        if not accepted(head):
            raise RuntimeError(f"no WebSocket: {head[:200]!r}")

    def close(self) -> None:
        """Close the socket without a word."""
        self.socket.close()

    def open(self, dialect: Dialect, member: int) -> None:
        """Walk through the dialect's opening as `member`."""
        for words, answer in dialect.opening(member):
            if words is not None:
                self.say(words)
            self.wait_for(answer)

    def say(self, payload: bytes) -> None:
        """Send one message."""
        self.socket.sendall(frame(self.opcode, payload))

    def wait_for(self, answer: bytes) -> bytes:
        """Wait for a message that holds `answer` and return it; what comes before it is passed over."""
        while True:
            for opcode, payload in self._whole():
                if opcode == self.opcode and answer in payload:
                    return payload
                self.control(opcode, payload)
            self.rest += self.read()

    def _whole(self) -> Iterator[tuple[int, bytes]]:
        """Take the whole frames out of `rest`, one at a time."""
        while True:
            frames, rest = split(self.rest, most=1)
            if not frames:
                return
            self.rest = rest
            yield frames[0]

    def control(self, opcode: int, payload: bytes) -> None:
        """Answer a ping; raises `RuntimeError` for a close, or for data of the other kind."""
        if opcode == PING:
            self.socket.send(frame(PONG, payload))
        elif opcode != self.opcode:
            raise RuntimeError(f"the server says {'goodbye' if opcode == CLOSE else opcode}: {payload[:100]!r}")

    def read(self) -> bytes:
        """Return what has come; raises `RuntimeError` at the end of the connection."""
        data = self.socket.recv(_ONE_READ)
        if not data:
            raise RuntimeError(f"the server closed the connection; last heard {self.rest[-200:]!r}")
        return data
