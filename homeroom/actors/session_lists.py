"""The read models behind lists of class sessions, and the questions to them.

A listed session stands in the lists of its own people alone: a question names the person, by `session_people`, in which an open
session has a row for everybody too, and one for its course a row for that. Who came by a course alone finds it as long as they belong to
that; when it is over, whoever was there keeps it as their own past; who was expelled finds it nowhere.
Never here: what is asked for and shown (`protocol.session_lists`).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from homeroom.actors.asked_person import asked_person
from homeroom.actors.session_memory import SessionMemory, bound_to
from homeroom.actors.session_plan import OVER
from homeroom.actors.their_words import COURSE_WORDS
from homeroom.engine.behaviour import Caller, Fact, Lookup, Refusal, Row
from homeroom.engine.kind import Listing, Table
from homeroom.protocol.access import ADMINS, EVERYBODY
from homeroom.protocol.paging import cut_page, decode_after
from homeroom.protocol.session_lists import (
    STATUS_ALIASES,
    Face,
    ListOwned,
    ListSessions,
    ListUpcoming,
    SessionCard,
    SessionList,
)
from homeroom.protocol.session_state import SessionState, first_faces, is_in
from homeroom.protocol.session_words import (
    PLAN_EVENTS,
    Cancelled,
    Changed,
    Created,
    Ended,
    Enrolled,
    Expelled,
    HandedOver,
    ParticipantJoined,
    Reminded,
)

SESSIONS = Table(
    "sessions",
    (),
    {
        "title": "text", "description": "text", "course": "text", "status": "text", "audience": "text", "owner": "text", "owner_name": "text",
        "starts": "bigint", "ends": "bigint", "started": "bigint", "ended": "bigint", "capacity": "integer",
        "inside": "integer", "faces": "text", "recording": "text",
    },
    indexes=(("starts",), ("owner", "starts"), ("course", "starts"), ("audience", "starts")),
)  # fmt: skip
PEOPLE = Table(
    "session_people",
    ("person",),
    {"person": "text", "active": "boolean", "bound": "text"},
    indexes=(("person", "active"),),
)
"""Who owns a session, is enrolled in it or was in it, or the course that it is for; not `active` any more: was expelled.

`bound`: only those count who belong to that place (`course:cs1`), empty: whoever it is.
"""
OF_COURSE = 50
"""Sessions of a course that are looked at together."""
EVERYONE = ""
"""Stands among the people of a session while it is open to everybody."""
_TOLD = frozenset(PLAN_EVENTS) - {Reminded, Enrolled, Expelled}


def project_lists(fact: Fact, memory: SessionMemory) -> Iterable[Row]:
    """Return the changes that `fact` causes; `memory` is the session after it."""
    event, shown = fact.event, memory.shown
    if type(event) in _TOLD:
        yield Row(SESSIONS.name, {}, _columns(shown))
    if isinstance(event, Created | Changed):
        yield _person(EVERYONE, shown.audience == "open")
        if shown.course:
            yield _person(f"course:{shown.course}", shown.audience == "course")
    if isinstance(event, Created | HandedOver) and event.owner:
        yield _person(event.owner, True)
    elif isinstance(event, ParticipantJoined):
        yield _person(event.user, True, bound_to(memory, event.user))
    elif isinstance(event, Enrolled | Expelled):
        for user in event.people or ():
            yield _person(user, isinstance(event, Enrolled))
    elif isinstance(event, Changed | Ended | Cancelled):
        yield from project_bounds(memory)


def project_bounds(memory: SessionMemory) -> Iterable[Row]:
    """Return to which places those are bound who came by a course; when it is over, to none any more."""
    over = memory.shown.status in OVER
    for user in memory.came_by:
        yield Row(PEOPLE.name, {"person": user}, {"bound": "" if over else bound_to(memory, user)})


def _columns(shown: SessionState) -> dict[str, Any]:
    faces = "\n".join(f"{user} {' '.join(person.name.split())}" for user, person in first_faces(shown))
    return {
        "title": shown.title,
        "description": shown.description,
        "course": shown.course,
        "status": shown.status,
        "audience": shown.audience,
        "owner": shown.owner,
        "owner_name": shown.owner_name,
        "starts": shown.starts,
        "ends": shown.ends,
        "started": shown.started,
        "ended": shown.ended,
        "capacity": shown.capacity,
        "inside": sum(1 for user in shown.people if is_in(shown, user)),
        "faces": faces,
        "recording": shown.recording,
    }


def _person(user: str, active: bool, bound: str = "") -> Row:
    return Row(PEOPLE.name, {"person": user}, {"active": active, "bound": bound})


# --- questions


def _ask_sessions(query: ListSessions, caller: Caller) -> Lookup:
    """`forbidden` for the scope `all` to those who are no admins; `not_found` for somebody who is not the caller's child."""
    person = asked_person(query.user, caller)
    scope = query.scope or ("mine" if query.user else _scope(query, caller))
    if scope == "all" and caller.role not in ADMINS:
        raise Refusal("forbidden", "the scope all is for admins", data={"field": "scope"})
    where = _where(status=query.status, course=query.course)
    return _look_up(where, scope, _finder(person, caller), query.limit, query.after)


def look_up_of_course(person: str, course: str, after: tuple[int, str] | None) -> Lookup:
    """Return the question for the sessions of a course that a person was in: rows with `stream`, `starts` and `status`.

    The next `OF_COURSE` behind the `starts` and the `stream` of the last one seen.
    """
    return Lookup(
        SESSIONS.name,
        list,
        "starts",
        OF_COURSE,
        {"course": course},
        everywhere=True,
        within=(PEOPLE.name, {"person": person, "active": True}),
        beyond=after,
    )


def _scope(query: ListSessions, caller: Caller) -> str:
    if caller.role in ADMINS:
        return "all"
    return "seen" if query.course else "mine"


def _ask_upcoming(query: ListUpcoming, caller: Caller) -> Lookup:
    where = _where(status="scheduled", course=query.course)
    return _look_up(
        where, query.scope or "seen", _finder(caller.user, caller), query.limit, query.after, ascending=True
    )


def _ask_owned(query: ListOwned, caller: Caller) -> Lookup:
    where = _where(status=query.status, owner=caller.user)
    return _look_up(where, "all", _finder(caller.user, caller), query.limit, query.after)


class _Finder(NamedTuple):
    """Whose sessions are looked for: `by` whom they are found, the person and courses, and the courses that a person may be bound to."""

    person: str
    by: tuple[str, ...]
    courses: tuple[str, ...]


def _finder(person: str, caller: Caller) -> _Finder:
    """Return how somebody's sessions are found: by the person, and, of one's own, by the courses to which one belongs."""
    own = person == caller.user
    places = caller.places if own else {place for ward, place in caller.ward_places if ward == person}
    courses = tuple(sorted(place for place in places if place.startswith("course:")))
    return _Finder(person, (person, *courses) if own else (person,), courses)


def _where(status: str = "", course: str = "", owner: str = "") -> dict[str, str]:
    asked = {"status": STATUS_ALIASES.get(status, status), "course": course, "owner": owner}
    return {column: value for column, value in asked.items() if value}


def _look_up(
    where: dict[str, str], scope: str, finder: _Finder, limit: int, after: str, *, ascending: bool = False
) -> Lookup:
    among = _WHO[scope](finder) if scope in _WHO else None
    within = None if among is None else (PEOPLE.name, {"person": among, "active": True, "bound": ("", *finder.courses)})
    return Lookup(
        SESSIONS.name,
        partial(_into, limit),
        "starts",
        limit + 1,
        {**where, "audience": "open"} if scope == "open" else where,
        ascending=ascending,
        everywhere=True,
        within=within,
        without=None if scope == "all" else (PEOPLE.name, {"person": finder.person, "active": False}),
        beyond=decode_after(after, int),
    )


_WHO: dict[str, Callable[[_Finder], tuple[str, ...]]] = {
    "mine": lambda finder: finder.by,
    "seen": lambda finder: (*finder.by, EVERYONE),
}
"""By whom sessions are found in each scope that asks for people."""


def _into(limit: int, rows: list[Mapping[str, Any]]) -> SessionList:
    kept, after = cut_page(rows, limit, "starts")
    return SessionList(tuple(_card(row) for row in kept), after)


def _card(row: Mapping[str, Any]) -> SessionCard:
    faces = (line.partition(" ") for line in row["faces"].split("\n") if line)
    fields = {field: row[field] for field in SessionCard.__struct_fields__ if field not in ("id", "faces")}
    return SessionCard(
        id=row["stream"].partition(":")[2], faces=tuple(Face(user, name) for user, _, name in faces), **fields
    )


SESSION_LISTS = (
    Listing(
        "/api/live-sessions", "session_list", ListSessions, SessionList, _ask_sessions, EVERYBODY, words=COURSE_WORDS
    ),
    Listing(
        "/api/live-sessions/course/{course}", "session_upcoming", ListUpcoming, SessionList, _ask_upcoming, EVERYBODY
    ),
    Listing("/api/live-sessions/instructor/my-sessions", "session_mine", ListOwned, SessionList, _ask_owned, EVERYBODY),
)
