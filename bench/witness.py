"""An observer that shares nothing with the product's own client, and believes nobody.

It follows a room from its first event and writes down what it is shown as it is shown: no repetition is skipped, no gap healed.
It also talks, and after every fault it repeats what it had said, acknowledged or not, to see whether anything is done twice.
Never here: judging (`checker`).
"""

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec
import trio

from bench.checker import Kept, Repeat, Resume, Talker
from bench.dialects import Homeroom
from bench.kept import key_of
from bench.websocket import PING, PONG, accepted, frame, handshake, split

_SUB, _JOIN = 1, 2
_EVERY_S = 0.1
_REPEATED = 60
"""How many of its latest commands it repeats; a connection has a budget of frames."""


class Witness:
    """One raw connection after another. `seen`, `talker`, `repeats` and `resumes` are its books."""

    def __init__(self, port: int, token: str, room: str) -> None:
        self.seen: list[Kept] = []
        self.talker = Talker()
        self.repeats: list[Repeat] = []
        self.resumes: list[Resume] = []
        self.fault_at: float | None = None
        self.talking = True
        self._port, self._token, self._room = port, token, room
        self._dialect = Homeroom(room, [token])
        self._at: tuple[str, int] | None = None
        self._ids = count(10)
        self._said: dict[int, str] = {}
        self._refused: set[int] = set()
        self._following = trio.Event()
        self._stream: trio.SocketStream | None = None
        self._sending = trio.Lock()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow and talk until cancelled; started when the room is followed for the first time."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_again_and_again)
            nursery.start_soon(self._talk)
            await self._following.wait()
            task_status.started()

    async def repeat(self) -> None:
        """Say again what was said last, in order, with the same numbers."""
        for number in sorted(self._said)[-_REPEATED:]:
            await self._send(self._command(number))

    async def _follow_again_and_again(self) -> None:
        while True:
            try:
                await self._follow()
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
                self._stream = None
                await trio.sleep(0.05)

    async def _follow(self) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with stream:
            rest = await self._open(stream)
            self._stream = stream
            while True:
                frames, rest = split(rest)
                for opcode, payload in frames:
                    await self._hear(opcode, payload)
                rest += await _some(stream)

    async def _open(self, stream: trio.SocketStream) -> bytes:
        """Shake hands and say hello; the answers come like everything else. Returns the bytes after the handshake."""
        await stream.send_all(handshake(self._port, self._dialect.path, self._dialect.subprotocol))
        rest = b""
        while b"\r\n\r\n" not in rest:
            rest += await _some(stream)
        if not accepted(rest):
            raise EOFError(rest)
        hello = {"t": "hello", "token": self._token, "client": "witness", "agent": "witness"}
        await stream.send_all(frame(self._dialect.opcode, msgspec.msgpack.encode(hello)))
        return rest.partition(b"\r\n\r\n")[2]

    async def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            await self._send(payload, PONG)
        elif opcode == self._dialect.opcode:
            frames = msgspec.msgpack.decode(payload)
            for one in frames if isinstance(frames, list) else [frames]:
                await self._take(one)

    async def _take(self, one: Mapping[str, Any]) -> None:
        if one["t"] == "welcome":
            await self._welcomed(one["epoch"])
        elif one["t"] == "ev":
            self._show(one["seq"], one["e"])
        elif one["t"] == "ok" and one["id"] == _SUB:
            await self._joined(one["d"])
        elif one["t"] == "ok" and one["id"] in self._said:
            self._answered(self._said[one["id"]], one)
        elif one["t"] == "err" and one["id"] in self._said:
            assert one.get("retry_ms"), f"the witness was refused: {one}"
            self._refused.add(one["id"])
        elif one["t"] == "err":
            raise EOFError(one)

    async def _welcomed(self, epoch: str) -> None:
        """Join the room, and follow it from the first event, or from where the last connection ended."""
        self._at = self._at or (epoch, 0)
        frames = (
            {"t": "cmd", "id": _JOIN, "to": self._room, "do": "join"},
            {"t": "sub", "id": _SUB, "to": self._room, "since": self._at},
        )
        for one in frames:
            await self._send(msgspec.msgpack.encode(one))

    async def _joined(self, verdict: Mapping[str, Any]) -> None:
        if not self._following.is_set():
            self._following.set()
            return
        since = trio.current_time() - (self.fault_at or trio.current_time())
        self.resumes.append(Resume("witness", verdict["verdict"], since))
        await self.repeat()

    def _show(self, seq: int, events: list[Mapping[str, Any]]) -> None:
        assert self._at is not None, "events come after the welcome"
        for number, event in enumerate(events, seq):
            self.seen.append(
                Kept(number, key_of(event["d"]["text"]) if event["type"] == "room.message_posted" else None)
            )
            self._at = (self._at[0], number)

    def _answered(self, text: str, answer: Mapping[str, Any]) -> None:
        seq = answer["pos"][1]
        if text in self.talker.acknowledged:
            self.repeats.append(Repeat(text, self.talker.acknowledged[text], seq, answer.get("again", False)))
        self.talker.acknowledged.setdefault(text, seq)

    async def _talk(self) -> None:
        """Say something every 100 ms, one thing at a time; what was refused for the moment is said again."""
        while True:
            await trio.sleep(_EVERY_S)
            if self._refused:
                await self._send(self._command(self._refused.pop()))
            elif self.talking and self._following.is_set() and len(self.talker.acknowledged) == len(self._said):
                number = next(self._ids)
                self._said[number] = f"witness.{number}"
                self.talker.said.append(self._said[number])
                await self._send(self._command(number))

    def _command(self, number: int) -> bytes:
        say = {"t": "cmd", "id": number, "to": self._room, "do": "say", "d": {"text": self._said[number]}}
        return msgspec.msgpack.encode(say)

    async def _send(self, payload: bytes, opcode: int | None = None) -> None:
        """Send if there is a connection; a broken one is noticed by the reader."""
        async with self._sending:
            if self._stream is not None:
                try:
                    await self._stream.send_all(frame(opcode or self._dialect.opcode, payload))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._stream = None


async def _some(stream: trio.SocketStream) -> bytes:
    data = await stream.receive_some(1 << 18)
    if not data:
        raise EOFError("the server closed the connection")
    return bytes(data)
