"""What every actor shares with all others: made once by the engine, handed to each actor.

Never here: anything that belongs to one actor.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from homeroom.engine.behaviour import Belongs, Guardians, Knows, Members, Refusal
from homeroom.engine.clock import Clock
from homeroom.engine.courier import Courier
from homeroom.engine.envelope import Post
from homeroom.engine.errors import overloaded, unavailable
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal
from homeroom.engine.named import Strangers
from homeroom.engine.quarantine import Quarantine
from homeroom.engine.settings import EngineSettings
from homeroom.engine.statistics import Counters
from homeroom.engine.supervisor import Supervisor
from homeroom.engine.timers import Timers
from homeroom.engine.words import Word


@dataclass(slots=True)
class Services:
    """The engine as an actor sees it. `epoch` is known once the engine runs; `look_ups` are those under way."""

    journal: Journal
    hub: Hub
    clock: Clock
    random: Random
    settings: EngineSettings
    counters: Counters
    quarantine: Quarantine
    supervisor: Supervisor
    timers: Timers
    courier: Courier
    start: Callable[[str, Callable[[], Awaitable[None]]], None]
    """Run an errand beside the actors: its name for the log, and the work."""
    guardians: Guardians
    members: Members
    knows: Knows
    belongs: Belongs
    strangers: Strangers
    epoch: str = ""
    draining: bool = False
    look_ups: int = 0

    def unavailable(self) -> Refusal:
        """Return the answer while the journal or the owner is away."""
        return unavailable(self.settings.retry_ms)

    def overloaded(self) -> Refusal:
        """Return the answer of something full."""
        return overloaded(self.settings.overload_retry_ms)


def refuse(post: Post | Word, refusal: Refusal) -> None:
    """Answer a post that will not be looked at; those without a way back come again by themselves."""
    reply = getattr(post, "reply", None)
    if reply is not None:
        reply(refusal)
