"""What is durable, read from the store itself, and what follows from it: the words each event may be shown in, and each state.

It knows the journal's content and the kinds, and nothing of engine, hub or gateway: it is what these are measured by.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Behaviour, Caller, Fact
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.journal import Receipt, Record, Saved
from homeroom.engine.journal_memory import MemoryStore
from homeroom.protocol.chat import MessageRetracted
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.presence import PresenceState, reduce_presence
from homeroom.protocol.room import RoomState, reduce_room
from homeroom.protocol.stored import StoredWire

ANYBODY = Caller("nobody", "admin", "Nobody")


@dataclass(frozen=True, slots=True)
class Face:
    """How a client keeps the state of one kind: its structure, and what an event does to it."""

    state: type[Any]
    reduce: Callable[[Any, Happened], None]
    events: Mapping[str, type[Any]]


_REDUCERS: Mapping[str, tuple[type[Any], Callable[[Any, Happened], None]]] = {
    "room": (RoomState, reduce_room),
    "presence": (PresenceState, reduce_presence),
}
FACES: Mapping[str, Face] = {
    kind.name: Face(*_REDUCERS[kind.name], {event.type: event for event in kind.events})
    for kind in KINDS
    if kind.name in _REDUCERS
}


class Stream:
    """One stream as the journal has it; follows the journal as it grows."""

    def __init__(self, name: str, store: MemoryStore, blueprint: Blueprint) -> None:
        self.name = name
        self.blueprint = blueprint
        self.retracted: dict[str, int] = {}
        """Message → the number of the event that took it away."""
        self._store = store
        self._behaviour = blueprint.fresh(name)
        self._facts: list[Fact] = []
        self._public: list[Any] = []
        self._views: dict[int, Any] = {}

    @property
    def records(self) -> list[Record]:
        """Return what is durable now."""
        return self._store.peek(self.name).records

    @property
    def head(self) -> int:
        """Return the newest durable number."""
        return len(self.records)

    def receipt(self, client: str, number: int) -> tuple[Receipt, int] | None:
        """Return what became of a command."""
        return self._store.peek(self.name).receipts.get(client, {}).get(number)

    def receipt_alone(self, client: str, number: int) -> Receipt | None:
        """Return that a command was carried out and caused no event."""
        return self._store.peek(self.name).alone.get(client, {}).get(number)

    def facts(self) -> list[Fact]:
        """Return all facts."""
        self._follow()
        return self._facts

    def behaviour(self) -> Behaviour[Any]:
        """Return the behaviour after everything that is durable now."""
        self._follow()
        return self._behaviour

    def public(self, seq: int) -> Any:
        """Return the data of an event as everybody may see it, in builtin types."""
        self._follow()
        return self._public[seq - 1]

    def redacted(self, seq: int) -> Any:
        """Return its data as a replay may show it now."""
        self._follow()
        return self._plain(self._behaviour.show(self._facts[seq - 1], ANYBODY))

    def view_at(self, seq: int) -> Any:
        """Return the view after event `seq`, in builtin types, from a replay of everything before."""
        if seq not in self._views:
            self._views[seq] = self._plain(self.replay(seq).view(ANYBODY))
        return self._views[seq]

    def replay(self, upto: int) -> Behaviour[Any]:
        """Return a fresh behaviour to which everything up to `upto` has happened."""
        behaviour = self.blueprint.fresh(self.name)
        for fact in self.facts()[:upto]:
            behaviour.apply(fact)
        return behaviour

    def differs(self, saved: Saved) -> bool:
        """Tell whether a snapshot is anything but the state after a replay up to its number."""
        found = self.blueprint.restore(self.name, saved)
        return found is None or found.state != self.replay(saved.seq).state

    def may_watch(self, caller: Caller) -> bool:
        """Tell whether `caller` may follow this stream as it stands."""
        return self.blueprint.kind.watch.permits(caller.role, self.behaviour().relations(caller))

    def _follow(self) -> None:
        for record in self.records[len(self._facts) :]:
            fact = self.blueprint.fact(record)
            self._behaviour.apply(fact)
            self._facts.append(fact)
            self._public.append(self._plain(self._behaviour.public(fact)))
            if isinstance(fact.event, MessageRetracted):
                self.retracted.setdefault(fact.event.id, fact.seq)

    def _plain(self, value: Any) -> Any:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


class Truth:
    """All streams of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        wire = StoredWire()
        self._blueprints = {kind.name: Blueprint(kind, wire) for kind in KINDS}
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """Return one stream, which may be empty."""
        found = self._streams.get(name)
        if found is None:
            blueprint = self._blueprints[name.partition(":")[0]]
            found = self._streams[name] = Stream(name, self.store, blueprint)
        return found

    def streams(self) -> list[Stream]:
        """Return all streams to which something happened."""
        return [self.stream(name) for name in sorted(self.store.streams) if self.store.streams[name].records]
