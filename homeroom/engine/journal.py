"""The journal as the engine sees it: what is kept for each stream, and the two ways in which keeping it can fail.

Implementations are siblings by name (`journal_memory`, `journal_postgres`) and pass one contract suite,
`tests/engine/journal_contract.py`. Never here: SQL, and what the bytes mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from homeroom.engine.behaviour import Lookup, Row
from homeroom.engine.company import Company


class JournalError(Exception):
    """The journal did not do what was asked."""


class Unavailable(JournalError):
    """No answer, or a refusal to work. After an `append` this means *in doubt*: read back before going on."""


class Superseded(JournalError):
    """Somebody else wrote this number of this stream, or this command, first: nothing was written."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a command was carried out: whose (`user/client`), its number, a digest of its body, and its answer."""

    client: str
    command: int
    digest: bytes
    reply: bytes | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One durable event. `receipt` stands on the last event of the command that caused it."""

    seq: int
    type: str
    at: int
    by: str
    body: bytes
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A durable message between actors; `number` is given by the journal and unique in it."""

    number: int
    source: str
    to: str
    do: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A `Message` before it has a number."""

    to: str
    do: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Deadline:
    """A durable timer of a stream; `due` in Unix ms, `None`: when the owner starts anew."""

    stream: str
    key: str
    due: int | None


@dataclass(slots=True)
class Append:
    """All that one turn of one actor makes durable, in one transaction or not at all.

    `arm` maps a deadline's key to its due time, `disarm` forgets keys, `consumed` are numbers of messages carried out,
    `receipts` are of commands that caused no event. May hold no records: a turn can change deadlines only.
    """

    stream: str
    records: Sequence[Record] = ()
    tells: Sequence[Outgoing] = ()
    arm: Mapping[str, int | None] = field(default_factory=dict)
    disarm: frozenset[str] = frozenset()
    consumed: Sequence[int] = ()
    rows: Sequence[Row] = ()
    receipts: Sequence[Receipt] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot: the state after event `seq`, in schema `version`."""

    seq: int
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an actor starts from. `head` is the newest number (0: nothing happened yet); `tail` follows `saved`.

    `receipts` tells whether there are any of commands that caused no event.
    """

    head: int
    saved: Saved | None
    tail: Sequence[Record]
    deadlines: Mapping[str, int | None]
    receipts: bool = False


class Journal(Protocol):
    """One writer a node; every method may raise `Unavailable`, and none keeps a caller longer than 3 s."""

    async def append(self, unit: Append) -> Sequence[Message]:
        """Make `unit` durable; returns its messages with their numbers. Raises `Superseded`, or `Unavailable` in doubt."""

    async def load(self, stream: str) -> Loaded:
        """Read what is needed to activate an actor, after every append in doubt has been settled."""

    async def read(self, stream: str, after: int, upto: int, limit: int) -> Sequence[Record]:
        """Read events `after` < seq <= `upto` in order, `limit` at the most."""

    async def receipt(self, stream: str, client: str, command: int) -> tuple[Receipt, int | None] | None:
        """Find what became of a command, and the number of its last event; `None` when it caused none."""

    async def newest_command(self, stream: str, client: str) -> int:
        """Return the largest command number of `client` in this stream; 0 if there is none."""

    async def save(self, stream: str, saved: Saved) -> None:
        """Keep a snapshot; an older one never replaces a newer one."""

    async def deadlines(self, upto: int) -> Sequence[Deadline]:
        """Read all deadlines due at or before `upto` (Unix ms), the earliest first; those with no due time not."""

    async def on_start(self) -> Sequence[Deadline]:
        """Read the deadlines that wait for a new start."""

    async def messages(self) -> Sequence[Message]:
        """Read the messages not yet carried out, in the order written."""

    async def look_up(self, stream: str, lookup: Lookup) -> list[Mapping[str, Any]]:
        """Answer a question to a read model."""

    async def known(self, streams: Sequence[str]) -> frozenset[str]:
        """Return those of `streams` that something has happened in."""

    async def seq_at(self, stream: str, at: int) -> int:
        """Return the number before the first event at or after `at` (Unix ms)."""

    async def epoch(self) -> str:
        """Return the name of this history; it changes only when history itself was replaced."""

    async def now(self) -> int:
        """Return the journal's own clock in Unix ms."""

    @property
    def company(self) -> Company:
        """Return where to wait before deciding what to append: what comes meanwhile joins the same commit."""

    def statistics(self) -> Mapping[str, float]:
        """Return the figures of its queue."""
