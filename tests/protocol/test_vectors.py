"""The golden vectors: what we write is what stands there, byte for byte, and an independent implementation agrees both ways."""

import json
from typing import Any, get_args

import msgpack
import msgspec
import pytest

from homeroom.actors.presence import PRESENCE
from homeroom.actors.room import ROOM
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import RemoteProtocolError
from homeroom.protocol.frames import ClientFrame, Cmd, ServerFrame
from homeroom.protocol.ids import parse_address
from homeroom.protocol.verbs import VerbTable
from tests.protocol.shapes import JSON, MSGPACK
from tests.vectors import write

VECTORS: list[dict[str, str]] = json.loads(write.FILE.read_text(encoding="utf-8"))["vectors"]
CLIENTS = [one for one in VECTORS if one["from"] == "client"]
SERVERS = [one for one in VECTORS if one["from"] == "server"]
VERBS = VerbTable({kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in (ROOM, PRESENCE)})


def _name(vector: dict[str, str]) -> str:
    return vector["name"]


def test_the_file_is_what_the_code_writes_today() -> None:
    assert write.FILE.read_text(encoding="utf-8") == write.document(), "run: python -m tests.vectors.write"


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_the_independent_implementation_reads_the_value_that_json_shows(vector: dict[str, str]) -> None:
    assert msgpack.unpackb(bytes.fromhex(vector["msgpack"])) == json.loads(vector["json"])


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_the_independent_implementation_writes_the_same_bytes(vector: dict[str, str]) -> None:
    assert msgpack.packb(json.loads(vector["json"])).hex() == vector["msgpack"]


@pytest.mark.parametrize("vector", CLIENTS, ids=_name)
def test_what_a_client_says_is_taken_in_both_formats(vector: dict[str, str]) -> None:
    (packed,) = MSGPACK.decode_frames(bytes.fromhex(vector["msgpack"]))
    (text,) = JSON.decode_frames(vector["json"])
    assert not isinstance(packed, RemoteProtocolError)
    assert not isinstance(text, RemoteProtocolError)
    assert _plain(packed, "msgpack") == _plain(text, "json")
    assert MSGPACK.encode(packed).hex() == vector["msgpack"]
    assert JSON.encode(text).decode() == vector["json"]


@pytest.mark.parametrize("vector", SERVERS, ids=_name)
def test_what_the_server_says_is_taken_in_both_formats(vector: dict[str, str]) -> None:
    (packed,) = MSGPACK.decode_server_frames(bytes.fromhex(vector["msgpack"]))
    (text,) = JSON.decode_server_frames(vector["json"])
    assert msgspec.to_builtins(packed) == msgspec.to_builtins(text)
    assert MSGPACK.encode(packed).hex() == vector["msgpack"]
    assert JSON.encode(text).decode() == vector["json"]


def test_every_frame_has_a_vector() -> None:
    for frames, vectors in ((ClientFrame, CLIENTS), (ServerFrame, SERVERS)):
        shown = {json.loads(one["json"])["t"] for one in vectors}
        assert shown == {tag_of(frame) for frame in get_args(frames)}


@pytest.mark.parametrize("kind", [ROOM, PRESENCE], ids=lambda kind: kind.name)
def test_every_verb_and_event_has_a_vector(kind: Any) -> None:
    assert {command.do for command in write.COMMANDS[kind.name]} == {verb.command.do for verb in kind.verbs}
    assert {event.type for event in write.EVENTS[kind.name]} == {event.type for event in kind.events}


def _plain(frame: ClientFrame, format: str) -> Any:
    """Return a frame as builtins, its arguments decoded by its verb's structure."""
    if not isinstance(frame, Cmd):
        return msgspec.to_builtins(frame)
    command = VERBS.decode(format, parse_address(frame.to).kind, frame.do, frame.d)
    return frame.id, frame.to, frame.do, command
