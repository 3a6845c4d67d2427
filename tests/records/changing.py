"""A person changed as the doors do it, by whoever a test says. Never here: rights, which the doors ask for."""

from typing import Any

from homeroom.engine.behaviour import SYSTEM, Caller
from homeroom.protocol.access import SYSTEM_ROLE
from homeroom.records.school.users import USER, User
from homeroom.records.store import Store
from homeroom.records.users import change_password


async def change_person(store: Store, id: str, *, by: str = SYSTEM, **changes: Any) -> User:
    """Let columns of a person be others, or `password` another hash."""
    async with store.unit(Caller(by, SYSTEM_ROLE)) as unit:
        if "password" in changes:
            return await change_password(unit, id, changes["password"])
        changed: User = await unit.update(USER, id, changes)
        return changed
