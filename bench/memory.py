"""What stands idle, and what that costs in memory: `python -m bench.memory`.

Private memory of the server's process (not PostgreSQL's: neither figure makes it grow) before and after 1 000 connections, each
authenticated and following a room, and before and after 1 000 rooms with one event each, which nobody follows. A tenth as many
of each come first, so that what the first one loads is not counted. Exit code 1 when a target is missed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bench import processes
from bench.crowd import Crowd
from bench.houses import homeroom
from bench.line import Line
from bench.people import People, enrolled

CONNECTION_BYTES, ACTOR_BYTES = 24 * 1024, 8 * 1024
_PEOPLE = 50
_AT_ONCE = 100
"""Things made at once, in the warm-up as later: connections wait no longer for their pings to be answered, and what a larger
batch of rooms would need for a moment is not taken for what an actor holds."""
_ANSWER = b"\xa1t\xa2ok"
_UNHURRIED = {"HOMEROOM_FRAMES_PER_SECOND": "100000"}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure both, print them and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--actors", type=int, default=1000)
    options = parser.parse_args(argv)
    with homeroom(env=_UNHURRIED) as house, ExitStack() as crowds:
        idle = _Idle(enrolled(house, _PEOPLE, "teacher"), crowds)
        connection = _growth(idle, idle.connect, options.connections)
        actor = _growth(idle, idle.make_rooms, options.actors)
    good = [_verdict("idle connection", connection, CONNECTION_BYTES), _verdict("idle actor", actor, ACTOR_BYTES)]
    return 0 if all(good) else 1


class _Idle:
    """What stands idle in one house; all of it stays until the end."""

    def __init__(self, people: People, crowds: ExitStack) -> None:
        self.people, self._stack = people, crowds
        self._crowds: list[Crowd] = []
        self._rooms = people.dialect("idle")
        self._made = 0

    def connect(self, count: int) -> None:
        """Open `count` connections that follow one room."""
        for begun in range(0, count, _AT_ONCE):
            size = min(_AT_ONCE, count - begun)
            self._crowds.append(self._stack.enter_context(Crowd(self._rooms, self.people.house.port, size)))
            self._listen(0.1)

    def make_rooms(self, count: int) -> None:
        """Make `count` rooms, so that an actor of each is awake."""
        line = Line(self._rooms, self.people.house.port)
        line.open(self._rooms, 0)
        for begun in range(self._made, self._made + count, _AT_ONCE):
            self._make(line, range(begun, min(begun + _AT_ONCE, self._made + count)))
        self._made += count
        line.close()

    def _make(self, line: Line, numbers: Sequence[int]) -> None:
        for number in numbers:
            line.say(self._rooms.create(10 + number, f"room:quiet-{number}"))
        answers = 0
        while answers < len(numbers):
            answers += line.wait_for(_ANSWER).count(_ANSWER)

    def settle(self, seconds: float = 8.0) -> int:
        """Be idle, answering the server's pings; return its memory then, in bytes."""
        self._listen(seconds)
        return processes.memory_bytes(self.people.house.pid)

    def _listen(self, seconds: float) -> None:
        """Answer the server's pings for a while."""
        for crowd in self._crowds:
            crowd.idle(seconds / len(self._crowds))


def _growth(idle: _Idle, make: Callable[[int], None], count: int) -> float:
    """Return bytes for each of `count` things made."""
    make(max(count // 10, 1))
    before = idle.settle()
    make(count)
    return (idle.settle() - before) / count


def _verdict(what: str, size: float, target: int) -> bool:
    good = size <= target
    print(f"{'PASS' if good else 'FAIL'}  {what}: {size / 1024:.2f} KB (at most {target / 1024:.0f} KB)")
    return good


if __name__ == "__main__":
    sys.exit(main())
