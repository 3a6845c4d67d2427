"""The inbox of one person: its verbs, its events and its answers.

A notice's id is the decimal text of the number of the event that brought it: `"17"` for `inbox:ann@17`. Every notice is kept
and counted; whether a client also interrupts the person with it is decided here, once for all its devices, and said in
`toast` and `why`. The stream `inbox:<user>` belongs to its person alone.
Never here: the state (`inbox_state`), and when somebody is interrupted (`actors.inbox_silence`).
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field

from homeroom.protocol.chat import MessageId, PageSize
from homeroom.protocol.hours import Clock, Zone
from homeroom.protocol.ids import MAX_SEQ, AddressText, Id, Millis

NoticeId = MessageId
NoticeType = Annotated[
    str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_.\-]{0,63}\Z", description="such as exam.starting or EXAM_UPDATE")
]
Priority = Literal["low", "normal", "high", "urgent"]
Why = Literal["", "muted", "hushed", "dnd", "quiet", "burst", "budget"]
"""Why a notice is no toast: its type is muted; its person sits an exam; wants no disturbance (said here or by the status `dnd`); has quiet hours; was just told of
another one of the type; has been told of enough within the hour. Empty: it is one."""
NoticeTitle = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
NoticeText = Annotated[str, Meta(max_length=2_000)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Value = Annotated[str, Meta(max_length=200)]
Number = Annotated[int, Meta(ge=-MAX_SEQ, le=MAX_SEQ)]
Data = Annotated[dict[Word, Value | Number | bool], Meta(max_length=12)]
SentData = Annotated[
    dict[Word, Value | Number | bool], Meta(max_length=10, description="`from` is the server's to set")
]
_RELATIVE = r"(?![A-Za-z][A-Za-z0-9+.\-]*:)(?!//)[^\s\\\x00-\x1f]*"
Link = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=rf"\A(?:https://[^\s\\\x00-\x1f]+|{_RELATIVE})\Z",
        description="https or relative; empty: none",
    ),
]
Key = Annotated[str, Meta(max_length=200, description="two notices of the same key are one; empty: none")]
Unread = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
More = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="notices of the same type that this one also stands for")]
SilenceSeconds = Annotated[int, Meta(ge=1, le=366 * 86_400)]
FOREVER = MAX_SEQ
"""The time that stands for "until further notice"."""


# --- commands


class Notify(Struct, frozen=True, omit_defaults=True):
    """From an actor: a notice for this person; a second one with the same non-empty `key` changes nothing."""

    do: ClassVar[str] = "notify"
    type: NoticeType
    title: NoticeTitle
    message: NoticeText = ""
    data: Data = {}
    priority: Priority = "normal"
    url: Link = ""
    key: Key = ""


class TakeBack(Struct, frozen=True):
    """From the records: what `url` leads to is gone, or hidden from some whom they told. The notices of these types that lead there are dismissed, but for those that people sent."""

    do: ClassVar[str] = "take_back"
    url: Link
    types: Annotated[tuple[NoticeType, ...], Meta(max_length=20)]


class Hush(Struct, frozen=True):
    """From an actor: nothing but urgent notices interrupts the person until then, or until `unhush` by the same one."""

    do: ClassVar[str] = "hush"
    by: AddressText
    until: Millis


class Unhush(Struct, frozen=True):
    """From an actor: its silence has ended."""

    do: ClassVar[str] = "unhush"
    by: AddressText


class Send(Struct, frozen=True, omit_defaults=True):
    """Send a notice: to this inbox's person, or from one's own inbox to `user`.

    Staff send to everybody, all others only to themselves. Who sent it stands in `data` as `from` and
    `from_name`, whatever was given there.
    """

    do: ClassVar[str] = "send"
    type: NoticeType
    title: NoticeTitle
    message: NoticeText = ""
    data: SentData = {}
    priority: Priority = "normal"
    url: Link = ""
    user: Id | None = None


class MarkRead(Struct, frozen=True):
    """Mark a notice as read."""

    do: ClassVar[str] = "read"
    notification: NoticeId


class ReadAll(Struct, frozen=True, omit_defaults=True):
    """Mark every notice as read, or those up to one: what came after the newest that one has seen then stays unread."""

    do: ClassVar[str] = "read_all"
    upto: NoticeId | None = None


class Dismiss(Struct, frozen=True):
    """Take a notice out of the inbox for good."""

    do: ClassVar[str] = "dismiss"
    notification: NoticeId


class MuteType(Struct, frozen=True, omit_defaults=True):
    """Be interrupted by notices of a type no longer, for a time or until further notice. They are kept and counted as before."""

    do: ClassVar[str] = "mute"
    type: NoticeType
    seconds: SilenceSeconds | None = None


class UnmuteType(Struct, frozen=True):
    """Be interrupted by notices of a type again."""

    do: ClassVar[str] = "unmute"
    type: NoticeType


class SetQuietHours(Struct, frozen=True, omit_defaults=True):
    """Not be interrupted between two local times of each day, over midnight if the second is the earlier; without times: never mind.

    When they end, one digest tells what came meanwhile.
    """

    do: ClassVar[str] = "quiet_hours"
    start: Clock | None = None
    end: Clock | None = None
    zone: Zone = "UTC"


class Dnd(Struct, frozen=True, omit_defaults=True):
    """Not be disturbed from now on, for a time or until further notice; or (`on` false) be disturbed again."""

    do: ClassVar[str] = "dnd"
    on: bool = True
    seconds: SilenceSeconds | None = None


class ListNotices(Struct, frozen=True, omit_defaults=True):
    """Ask for notices, newest first: all that were not dismissed, or the unread ones; `before` one that was seen."""

    do: ClassVar[str] = "list"
    before: NoticeId | None = None
    limit: PageSize = 50
    unread: bool = False


# --- what a notice is


class Notice(Struct, frozen=True, omit_defaults=True):
    """One notice. `more` counts later ones of its type that came right behind it and were no toasts of their own: "3 more".

    `why` it is no toast: `muted` its type is muted, `hushed` its person sits an exam, `dnd` its person is not to be disturbed, `quiet` it is
    within the quiet hours, `burst` there was a toast of the same type within a minute, `budget` there were enough toasts within the hour.
    """

    id: NoticeId
    at: Millis
    type: NoticeType
    title: NoticeTitle
    message: NoticeText = ""
    data: Data = {}
    priority: Priority = "normal"
    url: Link = ""
    toast: bool = True
    why: Why = ""
    read: bool = False
    more: More = 0


class QuietHours(Struct, frozen=True):
    """From `start` to `end`, local time in `zone`, each day."""

    start: Clock
    end: Clock
    zone: Zone


# --- events


class Notified(Struct, frozen=True, omit_defaults=True):
    """A notice has come. `head`: the notice that stands for it and now says `more`; without a head it stands for itself.

    `key` is for the journal and never sent.
    """

    type: ClassVar[str] = "inbox.notified"
    notice: Notice
    unread: Unread
    head: NoticeId | None = None
    more: More = 0
    key: Key = ""


class NoticesRead(Struct, frozen=True, omit_defaults=True):
    """Notices were read. `expired`: there were too many unread ones, so the oldest count as read."""

    type: ClassVar[str] = "inbox.read"
    notifications: Annotated[tuple[NoticeId, ...], Meta(max_length=100)]
    unread: Unread
    expired: bool = False


class AllRead(Struct, frozen=True):
    """Every notice up to one was read."""

    type: ClassVar[str] = "inbox.all_read"
    upto: NoticeId
    unread: Unread


class Dismissed(Struct, frozen=True):
    """A notice was taken out of the inbox: by its person, or by `system` when what it told of is gone or hidden."""

    type: ClassVar[str] = "inbox.dismissed"
    notification: NoticeId
    unread: Unread


class TypeMuted(Struct, frozen=True):
    """Notices of a type are no toasts until then, Unix ms; `FOREVER`: until further notice."""

    type: ClassVar[str] = "inbox.muted"
    notices: NoticeType = field(name="type")
    until: Millis = FOREVER


class TypeUnmuted(Struct, frozen=True):
    """Notices of a type may be toasts again."""

    type: ClassVar[str] = "inbox.unmuted"
    notices: NoticeType = field(name="type")


class QuietHoursChanged(Struct, frozen=True):
    """The quiet hours are others, or none."""

    type: ClassVar[str] = "inbox.quiet_hours_changed"
    quiet: QuietHours | None


class DndChanged(Struct, frozen=True):
    """The person is not to be disturbed until then, Unix ms; `FOREVER`: until further notice; 0: may be disturbed."""

    type: ClassVar[str] = "inbox.dnd_changed"
    until: Millis


class Hushed(Struct, frozen=True):
    """Something that the person does asks for silence until then."""

    type: ClassVar[str] = "inbox.hushed"
    by: AddressText
    until: Millis


class Unhushed(Struct, frozen=True):
    """What asked for silence has ended."""

    type: ClassVar[str] = "inbox.unhushed"
    by: AddressText


class Digested(Struct, frozen=True):
    """A silence has ended: so many notices that came in it are unread, by their types (of the rest `others`). One toast tells it."""

    type: ClassVar[str] = "inbox.digested"
    count: Unread
    types: Annotated[dict[NoticeType, Unread], Meta(max_length=64)]
    others: Unread
    since: Millis


INBOX_EVENTS: tuple[type[Any], ...] = (
    Notified,
    NoticesRead,
    AllRead,
    Dismissed,
    TypeMuted,
    TypeUnmuted,
    QuietHoursChanged,
    DndChanged,
    Hushed,
    Unhushed,
    Digested,
)


# --- replies


class UnreadCount(Struct, frozen=True):
    """How many notices are unread."""

    unread: Unread


class Sent(Struct, frozen=True, omit_defaults=True):
    """The notice is in the inbox, or on its way to that of `user`."""

    id: NoticeId | None = None
    user: Id | None = None


class NoticePage(Struct, frozen=True):
    """Notices, newest first; `more` tells whether there are older ones, `unread` counts all unread ones."""

    notifications: tuple[Notice, ...]
    more: bool
    unread: Unread
