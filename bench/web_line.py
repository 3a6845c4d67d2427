"""One HTTP/1.1 connection to a server under test, kept alive as long as the server lets it; bytes in, answers out.

Only what a well-behaved server sends is understood: answers with a Content-Length. Where the server says that it closes the connection
after an answer, the next request opens another. Never here: waiting for many at once (`rest_loop`), and what is asked (`rest_work`).
"""

import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

_ONE_READ = 1 << 18
_END_OF_HEAD = b"\r\n\r\n"


class Answer(NamedTuple):
    """A whole answer: its status, whether the connection ends with it, and its body."""

    status: int
    closes: bool
    body: bytes


def request(method: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> bytes:
    """Return the bytes of a request, with `body` as JSON."""
    content = b"" if body is None else msgspec.json.encode(body)
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def split_answer(data: bytes) -> tuple[Answer, bytes] | None:
    """Return the answer at the head of `data` and the bytes left over, `None` when it is not whole yet.

    Raises `ValueError` for what is no answer with a length.
    """
    head, end, rest = data.partition(_END_OF_HEAD)
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not first.startswith("HTTP/1.1 ") or "content-length" not in fields:
        raise ValueError(f"not an answer with a length: {data[:200]!r}")
    size = int(fields["content-length"])
    if len(rest) < size:
        return None
    answer = Answer(int(first.split(" ", 2)[1]), fields.get("connection", "").lower() == "close", rest[:size])
    return answer, rest[size:]


class WebLine:
    """A connection on which one request at a time is asked. Raises `OSError` when nobody is there, or silent for 10 s."""

    __slots__ = ("_port", "_rest", "socket")

    def __init__(self, port: int) -> None:
        self._port = port
        self.open()

    def open(self) -> None:
        """Connect."""
        self._rest = b""
        self.socket = socket.create_connection(("127.0.0.1", self._port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the socket without a word."""
        self.socket.close()

    def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.say(request)
        while (answer := self.hear()) is None:
            pass
        if answer.closes:
            self.close()
            self.open()
        return answer

    def say(self, request: bytes) -> None:
        """Send a request."""
        self.socket.sendall(request)

    def hear(self) -> Answer | None:
        """Read what has come, and return the answer when it is whole; raises `RuntimeError` at the end of the connection."""
        data = self.socket.recv(_ONE_READ)
        if not data:
            raise RuntimeError(f"the server closed the connection; last heard {self._rest[-200:]!r}")
        found = split_answer(self._rest + data)
        self._rest = self._rest + data if found is None else found[1]
        return None if found is None else found[0]
