"""Which actors are awake: activated on first use, put to sleep when idle, each under the supervisor.

Rules of this file: an address has at most one actor, from its first post to its end; nothing here awaits a single actor.
Never here: what an actor does, and where else it might live.
"""

from collections.abc import Iterable, Iterator, Mapping

import trio

from homeroom.engine.actor import Actor
from homeroom.engine.behaviour import SYSTEM_CALLER, Refusal
from homeroom.engine.blueprint import NO_SUCH_THING, Blueprint
from homeroom.engine.envelope import Envelope, Outlet, Post, Reply
from homeroom.engine.journal import Journal, Message
from homeroom.engine.services import Services, refuse
from homeroom.engine.words import Rest, Word

_NOTHING: frozenset[str] = frozenset()
"""No deadline waited for the owner's start: one for all actors."""


class Registry:
    """The actors of this node. `live` is a permanent child of the supervisor: it looks for idle actors."""

    name = "registry"

    def __init__(self, blueprints: Mapping[str, Blueprint], services: Services) -> None:
        self._blueprints = blueprints
        self._services = services
        self._active: dict[str, Actor] = {}
        self._nursery: trio.Nursery | None = None
        self._emptied = trio.Event()
        self._ended = self._end  # one bound method for all actors

    def __len__(self) -> int:
        return len(self._active)

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._active.values())

    def awake(self, kind: str) -> list[str]:
        """Return the ids of the actors of a kind that are awake."""
        wanted = f"{kind}:"
        return [address.removeprefix(wanted) for address in self._active if address.startswith(wanted)]

    @property
    def journal(self) -> Journal:
        """Return the journal, for those who read past events."""
        return self._services.journal

    @property
    def epoch(self) -> str:
        """Return the name of this history."""
        return self._services.epoch

    def open(self, nursery: trio.Nursery) -> None:
        """Let actors live in `nursery` from now on."""
        self._nursery = nursery

    def now(self) -> int:
        """Return server time in Unix ms."""
        return self._services.clock.now()

    def unavailable(self) -> Refusal:
        """Return the answer while the journal or the engine is away."""
        return self._services.unavailable()

    def blueprint(self, address: str) -> Blueprint:
        """Return the kind of an address; raises `Refusal("not_found")`."""
        kind, _, name = address.partition(":")
        blueprint = self._blueprints.get(kind)
        if blueprint is None or not name:
            raise Refusal("not_found", NO_SUCH_THING)
        return blueprint

    def post(self, address: str, post: Post | Word) -> None:
        """Hand a post to its actor, which begins to live if it sleeps; refused while the engine drains or does not run."""
        if self._services.draining or self._nursery is None:
            refuse(post, self._services.unavailable())
            return
        actor = self._active.get(address) or self._activate(address, _NOTHING)
        actor.post(post)

    def unwatch(self, address: str, outlet: Outlet) -> bool:
        """End a subscription; tells whether there was one."""
        actor = self._active.get(address)
        return actor.unwatch(outlet) if actor else self._services.hub.unsubscribe(address, outlet)

    def deliver(self, message: Message, reply: Reply) -> None:
        """Hand over a durable message; raises `Refusal` when no actor can ever take it."""
        command = self.blueprint(message.to).command(message)
        client = f"@{message.source}"
        number = message.number
        self.post(message.to, Envelope(command, SYSTEM_CALLER, reply, client, number, b"", self.now(), message=number))

    def owe(self, address: str, keys: Iterable[str]) -> None:
        """Wake an actor whose deadlines `keys` waited for this start of the owner. Before any post to it."""
        self.blueprint(address)
        self._activate(address, frozenset(keys))

    def shut(self) -> None:
        """Let nobody begin to live: the nursery is about to close, and whoever still posts is refused."""
        self._nursery = None

    def close(self) -> None:
        """Let no actor live any more: those whose task has ended between two lives have posts to answer, too."""
        self.shut()
        for actor in [*self._active.values()]:
            actor.end()

    async def live(self) -> None:
        """Put tired actors to sleep, and let idle ones forget what the journal has too, for ever."""
        while True:
            await trio.sleep(self._services.settings.sweep_s)
            now = self._services.clock.now()
            for actor in [*self._active.values()]:
                actor.relax(now)
                if actor.tired(now):
                    actor.post(Rest())

    def suspend(self, seconds: float) -> None:
        """Do nothing: the next life looks again."""

    async def drain(self) -> None:
        """Take no more posts; returns when all actors have finished their mailboxes and sleep. Suspended ones end later."""
        self._services.draining = True
        for actor in [*self._active.values()]:
            actor.post(Rest(now=True))
        while any(not actor.refusing for actor in self._active.values()):
            self._emptied = trio.Event()
            await self._emptied.wait()

    def _activate(self, address: str, owed: frozenset[str]) -> Actor:
        actor = Actor(address, self.blueprint(address), self._services, owed, self._ended)
        self._active[address] = actor
        if self._nursery is None:
            raise RuntimeError("the engine does not run")
        self._nursery.start_soon(self._services.supervisor.keep, actor, self._services.settings.actors, name=address)
        return actor

    def _end(self, address: str) -> None:
        self._active.pop(address, None)
        self._emptied.set()
