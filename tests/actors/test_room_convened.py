"""Rooms that another actor makes for people: made, brought into, stirred, and ended to be read only."""

import pytest

from homeroom.actors.room import STIR_MS
from homeroom.engine.behaviour import Refusal, Tell
from homeroom.protocol.chat import Edit, History, React, Read, Say, Typing, Unread
from homeroom.protocol.presence import Enter, Exit
from homeroom.protocol.room import (
    Convene,
    Convened,
    Create,
    Created,
    Disband,
    Disbanded,
    Invite,
    Join,
    Joined,
    Leave,
    Left,
    Person,
    Promote,
    Release,
    Stirred,
)
from tests.actors.driver import Driver
from tests.actors.people import ADMIN, ANN, BEN, EVE, SYSTEM, TEACHER
from tests.actors.rooms import new_room, open_room

PEOPLE = (Person("teacher", "Tia Teacher", "owner"), Person("ann", "Ann"))
CONVENED = Convene("Office hours", PEOPLE, "queue:t-1")


def convened() -> Driver:
    """Return a room convened for the teacher and Ann."""
    room = new_room()
    room.do(CONVENED, SYSTEM)
    return room


def stirs(room: Driver) -> list[Tell]:
    return [tell for tell in room.tells if isinstance(tell.command, Stirred)]


def test_a_convened_room_is_closed_and_its_people_are_in_it() -> None:
    room = new_room()
    assert room.events_of(CONVENED, SYSTEM) == [
        Created("Office hours", "closed", "teacher"),
        Convened("queue:t-1"),
        Joined("teacher", "owner", "Tia Teacher"),
        Joined("ann", "member", "Ann"),
    ]
    assert room.tells == [Tell("presence:teacher", Enter("physics")), Tell("presence:ann", Enter("physics"))]
    assert room.try_do(Say("hello"), ANN) == "ok"
    assert room.try_do(Join(), BEN) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        room.follow(BEN)


def test_convening_again_brings_in_who_is_missing_and_nobody_twice() -> None:
    room = convened()
    assert room.events_of(CONVENED, SYSTEM) == []
    more = Convene("Another title", (Person("ben", "Ben"), Person("eve", "Eve", "owner")), "queue:t-1")
    assert room.events_of(more, SYSTEM) == [Joined("ben", "member", "Ben"), Joined("eve", "moderator", "Eve")]


def test_a_room_of_somebody_elses_making_is_left_alone() -> None:
    room = open_room()
    assert room.events_of(Convene("Mine", (Person("eve"),), "queue:t-1"), SYSTEM) == []
    assert room.events_of(Convene("Mine", (Person("eve"),), None), SYSTEM) == [Joined("eve", "member")]
    assert convened().events_of(Convene("Mine", (Person("eve"),), "queue:other"), SYSTEM) == []


def test_only_the_system_convenes_and_disbands() -> None:
    for caller in (ANN, TEACHER, ADMIN):
        assert new_room().try_do(CONVENED, caller) == "not_found"
        assert convened().try_do(Disband(), caller) in {"forbidden", "not_found"}


def test_the_convener_is_told_that_people_talk_at_most_once_a_minute() -> None:
    room = convened()
    room.do(Typing(), ANN)
    assert stirs(room) == []
    room.do(Say("hello"), ANN)
    assert stirs(room) == [Tell("queue:t-1", Stirred("physics"))]
    room.now += STIR_MS - 1
    room.do(Say("still here"), TEACHER)
    assert len(stirs(room)) == 1
    room.now += 1
    room.do(Say("and now"), ANN)
    assert len(stirs(room)) == 2


def test_a_room_that_people_made_tells_nobody() -> None:
    room = open_room()
    room.do(Say("hello"), ANN)
    assert stirs(room) == []
    assert new_room().events_of(Convene("Quiet", PEOPLE), SYSTEM)[1:] == convened().events[2:]


def test_a_disbanded_room_can_be_read_and_that_is_all() -> None:
    room = convened()
    said = room.do(Say("to be kept"), ANN).id
    room.tells.clear()
    follower = room.follow(ANN)
    assert room.events_of(Disband("Finished."), SYSTEM) == [Disbanded("Finished.")]
    assert room.tells == [Tell("presence:teacher", Exit("physics")), Tell("presence:ann", Exit("physics"))]
    assert follower.state.ended == room.now
    for command, caller in (
        (Say("late"), ANN),
        (Edit(said, "other"), ANN),
        (React(said, "👍"), TEACHER),
        (Typing(), ANN),
        (Invite("ben"), TEACHER),
        (CONVENED, SYSTEM),
    ):
        assert room.try_do(command, caller) == "conflict"
    for reading, caller in ((History(), ANN), (Unread(), ANN), (Read(said), TEACHER), (Leave(), ANN)):
        assert room.try_do(reading, caller) == "ok"
    assert room.events_of(Disband(), SYSTEM) == []
    assert [message.text for message in room.do(History(), ADMIN).messages] == ["to be kept"]


def test_whoever_is_released_reads_the_room_no_longer() -> None:
    room = convened()
    room.do(Convene("Office hours", (Person("ben", "Ben"),), "queue:t-1"), SYSTEM)
    room.follow(ANN)
    room.tells.clear()
    assert room.events_of(Release("ann"), SYSTEM) == [Left("ann", "removed")]
    assert (room.evicted, room.followers) == (["ann"], [])
    assert room.tells == [Tell("presence:ann", Exit("physics"))]
    room.do(Say("between Ben and Tia"), BEN)
    for command in (History(), Say("let me in"), Join(), Unread()):
        assert room.try_do(command, ANN) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        room.follow(ANN)
    assert room.events_of(Release("ann"), SYSTEM) == []
    room.do(Convene("Office hours", (Person("ann", "Ann"),), "queue:t-1"), SYSTEM)
    assert room.try_do(Say("again"), ANN) == "ok"


def test_an_owner_or_an_invitation_is_no_way_to_stay() -> None:
    room = convened()
    room.do(Promote("ann", "owner"), TEACHER)
    room.do(Release("ann"), SYSTEM)
    assert room.try_do(History(), ANN) == "not_found"
    room = convened()
    room.do(Leave(), ANN)
    room.do(Invite("ann"), TEACHER)
    room.do(Release("ann"), SYSTEM)
    assert room.try_do(Join(), ANN) == "not_found"


def test_also_an_ended_room_lets_go_and_only_the_system_says_so() -> None:
    room = convened()
    for caller in (TEACHER, ADMIN):
        assert room.try_do(Release("ann"), caller) in {"forbidden", "not_found"}
    room.do(Disband("Finished."), SYSTEM)
    assert room.events_of(Release("ann"), SYSTEM) == [Left("ann", "removed")]
    assert room.try_do(History(), ANN) == "not_found"


def test_disbanding_what_does_not_exist_is_refused_without_a_trace() -> None:
    room = new_room()
    assert room.try_do(Disband(), SYSTEM) == "not_found"
    assert room.events == []
    assert room.try_do(Create("Physics"), TEACHER) == "ok"
    assert room.try_do(Join(), EVE) == "ok"


def test_a_convened_room_survives_replay_and_snapshot() -> None:
    room = convened()
    room.do(Say("hello"), ANN)
    room.do(Disband("Finished."), SYSTEM)
    live = room.behaviour.state
    assert room.rebuild().state == live
    for seq in range(1, room.seq + 1):
        assert room.rebuild(seq).state == live
    assert live.convener == "queue:t-1"
