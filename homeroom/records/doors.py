"""Who may follow which channel of the records, as SQL against their tables, and what a subscriber is shown first.

Rules of this file: state and number come out of one statement, so they are of one moment; for whoever may not know of a thing it is
`not_found`, whether it is there or not. That there is a table, a role or a person is no secret: `forbidden`. A relation counts while
the person has the role that it is for.
Never here: the rows themselves (REST reads those), what of the past is shown (`past`), and what is told (the declarations).
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channel_door import Follower, Sight
from homeroom.engine.database import Database
from homeroom.engine.postgres import DatabaseError
from homeroom.protocol.access import ADMINS, ROLES, Role
from homeroom.protocol.channels import CHANNEL_KINDS, ReportCardState, RoleState, TableState, ThingState, UserState
from homeroom.protocol.dashboard import Figures
from homeroom.protocol.stored import StoredWire
from homeroom.records.declare import RecordType
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.past import Past
from homeroom.records.school.relations import (
    as_role,
    guardian_of,
    in_class,
    in_cohort,
    in_course,
    is_me,
    leads_cohort,
    teaches_class,
    teaches_course,
)
from homeroom.records.types import RECORD_TYPES

RETRY_MS = 500
PEOPLE = frozenset({"users", "guardians"})
"""The tables that were there before there were records."""
_HEAD = "coalesce((SELECT seq FROM channels WHERE stream = $1), 0) AS seq"
_NO_SUCH_THING = "no such thing, or not for you to know"


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind of channel that is about one row each.

    `granted` is the predicate over the row `r` for whom else than admins may follow, `:me` the person; `state` names the columns.
    """

    table: str
    granted: str
    state: type[Struct]

    def look(self) -> str:
        """Return the statement: arguments are the stream, the id and the person."""
        shown = ", ".join(f"r.{name}" for name in self.state.__struct_fields__)
        return f"SELECT {_HEAD}, {shown}, ({self._said('$3::text')}) AS granted FROM {self.table} r WHERE r.id = $2"  # noqa: S608 - constants

    def lost(self) -> str:
        """Return the statement that names, of pairs of id and person, those not granted: their places, and whether it is there."""
        return (
            "SELECT asked.place, r.id IS NOT NULL AS there FROM unnest($1::text[], $2::text[]) "  # noqa: S608 - constants
            f"WITH ORDINALITY AS asked (id, me, place) LEFT JOIN {self.table} r ON r.id = asked.id "
            f"WHERE r.id IS NULL OR ({self._said('asked.me')}) IS NOT TRUE"
        )

    def _said(self, me: str) -> str:
        return self.granted.replace(":me", me)


def _either(learns: str, teaches: str) -> str:
    """Return that the person learns there as a student, or teaches there as a teacher."""
    return f"{as_role('student', learns)} OR {as_role('teacher', teaches)}"


_THEIR_CARD = " OR ".join((as_role("student", is_me("r.student_id")), as_role("parent", guardian_of("r.student_id"))))
THINGS: Mapping[str, Thing] = MappingProxyType(
    {
        "class": Thing("classes", _either(in_class("r.id"), teaches_class("r.id")), ThingState),
        "course": Thing("courses", _either(in_course("r.id"), teaches_course("r.id")), ThingState),
        "cohort": Thing("cohorts", _either(in_cohort("r.id"), leads_cohort("r.id")), ThingState),
        "reportcard": Thing(
            "report_cards",
            f"{as_role('teacher', teaches_class('r.class_id'))} OR (r.status = 'published' AND ({_THEIR_CARD}))",
            ReportCardState,
        ),
    }
)
_USER = f"SELECT {_HEAD}, id, name, role FROM users WHERE id = $2"  # noqa: S608 - constants
_ROLE = f"SELECT {_HEAD}"
_TABLE = f"SELECT {_HEAD}, (SELECT at FROM channels WHERE stream = $1) AS changed_at"  # noqa: S608 - constants


def tables_of(types: Iterable[RecordType]) -> frozenset[str]:
    """Return the names by which the tables of the people and of record types may be followed."""
    channels = (channel for one in types for channel in one.channels if channel.kind == "table")
    return PEOPLE | {channel.ids.strip("'") for channel in channels}


class Doors:
    """The `engine.channel_door.ChannelDoor` of the records. `tables` may be followed as `table:<name>`.

    `figures` reads what stands in a person's own stream beside the person; without it nothing does.
    """

    def __init__(self, database: Database, tables: Collection[str], figures: FigureReader | None = None) -> None:
        self._database = database
        self._figures = figures
        self._past = Past(database, RECORD_TYPES, StoredWire())
        self._tables = frozenset(tables)
        self._looks: Mapping[str, Callable[[str, str, Caller], Awaitable[Sight]]] = {
            **dict.fromkeys(THINGS, self._look_at_thing),
            "user": self._look_at_user,
            "role": self._look_at_role,
            "table": self._look_at_table,
        }
        self._statements = {kind: (thing.look(), thing.lost()) for kind, thing in THINGS.items()}

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of channels."""
        return frozenset(kind.name for kind in CHANNEL_KINDS)

    async def look(self, address: str, caller: Caller) -> Sight:
        """Return state and number; raises `Refusal`: `not_found`, `forbidden`, `unavailable`."""
        kind, _, name = address.partition(":")
        return await self._looks[kind](address, name, caller)

    async def lost(self, followers: Collection[Follower]) -> Mapping[Follower, str]:
        """Return whose access has ended: `not_found` for what is gone, else `forbidden`; raises `unavailable`.

        Those of a person, a role and a table last as long as the login does.
        """
        found: dict[Follower, str] = {}
        for kind in THINGS:
            asked = [one for one in followers if one.stream.partition(":")[0] == kind]
            if asked:
                found |= await self._lost_things(kind, asked)
        return found

    async def review(self, caller: Caller, events: Sequence[bytes]) -> Sequence[bytes]:
        """Return past events as `caller` may be shown them now; raises `unavailable`."""
        return await self._past.review(caller, events)

    async def _lost_things(self, kind: str, asked: list[Follower]) -> dict[Follower, str]:
        ids = [follower.stream.partition(":")[2] for follower in asked]
        rows = await self._fetch(self._statements[kind][1], ids, [follower.user for follower in asked])
        lost = {asked[row["place"] - 1]: "forbidden" if row["there"] else "not_found" for row in rows}
        return {one: code for one, code in lost.items() if code == "not_found" or one.role not in ADMINS}

    async def _look_at_thing(self, address: str, id: str, caller: Caller) -> Sight:
        kind = address.partition(":")[0]
        thing = THINGS[kind]
        rows = await self._fetch(self._statements[kind][0], address, id, caller.user)
        if not rows or not (rows[0]["granted"] or caller.role in ADMINS):
            raise Refusal("not_found", _NO_SUCH_THING)
        return Sight(thing.state(*(rows[0][name] for name in thing.state.__struct_fields__)), rows[0]["seq"])

    async def _look_at_user(self, address: str, id: str, caller: Caller) -> Sight:
        if id != caller.user:
            raise Refusal("forbidden", "not yours to see")
        rows = await self._fetch(_USER, address, id)
        if not rows:
            raise Refusal("not_found", _NO_SUCH_THING)
        person = rows[0]
        metrics: Figures | UnsetType = UNSET
        if self._figures is not None:
            metrics = (await self._figures.of([Reader(id, person["role"])]))[id]
        return Sight(UserState(id, person["name"], person["role"], metrics), person["seq"])

    async def _look_at_role(self, address: str, id: str, caller: Caller) -> Sight:
        if id not in ROLES:
            raise Refusal("not_found", _NO_SUCH_THING)
        role: Role = id  # type: ignore[assignment] # it is one of them
        if caller.role != id and (caller.role, id) != ("super_admin", "admin"):
            raise Refusal("forbidden", f"for people of the role {id}")
        (row,) = await self._fetch(_ROLE, address)
        return Sight(RoleState(role), row["seq"])

    async def _look_at_table(self, address: str, id: str, caller: Caller) -> Sight:
        if id not in self._tables:
            raise Refusal("not_found", f"no such table; there are {', '.join(sorted(self._tables))}")
        if caller.role not in ADMINS:
            raise Refusal("forbidden", "for admins")
        (row,) = await self._fetch(_TABLE, address)
        return Sight(TableState(id, row["changed_at"]), row["seq"])

    async def _fetch(self, sql: str, *args: Any) -> list[Any]:
        try:
            return await self._database.fetch(sql, *args)
        except DatabaseError:
            raise Refusal("unavailable", "the database is away", retry_ms=RETRY_MS) from None
