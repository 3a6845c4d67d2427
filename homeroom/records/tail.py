"""The end of a transaction of records: all events, the audit, the activity, the counters, messages and the receipt in one statement.

Rules of this file: heads of channels are taken last, and in the order of their names, as everybody takes them who appends to
several, and counters after them, so no two wait for each other; the numbers of events follow the heads, so they have no gap whoever fails.
Never here: BEGIN and COMMIT (`commit`), and what is told (`telling`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from homeroom.engine.behaviour import Command
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.engine.postgres import Connection
from homeroom.engine.wire import Wire
from homeroom.records.breath import Breath, batched, in_order
from homeroom.records.tallies import Count, Counts
from homeroom.records.telling import Activity, Audit, Change, Post

TAIL = """WITH heads AS (INSERT INTO channels (stream, seq, at)
SELECT stream, count, $3::bigint FROM unnest($1::text[], $2::bigint[]) AS asked (stream, count) ORDER BY stream COLLATE "C"
ON CONFLICT (stream) DO UPDATE SET seq = channels.seq + excluded.seq, at = greatest(channels.at, excluded.at)
RETURNING stream, seq, at),
told AS (INSERT INTO journal (stream, seq, type, at, by, body)
SELECT heads.stream, heads.seq - told.behind, told.type, heads.at, $4::text, told.body
FROM unnest($5::text[], $6::bigint[], $7::text[], $8::bytea[]) AS told (stream, behind, type, body)
JOIN heads ON heads.stream = told.stream COLLATE "C"),
audited AS (INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, old_value, new_value, at)
SELECT entity, id, action, $4::text, old, new, $3::bigint
FROM unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
WITH ORDINALITY AS audited (entity, id, action, old, new, place) ORDER BY place),
fed AS (INSERT INTO activity_feed (event_type, actor_id, target_type, target_id, payload, channels, at)
SELECT type, $4::text, entity, id, payload, string_to_array(channels, ' '), $3::bigint
FROM unnest($14::text[], $15::text[], $16::text[], $17::text[], $18::text[])
WITH ORDINALITY AS fed (type, entity, id, payload, channels, place) ORDER BY place),
counted AS (INSERT INTO counters (scope, name, day, value)
SELECT scope, name, day, value FROM unnest($22::text[], $23::text[], $24::text[], $25::bigint[]) AS counted (scope, name, day, value)
ORDER BY scope COLLATE "C", name COLLATE "C", day COLLATE "C"
ON CONFLICT (scope, name, day) DO UPDATE SET value = counters.value + excluded.value),
kept AS (INSERT INTO record_receipts (client, key, digest, reply, at) SELECT $4::text, $19::text, $20::bytea, $21::bytea, $3::bigint WHERE $19::text IS NOT NULL),
sent AS (INSERT INTO messages (source, target, verb, body) SELECT $26::text, target, verb, body
FROM unnest($27::text[], $28::text[], $29::bytea[])
WITH ORDINALITY AS sent (target, verb, body, place) ORDER BY place RETURNING number)
SELECT NULL::text AS stream, 0::bigint AS seq, 0::bigint AS at, pg_current_xact_id()::text AS number
UNION ALL SELECT stream, seq, at, NULL::text FROM heads UNION ALL SELECT NULL::text, number, 0::bigint, NULL::text FROM sent"""


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
    """What a tail wrote: the `number` by which PostgreSQL knows the transaction, and what is published and carried after the commit."""

    number: str
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

    async def write(self, connection: Connection, wire: Wire) -> Written:
        """Write all of it, by one statement unless there is very much; raises `DatabaseError`."""
        number, posted, messages = "", list[Posted](), list[Message]()
        for part in await self._parts():
            bodies, said = await _encoded(part.posts, wire), await _readable(part.letters, wire)
            rows = await connection.fetch(TAIL, *part.args(self.by, self.at, bodies, said))
            number = rows[0]["number"]
            posted += await _posted(self.by, part.posts, bodies, rows[1:], wire)
            numbers = sorted(row["seq"] for row in rows[1:] if row["stream"] is None)
            messages += [
                Message(place, SOURCE, one.to, one.command.do, body)
                for place, one, body in zip(numbers, part.letters, said, strict=True)
            ]
        return Written(number, posted, messages)

    async def _parts(self) -> "list[Part]":
        """Return what each statement writes: heads in the order of all streams, and counters after the last of them."""
        posts = list(batched(await in_order(self._posts, lambda post: post.stream), POSTS))
        sums = list(batched(await in_order(self.counts.sums(), lambda pair: pair[0]), OTHERS))
        audits, activities = list(batched(self._audits, OTHERS)), list(batched(self._activities, OTHERS))
        letters = list(batched(self._letters, OTHERS))
        first = max(len(posts), 1) - 1  # a counter's row is held by everybody after the heads
        count = max(1, len(posts), len(audits), len(activities), len(letters), first + len(sums))
        return [
            Part(
                _at(posts, n), _at(audits, n), _at(activities, n), _at(sums, n - first), _at(letters, n),
                self.receipt if n == 0 else None,
            )
            for n in range(count)
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """What one statement writes."""

    posts: Sequence[Post]
    audits: Sequence[Audit]
    activities: Sequence[Activity]
    sums: Sequence[tuple[Count, int]]
    letters: Sequence[Letter]
    receipt: Receipt | None

    def args(self, by: str, at: int, bodies: Sequence[bytes], said: Sequence[bytes]) -> tuple[Any, ...]:
        """Return the arguments of `TAIL`."""
        counts = Counter(post.stream for post in self.posts)
        audits, activities, sums, letters = self.audits, self.activities, self.sums, self.letters
        return (
            *(list(counts), list(counts.values()), at, by),
            *([post.stream for post in self.posts], _left(self.posts), [post.type for post in self.posts], bodies),
            *([one.entity for one in audits], [one.id for one in audits], [one.action for one in audits]),
            *([one.old for one in audits], [one.new for one in audits]),
            *([one.type for one in activities], [one.entity for one in activities], [one.id for one in activities]),
            *([one.payload for one in activities], [" ".join(one.channels) for one in activities]),
            *(self.receipt or (None, None, None)),
            *([count.scope for count, _ in sums], [count.name for count, _ in sums], [count.day for count, _ in sums]),
            [value for _, value in sums],
            *(SOURCE, [one.to for one in letters], [one.command.do for one in letters], said),
        )


def _at(parts: Sequence[Sequence[Any]], number: int) -> Sequence[Any]:
    return parts[number] if 0 <= number < len(parts) else ()


async def _posted(
    by: str, posts: Sequence[Post], bodies: Sequence[bytes], rows: Sequence[Any], wire: Wire
) -> list[Posted]:
    """Return the events of each stream with the number of the first; `rows` are the heads, and others that have no stream."""
    heads = {row["stream"]: row for row in rows if row["stream"] is not None}
    events: dict[str, list[bytes]] = defaultdict(list)
    made: dict[tuple[int, str, int], bytes] = {}
    breath = Breath()
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
