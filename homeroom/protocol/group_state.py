"""The state of a study group on the wire, and what an event does to it.

`reduce_group` serves the actor and every client alike, which is why state + events equals a fresh view.
Never here: the words (`group`), and what is not for all who follow (`actors.group_figures`).
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat import Name
from homeroom.protocol.chat_state import SHOWN, ChatState, Happening, enter_chat, leave_chat, reduce_chat, show_chat
from homeroom.protocol.group import (
    BARRED_MAX,
    MEMBERS_USUAL,
    GroupChanged,
    GroupCreated,
    GroupDeleted,
    GroupInvited,
    GroupJoined,
    GroupLeft,
    GroupRole,
    GroupRoleChanged,
    InvitationEnded,
    SessionCalledOff,
    SessionScheduled,
    Visibility,
)
from homeroom.protocol.ids import Millis

OVERRUN_MS = 14 * 3_600_000
"""So long after its planned end a session may still be live: begun late, and ended by nobody."""


class GroupMember(Struct, frozen=True):
    """A member: its part in the group, its name when it joined, and since when it is here."""

    role: GroupRole
    name: Name
    since: Millis


class Meeting(Struct, frozen=True):
    """A session of the group that was planned: whose it is, and its times in Unix ms as they were planned."""

    title: str
    by: str
    starts: Millis
    ends: Millis


class GroupState(Struct):
    """A group as its subscribers see it, the same for each of them. `created` is 0 while it does not exist, `deleted` while it has not ended.

    `invited` may join, `barred` were removed and may not; both map the person to the time of it. `sessions` maps the id of a session
    to what was planned; those that cannot be live any more, 14 hours after their planned end, are dropped when the next one is planned.
    """

    name: str = ""
    description: str = ""
    course: str = ""
    specialty: str = ""
    max_members: int = MEMBERS_USUAL
    visibility: Visibility = "private"
    created: Millis = 0
    deleted: Millis = 0
    members: dict[str, GroupMember] = field(default_factory=dict)
    invited: dict[str, int] = field(default_factory=dict)
    barred: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, Meeting] = field(default_factory=dict)
    chat: ChatState = field(default_factory=ChatState)


def reduce_group(state: GroupState, fact: Happening, window: int = SHOWN) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)
    else:
        reduce_chat(state.chat, fact, window)


def show_group(state: GroupState, window: int = SHOWN) -> GroupState:
    """Return a copy of `state` that later changes do not reach, with the newest `window` messages."""
    return replace(
        state,
        members=dict(state.members),
        invited=dict(state.invited),
        barred=dict(state.barred),
        sessions=dict(state.sessions),
        chat=show_chat(state.chat, window),
    )


def admins_of(state: GroupState) -> list[str]:
    """Return the admins of the group."""
    return [user for user, member in state.members.items() if member.role == "admin"]


def upcoming(state: GroupState, now: int) -> dict[str, Meeting]:
    """Return the planned sessions that are not over at `now` (Unix ms)."""
    return {session: meeting for session, meeting in state.sessions.items() if meeting.ends > now}


def unfinished(state: GroupState, now: int) -> dict[str, Meeting]:
    """Return the sessions that may be still to come or live at `now` (Unix ms)."""
    return {session: meeting for session, meeting in state.sessions.items() if meeting.ends + OVERRUN_MS > now}


def heir_of(state: GroupState, user: str) -> str | None:
    """Return the admin, here the longest, to whom the sessions of `user` go over; `None` when there is no other."""
    return next((admin for admin in admins_of(state) if admin != user), None)


def _described(state: GroupState, e: GroupCreated | GroupChanged) -> None:
    state.name, state.description, state.course, state.specialty = e.name, e.description, e.course, e.specialty
    state.max_members, state.visibility = e.max_members, e.visibility


def _created(state: GroupState, fact: Happening, e: GroupCreated) -> None:
    _described(state, e)
    state.created = fact.at


def _edited(state: GroupState, fact: Happening, e: GroupChanged) -> None:
    _described(state, e)


def _joined(state: GroupState, fact: Happening, e: GroupJoined) -> None:
    state.members[e.user] = GroupMember(e.role, e.name, fact.at)
    state.invited.pop(e.user, None)
    state.barred.pop(e.user, None)
    enter_chat(state.chat, e.user)


def _left(state: GroupState, fact: Happening, e: GroupLeft) -> None:
    heir = heir_of(state, e.user)
    if heir is not None:
        state.sessions = {
            session: replace(meeting, by=heir) if meeting.by == e.user else meeting
            for session, meeting in state.sessions.items()
        }
    state.members.pop(e.user, None)
    leave_chat(state.chat, e.user)
    if e.reason == "removed":
        state.barred[e.user] = fact.at
        if len(state.barred) > BARRED_MAX:
            del state.barred[next(iter(state.barred))]


def _invited(state: GroupState, fact: Happening, e: GroupInvited) -> None:
    state.invited[e.user] = fact.at
    state.barred.pop(e.user, None)


def _uninvited(state: GroupState, fact: Happening, e: InvitationEnded) -> None:
    state.invited.pop(e.user, None)


def _promoted(state: GroupState, fact: Happening, e: GroupRoleChanged) -> None:
    member = state.members.get(e.user)
    if member is not None:
        state.members[e.user] = replace(member, role=e.role)


def _scheduled(state: GroupState, fact: Happening, e: SessionScheduled) -> None:
    state.sessions = {**unfinished(state, fact.at), e.session: Meeting(e.title, fact.by, e.starts, e.ends)}


def _called_off(state: GroupState, fact: Happening, e: SessionCalledOff) -> None:
    state.sessions.pop(e.session, None)


def _deleted(state: GroupState, fact: Happening, e: GroupDeleted) -> None:
    state.deleted = fact.at
    state.invited.clear()


_CHANGES: dict[type[Any], Callable[[GroupState, Any, Any], None]] = {
    GroupCreated: _created,
    GroupChanged: _edited,
    GroupJoined: _joined,
    GroupLeft: _left,
    GroupInvited: _invited,
    InvitationEnded: _uninvited,
    GroupRoleChanged: _promoted,
    SessionScheduled: _scheduled,
    SessionCalledOff: _called_off,
    GroupDeleted: _deleted,
}
