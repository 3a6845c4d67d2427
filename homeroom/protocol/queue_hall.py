"""The hall of a group of queues: who stands in which of them, so that nobody stands in two. Only queues speak to it.

A queue whose students may stand in no other asks the hall before an entry counts; the hall's own order of the claims is
what decides between two that come at once. It also tells the others who stands elsewhere, so that they can refuse at once.
Never here: lines and entries (`queue`).
"""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec import Struct, field

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.ids import Id

QUEUES_MAX = 32
"""Queues of a group that are told who stands elsewhere; claims are decided for any number."""


class Enrol(Struct, frozen=True):
    """A queue belongs to the group."""

    do: ClassVar[str] = "enrol"
    queue: Id


class Withdraw(Struct, frozen=True):
    """A queue belongs to the group no longer."""

    do: ClassVar[str] = "withdraw"
    queue: Id


class TakeStand(Struct, frozen=True):
    """A student wants to stand in a queue; the queue is told `granted` or `denied`."""

    do: ClassVar[str] = "take"
    queue: Id
    student: Id


class GiveUp(Struct, frozen=True):
    """A student stands in a queue no longer."""

    do: ClassVar[str] = "give_up"
    queue: Id
    student: Id


class Enrolled(Struct, frozen=True):
    """A queue belongs to the group."""

    type: ClassVar[str] = "hall.enrolled"
    queue: Id


class Withdrawn(Struct, frozen=True):
    """A queue belongs to the group no longer."""

    type: ClassVar[str] = "hall.withdrawn"
    queue: Id


class Taken(Struct, frozen=True):
    """A student stands in a queue."""

    type: ClassVar[str] = "hall.taken"
    queue: Id
    student: Id


class GivenUp(Struct, frozen=True):
    """A student stands in no queue of the group."""

    type: ClassVar[str] = "hall.given_up"
    student: Id


HALL_EVENTS: tuple[type[Any], ...] = (Enrolled, Withdrawn, Taken, GivenUp)


class HallState(Struct):
    """Who stands in which queue, and the queues that are told of it."""

    standing: dict[str, str] = field(default_factory=dict)
    queues: dict[str, None] = field(default_factory=dict)


def reduce_hall(state: HallState, fact: Happening) -> None:
    """Let `fact` change `state`."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact.event)


_CHANGES: dict[type[Any], Callable[[HallState, Any], Any]] = {
    Enrolled: lambda state, e: state.queues.setdefault(e.queue),
    Withdrawn: lambda state, e: state.queues.pop(e.queue, None),
    Taken: lambda state, e: state.standing.__setitem__(e.student, e.queue),
    GivenUp: lambda state, e: state.standing.pop(e.student, None),
}
