"""The requests under way: their ids, which grow, and their answers. No socket: only the event that each caller waits on.

A command without an answer is sent again, with the same id, on the next connection: the server carries it out once.
"""

from dataclasses import dataclass, field

import trio

from homeroom.client.errors import ClientClosed
from homeroom.protocol.frames import Err, Ok


@dataclass(slots=True)
class Call:
    """One request, as its message, and whoever waits for its answer."""

    id: int
    message: bytes
    done: trio.Event = field(default_factory=trio.Event)
    answer: Ok | Err | ClientClosed | None = None

    def settle(self, answer: Ok | Err | ClientClosed) -> None:
        """Hand over the answer."""
        self.answer = answer
        self.done.set()


class Calls:
    """All requests without an answer, by id."""

    def __init__(self, first_id: int) -> None:
        self._next_id = first_id
        self._open: dict[int, Call] = {}

    def next_id(self) -> int:
        """Return an id greater than all before."""
        self._next_id += 1
        return self._next_id - 1

    def begin(self, id: int, message: bytes) -> Call:
        """Remember a request until it is answered or forgotten."""
        call = self._open[id] = Call(id, message)
        return call

    def settle(self, frame: Ok | Err) -> bool:
        """Hand an answer to its caller; false when nobody waits for it (any more)."""
        call = self._open.pop(frame.id, None) if frame.id is not None else None
        if call is not None:
            call.settle(frame)
        return call is not None

    def forget(self, call: Call) -> None:
        """Send it no more; whether it is carried out is then unknown."""
        self._open.pop(call.id, None)

    def unanswered(self) -> list[bytes]:
        """Return the messages to send on a new connection, in the order of their ids."""
        return [call.message for _, call in sorted(self._open.items())]

    def close(self, error: ClientClosed) -> None:
        """Settle all of them with `error`."""
        for call in self._open.values():
            call.settle(error)
        self._open.clear()

    def statistics(self) -> dict[str, int]:
        """Return how many wait."""
        return {"unanswered": len(self._open)}
