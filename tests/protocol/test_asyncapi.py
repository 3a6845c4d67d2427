"""The WebSocket side as AsyncAPI: complete, without loose ends, and plain JSON."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from homeroom.actors.kinds import KINDS
from homeroom.protocol.asyncapi import describe_websocket
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, ServerFrame

VERBS = {kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in KINDS}
DOCUMENT = json.loads(
    json.dumps(describe_websocket(VERBS, {kind.name: kind.events for kind in KINDS}, "1.2.3"), allow_nan=False)
)


def references(value: Any) -> Iterator[str]:
    """Yield every `$ref` inside a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inside in value.values():
            yield from references(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from references(inside)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)


def test_every_frame_verb_and_event_is_a_message_and_every_message_is_on_the_channel() -> None:
    expected = {tag_of(frame) for frame in (*get_args(ClientFrame), *get_args(ServerFrame))}
    expected |= {f"cmd.{kind}.{do}" for kind, verbs in VERBS.items() for do in verbs}
    expected |= {f"event.{event.type}" for kind in KINDS for event in kind.events}
    assert set(DOCUMENT["components"]["messages"]) == expected
    assert set(DOCUMENT["channels"]["ws"]["messages"]) == expected


def test_the_client_sends_its_frames_and_receives_the_servers() -> None:
    for operation, action, frames in (("fromClient", "receive", ClientFrame), ("fromServer", "send", ServerFrame)):
        described = DOCUMENT["operations"][operation]
        assert described["action"] == action
        shown = {message["$ref"].rpartition("/")[2] for message in described["messages"]}
        assert shown == {tag_of(frame) for frame in get_args(frames)}


def test_bounds_and_patterns_are_written_for_other_languages() -> None:
    say = DOCUMENT["components"]["schemas"]["Say"]
    assert say["properties"]["text"]["maxLength"] == 4_000
    assert "\\\\A" not in json.dumps(DOCUMENT)


def test_errors_and_close_codes_stand_in_the_document() -> None:
    assert set(DOCUMENT["x-errors"]) == set(ERRORS)
    assert set(DOCUMENT["x-close-codes"]) == {str(int(code)) for code in Close}
    assert (DOCUMENT["asyncapi"], DOCUMENT["info"]["version"]) == ("3.0.0", "1.2.3")
