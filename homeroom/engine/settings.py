"""The figures of the engine: its limits, its patience, and how it supervises. Never here: where they come from (`config`)."""

from dataclasses import dataclass, field
from enum import Enum


class Restart(Enum):
    """When an ended child is started again, in OTP's words."""

    PERMANENT = "permanent"
    """Always: the engine's own services."""
    TRANSIENT = "transient"
    """After a crash only: actors, whose regular end is sleep."""
    TEMPORARY = "temporary"
    """Never: errands such as a look-up or a feeder."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one child is supervised; always one_for_one, since one failure never touches another.

    More than `intensity` crashes within `period_s` suspend the child for `cooldown_s`; fewer are answered by a restart, the
    first at once, the next after `backoff_s` doubling up to `backoff_max_s`, with full jitter on the upper half.
    """

    restart: Restart = Restart.TRANSIENT
    intensity: int = 5
    period_s: float = 10.0
    backoff_s: float = 0.02
    backoff_max_s: float = 0.5
    cooldown_s: float = 10.0


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine's figures. Counts unless the name ends in `_s` (seconds), `_ms` (milliseconds) or `_bytes`.

    `mailbox`: posts that may wait at one actor; `batch`: posts a turn; `ring`: recent events an actor keeps for those who
    come back, until nobody has looked at an actor where nothing has happened for `ring_idle_s`; `replay_events`: further behind than this gets a snapshot; `page_*`: one step of a feeder;
    `snapshot_events`: events between snapshots; `receipt_*`: what deduplication keeps in memory (the journal keeps all);
    `quarantine_after`: crashes of one command before it is not run any more; `horizon_s`: how far ahead deadlines are held
    in memory; `sweep_s`: how often idle actors are looked for; `messages`: durable messages held in memory.
    """

    mailbox: int = 1_000
    batch: int = 256
    ring: int = 512
    ring_idle_s: float = 5.0
    replay_events: int = 10_000
    page_events: int = 256
    page_bytes: int = 131_072
    snapshot_events: int = 300
    receipt_clients: int = 256
    receipts_per_client: int = 8
    quarantine_after: int = 3
    quarantine_actors: int = 1_000
    horizon_s: float = 60.0
    sweep_s: float = 1.0
    drain_s: float = 5.0
    look_ups: int = 64
    messages: int = 10_000
    retry_ms: int = 500
    overload_retry_ms: int = 250
    reload_max_s: float = 1.0
    actors: Strategy = field(default_factory=Strategy)
    services: Strategy = field(default_factory=lambda: Strategy(restart=Restart.PERMANENT, cooldown_s=1.0))


DEFAULTS = EngineSettings()
"""The figures without configuration."""
