"""The WebSocket side as AsyncAPI: complete, without loose ends, and plain JSON."""

import json
from typing import Any, get_args

from homeroom.actors.kinds import KINDS
from homeroom.protocol.asyncapi import describe_websocket
from homeroom.protocol.channels import CHANNEL_KINDS
from homeroom.protocol.codec import tag_of
from homeroom.protocol.errors import ERRORS, Close
from homeroom.protocol.frames import ClientFrame, ServerFrame
from tests.protocol.documents import texts_at

DOCUMENT = json.loads(json.dumps(describe_websocket(KINDS, "1.2.3"), allow_nan=False))


def test_every_reference_leads_somewhere() -> None:
    found = list(texts_at("$ref", DOCUMENT))
    assert len(found) > 100
    for reference in found:
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)


def payload(message: str) -> dict[str, Any]:
    """Return the schema of a message."""
    reference: str = DOCUMENT["components"]["messages"][message]["payload"]["$ref"]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def test_every_frame_verb_reply_snapshot_and_event_is_a_message_and_every_message_is_on_the_channel() -> None:
    expected = {tag_of(frame) for frame in (*get_args(ClientFrame), *get_args(ServerFrame))}
    expected |= {"sub.resumed", "sub.snapshot", *(f"snapshot.{kind.name}" for kind in KINDS)}
    expected |= {f"cmd.{kind.name}.{verb.command.do}" for kind in KINDS for verb in kind.verbs}
    expected |= {f"reply.{kind.name}.{verb.command.do}" for kind in KINDS for verb in kind.verbs if verb.reply}
    expected |= {f"event.{event.type}" for kind in KINDS for event in kind.events}
    expected |= {"change", *(f"snapshot.{channel.name}" for channel in CHANNEL_KINDS)}
    expected |= {f"event.{signal.type}" for channel in CHANNEL_KINDS for signal in channel.signals}
    assert set(DOCUMENT["components"]["messages"]) == expected
    assert set(DOCUMENT["channels"]["ws"]["messages"]) == expected


def test_what_is_said_of_a_message_is_whole_sentences() -> None:
    summaries = {name: one["summary"] for name, one in DOCUMENT["components"]["messages"].items()}
    assert {name: words for name, words in summaries.items() if words != name and words[-1] not in ".)"} == {}


def test_the_client_sends_its_frames_and_receives_the_servers() -> None:
    for operation, action, frames in (("fromClient", "receive", ClientFrame), ("fromServer", "send", ServerFrame)):
        described = DOCUMENT["operations"][operation]
        assert described["action"] == action
        shown = {message["$ref"].rpartition("/")[2] for message in described["messages"]}
        assert shown == {tag_of(frame) for frame in get_args(frames)}


def test_snapshots_are_described_as_they_are_sent() -> None:
    assert {"title", "members", "chat"} <= set(payload("snapshot.room")["properties"])
    assert {"user", "status", "activity", "last_heard"} == set(payload("snapshot.presence")["properties"])
    assert set(payload("reply.room.history")["properties"]) == {"messages", "more"}


def test_the_data_of_a_records_event_is_described() -> None:
    assert set(payload("change")["properties"]) == {"id", "operation", "version", "row"}
    assert set(payload("snapshot.class")["properties"]) == {"id", "title", "version"}


def test_events_inside_frames_are_described() -> None:
    for frame in ("ev", "sig"):
        reference = payload(frame)["properties"]["e"]["items"]["$ref"]
        event = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
        assert set(event["properties"]) == {"type", "at", "by", "d"}


def test_bounds_and_patterns_are_written_for_other_languages() -> None:
    say = DOCUMENT["components"]["schemas"]["Say"]
    assert say["properties"]["text"]["maxLength"] == 4_000
    assert "\\\\A" not in json.dumps(DOCUMENT)


def test_errors_and_close_codes_stand_in_the_document() -> None:
    assert set(DOCUMENT["x-errors"]) == set(ERRORS)
    assert set(DOCUMENT["x-close-codes"]) == {str(int(code)) for code in Close}
    assert (DOCUMENT["asyncapi"], DOCUMENT["info"]["version"]) == ("3.0.0", "1.2.3")
