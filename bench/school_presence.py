"""A thousand people come online within ten seconds, each looked at by a hundred others: how soon these see it.

Whoever looks is here already. There are two ways to look, since presence goes to its own followers and to the places that people
have in common (requirements 1.9 #7); each gets a server of its own:

    rooms     a hundred of each room come, a hundred others of it follow the room; who comes follows it as well
    people    a thousand members of staff follow the presence of a hundred people each, by name

A delay is that from before the first byte of the connection of who comes to the moment after reading by who looks: TCP, handshake, token, and the
windows in which the server collects news included. Every one of the 100 000 must be there. Never here: the command line (`school`).
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import msgspec

from bench import processes
from bench.dialects import Homeroom, HomeroomClasses
from bench.figures import Load, Verdict, delays_line, quantile_ms
from bench.houses import House, homeroom
from bench.line import Line, Newcomer, opened
from bench.people import enrolled
from bench.person import Person
from bench.switchboard import Switchboard
from bench.websocket import BINARY

LONGEST_MS = 3_000.0
GROUP = 100
"""So many come of each group, and so many look at them; a connection follows at most so many streams."""
_PATIENCE_S = 10.0
_REMEMBERED = 4096
_AT_ONCE = 20
"""So many are made ready at once."""
_DIALECT = Homeroom("", ())


@dataclass(slots=True)
class Guest:
    """Who looks, with whom it has seen come (by number); or who comes, and follows `then` when it is welcome."""

    line: Line
    seen: set[int] | None = None
    then: str | None = None


class Door:
    """All connections at one switchboard: those who look, and those who come one after another."""

    def __init__(self, port: int) -> None:
        self.late = 0.0
        self.delays: list[float] = []
        self._port = port
        self._board = Switchboard(self._hear)
        self._came: dict[int, float] = {}
        self._understood: dict[bytes, tuple[int, ...]] = {}

    def close(self) -> None:
        """Close all connections."""
        self._board.close()

    def look(self, dialect: Homeroom, count: int) -> None:
        """Take in `count` people who look, by the dialect's opening."""
        for first in range(0, count, _AT_ONCE):
            for line in opened(dialect, self._port, range(first, min(first + _AT_ONCE, count))):
                self._board.seat(Guest(line, set()))
            self._board.listen(0)

    def idle(self, seconds: float) -> None:
        """Only listen."""
        self._board.listen_until(time.monotonic() + seconds)

    def come(self, times: Sequence[float], tokens: Sequence[str], then: Sequence[str | None], lookers: int) -> None:
        """Let everybody come at its time (seconds from now, in order), and wait until all was seen, or patience ends."""
        start = time.monotonic()
        for number, (at, token) in enumerate(zip(times, tokens, strict=True)):
            self._board.listen_until(start + at)
            self._came[number] = now = time.monotonic()
            self.late = max(self.late, now - start - at)
            hello = msgspec.msgpack.encode({"t": "hello", "token": token, "client": "bench"})
            self._board.seat(Guest(Newcomer(_DIALECT, self._port, hello), then=then[number]))
        patience = time.monotonic() + _PATIENCE_S
        while len(self.delays) < len(times) * lookers and time.monotonic() < patience:
            self._board.listen(0.01)

    def _hear(self, guest: Guest, opcode: int, payload: bytes, now: float) -> None:
        if opcode != BINARY:
            guest.line.control(opcode, payload)
        elif guest.seen is not None:
            self._see(guest.seen, self._understand(payload), now)
        elif guest.then is not None:
            guest.line.say(msgspec.msgpack.encode({"t": "sub", "id": 1, "to": guest.then}))
            guest.then = None

    def _understand(self, payload: bytes) -> tuple[int, ...]:
        """Return who comes online by a message; the same bytes to another who looks are recognised."""
        found = self._understood.get(payload)
        if found is None:
            if len(self._understood) >= _REMEMBERED:
                self._understood.clear()
            found = self._understood[payload] = arrivals(payload)
        return found

    def _see(self, seen: set[int], news: tuple[int, ...], now: float) -> None:
        for number in news:
            if number not in seen:
                seen.add(number)
                self.delays.append(now - self._came[number])


def arrivals(payload: bytes) -> tuple[int, ...]:
    """Return the numbers of those who come online by a message from the server; raises `ValueError` when it gives up."""
    heard = msgspec.msgpack.decode(payload)
    found: list[int] = []
    for frame in heard if isinstance(heard, list) else [heard]:
        if frame["t"] in {"bye", "gone", "err"}:
            raise ValueError(f"Homeroom says {frame}")
        for event in frame.get("e", ()):
            who = _who(frame["to"], event)
            if who.startswith("comer-") and event["d"]["status"] == "online":
                found.append(int(who.partition("-")[2]))
    return tuple(found)


def _who(stream: str, event: dict[str, Any]) -> str:
    """Return whose presence an event tells of, in a room or on a stream of its own; nobody's: empty."""
    if event["type"] == "room.presence":
        return str(event["d"]["user"])
    return stream.partition(":")[2] if event["type"] == "presence.changed" else ""


# --- the program


@dataclass(frozen=True, slots=True)
class Scale:
    """How many come within how many seconds, at random times drawn from `seed`; a multiple of a hundred."""

    people: int = 1_000
    seconds: float = 10.0
    seed: int = 1
    core: int | None = None


def measure(scale: Scale, way: str) -> list[Verdict]:
    """Let them come and be looked at in one way; prints the figures."""
    with homeroom() as house:
        if scale.core is not None:
            processes.pin(house.pid, scale.core)
        comers = enrolled(house, scale.people, name="comer").tokens
        door = Door(house.port)
        rooms = WAYS[way](house, door, comers)
        door.idle(2.0)
        dice, load = random.Random(scale.seed), Load(house)
        times = sorted(dice.uniform(0, scale.seconds) for _ in comers)
        door.come(times, comers, rooms, GROUP)
        print(f"{way}: {delays_line(door.delays)} {load.line(door.late)}", flush=True)
        door.close()
    return [
        _verdict(door.delays, scale.people * GROUP, f"{scale.people} people come online, 100 look at each, by {way}")
    ]


def _verdict(delays: Sequence[float], expected: int, what: str) -> Verdict:
    longest = quantile_ms(delays, 1.0)
    words = f"{what}: {len(delays)} of {expected} seen, the last after {longest / 1000:.2f} s (all, under {LONGEST_MS / 1000:.0f})"
    return Verdict(len(delays) == expected and longest < LONGEST_MS, words)


def _prepare_rooms(house: House, door: Door, comers: Sequence[str]) -> list[str | None]:
    """Make a room for each group, with its people, half of whom look already; returns the room of each who comes."""
    rooms = [f"room:class-{number}" for number in range(len(comers) // GROUP)]
    with Person(house.port, enrolled(house, 1, "teacher", "host").tokens[0]) as host:
        for room in rooms:
            host.do(room, "create", title="A class", visibility="open")
    of_each = [rooms[number % len(rooms)] for number in range(len(comers))]
    _join(house, of_each, comers)
    lookers = enrolled(house, len(comers), name="looker").tokens
    door.look(HomeroomClasses("", lookers, rooms=rooms), len(lookers))
    return list(of_each)


def _join(house: House, rooms: Sequence[str], tokens: Sequence[str]) -> None:
    """Let people join without coming online: over REST, some at once."""
    every = [(house.port, rooms[first::_AT_ONCE], tokens[first::_AT_ONCE]) for first in range(_AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_join_some, *zip(*every, strict=True)))


def _join_some(port: int, rooms: Sequence[str], tokens: Sequence[str]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    for room, token in zip(rooms, tokens, strict=True):
        path = f"/api/rooms/{room.partition(':')[2]}/join"
        connection.request("POST", path, "{}", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"no way into {room}: {body[:200]!r}")
    connection.close()


def _prepare_people(house: House, door: Door, comers: Sequence[str]) -> list[str | None]:
    """Let members of staff follow a group each, by name; who comes follows nothing."""
    lookers = enrolled(house, len(comers), "teacher", "looker").tokens
    door.look(ByName("", lookers), len(lookers))
    return [None] * len(comers)


@dataclass(slots=True)
class ByName(Homeroom):
    """Homeroom's protocol for those who look: each follows the presence of one group of who comes."""

    def opening(self, member: int) -> Sequence[tuple[bytes | None, bytes]]:
        """See `Dialect`: say who we are, and follow."""
        first = member // GROUP * GROUP
        follow = [{"t": "sub", "id": 1 + n, "to": f"presence:comer-{first + n}"} for n in range(GROUP)]
        hello, *_ = super(ByName, self).opening(member)
        return (hello, (msgspec.msgpack.encode(follow), b"\xa1t\xa2ok\xa2id" + bytes([GROUP])))


WAYS: Mapping[str, Callable[[House, Door, Sequence[str]], list[str | None]]] = {
    "rooms": _prepare_rooms,
    "people": _prepare_people,
}
"""How one looks → what has to be prepared for it."""
