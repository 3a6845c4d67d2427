"""Runs one behaviour without an engine: decides, applies, keeps facts, rows, timers and signals, and moves the time.

What it keeps goes through the stored form and back, so a structure that cannot be stored fails here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from homeroom.engine.behaviour import (
    SYSTEM_CALLER,
    After,
    At,
    Behaviour,
    Belongs,
    Caller,
    Consult,
    Context,
    Decision,
    Disarm,
    Fact,
    Fired,
    Guardians,
    Knows,
    Lookup,
    Members,
    Recall,
    Refusal,
    Row,
    Rule,
    Signal,
    Tell,
    belongs_nowhere,
    nobody,
    nobody_there,
    nowhere,
)
from homeroom.engine.kind import Kind
from homeroom.engine.look_up_memory import look_up
from homeroom.engine.read_model import ReadModels
from homeroom.protocol.chat_state import Happened

START = 1_700_000_000_000


def stored(value: Any, type_: Any = None) -> Any:
    """Return `value` as it comes back from its stored form."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type_ or type(value))


@dataclass
class Follower:
    """A subscriber: what it was given as snapshot, and every event since."""

    caller: Caller
    state: Any
    reduce: Callable[[Any, Any], None]

    def take(self, fact: Fact) -> None:
        """Let an event, as it was broadcast, change the state held here."""
        self.reduce(self.state, Happened(fact.seq, fact.at, fact.by, stored(fact.event)))


@dataclass
class Shelf:
    """The rows of the one actor, as look-ups want them."""

    rows: dict[str, dict[tuple[Any, ...], Mapping[str, Any]]] = field(default_factory=dict)


@dataclass
class Driver:
    """One actor of `kind`. `facts` is its journal, `rows` its read models, `signals` and `tells` what it sent."""

    kind: Kind
    id: str = "x"
    reduce: Callable[[Any, Any], None] = lambda state, fact: None
    now: int = START
    facts: list[Fact] = field(default_factory=list)
    rows: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)
    tells: list[Tell] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    deadlines: dict[str, int | None] = field(default_factory=dict)
    followers: list[Follower] = field(default_factory=list)
    recalls: int = 0
    arrived: int = 0
    """When the commands came in at the door, Unix ms; 0: when they are carried out."""
    guardians: Guardians = nobody
    members: Members = nobody_there
    knows: Knows = nowhere
    belongs: Belongs = belongs_nowhere
    consult: Callable[[Consult], Any] = lambda asked: asked.lookup.into([])
    """Finds rows of others; here are none."""

    def __post_init__(self) -> None:
        self.random = Random(1)
        self.models = ReadModels()
        self.models.declare(self.kind.tables)
        self.behaviour: Behaviour[Any] = self.kind.behaviour(self.id, self.kind.behaviour.fresh(self.id))
        self._perform(self.behaviour.wake(self._context(SYSTEM_CALLER)))

    @property
    def seq(self) -> int:
        """The number of the newest event."""
        return len(self.facts)

    @property
    def events(self) -> list[Any]:
        """All events so far."""
        return [fact.event for fact in self.facts]

    def do(self, command: Any, caller: Caller = SYSTEM_CALLER) -> Any:
        """Carry out a command as the engine would; returns its reply, raises its `Refusal`."""
        self._check(command, caller)
        decision = self._decide(command, caller)
        self._keep(decision, caller.user)
        self._perform(decision)
        if decision.refusal is not None:
            raise decision.refusal
        return self.look_up(decision.lookup) if decision.lookup else decision.reply

    def try_do(self, command: Any, caller: Caller) -> str:
        """Carry out a command; returns the code of its refusal, or `"ok"`."""
        try:
            self.do(command, caller)
        except Refusal as refusal:
            return refusal.code
        return "ok"

    def events_of(self, command: Any, caller: Caller = SYSTEM_CALLER) -> list[Any]:
        """Carry out a command; returns the events it caused."""
        before = self.seq
        self.do(command, caller)
        return self.events[before:]

    def advance(self, ms: int) -> list[Any]:
        """Let `ms` pass, firing what comes due in order; returns the events that caused."""
        before, until = self.seq, self.now + ms
        while due := self._next_due(until):
            self.now, key = due
            self.timers.pop(key, None)
            self.deadlines.pop(key, None)
            self._fire(key)
        self.now = until
        return self.events[before:]

    def restart(self, *, start: bool = True, snapshot_at: int | None = None) -> None:
        """Make the actor anew, from its journal or from a snapshot after `snapshot_at` and the rest.

        `start`: the whole server starts anew, so deadlines without a due time fire.
        """
        self.behaviour = self.rebuild(snapshot_at)
        self.timers.clear()
        self._perform(self.behaviour.wake(self._context(SYSTEM_CALLER)))
        if start:
            for key in [key for key, due in self.deadlines.items() if due is None]:
                del self.deadlines[key]
                self._fire(key)

    def rebuild(self, snapshot_at: int | None = None) -> Behaviour[Any]:
        """Return the behaviour replayed from the journal, by way of a snapshot after that event if one is named."""
        state = self.kind.behaviour.fresh(self.id)
        made = self.kind.behaviour(self.id, state)
        for fact in self.facts:
            made.apply(Fact(fact.seq, fact.at, fact.by, stored(fact.event)))
            if fact.seq == snapshot_at:
                made = self.kind.behaviour(self.id, stored(made.state, self.kind.state))
        return made

    def follow(self, caller: Caller) -> Follower:
        """Subscribe `caller` now."""
        if not self.kind.watch.permits(caller.role, self.behaviour.relations(caller)):
            raise self._denied(self.kind.watch, caller)
        follower = Follower(caller, stored(self.behaviour.view(caller)), self.reduce)
        self.followers.append(follower)
        return follower

    def replay(self, caller: Caller, since: int = 0) -> list[Fact]:
        """Return the missed events of a resumed subscriber, as they may be shown to it now."""
        by = self.behaviour.signer
        return [Fact(f.seq, f.at, by(f), stored(self.behaviour.show(f, caller))) for f in self.facts[since:]]

    def sent(self, event_type: type[Any]) -> list[Any]:
        """Return the ephemeral events of a type sent so far."""
        return [signal.event for signal in self.signals if isinstance(signal.event, event_type)]

    # --- what an engine does

    def _check(self, command: Any, caller: Caller) -> None:
        verb = self.kind.verb(command.do)
        assert verb is not None, f"{command!r} is no command of {self.kind.name}"
        assert stored(command) == command
        if not verb.rule.permits(caller.role, self.behaviour.relations(caller)):
            raise self._denied(verb.rule, caller)

    def _denied(self, rule: Rule, caller: Caller) -> Refusal:
        ways = self.behaviour.within_reach(caller).items()
        told = (way for relation, way in ways if isinstance(way, Refusal) and rule.permits(caller.role, (relation,)))
        return next(told, Refusal("not_found" if self.behaviour.hidden(caller) else "forbidden", "not yours"))

    def _decide(self, command: Any, caller: Caller) -> Decision:
        before = msgspec.msgpack.encode(self.behaviour.state)
        context = self._context(caller)
        answer = self.behaviour.decide(command, context)
        while not isinstance(answer, Decision):
            self.recalls += 1
            if isinstance(answer, Recall):
                context.recalled = {seq: self._fact(seq) for seq in answer.seqs}
            else:
                context.found = self.consult(answer)
            answer = self.behaviour.decide(command, context)
        assert msgspec.msgpack.encode(self.behaviour.state) == before, "decide changed the state"
        return answer

    def _fact(self, seq: int) -> Fact | None:
        return self.facts[seq - 1] if 1 <= seq <= len(self.facts) else None

    def _context(self, caller: Caller) -> Context:
        people: dict[str, Any] = {"guardians": self.guardians, "members": self.members, "knows": self.knows}
        people["belongs"] = self.belongs
        return Context(self.now, caller, self.seq + 1, self.random, arrived=self.arrived, **people)

    def _keep(self, decision: Decision, by: str) -> None:
        for event in decision.events:
            assert type(event) in self.kind.events
            fact = Fact(self.seq + 1, self.now, by, stored(event))
            self.behaviour.apply(fact)
            self.facts.append(fact)
            for row in self.behaviour.project(fact):
                self._keep_row(self.models.clean_row(row))
            public = Fact(fact.seq, fact.at, self.behaviour.signer(fact), self.behaviour.public(fact))
            for follower in self.followers:
                follower.take(public)

    def _keep_row(self, row: Row) -> None:
        key = (row.table, *row.key.values())
        columns = dict.fromkeys(self.models.table(row.table).columns)
        self.rows[key] = {**columns, **self.rows.get(key, {}), **row.key, **row.values}

    def _perform(self, decision: Decision) -> None:
        for signal in decision.signals:
            assert stored(signal.event) == signal.event
        self.signals.extend(decision.signals)
        self.tells.extend(decision.tells)
        self.evicted.extend(decision.evict)
        self.followers = [f for f in self.followers if f.caller.user not in decision.evict]
        for timer in decision.timers:
            if isinstance(timer, After):
                self.timers[timer.key] = self.now + timer.ms
            elif isinstance(timer, At):
                self.deadlines[timer.key] = timer.due
            else:
                assert isinstance(timer, Disarm)
                self.deadlines.pop(timer.key, None)

    def look_up(self, lookup: Lookup) -> Any:
        """Return what a look-up makes of the rows here."""
        lookup = self.models.clean_lookup(lookup)
        shelf = Shelf()
        for (table, *key), row in self.rows.items():
            shelf.rows.setdefault(table, {})[tuple(key)] = row
        streams = {f"{self.kind.name}:{self.id}": shelf}
        return lookup.into(look_up(streams, self.models.table(lookup.table).key, lookup))

    def _next_due(self, until: int) -> tuple[int, str] | None:
        armed = {**self.timers, **{key: due for key, due in self.deadlines.items() if due is not None}}
        due = sorted((due, key) for key, due in armed.items() if due <= until)
        return due[0] if due else None

    def _fire(self, key: str) -> None:
        decision = self._decide(Fired(key), SYSTEM_CALLER)
        self._keep(decision, "system")
        self._perform(decision)
