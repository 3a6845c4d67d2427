"""Logins: one family of refresh tokens for each, of which only the newest is good, and only once.

A refresh token that comes a second time was copied: the whole family ends. Only hashes are kept.
Never here: access tokens (they are checked without a database), and sockets.
"""

import hashlib
import secrets
from dataclasses import dataclass

import trio
from msgspec import Struct

from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.postgres import Connection
from homeroom.records.audit import Beside, write_audit
from homeroom.records.sweeping import PERIOD_S, keep_swept

MARK = "hr1."
"""How a refresh token begins, so that one found in a log or a repository is recognised."""


class Ended(Struct, frozen=True):
    """What counts no more: one login of a person, or with an empty `family` all that was given before `at` (Unix ms)."""

    user: str
    family: str
    at: int


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """A login that goes on: whose it is, and its next refresh token, good once and until `expires` (Unix ms)."""

    user: str
    family: str
    refresh: str
    expires: int


class Logins:
    """The tables of logins. `ttl_s`: a refresh token that is not used for so long is no good."""

    def __init__(self, database: Database, clock: Clock, ttl_s: float = 30 * 86_400.0) -> None:
        self._database = database
        self._clock = clock
        self._ttl_ms = int(ttl_s * 1000)

    async def start(self, user: str, address: str) -> Grant:
        """Begin a login of a person who proved who they are, from the IP `address`."""
        now, family = self._clock.now(), secrets.token_hex(12)
        async with self._database.transaction() as connection:
            sql = "INSERT INTO logins (family, user_id, address, started_at) VALUES ($1, $2, $3, $4)"
            await connection.execute(sql, family, user, address[:64], now)
            await write_audit(connection, ("user", user), "logged_in", by=user, at=now, detail=address[:64])
            return await self._grant(connection, user, family, now)

    async def rotate(self, refresh: str) -> Grant | Ended | None:
        """Take a refresh token for the next one.

        Returns the `Grant`; or `Ended` when the token had been used before, and its family therefore has ended now; or
        `None` when it is unknown, too old, of an ended login, or of somebody who may not come in any more.
        """
        now, digest = self._clock.now(), _hash(refresh)
        async with self._database.transaction() as connection:
            taken = await connection.fetch(_TAKE, digest, now)
            if taken:
                return await self._grant(connection, taken[0]["user_id"], taken[0]["family"], now)
            used = await connection.fetch(_USED, digest)
            if not used:
                return None
            return await self._end(connection, used[0]["user_id"], used[0]["family"], "refresh_reused", now)

    async def end(self, refresh: str) -> Ended | None:
        """End the login that a refresh token belongs to, used or not; `None` when there is none, or it has ended."""
        async with self._database.transaction() as connection:
            found = await connection.fetch(_FIND, _hash(refresh))
            if not found:
                return None
            return await self._end(connection, found[0]["user_id"], found[0]["family"], "logout", self._clock.now())

    async def end_family(self, user: str, family: str, reason: Beside = "logout") -> Ended | None:
        """End one login of a person; `None` when it is none of theirs, or has ended."""
        async with self._database.transaction() as connection:
            return await self._end(connection, user, family, reason, self._clock.now())

    async def ended_since(self, since: int) -> list[Ended]:
        """Return what was ended at or after `since` (Unix ms): logins, and people whose older tokens count no more."""
        rows = await self._database.fetch(_ENDED, since)
        return [Ended(row["user_id"], row["family"], row["at"]) for row in rows]

    async def sweep(self) -> int:
        """Remove refresh tokens that nobody can use any more and logins without any; returns how many logins went."""
        await self._database.execute("DELETE FROM refresh_tokens WHERE expires_at < $1", self._clock.now())
        sql = "DELETE FROM logins l WHERE NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family = l.family)"
        return await self._database.execute(sql)

    async def run(
        self, period_s: float = PERIOD_S, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Sweep now and then, for ever; a database that is away is swept another time."""
        await keep_swept("logins", self.sweep, period_s, task_status=task_status)

    async def _grant(self, connection: Connection, user: str, family: str, now: int) -> Grant:
        refresh, expires = MARK + secrets.token_urlsafe(32), now + self._ttl_ms
        sql = "INSERT INTO refresh_tokens (hash, family, issued_at, expires_at) VALUES ($1, $2, $3, $4)"
        await connection.execute(sql, _hash(refresh), family, now, expires)
        return Grant(user, family, refresh, expires)

    async def _end(self, connection: Connection, user: str, family: str, reason: Beside, now: int) -> Ended | None:
        sql = "UPDATE logins SET ended_at = $3, reason = $4 WHERE family = $2 AND user_id = $1 AND ended_at IS NULL"
        if not await connection.execute(sql, user, family, now, reason):
            return None
        await write_audit(connection, ("user", user), reason, by=user, at=now)
        return Ended(user, family, now)


_TAKE = """UPDATE refresh_tokens t SET used_at = $2 FROM logins l, users u
WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2
AND l.family = t.family AND l.ended_at IS NULL AND u.id = l.user_id AND u.active
RETURNING t.family, l.user_id"""
_USED = """SELECT t.family, l.user_id FROM refresh_tokens t JOIN logins l USING (family)
WHERE t.hash = $1 AND t.used_at IS NOT NULL"""
_FIND = "SELECT t.family, l.user_id FROM refresh_tokens t JOIN logins l USING (family) WHERE t.hash = $1"
_ENDED = """SELECT user_id, family, ended_at AS at FROM logins WHERE ended_at >= $1
UNION ALL SELECT id, '', tokens_from FROM users WHERE tokens_from >= $1 AND tokens_from > 0"""


def _hash(refresh: str) -> bytes:
    return hashlib.sha256(refresh.encode(errors="surrogatepass")).digest()
