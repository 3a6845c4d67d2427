"""Names in the spelling of the sources: taken at every depth of a body, refused twice, and never looked for in JSON of any form."""

from typing import Annotated, Any

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from homeroom.engine.behaviour import Refusal
from homeroom.http.spellings import may_differ, respell_body, spellings
from homeroom.protocol.ids import Millis


class Part(Struct, tag_field="part_kind", tag="written"):
    """Something inside something inside."""

    given_by: str


class Other(Struct, tag_field="part_kind", tag="spoken"):
    """Another thing, in which `givenBy` is nobody's word."""

    given_at: int


class Item(Struct):
    """Something inside."""

    subject_id: str
    part: Part | Other | None = None


class Slot(Struct):
    """Something with moments, and with what looks like some."""

    start_at: Millis = 0
    ends: Annotated[Millis, Meta(description="later")] | UnsetType | None = UNSET
    note: str = ""
    either: Millis | str = 0
    minutes: int = 0


class Bell(Struct):
    """Something with a moment and no word that could be spelled otherwise."""

    at: Millis = 0


class Plain(Struct):
    """Something without a word that could be spelled otherwise."""

    name: str = ""


class Body(Struct):
    """A body."""

    class_id: str
    items: Annotated[tuple[Item, ...], Meta(max_length=9)] = ()
    first: Item | UnsetType | None = UNSET
    by_name: dict[str, Item] = {}
    anything: Any = None
    free_form: dict[str, Any] = {}
    plain: list[Plain] = []
    slots: tuple[Slot, ...] = ()


ITEM, OURS = {"subjectId": "ma"}, {"subject_id": "ma"}


def said(body: dict[str, Any], other: dict[str, str] | None = None) -> Any:
    return respell_body(body, Body, {} if other is None else other)


def test_names_are_taken_in_both_spellings_at_every_depth() -> None:
    assert said({"classId": "7a", "items": [ITEM, OURS], "first": ITEM}) == {
        "class_id": "7a",
        "items": [OURS, OURS],
        "first": OURS,
    }
    deep = {"items": [{**ITEM, "part": {"part_kind": "written", "givenBy": "ann"}}]}
    assert said(deep) == {"items": [{**OURS, "part": {"part_kind": "written", "given_by": "ann"}}]}
    assert said({"by_name": {"subjectId": ITEM}}) == {"by_name": {"subjectId": OURS}}


MOMENT, AT = "2026-11-20T08:00:00.5+01:00", 1_795_158_000_500


def test_moments_are_taken_in_iso_8601_where_a_type_says_that_there_is_one() -> None:
    slot = {"startAt": MOMENT, "ends": "2026-11-20T07:00:00.500Z", "note": MOMENT, "either": MOMENT, "minutes": MOMENT}
    assert said({"class_id": MOMENT, "slots": [slot], "anything": MOMENT}) == {
        "class_id": MOMENT,
        "slots": [{"start_at": AT, "ends": AT, "note": MOMENT, "either": MOMENT, "minutes": MOMENT}],
        "anything": MOMENT,
    }
    for other in ("2026-11-20T08:00:00", "2026-11-20", "tomorrow", "", str(AT), None, True, AT, [MOMENT]):
        body = {"slots": [{"start_at": other}]}
        assert said(body) is body


def test_further_words_are_those_of_the_body_itself() -> None:
    words = spellings(("class_id",), {"group": "class_id"})
    assert said({"group": "7a"}, words) == {"class_id": "7a"}
    assert said({"items": [{"group": "7a"}]}, words) == {"items": [{"group": "7a"}]}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"class_id": "7a", "classId": "7a"}, "class_id"),
        ({"items": [OURS, {**ITEM, **OURS}]}, "items[1].subject_id"),
        ({"first": {**ITEM, **OURS}}, "first.subject_id"),
        ({"by_name": {"x": {**ITEM, **OURS}}}, "by_name[...].subject_id"),
    ],
)
def test_what_is_said_in_both_is_refused_by_its_place(body: dict[str, Any], place: str) -> None:
    with pytest.raises(Refusal) as caught:
        said(body)
    assert (caught.value.code, caught.value.data["field"]) == ("bad_command", place)


@pytest.mark.parametrize(
    "body",
    [
        {"anything": {"subjectId": 1}, "free_form": {"subjectId": 1, "classId": {"givenBy": []}}},
        {"items": "subjectId", "first": 3, "by_name": [ITEM]},
        {"first": {"part": {"part_kind": "spoken", "givenBy": "ann"}}},
        {"items": [{"classId": "7a"}], "plain": [{"classId": "7a"}]},
        {"class_id": "7a", "items": [OURS, None, []]},
    ],
    ids=["any form", "no structures", "another structure", "another's words", "nothing to do"],
)
def test_nothing_else_is_touched_nor_copied(body: dict[str, Any]) -> None:
    assert said(body) is body


def test_a_type_is_known_for_what_is_inside_it() -> None:
    assert [may_differ(one) for one in (Body, list[Item], Bell, Plain, list[Plain], dict[str, Any])] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
