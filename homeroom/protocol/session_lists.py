"""Lists of class sessions: what may be asked for, and the cards they are made of.

Never here: which sessions somebody may see (`actors.session_lists`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.session_words import Audience, Course, Recording, Status

AskedStatus = Literal["", "scheduled", "live", "ended", "cancelled", "active", "canceled"]
"""`active` and `canceled` are other words for `live` and `cancelled` (requirements 1.9 #9)."""
STATUS_ALIASES = {"active": "live", "canceled": "cancelled"}
Child = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="a child's id, for parents")]
Scope = Literal["", "mine", "open", "all"]
"""`mine`: those that one owns, is enrolled in or was in; `open`: those open to everybody; `all` is for admins."""


class ListSessions(Struct, frozen=True):
    """Sessions by their start, the latest first. No `scope`: one's own, and with a course those of it that are open
    to everybody as well; admins: all.

    With `user` a parent asks for those of a child.
    """

    status: AskedStatus = ""
    course: Course = ""
    scope: Scope = ""
    user: Child = ""
    limit: PageLimit = 50
    after: After = ""


class ListUpcoming(Struct, frozen=True):
    """The sessions of a course that are planned, the next first: those open to everybody and those that one is enrolled in.

    `scope` `open` or `mine` narrows it to either.
    """

    course: Id
    scope: Literal["", "open", "mine"] = ""
    limit: PageLimit = 50
    after: After = ""


class ListOwned(Struct, frozen=True):
    """The sessions that one owns, the latest first."""

    status: AskedStatus = ""
    limit: PageLimit = 50
    after: After = ""


class Face(Struct, frozen=True):
    """A person on a card."""

    user: Id
    name: Name


class SessionCard(Struct, frozen=True):
    """A session in a list. `inside`: how many are in it now; `faces`: the first five of them."""

    id: Id
    title: str
    description: str
    course: str
    status: Status
    audience: Audience
    owner: str
    owner_name: str
    starts: Millis
    ends: Millis
    started: Millis
    ended: Millis
    capacity: int
    inside: int
    faces: tuple[Face, ...]
    recording: Recording


class SessionList(Struct, frozen=True):
    """A page of a list; `after` asks for the next one, empty when there is none."""

    sessions: tuple[SessionCard, ...]
    after: str
