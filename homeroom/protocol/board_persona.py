"""What a person chose for all leaderboards at once: by which name to go, and whether to be on any. Only boards speak to it.

A board asks when somebody new scores there, and shows nobody before it was answered; so a choice made on one board holds on
those too that the person comes to later. Never here: a board's own words (`board`).
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.ids import Id

BOARDS_MAX = 300
"""Boards on which a person can be; on further ones it is counted and not shown."""
ALIAS_MAX = 40
Alias = Annotated[str, Meta(max_length=ALIAS_MAX)]


class Meet(Struct, frozen=True):
    """A person has points on a board for the first time; the board is told what was chosen, also when that is nothing."""

    do: ClassVar[str] = "meet"
    board: Id


class Prefer(Struct, frozen=True, omit_defaults=True):
    """A person chose on a board; all its boards are told. What is `None` stays."""

    do: ClassVar[str] = "prefer"
    board: Id
    alias: Alias | None = None
    out: bool | None = None


class Met(Struct, frozen=True):
    """The person is on a board."""

    type: ClassVar[str] = "persona.met"
    board: Id


class Preferred(Struct, frozen=True):
    """The person goes by an alias (empty: by its name) on all boards, or is `out` of all."""

    type: ClassVar[str] = "persona.preferred"
    alias: Alias
    out: bool


PERSONA_EVENTS: tuple[type[Any], ...] = (Met, Preferred)


class PersonaState(Struct):
    """What a person chose, and the boards that are told."""

    alias: Alias = ""
    out: bool = False
    boards: dict[str, None] = field(default_factory=dict)


def reduce_persona(state: PersonaState, fact: Happening) -> None:
    """Let `fact` change `state`."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact.event)


def _preferred(state: PersonaState, e: Preferred) -> None:
    state.alias, state.out = e.alias, e.out


_CHANGES: dict[type[Any], Callable[[PersonaState, Any], Any]] = {
    Met: lambda state, e: state.boards.setdefault(e.board),
    Preferred: _preferred,
}
