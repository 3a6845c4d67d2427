"""The people of the school for those who ask by themselves: logging in, the command line, the demo; and the hash of a password.

A person is changed in one way, through the records (`school.users`), so that everybody hears of it; what it ends follows there.
Never here: hashing (`passwords`), logins (`logins`), and who may change whom (the doors and the command line ask first).
"""

from typing import Any

from msgspec import Struct

from homeroom.engine.behaviour import SYSTEM, Caller
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.protocol.access import ROLE_ALIASES, SYSTEM_ROLE, Role
from homeroom.protocol.ids import Id
from homeroom.records.columns import Name
from homeroom.records.declare import Unit
from homeroom.records.quiet import quiet_store
from homeroom.records.school.users import PASSWORD_CHANGED, USER, Login, User, end_logins, fold_login
from homeroom.records.store import Store

_FIELDS = "id, login, name, role, active, created_at, version"
FIND = f"SELECT {_FIELDS} FROM users WHERE id = $1"  # noqa: S608 - constants
FIND_LOGIN = f"SELECT {_FIELDS}, password FROM users WHERE login = $1 AND deleted_at IS NULL"  # noqa: S608 - constants
PAGE = f"SELECT {_FIELDS} FROM users WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"  # noqa: S608 - constants
_KEEP = "UPDATE users SET password = $2 WHERE id = $1"


class Person(Struct, frozen=True):
    """A person as others may know them; `created_at` in Unix ms, `version` grows with each change."""

    id: Id
    login: Login
    name: Name
    role: Role
    active: bool
    created_at: int
    version: int


class Users:
    """The table of people. Changes go through `store`; without one they are found out by servers that ask."""

    def __init__(self, database: Database, clock: Clock, store: Store | None = None) -> None:
        self._database = database
        self._store = store or quiet_store(database, clock)

    async def add(
        self, login: str, name: str, role: str, password: str | None, *, id: str | None = None, by: str = SYSTEM
    ) -> Person:
        """Add a person; `password` is a hash, `None`: none can log in with a password.

        Without `id` a new one is made. Raises `conflict` for a login or id that is taken, `bad_command` for unfit words.
        """
        values = {"login": fold_login(login), "name": name, "role": ROLE_ALIASES.get(role, role)}
        async with self._store.unit(Caller(by, SYSTEM_ROLE)) as unit:
            made: User = await unit.insert(USER, values if id is None else {**values, "id": id})
            await keep_password(unit, made.id, password)
        return _known(made)

    async def change_password(self, id: str, password: str) -> None:
        """Keep another password's hash, as the system; all logins of the person end. Raises `not_found` for nobody."""
        async with self._store.unit(Caller(SYSTEM, SYSTEM_ROLE)) as unit:
            await change_password(unit, id, password)

    async def find(self, id: str) -> Person | None:
        """Return the person with this id, also one who was deleted: that one is not active."""
        return _person(await self._database.fetch_row(FIND, id))

    async def find_login(self, login: str) -> tuple[Person, str | None] | None:
        """Return the person with this login, and the hash of their password."""
        row = await self._database.fetch_row(FIND_LOGIN, fold_login(login))
        person = _person(row)
        return None if row is None or person is None else (person, row["password"])

    async def page(self, limit: int = 100, after: str = "") -> list[Person]:
        """Return people in the order of their ids, `limit` at the most, those after the id `after`."""
        return [person for row in await self._database.fetch(PAGE, after, limit) if (person := _person(row))]

    async def everybody(self) -> list[Person]:
        """Return all people in the order of their ids; read page by page."""
        found: list[Person] = []
        while page := await self.page(1_000, found[-1].id if found else ""):
            found += page
        return found

    async def rehash(self, id: str, kept: str, password: str) -> None:
        """Put a hash with today's costs in the place of `kept`; the password is the same, so nothing ends."""
        sql = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2"
        await self._database.execute(sql, id, kept, password)


async def keep_password(unit: Unit, id: str, password: str | None) -> None:
    """Keep a password's hash of somebody new."""
    if password is not None:
        await unit.execute(_KEEP, id, password)


async def change_password(unit: Unit, id: str, password: str | None, *, but: str = "") -> User:
    """Keep another password's hash; returns the person as it is then.

    All that was given before ends; with `but`, a login of the person, the other logins alone. Raises as `Unit.update` does.
    """
    changed: User = await unit.update(USER, id, {}, PASSWORD_CHANGED)
    await unit.execute(_KEEP, id, password)
    await end_logins(unit, id, "password_changed", but=but)
    return changed


def _known(user: User) -> Person:
    return Person(user.id, user.login, user.name, user.role, user.active, user.created_at, user.version)


def _person(row: Any) -> Person | None:
    return None if row is None else Person(*(row[field] for field in Person.__struct_fields__))
