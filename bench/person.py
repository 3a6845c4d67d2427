"""One person with one connection who asks and waits for the answer: what a benchmark prepares with, and reads back with.

Never here: what is measured, which a `switchboard` hears, and the bytes of frames (`line`).
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from bench.dialects import Homeroom
from bench.line import Line


class Refused(Exception):
    """The server said no, or goodbye."""


class Person:
    """A person who has said hello; use as a context manager, or give its `line` to a switchboard. Raises as `Line` does."""

    def __init__(self, port: int, token: str, client: str = "bench") -> None:
        self.line = Line(Homeroom("", ()), port)
        self.command = 0
        """The number of its latest command."""
        self._answers: dict[int, dict[str, Any]] = {}
        self._events: deque[dict[str, Any]] = deque()
        self._welcome = False
        self.say({"t": "hello", "token": token, "client": client})
        while not self._welcome:
            self._hear()

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def say(self, frames: Any) -> None:
        """Send a frame, or an array of them."""
        self.line.say(msgspec.msgpack.encode(frames))

    def do(self, to: str, verb: str, **arguments: Any) -> Any:
        """Carry out a command and return the `d` of its answer; raises `Refused`."""
        self.command += 1
        self.say({"t": "cmd", "id": self.command, "to": to, "do": verb, "d": arguments})
        return self._answer(self.command)

    def follow(self, *streams: str) -> list[Any]:
        """Follow `streams` from now on and return the state of each; raises `Refused`."""
        ids = range(self.command + 1, self.command + 1 + len(streams))
        self.command += len(streams)
        self.say([{"t": "sub", "id": each, "to": to} for each, to in zip(ids, streams, strict=True)])
        return [self._answer(each)["state"] for each in ids]

    def wait_event(self, type: str) -> dict[str, Any]:
        """Return the next event of a type; those of other types before it are passed over."""
        return self.wait_until(lambda event: event["type"] == type)

    def wait_until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the next event or signal that fits, with its stream as `to`; those before it are passed over."""
        while True:
            while self._events:
                event = self._events.popleft()
                if fits(event):
                    return event
            self._hear()

    def _answer(self, id: int) -> Any:
        while id not in self._answers:
            self._hear()
        answer = self._answers.pop(id)
        if answer["t"] == "err":
            raise Refused(f"{answer['code']}: {answer['msg']}")
        return answer.get("d")

    def _hear(self) -> None:
        heard = msgspec.msgpack.decode(self.line.wait_for(b""))
        for frame in heard if isinstance(heard, list) else [heard]:
            self._sort(frame)

    def _sort(self, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "ok" | "err":
                self._answers[frame["id"]] = frame
            case "ev" | "sig":
                self._events += [{**event, "to": frame["to"]} for event in frame["e"]]
            case "welcome":
                self._welcome = True
            case "bye" | "gone":
                raise Refused(f"{frame['t']} {frame['code']}: {frame.get('msg', '')}")
