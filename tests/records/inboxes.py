"""Records whose notices go to real inboxes, both on one real database: what tests look at when notices come and go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.engine.database import Database
from homeroom.engine.engine import Engine
from homeroom.records.declare import RecordType
from homeroom.records.mailings import PAUSE_MS, tell_page
from homeroom.records.store import Store
from tests.actors.school import School, open_kept_school
from tests.records.school_store import CALLERS, SchoolStore


class House:
    """A store whose messages go to inboxes on the same database."""

    def __init__(self, database: Database, school: School) -> None:
        self.database, self.school = database, school
        engine: Engine = school.engine
        self.rows = SchoolStore(database, carry=engine.carry)
        self.store = self.rows.store

    async def create(self, who: str, type: RecordType, **values: Any) -> str:
        made = await self.store.create(type, values, CALLERS[who])
        await self.settle()
        return str(made["id"])

    async def update(self, who: str, type: RecordType, id: str, /, **changes: Any) -> None:
        await self.rows.update(who, type, id, **changes)
        await self.settle()

    async def act(self, who: str, type: RecordType, id: str, name: str, body: Any = None) -> None:
        await self.rows.act(who, type, id, name, body)
        await self.settle()

    async def delete(self, who: str, type: RecordType, id: str) -> None:
        await self.store.delete(type, id, CALLERS[who])
        await self.settle()

    async def settle(self) -> None:
        """Tell all pages, and wait until every message was carried out."""
        await tell_all(self.store)
        with trio.fail_after(20):
            while (await self.database.fetch_row("SELECT FROM messages LIMIT 1")) is not None:
                await wait_all_tasks_blocked(0.005)

    async def inbox(self, person: str) -> list[str]:
        """Return the types of the notices that are there; as many of them are counted as unread."""
        notices = await self.notices(person)
        return [notice["type"] for notice in notices]

    async def notices(self, person: str) -> list[dict[str, Any]]:
        """Return the notices that are there; as many of them as are not read are counted as unread."""
        state = await self.school.state(f"inbox:{person}", CALLERS[person])
        assert state["unread"] == sum(not notice.get("read") for notice in state["notices"])
        return list(state["notices"])


async def tell_all(store: Store) -> int:
    """Tell pages until nothing waits but what has its time to come; returns how many it took."""
    for pages in range(100):
        async with store.unit(CALLERS["system"]) as unit:
            at = await tell_page(unit, store.catalog.types)
            if at is None or at > unit.now + PAUSE_MS:
                return pages
    raise AssertionError("it never ends")


@asynccontextmanager
async def opened_house(database: Database) -> AsyncIterator[House]:
    """Run the inboxes on a database with the people of `school_rows`: one start of a server."""
    async with open_kept_school(database) as school:
        yield House(database, school)
