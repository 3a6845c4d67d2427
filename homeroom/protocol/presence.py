"""The presence of one person: its verbs, its events, its state on the wire, and what an event does to that state.

The stream `presence:<user>` shows the face that others see, to everybody alike, its owner included: somebody who hides is
`offline` there, and what it does meanwhile causes no event, no signal and no number. What its owner chose is told to the owner by `mine` and in
the answers to `set`, `hide`, `show` and `privacy`. What the school's own actors say of the person ("Taking an exam") is an engagement: it takes the
place of the chosen activity while it lasts. Never here: when a status changes (`actors.presence`).
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.ids import AddressText, Id, Millis

Status = Literal["online", "away", "busy", "dnd", "offline"]
Asked = Literal["online", "away", "busy", "dnd", "offline", "available"]
"""What `set` takes: `available` is another word for `online`."""
Activity = Annotated[str, Meta(max_length=100, description='such as "Viewing Course: JavaScript"; empty: none')]
Doing = Annotated[str, Meta(min_length=1, max_length=100, description='such as "Taking an exam"')]
Place = Annotated[
    str,
    Meta(
        pattern=r"\A(?:[a-z]{2,16}:)?[A-Za-z0-9_.\-]{1,64}\Z",
        description="the address of a stream that people have in common, such as group:chess; a bare id is a room's",
    ),
]
PLACES_MAX = 1_000
"""Rooms and groups in which a presence is shown."""
SESSIONS_MAX = 100
"""Sessions in which somebody is at once, beside those places."""
ENGAGEMENTS_MAX = 8


# --- commands


class SetStatus(Struct, frozen=True, omit_defaults=True):
    """Choose a status, an activity, or both; what is not given stays. With `dnd`, only urgent notices interrupt the person.

    While one hides, or looks offline by choice and goes on so, the choice causes no event: it is held in memory, told to its owner by
    the answer and by `mine`, and kept for good when one is seen again. Should the server start anew before that, or the
    person stay away for long, the choice kept last stands again.
    """

    do: ClassVar[str] = "set"
    status: Asked | None = None
    activity: Activity | None = None


class Beat(Struct, frozen=True, omit_defaults=True):
    """A sign of life; `active` tells whether the person did something, or only its client is still there.

    For clients without a WebSocket, which is a sign by itself: one every 30 s keeps the person present, and counted by a session
    that it joined by REST.

    `conn` is the gateway's to give: the connection that the sign came over; from anybody else it means nothing.
    """

    do: ClassVar[str] = "beat"
    active: bool = True
    conn: Id | None = None


class Hide(Struct, frozen=True):
    """Look offline to everybody from now on; until `show`, nothing that one does is told to anybody on this stream.

    Only that one enters or leaves a room is, without its name, as of everybody who is offline.
    """

    do: ClassVar[str] = "hide"


class Show(Struct, frozen=True):
    """Hide no longer, and keep what was chosen meanwhile."""

    do: ClassVar[str] = "show"


class Privacy(Struct, frozen=True):
    """Choose whether others see what one is doing: the chosen activity, and what the school's own actors say."""

    do: ClassVar[str] = "privacy"
    activity: Literal["shown", "hidden"]


class Mine(Struct, frozen=True):
    """Ask for one's own presence as it really is."""

    do: ClassVar[str] = "mine"


class Connected(Struct, frozen=True):
    """From the gateway: a connection of the person was opened."""

    do: ClassVar[str] = "connected"
    conn: Id


class Disconnected(Struct, frozen=True):
    """From the gateway: a connection of the person has ended."""

    do: ClassVar[str] = "disconnected"
    conn: Id


class Enter(Struct, frozen=True):
    """From a room, a session, a group: the person belongs to it now, and who follows its stream may see the presence."""

    do: ClassVar[str] = "enter"
    room: Place


class Exit(Struct, frozen=True):
    """From a room, a session, a group: the person belongs to it no longer."""

    do: ClassVar[str] = "exit"
    room: Place


class Engage(Struct, frozen=True):
    """From an actor: this is what the person is doing there, until `Disengage`; the newest of several is shown."""

    do: ClassVar[str] = "engage"
    by: AddressText
    activity: Doing


class Disengage(Struct, frozen=True):
    """From an actor: the person does there no longer what it said."""

    do: ClassVar[str] = "disengage"
    by: AddressText


# --- events


class Engagement(Struct, frozen=True):
    """What an actor says that the person is doing."""

    by: AddressText
    activity: Doing


class Own(Struct, frozen=True, omit_defaults=True):
    """What the person chose, whether it hides (all of itself, or its activity), and its engagements, the newest last.

    For itself and the journal, never for others.
    """

    chosen: Status = "online"
    activity: Activity = ""
    hidden: bool = False
    discreet: bool = False
    engaged: Annotated[tuple[Engagement, ...], Meta(max_length=ENGAGEMENTS_MAX)] = ()


class PresenceChanged(Struct, frozen=True, omit_defaults=True):
    """What others see of the person. `last_heard`: when it was last heard of, Unix ms. `own` is never sent."""

    type: ClassVar[str] = "presence.changed"
    status: Status
    activity: Activity = ""
    last_heard: Millis = 0
    own: Own | None = None


class RoomEntered(Struct, frozen=True, omit_defaults=True):
    """The presence is shown in one room, session or group more; which one is never sent."""

    type: ClassVar[str] = "presence.room_entered"
    room: Place | None = None


class RoomExited(Struct, frozen=True, omit_defaults=True):
    """The presence is shown in one room, session or group less; which one is never sent."""

    type: ClassVar[str] = "presence.room_exited"
    room: Place | None = None


class Heard(Struct, frozen=True):
    """Ephemeral, on the stream of the presence: the person was heard of again, without any other change."""

    type: ClassVar[str] = "presence.heard"
    user: Id
    last_heard: Millis


class RoomPresence(Struct, frozen=True, omit_defaults=True):
    """Ephemeral, on the stream of each room, session and group of the person: what others see of it. Who is not shown is offline."""

    type: ClassVar[str] = "room.presence"
    user: Id
    status: Status
    activity: Activity = ""
    last_heard: Millis = 0


PRESENCE_EVENTS: tuple[type[Any], ...] = (PresenceChanged, RoomEntered, RoomExited, Heard, RoomPresence)


# --- state and replies


class PresenceState(Struct):
    """A person as others see it; newer values of `last_heard` come as `presence.heard`."""

    user: str = ""
    status: Status = "offline"
    activity: Activity = ""
    last_heard: Millis = 0


class OwnPresence(Struct, frozen=True):
    """A person as it really is: what it chose and whether it hides, and what others see of it.

    `doing` is what the school's own actors say, the newest; `discreet`: neither this nor the activity is shown to others.
    """

    chosen: Status
    activity: Activity
    hidden: bool
    shown: Status
    connections: int
    doing: Activity = ""
    discreet: bool = False


def reduce_presence(state: PresenceState, fact: Happening) -> None:
    """Let `fact` change `state`; other events of the stream change nothing of what is seen."""
    event = fact.event
    if isinstance(event, PresenceChanged):
        state.status, state.activity, state.last_heard = event.status, event.activity, event.last_heard


def show_presence(state: PresenceState) -> PresenceState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(state)
