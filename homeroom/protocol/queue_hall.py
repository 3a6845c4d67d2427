"""The hall of a group of queues: who stands in which of them, so that nobody stands in two. Only queues speak to it.

A queue whose students may stand in no other asks the hall before an entry counts; the hall's own order of the claims is
what decides between two that come at once. It also tells the others who stands elsewhere, so that they can refuse at once.
Much may happen while a word is under way, so each names what it is about: the entry (numbers never come again), or the `term` of the
queue in the group, which is the number of the queue's event that began it. What is about another entry or term counts for nothing.
Never here: lines and entries (`queue`).
"""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec import Struct, field

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.ids import Id, Seq
from homeroom.protocol.queue import EntryId

QUEUES_MAX = 32
"""Queues of a group that are told who stands elsewhere; claims are decided for any number."""


class Enrol(Struct, frozen=True):
    """A queue belongs to the group."""

    do: ClassVar[str] = "enrol"
    queue: Id
    term: Seq


class Withdraw(Struct, frozen=True):
    """A queue belongs to the group no longer."""

    do: ClassVar[str] = "withdraw"
    queue: Id


class TakeStand(Struct, frozen=True):
    """A student wants to stand in a queue, by an entry; the queue is told `granted` or `denied`."""

    do: ClassVar[str] = "take"
    queue: Id
    student: Id
    entry: EntryId


class GiveUp(Struct, frozen=True):
    """An entry has ended; its student stands in the queue no longer, unless by another one."""

    do: ClassVar[str] = "give_up"
    queue: Id
    student: Id
    entry: EntryId


class Enrolled(Struct, frozen=True):
    """A queue belongs to the group."""

    type: ClassVar[str] = "hall.enrolled"
    queue: Id
    term: Seq


class Withdrawn(Struct, frozen=True):
    """A queue belongs to the group no longer."""

    type: ClassVar[str] = "hall.withdrawn"
    queue: Id


class Taken(Struct, frozen=True):
    """A student stands in a queue, by this entry."""

    type: ClassVar[str] = "hall.taken"
    queue: Id
    student: Id
    entry: EntryId


class GivenUp(Struct, frozen=True):
    """A student stands in no queue of the group."""

    type: ClassVar[str] = "hall.given_up"
    student: Id


HALL_EVENTS: tuple[type[Any], ...] = (Enrolled, Withdrawn, Taken, GivenUp)


class HallState(Struct):
    """Who stands in which queue and by which entry, and the queues that are told of it, with their terms."""

    standing: dict[str, str] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)


def reduce_hall(state: HallState, fact: Happening) -> None:
    """Let `fact` change `state`."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact.event)


def _taken(state: HallState, e: Taken) -> None:
    state.standing[e.student], state.entries[e.student] = e.queue, e.entry


def _given_up(state: HallState, e: GivenUp) -> None:
    state.standing.pop(e.student, None)
    state.entries.pop(e.student, None)


_CHANGES: dict[type[Any], Callable[[HallState, Any], Any]] = {
    Enrolled: lambda state, e: state.queues.__setitem__(e.queue, e.term),
    Withdrawn: lambda state, e: state.queues.pop(e.queue, None),
    Taken: _taken,
    GivenUp: _given_up,
}
