"""Which logins were ended before their tokens expired: what `Tokens` asks at every check, without a database.

Kept only as long as a token can live; filled by this process at once, and by `follow` with what others wrote.
Never here: sockets (whoever ends a login closes them) and tables (`records.logins`).
"""

from collections.abc import Awaitable, Callable, Iterable

import structlog
import trio

from homeroom.engine.clock import Clock
from homeroom.engine.postgres import DatabaseError
from homeroom.records.logins import Ended

log = structlog.get_logger(__name__)


class Revocations:
    """Ended logins (by family) and people whose older tokens count no more; `keep_s` is a token's longest life."""

    def __init__(self, clock: Clock, keep_s: int = 43_200) -> None:
        self._clock = clock
        self._keep_ms = keep_s * 1000
        self._ended: dict[tuple[str, str], int] = {}

    def add(self, ended: Ended) -> bool:
        """Remember; tells whether it was news."""
        key = (ended.user, ended.family)
        if self._ended.get(key, -1) >= ended.at:
            return False
        self._ended[key] = ended.at
        return True

    def is_revoked(self, user: str, family: str, iat: int) -> bool:
        """Tell whether a token of this login, made at `iat` (Unix s), counts no more.

        `iat` has whole seconds only. In the second of the change itself, a token of a login goes by its login (ended with
        the change, or begun after it); one without a login does not count.
        """
        if family and (user, family) in self._ended:
            return True
        at = self._ended.get((user, ""))
        return at is not None and iat * 1000 + (999 if family else 0) < at

    async def follow(
        self,
        read: Callable[[int], Awaitable[Iterable[Ended]]],
        revoke: Callable[[str, str | None], object],
        period_s: float = 2.0,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Read what was ended since, for ever, and `revoke` the sockets of what is news.

        `read(since)` takes Unix ms. Started once the first reading is in (raises `DatabaseError`); later, a database that is away is asked again.
        """
        await self._take(read, lambda user, family: None)
        task_status.started()
        while True:
            await trio.sleep(period_s)
            try:
                await self._take(read, revoke)
            except DatabaseError as error:
                log.warning("revocations could not be read", error=str(error))
            self._forget_old()

    async def _take(
        self, read: Callable[[int], Awaitable[Iterable[Ended]]], revoke: Callable[[str, str | None], object]
    ) -> None:
        for ended in await read(self._clock.now() - self._keep_ms):
            if self.add(ended):
                revoke(ended.user, ended.family or None)

    def _forget_old(self) -> None:
        oldest = self._clock.now() - self._keep_ms
        self._ended = {key: at for key, at in self._ended.items() if at >= oldest}
