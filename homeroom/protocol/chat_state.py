"""The state of a chat on the wire, and what an event does to it.

`reduce_chat` is the one place that says how an event changes the state: the actor applies its own events with it, and so
does every client, which is why state + events equals a fresh view. Never here: the words themselves (`chat`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat import (
    Count,
    Message,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageRetracted,
    MessagesRead,
    MessageUnpinned,
    Mode,
    ModeChanged,
    Muted,
    ReactionChanged,
    Seconds,
    SlowModeChanged,
    Unmuted,
)

KEPT = 200
"""Messages that the actor holds; older ones live in the journal and in the history."""
SHOWN = 50
"""Messages that a view holds, the newest; a client drops older ones by the same rule, and asks `history` for more."""


_NOBODY: Mapping[str, int] = {}


def nobody() -> Mapping[str, int]:
    """Return the empty map that all fresh states share: a `Mapping` is never changed, but replaced by another one."""
    return _NOBODY


class Receipt(Struct, frozen=True):
    """How far a person has read: the message, and the how-manieth of the chat it is (`"0"`, 0: nothing yet)."""

    upto: str = "0"
    n: Count = 0


class ChatState(Struct):
    """A chat as its subscribers see it. `messages` are the newest, oldest first; `posted` counts all there ever were.

    `muted` maps a person to the time (Unix ms) until which it may not post; a time that has passed means nothing.
    """

    messages: list[Message] = field(default_factory=list)
    posted: Count = 0
    mode: Mode = "open"
    slow: Seconds = 0
    pins: tuple[str, ...] = ()
    muted: Mapping[str, int] = field(default_factory=nobody)
    reads: dict[str, Receipt] = field(default_factory=dict)


# --- what an event does to the state


class Happening(Protocol):
    """An event with its number, server time in ms and author."""

    @property
    def seq(self) -> int:
        """The number in the stream."""

    @property
    def at(self) -> int:
        """Server time, Unix ms."""

    @property
    def by(self) -> str:
        """The user id, or `"system"`."""

    @property
    def event(self) -> Any:
        """The structure."""


class Happened(NamedTuple):
    """A `Happening` as a client makes it from an `ev` frame."""

    seq: int
    at: int
    by: str
    event: Any


def reduce_chat(state: ChatState, fact: Happening, window: int = SHOWN) -> bool:
    """Let `fact` change `state`, of which the newest `window` messages are kept; False when it is no event of a chat."""
    change = _CHANGES.get(type(fact.event))
    if change is None:
        return False
    change(state, fact, fact.event)
    excess = len(state.messages) - window
    if excess > 0:
        del state.messages[:excess]
    return True


def show_chat(state: ChatState, window: int = SHOWN) -> ChatState:
    """Return a copy of `state` that later changes do not reach, with its newest `window` messages."""
    return replace(state, messages=state.messages[-window:], reads=dict(state.reads))


def enter_chat(state: ChatState, user: str) -> None:
    """Count as read by `user`, who just came in, whatever was said before."""
    newest = state.messages[-1].id if state.messages else "0"
    state.reads[user] = Receipt(newest, state.posted)


def leave_chat(state: ChatState, user: str) -> None:
    """Forget how far `user` has read; a mute stays, or leaving and coming back would end it."""
    state.reads.pop(user, None)


def unread(state: ChatState, user: str) -> int:
    """Return how many messages were posted since the last that `user` has read or posted; 0 for a stranger."""
    receipt = state.reads.get(user)
    return state.posted - receipt.n if receipt else 0


def as_message(fact: Happening) -> Message:
    """Return the message that the `MessagePosted` in `fact` posted, as it stood then."""
    e = fact.event
    return Message(e.id, e.n, fact.at, fact.by, e.name, e.text, e.kind, e.reply_to, e.file, e.mentions)


def find(state: ChatState, message: str) -> Message | None:
    """Return the message `message` if the window still holds it."""
    place = bisect_left(state.messages, int(message), key=_seq)
    found = state.messages[place] if place < len(state.messages) else None
    return found if found is not None and found.id == message else None


def newest_upto(state: ChatState, message: str) -> Message | None:
    """Return the newest message of the window that is `message` or older."""
    place = bisect_right(state.messages, int(message), key=_seq)
    return state.messages[place - 1] if place else None


def is_muted(state: ChatState, user: str, now: int) -> bool:
    """Tell whether `user` may not post at `now` (Unix ms)."""
    return state.muted.get(user, 0) > now


def _seq(message: Message) -> int:
    return int(message.id)


def _put(state: ChatState, message: str, **changes: Any) -> None:
    """Change a message of the window; an older one is somebody else's to change (the history's)."""
    found = find(state, message)
    if found is not None:
        state.messages[bisect_left(state.messages, int(message), key=_seq)] = replace(found, **changes)


def _posted(state: ChatState, fact: Happening, e: MessagePosted) -> None:
    state.posted = e.n
    state.messages.append(as_message(fact))
    if fact.by in state.reads:
        state.reads[fact.by] = Receipt(e.id, e.n)


def _edited(state: ChatState, fact: Happening, e: MessageEdited) -> None:
    _put(state, e.id, text=e.text, edited=fact.at)


def _retracted(state: ChatState, fact: Happening, e: MessageRetracted) -> None:
    _put(state, e.id, text="", file=None, mentions=(), reactions={}, retracted=fact.by)
    _unpin(state, e.id)


def _reacted(state: ChatState, fact: Happening, e: ReactionChanged) -> None:
    found = find(state, e.id)
    if found is not None:
        others = {emoji: users for emoji, users in found.reactions.items() if e.users or emoji != e.emoji}
        _put(state, e.id, reactions={**others, e.emoji: e.users} if e.users else others)


def _read(state: ChatState, fact: Happening, e: MessagesRead) -> None:
    state.reads[e.user] = Receipt(e.upto, e.n)


def _pinned(state: ChatState, fact: Happening, e: MessagePinned) -> None:
    state.pins = (*state.pins, e.id)


def _unpinned(state: ChatState, fact: Happening, e: MessageUnpinned) -> None:
    _unpin(state, e.id)


def _unpin(state: ChatState, message: str) -> None:
    state.pins = tuple(pin for pin in state.pins if pin != message)


def _mode(state: ChatState, fact: Happening, e: ModeChanged) -> None:
    state.mode = e.mode


def _slow(state: ChatState, fact: Happening, e: SlowModeChanged) -> None:
    state.slow = e.seconds


def _muted(state: ChatState, fact: Happening, e: Muted) -> None:
    current = {user: until for user, until in state.muted.items() if until > fact.at}
    state.muted = {**current, e.user: e.until}


def _unmuted(state: ChatState, fact: Happening, e: Unmuted) -> None:
    state.muted = {user: until for user, until in state.muted.items() if user != e.user}


_CHANGES: dict[type[Any], Callable[[ChatState, Any, Any], None]] = {
    MessagePosted: _posted,
    MessageEdited: _edited,
    MessageRetracted: _retracted,
    ReactionChanged: _reacted,
    MessagesRead: _read,
    MessagePinned: _pinned,
    MessageUnpinned: _unpinned,
    ModeChanged: _mode,
    SlowModeChanged: _slow,
    Muted: _muted,
    Unmuted: _unmuted,
}
