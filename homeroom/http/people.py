"""The doors of people that no declaration makes: a new person with a password, another password, and who somebody is by name.

Hashes are made by threads before a transaction begins. Never here: all other doors of `/api/users`, which follow from the record type,
and who may (its rules).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from homeroom.engine.behaviour import Refusal
from homeroom.http.authentication import Authentication, NewPassword, Password
from homeroom.http.record_input import read_record_body, row_id
from homeroom.http.record_shapes import Words, shapes_of
from homeroom.http.records import BODY_BYTES, READ, WRITE
from homeroom.http.rest import Desk, key_of
from homeroom.http.routes import Call, Nothing, Out, Route
from homeroom.http.versions import etag
from homeroom.protocol.access import ROLE_ALIASES, RoleWord
from homeroom.protocol.paging import After, PageLimit
from homeroom.records.access import role_may
from homeroom.records.directory import Directory, Entries
from homeroom.records.intake import check_names, misfit
from homeroom.records.school.users import USER, fold_login
from homeroom.records.store import Store
from homeroom.records.unit import Unit
from homeroom.records.users import change_password, keep_password

SHAPES = shapes_of(USER)
NewUser: Any = defstruct(
    "NewUser",
    [("password", NewPassword | UnsetType, UNSET)],
    bases=(SHAPES.new,),
    module=__name__,
    namespace={
        "__doc__": "A new person; without a password none can log in with one.\n\n"
        "A student's record, with the number and the home class, is made by `POST /api/students/register`."
    },
    frozen=True,
    kw_only=True,
)
Ids = Annotated[
    str,
    Meta(
        max_length=6_500,
        pattern=r"\A(?:[A-Za-z0-9_.\-]{1,64}(?:,[A-Za-z0-9_.\-]{1,64}){0,99})?\Z",
        description="1 to 100 ids, joined by commas",
    ),
]
_KEPT = "SELECT password FROM users WHERE id = $1 FOR NO KEY UPDATE"
_ERRORS = ("forbidden", "not_found", "conflict", "rate_limited", "overloaded", "unavailable", "timeout")


class OwnPassword(Struct, frozen=True):
    """Change one's own password: every other login ends, this one goes on."""

    old_password: Password
    new_password: NewPassword


class ChangedPassword(Struct, frozen=True):
    """Give a person another password. Of oneself the old one is needed, and other logins end; of somebody else all of theirs end."""

    new_password: NewPassword
    old_password: Password | UnsetType = UNSET


class PeopleQuery(Struct, frozen=True, kw_only=True):
    """Which people: by id, or those who are active."""

    ids: Ids = ""
    role: RoleWord | UnsetType = UNSET
    words: Words | UnsetType = UNSET
    limit: PageLimit = 100
    after: After = ""


@dataclass(frozen=True, slots=True)
class PeopleDoors:
    """The desk."""

    authentication: Authentication
    store: Store
    directory: Directory
    desk: Desk

    def routes(self) -> Iterator[Route]:
        """Yield the doors."""
        yield Route("POST", USER.door, "user_create", "A new user.", self._create, USER.plural, body=NewUser, errors=_ERRORS,
                    reply=SHAPES.shown, status=201, raw=True, keyed=True, tagged=True, body_bytes=BODY_BYTES)  # fmt: skip
        yield Route("PUT", f"{USER.door}/{{id}}/password", "user_password", "A person's password, changed.", self._change,
                    USER.plural, body=ChangedPassword, reply=Nothing, errors=_ERRORS, raw=True)  # fmt: skip
        yield Route("POST", "/api/auth/password", "own_password", "One's own password, changed.", self._change_own,
                    "authentication", body=OwnPassword, reply=Nothing, errors=_ERRORS, raw=True)  # fmt: skip
        yield Route("GET", "/api/people", "people", "People by id, name and role, as far as one may know of them.",
                    self._people, "people", query=PeopleQuery, reply=Entries,
                    errors=("forbidden", "rate_limited", "overloaded", "unavailable"))  # fmt: skip

    async def _create(self, call: Call) -> Out:
        self.desk.spend(call.person, WRITE)
        caller = call.person.caller
        values: dict[str, Any] = msgspec.to_builtins(read_record_body(call.body, NewUser, USER))
        if not role_may(USER.create, caller.role):
            raise Refusal("forbidden", "people are added by the school's admins")
        password, key = values.pop("password", None), key_of(call)
        parts = self.authentication
        # the hash of a request with a key is salted by that, so that it tells another password as nothing else of it could be kept
        salt = None if key is None else parts.tokens.derive("salt", f"{caller.user} {key}")
        hashed = None if password is None else await parts.passwords.hash(password, salt)

        async def work(unit: Unit) -> dict[str, Any]:
            check_names(USER, values, create=True)
            made = await unit.add(USER, values)
            await keep_password(unit, made.id, hashed)
            return made.shown()

        row = await self.store.once(("create", USER.name, "", values, hashed), caller, key, work)
        return Out(row, 201, {**etag(row["version"]), "Location": f"{USER.door}/{row['id']}"})

    async def _change(self, call: Call) -> Out:
        body = read_record_body(call.body, ChangedPassword, USER)
        return await self._put(call, row_id(call.path["id"]), body.new_password, body.old_password)

    async def _change_own(self, call: Call) -> Out:
        body = read_record_body(call.body, OwnPassword, USER)
        return await self._put(call, call.person.id, body.new_password, body.old_password)

    async def _put(self, call: Call, id: str, new: str, old: str | UnsetType) -> Out:
        """Keep another password of the person `id`; raises `forbidden` for a wrong old one."""
        self.desk.spend(call.person, WRITE)
        who, own = call.person, id == call.person.id
        person = await self.store.read(USER, id, who.caller)
        kept = await self._proved(person, old, call.address) if own else None
        hashed = await self.authentication.passwords.hash(new)
        async with self.store.unit(who.caller) as unit:
            if own and (await unit.fetch(_KEPT, id))[0]["password"] != kept:
                raise Refusal("conflict", "the password was changed meanwhile")
            await change_password(unit, id, hashed, but=who.family if own else "")
        return Out(Nothing())

    async def _proved(self, person: Mapping[str, Any], old: str | UnsetType, address: str) -> str | None:
        """Return the kept hash, of which `old` is the password; guessing is slowed down as at the login."""
        if old is UNSET:
            raise misfit("old_password", "needed for one's own", "the password of today")
        parts, account = self.authentication, fold_login(person["login"])
        wait_ms = parts.throttle.begin(account, address, parts.clock.now())
        if wait_ms is not None:
            raise Refusal("rate_limited", "too many attempts", retry_ms=wait_ms)
        found = await parts.users.find_login(account)
        kept = found[1] if found is not None else None
        if not await parts.passwords.verify(kept, old):
            raise Refusal("forbidden", "old_password: another one", data={"field": "old_password"})
        parts.throttle.succeeded(account, address)
        return kept

    async def _people(self, call: Call) -> Out:
        self.desk.spend(call.person, READ)
        query: PeopleQuery = call.query
        role = "" if query.role is UNSET else ROLE_ALIASES.get(query.role, query.role)
        words = "" if query.words is UNSET else query.words
        ids = [one for one in query.ids.split(",") if one]
        return Out(await self.directory.page(call.person.caller, ids, role, words, query.limit, query.after))
