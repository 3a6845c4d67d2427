"""The read models of exams: what is listed of each, who has a part in it, and what its questions are worth.

Whoever is on the list of an exam finds it here only from when it is published, staff of the school as well, and so do parents; those
who watch over it find it from the beginning; admins find all.
Never here: one exam's students and sittings, which its staff ask the exam for (`exam_seats`).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from homeroom.actors.asked_person import Child, asked_person
from homeroom.actors.exam_memory import ExamMemory
from homeroom.actors.their_words import COURSE_WORDS
from homeroom.engine.behaviour import Caller, Fact, Lookup, Row
from homeroom.engine.kind import Listing, Table
from homeroom.protocol.access import ADMINS, ROLES, STAFF, allow
from homeroom.protocol.exam import Tag
from homeroom.protocol.exam_events import (
    Announced,
    Appointed,
    Created,
    Deleted,
    Dismissed,
    Enrolled,
    Expelled,
    Left,
    Published,
    QuestionPut,
    QuestionRemoved,
)
from homeroom.protocol.paging import After, Page, PageLimit, cut_page, decode_after

EXAMS = Table(
    "exams",
    (),
    {
        "title": "text", "course": "text", "specialty": "text", "status": "text", "opens": "bigint", "closes": "bigint",
        "minutes": "integer", "owner": "text", "owner_name": "text", "questions": "integer", "points": "bigint",
        "enrolled": "integer", "visible": "boolean", "released": "boolean", "created": "bigint",
        "deleted": "boolean",
    },
    (("created",),),
)  # fmt: skip
PEOPLE = Table("exam_people", ("person",), {"person": "text", "active": "boolean", "staff": "boolean"}, (("person",),))
"""`active`: finds the exam in its list; `staff`: watches over it, and is not listed itself."""
QUESTIONS = Table("exam_questions", ("question",), {"question": "text", "points": "integer", "there": "boolean"})
"""What each question is worth, while it is `there`: for the records, which speak of answers. Neither its words nor its key."""
EXAM_TABLES = (EXAMS, PEOPLE, QUESTIONS)
_UNWRITTEN = frozenset({Announced, Left})


def project_exam(memory: ExamMemory, fact: Fact) -> Iterable[Row]:
    """Return the rows after `fact`."""
    event = fact.event
    match event:
        case Created() if event.owner:
            yield _person(memory, event.owner)
        case Appointed() | Dismissed() | Enrolled() | Expelled():
            yield _person(memory, event.user)
        case QuestionPut() if event.question is not None:
            yield _question(event.question.id, event.question.points)
        case QuestionRemoved():
            yield _question(event.question, None)
        case Published():
            yield from (_person(memory, user) for user in memory.seats)
        case Deleted():
            everybody = filter(None, (memory.shown.owner, *memory.shown.proctors, *memory.seats))
            yield from (_person(memory, user) for user in everybody)
    if type(event) not in _UNWRITTEN and memory.shown.settings is not None:
        yield Row(EXAMS.name, {}, _values(memory))


def restate_exam(memory: ExamMemory) -> Iterable[Row]:
    """Return what its questions are worth, who watches over it, and whether it is gone: no event to come says that of older exams."""
    yield from (_person(memory, user) for user in filter(None, (memory.shown.owner, *memory.shown.proctors)))
    if memory.shown.settings is not None:
        yield Row(EXAMS.name, {}, _values(memory))
    yield from (_question(item.question.id, item.question.points) for item in memory.items.values())


def _person(memory: ExamMemory, user: str) -> Row:
    state, listed = memory.shown, user in memory.seats
    watches = user == state.owner or user in state.proctors
    active = state.status != "deleted" and (watches or (listed and state.status != "draft"))
    return Row(PEOPLE.name, {"person": user}, {"active": active, "staff": True if watches and not listed else None})


def _question(id: str, points: int | None) -> Row:
    return Row(QUESTIONS.name, {"question": id}, {"points": points, "there": points is not None})


def _values(memory: ExamMemory) -> dict[str, Any]:
    state = memory.shown
    settings = state.settings
    assert settings is not None  # noqa: S101 - asked by the caller, for the type checker
    return {
        "title": settings.title,
        "course": settings.course,
        "specialty": settings.specialty,
        "status": state.status,
        "opens": settings.opens,
        "closes": state.closes,
        "minutes": settings.minutes,
        "owner": state.owner,
        "owner_name": state.owner_name,
        "questions": state.questions,
        "points": state.points,
        "enrolled": state.enrolled,
        "visible": state.status not in {"draft", "deleted"},
        "released": state.released,
        "created": state.created,
        "deleted": True if state.status == "deleted" else None,
    }


class ExamsQuery(Struct, frozen=True):
    """Which exams: those that one has a part in, or a child (`user`, for parents); the newest first."""

    user: Child = ""
    course: Tag = ""
    specialty: Tag = ""
    status: Annotated[str, Meta(pattern=r"\A(?:|draft|published|open|closed)\Z")] = ""
    search: Annotated[str, Meta(max_length=100, description="a part of the title")] = ""
    limit: PageLimit = 50
    after: After = ""


class ExamItem(Struct, frozen=True):
    """An exam in a list. Times are Unix ms; `opens` and `closes` 0: by hand."""

    id: str
    title: str
    course: str
    specialty: str
    status: str
    opens: int
    closes: int
    minutes: int
    owner: str
    owner_name: str
    questions: int
    points: int
    enrolled: int
    released: bool
    created: int


class ExamItems(Page[ExamItem], frozen=True):
    """A page of them; `after` leads to the next one, empty when there is none."""


def ask_exams(query: ExamsQuery, caller: Caller) -> Lookup:
    """`not_found` for a child that is not the caller's."""
    person = asked_person(query.user, caller)

    def into(rows: list[Mapping[str, Any]]) -> ExamItems:
        kept, after = cut_page(rows, query.limit, "created")
        return ExamItems(tuple(map(_read, kept)), after)

    asked = {"course": query.course, "specialty": query.specialty, "status": query.status}
    where: dict[str, Any] = {"deleted": None, **{name: value for name, value in asked.items() if value}}
    if caller.role not in STAFF:
        where["visible"] = True
    every = caller.role in ADMINS and not query.user
    return Lookup(
        EXAMS.name,
        into,
        order="created",
        limit=query.limit + 1,
        where=where,
        everywhere=True,
        contains={"title": query.search} if query.search else {},
        within=None if every else (PEOPLE.name, {"person": person, "active": True}),
        beyond=decode_after(query.after, int),
    )


def look_up_seat(user: str) -> Lookup:
    """Return the question for how an exam stands that lists `user`: its status, `""` where there is no such thing."""
    return Lookup(
        EXAMS.name,
        lambda rows: rows[0]["status"] if rows else "",
        order="created",
        limit=1,
        where={"visible": True, "deleted": None},
        within=(PEOPLE.name, {"person": user, "active": True, "staff": None}),
    )


def _read(row: Mapping[str, Any]) -> ExamItem:
    fields = {name: row[name] for name in ExamItem.__struct_fields__ if name != "id"}
    return ExamItem(id=row["stream"].partition(":")[2], **fields)


EXAM_LIST = Listing("/api/exams", "exams", ExamsQuery, ExamItems, ask_exams, allow(ROLES), words=COURSE_WORDS)
