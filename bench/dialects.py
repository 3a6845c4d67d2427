"""What a member of the room says and hears in each product's own words: Homeroom's protocol and Socket.IO's.

Pure: payloads out, payloads in. Every broadcast carries the number of the message in the first eight characters of its text,
by which the crowd knows what it has heard. Never here: sockets, clocks, and who counts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from bench.websocket import BINARY, TEXT

MESSAGE_BYTES = 180


class Heard(NamedTuple):
    """What one WebSocket message from the server holds.

    `messages` are (position in the room, number of the message) of each broadcast message in order; `answered` counts
    positive answers to commands, `refused` holds the negative ones; `reply` must be sent back at once when there is one.
    """

    messages: tuple[tuple[int, int], ...] = ()
    answered: int = 0
    refused: tuple[str, ...] = ()
    reply: bytes | None = None


NOTHING = Heard()


class Dialect(Protocol):
    """How to open a connection, say something and understand what comes."""

    path: str
    subprotocol: str | None
    opcode: int

    def opening(self, member: int) -> Sequence[tuple[bytes | None, bytes]]:
        """Return the steps that make `member` one of the room: what to send, if anything, and what the answer holds."""

    def say(self, command: int, number: int) -> bytes:
        """Return the command by which a member says message `number`; `command` grows with each of a member's commands."""

    def prelude(self, command: int, number: int) -> bytes | None:
        """Return what the author of message `number` sends some time before it, if anything; it is answered as a command."""

    def hear(self, payload: bytes) -> Heard:
        """Understand one message from the server; raises `ValueError` when the server gives up."""


def text_of(number: int) -> str:
    """Return the text of message `number`: 180 bytes that begin with it."""
    return f"{number:08d} ".ljust(MESSAGE_BYTES, "x")


@dataclass(slots=True)
class SocketIo:
    """Socket.IO 4 over Engine.IO 4, the text protocol on a WebSocket."""

    path: str = "/socket.io/?EIO=4&transport=websocket&user=member"
    subprotocol: str | None = None
    opcode: int = TEXT

    def opening(self, member: int) -> Sequence[tuple[bytes | None, bytes]]:
        """See `Dialect`: Engine.IO opens by itself, then the default namespace is joined."""
        return ((None, b'0{"sid"'), (b"40", b'40{"sid"'))

    def say(self, command: int, number: int) -> bytes:
        """See `Dialect`: an event with an acknowledgement."""
        return f'42{command}["say",{{"text":"{text_of(number)}"}}]'.encode()

    def prelude(self, command: int, number: int) -> bytes | None:
        """See `Dialect`: nothing."""
        return None

    def hear(self, payload: bytes) -> Heard:
        """See `Dialect`: an event `message`, an acknowledgement, or a ping."""
        if payload.startswith(b'42["message",'):
            message = json.loads(payload[2:])[1]
            return Heard(messages=((int(message["id"]), int(message["text"][:8])),))
        if payload.startswith(b"43"):
            return Heard(answered=1)
        if payload == b"2":
            return Heard(reply=b"3")
        raise ValueError(f"Socket.IO says {payload[:80]!r}")


@dataclass(slots=True)
class Homeroom:
    """Homeroom's protocol, version 1, in msgpack; `tokens` are dealt out to the members in turn."""

    room: str
    tokens: Sequence[str] = field(repr=False)
    path: str = "/ws"
    subprotocol: str | None = "homeroom.v1.msgpack"
    opcode: int = BINARY

    def opening(self, member: int) -> Sequence[tuple[bytes | None, bytes]]:
        """See `Dialect`: say who we are, join the room, follow it from now on."""
        hello = {
            "t": "hello",
            "token": self.tokens[member % len(self.tokens)],
            "client": f"bench-{member}",
            "agent": "bench",
        }
        join = {"t": "cmd", "id": 1, "to": self.where(member), "do": "join"}
        follow = {"t": "sub", "id": 2, "to": self.where(member)}
        return (
            (msgspec.msgpack.encode(hello), b"\xa7welcome"),
            (msgspec.msgpack.encode(join), b"\xa1t\xa2ok\xa2id\x01"),
            (msgspec.msgpack.encode(follow), b"\xa1t\xa2ok\xa2id\x02"),
        )

    def say(self, command: int, number: int) -> bytes:
        """See `Dialect`: the verb `say`."""
        return msgspec.msgpack.encode(
            {"t": "cmd", "id": command, "to": self.where(number), "do": "say", "d": {"text": text_of(number)}}
        )

    def prelude(self, command: int, number: int) -> bytes | None:
        """See `Dialect`: nothing."""
        return None

    def where(self, number: int) -> str:
        """Return the address where member `number` is, and message `number` is said."""
        return self.room

    def create(self, command: int, room: str) -> bytes:
        """Return the command that makes the open room `room`."""
        arguments = {"title": "A quiet room", "visibility": "open"}
        return msgspec.msgpack.encode({"t": "cmd", "id": command, "to": room, "do": "create", "d": arguments})

    def hear(self, payload: bytes) -> Heard:
        """See `Dialect`: one frame or an array of frames."""
        frames = msgspec.msgpack.decode(payload)
        return self._heard(frames if isinstance(frames, list) else [frames])

    def _heard(self, frames: list[dict[str, Any]]) -> Heard:
        given_up = [frame for frame in frames if frame["t"] in {"bye", "gone"}]
        if given_up:
            raise ValueError(f"Homeroom says {given_up}")
        events = [
            (frame["seq"] + place, event)
            for frame in frames
            if frame["t"] == "ev"
            for place, event in enumerate(frame["e"])
        ]
        return Heard(
            messages=tuple(
                (seq, int(event["d"]["text"][:8])) for seq, event in events if event["type"] == "room.message_posted"
            ),
            answered=sum(frame["t"] == "ok" for frame in frames),
            refused=tuple(f"{frame['code']}: {frame['msg']}" for frame in frames if frame["t"] == "err"),
        )


@dataclass(slots=True)
class HomeroomClasses(Homeroom):
    """The same in several rooms or sessions, among which members are dealt out in turn; whoever will speak types before.

    There are as many members in each, so that whose turn it is speaks where it is.
    """

    rooms: Sequence[str] = ()

    def where(self, number: int) -> str:
        """See `Homeroom`."""
        return self.rooms[number % len(self.rooms)]

    def prelude(self, command: int, number: int) -> bytes | None:
        """See `Dialect`: the verb `typing`."""
        return msgspec.msgpack.encode({"t": "cmd", "id": command, "to": self.where(number), "do": "typing"})
