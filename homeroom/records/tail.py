"""The end of a transaction of records: all events, the audit, the activity, the counters, messages and the receipt in one statement.

Of more than one statement, the last goes with the commit.

Rules of this file: heads of channels are taken last, and in the order of their names, as everybody takes them who appends to
several, and counters after them, so no two wait for each other; the numbers of events follow the heads, so they have no gap whoever fails.
Never here: BEGIN and COMMIT (`commit`), and what is told (`telling`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Struct

from homeroom.engine.behaviour import Command
from homeroom.engine.database import Database
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.engine.postgres import Connection
from homeroom.engine.wire import Wire
from homeroom.records.breath import Breath, in_order
from homeroom.records.tail_statement import Rows, composed
from homeroom.records.tallies import Count, Counts
from homeroom.records.telling import Activity, Audit, Change, Post

FIND = """SELECT told.stream, found.seq, found.at FROM unnest($2::text[]) AS told (stream), LATERAL (
SELECT seq, at FROM journal WHERE journal.stream = told.stream COLLATE "C" AND journal.xmin = $1::text::xid8::xid
ORDER BY seq DESC LIMIT 1) AS found
UNION ALL SELECT NULL::text, number, 0::bigint FROM messages WHERE source = $3::text AND xmin = $1::text::xid8::xid"""
"""What the transaction $1 appended, as its tail would have told it; only asked when its answer was lost: it reads streams from their ends."""

SOURCE = "records:school"
"""From whom all messages of records are: those to one inbox come one by one."""
POSTS, OTHERS = 100, 40
"""How many events, and how many of everything else, one statement writes at the most: a class of forty is told on hundreds of streams."""


class Receipt(NamedTuple):
    """That a request was carried out: the caller's key for it, the digest of its body, and the stored form of its answer."""

    key: str
    digest: bytes
    reply: bytes


class Letter(NamedTuple):
    """A durable message to be: to which actor, and its command."""

    to: str
    command: Command


class Written(NamedTuple):
    """What a tail wrote: what is published and carried after the commit."""

    posted: Sequence[Posted]
    messages: Sequence[Message]


@dataclass(slots=True)
class Tail:
    """What gathers during a transaction, in order; `by` is who does it, `at` the time in Unix ms."""

    by: str
    at: int
    counts: Counts = field(default_factory=Counts)
    receipt: Receipt | None = None
    _posts: list[Post] = field(default_factory=list)
    _audits: list[Audit] = field(default_factory=list)
    _activities: list[Activity] = field(default_factory=list)
    _letters: list[Letter] = field(default_factory=list)

    def change(self, change: Change) -> None:
        """Add all that a written row leaves behind."""
        self._posts.extend(change.posts())
        self.counts.change(*change.counted())
        self._audits.append(change.audit())
        self._activities.append(change.activity())

    def post(self, post: Post) -> None:
        """Add an event, and its line of the feed: one for all streams that are told the same at once."""
        self._posts.append(post)
        line = post.activity()
        joined = self._activities[-1].joined(line) if self._activities else None
        self._activities[-1 if joined else len(self._activities) :] = [joined or line]

    def tell(self, letter: Letter) -> None:
        """Add a message to an actor."""
        self._letters.append(letter)

    @property
    def empty(self) -> bool:
        """Tell whether nothing was done that leaves anything behind."""
        return not (self._posts or self._audits or self._letters or self.receipt)

    async def ready(self, wire: Wire) -> "Ready":
        """Return all of it as it is to be written: one statement unless there is very much, none for nothing."""
        ready = Ready(self.by, self.at, wire)
        for part in () if self.empty else await self._parts():
            ready.parts.append(Said(part, await _encoded(part.posts, wire), await _readable(part.letters, wire)))
        return ready

    async def _parts(self) -> "list[Part]":
        """Return what each statement writes: heads in the order of all streams, and counters after the last of them."""
        posts = await in_order(self._posts, lambda post: post.stream)
        sums = await in_order(self.counts.sums(), lambda pair: pair[0])
        audits, activities, letters = self._audits, self._activities, self._letters
        first = max(-(-len(posts) // POSTS), 1) - 1  # a counter's row is held by everybody after the heads
        most = max(len(audits), len(activities), len(letters), len(sums) + first * OTHERS)
        return [
            Part(
                _nth(posts, n, POSTS), _nth(audits, n), _nth(activities, n), _nth(sums, n - first), _nth(letters, n),
                self.receipt if n == 0 else None,
            )
            for n in range(max(first + 1, -(-most // OTHERS)))
        ]  # fmt: skip


@dataclass(slots=True)
class Ready:
    """A tail with the stored bytes of all that it says. Its life: (1) `approach`; (2) `commit`; (3) `written`, or, in doubt, `find`."""

    by: str
    at: int
    wire: Wire
    parts: list["Said"] = field(default_factory=list)
    _told: list[tuple["Said", Sequence[Any]]] = field(default_factory=list)

    async def approach(self, connection: Connection, number: str) -> str:
        """Write what is not written with the commit: all of it where `number`, by which PostgreSQL knows the transaction, is not known yet.

        Returns that number, empty where nothing is written; raises `DatabaseError`.
        """
        for said in self.parts[:-1] if number else self.parts:
            sql, args = said.statement(self.by, self.at)
            rows = await connection.fetch(sql, *args)
            self._told.append((said, rows))
            number = rows[0]["number"]
        return number

    async def commit(self, connection: Connection) -> None:
        """Commit, and write the rest with it; raises `DatabaseError`."""
        if len(self._told) == len(self.parts):
            await connection.commit()
            return
        said = self.parts[-1]
        sql, args = said.statement(self.by, self.at)
        self._told.append((said, await connection.fetch_and_commit(sql, *args)))

    async def written(self) -> Written:
        """Return what is published and carried after the commit."""
        posted, messages = list[Posted](), list[Message]()
        for said, rows in self._told:
            posted += await said.posted(self.by, rows[1:], self.wire)
            messages += said.messages(rows[1:])
        return Written(posted, messages)

    async def find(self, database: Database, number: str) -> Written:
        """Return the same of the transaction `number`, which is known to be committed, whatever answers have come."""
        posts = [post for said in self.parts for post in said.part.posts]
        letters = [letter for said in self.parts for letter in said.part.letters]
        bodies = [body for said in self.parts for body in said.bodies]
        whole = Said(
            Part(posts, (), (), (), letters, None), bodies, [body for said in self.parts for body in said.letters]
        )
        rows = await database.fetch(FIND, number, list({post.stream for post in posts}), SOURCE)
        # Fewer letters than were written: a server that started meanwhile took them, all of them.
        taken = sum(row["stream"] is None for row in rows) < len(letters)
        return Written(await whole.posted(self.by, rows, self.wire), [] if taken else whole.messages(rows))


class Said(Struct, frozen=True):
    """What one statement writes, with the stored bytes of its events and of its letters."""

    part: "Part"
    bodies: Sequence[bytes]
    letters: Sequence[bytes]

    def statement(self, by: str, at: int) -> tuple[str, list[Any]]:
        """Return its text and its arguments."""
        return composed(by, at, self.part.rows(self.bodies, self.letters))

    async def posted(self, by: str, rows: Sequence[Any], wire: Wire) -> list[Posted]:
        """Return its events with their numbers; `rows` are the heads of their streams, and others without a stream."""
        return await _posted(by, self.part.posts, self.bodies, rows, wire)

    def messages(self, rows: Sequence[Any]) -> list[Message]:
        """Return its letters with their numbers: those `rows` that have no stream."""
        numbers = sorted(row["seq"] for row in rows if row["stream"] is None)
        return [
            Message(number, SOURCE, one.to, one.command.do, body)
            for number, one, body in zip(numbers, self.part.letters, self.letters, strict=True)
        ]


class Part(Struct, frozen=True):
    """What one statement writes."""

    posts: Sequence[Post]
    audits: Sequence[Audit]
    activities: Sequence[Activity]
    sums: Sequence[tuple[Count, int]]
    letters: Sequence[Letter]
    receipt: Receipt | None

    def rows(self, bodies: Sequence[bytes], said: Sequence[bytes]) -> tuple[Rows, ...]:
        """Return the rows of each of `tail_statement.PIECES`, with the stored bytes of its events and of its letters."""
        posts = self.posts
        return (
            list(Counter(post.stream for post in posts).items()),
            [(one.stream, left, one.type, body) for one, left, body in zip(posts, _left(posts), bodies, strict=True)],
            [(one.entity, one.id, one.action, one.old, one.new) for one in self.audits],
            [(one.type, one.entity, one.id, one.payload, " ".join(one.channels)) for one in self.activities],
            [(*count, value) for count, value in self.sums],
            [self.receipt] if self.receipt is not None else [],
            [(SOURCE, one.to, one.command.do, body) for one, body in zip(self.letters, said, strict=True)],
        )


def _nth(items: Sequence[Any], number: int, size: int = OTHERS) -> Sequence[Any]:
    """Return what the statement `number` writes of `items`, so many each."""
    return items[number * size : (number + 1) * size] if number >= 0 else ()


async def _posted(
    by: str, posts: Sequence[Post], bodies: Sequence[bytes], rows: Sequence[Any], wire: Wire
) -> list[Posted]:
    """Return the events of each stream with the number of the first; `rows` are the heads, and others that have no stream.

    Nobody interrupts it: what it returns has happened.
    """
    heads = {row["stream"]: row for row in rows if row["stream"] is not None}
    events: dict[str, list[bytes]] = defaultdict(list)
    made: dict[tuple[int, str, int], bytes] = {}
    breath = Breath(shielded=True)
    for post, body in zip(posts, bodies, strict=True):
        await breath.taken()
        at = heads[post.stream]["at"]
        key = (at, post.type, id(body))
        if key not in made:
            made[key] = wire.event(post.type, at, by, body)
        events[post.stream].append(made[key])
    return [Posted(stream, heads[stream]["seq"] - len(found) + 1, found) for stream, found in events.items()]


async def _encoded(posts: Sequence[Post], wire: Wire) -> list[bytes]:
    """Return the stored bytes of each event, made once for all streams that are told the same."""
    made: dict[int, bytes] = {}
    breath = Breath()
    for post in posts:
        await breath.taken()
        if id(post.data) not in made:
            made[id(post.data)] = wire.encode(post.data)
    return [made[id(post.data)] for post in posts]


async def _readable(letters: Sequence[Letter], wire: Wire) -> list[bytes]:
    """Return the stored bytes of each command; raises `ValueError` for one that its receiver could not read."""
    bodies: list[bytes] = []
    breath = Breath()
    for letter in letters:
        await breath.taken()
        bodies.append(wire.encode(letter.command))
        wire.decode(bodies[-1], type(letter.command))
    return bodies


def _left(posts: Sequence[Post]) -> list[int]:
    """Return for each event how many follow in its stream."""
    seen: Counter[str] = Counter()
    left: list[int] = []
    for post in reversed(posts):
        left.append(seen[post.stream])
        seen[post.stream] += 1
    return left[::-1]
