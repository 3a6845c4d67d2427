"""People as records: who may see and change whom, and what a change ends.

Whoever is deleted is let in no more and shown to nobody; the row stays, since journals name its id. Never here: hashing (`passwords`),
who may be looked up by name alone (`directory`), and the doors.
"""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeroom.engine.behaviour import SYSTEM, Refusal
from homeroom.protocol.access import ADMINS, ROLE_ALIASES, ROLES, STAFF, Role, allow
from homeroom.records.columns import Name, Row
from homeroom.records.declare import Moment, RecordType, Unit, role, table, to
from homeroom.records.intake import misfit
from homeroom.records.logins import Ended
from homeroom.records.school.learners import count_people
from homeroom.records.school.standing import end_all, end_unfit
from homeroom.records.search import INDEXED_OF_PEOPLE
from homeroom.records.tallies import Tally

LOGIN_WORDS = "1 to 254 characters without blanks"
Login = Annotated[str, Meta(pattern=r"\A[^\s\x00-\x1f\x7f]{1,254}\Z", description=LOGIN_WORDS)]
PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - an event's name
LAST = "the last super_admin stays one: make another one first"

_ABOVE = "super_admin"
_OTHERS = "UPDATE logins SET ended_at = $2, reason = $3 WHERE user_id = $1 AND ended_at IS NULL AND family <> $4 RETURNING family"
LED = "SELECT FROM users WHERE role = 'super_admin' AND active AND deleted_at IS NULL LIMIT 1"
"""Finds whether somebody is there who may everything."""
SEARCHED = INDEXED_OF_PEOPLE


class User(Row, frozen=True, kw_only=True):
    """A person of the school; who is not `active` cannot come in."""

    login: Login
    name: Name
    role: Role = "student"
    active: bool = True


SELF = "self"
"""By whom somebody was added who registered."""
VOICES = frozenset({SYSTEM, SELF})
"""By whom the audit says that something was done which no person did who was logged in."""


def fold_login(login: str) -> str:
    """Return the one spelling of a login: case and width do not make another person."""
    return unicodedata.normalize("NFKC", login).strip().lower()


def _fill(old: User | None, new: User, moment: Moment) -> Mapping[str, Any]:
    """Return the login as it is kept; raises `bad_command` for one of which nothing fit is left, and for an id that is nobody's."""
    if old is None and new.id.lower() in VOICES:
        raise misfit("id", "one of the school's own voices has it", "another id")
    try:
        return {"login": msgspec.convert(fold_login(new.login), Login)}
    except msgspec.ValidationError:
        raise misfit("login", "no login is left of it", LOGIN_WORDS) from None


async def _follow(unit: Unit, old: User | None, new: User | None) -> None:
    """End what was given to whom a person was before; raises `conflict` when somebody is deleted on whom others rely."""
    if old is None:
        return
    if _leads(old) and not (new is not None and _leads(new)):
        await _keep_a_leader(unit)
    if new is None:
        await end_all(unit, old.id)
        await end_logins(unit, old.id, "deleted")
    elif (old.role, old.active) != (new.role, new.active):
        if old.role != new.role:
            await end_unfit(unit, old.id, new.role)
        await end_logins(
            unit, old.id, "role_changed" if old.role != new.role else "activated" if new.active else "deactivated"
        )


def _leads(person: User) -> bool:
    return person.role == _ABOVE and person.active


async def _keep_a_leader(unit: Unit) -> None:
    """Raise `conflict` when nobody would be left who may change admins; those who try at once are asked one by one."""
    await unit.lock("the last super_admin")
    if not await unit.fetch(LED):
        raise Refusal("conflict", LAST)


async def end_logins(unit: Unit, user: str, reason: str, *, but: str = "") -> None:
    """End all logins of a person and every token that was given before; with `but`, the logins other than that one alone."""
    for row in await unit.fetch(_OTHERS, user, unit.now, reason, but):
        unit.news(Ended(user, row["family"], unit.now))
    if but:
        return
    await unit.execute("UPDATE users SET tokens_from = $2 WHERE id = $1", user, unit.now)
    unit.news(Ended(user, "", unit.now))


_BELOW = allow((_ABOVE,), "there") | allow(("admin",), "below")
"""Who may change a person's standing: super_admins everybody's, admins that of whoever is no admin."""

USER = RecordType(
    name="user",
    plural="users",
    row=User,
    channels=(table(), role("admin", "super_admin"), to("user", "id")),
    read=allow(ADMINS, "there") | allow(ROLES, "own"),
    create=_BELOW,
    update=_BELOW | allow(ROLES, "own"),
    delete=_BELOW,
    relations={
        "there": "r.deleted_at IS NULL",
        "own": "r.id = :me AND r.deleted_at IS NULL",
        "below": "r.role NOT IN ('admin', 'super_admin') AND r.deleted_at IS NULL",
    },
    wants={"below": "admins are made, changed and removed by a super_admin"},
    settable={"login": _BELOW, "name": _BELOW | allow(STAFF, "own"), "role": _BELOW, "active": _BELOW},
    filters=("login", "role", "active"),
    searched=SEARCHED,
    sorts=("name", "login", "role", "created_at"),
    unique=(("login",),),
    fill=_fill,
    after=_follow,
    spellings={"role": ROLE_ALIASES},
    tells=(PASSWORD_CHANGED,),
    tallies=(Tally("users", {"school": ""}, by="role", when={"active": (True,)}),),
    counts=count_people,
    own_id=True,
    by_hand=True,
    farewell="deleted_at = :now, updated_at = :now, active = false, version = version + 1",
)
