"""The hall of a group of queues: grants each student a stand in one of them.

The queues are told by durable messages, exactly once and in order, so what a queue knows of the others is at most a moment old,
and what the hall decided is final. Never here: what a queue does with its answer.
"""

from collections.abc import Callable
from typing import Any

from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Tell
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.queue import Denied, Elsewhere, Granted
from homeroom.protocol.queue_hall import (
    HALL_EVENTS,
    QUEUES_MAX,
    Enrol,
    Enrolled,
    GivenUp,
    GiveUp,
    HallState,
    Taken,
    TakeStand,
    Withdraw,
    Withdrawn,
    reduce_hall,
)


class Hall(Behaviour[HallState]):
    """One group of queues. Nobody from outside knows of it."""

    @classmethod
    def fresh(cls, id: str) -> HallState:
        """Return a hall in which nobody stands."""
        return HallState()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return nothing: only the system's voice counts here."""
        return frozenset()

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no hall, to everybody."""
        return True

    def decide(self, command: Any, context: Context) -> Decision:
        """Answer a queue; nothing is refused."""
        decide = _DECISIONS.get(type(command))
        return decide(self.state, command) if decide else NOTHING

    def apply(self, fact: Fact) -> None:
        """Let `fact` change who stands where."""
        reduce_hall(self.state, fact)

    def view(self, caller: Caller) -> HallState:
        """Return a copy of the state."""
        return HallState(dict(self.state.standing), dict(self.state.entries), dict(self.state.queues))


def _enrol(hall: HallState, command: Enrol) -> Decision:
    """Tell the queues of each other; one too many is decided for like the others, and told nothing."""
    known = hall.queues.get(command.queue)
    if known == command.term or (known is None and len(hall.queues) >= QUEUES_MAX):
        return NOTHING
    there = {student: queue for student, queue in hall.standing.items() if queue != command.queue}
    tells = (Tell(f"queue:{command.queue}", Elsewhere(command.term, there)),) if there else ()
    return Decision((Enrolled(command.queue, command.term),), tells=tells)


def _withdraw(hall: HallState, command: Withdraw) -> Decision:
    return Decision((Withdrawn(command.queue),)) if command.queue in hall.queues else NOTHING


def _take(hall: HallState, command: TakeStand) -> Decision:
    """Grant the first; a queue that asks again gets the same answer, and by a newer entry of its own the student stands as well."""
    there, queue = hall.standing.get(command.student), f"queue:{command.queue}"
    if there is not None and there != command.queue:
        return Decision(tells=(Tell(queue, Denied(command.entry, there)),))
    granted = Tell(queue, Granted(command.entry))
    if hall.entries.get(command.student) == command.entry:
        return Decision(tells=(granted,))
    told = _tell_others(hall, command.queue, there={command.student: command.queue}) if there is None else ()
    return Decision((Taken(command.queue, command.student, command.entry),), tells=(granted, *told))


def _give_up(hall: HallState, command: GiveUp) -> Decision:
    """Free a student of the entry by which it stands; the word of another queue, or about another entry, counts for nothing."""
    stand = hall.standing.get(command.student), hall.entries.get(command.student)
    if stand != (command.queue, command.entry):
        return NOTHING
    told = _tell_others(hall, command.queue, gone=(command.student,))
    return Decision((GivenUp(command.student),), tells=told)


def _tell_others(hall: HallState, queue: str, **news: Any) -> tuple[Tell, ...]:
    """Return what all other queues of the group are told, each in its own term."""
    others = ((other, term) for other, term in hall.queues.items() if other != queue)
    return tuple(Tell(f"queue:{other}", Elsewhere(term, **news)) for other, term in others)


_DECISIONS: dict[type[Any], Callable[[HallState, Any], Decision]] = {
    Enrol: _enrol,
    Withdraw: _withdraw,
    TakeStand: _take,
    GiveUp: _give_up,
}

HALL = Kind(
    name="hall",
    plural="halls",
    behaviour=Hall,
    state=HallState,
    verbs=tuple(Verb(command, SYSTEM_ONLY, None, "control") for command in (Enrol, Withdraw, TakeStand, GiveUp)),
    events=HALL_EVENTS,
    watch=SYSTEM_ONLY,
    version=2,
)
"""Version 2 remembers entries and terms; there is no upgrade of a snapshot, the journal tells them."""
