"""Rooms to start a test from."""

from homeroom.actors.room import ROOM
from homeroom.protocol.chat import Say
from homeroom.protocol.room import Create, Join, Promote, reduce_room
from tests.actors.driver import Driver
from tests.actors.people import ANN, BEN, TEACHER


def new_room() -> Driver:
    """Return a room that does not exist yet."""
    return Driver(ROOM, "physics", reduce_room)


def open_room() -> Driver:
    """Return an open room of the teacher, with Ann and Ben in it."""
    room = new_room()
    room.do(Create("Physics"), TEACHER)
    room.do(Join(), ANN)
    room.do(Join(), BEN)
    return room


def moderated_room() -> Driver:
    """Return the open room with Ben as moderator."""
    room = open_room()
    room.do(Promote("ben", "moderator"), TEACHER)
    return room


def full_window(room: Driver, count: int = 200) -> str:
    """Post one message by Ann and then `count` by Ben, one a second; returns Ann's, then outside the window."""
    first: str = room.do(Say("the oldest"), ANN).id
    for number in range(count):
        room.now += 1_000
        room.do(Say(f"filler {number}"), BEN)
    return first
