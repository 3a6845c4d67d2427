"""What the staff of an exam follow beside it: how far each student is, which students must not see of each other.

The progress itself is ephemeral and comes from each sitting (`sitting_events.SittingProgress`), coalesced, the newest of each student;
whoever subscribes gets the newest at once. Never here: what the exam as a whole tells (`exam_events`).
"""

from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.exam import Title
from homeroom.protocol.exam_messages import Staff
from homeroom.protocol.sitting_events import SittingProgress


class ProctorsSet(Struct, frozen=True, omit_defaults=True):
    """These watch over the exam."""

    type: ClassVar[str] = "proctor.staff_set"
    title: Title
    staff: Staff = ()


PROCTOR_EVENTS: tuple[type[Any], ...] = (ProctorsSet, SittingProgress)


class ProctorState(Struct):
    """The exam's title, and who watches over it; progress comes as `proctor.progressed`."""

    title: str = ""
    staff: tuple[str, ...] = ()


def reduce_proctor(state: ProctorState, fact: Happening) -> None:
    """Let `fact` change `state`; progress changes nothing of it."""
    if isinstance(fact.event, ProctorsSet):
        state.title, state.staff = fact.event.title, fact.event.staff


def show_proctor(state: ProctorState) -> ProctorState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(state)
