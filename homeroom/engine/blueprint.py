"""A kind made ready for use: quick look-ups, and the stored form of its states and events.

Rules of this file: what an earlier release stored is always readable; what a later one stored is refused, never guessed.
Never here: the journal, and any one actor.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from homeroom.engine.behaviour import Behaviour, Caller, Fact, Guardians, Refusal, Rule, Tell, nobody
from homeroom.engine.journal import Message, Record, Saved
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.ring import Entry
from homeroom.engine.wire import Wire

NO_SUCH_THING = "no such thing, or not for you to know"


class Blueprint:
    """One kind: its verbs by structure, its event classes by type, and its snapshots of every version."""

    def __init__(self, kind: Kind, wire: Wire, guardians: Guardians | None = None) -> None:
        """Make one ready; without `guardians` there is nobody to tell what channels are told."""
        self.kind = kind
        self.wire = wire
        self.calm = kind.calm
        self.idle_ms = int(kind.idle_s * 1000)
        self._verbs: dict[type[Any], Verb] = {verb.command: verb for verb in kind.verbs}
        self._naming = {verb.command: verb for verb in kind.verbs if verb.people or verb.listed}
        self._commands: dict[str, type[Any]] = {verb.command.do: verb.command for verb in kind.verbs}
        self._events: dict[str, type[Any]] = {event.type: event for event in kind.events}
        self._guardians = guardians or nobody
        self._told = kind.told if guardians is not None else {}

    def verb(self, command: Any) -> Verb:
        """Return the verb of a command; raises `Refusal("bad_command")`."""
        verb = self._verbs.get(type(command))
        if verb is None:
            raise Refusal("bad_command", f"a {self.kind.name} has no such verb")
        return verb

    def naming(self, command: Any) -> Verb | None:
        """Return the verb of a command that names people who have to be there, `None` for all others."""
        return self._naming.get(type(command))

    def discreet_digest(self, command: Any) -> bytes:
        """Return a digest of a command without what its verb keeps secret, nothing for one that has no secrets."""
        verb = self._verbs.get(type(command))
        if verb is None or not verb.secret:
            return b""
        told = {name: getattr(command, name) for name in command.__struct_fields__ if name not in verb.secret}
        return blake2b(self.wire.encode(told), digest_size=16, key=f"discreet {command.do}".encode()).digest()

    def check_command(self, behaviour: Behaviour[Any], command: Any, caller: Caller) -> None:
        """Raise `Refusal` unless `caller` may: `not_found` where the thing is hidden from them, else `forbidden`.

        Whose role may not make such a thing is told so, whether there is one or not: that gives nothing away.
        """
        verb = self.verb(command)
        if not verb.rule.permits(caller.role, behaviour.relations(caller)):
            if verb.fresh and not verb.rule.permits(caller.role, ()):
                raise Refusal("forbidden", f"making a {self.kind.name} is not for a {caller.role}")
            raise _denied(behaviour, caller, verb.rule, f"not yours: {verb.command.do}")

    def check_watch(self, behaviour: Behaviour[Any], caller: Caller) -> None:
        """Raise `Refusal` unless `caller` may look, and there is something: `not_found` for what is hidden, whatever the rule says."""
        if behaviour.hidden(caller) or not self.kind.watch.permits(caller.role, behaviour.relations(caller)):
            raise _denied(behaviour, caller, self.kind.watch, "not yours to see")

    def command(self, message: Message) -> Any:
        """Return the command of a stored message; raises `Refusal("bad_command")` when this release cannot read it."""
        wanted = self._commands.get(message.do)
        if wanted is None:
            raise Refusal("bad_command", f"a {self.kind.name} has no verb {message.do}")
        try:
            return self.wire.decode(message.body, wanted)
        except ValueError as error:
            raise Refusal("bad_command", f"{message.do}: {error}") from error

    def fact(self, record: Record) -> Fact:
        """Return what a record says; raises `ValueError` when this release does not know it."""
        wanted = self._events.get(record.type)
        if wanted is None:
            raise ValueError(f"a {self.kind.name} has no event {record.type}; it has {sorted(self._events)}")
        return Fact(record.seq, record.at, record.by, self.wire.decode(record.body, wanted))

    def stored_event(self, event: Any) -> bytes:
        """Return the stored bytes of an event.

        Raises `ValueError` or `KeyError` when `fact` could not read them again: what is durable and unreadable would keep its
        actor from ever starting, while a decision that crashes harms nobody else.
        """
        body = self.wire.encode(event)
        self.wire.decode(body, self._events[event.type])
        return body

    def stored_message(self, command: Any) -> bytes:
        """Return the stored bytes of a message; raises `ValueError` when its receiver could not read them."""
        body = self.wire.encode(command)
        self.wire.decode(body, type(command))
        return body

    def told(self, behaviour: Behaviour[Any], fact: Fact) -> Iterable[Tell]:
        """Return what channels are told of an event, once it has changed the state."""
        tell = self._told.get(type(fact.event))
        return () if tell is None else tell(behaviour, fact, self._guardians)

    def entry(self, behaviour: Behaviour[Any], fact: Fact, body: bytes) -> Entry:
        """Return the fact as everybody may see it; `body` are the stored bytes of its event."""
        public, by = behaviour.public(fact), behaviour.signer(fact)
        if public is fact.event:
            return Entry(fact, self.wire.event(public.type, fact.at, by, body), True)
        return Entry(fact, self.event(public, fact.at, by), False)

    def shown(self, behaviour: Behaviour[Any], entry: Entry, caller: Caller) -> bytes:
        """Return the event as it may be replayed to `caller`, encoded again only when it differs."""
        event = behaviour.show(entry.fact, caller)
        if entry.plain and event is entry.fact.event:
            return entry.shown
        return self.event(event, entry.fact.at, behaviour.signer(entry.fact))

    def event(self, event: Any, at: int, by: str) -> bytes:
        """Return an event as it stands in a frame."""
        return self.wire.event(event.type, at, by, self.wire.encode(event))

    def fresh(self, address: str) -> Behaviour[Any]:
        """Return the behaviour of an actor to which nothing has happened."""
        name = address.partition(":")[2]
        return self.kind.behaviour(name, self.kind.behaviour.fresh(name))

    def restore(self, address: str, saved: Saved | None) -> Behaviour[Any] | None:
        """Return the behaviour at the snapshot, or fresh without one; `None` when all must be replayed instead.

        Raises `ValueError` when the snapshot is not of the state's type.
        """
        if saved is None:
            return self.fresh(address)
        state = self._state(saved)
        return None if state is None else self.kind.behaviour(address.partition(":")[2], state)

    def save(self, behaviour: Behaviour[Any], seq: int) -> Saved:
        """Return the snapshot of a state after event `seq`."""
        return Saved(seq, self.kind.version, self.wire.encode(behaviour.state))

    def _state(self, saved: Saved) -> Any:
        """Return the state of a snapshot of this or an earlier version; `None` when there is no way to it."""
        if saved.version == self.kind.version:
            return self.wire.decode(saved.body, self.kind.state)
        value = self.wire.decode_plain(saved.body)
        for version in range(saved.version, self.kind.version):
            upgrade = self.kind.upgrades.get(version)
            if upgrade is None:
                return None
            value = upgrade(value)
        return self.wire.convert(value, self.kind.state) if saved.version < self.kind.version else None


def _denied(behaviour: Behaviour[Any], caller: Caller, rule: Rule, msg: str) -> Refusal:
    """Return the refusal; with the way to what `rule` asks for, where the caller can go it alone, or why nobody can any more."""
    ways = behaviour.within_reach(caller).items()
    way = next((way for relation, way in ways if rule.permits(caller.role, (relation,))), None)
    if isinstance(way, Refusal):
        return way
    if behaviour.hidden(caller):
        return Refusal("not_found", NO_SUCH_THING)
    return Refusal("forbidden", msg if way is None else f"{msg}: {way}")
