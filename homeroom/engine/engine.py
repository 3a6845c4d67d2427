"""The engine as its users see it: give it kinds, a journal and a hub, run it, and ask for refs.

    ref.tell ─► registry ─► actor ─► journal
                   ▲          │ └──► hub ─► outlets
       timers ─────┤          ▼
       courier ────┴── messages, deadlines

Rules of this file: composition only; each part is found in the file of its name. Never here: the hub's own task, which
belongs to whoever made the hub.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any

import structlog
import trio

from homeroom.engine.behaviour import (
    Belongs,
    Guardians,
    Knows,
    Lookup,
    Members,
    Refusal,
    belongs_nowhere,
    nobody,
    nobody_there,
    nowhere,
)
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.clock import Clock
from homeroom.engine.courier import Courier, Deliver
from homeroom.engine.envelope import Due, Reply
from homeroom.engine.hub import Hub
from homeroom.engine.journal import Journal, Message
from homeroom.engine.kind import Kind
from homeroom.engine.look_up import look_up_everywhere
from homeroom.engine.named import Strangers, no_strangers
from homeroom.engine.quarantine import Quarantine
from homeroom.engine.ref import ActorRef
from homeroom.engine.registry import Registry
from homeroom.engine.services import Services
from homeroom.engine.settings import DEFAULTS, EngineSettings
from homeroom.engine.statistics import Counters, summarise
from homeroom.engine.supervisor import Supervisor
from homeroom.engine.timers import Timers
from homeroom.engine.wire import Wire

log = structlog.get_logger("homeroom.engine")

NOWHERE: Mapping[str, Deliver] = MappingProxyType({})
"""No kinds but those of actors."""


class Engine:
    """All actors of one node. Made once, run once."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        journal: Journal,
        wire: Wire,
        hub: Hub,
        *,
        clock: Clock,
        random: Random,
        settings: EngineSettings = DEFAULTS,
        guardians: Guardians = nobody,
        members: Members = nobody_there,
        knows: Knows = nowhere,
        belongs: Belongs = belongs_nowhere,
        strangers: Strangers = no_strangers,
        beyond: Mapping[str, Deliver] = NOWHERE,
    ) -> None:
        """Make an engine that does not run yet; `beyond` takes actors' messages to kinds that are no actors."""
        counters = Counters()
        self._beyond = beyond
        self._nursery: trio.Nursery | None = None
        self._drained = trio.Event()
        self._timers = Timers(journal, clock, random, settings.horizon_s, self._post)
        self._courier = Courier(journal, random, settings, counters, self._deliver)
        self._services = Services(
            journal=journal,
            hub=hub,
            clock=clock,
            random=random,
            settings=settings,
            counters=counters,
            quarantine=Quarantine(settings.quarantine_after, settings.quarantine_actors),
            supervisor=Supervisor(random, counters),
            timers=self._timers,
            courier=self._courier,
            start=self._start_errand,
            guardians=guardians,
            members=members,
            knows=knows,
            belongs=belongs,
            strangers=strangers,
        )
        told = guardians if beyond else None  # without channels nobody is told
        self._registry = Registry({kind.name: Blueprint(kind, wire, told) for kind in kinds}, self._services)

    @property
    def epoch(self) -> str:
        """Return the name of this history, known once the engine runs."""
        return self._services.epoch

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until drained or cancelled.

         1. read the epoch, the deadlines that waited for this start, and the messages under way: raises `Unavailable`;
         2. wake the actors of those deadlines, so that they fire before anything else;
         3. start the timers, the courier and the search for idle actors; started;
         4. actors come and go.

        Cancelled: every waiting post is answered `unavailable`; nothing acknowledged is lost.
        """
        services = self._services
        services.epoch = await services.journal.epoch()
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await self._start(nursery)
                    task_status.started()
                    await self._drained.wait()
                finally:
                    self._registry.shut()
                nursery.cancel_scope.cancel()
        finally:
            self._registry.close()

    def ref(self, address: str) -> ActorRef:
        """Return the way to an actor, asleep or awake; raises `Refusal("not_found")` for an unknown kind."""
        self._registry.blueprint(address)
        return ActorRef(address, self._registry)

    def awake(self, kind: str) -> list[str]:
        """Return the ids of the actors of a kind that are awake now, in any order."""
        return self._registry.awake(kind)

    async def look_up(self, lookup: Lookup) -> Any:
        """Return what a question to the read models of all streams finds, past their actors; raises `Refusal`."""
        return await look_up_everywhere(self._services, lookup)

    def carry(self, messages: Sequence[Message]) -> None:
        """Carry messages to actors that somebody else has made durable beside the journal; one that is not handed over here comes at the next start."""
        self._courier.send(messages)

    def retained(self, stream: str) -> Mapping[str, bytes]:
        """Return the signals of a stream that still hold, by key, as they stand in a frame."""
        return self._services.hub.retained(stream)

    async def drain(self) -> None:
        """Stop taking posts, finish what waits in the mailboxes, keep snapshots, and end `run`; within `drain_s` seconds."""
        with trio.move_on_after(self._services.settings.drain_s) as scope:
            await self._registry.drain()
        if scope.cancelled_caught:
            log.warning("drain cut short", actors=len(self._registry))
        self._drained.set()

    def pace(self) -> Mapping[str, int]:
        """Return, without looking at each actor: `actors` in memory, and `events`, `commands` and `deliveries` so far."""
        services = self._services
        counters = services.counters
        return {
            "actors": len(self._registry),
            "events": counters.events,
            "commands": counters.commands,
            "deliveries": services.hub.deliveries,
        }

    def statistics(self) -> Mapping[str, Any]:
        """Return the figures of every queue: `actors`, `counters`, `timers`, `courier`, `look_ups`, `journal` and `hub`."""
        services = self._services
        return {
            "actors": summarise(self._registry, services.clock.now()),
            "counters": services.counters.as_mapping(),
            "timers": {"armed": len(self._timers), "fired": self._timers.fired},
            "courier": {"depth": len(self._courier), "parked": self._courier.parked},
            "look_ups": services.look_ups,
            "quarantined": len(services.quarantine),
            "journal": services.journal.statistics(),
            "hub": services.hub.statistics(),
        }

    async def _start(self, nursery: trio.Nursery) -> None:
        """Begin in `nursery`: first what waited for this start, then the services."""
        self._nursery = nursery
        self._registry.open(nursery)
        await self._wake_owed()
        await self._courier.refresh()
        services = self._services
        for service in (self._timers, self._courier, self._registry):
            nursery.start_soon(services.supervisor.keep, service, services.settings.services, name=service.name)

    async def _wake_owed(self) -> None:
        owed: dict[str, list[str]] = {}
        for deadline in await self._services.journal.on_start():
            owed.setdefault(deadline.stream, []).append(deadline.key)
        for address, keys in owed.items():
            try:
                self._registry.owe(address, keys)
            except Refusal:
                log.error("deadline of an unknown kind", actor=address, keys=keys)

    def _post(self, address: str, due: Due) -> None:
        try:
            self._registry.post(address, due)
        except Refusal:
            log.error("deadline of an unknown kind", actor=address, keys=[due.key])

    def _deliver(self, message: Message, reply: Reply) -> None:
        deliver = self._beyond.get(message.to.partition(":")[0], self._registry.deliver)
        deliver(message, reply)

    def _start_errand(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._nursery is None:
            raise RuntimeError("the engine does not run")
        self._nursery.start_soon(self._services.supervisor.errand, name, work, name=name)
