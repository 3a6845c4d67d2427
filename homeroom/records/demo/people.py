"""The people of the demo school and their families, their one password, and the room that is open to all of them.

Known passwords are for this machine only: the configuration refuses a demo on a public address. Everybody of the demo has an id
that begins with `demo-`; whoever has another one makes it a real school, into which nothing of the demo is put unasked.
"""

from typing import NamedTuple

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.engine.database import Database
from homeroom.records.guardians import Guardians
from homeroom.records.passwords import Passwords
from homeroom.records.users import Users

DEMO_PASSWORD = "homeroom-demo"  # noqa: S105 - printed at every start; the demo listens on loopback only
DEMO_ROOM = "room:lobby"
DEMO_ROOM_TITLE = "Lobby"
PREFIX = "demo-"
_OTHERS = "SELECT id FROM users WHERE NOT starts_with(id, $1) AND deleted_at IS NULL ORDER BY id LIMIT 1"


class DemoPerson(NamedTuple):
    """Somebody of the demo school; the login is the id."""

    id: str
    name: str
    role: str


DEMO_PEOPLE = (
    DemoPerson("demo-super", "Sam Super", "super_admin"),
    DemoPerson("demo-admin", "Ada Admin", "admin"),
    DemoPerson("demo-teacher-1", "Tara Teacher", "teacher"),
    DemoPerson("demo-teacher-2", "Theo Teacher", "teacher"),
    *(DemoPerson(f"demo-student-{n}", f"Student {n}", "student") for n in range(1, 7)),
    DemoPerson("demo-parent-1", "Paula Parent", "parent"),
    DemoPerson("demo-parent-2", "Peter Parent", "parent"),
)

DEMO_FAMILIES = (
    ("demo-parent-1", "demo-student-1"),
    ("demo-parent-1", "demo-student-2"),
    ("demo-parent-2", "demo-student-3"),
)
"""Parents with their children."""

CALLERS = {person.id: Caller(person.id, person.role, person.name) for person in DEMO_PEOPLE} | {
    SYSTEM_CALLER.user: SYSTEM_CALLER
}
"""As whom the demo acts, by id."""


async def link_demo_families(guardians: Guardians) -> None:
    """Let the parents stand for their children; a link that somebody took away since stays away."""
    known = await guardians.known(tuple({guardian for guardian, _ in DEMO_FAMILIES}))
    for guardian, ward in DEMO_FAMILIES:
        if (guardian, ward) not in known:
            await guardians.link(guardian, ward)


async def add_demo_people(users: Users, passwords: Passwords) -> None:
    """Add those who are not there yet; one hash serves them all, since they share the password."""
    missing = [person for person in DEMO_PEOPLE if await users.find(person.id) is None]
    kept = await passwords.hash(DEMO_PASSWORD) if missing else None
    for person in missing:
        await users.add(person.id, person.name, person.role, kept, id=person.id)


async def check_demo(database: Database) -> None:
    """Raise `conflict` for a school in which anybody is who is not of the demo."""
    found = await database.fetch_row(_OTHERS, PREFIX)
    if found is not None:
        msg = f"this is no demo school: {found['id']!r} is here; --anyway puts people with a known password among them"
        raise Refusal("conflict", msg)
