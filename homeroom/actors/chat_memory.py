"""What a chat must remember beside what it shows, and what an event does to that memory.

Each part is bounded, and a bound that is reached closes the oldest messages to changes: it never shows what was taken back, and
never lets an audit tell what was not there. Never here: the wire state (`protocol.chat_state`), and decisions (`chat`).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from homeroom.engine.behaviour import Fact
from homeroom.protocol.chat import MessageEdited, MessagePosted, MessageRetracted, SlowModeChanged
from homeroom.protocol.chat_state import ChatState, nobody

RETRACTED_MAX = 10_000
EDITED_MAX = 10_000
SAID_MAX = 256


class ChatMemory(Struct):
    """The durable part of a chat that nobody is shown.

    `retracted`: numbers of retracted messages, ascending, so that replays blank them; when there are more than
    `RETRACTED_MAX`, everything up to `closed` counts as retracted and can no longer be changed: bounded, and never a leak.
    `said`: when each person posted last (Unix ms), while there is a slow mode.
    `edited`: the number of the newest edit of each edited message, because outside the window only that event tells what it says;
    when there are more than `EDITED_MAX`, what is not named here and not newer than `settled` can no longer be edited or retracted.
    """

    retracted: list[int] = field(default_factory=list)
    closed: int = 0
    said: Mapping[str, int] = field(default_factory=nobody)
    edited: dict[int, int] = field(default_factory=dict)
    settled: int = 0


def remember(memory: ChatMemory, state: ChatState, fact: Fact) -> None:
    """Let `fact` change `memory`; `state` is what the chat shows after it."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(memory, state, fact, fact.event)


def is_retracted(memory: ChatMemory, message: str) -> bool:
    """Tell whether the message `message` was retracted, or is so old that it counts as such."""
    seq, retracted = int(message), memory.retracted
    place = bisect_left(retracted, seq)
    return seq <= memory.closed or (place < len(retracted) and retracted[place] == seq)


def is_settled(memory: ChatMemory, message: str) -> bool:
    """Tell whether nothing here says any more what the message `message` says, when the window does not hold it."""
    seq = int(message)
    return seq <= memory.settled and seq not in memory.edited


def _retracted(memory: ChatMemory, state: ChatState, fact: Fact, e: MessageRetracted) -> None:
    memory.edited.pop(int(e.id), None)
    insort(memory.retracted, int(e.id))
    if len(memory.retracted) > RETRACTED_MAX:
        memory.closed = memory.retracted.pop(0)


def _edited(memory: ChatMemory, state: ChatState, fact: Fact, e: MessageEdited) -> None:
    memory.edited[int(e.id)] = fact.seq
    if len(memory.edited) > EDITED_MAX:
        oldest = min(memory.edited)
        del memory.edited[oldest]
        memory.settled = max(memory.settled, oldest)


def _posted(memory: ChatMemory, state: ChatState, fact: Fact, e: MessagePosted) -> None:
    if not state.slow:
        return
    memory.said = {**memory.said, fact.by: fact.at}
    if len(memory.said) > SAID_MAX:
        since = fact.at - state.slow * 1_000
        memory.said = {user: at for user, at in memory.said.items() if at > since}


def _slowed(memory: ChatMemory, state: ChatState, fact: Fact, e: SlowModeChanged) -> None:
    memory.said = nobody()


_CHANGES: dict[type[Any], Callable[[ChatMemory, ChatState, Fact, Any], None]] = {
    MessageRetracted: _retracted,
    MessageEdited: _edited,
    MessagePosted: _posted,
    SlowModeChanged: _slowed,
}
