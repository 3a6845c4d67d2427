"""From raw arguments to a command: the same from msgpack, JSON, REST and the path."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import msgspec
import pytest

from homeroom.protocol import scan
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.verbs import VerbTable, command_digest, decode_object


class Say(msgspec.Struct, frozen=True):
    """A verb."""

    do: ClassVar[str] = "say"
    text: str
    mentions: tuple[str, ...] = ()


class History(msgspec.Struct, frozen=True):
    """A verb that is asked by GET."""

    do: ClassVar[str] = "history"
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    before: str | None = None


class Leave(msgspec.Struct, frozen=True):
    """A verb without arguments."""

    do: ClassVar[str] = "leave"


TABLE = VerbTable({"room": {"say": Say, "history": History, "leave": Leave}})


def test_all_doors_lead_to_the_same_command_and_digest() -> None:
    arguments = {"text": "hé", "mentions": ["ann"]}
    commands = [
        TABLE.decode("msgpack", "room", "say", msgspec.msgpack.encode(arguments)),
        TABLE.decode("json", "room", "say", msgspec.json.encode(arguments)),
        TABLE.decode("json", "room", "say", b'{ "mentions": ["ann"], "text": "h\\u00e9", "x": 1 }'),
        TABLE.decode_body("room", "say", b'{"text":"h\xc3\xa9"}', {"mentions": ["ann"]}),
        TABLE.convert("room", "say", arguments),
    ]
    assert commands == [Say("hé", ("ann",))] * 5
    assert len({command_digest("say", command) for command in commands}) == 1


@pytest.mark.parametrize("format", ["msgpack", "json"])
def test_no_arguments_are_an_empty_map(format: str) -> None:
    assert TABLE.decode(format, "room", "leave", msgspec.Raw(b"")) == Leave()
    with pytest.raises(RemoteProtocolError, match="text"):
        TABLE.decode(format, "room", "say", msgspec.Raw(b""))


def test_the_strings_of_a_query_become_what_the_verb_wants() -> None:
    assert TABLE.decode_body("room", "history", b"", {"limit": "20", "before": "17"}) == History(20, "17")
    with pytest.raises(RemoteProtocolError) as caught:
        TABLE.decode_body("room", "history", b"", {"limit": "many"})
    assert caught.value.data["field"] == "limit"
    with pytest.raises(RemoteProtocolError, match="limit: expected integer 1 to 100"):
        TABLE.decode_body("room", "history", b"", {"limit": "1000"})


def test_a_body_that_says_another_thing_than_the_path_is_refused_by_the_name_of_the_field() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        TABLE.decode_body("room", "say", b'{"text":"body"}', {"text": "path"})
    assert (caught.value.code, caught.value.data["field"]) == ("bad_command", "text")


@pytest.mark.parametrize("body", [b'{"limit":20}', b"{}", b""])
def test_a_body_may_say_the_same_as_the_path_or_nothing(body: bytes) -> None:
    assert TABLE.decode_body("room", "history", body, {"limit": "20"}) == History(20)


@pytest.mark.parametrize("body", [b'{"text":"no","text":"yes"}', b'{"text":5,"text":"yes"}'])
def test_m9_of_a_key_that_stands_twice_in_a_body_the_last_counts(body: bytes) -> None:
    assert TABLE.decode_body("room", "say", body, {}) == Say("yes")
    with pytest.raises(RemoteProtocolError, match="path"):
        TABLE.decode_body("room", "say", body, {"text": "no"})


@pytest.mark.parametrize("format", ["msgpack", "json"])
def test_m9_of_a_key_that_stands_twice_in_a_frames_arguments_the_last_counts(format: str) -> None:
    twice = {"json": b'{"text":"no","text":"yes"}', "msgpack": b"\x82\xa4text\xa2no\xa4text\xa3yes"}
    assert TABLE.decode(format, "room", "say", twice[format]) == Say("yes")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"5",
        b"\xef\xbb\xbf5",
        b'{"a": \xef\xbb\xbf1}',
        b"\xff\xfe{\x00}\x00",
        b"nonsense",
        b"\xff",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' * 100,
        b'{"a":"\\ud800"}',
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_object(body)
    assert caught.value.code == "bad_frame"


def test_a_byte_order_mark_before_a_body_is_overlooked() -> None:
    assert decode_object(b'\xef\xbb\xbf{"text": "x"}') == {"text": "x"}
    assert decode_object(b"\xef\xbb\xbf") == {}
    assert TABLE.decode_body("room", "say", b'\xef\xbb\xbf{"text": "x"}', {}) == Say("x")


def test_the_table_can_be_read_back() -> None:
    assert TABLE.types["room"]["say"] is Say


def test_a_wrong_argument_is_named_with_what_is_allowed() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        TABLE.decode("json", "room", "say", b'{"text":"x","mentions":["a",5]}')
    data: Any = caught.value.data
    assert data == {"field": "mentions[1]", "allowed": "text"}


def test_a_verb_that_is_not_there_is_answered_with_those_that_somebody_outside_may_use() -> None:
    inner = VerbTable({"room": {"say": Say, "leave": Leave, "history": History}}, {"room": {"history"}})
    for table, allowed in ((TABLE, "history, leave, say"), (inner, "leave, say")):
        with pytest.raises(RemoteProtocolError) as caught:
            table.decode("json", "room", "shout", b"{}")
        assert caught.value.data == {"field": "do", "allowed": allowed}
    assert inner.decode("json", "room", "history", b"{}") == History()


class Walked:
    """The tokens of JSON, counted."""

    def __init__(self) -> None:
        self.count = 0
        self._plain = scan._JSON_TOKENS

    def finditer(self, data: bytes) -> Iterator[re.Match[bytes]]:
        """Yield the tokens that are asked for."""
        for token in self._plain.finditer(data):
            self.count += 1
            yield token


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (b"{" + b"]" * 240_000 + b"," * 3_000, 3),
        (b'{"a":' + b'""' * 120_000 + b"," * 3_000, 4),
        (b"{" + b",".join(b'"k%d":1' % number for number in range(20_000)) + b"}", 4_100),
        (b"[" * 200_000, 20),
    ],
)
def test_a_body_that_is_none_is_left_where_that_shows(body: bytes, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = Walked()
    monkeypatch.setattr(scan, "_JSON_TOKENS", walked)
    with pytest.raises(RemoteProtocolError) as caught:
        decode_object(body)
    assert caught.value.code == "bad_frame"
    assert 0 < walked.count <= most
