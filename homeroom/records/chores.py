"""What the system does with the records by itself: publishing announcements at their time, telling notices that are for very many,
telling of commits that were in doubt.

Never here: how that is done (`school.announcements_due`, `mailings`), and when a chore looks again (`errand`).
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

import trio

from homeroom.engine.behaviour import SYSTEM_CALLER
from homeroom.engine.clock import Clock
from homeroom.records.commit import InDoubt
from homeroom.records.errand import Errand
from homeroom.records.mailing_list import MailWaiting
from homeroom.records.mailings import tell_page
from homeroom.records.school.announcements import Scheduled
from homeroom.records.school.announcements_due import publish_due
from homeroom.records.store import Store


class Chores:
    """The errands of one server. `learn` takes news of the store, and wakes those whom it is for."""

    def __init__(self, store: Store, clock: Clock, random: Random) -> None:
        self._store = store
        self._errands = (
            Errand("announcements", self._publish, clock, random),
            Errand("mailings", self._tell, clock, random),
            Errand("commits in doubt", store.settle, clock, random),
        )
        announcements, mailings, doubts = self._errands
        self._for: Mapping[type[object], Errand] = MappingProxyType(
            {Scheduled: announcements, MailWaiting: mailings, InDoubt: doubts}
        )

    def learn(self, news: object) -> None:
        """Have it done what `news` says is there to do; anything else is not for us."""
        errand = self._for.get(type(news))
        if errand is not None:
            errand.wake()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled."""
        async with trio.open_nursery() as nursery:
            for errand in self._errands:
                await nursery.start(errand.run)
            task_status.started()

    async def _publish(self) -> int | None:
        async with self._store.unit(SYSTEM_CALLER) as unit:
            return await publish_due(unit)

    async def _tell(self) -> int | None:
        async with self._store.unit(SYSTEM_CALLER) as unit:
            return await tell_page(unit, self._store.catalog.types)
