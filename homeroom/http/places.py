"""Which classes, courses and cohorts each person belongs to, and who belongs to each: asked for at each command, without a database.

Read whole at the start, then followed: what this server writes counts at once, what others write within two seconds.
Never here: the tables (`records.placements`), and what belonging permits.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

import structlog
import trio

from homeroom.engine.clock import Clock
from homeroom.engine.postgres import DatabaseError
from homeroom.records.placements import Placed

log = structlog.get_logger(__name__)

OVERLAP_MS = 60_000
"""How far each reading goes back behind the one before: another server's clock may be behind, and its commit late."""
BATCH = 200
"""Rows after which others get their turn."""
_NOWHERE: frozenset[str] = frozenset()

Read = Callable[[int], Awaitable[Iterable[Placed]]]
"""Returns what was said at or after a time (Unix ms); may raise `DatabaseError`."""
Key = tuple[str, str]
"""The type and the id of the row that says so."""


class Member(NamedTuple):
    """Somebody who belongs somewhere, as what."""

    person: str
    part: str


class Places:
    """The places by person, and the people by place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._when_left: Callable[[str, str], object] | None = None
        self._rows: dict[Key, Placed] = {}
        self._of: dict[str, frozenset[str]] = {}
        self._rows_of: dict[str, dict[Key, str]] = {}
        self._members: dict[str, dict[Key, Member]] = {}
        self._names: dict[str, str] = {}

    def of(self, person: str) -> frozenset[str]:
        """Return where somebody belongs: `course:cs1`, `class:10a`, `cohort:2026`."""
        return self._of.get(person, _NOWHERE)

    def members_of(self, place: str) -> tuple[str, ...]:
        """Return who belongs somewhere, whatever as, by id: whoever decides with them decides the same again."""
        return tuple(sorted({member.person for member in self._members.get(place, {}).values()}))

    def has(self, person: str, place: str) -> bool:
        """Tell whether somebody belongs to a place, whatever as."""
        return place in self.of(person)

    def knows(self, place: str) -> bool:
        """Tell whether there is such a place: each course has its teacher at least."""
        return place in self._members

    def students_of(self, place: str) -> Mapping[str, str]:
        """Return the students of a place by id, with the names that are known of them; of `user:ann` ann alone, if there is a name."""
        if place.startswith("user:"):
            person = place.removeprefix("user:")
            return {person: self._names[person]} if person in self._names else {}
        members = self._members.get(place, {}).values()
        people = sorted({member.person for member in members if member.part in {"student", "member"}})
        return {person: self._names.get(person, "") for person in people}

    def when_left(self, call: Callable[[str, str], object]) -> None:
        """Have `call(person, place)` made, without waiting, whenever somebody belongs to a place no longer."""
        self._when_left = call

    def learn(self, news: object) -> None:
        """Let what this server has written count at once; anything else is not for us."""
        if isinstance(news, Placed):
            self.take(news)

    def take(self, said: Placed) -> None:
        """Let what a row says count, unless something newer is known of it."""
        key = said.type, said.id
        before = self._rows.get(key)
        if before is not None and before.at > said.at:
            return
        if said.name:
            self._names[said.person] = said.name
        belonged = before is not None and before.place in self.of(before.person)
        if before is not None:
            self._remove(key, before)
        if said.place:
            self._add(key, said)
        if belonged and before is not None and self._when_left and before.place not in self.of(before.person):
            self._when_left(before.person, before.place)

    async def follow(
        self, read: Read, period_s: float = 2.0, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Read what changed, for ever. Started once all is in (raises `DatabaseError`); later, a database that is away is asked again."""
        since = await self._take_all(read, 0)
        task_status.started()
        while True:
            await trio.sleep(period_s)
            try:
                since = await self._take_all(read, since)
            except DatabaseError as error:
                log.warning("who belongs where could not be read", error=str(error))

    async def _take_all(self, read: Read, since: int) -> int:
        """Take what was said since, and return from when on to read the next time."""
        began = self._clock.now()
        for number, said in enumerate(await read(since), 1):
            self.take(said)
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()
        return max(began - OVERLAP_MS, 1)

    def _add(self, key: Key, said: Placed) -> None:
        self._rows[key] = said
        self._rows_of.setdefault(said.person, {})[key] = said.place
        self._members.setdefault(said.place, {})[key] = Member(said.person, said.part)
        self._count(said.person)

    def _remove(self, key: Key, before: Placed) -> None:
        del self._rows[key]
        del self._rows_of[before.person][key]
        del self._members[before.place][key]
        if not self._members[before.place]:
            del self._members[before.place]
        self._count(before.person)

    def _count(self, person: str) -> None:
        """Put the places of one person together; whoever belongs nowhere is not kept."""
        rows = self._rows_of[person]
        if rows:
            self._of[person] = frozenset(rows.values())
        else:
            del self._rows_of[person]
            self._of.pop(person, None)
