"""What is durable, read from the store itself, and what follows from it: the words each event may be shown in, and each state.

It knows the journal's content and the kinds, and nothing of engine, hub or gateway: it is what these are measured by.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import msgspec
import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Behaviour, Caller, Fact
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.journal import Receipt, Record, Saved
from homeroom.engine.kind import Kind
from homeroom.protocol.chat import MessageRetracted
from homeroom.protocol.chat_state import Happened
from homeroom.protocol.inbox import Notified
from homeroom.protocol.session_floor import QuestionWithdrawn
from homeroom.protocol.stored import StoredWire
from tests.simulation.store import WatchedStore

ANYBODY = Caller("nobody", "admin", "Nobody")
Shown = tuple[str, Any]
"""An event as it is sent: its type, and its data in builtin types. A replay may show it as another one: who left a board is gone."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a client keeps the state of one kind: its structure, and what an event does to it."""

    state: type[Any]
    reduce: Callable[[Any, Happened], None]
    events: Mapping[str, type[Any]]


PROTOCOL = "homeroom.protocol."


def _reducer_of(kind: Kind) -> Callable[[Any, Happened], None]:
    """Return what the protocol has for clients of a kind: `reduce_<kind>`, beside the state that they are shown."""
    reduce: Callable[[Any, Happened], None] = getattr(import_module(kind.shown.__module__), f"reduce_{kind.name}")
    return reduce


FACES: Mapping[str, Face] = {
    kind.name: Face(kind.shown, _reducer_of(kind), {event.type: event for event in kind.events})
    for kind in KINDS
    if kind.shown.__module__.startswith(PROTOCOL)
}
"""All kinds that the protocol speaks of; one that is a single file among the actors has no clients of its own yet."""


def words_of(event: Any) -> str:
    """Return the words that somebody gave with a command, as the event has them; empty for none."""
    words = event.notice.title if isinstance(event, Notified) else getattr(event, "text", "")
    return words or ""


class Stream:
    """One stream as the journal has it; follows the journal as it grows."""

    def __init__(self, name: str, store: WatchedStore, blueprint: Blueprint) -> None:
        self.name = name
        self.blueprint = blueprint
        self.taken_back: dict[str, int] = {}
        """Message or question → the number of the event that took it away."""
        self._store = store
        self._behaviour = blueprint.fresh(name)
        self._facts: list[Fact] = []
        self._public: list[Shown] = []
        self._views: dict[int, Any] = {}

    @property
    def kind(self) -> str:
        """Return what kind of thing it is."""
        return self.name.partition(":")[0]

    @property
    def id(self) -> str:
        """Return its name among those of its kind."""
        return self.name.partition(":")[2]

    @property
    def records(self) -> list[Record]:
        """Return what is durable now."""
        return self._store.peek(self.name).records

    @property
    def head(self) -> int:
        """Return the newest durable number."""
        return len(self.records)

    @property
    def deadlines(self) -> Mapping[str, int | None]:
        """Return the durable deadlines by key, Unix ms."""
        return self._store.peek(self.name).deadlines

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

    def caused(self, last: int) -> list[Fact]:
        """Return the facts of one command: the last of them, which has its receipt, and those before it without one."""
        first, records = last, self.records
        while first > 1 and records[first - 2].receipt is None and records[first - 2].at == records[last - 1].at:
            first -= 1
        return self.facts()[first - 1 : last]

    def behaviour(self) -> Behaviour[Any]:
        """Return the behaviour after everything that is durable now."""
        self._follow()
        return self._behaviour

    def public(self, seq: int) -> Shown:
        """Return an event as everybody may see it when it has happened."""
        self._follow()
        return self._public[seq - 1]

    def signer(self, seq: int) -> str:
        """Return who is shown as the author of an event."""
        return self.behaviour().signer(self._facts[seq - 1])

    def redacted(self, seq: int) -> Shown:
        """Return it as a replay may show it now."""
        return self._shown(self.behaviour(), seq)

    def shown_since(self, seq: int, since: int) -> list[Shown]:
        """Return every form in which a replay may have shown it at some time since event `since`."""
        since = max(seq, since)
        behaviour = self.replay(since)
        found = [self._shown(behaviour, seq)]
        for later in self._facts[since:]:
            behaviour.apply(later)
            found.append(self._shown(behaviour, seq))
        return found

    def view_at(self, seq: int) -> Any:
        """Return the view after event `seq`, in builtin types, from a replay of everything before."""
        if seq not in self._views:
            self._views[seq] = self._plain(self._after(seq).view(ANYBODY))
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
        return found is None or found.state != self._after(saved.seq).state

    def may_watch(self, caller: Caller) -> bool:
        """Tell whether `caller` may follow this stream as it stands."""
        return self.blueprint.kind.watch.permits(caller.role, self.behaviour().relations(caller))

    def _after(self, seq: int) -> Behaviour[Any]:
        """Return a behaviour to look at, after everything up to `seq`: that of now where it is the same."""
        return self.behaviour() if seq == self.head else self.replay(seq)

    def _follow(self) -> None:
        for record in self.records[len(self._facts) :]:
            fact = self.blueprint.fact(record)
            self._behaviour.apply(fact)
            self._facts.append(fact)
            public = self._behaviour.public(fact)
            self._public.append((public.type, self._plain(public)))
            if isinstance(fact.event, MessageRetracted | QuestionWithdrawn):
                self.taken_back.setdefault(fact.event.id, fact.seq)

    def _shown(self, behaviour: Behaviour[Any], seq: int) -> Shown:
        event = behaviour.show(self._facts[seq - 1], ANYBODY)
        return event.type, self._plain(event)

    def _plain(self, value: Any) -> Any:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


class Truth:
    """All streams of a store."""

    def __init__(self, store: WatchedStore) -> None:
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

    def streams(self, kind: str = "") -> list[Stream]:
        """Return all streams to which something happened, perhaps those of one kind alone."""
        names = (name for name in sorted(self.store.streams) if name.startswith(kind))
        return [self.stream(name) for name in names if self.store.streams[name].records]

    def now(self) -> int:
        """Return the time of the store's clock, Unix ms."""
        return self.store.start_ms + int(trio.current_time() * 1_000)
