"""One WebSocket to a server under test, opened and spoken on with blocking calls: for openings and for single questions.

`Newcomer` opens without waiting, for those who come while others are listened to.
Never here: waiting for many at once (`switchboard`), and what the bytes mean (`dialects`).
"""

import socket
from collections.abc import Iterator, Sequence

from bench.dialects import Dialect
from bench.websocket import CLOSE, PING, PONG, accepted, frame, handshake, split

_ONE_READ = 1 << 18
_END_OF_HEAD = b"\r\n\r\n"


class Line:
    """A connection; `rest` holds bytes that were read and not yet understood. Closed by `close`.

    Raises `RuntimeError` when the server refuses or closes, and `OSError` when it is not there or silent for 10 s.
    """

    __slots__ = ("opcode", "rest", "socket")

    def __init__(self, dialect: Dialect, port: int) -> None:
        self._knock(dialect, port)
        while not self._let_in():
            self.rest += self.read()

    def _knock(self, dialect: Dialect, port: int) -> None:
        self.rest = b""
        self.opcode = dialect.opcode
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(handshake(port, dialect.path, dialect.subprotocol))

    def _let_in(self) -> bool:
        """Take the server's answer to the handshake out of `rest`; tells whether it was whole."""
        head, end, rest = self.rest.partition(_END_OF_HEAD)
        if end:
            self.rest = rest
            if not accepted(head):
                raise RuntimeError(f"no WebSocket: {head[:200]!r}")
        return bool(end)

    def close(self) -> None:
        """Close the socket without a word."""
        self.socket.close()

    def open(self, dialect: Dialect, member: int) -> None:
        """Walk through the dialect's opening as `member`."""
        walk([self], dialect, [member])

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

    def frames(self) -> list[tuple[int, bytes]]:
        """Return the frames that are whole with what has come, as (opcode, payload)."""
        data = self.read()
        frames, self.rest = split(self.rest + data if self.rest else data)
        return frames

    def read(self) -> bytes:
        """Return what has come; raises `RuntimeError` at the end of the connection."""
        data = self.socket.recv(_ONE_READ)
        if not data:
            raise RuntimeError(f"the server closed the connection; last heard {self.rest[-200:]!r}")
        return data


class Newcomer(Line):
    """A connection that is being opened: it says `first` as soon as the server has agreed to speak WebSocket."""

    __slots__ = ("_first",)

    def __init__(self, dialect: Dialect, port: int, first: bytes) -> None:
        self._knock(dialect, port)
        self._first: bytes | None = first

    def frames(self) -> list[tuple[int, bytes]]:
        """Return as `Line.frames`; nothing before the server has agreed."""
        if self._first is None:
            return super().frames()
        self.rest += self.read()
        if not self._let_in():
            return []
        self.say(self._first)
        self._first = None
        frames, self.rest = split(self.rest)
        return frames


def opened(dialect: Dialect, port: int, members: Sequence[int]) -> list[Line]:
    """Connect `members` and walk through the dialect's opening with all of them at once; returns their lines in order."""
    lines = [Line(dialect, port) for _ in members]
    walk(lines, dialect, members)
    return lines


def walk(lines: Sequence[Line], dialect: Dialect, members: Sequence[int]) -> None:
    """Take each step of the dialect's opening on all `lines` before the next one."""
    for steps in zip(*(dialect.opening(member) for member in members), strict=True):
        for line, (words, _) in zip(lines, steps, strict=True):
            if words is not None:
                line.say(words)
        for line, (_, answer) in zip(lines, steps, strict=True):
            line.wait_for(answer)
