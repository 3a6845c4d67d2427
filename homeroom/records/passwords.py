"""Passwords: argon2 hashes, made and checked in worker threads, a few at a time.

A hash takes about a tenth of a second and 64 MiB on purpose; the limit keeps a flood of logins from taking the machine.
Never here: how often somebody may try (`http.throttle`), and where hashes are kept (`users`).
"""

from functools import partial

import trio
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from homeroom.engine.behaviour import Refusal

SHORTEST = 8
LONGEST = 200


class Passwords:
    """Hashes `at_once` passwords at a time; more than `waiting` who wait are refused as `overloaded`."""

    def __init__(self, hasher: PasswordHasher | None = None, at_once: int = 2, waiting: int = 64) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = trio.CapacityLimiter(at_once)
        self._waiting = waiting
        self._nobody: str | None = None

    async def hash(self, password: str, salt: bytes | None = None) -> str:
        """Return the hash to keep; raises `bad_command` for one that is too short, too long or holds a NUL.

        With a `salt` of 16 octets it is always the same, for requests that are told from others by it; without, of random octets.
        """
        check_password(password)
        self._check_room()
        hashing = partial(self._hasher.hash, password, salt=salt)
        return await trio.to_thread.run_sync(hashing, limiter=self._room)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether `password` is the one of the hash `kept`; for nobody (`None`) it takes as long, and is not."""
        if len(password) > LONGEST:
            return False
        self._check_room()
        return await trio.to_thread.run_sync(self._verify, kept, password, limiter=self._room)

    def outdated(self, kept: str) -> bool:
        """Tell whether the hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str | None, password: str) -> bool:
        if kept is None:
            self._nobody = self._nobody or self._hasher.hash("nobody's password")
        try:
            return self._hasher.verify(kept or self._nobody or "", password) and kept is not None
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):
            return False

    def _check_room(self) -> None:
        if self._room.statistics().tasks_waiting >= self._waiting:
            raise Refusal("overloaded", "too many logins at once", retry_ms=2_000)


def check_password(password: str) -> None:
    """Raise `bad_command` for what is no fit password."""
    if not SHORTEST <= len(password) <= LONGEST or "\x00" in password or not password.isprintable():
        msg = f"a password has {SHORTEST} to {LONGEST} visible characters"
        raise Refusal("bad_command", msg, data={"field": "password", "allowed": msg})
