"""What an inbox remembers beside what it shows, and what an event does to that.

Each part is bounded. Unread notices are known one by one, however old they are: the count is never a guess.
Never here: what is shown (`protocol.inbox_state`), and when somebody is interrupted (`inbox_silence`).
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from homeroom.engine.behaviour import SYSTEM, Fact
from homeroom.protocol.inbox import AllRead, Digested, Dismissed, NoticesRead, Notified
from homeroom.protocol.inbox_state import KEPT, InboxState

UNREAD_MAX = 1_000
"""One more than so many unread notices, and the oldest counts as read."""
KEYS_MAX = 200
TOASTS_MAX = 20
BURSTS_MAX = 32
WITHDRAWN_MAX = 200


class Burst(Struct, frozen=True, array_like=True):
    """The newest toast of a type: its number, its time, and how many notices of the type it also stands for."""

    head: int
    at: int
    more: int = 0


class InboxMemory(Struct):
    """The durable state: what is shown, and what is remembered.

    `older`: the numbers of the unread notices that are not shown any more, ascending; `dropped`: the newest number not shown any more.
    `keys`: those of the newest notices that have one. `toasts`: the times of the newest toasts, ascending. `bursts` by type.
    `held`: the unread notices that a silence kept back, with their types; `held_since`: when the first came, Unix ms. `withdrawn`: the
    newest of those that were taken back.
    """

    shown: InboxState = field(default_factory=InboxState)
    older: list[int] = field(default_factory=list)
    dropped: int = 0
    keys: list[str] = field(default_factory=list)
    toasts: list[int] = field(default_factory=list)
    bursts: dict[str, Burst] = field(default_factory=dict)
    held: dict[int, str] = field(default_factory=dict)
    held_since: int = 0
    withdrawn: list[int] = field(default_factory=list)


HELD_BACK = frozenset({"hushed", "dnd", "quiet"})
"""What ends, and is followed by a digest."""


def remember(memory: InboxMemory, fact: Fact) -> None:
    """Let `fact` change what is remembered; to be called before the same fact changes what is shown."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(memory, fact, fact.event)


def is_older(memory: InboxMemory, seq: int) -> bool:
    """Tell whether `seq` is an unread notice that is not shown any more."""
    place = bisect_left(memory.older, seq)
    return memory.older[place : place + 1] == [seq]


def unread_of(memory: InboxMemory) -> list[int]:
    """Return the numbers of all unread notices, ascending."""
    return [*memory.older, *(int(notice.id) for notice in memory.shown.notices if not notice.read)]


def _notified(memory: InboxMemory, fact: Fact, e: Notified) -> None:
    _let_go(memory)
    if e.key:
        memory.keys = [*memory.keys, e.key][-KEYS_MAX:]
    if e.head is not None:
        burst = memory.bursts[e.notice.type]
        memory.bursts[e.notice.type] = Burst(burst.head, burst.at, e.more)
    if e.notice.toast:
        memory.toasts = [*memory.toasts, fact.at][-TOASTS_MAX:]
        memory.bursts.pop(e.notice.type, None)
        memory.bursts[e.notice.type] = Burst(fact.seq, fact.at)
        if len(memory.bursts) > BURSTS_MAX:
            del memory.bursts[next(iter(memory.bursts))]
    elif e.notice.why in HELD_BACK:
        memory.held_since = memory.held_since if memory.held else fact.at
        memory.held[fact.seq] = e.notice.type


def _let_go(memory: InboxMemory) -> None:
    """Note the notice that will not be shown any more when one more is."""
    notices = memory.shown.notices
    if len(notices) < KEPT:
        return
    memory.dropped = int(notices[0].id)
    if not notices[0].read:
        memory.older.append(memory.dropped)


def _read(memory: InboxMemory, fact: Fact, e: NoticesRead) -> None:
    for notice in e.notifications:
        _forget(memory, int(notice))


def _dismissed(memory: InboxMemory, fact: Fact, e: Dismissed) -> None:
    _forget(memory, int(e.notification))
    if fact.by == SYSTEM:
        memory.withdrawn = [*memory.withdrawn, int(e.notification)][-WITHDRAWN_MAX:]


def _forget(memory: InboxMemory, seq: int) -> None:
    memory.held.pop(seq, None)
    if is_older(memory, seq):
        memory.older.remove(seq)


def _all_read(memory: InboxMemory, fact: Fact, e: AllRead) -> None:
    upto = int(e.upto)
    memory.older = [seq for seq in memory.older if seq > upto]
    memory.held = {seq: kind for seq, kind in memory.held.items() if seq > upto}


def _digested(memory: InboxMemory, fact: Fact, e: Digested) -> None:
    memory.held.clear()


_CHANGES: dict[type[Any], Callable[[InboxMemory, Fact, Any], None]] = {
    Notified: _notified,
    NoticesRead: _read,
    AllRead: _all_read,
    Dismissed: _dismissed,
    Digested: _digested,
}
