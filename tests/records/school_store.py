"""The store of the school's own record types, with the people of `school_rows`, and what it published and ended."""

from collections.abc import Callable
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.engine.database import Database
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.protocol.stored import StoredWire
from homeroom.records.declare import RecordType
from homeroom.records.store import Carry, Store
from homeroom.records.tallies import Touched
from homeroom.records.types import RECORD_TYPES
from tests.records.clock import SteppingClock

ROLE_OF = {
    "tess": "teacher",
    "theo": "teacher",
    "mia": "teacher",
    "ann": "student",
    "bob": "student",
    "cid": "student",
    "pam": "parent",
    "pit": "parent",
    "ada": "admin",
}
CALLERS = {user: Caller(user, role) for user, role in ROLE_OF.items()} | {"system": SYSTEM_CALLER}


class SchoolStore:
    """The store, asked by name: `await school.create("ada", TERM, title=…)`."""

    def __init__(self, database: Database, zone: ZoneInfo | None = None, carry: Carry | None = None) -> None:
        self.database = database
        self.clock = SteppingClock()
        self.wire = StoredWire()
        self.posted: list[Posted] = []
        self.touched: Callable[[Touched], object] = lambda touched: None
        self.withdrawn: list[tuple[str, tuple[str, ...]]] = []
        self.news: list[object] = []
        self.carried: list[Message] = []
        self.store = Store(
            database,
            self.clock,
            self.wire,
            RECORD_TYPES,
            publish=self.posted.extend,
            random=Random(7),
            withdraw=lambda stream, users: self.withdrawn.append((stream, tuple(users))),
            learn=self._learn,
            carry=carry or self.carried.extend,
            zone=zone,
        )

    def _learn(self, news: object) -> None:
        if isinstance(news, Touched):
            self.touched(news)
        else:
            self.news.append(news)

    async def create(self, who: str, type: RecordType, /, **values: Any) -> dict[str, Any]:
        """Create a row."""
        return await self.store.create(type, values, CALLERS[who])

    async def update(self, who: str, type: RecordType, id: str, /, **changes: Any) -> dict[str, Any]:
        """Change a row."""
        return await self.store.update(type, id, changes, CALLERS[who])

    async def delete(self, who: str, type: RecordType, id: str) -> None:
        """Remove a row."""
        await self.store.delete(type, id, CALLERS[who])

    async def act(self, who: str, type: RecordType, id: str, name: str, body: Any = None) -> dict[str, Any]:
        """Carry out an action by its name."""
        (action,) = (one for one in type.actions if one.name == name)
        return await self.store.act(type, action, id, body, CALLERS[who])

    async def perform(self, who: str, type: RecordType, name: str, body: Any) -> Any:
        """Carry out a deed by its name."""
        (deed,) = (one for one in type.deeds if one.name == name)
        return await self.store.perform(type, deed, body, CALLERS[who])

    async def column(self, type: RecordType, name: str, where: str = "TRUE") -> list[Any]:
        """Return a column of all rows where a condition holds, in the order of their values."""
        sql = f"SELECT {name} FROM {type.plural} WHERE {where} ORDER BY 1"  # noqa: S608 - a test's own words
        return [row[name] for row in await self.database.fetch(sql)]

    def told(self, stream: str) -> list[str]:
        """Return the types of the events that were published on a stream, and forget them."""
        found = [
            self.wire.decode_plain(event)["type"] for one in self.posted if one.stream == stream for event in one.events
        ]
        self.posted[:] = [one for one in self.posted if one.stream != stream]
        return found


async def refused(code: str, call: Any) -> Refusal:
    """Await `call`, which must be refused with `code`; return the refusal."""
    with pytest.raises(Refusal) as caught:
        await call
    assert caught.value.code == code, caught.value
    return caught.value
