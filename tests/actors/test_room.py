"""Coming and going: rooms are made, joined, left; people are invited, removed, promoted."""

import pytest

from homeroom.actors.room import ROOM
from homeroom.engine.behaviour import Refusal, Tell
from homeroom.protocol.chat import MessagePosted, Mute, Say
from homeroom.protocol.presence import Enter, Exit
from homeroom.protocol.room import (
    MEMBERS_MAX,
    Create,
    Created,
    Invite,
    Invited,
    InviteWithdrawn,
    Join,
    Joined,
    Leave,
    Left,
    Promote,
    Remove,
    RoleChanged,
)
from tests.actors.people import ADMIN, ANN, BEN, COLLEAGUE, EVE, SUPER, SYSTEM, TEACHER
from tests.actors.rooms import moderated_room, new_room, open_room


def test_the_maker_of_a_room_owns_it_and_is_its_first_member() -> None:
    room = new_room()
    assert room.events_of(Create("  Physics \n 1 ", "closed"), TEACHER) == [
        Created("Physics 1", "closed", "teacher"),
        Joined("teacher", "owner", "Tia Teacher"),
    ]
    assert room.tells == [Tell("presence:teacher", Enter("physics"))]


def test_a_room_made_by_the_system_has_no_owner_and_no_members() -> None:
    room = new_room()
    assert room.events_of(Create("Lobby", "open"), SYSTEM) == [Created("Lobby", "open", "")]


def test_a_room_is_made_once() -> None:
    room = open_room()
    with pytest.raises(Refusal) as refused:
        room.do(Create("Again"), TEACHER)
    assert refused.value.code == "conflict"


def test_a_title_without_anything_visible_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refused:
        new_room().do(Create(" \u200b "), TEACHER)
    assert (refused.value.code, refused.value.data["field"]) == ("bad_command", "title")


@pytest.mark.parametrize("command", [Join(), Leave(), Say("hi"), Invite("ann"), Mute("ann")])
def test_a_room_that_was_never_made_does_not_exist_for_anybody(command: object) -> None:
    for caller in (ANN, TEACHER, ADMIN, SUPER):
        assert new_room().try_do(command, caller) == "not_found"


def test_joining_an_open_room_makes_a_member_and_tells_the_presence() -> None:
    room = open_room()
    assert room.events_of(Join(), EVE) == [Joined("eve", "member", "Eve")]
    assert room.tells[-1] == Tell("presence:eve", Enter("physics"))
    assert room.behaviour.relations(EVE) == {"member"}


def test_joining_twice_is_nothing() -> None:
    assert open_room().events_of(Join(), ANN) == []


def test_a_closed_room_does_not_exist_for_outsiders_until_they_are_invited() -> None:
    room = new_room()
    room.do(Create("Staff", "closed"), TEACHER)
    assert room.try_do(Join(), ANN) == "not_found"
    assert room.try_do(Say("let me in"), ANN) == "not_found"
    assert room.events_of(Invite("ann"), TEACHER) == [Invited("ann")]
    assert room.try_do(Say("not yet in"), ANN) == "forbidden"
    assert room.events_of(Join(), ANN) == [Joined("ann", "member", "Ann")]
    assert room.behaviour.state.shown.invited == {}


def test_admins_see_and_may_join_a_closed_room_without_invitation() -> None:
    room = new_room()
    room.do(Create("Staff", "closed"), TEACHER)
    assert room.follow(ADMIN).state.title == "Staff"
    assert room.try_do(Join(), ADMIN) == "ok"
    assert room.try_do(Join(), COLLEAGUE) == "not_found"


def test_a_full_room_takes_nobody_more() -> None:
    room = new_room()
    room.do(Create("Everybody"), TEACHER)
    members = room.behaviour.state.shown.members
    members.update(dict.fromkeys((f"u{n}" for n in range(MEMBERS_MAX - 1)), members["teacher"]))
    assert room.try_do(Join(), ANN) == "full"
    assert room.try_do(Join(), TEACHER) == "ok"


def test_inviting_a_member_or_an_invited_person_is_nothing() -> None:
    room = open_room()
    room.do(Invite("eve"), TEACHER)
    assert room.events_of(Invite("eve"), TEACHER) == []
    assert room.events_of(Invite("ann"), TEACHER) == []


def test_invitations_are_bounded() -> None:
    room = open_room()
    room.behaviour.state.shown.invited = {f"u{n}": 1 for n in range(MEMBERS_MAX)}
    assert room.try_do(Invite("eve"), TEACHER) == "full"


def test_who_leaves_stops_seeing_and_its_presence_is_told() -> None:
    room = open_room()
    follower = room.follow(ANN)
    assert room.events_of(Leave(), ANN) == [Left("ann", "left")]
    assert room.evicted == ["ann"]
    assert room.tells[-1] == Tell("presence:ann", Exit("physics"))
    assert "ann" not in follower.state.members
    room.do(Say("without Ann"), BEN)
    assert follower.state.chat.messages == []
    with pytest.raises(Refusal, match="forbidden"):
        room.follow(ANN)


def test_leaving_without_being_a_member_is_nothing() -> None:
    assert open_room().events_of(Leave(), EVE) == []


def test_the_owner_leaves_only_after_handing_the_room_over() -> None:
    room = open_room()
    assert room.try_do(Leave(), TEACHER) == "conflict"
    assert room.events_of(Promote("ann", "owner"), TEACHER) == [
        RoleChanged("ann", "owner"),
        RoleChanged("teacher", "moderator"),
    ]
    assert room.behaviour.state.shown.owner == "ann"
    assert room.try_do(Leave(), TEACHER) == "ok"


def test_a_removed_member_stops_seeing_and_comes_back_by_invitation_only() -> None:
    room = open_room()
    assert room.events_of(Remove("ann"), TEACHER) == [Left("ann", "removed")]
    assert room.evicted == ["ann"]
    assert room.try_do(Join(), ANN) == "forbidden"
    room.do(Invite("ann"), TEACHER)
    assert room.try_do(Join(), ANN) == "ok"


def test_a_person_removed_from_a_closed_room_finds_it_gone() -> None:
    room = new_room()
    room.do(Create("Staff", "closed"), TEACHER)
    room.do(Invite("ann"), TEACHER)
    room.do(Join(), ANN)
    room.do(Remove("ann"), TEACHER)
    assert room.try_do(Join(), ANN) == "not_found"
    assert room.behaviour.hidden(ANN)


def test_removing_takes_an_invitation_back() -> None:
    room = new_room()
    room.do(Create("Staff", "closed"), TEACHER)
    room.do(Invite("ann"), TEACHER)
    assert room.events_of(Remove("ann"), TEACHER) == [InviteWithdrawn("ann")]
    assert room.try_do(Join(), ANN) == "not_found"


def test_removing_a_stranger_finds_nobody_and_removing_twice_is_nothing() -> None:
    room = open_room()
    assert room.try_do(Remove("eve"), TEACHER) == "not_found"
    room.do(Remove("ann"), TEACHER)
    assert room.events_of(Remove("ann"), TEACHER) == []


def test_nobody_is_removed_or_muted_by_somebody_of_the_same_or_a_lower_rank() -> None:
    room = moderated_room()
    room.do(Promote("ann", "moderator"), TEACHER)
    for command in (Remove("ann"), Mute("ann"), Remove("teacher"), Mute("teacher"), Remove("ben"), Mute("ben")):
        assert room.try_do(command, BEN) == "forbidden"
    assert room.try_do(Remove("ann"), TEACHER) == "ok"
    assert room.try_do(Remove("teacher"), ADMIN) == "ok"


def test_promoting_follows_the_rows_of_the_table() -> None:
    room = open_room()
    assert room.events_of(Promote("ann", "moderator"), TEACHER) == [RoleChanged("ann", "moderator")]
    assert room.events_of(Promote("ann", "moderator"), TEACHER) == []
    assert room.events_of(Promote("ann", "member"), ADMIN) == [RoleChanged("ann", "member")]
    assert room.try_do(Promote("eve", "member"), TEACHER) == "not_found"
    assert room.try_do(Promote("teacher", "member"), TEACHER) == "conflict"


def test_making_an_owner_in_a_room_without_one_changes_nobody_else() -> None:
    room = new_room()
    room.do(Create("Lobby"), SYSTEM)
    room.do(Join(), ANN)
    assert room.events_of(Promote("ann", "owner"), ADMIN) == [RoleChanged("ann", "owner")]


def test_a_message_of_somebody_who_left_still_says_who_it_was() -> None:
    room = open_room()
    room.do(Say("hello"), ANN)
    room.do(Leave(), ANN)
    assert room.follow(BEN).state.chat.messages[0].name == "Ann"


def test_every_verb_and_event_has_a_name_of_its_own() -> None:
    verbs = [verb.command.do for verb in ROOM.verbs]
    types = [event.type for event in ROOM.events]
    assert len(set(verbs)) == len(verbs)
    assert len(set(types)) == len(types)
    assert MessagePosted.type in types
