"""One turn of an actor in the making: what a batch of posts has caused so far, to be made durable in one append.

    decided ──► append ──► published ──► signals, messages, timers ──► answers
    └─ this file ─┘

Rules of this file: what one command causes is added wholly or not at all; nothing here awaits or performs.
Never here: the journal, and what is done with a turn when the append returned (`actor`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from homeroom.engine.behaviour import After, Behaviour, Decision, Disarm, Fact, Row, Signal, Tell
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.envelope import Answer, Done, Reply
from homeroom.engine.journal import Append, Outgoing, Receipt, Record
from homeroom.engine.kept_refusal import store_refusal
from homeroom.engine.ring import Entry
from homeroom.engine.wire import Wire
from homeroom.engine.words import Rest

Identity = tuple[str, int, bytes]
"""Client, command number and digest of a command to be remembered."""


class Turn:
    """The batch so far. `at` is the server time of all that it causes; `seq` the newest number, `taken` the posts taken."""

    __slots__ = (
        "answers",
        "appending",
        "arm",
        "at",
        "consumed",
        "disarm",
        "entries",
        "evictions",
        "first",
        "owed",
        "receipts",
        "records",
        "rest",
        "rows",
        "seq",
        "signals",
        "taken",
        "tells",
        "volatile",
    )

    def __init__(self, at: int, head: int) -> None:
        self.at = at
        self.first = head + 1
        self.seq = head
        self.taken = 0
        self.appending = False  # the journal has been given this turn: what failed since is in doubt
        self.records: list[Record] = []
        self.entries: list[Entry] = []
        self.receipts: list[Receipt] = []  # of commands without an event
        self.rows: list[Row] = []
        self.tells: list[Outgoing] = []
        self.arm: dict[str, int | None] = {}
        self.disarm: set[str] = set()
        self.consumed: list[int] = []
        self.signals: list[tuple[Signal, bytes]] = []
        self.evictions: list[tuple[int, str]] = []  # users to let go, each behind the number of its decision
        self.volatile: list[After | Disarm] = []
        self.owed: list[str] = []
        self.rest: Rest | None = None
        self.answers: list[tuple[Callable[[Any], None], Any]] = []

    @property
    def durable(self) -> bool:
        """Tell whether anything must be kept."""
        kept = self.records or self.tells or self.arm or self.disarm or self.consumed or self.rows or self.receipts
        return bool(kept)

    def answer(self, reply: Reply, answer: Answer) -> None:
        """Give `answer` when the turn is durable, in the order of the posts."""
        self.answers.append((reply, answer))

    def later(self, act: Callable[[Any], None], post: Any) -> None:
        """Do `act(post)` when the turn is durable, among the answers."""
        self.answers.append((act, post))

    def add(
        self,
        blueprint: Blueprint,
        behaviour: Behaviour[Any],
        decision: Decision,
        by: str,
        identity: Identity | None = None,
    ) -> tuple[Done, bytes | None]:
        """Apply and collect what a command decided, its timers excepted; returns its answer, and that answer's stored reply.

        Whatever the actor's own code raises comes through, and then nothing was added (the state must be reloaded).
        """
        wire = blueprint.wire
        count = len(decision.events)
        stored = _stored_answer(decision, wire) if identity else None
        receipt = Receipt(*identity, stored) if identity else None
        records, entries, rows, told = self._apply(blueprint, behaviour, decision.events, by, receipt)
        said = (*decision.tells, *told)
        tells = [Outgoing(tell.to, tell.command.do, blueprint.stored_message(tell.command)) for tell in said]
        signals = [(signal, blueprint.event(signal.event, self.at, by)) for signal in decision.signals]
        # nothing fails from here on
        self.seq += count
        if count:
            self.records += records
            self.entries += entries
            self.rows += rows
        elif receipt is not None:
            self.receipts.append(receipt)
        self.tells += tells
        self.signals += signals
        self.evictions += [(self.seq, user) for user in decision.evict]
        return Done(decision.reply, self.seq if count else None), stored

    def fact(self, seq: int) -> Fact | None:
        """Return a fact of this turn by its number."""
        index = seq - self.first
        return self.entries[index].fact if 0 <= index < len(self.entries) else None

    def became_durable(self, found: Sequence[Entry]) -> bool:
        """Tell whether the last event of this turn, whose append got no answer, is among those `found` in the journal.

        Of a turn without events, the journal must be asked for a receipt of it.
        """
        return bool(self.entries) and self.entries[-1].fact in (entry.fact for entry in found)

    def unit(self, stream: str) -> Append:
        """Return what must become durable."""
        disarm, consumed = frozenset(self.disarm), tuple(self.consumed)
        return Append(stream, self.records, self.tells, self.arm, disarm, consumed, self.rows, self.receipts)

    def _apply(
        self,
        blueprint: Blueprint,
        behaviour: Behaviour[Any],
        events: tuple[Any, ...],
        by: str,
        receipt: Receipt | None,
    ) -> tuple[list[Record], list[Entry], list[Row], list[Tell]]:
        """Apply `events` one by one; `receipt` stands on the last."""
        records: list[Record] = []
        entries: list[Entry] = []
        rows: list[Row] = []
        told: list[Tell] = []
        last = self.seq + len(events)
        for seq, event in enumerate(events, self.seq + 1):
            fact = Fact(seq, self.at, by, event)
            behaviour.apply(fact)
            rows += behaviour.project(fact)
            told += blueprint.told(behaviour, fact)
            body = blueprint.stored_event(event)
            records.append(Record(seq, event.type, self.at, by, body, receipt if seq == last else None))
            entries.append(blueprint.entry(behaviour, fact, body))
        return records, entries, rows, told


def _stored_answer(decision: Decision, wire: Wire) -> bytes | None:
    """Return what a receipt keeps of a decision's answer."""
    if decision.refusal is not None:
        return store_refusal(decision.refusal, wire)
    return wire.encode(decision.reply) if decision.reply is not None else None
