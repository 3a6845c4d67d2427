"""Who may do what, written down a second time by hand: one line for each verb, stream and door of the kinds there are.

A line names roles and relations; `test_access_matrix` holds the declarations and the real outcomes against it. Adding a verb,
a relation or a door to one of these kinds without a line here fails the test.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import convert

from homeroom.protocol.chat import Say
from homeroom.protocol.presence import SetStatus
from homeroom.protocol.room import Create, Invite, Join, Promote, Remove
from tests.http.rest_school import School

Person = tuple[str, str]
BOSS: Person = ("boss", "teacher")
"""Made what is on the stage, and is never the one who is tried."""
BYSTANDER: Person = ("bob", "student")
SYSTEM = "system"
"""Nobody from outside: no role of a token may."""

LINES: dict[str, dict[str, str]] = {
    "room": {
        "(watch)": "member moderator owner | admins",
        "create": "staff",
        "join": "stranger invited member moderator owner | admins",
        "leave": "stranger invited member moderator owner | admins",
        "invite": "moderator owner | admins",
        "remove": "moderator owner | admins",
        "promote": "owner | admins",
        "say": "member moderator owner",
        "edit": "member moderator owner",
        "retract": "member moderator owner | admins",
        "react": "member moderator owner",
        "typing": "member moderator owner",
        "read": "member moderator owner",
        "unread": "member moderator owner",
        "history": "member moderator owner | admins",
        "audit": "moderator owner | admins",
        "pin": "moderator owner | admins",
        "unpin": "moderator owner | admins",
        "set_mode": "moderator owner | admins",
        "slow_mode": "moderator owner | admins",
        "mute": "moderator owner | admins",
        "unmute": "moderator owner | admins",
    },
    "presence": {
        "(watch)": "self | staff",
        "set": "self",
        "beat": "self",
        "hide": "self",
        "show": "self",
        "mine": "self",
        "connected": SYSTEM,
        "disconnected": SYSTEM,
        "enter": SYSTEM,
        "exit": SYSTEM,
    },
}

EXAMPLES: dict[str | type[Any], dict[str, Any]] = {
    "create": {"title": "Room"},
    "invite": {"user": "carl"},
    "remove": {"user": "bob"},
    "promote": {"user": "bob", "role": "moderator"},
    "say": {"text": "hello"},
    "edit": {"message": "$message", "text": "hello again"},
    "retract": {"message": "$message"},
    "react": {"message": "$message", "emoji": "👍"},
    "read": {"upto": "$message"},
    "pin": {"message": "$message"},
    "unpin": {"message": "$message"},
    "set_mode": {"mode": "moderated"},
    "slow_mode": {"seconds": 5},
    "mute": {"user": "bob"},
    "unmute": {"user": "bob"},
    "set": {"status": "busy"},
    "connected": {"conn": "c1"},
    "disconnected": {"conn": "c1"},
    "enter": {"room": "r1"},
    "exit": {"room": "r1"},
}
"""Arguments by verb, where it needs any; by the command's class, where another kind has a verb of the same name.

`$message` stands for a message of whoever is tried, else of the maker.
"""

OUTCOMES: dict[tuple[str, str, str], str] = {
    **{("room", "create", relation): "conflict" for relation in (
        "stranger", "outsider", "barred", "invited", "member", "moderator", "owner")},
    ("room", "leave", "owner"): "conflict",
}  # fmt: skip
"""What somebody who may gets where that is not `ok`: by kind, verb and relation."""

DOORS: dict[str, tuple[str, str]] = {
    "POST /api/auth/login": ("anybody", ""),
    "POST /api/auth/refresh": ("anybody", ""),
    "POST /api/auth/logout": ("people", ""),
    "POST /api/auth/register": ("admins", ""),
    "GET /api/auth/me": ("people", ""),
    "GET /api/presence/online": ("people", ""),
    "GET /api/presence/user/{user}": ("staff", "/api/presence/user/somebody"),
    "POST /api/presence/bulk": ("people", ""),
    "PUT /api/presence/activity": ("people", ""),
    "GET /api/realtime/sync": ("people", ""),
    "GET /api/realtime/stats": ("admins", ""),
    "GET /healthz": ("anybody", ""),
    "GET /readyz": ("anybody", ""),
    "GET /health": ("anybody", ""),
    "GET /metrics": ("anybody", ""),
    "GET /openapi.json": ("anybody", ""),
    "GET /asyncapi.json": ("anybody", ""),
}
"""Who gets through each door that is no verb's: `anybody`, `people` (with a token), or roles; and the path to try, if another."""

Stage = Callable[[School, str, str, Person], Awaitable[str]]
"""Puts a person into a relation to a fresh actor with the given id, and returns the id of a message there, or ""."""


async def stage_room(school: School, id: str, relation: str, person: Person) -> str:
    """Make a room in which `person` stands in `relation`, Bob is a member, and there is a message."""
    address = f"room:{id}"
    closed = relation in {"outsider", "invited"}
    await school.do(address, Create("Room", "closed" if closed else "open"), BOSS)
    await school.do_all(address, (Invite(BYSTANDER[0]), BOSS), (Join(), BYSTANDER))
    author = BOSS
    if relation in {"barred", "member", "moderator", "owner"}:
        await school.do(address, Join(), person)
        author = person
    message: str = (await school.do(address, Say("first"), author)).reply.id
    if relation == "barred":
        await school.do(address, Remove(person[0]), BOSS)
    elif relation == "invited":
        await school.do(address, Invite(person[0]), BOSS)
    elif relation in {"moderator", "owner"}:
        await school.do(address, convert({"user": person[0], "role": relation}, Promote), BOSS)
    return message


async def stage_presence(school: School, id: str, relation: str, person: Person) -> str:
    """Have a person be here, who is the one who is tried or another."""
    await school.do(f"presence:{id}", SetStatus("online"), (id, person[1]))
    return ""


STAGES: dict[str, tuple[Stage, tuple[str, ...]]] = {
    "room": (stage_room, ("stranger", "outsider", "barred", "invited", "member", "moderator", "owner")),
    "presence": (stage_presence, ("self", "other")),
}
