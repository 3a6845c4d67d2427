"""The program itself on a database that has one of everything: what the walks over the whole table of doors knock at.

People are `pat-<role>` and `oth-<role>` as in `record_world`; what actors keep is made over the doors. Never here: what is tried.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import trio

from homeroom.engine.clock import TrioClock
from homeroom.engine.database import open_database
from homeroom.http.keys import KeyRing, own_key
from homeroom.http.tokens import Tokens
from homeroom.protocol.access import ROLES
from homeroom.records.types import RECORD_TYPES
from tests.conftest import TRIAL
from tests.e2e.server import Server
from tests.http.record_world import build_world

LIFTED = {"HOMEROOM_READ_PER_MINUTE": "1000000", "HOMEROOM_WRITE_PER_MINUTE": "1000000"}
"""The budgets of a single person, beside those that every server of the tests lifts."""
TOKEN_S = 3_600 * 11

Answer = httpx.Response


@dataclass
class SchemaSchool:
    """A running school. `made` is a thing of each kind of actor: plural → id."""

    server: Server
    tokens: Mapping[str, str]
    client: httpx.Client
    made: dict[str, str]

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.server.port}"

    def bearer(self, user: str | None) -> dict[str, str]:
        """Return the headers of a person, none for nobody."""
        return {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}

    def call(self, user: str | None, door: str, body: Any = None, **more: Any) -> Answer:
        """Knock at `METHOD /path` as somebody."""
        method, _, path = door.partition(" ")
        headers = {**self.bearer(user), **more.pop("headers", {})}
        given = {} if body is None else {"json": body}
        return self.client.request(method, f"{self.url}{path}", headers=headers, **given, **more)

    def must(self, user: str, door: str, body: Any = None) -> Any:
        """Knock, and return the answer of a door that opens."""
        reply = self.call(user, door, body)
        assert reply.is_success, (door, reply.status_code, reply.text)
        return reply.json()


@contextmanager
def open_schema_school(dsn: str) -> Iterator[SchemaSchool]:
    """Run a school on a migrated database; nothing of it runs on when the block ends."""
    trio.run(_fill, dsn)
    server = Server(LIFTED, database=dsn, demo=False)
    try:
        server.open()
        with httpx.Client(timeout=30) as client:
            school = SchemaSchool(server, trio.run(_tokens, server), client, {})
            for make in MAKERS:
                make(school)
            yield school
    finally:
        server.close()


async def _fill(dsn: str) -> None:
    async with open_database(dsn, TRIAL) as database:
        await build_world(database, RECORD_TYPES)


async def _tokens(server: Server) -> dict[str, str]:
    tokens = Tokens(KeyRing([own_key(server.data)]), TrioClock(int(time.time() * 1000)))
    return {
        f"{side}-{role}": tokens.issue(f"{side}-{role}", f"{side} {role}", role, ttl_s=TOKEN_S)
        for side in ("pat", "oth")
        for role in ROLES
    }


def _make_room(school: SchemaSchool) -> None:
    school.must("pat-teacher", "PUT /api/rooms/pat-room", {"title": "Room", "visibility": "open"})
    school.must("pat-student", "POST /api/rooms/pat-room/join", {})
    school.must("pat-student", "POST /api/rooms/pat-room/messages", {"text": "hello"})
    school.made["rooms"] = "pat-room"


def _make_session(school: SchemaSchool) -> None:
    soon = int(time.time() * 1000) + 120_000
    body = {"title": "Lesson", "starts": soon, "minutes": 60, "course": "course-pat-0"}
    made = school.must("pat-teacher", "POST /api/live-sessions", body)["id"]
    school.must("pat-student", f"POST /api/live-sessions/{made}/join", {})
    school.must("pat-student", f"POST /api/live-sessions/{made}/messages", {"text": "hello"})
    school.made["live-sessions"] = made


def _make_queue(school: SchemaSchool) -> None:
    school.must("pat-teacher", "POST /api/office-hours", {"title": "Office"})
    school.must("pat-teacher", "POST /api/office-hours/pat-teacher/open", {})
    school.must("pat-student", "POST /api/office-hours/pat-teacher/join", {"question": "why?"})
    school.made["office-hours"] = "pat-teacher"


def _make_group(school: SchemaSchool) -> None:
    body = {"name": "Group", "visibility": "public", "course": "course-pat-0"}
    made = school.must("pat-student", "POST /api/study-groups", body)["id"]
    school.must("pat-student", f"POST /api/study-groups/{made}/messages", {"text": "hello"})
    school.made["study-groups"] = made


def _make_exam(school: SchemaSchool) -> None:
    made = school.must("pat-teacher", "POST /api/exams", {"title": "Exam", "minutes": 60})["id"]
    one = {"id": "q1", "kind": "essay", "text": "Why?", "points": 5}
    school.must("pat-teacher", f"POST /api/exams/{made}/questions", {"question": one})
    school.must("pat-teacher", f"POST /api/exams/{made}/students", {"people": [{"id": "pat-student"}]})
    school.must("pat-teacher", f"POST /api/exams/{made}/publish", {})
    school.must("pat-teacher", f"POST /api/exams/{made}/open", {})
    school.must("pat-student", f"POST /api/sittings/{made}.pat-student/start", {})
    school.made |= {"exams": made, "sittings": f"{made}.pat-student", "proctors": made}


def _make_rest(school: SchemaSchool) -> None:
    school.made |= {"presence": "pat-student", "notifications": "pat-student", "leaderboards": "weekly.all"}


MAKERS: tuple[Callable[[SchemaSchool], None], ...] = (
    _make_room, _make_session, _make_queue, _make_group, _make_exam, _make_rest,
)  # fmt: skip
"""Each makes things of one kind."""
