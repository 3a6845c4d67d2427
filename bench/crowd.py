"""The members of rooms, played by one thread cheap enough to take 50 000 messages a second beside the server.

What one member hears is understood in full; the same bytes heard by the next member are recognised instead of decoded again,
as a room's members are sent the same bytes. Every member's every message is counted, in order: a position heard twice, or out of
order, is an error. Never here: what the bytes mean (`dialects`), waiting for sockets (`switchboard`), and the server's CPU.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.dialects import NOTHING, Dialect, Heard
from bench.line import Line, opened
from bench.switchboard import Switchboard
from bench.websocket import frame

_REMEMBERED = 4096
_AT_ONCE = 20
"""So many enter at once, before those who are in listen again: the server's pings must not go unanswered."""


@dataclass(slots=True)
class Member:
    """One connection, the last position heard on it, and the number of its last command."""

    line: Line
    position: int = 0
    command: int = 10


@dataclass(slots=True)
class Tally:
    """What one run brought: of the messages that count, how often each was heard, and all delays in seconds."""

    sent: int = 0
    expected: int = 0
    seen: int = 0
    answered: int = 0
    late: float = 0.0
    refused: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


class Crowd:
    """`size` members, some of whom are opened at once; use as a context manager.

    Each message is to be heard by `hearers` of them, by all unless told. Where the dialect has a prelude to a message, its author
    sends it while message number `ahead` before it is said.

    Its life: (1) `enter` connects, shakes hands and walks through the dialect's opening; (2) `talk` runs a schedule;
    (3) `close`. Raises `RuntimeError` when the server does not answer as it should.
    """

    def __init__(self, dialect: Dialect, port: int, size: int, *, hearers: int | None = None, ahead: int = 0) -> None:
        self.deliveries = 0
        self.tally = Tally()
        self._dialect = dialect
        self._port = port
        self._hearers = size if hearers is None else hearers
        self._ahead = ahead
        self._board = Switchboard(self._hear)
        self._members: list[Member] = []
        self._sent_at: dict[int, float] = {}
        self._understood: dict[bytes, Heard] = {}
        for first in range(0, size, _AT_ONCE):
            self._enter(range(first, min(first + _AT_ONCE, size)))

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._board.close()

    def talk(self, schedule: Sequence[float], count_from: int) -> Iterator[str]:
        """Say one message at each of the times of `schedule` (seconds from now), the members in turn.

        Messages from number `count_from` on go into the `tally`. Yields `"begin"` when the first of these is due, `"end"` when
        all of them were heard by everybody or five seconds after the last one, for the caller to read the server's clocks.
        """
        self.tally = Tally(expected=(len(schedule) - count_from) * self._hearers)
        start = time.monotonic()
        for number, offset in enumerate(schedule):
            self._board.listen_until(start + offset)
            if number == count_from:
                yield "begin"
            self._say(number, counts=number >= count_from, due=start + offset)
        patience = time.monotonic() + 5
        while (
            self.tally.seen < self.tally.expected or self.tally.answered < self.tally.sent
        ) and time.monotonic() < patience:
            self._board.listen(0.01)
        yield "end"

    def idle(self, seconds: float) -> None:
        """Only listen."""
        self._board.listen_until(time.monotonic() + seconds)

    def _enter(self, numbers: Sequence[int]) -> None:
        for line in opened(self._dialect, self._port, numbers):
            member = Member(line)
            self._members.append(member)
            self._board.seat(member)
        self._board.listen(0)

    def _say(self, number: int, *, counts: bool, due: float) -> None:
        now = time.monotonic()
        if counts:
            self._sent_at[number] = now
            self.tally.late = max(self.tally.late, now - due)
        member = self._author(number)
        self._send(member, self._dialect.say(member.command, number))
        author = self._author(number + self._ahead)
        prelude = self._dialect.prelude(author.command, number + self._ahead)
        if prelude is not None:
            self._send(author, prelude)

    def _author(self, number: int) -> Member:
        """Return who says message `number`, its next command numbered."""
        member = self._members[number % len(self._members)]
        member.command += 1
        return member

    def _send(self, member: Member, payload: bytes) -> None:
        words = frame(self._dialect.opcode, payload)
        self.tally.sent += 1
        if member.line.socket.send(words) != len(words):
            raise RuntimeError("the server does not take what is said")

    def _hear(self, member: Member, opcode: int, payload: bytes, now: float) -> None:
        if opcode != self._dialect.opcode:
            member.line.control(opcode, payload)
            return
        heard = self._understand(payload)
        if heard.messages:
            self._count(member, heard.messages, now)
        elif heard.reply is not None:
            member.line.say(heard.reply)
        self.tally.answered += heard.answered
        self.tally.refused += heard.refused

    def _understand(self, payload: bytes) -> Heard:
        heard = self._understood.get(payload, NOTHING)
        if heard is NOTHING:
            if len(self._understood) >= _REMEMBERED:
                self._understood.clear()
            heard = self._understood[payload] = self._dialect.hear(payload)
        return heard

    def _count(self, member: Member, messages: tuple[tuple[int, int], ...], now: float) -> None:
        self.deliveries += len(messages)
        for position, number in messages:
            if position <= member.position:
                raise RuntimeError(f"position {position} came after {member.position}")
            member.position = position
            sent_at = self._sent_at.get(number)
            if sent_at is not None:
                self.tally.seen += 1
                self.tally.delays.append(now - sent_at)
