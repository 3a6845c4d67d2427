"""A closed loop: so many connections, on each of which the next request is sent when the answer to the last has been checked.

One thread, blocking sends and epoll, cheap enough to sit beside the server it measures.
Never here: what is asked and which answer is right (`rest_work`).
"""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.rest_work import Worker, Wrong
from bench.web_line import Answer, WebLine

PATIENCE_S = 10.0
"""A server that is silent so long has failed."""


@dataclass(slots=True)
class Seat:
    """A worker with its connection, and when it asked last (monotonic, seconds)."""

    worker: Worker
    line: WebLine
    asked_at: float = 0.0


@dataclass(slots=True)
class Run:
    """What one run brought: the delay of each answer in seconds, from before sending to after reading, and what was wrong."""

    delays: list[float] = field(default_factory=list)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Loop:
    """Connections to one server; use as a context manager. Its life: (1) made, it connects; (2) `run` as often as wanted."""

    def __init__(self, port: int, workers: Sequence[Worker]) -> None:
        self._epoll = select.epoll()
        self._seats: dict[int, Seat] = {}
        for worker in workers:
            self._enter(Seat(worker, WebLine(port)))

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self._seats.values():
            seat.line.close()
        self._epoll.close()

    def run(self, what: str, *, seconds: float = float("inf"), each: int | None = None) -> Run:
        """Ask for `what` on all connections for so long, or `each` times on each of them; all answers are waited for.

        It ends early when nobody has anything left to do it to. Raises `RuntimeError` when the server closes a connection out of
        turn, or is silent.
        """
        run, begun = Run(), time.monotonic()
        left = {id(seat): each for seat in self._seats.values()}
        busy = sum(self._ask(seat, what) for seat in list(self._seats.values()))
        while busy:
            for seat, answer in self._heard():
                now = time.monotonic()
                run.delays.append(now - seat.asked_at)
                self._take(seat, answer, run)
                if each is not None:
                    left[id(seat)] = (left[id(seat)] or 0) - 1
                goes_on = now - begun < seconds and left[id(seat)] != 0
                busy -= not (goes_on and self._ask(seat, what))
        run.seconds = time.monotonic() - begun
        return run

    def _ask(self, seat: Seat, what: str) -> bool:
        """Send the next request; tells whether there was one."""
        request = seat.worker.ask(what)
        if request is None:
            return False
        seat.asked_at = time.monotonic()
        seat.line.say(request)
        return True

    def _heard(self) -> list[tuple[Seat, Answer]]:
        """Return the answers that are whole, after waiting for the first bytes."""
        ready = self._epoll.poll(PATIENCE_S)
        if not ready:
            raise RuntimeError(f"no answer within {PATIENCE_S:.0f} s")
        heard = ((self._seats[file], self._seats[file].line.hear()) for file, _ in ready)
        return [(seat, answer) for seat, answer in heard if answer is not None]

    def _take(self, seat: Seat, answer: Answer, run: Run) -> None:
        try:
            seat.worker.take(answer)
        except Wrong as error:
            run.wrong.append(str(error))
        if answer.closes:
            self._leave(seat)
            seat.line.open()
            self._enter(seat)

    def _enter(self, seat: Seat) -> None:
        self._seats[seat.line.socket.fileno()] = seat
        self._epoll.register(seat.line.socket.fileno(), select.EPOLLIN)

    def _leave(self, seat: Seat) -> None:
        self._epoll.unregister(seat.line.socket.fileno())
        del self._seats[seat.line.socket.fileno()]
        seat.line.close()
