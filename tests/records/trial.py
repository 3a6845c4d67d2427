"""A small school of records to try the store on: pages of pupils, notes on them, and links between notes."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.engine.journal import Message
from homeroom.engine.posted import Posted
from homeroom.protocol.access import ADMINS, EVERYBODY, allow
from homeroom.protocol.ids import Id
from homeroom.protocol.stored import StoredWire
from homeroom.records.columns import Code, Day, Description, Label, Row, Title
from homeroom.records.declare import Action, Deed, Moment, RecordType, Reference, Unit, each, role, table, to
from homeroom.records.schema import ddl
from homeroom.records.store import Store
from tests.records.clock import SteppingClock

OWN = {"mentor": "r.mentor_id = :me", "own": "r.student_id = :me"}


class Mark(Struct, frozen=True):
    """A mark with what is said of it."""

    subject: Code
    comment: Description = ""


class Page(Row, frozen=True, kw_only=True):
    """A page of a pupil."""

    mentor_id: Id
    student_id: Id | None = None
    code: Code | None = None
    title: Title
    body: Description = ""
    status: Literal["draft", "shown", "closed"] = "draft"
    due_on: Day | None = None
    points: Annotated[int, Meta(ge=0, le=100)] = 0
    weight: Annotated[float, Meta(ge=0, le=1)] | None = None
    pinned: bool = False
    tags: Annotated[tuple[Label, ...], Meta(max_length=5)] = ()
    marks: Annotated[tuple[Mark, ...], Meta(max_length=5)] = ()
    secret: Label = ""
    sealed: Label = ""


class Note(Row, frozen=True, kw_only=True):
    """A note on a page."""

    page_id: Id
    text: Title


class Bookmark(Row, frozen=True, kw_only=True):
    """A bookmark in a page, kept when the page goes."""

    page_id: Id | None = None
    owner_id: Id


class Lock(Row, frozen=True, kw_only=True):
    """What keeps a page from going."""

    page_id: Id


class Comment(Struct, frozen=True):
    """What is said when a page is shown."""

    comment: str = ""


class Pages(Struct, frozen=True):
    """Several pages."""

    titles: tuple[str, ...]
    mentor: str


class Made(Struct, frozen=True):
    """What was made."""

    ids: tuple[str, ...]


def show(row: Page, body: Comment | None, moment: Moment) -> Mapping[str, Any]:
    """Show a page once."""
    if row.status == "shown":
        raise Refusal("conflict", "it is shown already")
    return {"status": "shown", "sealed": moment.caller.user}


def check_page(row: Page, moment: Moment) -> None:
    """Refuse a page that is pinned and worth nothing."""
    if row.pinned and not row.points:
        raise Refusal("bad_command", "points: a pinned page has some", data={"field": "points"})


async def make_pages(unit: Unit, body: Pages) -> Made:
    """Make several pages."""
    rows = [await unit.insert(PAGE, {"mentor_id": body.mentor, "title": title}) for title in body.titles]
    unit.post("class:10a", "page.counted", {"count": len(rows)})
    return Made(tuple(row.id for row in rows))


PAGE = RecordType(
    "page",
    "pages",
    Page,
    (
        table(),
        role("admin"),
        to("user", "mentor_id"),
        to("user", "student_id", shape="ids"),
        each("class", "SELECT n.text FROM notes n WHERE n.page_id = r.id", shape="ids"),
    ),
    read=allow(ADMINS) | allow(["teacher"], "mentor") | allow(["student"], "own"),
    create=allow(ADMINS) | allow(["teacher"], "mentor"),
    update=allow(ADMINS) | allow(["teacher"], "mentor"),
    delete=allow(ADMINS) | allow(["teacher"], "mentor"),
    relations=OWN,
    references={"mentor_id": Reference("user", "teacher"), "student_id": Reference("user", "student")},
    made_by_server=frozenset({"sealed"}),
    settable={"points": allow(ADMINS)},
    hidden={"secret": allow(["super_admin"]) | allow(["teacher"], "mentor")},
    rich=frozenset({"body"}),
    filters=("mentor_id", "status", "due_on", "points", "weight", "pinned", "tags", "secret", "student_id"),
    sorts=("title", "due_on", "points", "weight", "secret"),
    unique=(("mentor_id", "code"),),
    checks=check_page,
    actions=(Action("show", "POST /api/pages/{id}/show", "page.shown", allow(["teacher"], "mentor"), show, Comment),),
    deeds=(Deed("make", "POST /api/pages/many", allow(ADMINS), Pages, Made, make_pages),),
    own_id=True,
)
NOTE = RecordType(
    "note",
    "notes",
    Note,
    (each("user", "SELECT p.mentor_id FROM pages p WHERE p.id = r.page_id"), table()),
    read=EVERYBODY,
    create=EVERYBODY,
    update=EVERYBODY,
    delete=EVERYBODY,
    references={"page_id": Reference("page", on_delete="cascade")},
    words={"created": "note.pinned"},
    own_id=True,
)
BOOKMARK = RecordType(
    "bookmark",
    "bookmarks",
    Bookmark,
    (to("user", "owner_id"),),
    read=EVERYBODY,
    create=EVERYBODY,
    update=EVERYBODY,
    delete=EVERYBODY,
    references={"page_id": Reference("page", on_delete="clear"), "owner_id": Reference("user")},
    own_id=True,
)
LOCK = RecordType(
    "lock",
    "page_locks",
    Lock,
    (table(),),
    read=EVERYBODY,
    create=EVERYBODY,
    update=EVERYBODY,
    delete=EVERYBODY,
    references={"page_id": Reference("page")},
    own_id=True,
)
TYPES = (PAGE, NOTE, BOOKMARK, LOCK)

BOSS, CHIEF = Caller("boss", "admin"), Caller("chief", "super_admin")
TESS, TOM = Caller("tess", "teacher"), Caller("tom", "teacher")
ANN, BOB = Caller("ann", "student"), Caller("bob", "student")
PEOPLE = (BOSS, CHIEF, TESS, TOM, ANN, BOB)


async def prepare(database: Database) -> None:
    """Make the tables of the trial, and its people."""
    async with database.connection() as connection:
        await connection.script(ddl(TYPES))
    for one in PEOPLE:
        await database.execute(
            "INSERT INTO users (id, login, name, role, created_at, updated_at) VALUES ($1, $1, $1, $2, 0, 0)",
            one.user,
            one.role,
        )


class Trial:
    """A store, and what it published."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.posted: list[Posted] = []
        self.withdrawn: list[tuple[str, tuple[str, ...]]] = []
        self.carried: list[Message] = []
        self.learned: list[object] = []
        self.clock = SteppingClock()
        self.wire = StoredWire()
        self.store = Store(
            database,
            self.clock,
            self.wire,
            TYPES,
            publish=self.posted.extend,
            random=Random(7),
            carry=self.carried.extend,
            learn=self.learned.append,
            withdraw=lambda stream, users: self.withdrawn.append((stream, tuple(users))),
        )

    async def page(self, caller: Caller = BOSS, **values: Any) -> dict[str, Any]:
        """Make a page."""
        return await self.store.create(PAGE, {"mentor_id": "tess", "title": "A page", **values}, caller)

    async def journal(self, stream: str) -> list[dict[str, Any]]:
        """Return the events of a stream as they are kept, each with its number."""
        sql = "SELECT seq, type, at, by, body FROM journal WHERE stream = $1 ORDER BY seq"
        rows = await self.database.fetch(sql, stream)
        return [{**dict(row), "d": self.wire.decode_plain(row["body"])} for row in rows]

    def published(self, stream: str) -> list[tuple[int, dict[str, Any]]]:
        """Return the events that were published on a stream, each with its number, in their order of numbers."""
        found = [
            (one.seq + place, self.wire.decode_plain(event))
            for one in self.posted
            if one.stream == stream
            for place, event in enumerate(one.events)
        ]
        return sorted(found, key=lambda pair: pair[0])

    async def left(self) -> dict[str, int]:
        """Return how much there is of everything."""
        tables = ("pages", "notes", "channels", "journal", "audit_logs", "activity_feed", "record_receipts")
        counts: dict[str, int] = {}
        for name in tables:
            (row,) = await self.database.fetch(f"SELECT count(*) AS count FROM {name}")  # noqa: S608 - named above
            counts[name] = row["count"]
        return counts

    async def streams(self) -> Sequence[str]:
        """Return all streams on which something was told."""
        return [row["stream"] for row in await self.database.fetch("SELECT stream FROM channels ORDER BY stream")]
