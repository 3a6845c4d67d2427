"""The words of study groups: bounds of arguments, the wire form of events, and what an event does to the state."""

from typing import Any

import msgspec
import pytest

from homeroom.protocol import group
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.group_state import OVERRUN_MS, GroupState, Meeting, admins_of, reduce_group, show_group, upcoming

GOOD: list[tuple[type[Any], dict[str, Any]]] = [
    (group.Create, {"name": "x" * 100, "description": "d" * 2_000, "max_members": 500, "visibility": "private"}),
    (group.Create, {"name": "Algebra", "course": "", "specialty": ""}),
    (group.Change, {}),
    (group.Change, {"max_members": 1}),
    (group.Invite, {"user": "ann"}),
    (group.Promote, {"user": "ann", "role": "member"}),
    (group.Schedule, {"title": "t" * 200, "starts": 2**53 - 1, "minutes": 480}),
]
BAD: list[tuple[type[Any], dict[str, Any], str]] = [
    (group.Create, {}, "name"),
    (group.Create, {"name": ""}, "name"),
    (group.Create, {"name": "x" * 101}, "name"),
    (group.Create, {"name": "x", "max_members": 501}, "max_members"),
    (group.Create, {"name": "x", "course": "c" * 65}, "course"),
    (group.Change, {"visibility": "closed"}, "visibility"),
    (group.Change, {"description": "d" * 2_001}, "description"),
    (group.Invite, {"user": "a b"}, "user"),
    (group.Promote, {"user": "ann", "role": "owner"}, "role"),
    (group.Schedule, {"title": "t", "starts": -1}, "starts"),
    (group.Schedule, {"title": "t", "starts": 2**53}, "starts"),
    (group.Schedule, {"title": "t", "starts": 1, "minutes": 4}, "minutes"),
    (group.Schedule, {"title": "t", "starts": 1, "minutes": 481}, "minutes"),
    (group.Schedule, {"title": "", "starts": 1}, "title"),
]
EVENTS: list[Any] = [
    group.GroupCreated("Algebra", 10, "public", "Mondays", "math-1", "Algebra"),
    group.GroupChanged("Algebra", 10, "private"),
    group.GroupJoined("ann", "admin", "Ann"),
    group.GroupLeft("ann", "removed"),
    group.GroupInvited("ben"),
    group.InvitationEnded("ben", "declined"),
    group.GroupRoleChanged("ann", "member"),
    group.SessionScheduled("s1", "Sheet 3", 5, 10),
    group.SessionCalledOff("s1"),
    group.GroupDeleted("empty"),
]


@pytest.mark.parametrize(("command", "arguments"), GOOD)
def test_arguments_within_the_bounds_are_taken_in_both_encodings(command: type[Any], arguments: dict[str, Any]) -> None:
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(arguments), type=command)
    assert packed == msgspec.json.decode(msgspec.json.encode(arguments), type=command)


@pytest.mark.parametrize(("command", "arguments", "field"), BAD)
def test_arguments_outside_the_bounds_are_refused_by_name(
    command: type[Any], arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.msgpack.decode(msgspec.msgpack.encode(arguments), type=command)
    assert field in str(refused.value)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_comes_back_from_both_encodings_as_it_was(event: Any) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event)) == event
    assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    assert event.type.startswith("group.")


def test_the_examples_name_every_event_of_the_group_itself() -> None:
    assert {type(event) for event in EVENTS} == {one for one in group.GROUP_EVENTS if one.type.startswith("group.")}


def reduced(*events: Any) -> GroupState:
    state = GroupState()
    for seq, event in enumerate(events, 1):
        reduce_group(state, Happened(seq, seq, "ann", event))
    return state


def test_events_make_the_state() -> None:
    state = reduced(*EVENTS[:3], EVENTS[4], EVENTS[7])
    assert (state.name, state.visibility, state.created) == ("Algebra", "private", 1)
    assert admins_of(state) == ["ann"]
    assert state.invited == {"ben": 4}
    assert state.sessions == {"s1": Meeting("Sheet 3", "ann", 5, 10)}
    assert (upcoming(state, 9), upcoming(state, 10)) == (state.sessions, {})


def test_planning_drops_what_is_over() -> None:
    state = reduced(*EVENTS[:3], EVENTS[7])
    late = 10 + OVERRUN_MS
    reduce_group(state, Happened(9, late - 1, "ann", group.SessionScheduled("s2", "Sheet 4", 20, 30)))
    assert list(state.sessions) == ["s1", "s2"], "it may still be live"
    reduce_group(state, Happened(10, late, "ann", group.SessionScheduled("s3", "Sheet 5", late, late + 1)))
    assert list(state.sessions) == ["s2", "s3"]


def test_an_unknown_event_changes_nothing() -> None:
    state = reduced(*EVENTS[:3])
    before = msgspec.msgpack.encode(state)
    reduce_group(state, Happened(9, 9, "ann", object()))
    assert msgspec.msgpack.encode(state) == before


def test_a_shown_state_does_not_change_with_the_one_it_shows() -> None:
    state = reduced(*EVENTS[:3])
    shown = show_group(state)
    before = msgspec.msgpack.encode(shown)
    for event in EVENTS[3:]:
        reduce_group(state, Happened(9, 9, "ann", event))
    assert msgspec.msgpack.encode(shown) == before
