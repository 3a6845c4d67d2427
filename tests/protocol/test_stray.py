"""Fields that nobody knows, found at every depth of a body; in a frame they are overlooked."""

from typing import Any

import pytest
from msgspec import Raw, Struct

from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.stray import NAME_MOST, check_fields, check_path
from homeroom.protocol.verbs import VerbTable


class Leaf(Struct):
    size: int = 0


class Cat(Struct, tag="cat", tag_field="kind"):
    lives: int = 9


class Dog(Struct, tag="dog", tag_field="kind"):
    name: str = ""


class Body(Struct):
    user: str = ""
    leaf: Leaf | None = None
    leaves: list[Leaf] = []
    by_name: dict[str, Leaf] = {}
    pet: Cat | Dog | None = None
    anything: dict[str, Any] = {}


FINE = {
    "leaf": {"size": 1},
    "leaves": [{}],
    "by_name": {"x": {}},
    "pet": {"kind": "dog", "name": "Rex"},
    "anything": {"a": 1},
}


def test_a_body_of_known_fields_passes_whatever_their_values_are() -> None:
    check_fields(FINE, Body)
    check_fields({"leaf": 5, "leaves": "x", "pet": [], "by_name": None}, Body)


@pytest.mark.parametrize(
    ("body", "place", "known"),
    [
        ({"usr": "x"}, "usr", "one of user, leaf, leaves, by_name, pet, anything"),
        ({"leaf": {"sise": 1}}, "leaf.sise", "one of size"),
        ({"leaves": [{}, {"sise": 1}]}, "leaves[1].sise", "one of size"),
        ({"by_name": {"x": {"sise": 1}}}, "by_name[...].sise", "one of size"),
        ({"pet": {"kind": "dog", "lives": 9}}, "pet.lives", "one of kind, name"),
        ({"x" * 100: 1}, "x" * NAME_MOST, "one of user"),
    ],
)
def test_a_stray_is_told_by_its_place_and_with_what_is_known_there(body: Any, place: str, known: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        check_fields({**FINE, **body}, Body)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", place)
    assert refused.value.data["allowed"].startswith(known)


def test_what_stands_in_the_path_is_not_told_among_the_fields_of_the_body() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^bad_command: x: no such field; one of leaf, leaves"):
        check_fields({"x": 1}, Body, elsewhere={"user": "ann"})


def test_a_frame_may_say_more_than_is_known() -> None:
    table = VerbTable({"room": {"do": Body}})
    assert table.decode("json", "room", "do", Raw(b'{"user": "ann", "later": 1}')).user == "ann"
    with pytest.raises(RemoteProtocolError, match="later: no such field"):
        table.decode_body("room", "do", b'{"user": "ann", "later": 1}', {})


def test_what_a_path_names_as_well_is_named_alike_or_refused() -> None:
    check_path({"user": "ann", "on": True}, {"user": "ann", "question": "q1"})
    with pytest.raises(RemoteProtocolError, match="question: the path says another one") as caught:
        check_path({"question": "q2"}, {"question": "q1"})
    assert caught.value.data == {"field": "question", "allowed": "as in the path, or none"}
