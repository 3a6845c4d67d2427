"""The order of a line, and what every decision of a queue is finished with.

An entry's place is its key: its `rank` by the declared order (the lower the sooner), then its `turn`, the moment at which it came to stand in
line. The line is always sorted by keys; so whoever is given back stands where it stood, and among equals the first goes first.
Never here: who may move whom (`queue_places`, `queue_service`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from homeroom.actors.queue_memory import TALKS_MAX, QueueMemory
from homeroom.actors.queue_notices import tell_next
from homeroom.engine.behaviour import At, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol import queue_events as said
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.queue import EntryId, Order
from homeroom.protocol.queue_answers import Ticket
from homeroom.protocol.queue_events import Why
from homeroom.protocol.queue_state import Place, QueueState, head, look_out, reduce_queue, show_queue

BASIS_MIN = 3
"""Finished conversations that an estimate needs at least; of fewer nothing is said."""

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Here:
    """The queue that a decision is about: its id and its state, which no decision changes."""

    id: str
    memory: QueueMemory

    @property
    def address(self) -> str:
        """Return the address of this queue."""
        return f"queue:{self.id}"

    @property
    def shown(self) -> QueueState:
        """Return what everybody sees."""
        return self.memory.shown

    def place(self, entry: EntryId) -> Place:
        """Return an open entry; `not_found` for one that never was, `conflict` for one that has ended."""
        found = self.shown.entries.get(entry)
        if found is not None:
            return found
        if int(entry) > self.memory.number:
            raise Refusal("not_found", "no such entry")
        raise Refusal("conflict", "the entry has ended already", data={"entry": entry})


# --- the order

_RANKS: dict[Order, Callable[[int], int]] = {
    "fifo": lambda helped: 0,
    "fewest_helped": lambda helped: helped,
    "first_timers": lambda helped: min(helped, 1),
}
_WHYS: dict[Order, Why] = {"fifo": "last", "fewest_helped": "fewest_helped", "first_timers": "first_timer"}


def rank_of(memory: QueueMemory, student: str, order: Order) -> int:
    """Return the rank of a student by an order."""
    return _RANKS[order](memory.helped.get(student, 0))


def key_of(memory: QueueMemory, entry: EntryId) -> Key:
    """Return the key of an entry; the number decides between equal turns, which only staff's moves can make."""
    found = memory.entries[entry]
    return found.rank, found.turn, int(entry)


def position_for(memory: QueueMemory, key: Key) -> int:
    """Return the position, from 1, at which an entry of `key` comes to stand in the line."""
    return 1 + sum(key_of(memory, other) < key for other in memory.shown.line)


def why_there(memory: QueueMemory, position: int) -> Why:
    """Return why somebody who comes stands at `position`."""
    last = position == len(memory.shown.line) + 1
    return "last" if last else _WHYS[memory.shown.settings.order]


def returned(here: Here, entry: EntryId, why: Why) -> said.Returned:
    """Return the event by which a claimed entry is back at its place."""
    return said.Returned(entry, position_for(here.memory, key_of(here.memory, entry)), why)


def sorted_by(memory: QueueMemory, order: Order) -> said.Reordered:
    """Return the event by which the line stands in another order."""
    ranks = {entry: rank_of(memory, held.student, order) for entry, held in memory.entries.items()}
    line = sorted(memory.shown.line, key=lambda entry: (ranks[entry], *key_of(memory, entry)[1:]))
    return said.Reordered(tuple(line), "order", ranks)


def pace_after(memory: QueueMemory, talks: Sequence[int]) -> said.Pace | None:
    """Return how long conversations take, those of `talks` (ms) among them; nothing before there are `BASIS_MIN`."""
    known = [*memory.talks, *talks][-TALKS_MAX:]
    if not talks or len(known) < BASIS_MIN:
        return None
    low, _, high = quantiles(known, n=4, method="inclusive")
    return said.Pace(round(low), round(high), len(known))


# --- what follows from events


def preview(here: Here, context: Context, events: Sequence[Any]) -> QueueState:
    """Return what everybody will see after `events`."""
    state = show_queue(here.shown)
    for seq, event in enumerate(events, context.seq):
        reduce_queue(state, Happened(seq, context.now, context.caller.user, event))
    return state


def settle(
    here: Here,
    context: Context,
    events: Sequence[Any],
    *,
    reply: Any = None,
    tells: Sequence[Tell] = (),
    timers: Sequence[At | Disarm] = (),
    evict: tuple[str, ...] = (),
) -> Decision:
    """Return the decision for `events`; whoever stands first now and stood further back before is told so."""
    before, after = head(here.shown), head(preview(here, context, events))
    told = [*tells]
    if after is not None and after != before and after in here.shown.line:
        told.append(tell_next(here.id, here.memory.entries[after].student, after))
    return Decision(tuple(events), reply, tells=tuple(told), timers=tuple(timers), evict=evict)


def ticket_after(
    here: Here, state: QueueState, entry: EntryId, joined: said.Joined | None = None, room: str = ""
) -> Ticket:
    """Return an entry as its student sees it in `state`; `joined` when it is only just made, `room` when just admitted."""
    place, outlook = state.entries[entry], look_out(state, entry)
    known = here.memory.entries.get(entry)
    held, room = known or joined, room or (known.room if known else "")
    return Ticket(
        entry=entry,
        status=place.status,
        position=outlook.position,
        held=place.held,
        estimate=outlook.estimate,
        question=held.question if held else "",
        topic=held.topic if held else "",
        joined=place.joined,
        room=f"room:{room}" if room else "",
    )
