"""Private links to calendars, and the slots that a person's calendar shows.

A link is a secret of 128 bits that reads one calendar and does nothing else, until it is renewed or revoked; only its hash
is kept. It is no token: nobody is logged in by it. A calendar has a tag, which says all that its text is made of: programs ask
every quarter of an hour, and nearly always nothing has changed. Whoever has a link needs no login, so what one calendar may cost is
bounded: its slots, the length of their texts, and how many are made at a time. Never here: the calendar's text (`calendar`), and doors.
"""

import hmac
from collections.abc import AsyncIterator, Iterable
from hashlib import blake2b, sha256
from random import Random

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection
from homeroom.protocol.ids import is_made
from homeroom.records.access import allowed
from homeroom.records.aside import aside
from homeroom.records.audit import write_audit
from homeroom.records.calendar import LAYOUT, Slot, write_calendar
from homeroom.records.ids import fresh_id
from homeroom.records.reads import wait_for_turn
from homeroom.records.school.schedules import FEED, SCHEDULE
from homeroom.records.turns import Turns

BEHIND_MS, AHEAD_MS = 90 * 86_400_000, 400 * 86_400_000
"""How much of the past and of what is to come a calendar shows."""
SLOTS_MAX = 2_000
PAGE = 100
"""Slots that are read at once: few enough to hold up nobody."""
DESCRIPTION_MAX = 500
"""Characters that a calendar shows of a description: the rest is read where the slot is."""
AT_A_TIME, WAITING = 2, 10
"""Calendars in the making, each of another person, and how many of one person wait for theirs."""
_MARK_OCTETS = 8


class Reader(Struct, frozen=True):
    """Whose calendar it is."""

    id: str
    name: str
    role: str


class Feeds:
    """The links, and what they show. `random` makes secrets that nobody can guess."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._turns = Turns(AT_A_TIME, 1, WAITING)

    async def renew(self, user: str) -> str:
        """Make a person's link, in the place of the one before; returns the secret, which is told this once."""
        secret = fresh_id(self._random)
        async with self._database.transaction() as connection:
            await self._renew(connection, user, secret)
        return secret

    async def renew_once(self, user: str, key: str, secret: str) -> None:
        """Make `secret` a person's link, once for each `key`, of which it follows: a repeat finds that it is the link, and changes nothing.

        Raises `conflict` for the key of another request, and when the link has ended since: it does not come back.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if await connection.execute(_FIRST, user, key, _ASKED, now):
                await self._renew(connection, user, secret)
                return
            (found,) = await connection.fetch(_REPEATED, user, key)
        if found["asked"] != _ASKED:
            raise Refusal("conflict", "this Idempotency-Key came with another request before: choose a new key")
        if found["digest"] != _digest(secret):
            raise Refusal("conflict", "this link has ended since: choose a new key", data={"reason": "deleted"})

    async def _renew(self, connection: Connection, user: str, secret: str) -> None:
        now, digest = self._clock.now(), _digest(secret)
        if not await connection.execute(_RENEW, user, digest[:_MARK_OCTETS], digest, now):
            raise Refusal("forbidden", "only people of the school have a calendar")
        await write_audit(connection, ("user", user), "calendar_link_made", by=user, at=now)

    async def revoke(self, user: str) -> None:
        """End a person's link; raises `not_found` when there is none."""
        async with self._database.transaction() as connection:
            if not await connection.execute("DELETE FROM calendar_links WHERE user_id = $1", user):
                raise Refusal("not_found", "there is no link")
            await write_audit(connection, ("user", user), "calendar_link_revoked", by=user, at=self._clock.now())

    async def made_at(self, user: str) -> int:
        """Return when a person's link was made, Unix ms; raises `not_found` when there is none. The secret is not known any more."""
        found = await self._database.fetch_row("SELECT made_at FROM calendar_links WHERE user_id = $1", user)
        if found is None:
            raise Refusal("not_found", "there is no link: POST makes one")
        return int(found["made_at"])

    async def find(self, secret: str) -> Reader:
        """Return whose calendar `secret` reads; raises `not_found`, also for somebody who is not let in any more."""
        digest = _digest(secret)
        found = await self._database.fetch_row(_FIND, digest[:_MARK_OCTETS]) if is_made(secret) else None
        if found is None or not hmac.compare_digest(bytes(found["digest"]), digest):
            raise Refusal("not_found", "there is no such calendar")
        return Reader(found["id"], found["name"], found["role"])

    async def tag(self, reader: Reader) -> str:
        """Return the tag of the calendar as it would be now, by one statement that reads no texts."""
        now = self._clock.now()
        inner = _SLOTS.format(
            columns=f"r.id, r.version, r.start_at, {_PEOPLE}", allowed=allowed(SCHEDULE, FEED, reader.role)
        )
        row = await self._database.fetch_row(
            _MARKS.format(slots=inner), reader.id, now - BEHIND_MS, "", now + AHEAD_MS, SLOTS_MAX
        )
        return _tag(reader, row["marks"] if row else "")

    async def write(self, reader: Reader) -> tuple[str, bytes]:
        """Return the tag and the text of a calendar, when it is the person's turn; raises `overloaded`."""
        if not self._turns.take(reader.id):
            await wait_for_turn(self._turns, reader.id, self._database)
        try:
            slots = [slot async for slot in self._slots(reader)]
            return tag_of(reader, slots), await aside(write_calendar, reader.name, slots)
        finally:
            self._turns.leave(reader.id)

    async def _slots(self, reader: Reader) -> AsyncIterator[Slot]:
        """Yield the slots of a calendar in the order of time, at most `SLOTS_MAX`."""
        now = self._clock.now()
        sql = _SLOTS.format(columns=_COLUMNS.format(people=_PEOPLE), allowed=allowed(SCHEDULE, FEED, reader.role))
        place: tuple[int, str] = (now - BEHIND_MS, "")
        for _ in range(SLOTS_MAX // PAGE):
            rows = await self._database.fetch(sql, reader.id, *place, now + AHEAD_MS, PAGE)
            for row in rows:
                yield Slot(*(row[name] for name in Slot.__struct_fields__))
            if len(rows) < PAGE:
                return
            place = (rows[-1]["start_at"], rows[-1]["id"])


_ASKED = blake2b(b"a link to a calendar", digest_size=16).digest()
"""What tells the receipt of a link from those of records: the request has no body."""
_FIRST = """INSERT INTO record_receipts (client, key, digest, reply, at) VALUES ($1, $2, $3, '', $4)
ON CONFLICT (client, key) DO NOTHING"""
_REPEATED = """SELECT r.digest AS asked, l.digest FROM record_receipts r LEFT JOIN calendar_links l ON l.user_id = r.client
WHERE r.client = $1 AND r.key = $2"""
_RENEW = """INSERT INTO calendar_links (user_id, mark, digest, made_at)
SELECT id, $2, $3, $4 FROM users WHERE id = $1 AND active
ON CONFLICT (user_id) DO UPDATE SET mark = excluded.mark, digest = excluded.digest, made_at = excluded.made_at"""
_FIND = """SELECT u.id, u.name, u.role, l.digest FROM calendar_links l JOIN users u ON u.id = l.user_id
WHERE l.mark = $1 AND u.active"""
_COLUMNS = f"""r.id, r.version, r.title, CASE WHEN length(r.description) > {DESCRIPTION_MAX}
THEN left(r.description, {DESCRIPTION_MAX - 1}) || '…' ELSE r.description END AS description, r.start_at, r.end_at, r.status, coalesce(r.link, '') AS link,
r.created_at, r.updated_at, {{people}}"""
_PEOPLE = """coalesce(t.name, '') AS teacher, coalesce(p.name, '') AS student, coalesce(c.title, '') AS "group",
coalesce(c.room, '') AS place"""
_MARK = """s.id || '.' || s.version || '.' || concat_ws('|', s.teacher, s.student, s."group", s.place)"""
"""As `Slot.mark`."""
_MARKS = f"""SELECT encode(sha256(convert_to(coalesce(string_agg({_MARK}, ' ' ORDER BY s.start_at, s.id), ''), 'UTF8')),
'hex') AS marks FROM ({{slots}}) AS s"""  # noqa: S608 - ours
"""As `tag_of` says it of slots that were read."""
_SLOTS = """SELECT {columns} FROM schedules AS r LEFT JOIN users AS t ON t.id = r.mentor_id
LEFT JOIN users AS p ON p.id = r.student_id LEFT JOIN classes AS c ON c.id = r.class_id WHERE {allowed} AND $1::text IS NOT NULL
AND (r.start_at, r.id) > ($2::bigint, $3::text) AND r.start_at < $4 ORDER BY r.start_at, r.id LIMIT $5"""


def tag_of(reader: Reader, slots: Iterable[Slot]) -> str:
    """Return the tag of the calendar that shows these slots."""
    return _tag(reader, sha256(" ".join(slot.mark for slot in slots).encode()).hexdigest())


def _tag(reader: Reader, marks: str) -> str:
    return sha256(f"{LAYOUT} {marks} {reader.name}".encode()).hexdigest()[:32]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
