"""Channels around a memory journal, with a door that the test opens and shuts; for the tests of channels."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import trio

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.channel_door import Follower, Sight
from homeroom.engine.channel_log import ChannelLog
from homeroom.engine.channel_log_memory import MemoryChannelLog
from homeroom.engine.channel_services import ChannelSettings
from homeroom.engine.channels import Channels
from homeroom.engine.clock import TrioClock
from homeroom.engine.envelope import Cursor, Joined, Watch
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal
from homeroom.engine.journal_memory import Fate, MemoryJournal, MemoryStore
from homeroom.engine.posted import Posted
from homeroom.engine.settings import DEFAULTS, EngineSettings
from homeroom.engine.waiter import Waiter
from homeroom.protocol.announce import Announce
from homeroom.protocol.stored import MsgpackFrames, StoredWire
from tests.engine.trial import ADA, START_MS, Sink

CLASS = "class:10a"
KINDS = ("class", "table")
SETTINGS = ChannelSettings()


@dataclass
class Door:
    """Grants all but `shut`; the state of a channel is the sum of what its events added.

    While `hold` is there, an answer that was found waits for it; so does a review for `reviewing`. So many reviews are `failing`.
    """

    journal: Journal
    log: ChannelLog
    wire: StoredWire
    shut: dict[str, str] = field(default_factory=dict)
    hold: trio.Event | None = None
    looks: int = 0
    taken_back: set[int] = field(default_factory=set)
    """What is added by events that nobody may see any more: they are shown without it."""
    reviews: int = 0
    reviewing: trio.Event | None = None
    failing: int = 0
    broken: Exception | None = None

    async def look(self, address: str, caller: Caller) -> Sight:
        self.looks += 1
        if self.broken is not None:
            raise self.broken
        refusal = self.shut.get(caller.user)
        seq = (await self.log.heads([address]))[address]
        records = await self.journal.read(address, 0, seq, seq)
        total = sum(self.wire.decode_plain(record.body)["n"] for record in records)
        if self.hold is not None:
            await self.hold.wait()
        if refusal is not None:
            raise Refusal(refusal, "shut")
        return Sight({"total": total}, seq)

    async def lost(self, followers: Collection[Follower]) -> Mapping[Follower, str]:
        await trio.lowlevel.checkpoint()
        return {follower: self.shut[follower.user] for follower in followers if follower.user in self.shut}

    async def review(self, caller: Caller, events: Sequence[bytes]) -> Sequence[bytes]:
        self.reviews += 1
        await trio.lowlevel.checkpoint()
        if self.failing:
            self.failing -= 1
            raise Refusal("unavailable", "nobody can tell", retry_ms=1)
        if self.reviewing is not None:
            await self.reviewing.wait()
        return [self._seen(event) for event in events]

    def _seen(self, event: bytes) -> bytes:
        told = self.wire.decode_plain(event)
        if told["d"]["n"] not in self.taken_back:
            return event
        return self.wire.event(told["type"], told["at"], told["by"], self.wire.encode({}))


@dataclass
class ChannelHouse:
    """Channels that run until the nursery ends, or `stop` ends them."""

    nursery: trio.Nursery
    settings: ChannelSettings = SETTINGS
    engine: EngineSettings = DEFAULTS
    store: MemoryStore = field(default_factory=lambda: MemoryStore(start_ms=START_MS))
    fates: list[tuple[str, Fate]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    """Streams of what there is not."""

    async def start(self) -> "ChannelHouse":
        self.wire = StoredWire()
        self.journal = MemoryJournal(self.store, self._fate)
        self.log = MemoryChannelLog(self.store, self._fate)
        self.door = Door(MemoryJournal(self.store), MemoryChannelLog(self.store), self.wire)
        self.hub = Hub({"msgpack": MsgpackFrames()})
        self.clock = TrioClock(START_MS)
        self.channels = Channels(
            KINDS,
            self.log,
            self.door,
            self.journal,
            self.wire,
            hub=self.hub,
            announce=Announce,
            clock=self.clock,
            random=Random(7),
            settings=self.settings,
            engine=self.engine,
            hears=lambda stream: stream not in self.unknown,
        )
        self.scope = trio.CancelScope()
        await self.nursery.start(self.hub.run)
        await self.nursery.start(self._run)
        return self

    async def _run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self.scope:
            await self.channels.run(task_status=task_status)

    def _fate(self, method: str, stream: str) -> Fate:
        for index, (name, fate) in enumerate(self.fates):
            if name == method:
                del self.fates[index]
                return fate
        return Fate()

    def append(self, *numbers: int, to: str = CLASS) -> Posted:
        """Append an event for each number, as one transaction of records does; nobody is told yet."""
        bodies = [self.wire.encode({"n": number}) for number in numbers]
        place = self.log.append(to, "class.added", self.clock.now(), "eve", *bodies)
        events = [self.wire.event("class.added", place.at, "eve", body) for body in bodies]
        return Posted(to, place.seq, events)

    def post(self, *numbers: int, to: str = CLASS) -> None:
        """Append, and tell the channels."""
        self.channels.publish(self.append(*numbers, to=to))

    async def watch(
        self, sink: Sink, since: Cursor | None = None, caller: Caller = ADA, to: str = CLASS
    ) -> Joined | Refusal:
        return await self.watching(sink, since, caller, to).wait()

    def watching(
        self, sink: Sink, since: Cursor | None = None, caller: Caller = ADA, to: str = CLASS
    ) -> Waiter[Joined | Refusal]:
        waiter: Waiter[Joined | Refusal] = Waiter()
        self.channels.ref(to).tell(Watch(sink, caller, since, waiter.take))
        return waiter

    async def joined(self, sink: Sink, since: Cursor | None = None, caller: Caller = ADA, to: str = CLASS) -> Joined:
        answer = await self.watch(sink, since, caller, to)
        assert isinstance(answer, Joined), answer
        return answer

    def total(self, answer: Joined, sink: Sink) -> int:
        """Return what a client has that was given a snapshot and the events behind it."""
        added: Any = sum(event["d"]["n"] for event in sink.events)
        total: int = answer.state["total"] + added
        return total
