"""A kind with every sort of door: verbs under several names, ids made by the server, lists, a sheet, a replay."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Lookup, Refusal, Row
from homeroom.engine.kind import Kind, Listing, Table, Verb
from homeroom.protocol.access import ADMINS, EVERYBODY, ROLES, STAFF, allow
from homeroom.protocol.paging import After, PageLimit, cut_page, decode_after, encode_after
from homeroom.protocol.sheet import Sheet
from tests.http.access_lines import WARD
from tests.http.rest_school import School

Text = Annotated[str, Meta(max_length=100)]


class Begin(Struct, frozen=True):
    """Begin a diary."""

    do: ClassVar[str] = "begin"
    title: Text


class Note(Struct, frozen=True):
    """Write into it."""

    do: ClassVar[str] = "note"
    text: Text


class Export(Struct, frozen=True):
    """Take all notes along."""

    do: ClassVar[str] = "export"


class Begun(Struct, frozen=True):
    """There is a diary."""

    type: ClassVar[str] = "diary.begun"
    title: Text
    owner: str


class Noted(Struct, frozen=True):
    """Something was written; what others are shown of it is nothing."""

    type: ClassVar[str] = "diary.noted"
    text: Text


class DiaryState(Struct):
    """A diary."""

    title: str = ""
    owner: str = ""
    notes: list[str] = field(default_factory=list)


class DiaryQuery(Struct, frozen=True):
    """The diaries of a person."""

    limit: PageLimit = 50
    after: After = ""
    person: Text = ""
    part: Text = ""


class DiaryRow(Struct, frozen=True):
    """One of them."""

    id: str
    title: str


class Diaries(Struct, frozen=True):
    """A page of them."""

    items: list[DiaryRow]
    after: str = ""


class Diary(Behaviour[DiaryState]):
    """One diary: its owner, its readers among the staff, and nobody else."""

    @classmethod
    def fresh(cls, id: str) -> DiaryState:
        return DiaryState()

    def relations(self, caller: Caller) -> frozenset[str]:
        if caller.user == self.state.owner:
            return frozenset({"owner"})
        return frozenset({"guardian" if self.state.owner in caller.wards else "other"})

    def hidden(self, caller: Caller) -> bool:
        return not self.relations(caller) & {"owner", "guardian"} and caller.role not in STAFF

    def decide(self, command: Any, context: Context) -> Decision:
        if isinstance(command, Begin):
            if self.state.owner:
                raise Refusal("conflict", "there is one already")
            return Decision((Begun(command.title, context.caller.user),), reply=len(command.title))
        if isinstance(command, Note):
            return Decision((Noted(command.text),)) if command.text else NOTHING
        return Decision(reply=Sheet(f"diary-{self.id}", ("n", "note"), tuple(enumerate(self.state.notes))))

    def apply(self, fact: Fact) -> None:
        if isinstance(fact.event, Begun):
            self.state.title, self.state.owner = fact.event.title, fact.event.owner
        else:
            self.state.notes.append(fact.event.text)

    def view(self, caller: Caller) -> DiaryState:
        return self.state

    def show(self, fact: Fact, caller: Caller) -> Any:
        mine = caller.user == self.state.owner or isinstance(fact.event, Begun)
        return fact.event if mine else Noted("")

    def project(self, fact: Fact) -> Iterable[Row]:
        yield Row("diaries", {}, {"title": self.state.title, "owner": self.state.owner, "notes": len(self.state.notes)})


def all_diaries(query: DiaryQuery, caller: Caller) -> Lookup:
    """Ask for one's own, and as staff for everybody's."""

    def into(rows: list[Any]) -> Diaries:
        kept, after = cut_page(rows, query.limit, "title")
        return Diaries([DiaryRow(row["stream"].partition(":")[2], row["title"]) for row in kept], after)

    owner = query.person if caller.role in STAFF else caller.user
    return Lookup(
        "diaries",
        into,
        "title",
        query.limit + 1,
        where={"owner": owner} if owner else {},
        ascending=True,
        everywhere=True,
        contains={"title": query.part} if query.part else {},
        beyond=decode_after(query.after, str),
    )


def sheet_of_diaries(query: DiaryQuery, caller: Caller) -> Lookup:
    """Ask for all of them as a sheet."""

    def into(rows: list[Any]) -> Sheet:
        return Sheet("diaries", ("title",), tuple((row["title"],) for row in rows))

    return Lookup("diaries", into, "title", 9, everywhere=True)


OWNER = allow(ROLES, "owner")
READERS = OWNER | allow(STAFF) | allow(["parent"], "guardian")
AFTER_OF_ANOTHER_LIST = encode_after(5, "diary:x")

DIARY = Kind(
    name="diary",
    plural="diaries",
    behaviour=Diary,
    state=DiaryState,
    verbs=(
        Verb(Begin, EVERYBODY, "POST /api/diaries", "control", int, also=("PUT /api/diaries/{id}",), fresh=True),
        Verb(Note, OWNER, also=("POST /api/diaries/{id}/notes", "PUT /api/diaries/{id}/notes/{text}")),
        Verb(Export, READERS, "GET /api/diaries/{id}/export", "read", Sheet, remembered=False),
    ),
    events=(Begun, Noted),
    watch=READERS,
    tables=(Table("diaries", (), {"title": "text", "owner": "text", "notes": "bigint"}, (("owner", "title"),)),),
    lists=(
        Listing("/api/diaries", "diary_list", DiaryQuery, Diaries, all_diaries, EVERYBODY),
        Listing("/api/diaries/of/{person}", "diary_of", DiaryQuery, Diaries, all_diaries, allow(STAFF)),
        Listing("/api/diaries/sheet", "diary_sheet", DiaryQuery, Sheet, sheet_of_diaries, allow(ADMINS)),
    ),
    replay=True,
    people=lambda diary: [diary.owner, *diary.notes],
)

DIARY_LINES = {
    "(watch)": "owner | staff | parent:guardian",
    "begin": "people",
    "note": "owner",
    "export": "owner | staff | parent:guardian",
}
DIARY_LISTS = {"/api/diaries": "people", "/api/diaries/of/{person}": "staff", "/api/diaries/sheet": "admins"}


async def stage_diary(school: School, id: str, relation: str, person: tuple[str, str]) -> str:
    """Begin a diary of the person who is tried, of their ward, or of somebody else."""
    owner = {"owner": person, "guardian": (WARD, "student")}.get(relation, ("bob", "student"))
    await school.do(f"diary:{id}", Begin("Days"), owner)
    return ""


DIARY_STAGE = (stage_diary, ("owner", "guardian", "other"))
DIARY_HIDDEN = {("diary", "other"): "student parent"}
"""Where a diary must not be known to exist."""
DIARY_EXAMPLES: dict[str | type[Any], dict[str, Any]] = {Begin: {"title": "Days"}, Note: {"text": "fine"}}
DIARY_OUTCOMES = {("diary", "begin", relation): "conflict" for relation in ("owner", "guardian", "other")}
