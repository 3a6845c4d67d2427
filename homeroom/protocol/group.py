"""A study group: its verbs, its events and its answers.

A group is a chat (`protocol.chat`) with a limited number of members, who find each other, invite each other and plan sessions.
Never here: the state and what an event does to it (`group_state`), the lists (`group_lists`), who may do what (`actors.group`).
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import CHAT_EVENTS, Name
from homeroom.protocol.ids import Id, Millis

MEMBERS_MAX = 500
MEMBERS_USUAL = 10
"""Members that a group takes when nothing else is said (requirements 1.0)."""
INVITED_MAX = 500
BARRED_MAX = 500
SESSIONS_MAX = 20
"""Sessions to come that one group plans at a time."""
WEEKS_MAX = 12

GroupName = Annotated[str, Meta(min_length=1, max_length=100, description="one line")]
About = Annotated[str, Meta(max_length=2_000, description="plain text; empty: none")]
Course = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="the id of a course; empty: none")]
Specialty = Annotated[str, Meta(max_length=100, description="one line, such as Algebra; empty: none")]
Limit = Annotated[int, Meta(ge=1, le=MEMBERS_MAX, description="members at the most")]
SessionTitle = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
Minutes = Annotated[int, Meta(ge=5, le=480)]
Visibility = Literal["public", "private"]
"""A public group is found by everybody and joined without a word; a private one exists for its members and the invited alone."""
GroupRole = Literal["admin", "member"]


# --- commands


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class Create(_Command, frozen=True):
    """Make the group; its maker is its first admin."""

    do: ClassVar[str] = "create"
    name: GroupName
    description: About = ""
    course: Course = ""
    specialty: Specialty = ""
    max_members: Limit = MEMBERS_USUAL
    visibility: Visibility = "public"


class Change(_Command, frozen=True):
    """Change what the group says of itself; what is not given stays."""

    do: ClassVar[str] = "change"
    name: GroupName | None = None
    description: About | None = None
    course: Course | None = None
    specialty: Specialty | None = None
    max_members: Limit | None = None
    visibility: Visibility | None = None


class Join(_Command, frozen=True):
    """Become a member: of a public group, or of one that one is invited to."""

    do: ClassVar[str] = "join"


class Leave(_Command, frozen=True):
    """Be a member no longer. The last admin makes somebody else one first; with the last member the group ends.

    Sessions that one planned go over to the admin who is here longest.
    """

    do: ClassVar[str] = "leave"


class Invite(_Command, frozen=True):
    """Ask somebody to join; who was removed is asked again by admins alone.

    Students and staff may accept; a parent, who is no member of study groups, can only decline.
    """

    do: ClassVar[str] = "invite"
    user: Id


class Accept(_Command, frozen=True):
    """Follow an invitation: students and staff."""

    do: ClassVar[str] = "accept"


class Decline(_Command, frozen=True):
    """Do not follow an invitation."""

    do: ClassVar[str] = "decline"


class Promote(_Command, frozen=True):
    """Make a member an admin, or an admin a member again."""

    do: ClassVar[str] = "promote"
    user: Id
    role: GroupRole = "admin"


class Remove(_Command, frozen=True):
    """Throw a member out, who cannot join again unless invited; or take an invitation back.

    A member is out of the group's sessions as well, and those that it planned go over to the admin who is here longest.
    """

    do: ClassVar[str] = "remove"
    user: Id


class Delete(_Command, frozen=True):
    """End the group for everybody; its history is kept."""

    do: ClassVar[str] = "delete"


class Schedule(_Command, frozen=True):
    """Plan a session of the group: its planner owns it, its members may join it, its admins may call it off."""

    do: ClassVar[str] = "schedule"
    title: SessionTitle
    starts: Millis
    minutes: Minutes = 60
    description: About = ""


class CallOff(_Command, frozen=True):
    """Call a session of the group off, whoever planned it; one that is live ends."""

    do: ClassVar[str] = "call_off"
    session: Id
    reason: Annotated[str, Meta(max_length=500)] = ""


class Look(_Command, frozen=True):
    """Ask what the group says of itself, as one may before joining."""

    do: ClassVar[str] = "look"


class Members(_Command, frozen=True):
    """Ask who the members are."""

    do: ClassVar[str] = "members"


class Activity(_Command, frozen=True):
    """Ask how much happens here, week by week."""

    do: ClassVar[str] = "activity"


# --- events


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class GroupCreated(_Event, frozen=True):
    """The group exists."""

    type: ClassVar[str] = "group.created"
    name: GroupName
    max_members: Limit
    visibility: Visibility
    description: About = ""
    course: Course = ""
    specialty: Specialty = ""


class GroupChanged(_Event, frozen=True):
    """The group says this of itself now."""

    type: ClassVar[str] = "group.changed"
    name: GroupName
    max_members: Limit
    visibility: Visibility
    description: About = ""
    course: Course = ""
    specialty: Specialty = ""


class GroupJoined(_Event, frozen=True):
    """A person became a member."""

    type: ClassVar[str] = "group.joined"
    user: Id
    role: GroupRole
    name: Name = ""


class GroupLeft(_Event, frozen=True):
    """A person is a member no longer; one who was `removed` cannot join again unless invited."""

    type: ClassVar[str] = "group.left"
    user: Id
    reason: Literal["left", "removed"]


class GroupInvited(_Event, frozen=True):
    """A person was asked to join."""

    type: ClassVar[str] = "group.invited"
    user: Id


class InvitationEnded(_Event, frozen=True):
    """An invitation was taken back, or is not followed."""

    type: ClassVar[str] = "group.invitation_ended"
    user: Id
    reason: Literal["withdrawn", "declined"]


class GroupRoleChanged(_Event, frozen=True):
    """A member has another part in the group."""

    type: ClassVar[str] = "group.role_changed"
    user: Id
    role: GroupRole


class SessionScheduled(_Event, frozen=True):
    """The group meets in a session, `session:<session>`; times in Unix ms."""

    type: ClassVar[str] = "group.session_scheduled"
    session: Id
    title: SessionTitle
    starts: Millis
    ends: Millis


class SessionCalledOff(_Event, frozen=True):
    """A session of the group does not take place, or has ended."""

    type: ClassVar[str] = "group.session_called_off"
    session: Id


class GroupDeleted(_Event, frozen=True):
    """The group has ended: its admins wanted it, or nobody is left."""

    type: ClassVar[str] = "group.deleted"
    reason: Literal["deleted", "empty"]


GROUP_EVENTS: tuple[type[Any], ...] = (
    GroupCreated, GroupChanged, GroupJoined, GroupLeft, GroupInvited, InvitationEnded, GroupRoleChanged,
    SessionScheduled, SessionCalledOff, GroupDeleted, *CHAT_EVENTS,
)  # fmt: skip


# --- replies


class Scheduled(Struct, frozen=True):
    """The answer to `schedule`: the id of the session."""

    session: Id


class GroupCard(Struct, frozen=True):
    """A group at a glance. `last_at`: when something last happened in it, Unix ms, to the minute."""

    id: Id
    name: str
    description: str
    course: str
    specialty: str
    visibility: Visibility
    members: int
    max_members: int
    created: Millis
    last_at: Millis


class MemberEntry(Struct, frozen=True):
    """A member: its part in the group, its name when it joined, and since when it is here."""

    user: Id
    role: GroupRole
    name: str
    since: Millis


class MemberList(Struct, frozen=True):
    """The members, the longest here first."""

    members: tuple[MemberEntry, ...]


class WeekFigures(Struct, frozen=True):
    """A week (its Monday, UTC, in Unix ms): messages posted, and members who posted, answered or planned something."""

    start: Millis
    messages: int
    active: int


class GroupFigures(Struct, frozen=True):
    """What happens in the group: messages ever, when something last happened, and the weeks in which something did, newest first."""

    messages: int
    members: int
    last_at: Millis
    weeks: tuple[WeekFigures, ...]
