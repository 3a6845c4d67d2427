"""A person as all leaderboards know it: one choice of alias and of being shown, told to every board that the person is on.

Its id is the user's. Boards speak to it by durable messages, in order and exactly once, so a board that asks while a choice is
made hears of that choice either in the answer or after it. Nobody else hears of it: it would give an alias away.
Never here: whether an alias is free, which each board decides for itself (`board`).
"""

from typing import Any

from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Tell
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol.access import SYSTEM_ONLY
from homeroom.protocol.board import Choose
from homeroom.protocol.board_persona import (
    BOARDS_MAX,
    PERSONA_EVENTS,
    Meet,
    Met,
    PersonaState,
    Prefer,
    Preferred,
    reduce_persona,
)


class Persona(Behaviour[PersonaState]):
    """One person. Nobody from outside knows of it."""

    @classmethod
    def fresh(cls, id: str) -> PersonaState:
        """Return somebody who is on no board and chose nothing."""
        return PersonaState()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return nothing: only the system's voice counts here."""
        return frozenset()

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such thing, to everybody."""
        return True

    def decide(self, command: Any, context: Context) -> Decision:
        """Answer a board; nothing is refused."""
        if isinstance(command, Meet):
            return self._meet(command)
        return self._prefer(command) if isinstance(command, Prefer) else NOTHING

    def apply(self, fact: Fact) -> None:
        """Let `fact` change what is known."""
        reduce_persona(self.state, fact)

    def view(self, caller: Caller) -> PersonaState:
        """Return a copy of the state."""
        return PersonaState(self.state.alias, self.state.out, dict(self.state.boards))

    def _meet(self, command: Meet) -> Decision:
        """Answer with what was chosen; a board too many is not answered, and goes on showing nobody."""
        met = self._met(command.board)
        if command.board not in self.state.boards and not met:
            return NOTHING
        return Decision(met, tells=(self._tell(command.board, self.state.alias, self.state.out),))

    def _prefer(self, command: Prefer) -> Decision:
        """Tell all boards of a choice; the same one again is told to the board where it was made alone."""
        state = self.state
        alias = state.alias if command.alias is None else command.alias
        out = state.out if command.out is None else command.out
        met = self._met(command.board)
        if (alias, out) == (state.alias, state.out):
            return Decision(met, tells=(self._tell(command.board, alias, out),)) if met else NOTHING
        boards = dict.fromkeys((*state.boards, *(one.board for one in met)))
        return Decision((*met, Preferred(alias, out)), tells=tuple(self._tell(board, alias, out) for board in boards))

    def _met(self, board: str) -> tuple[Met, ...]:
        boards = self.state.boards
        return () if board in boards or len(boards) >= BOARDS_MAX else (Met(board),)

    def _tell(self, board: str, alias: str, out: bool) -> Tell:
        return Tell(f"board:{board}", Choose(self.id, alias, out))


PERSONA = Kind(
    name="persona",
    plural="personas",
    behaviour=Persona,
    state=PersonaState,
    verbs=tuple(Verb(command, SYSTEM_ONLY, None, "control") for command in (Meet, Prefer)),
    events=PERSONA_EVENTS,
    watch=SYSTEM_ONLY,
)
