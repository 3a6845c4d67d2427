"""The doors of who somebody is: log in, stay in, go out, come in for the first time, and `me`.

Passwords are tried under `LoginThrottle`; every failure to prove who one is reads the same, so that nobody learns which
logins exist. Never here: tables, hashing and the making of tokens.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.http.revocations import Revocations
from homeroom.http.routes import Call, Nothing, Out, Route
from homeroom.http.throttle import LoginThrottle
from homeroom.http.tokens import Tokens
from homeroom.protocol.access import ADMINS, GUARDIAN_ROLE, ROLE_ALIASES, RoleWord
from homeroom.records.columns import Name
from homeroom.records.logins import Ended, Grant, Logins
from homeroom.records.passwords import LONGEST, SHORTEST, Passwords
from homeroom.records.school.users import SELF, Login, fold_login
from homeroom.records.users import Person, Users

Password = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
NewPassword = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST)]
RefreshToken = Annotated[str, Meta(min_length=1, max_length=200)]


class LoginBody(Struct, frozen=True):
    """Who one says one is, and the proof."""

    login: Login
    password: Password


class RefreshBody(Struct, frozen=True):
    """The refresh token that the last answer gave; it is good once."""

    refresh_token: RefreshToken


class LogoutBody(Struct, frozen=True):
    """The login to end: by its refresh token, else the one that the bearer token belongs to."""

    refresh_token: RefreshToken | None = None


class RegisterBody(Struct, frozen=True):
    """A new person. Only admins choose a role; whoever registers by themselves is a student."""

    login: Login
    name: Name
    password: NewPassword
    role: RoleWord = "student"


class UserAnswer(Struct, frozen=True):
    """A person as the wire knows them."""

    id: str
    name: str
    role: str


class TokenAnswer(Struct, frozen=True):
    """What to send as bearer until `expires` (Unix ms), and what to get the next one with, until `refresh_expires`."""

    access_token: str
    expires: int
    refresh_token: str
    refresh_expires: int
    user: UserAnswer
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


class MeAnswer(Struct, frozen=True, omit_defaults=True):
    """Who the bearer is, and until when (Unix ms); of a parent, the ids of the children it stands for (`wards`)."""

    id: str
    name: str
    role: str
    expires: int
    wards: tuple[str, ...] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Authentication:
    """The desk. `revoke(user, family)` closes sockets: of one login, or with `None` of the person."""

    users: Users
    logins: Logins
    passwords: Passwords
    tokens: Tokens
    throttle: LoginThrottle
    revocations: Revocations
    revoke: Callable[[str, str | None], object]
    clock: Clock
    self_registration: bool = False

    def routes(self) -> Iterable[Route]:
        """Return the doors."""
        tag, limits = "authentication", ("unauthenticated", "rate_limited", "overloaded", "unavailable")
        return (
            Route("POST", "/api/auth/login", "login", "Log in with login and password.", self.log_in, tag,
                  body=LoginBody, reply=TokenAnswer, errors=limits, bearer="ignored"),
            Route("POST", "/api/auth/refresh", "refresh", "Take a refresh token for new tokens.", self.refresh, tag,
                  body=RefreshBody, reply=TokenAnswer, errors=("unauthenticated", "unavailable"), bearer="ignored"),
            Route("POST", "/api/auth/logout", "logout", "End a login: its tokens and its connections.", self.log_out,
                  tag, body=LogoutBody, reply=Nothing, errors=("unauthenticated", "unavailable"), bearer="lenient"),
            Route("POST", "/api/auth/register", "register", "Add a person.", self.register, tag, body=RegisterBody,
                  reply=UserAnswer, errors=("forbidden", "conflict", *limits), status=201, bearer="welcome"),
            Route("GET", "/api/auth/me", "me", "Who the token speaks for.", self.me, tag, reply=MeAnswer),
        )  # fmt: skip

    async def log_in(self, call: Call) -> Out:
        """Answer tokens, 401 for a wrong pair, 429 with `Retry-After` after too many of them."""
        body: LoginBody = call.body
        account = fold_login(body.login)
        self._slow_down(account, call.address)
        found = await self.users.find_login(body.login)
        person, kept = found or (None, None)
        right = await self.passwords.verify(kept, body.password)
        if person is None or not right or not person.active:
            raise Refusal("unauthenticated", "no such login, or another password")
        self.throttle.succeeded(account, call.address)
        if kept is not None and self.passwords.outdated(kept):
            await self.users.rehash(person.id, kept, await self.passwords.hash(body.password))
        return Out(self._answer(person, await self.logins.start(person.id, call.address)))

    async def refresh(self, call: Call) -> Out:
        """Answer new tokens; a refresh token that comes again ends its login, connections included."""
        grant = await self.logins.rotate(call.body.refresh_token)
        if isinstance(grant, Ended):
            self._end(grant)
        person = await self.users.find(grant.user) if isinstance(grant, Grant) else None
        if person is None or not isinstance(grant, Grant):
            raise Refusal("unauthenticated", "this refresh token does not count any more: log in again")
        return Out(self._answer(person, grant))

    async def log_out(self, call: Call) -> Out:
        """End a login and close its connections; what has ended already, or never began (a token made by hand), is fine."""
        ended = None
        if call.body.refresh_token:
            ended = await self.logins.end(call.body.refresh_token)
        elif call.person.family:
            ended = await self.logins.end_family(call.person.id, call.person.family)
        if ended is not None:
            self._end(ended)
        return Out(Nothing())

    async def register(self, call: Call) -> Out:
        """Add a person: by an admin in any role below their own, by a super_admin in any, or, where the school allows it, oneself as student."""
        body: RegisterBody = call.body
        role = ROLE_ALIASES.get(body.role, body.role)
        self._check_may_register(call, role)
        if call.who is None:
            self._slow_down(f"(register) {call.address}", call.address)
        hashed = await self.passwords.hash(body.password)
        by = call.who.id if call.who else SELF
        person = await self.users.add(body.login, body.name, role, hashed, by=by)
        return Out(UserAnswer(person.id, person.name, person.role), status=201)

    async def me(self, call: Call) -> Out:
        """Answer who asks."""
        who = call.person
        wards = tuple(sorted(who.caller.wards)) if who.role == GUARDIAN_ROLE else UNSET
        return Out(MeAnswer(who.id, who.name, who.role, who.expires, wards))

    def _check_may_register(self, call: Call, role: str) -> None:
        if call.who is None:
            if not self.self_registration:
                raise Refusal("forbidden", "people are added by the school's admins")
            if role != "student":
                raise Refusal("forbidden", "only admins choose a role")
        elif call.who.role not in ADMINS or (role in ADMINS and call.who.role != "super_admin"):
            raise Refusal("forbidden", "only admins add people, and only super_admins add admins")

    def _slow_down(self, account: str, address: str) -> None:
        wait_ms = self.throttle.begin(account, address, self.clock.now())
        if wait_ms is not None:
            raise Refusal("rate_limited", "too many attempts", retry_ms=wait_ms)

    def _end(self, ended: Ended) -> None:
        self.revocations.add(ended)
        self.revoke(ended.user, ended.family or None)

    def _answer(self, person: Person, grant: Grant) -> TokenAnswer:
        access, expires = self.tokens.issue_until(person.id, person.name, person.role, family=grant.family)
        user = UserAnswer(person.id, person.name, person.role)
        return TokenAnswer(access, expires, grant.refresh, grant.expires, user)
