"""What a chat decides: a part that rooms, class sessions and study groups are made with, not a kind of its own.

Whoever is made with it keeps a `ChatState` and a `ChatMemory` in its state, hands over the commands it does not know
together with the caller's `Standing`, and lets `apply`, `public`, `show` and `project` see its facts.
Never here: members, what an event does to the wire state (`protocol.chat_state`), and to what is remembered (`chat_memory`).

Messages that have left the window are edited, retracted, pinned and answered by way of `Recall` of the event that posted them and
of their newest edit; reactions to them are refused `too_late`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from homeroom.actors.chat_history import look_up_audit, look_up_history, project_chat
from homeroom.actors.chat_memory import ChatMemory, is_retracted, is_settled, remember
from homeroom.actors.fitting import fit_emoji, fit_file, fit_text
from homeroom.engine.behaviour import NOTHING, After, Context, Decision, Fact, Recall, Refusal, Row, Signal
from homeroom.protocol.chat import (
    EMOJIS_MAX,
    PINS_MAX,
    REACTORS_MAX,
    Audit,
    Edit,
    History,
    Message,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageRetracted,
    MessagesRead,
    MessageUnpinned,
    ModeChanged,
    Mute,
    Muted,
    Pin,
    React,
    ReactionChanged,
    Read,
    Retract,
    Said,
    Say,
    SetMode,
    SlowMode,
    SlowModeChanged,
    Typing,
    TypingChanged,
    Unmute,
    Unmuted,
    Unpin,
    Unread,
    UnreadCount,
)
from homeroom.protocol.chat_state import KEPT, ChatState, as_message, find, is_muted, newest_upto, reduce_chat, unread

TYPING_MS = 6_000
TYPING_TIMER = "typing."


@dataclass(frozen=True, slots=True)
class Standing:
    """What the caller may in this chat: whether it moderates, and whether it belongs to the school's staff."""

    moderates: bool
    staff: bool


_MAY_POST: dict[str, Callable[[Standing], bool]] = {
    "open": lambda standing: True,
    "moderated": lambda standing: standing.moderates or standing.staff,
    "announce": lambda standing: standing.staff,
}


_NOBODY: frozenset[str] = frozenset()


class Chat:
    """Decides the verbs of a chat for the stream `stream`; holds nothing but the two states and who is typing."""

    __slots__ = ("_typing", "memory", "state", "stream")

    def __init__(self, stream: str, state: ChatState, memory: ChatMemory) -> None:
        self.stream = stream
        self.state = state
        self.memory = memory
        self._typing: frozenset[str] = _NOBODY  # shared while nobody types: there are many rooms

    def decide(self, command: Any, context: Context, standing: Standing) -> Decision | Recall | None:
        """Answer a verb of a chat; `None` when it is none. Raises `Refusal` as each verb says."""
        decide = _DECISIONS.get(type(command))
        return decide(self, command, context, standing) if decide else None

    def apply(self, fact: Fact) -> bool:
        """Let `fact` change both states; False when it is no event of a chat."""
        known = reduce_chat(self.state, fact, KEPT)
        remember(self.memory, self.state, fact)
        return known

    def public(self, event: Any) -> Any:
        """Return `event` without what is for the journal alone."""
        if isinstance(event, MessageEdited):
            return replace(event, was=None)
        if isinstance(event, MessageRetracted):
            return replace(event, was=None, author=None)
        return event

    def show(self, event: Any) -> Any:
        """Return `event` as a replay may show it: without the words of a message that was retracted since."""
        if isinstance(event, MessagePosted) and is_retracted(self.memory, event.id):
            return replace(event, text="", file=None, mentions=())
        if isinstance(event, MessageEdited) and is_retracted(self.memory, event.id):
            return replace(event, text="", was=None)
        return self.public(event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of history and audit."""
        return project_chat(fact, self.state)

    def stop_typing(self, user: str) -> tuple[Signal, ...]:
        """Return the signal that ends the typing of `user`, if it is typing."""
        if user not in self._typing:
            return ()
        self._typing -= {user}
        return (self._signal_typing(user, False),)

    def fired(self, key: str) -> Decision:
        """Answer a timer of this chat."""
        return Decision(signals=self.stop_typing(key.removeprefix(TYPING_TIMER)))

    # --- posting

    def _say(self, command: Say, context: Context, standing: Standing) -> Decision | Recall:
        """`bad_command` for an empty text; `forbidden`, `rate_limited` as `_check_post`; `not_found` for `reply_to`."""
        self._check_post(context, standing)
        self._check_pause(context, standing)
        text = fit_text("text", command.text) if command.text or command.file is None else ""
        if command.reply_to is not None:
            target = self._find(command.reply_to, context)
            if isinstance(target, Recall):
                return target
        user = context.caller.user
        posted = MessagePosted(
            id=str(context.seq),
            n=self.state.posted + 1,
            text=text,
            kind=command.kind,
            name=context.caller.name[:200],
            reply_to=command.reply_to,
            file=fit_file(command.file),
            mentions=tuple(dict.fromkeys(command.mentions)),
        )
        return Decision((posted,), reply=Said(posted.id), signals=self.stop_typing(user))

    def _edit(self, command: Edit, context: Context, standing: Standing) -> Decision | Recall:
        """`forbidden` for another's message or who may not post; `conflict` when retracted, `too_late` as `_check_settled`."""
        self._check_post(context, standing)
        found = self._find(command.message, context)
        if isinstance(found, Recall):
            return found
        if found.by != context.caller.user:
            raise Refusal("forbidden", "only its author may edit a message")
        if found.retracted:
            raise Refusal("conflict", "the message was retracted")
        self._check_settled(found.id)
        text = fit_text("text", command.text) if command.text or found.file is None else ""
        if text == found.text:
            return NOTHING
        return Decision((MessageEdited(found.id, text, was=found.text),))

    def _retract(self, command: Retract, context: Context, standing: Standing) -> Decision | Recall:
        """`forbidden` unless author or moderator; `too_late` as `_check_settled`; a second time is nothing."""
        found = self._find(command.message, context)
        if isinstance(found, Recall):
            return found
        if found.by != context.caller.user and not standing.moderates:
            raise Refusal("forbidden", "only its author and those who moderate may retract a message")
        if found.retracted:
            return NOTHING
        self._check_settled(found.id)
        reason = None if command.reason is None else fit_text("reason", command.reason)
        return Decision((MessageRetracted(found.id, reason, was=_words(found), author=found.by),))

    def _react(self, command: React, context: Context, standing: Standing) -> Decision:
        """`too_late` for a message outside the window, `conflict` when retracted, `full` for too many kinds of emoji."""
        emoji = fit_emoji(command.emoji)
        found = find(self.state, command.message)
        if found is None:
            raise self._no_window(command.message, context)
        if found.retracted:
            raise Refusal("conflict", "the message was retracted")
        user, users = context.caller.user, found.reactions.get(emoji, ())
        if command.on == (user in users):
            return NOTHING
        if not command.on:
            return Decision((ReactionChanged(found.id, emoji, tuple(other for other in users if other != user)),))
        self._check_mute(context)
        if len(users) >= REACTORS_MAX or (not users and len(found.reactions) >= EMOJIS_MAX):
            raise Refusal("full", "the message holds no more reactions")
        return Decision((ReactionChanged(found.id, emoji, (*users, user)),))

    def _type(self, command: Typing, context: Context, standing: Standing) -> Decision:
        """Signal that the caller types, and end it after `TYPING_MS`; refused to those who may not post."""
        user = context.caller.user
        if not command.typing:
            return Decision(signals=self.stop_typing(user))
        self._check_post(context, standing)
        fresh = user not in self._typing
        self._typing |= {user}
        signals = (self._signal_typing(user, True),) if fresh else ()
        return Decision(signals=signals, timers=(After(TYPING_TIMER + user, TYPING_MS),))

    # --- reading

    def _read(self, command: Read, context: Context, standing: Standing) -> Decision | Recall:
        """`not_found` for what is no message; what was read already is nothing."""
        receipt = self.state.reads.get(context.caller.user)
        if receipt is None or int(command.upto) <= int(receipt.upto):
            return NOTHING
        within = newest_upto(self.state, command.upto) if int(command.upto) < context.seq else None
        found = within or self._find(command.upto, context)
        if isinstance(found, Recall):
            return found
        if found.n <= receipt.n:
            return NOTHING
        return Decision((MessagesRead(context.caller.user, found.id, found.n),))

    def _history(self, command: History, context: Context, standing: Standing) -> Decision:
        return Decision(lookup=look_up_history(command))

    def _audit(self, command: Audit, context: Context, standing: Standing) -> Decision:
        return Decision(lookup=look_up_audit(command))

    def _unread(self, command: Unread, context: Context, standing: Standing) -> Decision:
        receipt = self.state.reads.get(context.caller.user)
        upto = receipt.upto if receipt else "0"
        return Decision(reply=UnreadCount(unread(self.state, context.caller.user), upto))

    # --- moderating

    def _pin(self, command: Pin, context: Context, standing: Standing) -> Decision | Recall:
        """`conflict` when retracted, `full` at `PINS_MAX`; what is pinned already is nothing."""
        if command.message in self.state.pins:
            return NOTHING
        found = self._find(command.message, context)
        if isinstance(found, Recall):
            return found
        if found.retracted:
            raise Refusal("conflict", "the message was retracted")
        if len(self.state.pins) >= PINS_MAX:
            raise Refusal("full", f"{PINS_MAX} messages are pinned already")
        return Decision((MessagePinned(found.id),))

    def _unpin(self, command: Unpin, context: Context, standing: Standing) -> Decision:
        pinned = command.message in self.state.pins
        return Decision((MessageUnpinned(command.message),)) if pinned else NOTHING

    def _set_mode(self, command: SetMode, context: Context, standing: Standing) -> Decision:
        same = command.mode == self.state.mode
        return NOTHING if same else Decision((ModeChanged(command.mode),))

    def _slow_mode(self, command: SlowMode, context: Context, standing: Standing) -> Decision:
        same = command.seconds == self.state.slow
        return NOTHING if same else Decision((SlowModeChanged(command.seconds),))

    def _mute(self, command: Mute, context: Context, standing: Standing) -> Decision:
        """Whom one may silence is for the composing kind to check."""
        until = context.now + command.seconds * 1_000
        return Decision((Muted(command.user, until),), signals=self.stop_typing(command.user))

    def _unmute(self, command: Unmute, context: Context, standing: Standing) -> Decision:
        muted = is_muted(self.state, command.user, context.now)
        return Decision((Unmuted(command.user),)) if muted else NOTHING

    # --- what several of them need

    def _check_post(self, context: Context, standing: Standing) -> None:
        """Raise `forbidden` for those who are muted or may not post in this mode."""
        self._check_mute(context)
        if not _MAY_POST[self.state.mode](standing):
            raise Refusal(
                "forbidden", f"you may not post while the mode is {self.state.mode}", data={"mode": self.state.mode}
            )

    def _check_mute(self, context: Context) -> None:
        if is_muted(self.state, context.caller.user, context.now):
            raise Refusal("forbidden", "you are muted", data={"until": self.state.muted[context.caller.user]})

    def _check_pause(self, context: Context, standing: Standing) -> None:
        """Raise `rate_limited` for who posted less than the slow mode's pause ago."""
        last = self.memory.said.get(context.caller.user)
        if not self.state.slow or last is None or standing.moderates or standing.staff:
            return
        wait = last + self.state.slow * 1_000 - context.now
        if wait > 0:
            raise Refusal("rate_limited", f"one message in {self.state.slow} s here", retry_ms=wait)

    def _find(self, message: str, context: Context) -> Message | Recall:
        """Return the message as it stands, or the wish to recall the events that say so; `not_found` for what is no message."""
        found = find(self.state, message)
        if found is not None:
            return found
        seq = int(message)
        if not self._is_before_window(seq, context):
            raise Refusal("not_found", "no such message")
        if seq <= self.memory.closed:
            raise Refusal("too_late", "the message is too old to be changed")
        edit = self.memory.edited.get(seq)
        wanted = (seq,) if edit is None else (seq, edit)
        if not context.recalled.keys() >= set(wanted):
            return Recall(wanted)
        found = _as_it_stands(*(context.recalled[number] for number in wanted))
        return replace(found, retracted=found.by) if is_retracted(self.memory, message) else found

    def _check_settled(self, message: str) -> None:
        """Raise `too_late` for a message of which nobody remembers whether it was edited: an audit would not be true."""
        if is_settled(self.memory, message) and find(self.state, message) is None:
            raise Refusal("too_late", "the message is too old to be changed")

    def _no_window(self, message: str, context: Context) -> Refusal:
        if self._is_before_window(int(message), context):
            return Refusal("too_late", "the message is too old for reactions")
        return Refusal("not_found", "no such message")

    def _is_before_window(self, seq: int, context: Context) -> bool:
        """Tell whether `seq` is older than the window; false while the window holds every message there is."""
        messages = self.state.messages
        return len(messages) < self.state.posted and seq < min(int(messages[0].id), context.seq)

    def _signal_typing(self, user: str, typing: bool) -> Signal:
        return Signal(self.stream, f"typing:{user}", TypingChanged(user, typing))


_DECISIONS: dict[type[Any], Callable[[Chat, Any, Context, Standing], Decision | Recall]] = {
    Say: Chat._say,
    Edit: Chat._edit,
    Retract: Chat._retract,
    React: Chat._react,
    Typing: Chat._type,
    Read: Chat._read,
    History: Chat._history,
    Audit: Chat._audit,
    Unread: Chat._unread,
    Pin: Chat._pin,
    Unpin: Chat._unpin,
    SetMode: Chat._set_mode,
    SlowMode: Chat._slow_mode,
    Mute: Chat._mute,
    Unmute: Chat._unmute,
}


def _as_it_stands(posted: Fact | None, edited: Fact | None = None) -> Message:
    """Return the message of which these are the posting and the newest edit; `not_found` when nothing was posted there."""
    if posted is None or not isinstance(posted.event, MessagePosted):
        raise Refusal("not_found", "no such message")
    message = as_message(posted)
    return message if edited is None else replace(message, text=edited.event.text, edited=edited.at)


def _words(message: Message) -> str:
    """Return what a message said, its file included, for the audit."""
    file = message.file
    return message.text if file is None else f"{message.text}\n{file.name} {file.url}".strip()
