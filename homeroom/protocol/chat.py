"""What people say to each other: the verbs of a chat, its events and its answers.

A room is a chat with members; class sessions and study groups are chats with more. All of them speak these words, so that
a client needs to learn them once. Never here: the state (`chat_state`), who may say what (`actors.chat`), members (`room`).

A message's id is the decimal text of the number of the event that posted it: `"17"` for `room:lobby@17`.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field

from homeroom.protocol.ids import Id, Millis, Seq

TEXT_MAX = 4_000
PINS_MAX = 50
EMOJIS_MAX = 20
MENTIONS_MAX = 50
REACTORS_MAX = 5_000

_SCHEMELESS = r"(?![A-Za-z][A-Za-z0-9+.\-]*:)(?!//)[^\s\\\x00-\x1f]+"
MessageId = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,15}\Z", description="the number of the posting event")]
Text = Annotated[str, Meta(max_length=TEXT_MAX, description="plain text, delivered as written")]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Before = Annotated[str, Meta(max_length=8_000, description="what stood in a message, its file included")]
Name = Annotated[str, Meta(max_length=200)]
Emoji = Annotated[str, Meta(min_length=1, max_length=16, description="one emoji or short code, without blanks")]
Url = Annotated[
    str,
    Meta(
        max_length=2_000,
        pattern=rf"\A(?:https?://[^\s\\\x00-\x1f]+|{_SCHEMELESS})\Z",
        description="http, https or relative",
    ),
]
MessageKind = Literal["text", "image", "file"]
Mode = Literal["open", "moderated", "announce"]
Mentions = Annotated[tuple[Id, ...], Meta(max_length=MENTIONS_MAX)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=3_600)]
MuteSeconds = Annotated[int, Meta(ge=1, le=30 * 86_400)]
PageSize = Annotated[int, Meta(ge=1, le=100)]


class File(Struct, frozen=True):
    """What is known of an attached file; the file itself lies elsewhere. `size` in bytes, `type` a media type."""

    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A[^/\\\x00]+\Z", description="no path")]
    size: Annotated[int, Meta(ge=0, le=2**40)]
    type: Annotated[str, Meta(max_length=100, pattern=r"\A[\w.+\-]+/[\w.+\-]+\Z")]
    url: Url


# --- commands


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class Say(_Command, frozen=True):
    """Post a message: a text, a file, or both; `reply_to` makes it part of a thread."""

    do: ClassVar[str] = "say"
    text: Text = ""
    kind: MessageKind = "text"
    reply_to: MessageId | None = None
    file: File | None = None
    mentions: Mentions = ()


class Edit(_Command, frozen=True):
    """Put another text in the place of one's own message."""

    do: ClassVar[str] = "edit"
    message: MessageId
    text: Text


class Retract(_Command, frozen=True):
    """Take a message away: one's own, or anybody's by those who moderate."""

    do: ClassVar[str] = "retract"
    message: MessageId
    reason: Reason | None = None


class React(_Command, frozen=True):
    """Put an emoji to a recent message, or take one's own away again (`on` false)."""

    do: ClassVar[str] = "react"
    message: MessageId
    emoji: Emoji
    on: bool = True


class Typing(_Command, frozen=True):
    """Tell the others that one is typing; it ends by itself after six seconds."""

    do: ClassVar[str] = "typing"
    typing: bool = True


class Read(_Command, frozen=True):
    """Tell that one has read everything up to a message."""

    do: ClassVar[str] = "read"
    upto: MessageId


class Pin(_Command, frozen=True):
    """Keep a message in sight."""

    do: ClassVar[str] = "pin"
    message: MessageId


class Unpin(_Command, frozen=True):
    """Keep it in sight no longer."""

    do: ClassVar[str] = "unpin"
    message: MessageId


class SetMode(_Command, frozen=True):
    """Say who may post: everybody here, those who moderate (and staff), or staff alone."""

    do: ClassVar[str] = "set_mode"
    mode: Mode


class SlowMode(_Command, frozen=True):
    """Let everybody who does not moderate post once in so many seconds; 0 ends it."""

    do: ClassVar[str] = "slow_mode"
    seconds: Seconds


class Mute(_Command, frozen=True):
    """Silence a person for a time."""

    do: ClassVar[str] = "mute"
    user: Id
    seconds: MuteSeconds = 600


class Unmute(_Command, frozen=True):
    """Let a silenced person speak again."""

    do: ClassVar[str] = "unmute"
    user: Id


class History(_Command, frozen=True):
    """Ask for a page of messages older than `before`, the newest ones first found; `thread` keeps to answers to one message."""

    do: ClassVar[str] = "history"
    before: MessageId | None = None
    limit: PageSize = 50
    thread: MessageId | None = None


class Unread(_Command, frozen=True):
    """Ask how many messages one has not read."""

    do: ClassVar[str] = "unread"


class Audit(_Command, frozen=True):
    """Ask for a page of what moderation needs to know: edits and retractions with what stood there before."""

    do: ClassVar[str] = "audit"
    before: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    limit: PageSize = 50


# --- events


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class MessagePosted(_Event, frozen=True):
    """A message: `n` counts the messages of this chat from 1, `name` is the author's name at that time."""

    type: ClassVar[str] = "room.message_posted"
    id: MessageId
    n: Count
    text: Text = ""
    kind: MessageKind = "text"
    name: Name = ""
    reply_to: MessageId | None = None
    file: File | None = None
    mentions: Mentions = ()


class MessageEdited(_Event, frozen=True):
    """Another text stands in its place. `was` (the text before) is for the journal and never sent."""

    type: ClassVar[str] = "room.message_edited"
    id: MessageId
    text: Text
    was: Before | None = None


class MessageRetracted(_Event, frozen=True):
    """A message was taken away. `was` and `author` are for the journal and never sent."""

    type: ClassVar[str] = "room.message_retracted"
    id: MessageId
    reason: Reason | None = None
    was: Before | None = None
    author: Id | None = None


class ReactionChanged(_Event, frozen=True):
    """All who put this emoji to this message, in the order in which they did; empty when nobody is left."""

    type: ClassVar[str] = "room.reaction_changed"
    id: MessageId
    emoji: Emoji
    users: Annotated[tuple[Id, ...], Meta(max_length=REACTORS_MAX)] = ()


class MessagesRead(_Event, frozen=True):
    """A person has read up to a message, the `n`th of the chat."""

    type: ClassVar[str] = "room.read"
    user: Id
    upto: MessageId
    n: Count


class MessagePinned(_Event, frozen=True):
    """A message is kept in sight."""

    type: ClassVar[str] = "room.message_pinned"
    id: MessageId


class MessageUnpinned(_Event, frozen=True):
    """A message is kept in sight no longer."""

    type: ClassVar[str] = "room.message_unpinned"
    id: MessageId


class ModeChanged(_Event, frozen=True):
    """Others may post now."""

    type: ClassVar[str] = "room.mode_changed"
    mode: Mode


class SlowModeChanged(_Event, frozen=True):
    """Another pause between two messages of one person; 0: none."""

    type: ClassVar[str] = "room.slow_mode_changed"
    seconds: Seconds


class Muted(_Event, frozen=True):
    """A person is silenced until a time; nothing more is sent when it has come."""

    type: ClassVar[str] = "room.muted"
    user: Id
    until: Millis


class Unmuted(_Event, frozen=True):
    """A person may speak again before the time."""

    type: ClassVar[str] = "room.unmuted"
    user: Id


class TypingChanged(_Event, frozen=True):
    """Ephemeral: a person is typing, or stopped."""

    type: ClassVar[str] = "room.typing"
    user: Id
    typing: bool


CHAT_EVENTS: tuple[type[Any], ...] = (
    MessagePosted, MessageEdited, MessageRetracted, ReactionChanged, MessagesRead, MessagePinned,
    MessageUnpinned, ModeChanged, SlowModeChanged, Muted, Unmuted, TypingChanged,
)  # fmt: skip
CALM_CHAT_EVENTS = frozenset({ReactionChanged.type, MessagesRead.type})
"""May wait for the coalesced lane: with a hundred readers each message is followed by a hundred receipts."""


# --- replies


class Message(Struct, frozen=True, omit_defaults=True):
    """A message as it stands now. `edited` is the time of the last edit; `retracted` is who took it away, text and file with it."""

    id: MessageId
    n: Count
    at: Millis
    by: str
    name: Name = ""
    text: Text = ""
    kind: MessageKind = "text"
    reply_to: MessageId | None = None
    file: File | None = None
    mentions: Mentions = ()
    edited: Millis | None = None
    retracted: str | None = None
    reactions: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Said(Struct, frozen=True):
    """The answer to `say`."""

    id: MessageId


class HistoryPage(Struct, frozen=True):
    """A page of the history, oldest first; `more`: there are older ones."""

    messages: tuple[Message, ...]
    more: bool


class UnreadCount(Struct, frozen=True):
    """How many messages one has not read, and up to which one has (`"0"`: none yet)."""

    unread: int
    upto: str


class AuditRow(Struct, frozen=True, omit_defaults=True):
    """Who changed whose message and when, what stood there before, what stands there now, and why."""

    seq: Seq
    at: Millis
    by: str
    action: Literal["edited", "retracted"]
    message: MessageId
    author: str
    before: str
    after: str = ""
    reason: str = ""


class AuditPage(Struct, frozen=True):
    """A page of the audit, newest first; `more`: there are older ones."""

    rows: tuple[AuditRow, ...]
    more: bool
