"""What an event does to the wire state of a presence."""

from homeroom.protocol.chat_state import Happened
from homeroom.protocol.presence import (
    Own,
    PresenceChanged,
    PresenceState,
    RoomEntered,
    reduce_presence,
    show_presence,
)


def test_a_change_replaces_the_whole_face() -> None:
    state = PresenceState("ann")
    reduce_presence(state, Happened(1, 9, "ann", PresenceChanged("busy", "Quiz", 5, Own("dnd"))))
    assert state == PresenceState("ann", "busy", "Quiz", 5)
    reduce_presence(state, Happened(2, 9, "ann", PresenceChanged("offline", last_heard=6)))
    assert state == PresenceState("ann", "offline", "", 6)


def test_other_events_change_nothing_that_is_seen() -> None:
    state = PresenceState("ann", "busy")
    reduce_presence(state, Happened(1, 9, "ann", RoomEntered("physics")))
    assert state == PresenceState("ann", "busy")


def test_a_shown_presence_does_not_change_with_the_one_it_shows() -> None:
    state = PresenceState("ann", "busy")
    shown = show_presence(state)
    reduce_presence(state, Happened(1, 9, "ann", PresenceChanged("online")))
    assert shown.status == "busy"
