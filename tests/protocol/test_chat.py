"""The bounds of every verb's arguments, and the stored and wire form of every event of chats, rooms and presences."""

from typing import Any

import msgspec
import pytest

from homeroom.protocol import chat, presence, room
from homeroom.protocol.chat_state import ChatState, Happened, reduce_chat, show_chat

PDF: dict[str, Any] = {"name": "a.pdf", "size": 1, "type": "application/pdf", "url": "/f/1"}
GOOD: list[tuple[type[Any], dict[str, Any]]] = [
    (chat.Say, {"text": "x" * 4_000}),
    (chat.Say, {"text": "🙂" * 4_000, "kind": "image", "reply_to": "17", "mentions": ["a"] * 50}),
    (chat.Say, {"file": PDF}),
    (chat.Say, {"file": {**PDF, "url": "https://school.example/a?b=c#d"}}),
    (chat.Say, {"file": {**PDF, "url": "files/a.pdf"}}),
    (chat.Say, {"file": {**PDF, "url": "../a/b:c.pdf"}}),
    (chat.Say, {"file": {**PDF, "name": "Plan für Montag (2).pdf"}}),
    (chat.Say, {"text": "x", "unknown": 1}),
    (chat.Edit, {"message": "9007199254740991", "text": "x"}),
    (chat.Retract, {"message": "1", "reason": "x" * 500}),
    (chat.React, {"message": "1", "emoji": "👩‍👩‍👧‍👦"}),
    (chat.Typing, {}),
    (chat.Read, {"upto": "1"}),
    (chat.Pin, {"message": "1"}),
    (chat.Unpin, {"message": "1"}),
    (chat.SetMode, {"mode": "announce"}),
    (chat.SlowMode, {"seconds": 3_600}),
    (chat.Mute, {"user": "ann", "seconds": 30 * 86_400}),
    (chat.Unmute, {"user": "ann"}),
    (chat.History, {"before": "5", "limit": 100, "thread": "3"}),
    (chat.Audit, {"before": 5, "limit": 1}),
    (chat.Unread, {}),
    (room.Create, {"title": "x" * 200, "visibility": "closed"}),
    (room.Invite, {"user": "A-z_0.9"}),
    (room.Promote, {"user": "ann", "role": "owner"}),
    (presence.SetStatus, {"status": "available", "activity": "x" * 100}),
    (presence.SetStatus, {}),
    (presence.Beat, {"active": False}),
    (presence.Connected, {"conn": "c-1"}),
    (presence.Enter, {"room": "physics-1"}),
]
BAD: list[tuple[type[Any], dict[str, Any], str]] = [
    (chat.Say, {"text": "x" * 4_001}, "text"),
    (chat.Say, {"text": 5}, "text"),
    (chat.Say, {"text": "x", "kind": "script"}, "kind"),
    (chat.Say, {"text": "x", "reply_to": "0"}, "reply_to"),
    (chat.Say, {"text": "x", "reply_to": "17\n"}, "reply_to"),
    (chat.Say, {"text": "x", "reply_to": "١"}, "reply_to"),
    (chat.Say, {"text": "x", "reply_to": 17}, "reply_to"),
    (chat.Say, {"text": "x", "mentions": ["a"] * 51}, "mentions"),
    (chat.Say, {"text": "x", "mentions": ["a b"]}, "mentions"),
    (chat.Say, {"file": {**PDF, "name": "../etc/passwd"}}, "file.name"),
    (chat.Say, {"file": {**PDF, "name": "a\\b"}}, "file.name"),
    (chat.Say, {"file": {**PDF, "name": "a\x00b"}}, "file.name"),
    (chat.Say, {"file": {**PDF, "name": ""}}, "file.name"),
    (chat.Say, {"file": {**PDF, "size": -1}}, "file.size"),
    (chat.Say, {"file": {**PDF, "size": 1.5}}, "file.size"),
    (chat.Say, {"file": {**PDF, "type": "text/html; x"}}, "file.type"),
    (chat.Edit, {"message": "1"}, "text"),
    (chat.Edit, {"message": "", "text": "x"}, "message"),
    (chat.Edit, {"message": "1" * 17, "text": "x"}, "message"),
    (chat.Retract, {"message": "1", "reason": ""}, "reason"),
    (chat.Retract, {"message": "1", "reason": "x" * 501}, "reason"),
    (chat.React, {"message": "1", "emoji": ""}, "emoji"),
    (chat.React, {"message": "1", "emoji": "x" * 17}, "emoji"),
    (chat.React, {"message": "1", "emoji": "x", "on": 1}, "on"),
    (chat.SetMode, {"mode": "silent"}, "mode"),
    (chat.SlowMode, {"seconds": -1}, "seconds"),
    (chat.SlowMode, {"seconds": 3_601}, "seconds"),
    (chat.Mute, {"user": "ann", "seconds": 0}, "seconds"),
    (chat.Mute, {"user": "ann", "seconds": 2**63}, "seconds"),
    (chat.Mute, {"user": ""}, "user"),
    (chat.History, {"limit": 0}, "limit"),
    (chat.History, {"limit": 101}, "limit"),
    (chat.Audit, {"before": 0}, "before"),
    (room.Create, {"title": ""}, "title"),
    (room.Create, {"title": "x" * 201}, "title"),
    (room.Create, {"title": "x", "visibility": "secret"}, "visibility"),
    (room.Invite, {"user": "a" * 65}, "user"),
    (room.Promote, {"user": "ann", "role": "admin"}, "role"),
    (presence.SetStatus, {"status": "invisible"}, "status"),
    (presence.SetStatus, {"activity": "x" * 101}, "activity"),
    (presence.Beat, {"conn": "a b"}, "conn"),
]
EVENTS: list[Any] = [
    room.Created("Physics", "open", "t"),
    room.Joined("ann", "member", "Ann"),
    room.Left("ann", "removed"),
    room.Invited("ann"),
    room.InviteWithdrawn("ann"),
    room.RoleChanged("ann", "moderator"),
    room.Convened("queue:t-1"),
    room.Disbanded("Finished."),
    chat.MessagePosted("17", 3, "hi", "file", "Ann", "9", chat.File(**PDF), ("ben",)),
    chat.MessageEdited("17", "ho", "hi"),
    chat.MessageRetracted("17", "why", "hi", "ann"),
    chat.ReactionChanged("17", "👍", ("ann",)),
    chat.MessagesRead("ann", "17", 3),
    chat.MessagePinned("17"),
    chat.MessageUnpinned("17"),
    chat.ModeChanged("announce"),
    chat.SlowModeChanged(5),
    chat.Muted("ann", 1),
    chat.Unmuted("ann"),
    chat.TypingChanged("ann", True),
    presence.PresenceChanged("busy", "Quiz", 1, presence.Own("busy", "Quiz", True)),
    presence.RoomEntered("physics"),
    presence.RoomExited("physics"),
    presence.Heard("ann", 1),
    presence.RoomPresence("ann", "busy", "Quiz", 1),
]


@pytest.mark.parametrize(("command", "arguments"), GOOD)
def test_arguments_within_the_bounds_are_taken_in_both_encodings(command: type[Any], arguments: dict[str, Any]) -> None:
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(arguments), type=command)
    assert packed == msgspec.json.decode(msgspec.json.encode(arguments), type=command)
    known = {name: value for name, value in arguments.items() if name != "unknown"}
    assert msgspec.to_builtins(packed).items() <= msgspec.to_builtins(msgspec.convert(known, command)).items()


@pytest.mark.parametrize(("command", "arguments", "field"), BAD)
def test_arguments_outside_the_bounds_are_refused_by_name(
    command: type[Any], arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.msgpack.decode(msgspec.msgpack.encode(arguments), type=command)
    assert field in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x",
        "vbscript:x", "file:///etc/passwd", "ftp://a/b", "//evil.example/x", "\\\\evil.example\\x", "/\\evil.example",
        "https://a b", "https://", "http:/\\evil", "blob:x", "", "\njavascript:x", "a\x00b",
    ],
)  # fmt: skip
def test_a_file_is_linked_by_http_or_relative_addresses_only(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"file\.url"):
        msgspec.convert({"file": {**PDF, "url": url}}, chat.Say)


def test_the_examples_name_every_event() -> None:
    assert {type(event) for event in EVENTS} == {*room.ROOM_EVENTS, *presence.PRESENCE_EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_comes_back_from_both_encodings_as_it_was(event: Any) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event)) == event
    assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    domain, _, action = event.type.partition(".")
    assert domain in {"room", "presence"}
    assert action


def test_an_event_of_somebody_else_changes_no_chat() -> None:
    state = ChatState()
    assert not reduce_chat(state, Happened(1, 1, "ann", room.Invited("ben")))
    assert state == ChatState()


def test_events_about_messages_that_are_not_held_change_no_message() -> None:
    state = ChatState()
    for seq in range(1, 5):
        reduce_chat(state, Happened(seq, seq, "ann", chat.MessagePosted(str(seq), seq, f"n{seq}")), 2)
    held = list(state.messages)
    for event in (chat.MessageEdited("1", "x"), chat.MessageRetracted("2"), chat.ReactionChanged("1", "👍", ("a",))):
        reduce_chat(state, Happened(9, 9, "ann", event), 2)
    assert state.messages == held
    assert [message.id for message in held] == ["3", "4"]


def test_a_shown_state_does_not_change_with_the_one_it_shows() -> None:
    state = ChatState()
    reduce_chat(state, Happened(1, 1, "ann", chat.MessagePosted("1", 1, "hi")))
    shown = show_chat(state)
    before = msgspec.msgpack.encode(shown)
    for event in (
        chat.MessagePosted("2", 2, "ho"), chat.ReactionChanged("1", "👍", ("a",)), chat.MessagePinned("1"),
        chat.Muted("ann", 99), chat.MessagesRead("ann", "1", 1), chat.MessageRetracted("1"),
    ):  # fmt: skip
        reduce_chat(state, Happened(2, 2, "ann", event))
    assert msgspec.msgpack.encode(shown) == before
