"""Declarations of record types: what holds is taken, what cannot hold is refused when it is made, with its name."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from msgspec import NODEFAULT, Meta, Struct

from homeroom.protocol.access import EVERYBODY, STAFF, allow
from homeroom.protocol.ids import Id, Millis
from homeroom.records.columns import Body, Column, Day, Label, Row, Title, columns_of
from homeroom.records.declare import Action, Channel, Deed, RecordType, Reference, each, role, table, to
from homeroom.records.derived import Derived, school_zone
from homeroom.records.lens import Lens


class Stage(Struct, frozen=True):
    """A nested value."""

    name: Title


class Play(Row, frozen=True, kw_only=True):
    """A play with every sort of column."""

    title: Title
    author_id: Id
    place: Label = ""
    text: Body | None = None
    day: Day | None = None
    begins_at: Millis | None = None
    weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    status: Literal["planned", "played"] = "planned"
    open: bool = True
    cast: Annotated[tuple[Id, ...], Meta(max_length=20)] = ()
    stages: Annotated[tuple[Stage, ...], Meta(max_length=3)] = ()
    main: Stage | None = None


async def nothing(unit: Any, body: Any) -> None:
    return None


def play(**changes: Any) -> RecordType:
    return RecordType(
        **{
            "name": "play",
            "plural": "school_plays",
            "row": Play,
            "channels": (table(), to("user", "author_id")),
            **dict.fromkeys(("read", "create", "update", "delete"), EVERYBODY),
            **changes,
        }
    )


def action(**changes: Any) -> Action:
    given = {"door": "POST /api/plays/{id}/end", "event": "play.ended", "rule": EVERYBODY, "change": lambda *_: {}}
    return Action("end", **{**given, **changes})


def test_a_type_knows_its_door_its_events_and_the_streams_of_its_table() -> None:
    made = play(words={"created": "play.planned"})
    assert made.door == "/api/school-plays"
    assert play(path="plays").door == "/api/plays"
    assert [made.event(change) for change in ("created", "updated", "deleted")] == [
        "play.planned",
        "play.updated",
        "play.deleted",
    ]
    assert made.channels == (Channel("table", "'school_plays'", "ids"), Channel("user", "r.author_id"))


def test_channels_are_said_in_a_word_each() -> None:
    assert table("plays") == Channel("table", "'plays'", "ids")
    assert to("class", "CASE WHEN r.open THEN r.id END").ids == "CASE WHEN r.open THEN r.id END"
    assert role("admin", "teacher") == Channel("role", "VALUES ('admin'), ('teacher')", many=True)
    assert each("user", "SELECT 1", "ids") == Channel("user", "SELECT 1", "ids", many=True)


def test_columns_are_read_off_the_row_with_all_their_bounds() -> None:
    columns = play().columns
    assert list(columns)[:4] == ["id", "version", "created_at", "updated_at"]
    assert columns["title"] == Column("title", "text", False, NODEFAULT, "line", low=1, high=200)
    assert columns["text"] == Column("text", "text", True, None, "text", low=1, high=20_000)
    assert columns["day"].style == "date"
    assert columns["author_id"].style == "exact"
    assert columns["weight"] == Column("weight", "number", False, 0.5, low=0, high=1)
    assert columns["status"] == Column("status", "text", False, "planned", "word", ("planned", "played"))
    assert {name: columns[name].kind for name in ("open", "cast", "stages", "main")} == {
        "open": "flag",
        "cast": "list",
        "stages": "json",
        "main": "json",
    }
    assert [column.name for column in columns.values() if column.text] == ["title", "place", "text"]
    assert [column.name for column in play().own_columns() if column.required] == ["title", "author_id"]


def test_clients_write_what_the_server_does_not_make_and_the_id_only_where_it_is_their_own() -> None:
    guarded = play(made_by_server=frozenset({"status", "author_id"}), mine=frozenset({"author_id"}))
    assert [one.name for one in guarded.writable(create=True)][:2] == ["title", "place"]
    assert "status" not in [one.name for one in guarded.writable(create=False)]
    assert play(own_id=True).writable(create=True)[0].name == "id"
    assert "id" not in [one.name for one in play(own_id=True).writable(create=False)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": ()}, "no channels"),
        ({"channels": (Channel("table", "'plays'", "row"),)}, "holds no rows"),
        ({"name": "Play"}, "'Play' is no name"),
        ({"plural": "plays; DROP TABLE users"}, "is no name"),
        ({"read": allow(STAFF, "owner")}, "read names the unknown relation 'owner'"),
        ({"delete": allow(("janitor",))}, "delete names the unknown role 'janitor'"),
        ({"settable": {"open": allow(STAFF, "owner")}}, "settable open names the unknown relation 'owner'"),
        ({"hidden": {"open": allow(STAFF, "owner")}}, "hidden open names the unknown relation 'owner'"),
        ({"actions": (action(rule=allow(STAFF, "owner")),)}, "action end names the unknown relation 'owner'"),
        ({"actions": (action(door="POST /api/plays/end"),)}, "names no row"),
        ({"actions": (action(door="/api/plays/{id}/end"),)}, "is no door"),
        ({"actions": (action(event="ended"),)}, "'ended' is no event"),
        ({"deeds": (Deed("all", "GET plays", EVERYBODY, Stage, Stage, nothing),)}, "is no door"),
        ({"words": {"created": "planned"}}, "'planned' is no event"),
        ({"words": {"made": "play.made"}}, "'made' is no change"),
        ({"references": {"author": Reference("user")}}, "references names 'author', which is no column"),
        ({"references": {"author_id": Reference("user", on_delete="clear")}}, "it may not be empty"),
        ({"filters": ("colour",)}, "filters names 'colour'"),
        ({"sorts": ("colour",)}, "sorts names 'colour'"),
        ({"indexes": (("title", "colour"),)}, "indexes names 'colour'"),
        ({"unique": (("colour",),)}, "unique names 'colour'"),
        ({"hidden": {"colour": EVERYBODY}}, "hidden names 'colour'"),
        ({"settable": {"colour": EVERYBODY}}, "settable names 'colour'"),
        ({"made_by_server": frozenset({"colour"})}, "made_by_server names 'colour'"),
        ({"made_by_server": frozenset({"title"})}, "no client sets 'title', and it has no default"),
        ({"mine": frozenset({"colour"})}, "mine names 'colour'"),
        ({"rich": frozenset({"open"})}, "is no text"),
        ({"aliases": {"name": "colour"}}, "aliases names 'colour'"),
        ({"aliases": {"title": "text"}}, "'title' is an alias and a column"),
        ({"spellings": {"colour": {}}}, "spellings names 'colour'"),
        ({"derived": {"title": Derived(school_zone, of=("colour",))}}, "derived names 'colour'"),
        ({"lenses": {"colour": Lens("TRUE", "TRUE", {})}}, "lenses names 'colour'"),
        ({"lenses": {"title": Lens("TRUE", "TRUE", {"cousin": "TRUE"})}}, "lens title names the unknown role 'cousin'"),
    ],
)
def test_what_cannot_hold_is_refused_at_declaration(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"record type") as caught:
        play(**changes)
    assert said in str(caught.value)


def row_of(kind: Any) -> Callable[[], object]:
    class Wrong(Row, frozen=True, kw_only=True):
        """A row with one column more."""

        wrong: kind

    return lambda: columns_of(Wrong)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (str, "a text has a greatest length"),
        (int, "a number has a smallest and a greatest value"),
        (float, "a number has a smallest and a greatest value"),
        (tuple[str, ...], "a list has a greatest length"),
        (bytes, "BytesType cannot be kept"),
        (Annotated[str, Meta(max_length=9)] | bool, "UnionType cannot be kept"),
    ],
)
def test_a_column_without_a_bound_is_refused(kind: Any, said: str) -> None:
    with pytest.raises(ValueError, match="wrong: ") as caught:
        row_of(kind)()
    assert said in str(caught.value)


def test_a_column_may_not_be_called_like_a_word_of_every_query() -> None:
    class Sorted(Row, frozen=True, kw_only=True):
        """A row with a bad name."""

        sort: Title

    with pytest.raises(ValueError, match="is a word of every query"):
        play(row=Sorted, channels=(table(),), filters=("sort",))
