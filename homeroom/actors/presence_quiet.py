"""Whether the inbox of a person is to be silent: `dnd` holds back all notices but the urgent ones (requirements 1.9 #6).

The inbox is told when that changes, and only then. What was chosen unseen is of this life only (`presence`), while the silence
of an inbox is durable; so a silence, or the lack of one, that rests on such a choice is looked at again every `LOOK_MS`, also after
a crash: what was kept stands again then, and the inbox is told so. Nobody who follows the presence sees any of this.
Never here: what was chosen, and what an inbox does in silence (`inbox_silence`).
"""

from dataclasses import replace
from typing import Any

from homeroom.engine.behaviour import At, Decision, Disarm, Fired, Tell
from homeroom.protocol.inbox import FOREVER, Hush, Unhush
from homeroom.protocol.presence import Own, PresenceChanged

QUIET = "quiet"
"""The deadline at which a silence that rests on an unkept choice is looked at again."""
LOOK_MS = 600_000


class Quiet:
    """What the inbox of one person was told in this life; volatile. `kept` is the durable choice that the life began with."""

    __slots__ = ("_borrowed", "_told", "_user")

    def __init__(self, user: str, kept: Own) -> None:
        self._user = user
        self._told = _is_quiet(kept)
        self._borrowed = False  # what was told rests on a choice that is not kept

    def keep(self, decision: Decision, kept: Own, unkept: Own | None, command: Any, now: int) -> Decision:
        """Return `decision` with what the inbox is to be told; `kept` is durable before it, `unkept` holds instead, if there is one.

        When the deadline comes in a life that knows of no unkept choice, the inbox is told what is kept.
        """
        kept = next(filter(None, (e.own for e in decision.events if isinstance(e, PresenceChanged))), kept)
        wanted = _is_quiet(unkept or kept)
        borrowed, due = wanted != _is_quiet(kept), isinstance(command, Fired) and command.key == QUIET
        tells = (self._tell(wanted),) if wanted != self._told or (due and not borrowed) else ()
        timers = self._look_again(now, borrowed=borrowed, due=due)
        self._told, self._borrowed = wanted, borrowed
        if not tells and not timers:
            return decision
        return replace(decision, tells=(*decision.tells, *tells), timers=(*decision.timers, *timers))

    def _look_again(self, now: int, *, borrowed: bool, due: bool) -> tuple[At | Disarm, ...]:
        if borrowed:
            return (At(QUIET, now + LOOK_MS),) if due or not self._borrowed else ()
        return (Disarm(QUIET),) if self._borrowed and not due else ()

    def _tell(self, quiet: bool) -> Tell:
        by = f"presence:{self._user}"
        return Tell(f"inbox:{self._user}", Hush(by, FOREVER) if quiet else Unhush(by))


def _is_quiet(own: Own) -> bool:
    return own.chosen == "dnd"
