"""A record type of the tests' own, that has every sort of column, door and rule: notes about students, kept by teachers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.access import ADMINS, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Day, Description, Row, Title
from homeroom.records.declare import Action, Deed, Moment, RecordType, Reference, Unit, each, table, to

STAFF_OF_IT = allow(ADMINS) | allow(("teacher",), "author")
READERS = STAFF_OF_IT | allow(("student",), "own") | allow(("parent",), "guardian")


class Mark(Struct, frozen=True):
    """A number of points for something."""

    subject: Annotated[str, Meta(min_length=1, max_length=40)]
    points: Annotated[int, Meta(ge=0, le=100)]


class Note(Row, frozen=True, kw_only=True):
    """A note about a student."""

    author_id: Id
    student_id: Id
    title: Title
    text: Description = ""
    day: Day | None = None
    status: Literal["open", "done", "cancelled"] = "open"
    marks: Annotated[tuple[Mark, ...], Meta(max_length=5)] = ()
    secret: Description = ""
    urgent: bool = False
    weight: Annotated[int, Meta(ge=0, le=1_000)] = 0
    done_at: Millis | None = None


class Finish(Struct, frozen=True):
    """Say that a note is dealt with."""

    status: Literal["done", "cancelled"] = "done"


class AddMany(Struct, frozen=True):
    """Add a note about each of several students."""

    author_id: Id
    student_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=50)]
    title: Title


class Added(Struct, frozen=True):
    """How many notes there are more."""

    count: int


def finish(row: Any, body: Any, moment: Moment) -> Mapping[str, Any]:
    """Return what changes when a note is dealt with."""
    if row.status != "open":
        raise Refusal("conflict", "the note is dealt with already")
    return {"status": body.status, "done_at": moment.now}


def check(row: Any, moment: Moment) -> None:
    """Refuse a note of no weight that is urgent."""
    if row.urgent and not row.weight:
        raise Refusal("bad_command", "weight: an urgent note has some", data={"field": "weight"})


async def add_many(unit: Unit, body: Any) -> Added:
    """Add a note about each student."""
    for student in body.student_ids:
        await unit.insert(NOTE, {"author_id": body.author_id, "student_id": student, "title": body.title})
    return Added(len(body.student_ids))


NOTE = RecordType(
    "note",
    "notes",
    Note,
    channels=(table(), to("user", "author_id"), each("user", "SELECT r.student_id", shape="ids")),
    read=READERS,
    create=STAFF_OF_IT,
    update=STAFF_OF_IT,
    delete=allow(ADMINS),
    relations={
        "author": "r.author_id = :me",
        "own": "r.student_id = :me",
        "guardian": "EXISTS (SELECT FROM guardians g WHERE g.guardian = :me AND g.ward = r.student_id AND g.active)",
    },
    references={"author_id": Reference("user", "teacher"), "student_id": Reference("user", "student")},
    made_by_server=frozenset({"done_at"}),
    settable={"urgent": allow(ADMINS)},
    hidden={"secret": STAFF_OF_IT},
    rich=frozenset({"text"}),
    filters=("student_id", "status", "day", "weight"),
    sorts=("day", "weight", "title"),
    unique=(("author_id", "student_id", "title"),),
    checks=check,
    actions=(
        Action("finish", "POST /api/notes/{id}/finish", "note.finished", STAFF_OF_IT, finish, Finish,
               also=("PATCH /api/notes/{id}/status",)),
    ),
    deeds=(Deed("add_many", "POST /api/notes/many", allow(("teacher", *ADMINS)), AddMany, Added, add_many),),
    aliases={"about": "student_id", "noted_on": "day"},
    spellings={"status": {"canceled": "cancelled"}},
    own_id=True,
    also=("/api/remarks",),
)  # fmt: skip
