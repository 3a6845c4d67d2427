"""A room: its verbs, its events, its state on the wire, and what an event does to that state.

A room is a chat (`protocol.chat`) with members. `reduce_room` serves the actor and every client alike.
Never here: who may do what (`actors.room`).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat import CHAT_EVENTS, Name
from homeroom.protocol.chat_state import (
    SHOWN,
    ChatState,
    Happening,
    enter_chat,
    leave_chat,
    nobody,
    reduce_chat,
    show_chat,
)
from homeroom.protocol.ids import AddressText, Id, Millis

MEMBERS_MAX = 5_000
CONVENED_MAX = 100
"""People whom one `convene` puts into a room."""
Title = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
Visibility = Literal["open", "closed"]
RoomRole = Literal["owner", "moderator", "member"]
LeaveReason = Literal["left", "removed"]
Ending = Annotated[str, Meta(max_length=200, description="why, in words for those who were in it")]


# --- commands


class Create(Struct, frozen=True):
    """Make the room; its maker owns it. `open`: everybody of the school may join; `closed`: those invited."""

    do: ClassVar[str] = "create"
    title: Title
    visibility: Visibility = "open"


class Join(Struct, frozen=True):
    """Become a member."""

    do: ClassVar[str] = "join"


class Leave(Struct, frozen=True):
    """Be a member no longer."""

    do: ClassVar[str] = "leave"


class Invite(Struct, frozen=True):
    """Let a person join, a closed room or one it was removed from."""

    do: ClassVar[str] = "invite"
    user: Id


class Remove(Struct, frozen=True):
    """Throw a member out, or take an invitation back."""

    do: ClassVar[str] = "remove"
    user: Id


class Promote(Struct, frozen=True):
    """Give a member another part in the room; making somebody owner makes the owner of today a moderator."""

    do: ClassVar[str] = "promote"
    user: Id
    role: RoomRole


class Person(Struct, frozen=True, omit_defaults=True):
    """Somebody who is put into a room, with the name to show and the part to have."""

    id: Id
    name: Name = ""
    role: RoomRole = "member"


class Convene(Struct, frozen=True, omit_defaults=True):
    """From another actor: make a closed room with these people in it, or bring more people into the one it made.

    `convener` is that actor's address; it is told by `Stirred` that people talk here. The first owner named owns the room.
    """

    do: ClassVar[str] = "convene"
    title: Title
    people: Annotated[tuple[Person, ...], Meta(max_length=CONVENED_MAX)] = ()
    convener: AddressText | None = None


class Disband(Struct, frozen=True, omit_defaults=True):
    """From another actor: end the room. It can still be read, by whom it could be read, and nothing is said in it any more."""

    do: ClassVar[str] = "disband"
    reason: Ending = ""


class Release(Struct, frozen=True):
    """From another actor: a person is in the room no longer, whatever its part was, and cannot read it any more unless brought in again."""

    do: ClassVar[str] = "release"
    user: Id


class Stirred(Struct, frozen=True):
    """From a room to the actor that convened it, at most once a minute: something was said."""

    do: ClassVar[str] = "stirred"
    room: Id


# --- events


class Created(Struct, frozen=True):
    """The room exists; `owner` is empty when the system made it."""

    type: ClassVar[str] = "room.created"
    title: Title
    visibility: Visibility
    owner: Annotated[str, Meta(max_length=64)] = ""


class Joined(Struct, frozen=True, omit_defaults=True):
    """A person became a member."""

    type: ClassVar[str] = "room.joined"
    user: Id
    role: RoomRole
    name: Name = ""


class Left(Struct, frozen=True):
    """A person is a member no longer; one who was `removed` cannot join again unless invited."""

    type: ClassVar[str] = "room.left"
    user: Id
    reason: LeaveReason


class Invited(Struct, frozen=True):
    """A person may join."""

    type: ClassVar[str] = "room.invited"
    user: Id


class InviteWithdrawn(Struct, frozen=True):
    """A person may join no longer."""

    type: ClassVar[str] = "room.invite_withdrawn"
    user: Id


class RoleChanged(Struct, frozen=True):
    """A member has another part in the room."""

    type: ClassVar[str] = "room.role_changed"
    user: Id
    role: RoomRole


class Convened(Struct, frozen=True):
    """Another actor made the room, and is told that people talk in it."""

    type: ClassVar[str] = "room.convened"
    convener: AddressText


class Disbanded(Struct, frozen=True, omit_defaults=True):
    """The room has ended: it can be read, and that is all."""

    type: ClassVar[str] = "room.disbanded"
    reason: Ending = ""


ROOM_EVENTS: tuple[type[Any], ...] = (
    Created, Joined, Left, Invited, InviteWithdrawn, RoleChanged, Convened, Disbanded, *CHAT_EVENTS,
)  # fmt: skip


# --- state


class Member(Struct, frozen=True):
    """A member: its part in the room, its name when it joined, and since when it is here."""

    role: RoomRole
    name: Name
    since: Millis


class RoomState(Struct):
    """A room as its subscribers see it, the same for each of them. `created` is 0 while the room does not exist, `owner` empty when nobody owns it.

    `invited` may join, `barred` were removed and may not; both map the person to the time of it. `ended` is 0 while the room goes on.
    """

    title: str = ""
    visibility: Visibility = "closed"
    owner: str = ""
    created: Millis = 0
    ended: Millis = 0
    members: dict[str, Member] = field(default_factory=dict)
    invited: Mapping[str, int] = field(default_factory=nobody)
    barred: Mapping[str, int] = field(default_factory=nobody)
    chat: ChatState = field(default_factory=ChatState)


def reduce_room(state: RoomState, fact: Happening, window: int = SHOWN) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)
    else:
        reduce_chat(state.chat, fact, window)


def show_room(state: RoomState, window: int = SHOWN) -> RoomState:
    """Return a copy of `state` that later changes do not reach, with the newest `window` messages."""
    return replace(state, members=dict(state.members), chat=show_chat(state.chat, window))


def _created(state: RoomState, fact: Happening, e: Created) -> None:
    state.title, state.visibility, state.owner, state.created = e.title, e.visibility, e.owner, fact.at


def _joined(state: RoomState, fact: Happening, e: Joined) -> None:
    state.members[e.user] = Member(e.role, e.name, fact.at)
    state.invited = _without(state.invited, e.user)
    state.barred = _without(state.barred, e.user)
    enter_chat(state.chat, e.user)


def _left(state: RoomState, fact: Happening, e: Left) -> None:
    state.members.pop(e.user, None)
    leave_chat(state.chat, e.user)
    if e.user == state.owner:
        state.owner = ""
    if e.reason == "removed":
        state.barred = {**state.barred, e.user: fact.at}


def _invited(state: RoomState, fact: Happening, e: Invited) -> None:
    state.invited = {**state.invited, e.user: fact.at}
    state.barred = _without(state.barred, e.user)


def _withdrawn(state: RoomState, fact: Happening, e: InviteWithdrawn) -> None:
    state.invited = _without(state.invited, e.user)


def _promoted(state: RoomState, fact: Happening, e: RoleChanged) -> None:
    member = state.members.get(e.user)
    if member is not None:
        state.members[e.user] = replace(member, role=e.role)
    if e.role == "owner":
        state.owner = e.user


def _disbanded(state: RoomState, fact: Happening, e: Disbanded) -> None:
    state.ended = fact.at


def _without(times: Mapping[str, int], user: str) -> Mapping[str, int]:
    """Return `times` without that of `user`; the same map when there is none."""
    return {other: at for other, at in times.items() if other != user} if user in times else times


_CHANGES: dict[type[Any], Callable[[RoomState, Any, Any], None]] = {
    Created: _created,
    Disbanded: _disbanded,
    Joined: _joined,
    Left: _left,
    Invited: _invited,
    InviteWithdrawn: _withdrawn,
    RoleChanged: _promoted,
}
