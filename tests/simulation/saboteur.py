"""Crashes on purpose: the real behaviours, which now and then raise in the middle of deciding, applying or showing.

Rules of this file: one command crashes its actor at most twice, so that it is never taken for poison; what says `POISON`
always crashes, so that it is. Never here: the actors' own logic.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Behaviour, Caller, Consult, Context, Decision, Fact, Recall
from homeroom.engine.kind import Kind
from tests.simulation.trace import Trace

POISON = "poison"
TWICE = 2
POISON_TAKEN = 3
"""So often a poisonous command may be run before it is quarantined."""


class Sabotage(Exception):
    """An actor's own code raised, as far as the engine can tell."""


class Saboteur:
    """Decides where it crashes. `share` of all calls, while it is at work."""

    def __init__(self, chance: Random, trace: Trace) -> None:
        self.share = 0.0
        self.poisoned: Counter[tuple[int, str, str]] = Counter()
        """How often each poisonous command was run: by life, address and text."""
        self.life = 0
        self._chance = chance
        self._trace = trace
        self._strikes: Counter[tuple[str, str, str]] = Counter()

    def strike(self, where: str, address: str, thing: Any) -> None:
        """Raise `Sabotage`, or do nothing."""
        if not self.share or self._chance.random() >= self.share:
            return
        what = repr(thing)
        if self._strikes[where[:4], address, what] < TWICE:
            self._strikes[where[:4], address, what] += 1
            self._trace.note("saboteur", f"{where} {address} {what}")
            raise Sabotage(f"{where} {address}")

    def taste(self, address: str, command: Any) -> None:
        """Raise `Sabotage` for poison."""
        text = getattr(command, "text", "")
        if text.startswith(POISON):
            self.poisoned[self.life, address, text] += 1
            raise Sabotage(text)

    def sabotage(self, kind: Kind) -> Kind:
        """Return `kind` with a behaviour that this saboteur can reach."""
        return replace(kind, behaviour=_sabotaged(kind.name, kind.behaviour, self))

    def sabotage_all(self) -> tuple[Kind, ...]:
        """Return all kinds, sabotaged."""
        return tuple(map(self.sabotage, KINDS))


def _sabotaged(kind: str, base: type[Behaviour[Any]], saboteur: Saboteur) -> type[Behaviour[Any]]:
    class Sabotaged(base):  # type: ignore[misc, valid-type] # a class made from a value
        """The behaviour, within reach."""

        _command: Any = ""

        @property
        def _address(self) -> str:
            return f"{kind}:{self.id}"

        def decide(self, command: Any, context: Context) -> Decision | Recall | Consult:
            saboteur.taste(self._address, command)
            self._command = command
            saboteur.strike("decide", self._address, self._command)
            return super().decide(command, context)  # type: ignore[no-any-return] # the base is a value

        def apply(self, fact: Fact) -> None:
            super().apply(fact)
            saboteur.strike("decide+apply", self._address, self._command or f"({fact.seq})")

        def project(self, fact: Fact) -> Iterable[Any]:
            saboteur.strike("decide+project", self._address, self._command)
            return super().project(fact)  # type: ignore[no-any-return] # the same

        def view(self, caller: Caller) -> Any:
            saboteur.strike("show", self._address, caller.user)
            return super().view(caller)

        def show(self, fact: Fact, caller: Caller) -> Any:
            saboteur.strike("show", self._address, caller.user)
            return super().show(fact, caller)

        def wake(self, context: Context) -> Decision:
            saboteur.strike("wake", self._address, "")
            return super().wake(context)  # type: ignore[no-any-return] # the same

    return Sabotaged
