"""What a queue remembers beside what it shows: who stands behind each entry, its conversations, and the figures of the past.

`remember` lets an event change both; like every `apply` it depends on the state and the fact alone. Everything is bounded: open entries by
`ENTRIES_MAX`, the past by the constants here. Never here: what is decided from it (`queue_places`, `queue_service`, `queue_house`).
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.engine.behaviour import Fact
from homeroom.protocol import queue_events as said
from homeroom.protocol.queue_state import QueueState, reduce_queue

HELPED_MAX = 5_000
"""Students whose help is counted; the one who was helped longest ago is forgotten first."""
WAITS_MAX = 50
TALKS_MAX = 20
"""The newest waits and conversations, which the median and the estimates are made of."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """Who stands behind an open entry, and what is known of it. `rank` and `turn` are its place in the order of the line."""

    student: str
    name: str
    joined: int
    question: str = ""
    topic: str = ""
    rank: int = 0
    turn: int = 0
    room: str = ""
    note: str = ""


class Talk(Struct, frozen=True, omit_defaults=True):
    """A private conversation: whose it is, with which entries, and since when; `ends`: 0 before the warning."""

    assistant: str
    entries: tuple[str, ...]
    since: int
    ends: int = 0


class QueueMemory(Struct):
    """The state of a queue. `number` counts the entries there ever were, `turn` their places in the order.

    `helped` maps students to how often, the last helped last; `waits` and `talks` are ms, the newest last; `served` counts the
    `day`'s finished entries; `elsewhere` maps students to the other queue of the group that they stand in; `opened`: it ever was.
    `term`: the number of the event by which the queue came to its group of today, or to none.
    """

    shown: QueueState = field(default_factory=QueueState)
    entries: dict[str, Entry] = field(default_factory=dict)
    conversations: dict[str, Talk] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    helped: dict[str, int] = field(default_factory=dict)
    waits: list[int] = field(default_factory=list)
    talks: list[int] = field(default_factory=list)
    number: int = 0
    turn: int = 0
    day: int = 0
    served: int = 0
    opened: bool = False
    term: int = 0

    def entry_of(self, student: str) -> str | None:
        """Return the open entry of a student."""
        return next((entry for entry, held in self.entries.items() if held.student == student), None)


def remember(memory: QueueMemory, fact: Fact) -> None:
    """Let `fact` change `memory`, what it shows included; what needs the state before the event is read first."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(memory, fact, fact.event)
    reduce_queue(memory.shown, fact)


def _enlisted(memory: QueueMemory, fact: Fact, e: said.Enlisted) -> None:
    memory.listed.update(dict.fromkeys(e.users))


def _struck(memory: QueueMemory, fact: Fact, e: said.Struck) -> None:
    for user in e.users:
        memory.listed.pop(user, None)


def _opened(memory: QueueMemory, fact: Fact, e: said.Opened) -> None:
    memory.opened = True


def _created(memory: QueueMemory, fact: Fact, e: said.Created) -> None:
    memory.term = fact.seq


def _edited(memory: QueueMemory, fact: Fact, e: said.Edited) -> None:
    if e.settings.exclusive != memory.shown.settings.exclusive:
        memory.elsewhere.clear()
        memory.term = fact.seq


def _joined(memory: QueueMemory, fact: Fact, e: said.Joined) -> None:
    memory.entries[e.entry] = Entry(e.student, e.name, fact.at, e.question, e.topic, e.rank, e.turn)
    memory.number = int(e.entry)
    memory.turn = max(memory.turn, e.turn)


def _placed(memory: QueueMemory, fact: Fact, e: said.Confirmed | said.Requeued) -> None:
    """Give an entry another place in the order; it is in no conversation any more."""
    _end_talk(memory, memory.entries[e.entry].room, (e.entry,))
    memory.entries[e.entry] = replace(memory.entries[e.entry], rank=e.rank, turn=e.turn, room="")
    memory.turn = max(memory.turn, e.turn)


def _skipped(memory: QueueMemory, fact: Fact, e: said.Skipped) -> None:
    """Let two entries change their places in the order; the other one stands at the position it moves to."""
    mine, other = memory.entries[e.entry], memory.shown.line[e.position - 1]
    theirs = memory.entries[other]
    memory.entries[e.entry] = replace(mine, rank=theirs.rank, turn=theirs.turn)
    memory.entries[other] = replace(theirs, rank=mine.rank, turn=mine.turn)


def _reordered(memory: QueueMemory, fact: Fact, e: said.Reordered) -> None:
    """Give every entry the rank that it has in the new order, those not in line as well: they may come back."""
    for entry, rank in e.ranks.items():
        memory.entries[entry] = replace(memory.entries[entry], rank=rank)


def _admitted(memory: QueueMemory, fact: Fact, e: said.Admitted) -> None:
    for entry in e.entries:
        memory.waits = [*memory.waits, fact.at - memory.entries[entry].joined][-WAITS_MAX:]
        memory.entries[entry] = replace(memory.entries[entry], room=e.room)
    known = memory.conversations.get(e.room)
    talk = known or Talk(e.assistant, (), fact.at)
    memory.conversations[e.room] = replace(talk, entries=(*talk.entries, *e.entries), ends=0)


def _completed(memory: QueueMemory, fact: Fact, e: said.Completed) -> None:
    memory.served = len(e.entries) + (memory.served if e.day == memory.day else 0)
    memory.day = e.day
    for entry in e.entries:
        ended = memory.entries.pop(entry)
        if e.reason == "completed" and memory.shown.entries[entry].admitted:
            memory.talks = [*memory.talks, fact.at - memory.shown.entries[entry].admitted][-TALKS_MAX:]
        memory.helped[ended.student] = memory.helped.pop(ended.student, 0) + 1
        _end_talk(memory, ended.room, (entry,))
    while len(memory.helped) > HELPED_MAX:
        del memory.helped[next(iter(memory.helped))]


def _left(memory: QueueMemory, fact: Fact, e: said.Left) -> None:
    memory.entries.pop(e.entry, None)


def _noted(memory: QueueMemory, fact: Fact, e: said.Noted) -> None:
    memory.entries[e.entry] = replace(memory.entries[e.entry], note=e.text)


def _warned(memory: QueueMemory, fact: Fact, e: said.Warned) -> None:
    room = memory.entries[e.entries[0]].room
    memory.conversations[room] = replace(memory.conversations[room], ends=e.until)


def _stirred(memory: QueueMemory, fact: Fact, e: said.Stirred) -> None:
    room = memory.entries[e.entries[0]].room
    memory.conversations[room] = replace(memory.conversations[room], ends=0)


def _group_noted(memory: QueueMemory, fact: Fact, e: said.GroupNoted) -> None:
    memory.elsewhere.update(e.there)
    for user in e.gone:
        memory.elsewhere.pop(user, None)


def _end_talk(memory: QueueMemory, room: str, entries: tuple[str, ...]) -> None:
    """Take entries out of a conversation, which is forgotten with the last."""
    talk = memory.conversations.get(room)
    if talk is None:
        return
    left = tuple(entry for entry in talk.entries if entry not in entries)
    if left:
        memory.conversations[room] = replace(talk, entries=left)
    else:
        del memory.conversations[room]


_CHANGES: dict[type[Any], Callable[[QueueMemory, Fact, Any], None]] = {
    said.Created: _created,
    said.Enlisted: _enlisted,
    said.Struck: _struck,
    said.Opened: _opened,
    said.Edited: _edited,
    said.Joined: _joined,
    said.Confirmed: _placed,
    said.Requeued: _placed,
    said.Skipped: _skipped,
    said.Reordered: _reordered,
    said.Admitted: _admitted,
    said.Completed: _completed,
    said.Left: _left,
    said.Noted: _noted,
    said.Warned: _warned,
    said.Stirred: _stirred,
    said.GroupNoted: _group_noted,
}
