"""What is kept of a presence, what an event does to that, and the row that everybody's look-ups find.

Never here: decisions (`presence`), and what the words mean (`protocol.presence`).
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.engine.behaviour import Fact, Row
from homeroom.engine.kind import Table
from homeroom.protocol.presence import (
    Own,
    PresenceChanged,
    PresenceState,
    RoomEntered,
    RoomExited,
    reduce_presence,
)

PEOPLE = Table(
    "presence",
    ("person",),
    {"person": "text", "status": "text", "activity": "text", "last_seen": "bigint"},
)
"""The faces of all people: who is `online` now, and when the others were last seen. The hidden are `offline` here as well."""


class PresenceMemory(Struct):
    """The durable state: the face shown, what the person chose and is engaged in, the places that show it.

    A room stands among the places as its bare id, anything else as its address.
    """

    shown: PresenceState = field(default_factory=PresenceState)
    own: Own = field(default_factory=Own)
    rooms: dict[str, None] = field(default_factory=dict)


def remember(memory: PresenceMemory, fact: Fact) -> None:
    """Let `fact` change the face, the choice or the places."""
    event = fact.event
    reduce_presence(memory.shown, fact)
    if isinstance(event, PresenceChanged) and event.own is not None:
        memory.own = event.own
    elif isinstance(event, RoomEntered) and event.room is not None:
        memory.rooms[event.room] = None
    elif isinstance(event, RoomExited) and event.room is not None:
        memory.rooms.pop(event.room, None)


def without_secrets(event: Any) -> Any:
    """Return an event without what its owner chose and without the names of places."""
    if isinstance(event, PresenceChanged):
        return replace(event, own=None)
    return replace(event, room=None) if isinstance(event, RoomEntered | RoomExited) else event


def project_face(memory: PresenceMemory, fact: Fact) -> Iterable[Row]:
    """Return the person's row; while hidden it stays as it was."""
    if isinstance(fact.event, PresenceChanged):
        face = memory.shown
        values = {"status": face.status, "activity": face.activity, "last_seen": face.last_heard}
        yield Row(PEOPLE.name, {"person": face.user}, values)
