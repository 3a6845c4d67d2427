"""The engine's own words to an actor, beside the posts of `envelope`: read, replay, restate, rest.

They wait in the mailbox like any post, so they see the actor between turns, when its state is durable.
Never here: what the actor does with them (`actor`, `desk`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Cursor, Reply, Watch
from homeroom.engine.journal import Record


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a stream for one reader: the `state` (a snapshot) or the `events` after its cursor, up to `seq`.

    `events` are bytes made by `Wire.event`; `more` says that later ones exist already.
    """

    epoch: str
    seq: int
    state: Any = None
    events: Sequence[bytes] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer to `Read` when the events after `after`, up to `upto`, must be fetched from the journal first."""

    after: int
    upto: int


@dataclass(frozen=True, slots=True)
class Read:
    """Catch up once, without subscribing. `records`: the missing ones, when they had to be fetched.

    `far`: the events themselves are wanted, however many there are behind the cursor, and never a snapshot instead.
    """

    caller: Caller
    since: Cursor | None
    limit: int
    reply: Callable[[Page | Missing | Refusal], None]
    records: Sequence[Record] | None = None
    far: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """A page of missed events, those after `after`, for a subscriber that a feeder serves.

    The answer is the number up to which events were pushed, or `None` when the outlet has been joined to the stream and the
    feeder is done.
    """

    watch: Watch
    after: int
    records: Sequence[Record]
    reply: Callable[[int | Refusal | None], None]

    @property
    def caller(self) -> Caller:
        """Return who is looking."""
        return self.watch.caller


@dataclass(frozen=True, slots=True)
class Restate:
    """Write the rows of read models that follow from the state alone, then sleep unless somebody is there."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Rest:
    """Sleep, if nothing speaks against it; `now` also with watchers and timers: the engine is being drained."""

    now: bool = False


Word = Read | Replay | Restate | Rest
