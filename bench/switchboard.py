"""Many connections heard by one thread: non-blocking sockets and epoll, cheap enough to sit beside the server it measures.

Never here: what a frame means, and what is said when (whoever sits at the switchboard).
"""

import select
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from bench.line import Line


class Seat(Protocol):
    """Whoever has a connection."""

    @property
    def line(self) -> Line:
        """Return the connection."""


SeatT = TypeVar("SeatT", bound=Seat)


class Switchboard(Generic[SeatT]):
    """Calls `hear(seat, opcode, payload, now)` for each whole frame that came for a seat; `now` is monotonic, in seconds.

    Its life: (1) `seat` each one, at any time; (2) `listen` again and again; (3) `close`, which closes their connections.
    """

    def __init__(self, hear: Callable[[SeatT, int, bytes, float], None]) -> None:
        self._hear = hear
        self._epoll = select.epoll()
        self._seats: dict[int, SeatT] = {}

    def seat(self, seat: SeatT) -> None:
        """Hear what comes for `seat` from now on."""
        seat.line.socket.setblocking(False)
        self._seats[seat.line.socket.fileno()] = seat
        self._epoll.register(seat.line.socket.fileno(), select.EPOLLIN)

    def close(self) -> None:
        """Close all connections."""
        for seat in self._seats.values():
            seat.line.close()
        self._epoll.close()

    def listen_until(self, due: float) -> None:
        """Listen until the monotonic time `due`; not at all when that has passed."""
        while (left := due - time.monotonic()) > 0:
            self.listen(left)

    def listen(self, timeout: float) -> None:
        """Hear what has come, or comes first within `timeout` seconds; raises as `Line.read` does."""
        for file, _ in self._epoll.poll(timeout):
            seat = self._seats[file]
            frames = seat.line.frames()
            now = time.monotonic()
            for opcode, payload in frames:
                self._hear(seat, opcode, payload, now)
