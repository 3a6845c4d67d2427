"""Which children each parent stands for, and which parents for each child: asked for at each command, without a database.

Read whole at the start, then followed like the ended logins: a new link counts from the next command on; when one ends, the
parent's connections are closed, since what they follow was granted by it. Never here: the table (`records.guardians`), and what
a parent may see.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog
import trio

from homeroom.engine.clock import Clock
from homeroom.engine.postgres import DatabaseError
from homeroom.records.school.guardianships import Link

log = structlog.get_logger(__name__)

OVERLAP_MS = 60_000
"""How far each reading goes back behind the one before: another server's clock may be behind, and its commit late."""
_NOBODY: frozenset[str] = frozenset()
_PeopleT = TypeVar("_PeopleT", frozenset[str], tuple[str, ...])

Read = Callable[[int], Awaitable[Iterable[Link]]]
"""Returns the links that changed at or after a time (Unix ms); may raise `DatabaseError`."""


def _put(people: dict[str, _PeopleT], of: str, them: _PeopleT) -> None:
    """Keep `them` by one person; nobody is not kept."""
    if them:
        people[of] = them
    else:
        people.pop(of, None)


class Wards:
    """The children by parent, and the parents by child."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wards: dict[str, frozenset[str]] = {}
        self._guardians: dict[str, tuple[str, ...]] = {}

    def of(self, guardian: str) -> frozenset[str]:
        """Return the children whom `guardian` stands for."""
        return self._wards.get(guardian, _NOBODY)

    def guardians_of(self, ward: str) -> tuple[str, ...]:
        """Return the parents who stand for `ward`, by id: whoever decides with them decides the same again."""
        return self._guardians.get(ward, ())

    def take(self, link: Link) -> bool:
        """Let a link count as it is now; tells whether one has ended that counted."""
        before = self.of(link.guardian)
        after = before | {link.ward} if link.active else before - {link.ward}
        if after == before:
            return False
        guardians = {*self.guardians_of(link.ward), link.guardian} - (set() if link.active else {link.guardian})
        _put(self._wards, link.guardian, after)
        _put(self._guardians, link.ward, tuple(sorted(guardians)))
        return not link.active

    async def follow(
        self,
        read: Read,
        revoke: Callable[[str, str | None], object],
        period_s: float = 2.0,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Read what changed, for ever, and `revoke` all connections of a parent who stands for a child no longer.

        Started once all links are in (raises `DatabaseError`); later, a database that is away is asked again.
        """
        since = await self._take_all(read, 0, lambda user, family: None)
        task_status.started()
        while True:
            await trio.sleep(period_s)
            try:
                since = await self._take_all(read, since, revoke)
            except DatabaseError as error:
                log.warning("links of parents could not be read", error=str(error))

    async def _take_all(self, read: Read, since: int, revoke: Callable[[str, str | None], object]) -> int:
        """Take what changed since, and return from when on to read the next time."""
        began = self._clock.now()
        for link in await read(since):
            if self.take(link):
                revoke(link.guardian, None)
        return began - OVERLAP_MS
