"""The people of the school: who they are, their role, and the hash of their password.

A change of role, password or standing ends what was given before it: `tokens_from` moves, and every login ends with it.
Never here: hashing (`passwords`), logins (`logins`), and who may change whom (the doors and the command line ask first).
"""

import unicodedata
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from uuid_utils import uuid7

from homeroom.engine.behaviour import SYSTEM, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.database import Database
from homeroom.engine.postgres import UniqueViolation
from homeroom.protocol.access import ROLE_ALIASES, Role
from homeroom.protocol.ids import Id
from homeroom.protocol.text import UnfitText, clean_name
from homeroom.records.audit import write_audit

Login = Annotated[str, Meta(pattern=r"\A[^\s\x00-\x1f\x7f]{1,254}\Z", description="1 to 254 characters without blanks")]
PersonName = Annotated[str, Meta(min_length=1, max_length=100)]
FIND = "SELECT id, login, name, role, active, created_at, version FROM users WHERE id = $1"
FIND_LOGIN = "SELECT id, login, name, role, active, created_at, version, password FROM users WHERE login = $1"
PAGE = "SELECT id, login, name, role, active, created_at, version FROM users WHERE id > $1 ORDER BY id LIMIT $2"
CHANGES = {
    "password": """UPDATE users SET password = $2, updated_at = $3, tokens_from = $3, version = version + 1
WHERE id = $1 RETURNING id, login, name, role, active, created_at, version""",
    "role": """UPDATE users SET role = $2, updated_at = $3, tokens_from = $3, version = version + 1
WHERE id = $1 RETURNING id, login, name, role, active, created_at, version""",
    "active": """UPDATE users SET active = $2, updated_at = $3, tokens_from = $3, version = version + 1
WHERE id = $1 RETURNING id, login, name, role, active, created_at, version""",
}


class Person(Struct, frozen=True):
    """A person as others may know them; `created_at` in Unix ms, `version` grows with each change."""

    id: Id
    login: Login
    name: PersonName
    role: Role
    active: bool
    created_at: int
    version: int


class Users:
    """The table of people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(
        self, login: str, name: str, role: str, password: str | None, *, id: str | None = None, by: str = SYSTEM
    ) -> Person:
        """Add a person; `password` is a hash, `None`: none can log in with a password.

        Without `id` a new one is made. Raises `conflict` for a login or id that is taken, `bad_command` for unfit words.
        """
        now = self._clock.now()
        person = make_person(id or str(uuid7()), login, name, role, now)
        try:
            async with self._database.transaction() as connection:
                await connection.execute(
                    "INSERT INTO users (id, login, name, role, password, created_at, updated_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $6)",
                    *(person.id, person.login, person.name, person.role, password, now),
                )
                await write_audit(connection, ("user", person.id), "created", by=by, at=now, detail=person.role)
        except UniqueViolation:
            raise Refusal("conflict", "this login or id is taken", data={"field": "login"}) from None
        return person

    async def find(self, id: str) -> Person | None:
        """Return the person with this id."""
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

    async def set_password(self, id: str, password: str | None, *, by: str = SYSTEM) -> Person:
        """Keep another password's hash; raises `not_found`."""
        return await self._change(id, ("password", password), "password_changed", by)

    async def set_role(self, id: str, role: str, *, by: str = SYSTEM) -> Person:
        """Give another role; raises `not_found`, and `bad_command` for what is none."""
        role = ROLE_ALIASES.get(role, role)
        _fit(role, Role, "role")
        return await self._change(id, ("role", role), "role_changed", by, role)

    async def set_active(self, id: str, active: bool, *, by: str = SYSTEM) -> Person:
        """Let a person in, or not any more; raises `not_found`."""
        return await self._change(id, ("active", active), "activated" if active else "deactivated", by)

    async def _change(self, id: str, change: tuple[str, Any], action: str, by: str, detail: str = "") -> Person:
        """Make one change of `CHANGES` and end all that was given before."""
        now, (column, value) = self._clock.now(), change
        async with self._database.transaction() as connection:
            rows = await connection.fetch(CHANGES[column], id, value, now)
            person = _person(rows[0] if rows else None)
            if person is None:
                raise Refusal("not_found", "no such person")
            end = "UPDATE logins SET ended_at = $2, reason = $3 WHERE user_id = $1 AND ended_at IS NULL"
            await connection.execute(end, id, now, action)
            await write_audit(connection, ("user", id), action, by=by, at=now, detail=detail)
        return person


def make_person(id: str, login: str, name: str, role: str, now: int) -> Person:
    """Return a new person, each word checked; raises `bad_command` that names the field."""
    try:
        shown = clean_name(name)
    except UnfitText as error:
        raise Refusal("bad_command", f"name: {error}", data={"field": "name"}) from None
    return Person(
        _fit(id, Id, "id"),
        _fit(fold_login(login), Login, "login"),
        _fit(shown, PersonName, "name"),
        _fit(ROLE_ALIASES.get(role, role), Role, "role"),
        active=True,
        created_at=now,
        version=1,
    )


def fold_login(login: str) -> str:
    """Return the one spelling of a login: case and width do not make another person."""
    return unicodedata.normalize("NFKC", login).strip().lower()


def _fit(value: str, type: Any, field: str) -> Any:
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise Refusal("bad_command", f"{field}: {error}", data={"field": field, "allowed": str(error)}) from None


def _person(row: Any) -> Person | None:
    return None if row is None else Person(*(row[field] for field in Person.__struct_fields__))
