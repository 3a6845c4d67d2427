"""What all channels share: made once by `Channels`. Never here: anything that belongs to one channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channel_door import ChannelDoor, Sight
from homeroom.engine.channel_log import ChannelLog
from homeroom.engine.clock import Clock
from homeroom.engine.envelope import Cursor
from homeroom.engine.errors import overloaded, unavailable
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal, JournalError, Record
from homeroom.engine.settings import EngineSettings
from homeroom.engine.supervisor import Supervisor
from homeroom.engine.wire import Wire


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """`looks`: questions to the door at a time, and `waiting`: that may wait for their turn; beyond it `overloaded`.

    `recheck_s`: how often those who follow are looked at again; `patience_s`: how long a look waits for what came before it to be shown.
    """

    looks: int = 3
    waiting: int = 5_000
    recheck_s: float = 2.0
    patience_s: float = 3.0


@dataclass(slots=True)
class ChannelServices:
    """The parts, and what is asked of them in the same way everywhere. `epoch` is known once the channels run."""

    log: ChannelLog
    door: ChannelDoor
    journal: Journal
    wire: Wire
    hub: Hub
    clock: Clock
    random: Random
    supervisor: Supervisor
    engine: EngineSettings
    settings: ChannelSettings
    epoch: str = ""
    turns: trio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        """Let nobody be looked at yet."""
        self.turns = trio.CapacityLimiter(self.settings.looks)

    async def look(self, address: str, caller: Caller) -> Sight:
        """Return what `caller` may see of a channel; raises `Refusal`, `overloaded` when too many wait for that."""
        if self.turns.statistics().tasks_waiting >= self.settings.waiting:
            raise overloaded(self.engine.overload_retry_ms)
        async with self.turns:
            return await self.door.look(address, caller)

    async def page(self, stream: str, after: int, upto: int, limit: int) -> list[bytes]:
        """Return stored events as they are shown, behind `after`, up to about the bytes of a page, at least one if there is one.

        Raises `Refusal` `unavailable`.
        """
        try:
            records = await self.journal.read(stream, after, upto, limit)
        except JournalError:
            raise self.unavailable() from None
        return self._fit(records)

    async def review(self, caller: Caller, events: Sequence[bytes]) -> Sequence[bytes]:
        """Return events of the past as `caller` may be shown them now; raises `Refusal`."""
        if not events:
            return events
        async with self.turns:
            return await self.door.review(caller, events)

    def resumable(self, since: Cursor | None, head: int) -> int | None:
        """Return the number after which to go on, `None` when only a snapshot helps."""
        if since is None or since[0] != self.epoch:
            return None
        return since[1] if 0 <= head - since[1] <= self.engine.replay_events else None

    def unavailable(self) -> Refusal:
        """Return the answer while nobody can tell."""
        return unavailable(self.engine.retry_ms)

    def _fit(self, records: Sequence[Record]) -> list[bytes]:
        shown: list[bytes] = []
        room = self.engine.page_bytes
        for record in records:
            shown.append(self.wire.event(record.type, record.at, record.by, record.body))
            room -= len(shown[-1])
            if room <= 0:
                break
        return shown
