"""What an event does to the wire state of a room, as a client sees it."""

import msgspec

from homeroom.protocol.chat import MessagePosted, TypingChanged
from homeroom.protocol.chat_state import Happened, Receipt, unread
from homeroom.protocol.room import (
    Created,
    Invited,
    InviteWithdrawn,
    Joined,
    Left,
    Member,
    RoleChanged,
    RoomState,
    reduce_room,
    show_room,
)


def after(*events: object) -> RoomState:
    state = RoomState()
    for seq, event in enumerate(events, 1):
        reduce_room(state, Happened(seq, seq * 10, "ann", event))
    return state


def test_a_room_does_not_exist_before_it_is_created() -> None:
    assert RoomState().created == 0
    assert after(Created("Physics", "open", "ann")).created == 10


def test_who_joins_is_a_member_with_nothing_unread() -> None:
    state = after(Created("P", "open"), MessagePosted("2", 1, "hi"), Joined("ben", "member", "Ben"))
    assert state.members == {"ben": Member("member", "Ben", 30)}
    assert state.chat.reads == {"ben": Receipt("2", 1)}
    assert unread(state.chat, "ben") == 0
    assert unread(state.chat, "stranger") == 0


def test_joining_uses_an_invitation_up_and_lifts_a_bar() -> None:
    state = after(Invited("ben"), Joined("ben", "member"), Left("ben", "removed"))
    assert (state.members, state.invited, state.barred) == ({}, {}, {"ben": 30})
    reduce_room(state, Happened(4, 40, "ann", Invited("ben")))
    assert (state.invited, state.barred) == ({"ben": 40}, {})
    reduce_room(state, Happened(5, 50, "ann", InviteWithdrawn("ben")))
    assert state.invited == {}


def test_leaving_by_oneself_bars_nobody() -> None:
    state = after(Joined("ben", "member"), Left("ben", "left"))
    assert (state.members, state.barred, state.chat.reads) == ({}, {}, {})


def test_a_new_owner_is_known_as_the_owner() -> None:
    state = after(
        Created("P", "open", "ann"), Joined("ann", "owner"), Joined("ben", "member"), RoleChanged("ben", "owner")
    )
    assert (state.owner, state.members["ben"].role) == ("ben", "owner")


def test_a_room_whose_owner_was_removed_has_none() -> None:
    state = after(Created("P", "open", "ann"), Joined("ann", "owner"), Left("ann", "removed"))
    assert state.owner == ""


def test_an_event_that_is_not_known_changes_nothing() -> None:
    before = msgspec.msgpack.encode(after(Created("P", "open")))
    state = after(Created("P", "open"))
    for event in (TypingChanged("ann", True), RoleChanged("nobody", "member"), object()):
        reduce_room(state, Happened(9, 9, "ann", event))
    assert msgspec.msgpack.encode(state) == before


def test_a_shown_room_does_not_change_with_the_one_it_shows() -> None:
    state = after(Created("P", "open", "ann"), Joined("ann", "owner"))
    shown = show_room(state)
    before = msgspec.msgpack.encode(shown)
    for event in (Joined("ben", "member"), Invited("eve"), Left("ann", "removed"), MessagePosted("5", 1, "hi")):
        reduce_room(state, Happened(5, 5, "ann", event))
    assert msgspec.msgpack.encode(shown) == before
