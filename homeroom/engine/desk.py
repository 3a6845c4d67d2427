"""The desk of one actor: posts are taken here one by one, and answered when their turn is durable.

Rules of this file: `decide` and `apply` are called here and nowhere else; access, deduplication and quarantine come before
them; whatever the actor's own code raises is a crash, which is counted against its command and answered with its incident.
Never here: the mailbox, the append, and lives (`actor`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar

import structlog

from homeroom.engine.agenda import Agenda
from homeroom.engine.audience import Audience
from homeroom.engine.behaviour import (
    NOTHING,
    SYSTEM,
    SYSTEM_CALLER,
    Behaviour,
    Caller,
    Consult,
    Context,
    Decision,
    Fact,
    Fired,
    Recall,
    Refusal,
)
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.envelope import Answer, Done, Due, Envelope, Post, Watch
from homeroom.engine.errors import ActorCrashed, internal
from homeroom.engine.journal import JournalError
from homeroom.engine.kept_refusal import first_answer
from homeroom.engine.kind import Verb
from homeroom.engine.ledger import Ledger
from homeroom.engine.look_up import start_look_up
from homeroom.engine.named import check_people, people_in
from homeroom.engine.quarantine import Fingerprint
from homeroom.engine.services import Services, refuse
from homeroom.engine.turn import Turn
from homeroom.engine.words import Read, Replay, Rest, Restate, Word

log = structlog.get_logger("homeroom.engine")
_RECALLS = 3


class Desk:
    """Takes the posts of one actor. `behaviour` and `head` are set anew with each life; `busy_at` is Unix ms."""

    __slots__ = ("_audience", "_blueprint", "_services", "agenda", "behaviour", "busy_at", "head", "ledger", "name")

    def __init__(
        self, address: str, blueprint: Blueprint, services: Services, audience: Audience, owed: frozenset[str]
    ) -> None:
        self.name = address
        self.agenda = Agenda(address, services.timers, owed)
        self.ledger = Ledger(address, services)
        self.behaviour: Behaviour[Any] = blueprint.fresh(address)
        self.head = 0
        self.busy_at = services.clock.now()
        self._audience = audience
        self._blueprint = blueprint
        self._services = services

    def begin(self, behaviour: Behaviour[Any], head: int, *, receipts: bool) -> None:
        """Begin a life, with nothing in memory of the one before. `receipts`: there are some without events."""
        self.behaviour, self.head = behaviour, head
        self.ledger.begin(empty=head == 0 and not receipts)

    def wake(self) -> Turn:
        """Return the turn with which a life begins."""
        turn = Turn(self._services.clock.now(), self.head)
        decision = self.behaviour.wake(self._context(turn, SYSTEM_CALLER))
        if decision.events:
            raise ValueError(f"{self.name}: wake decides no events, it returned {decision.events!r}")
        turn.add(self._blueprint, self.behaviour, decision, SYSTEM_CALLER.user)
        self.agenda.change(turn, decision.timers)
        return turn

    async def take_all(self, turn: Turn, batch: Sequence[Post | Word]) -> ActorCrashed | None:
        """Take post by post, up to the first crash; raises `JournalError` when the journal was asked and did not answer."""
        for post in batch:
            turn.taken += 1
            crash = await self._take(turn, post)
            if crash is not None:
                return crash
        return None

    async def _take(self, turn: Turn, post: Post | Word) -> ActorCrashed | None:
        """Take one post; whatever the actor's own code raises is a crash, answered with its incident."""
        reply: Callable[[Any], None] = getattr(post, "reply", _ignore)
        incident = self._quarantined(post)
        if incident is not None:
            turn.answer(reply, await self._known(post) or internal(incident, self._services.settings.retry_ms))
            return None
        try:
            await self._TAKE[type(post)](self, turn, post)
        except JournalError:
            raise  # the journal is away: whoever comes next would wait for it as well, so the whole turn is given up
        except Exception as error:  # the actor's own code: it crashes, the supervisor decides
            crash = self.crash(post, error)
            turn.answer(reply, internal(crash.incident, self._services.settings.retry_ms))
            return crash
        return None

    async def _known(self, post: Post | Word) -> Answer | None:
        """Return the answer of a command that was carried out before; raises `JournalError`."""
        if not isinstance(post, Envelope) or not post.number:
            return None
        found = await self.ledger.find(post, self._blueprint.discreet_digest(post.command))
        return first_answer(found, self._blueprint.wire)

    async def _take_command(self, turn: Turn, envelope: Envelope) -> None:
        self.busy_at = turn.at
        known = await self._known(envelope)
        if known is not None:
            turn.answer(envelope.reply, known)
            return
        try:
            self._blueprint.check_command(self.behaviour, envelope.command, envelope.caller)
            decision = await self._decide(turn, envelope.command, envelope.caller, envelope.arrived)
            if verb := self._blueprint.naming(envelope.command):
                await self._check_people(verb, envelope)
        except Refusal as refusal:
            self._services.counters.refusals += 1
            turn.answer(envelope.reply, refusal)
        else:
            self._carry_out(turn, envelope, decision)
        if envelope.message:
            turn.consumed.append(envelope.message)

    async def _check_people(self, verb: Verb, envelope: Envelope) -> None:
        """Raise `bad_command` for people named who are not there. Who asks is, and other actors name whom they were given."""
        caller = envelope.caller
        if caller.role == SYSTEM:
            return
        named, listed = (
            [one for one in people_in(places, envelope.command, self.behaviour.id) if one[1] != caller.user]
            for places in (verb.people, verb.listed)
        )
        await check_people(named, listed, self._services.strangers)

    def _carry_out(self, turn: Turn, envelope: Envelope, decision: Decision) -> None:
        keep = self._is_to_be_kept(envelope, decision)
        if keep and not decision.events:
            envelope = replace(envelope, digest=self._blueprint.discreet_digest(envelope.command) or envelope.digest)
        identity = (envelope.client, envelope.number, envelope.digest) if keep else None
        done, stored = turn.add(self._blueprint, self.behaviour, decision, envelope.caller.user, identity)
        self.agenda.change(turn, decision.timers)
        if keep:
            self.ledger.remember(envelope, done.seq, stored)
        if decision.refusal is not None:
            self._services.counters.refusals += 1
            turn.answer(envelope.reply, decision.refusal)
        elif decision.lookup is None:
            turn.answer(envelope.reply, done)
        else:
            ask = partial(start_look_up, self._services, self.name, decision.lookup, envelope.reply)
            turn.later(ask, done.seq)

    def _is_to_be_kept(self, envelope: Envelope, decision: Decision) -> bool:
        """Tell whether a command gets a receipt: one without events too, lest it have an effect when it is sent again.

        Not what only reads. A message without events gets one when it is passed on: having been consumed does not keep it from coming
        again, when it was read back from the journal before its sender knew that it is there, or when two owners have it.
        """
        if not envelope.number or decision.events:
            return bool(envelope.number)
        if envelope.message:
            return bool(decision.tells)
        return decision.lookup is None and self._blueprint.verb(envelope.command).remembered

    async def _take_due(self, turn: Turn, due: Due) -> None:
        """Decide on a deadline or timer that has come, unless it was moved or disarmed meanwhile."""
        if not self.agenda.stands(due):
            return
        self.busy_at = turn.at
        try:
            decision = await self._decide(turn, Fired(due.key), SYSTEM_CALLER)
        except Refusal as refusal:
            log.warning("deadline refused", actor=self.name, key=due.key, code=refusal.code)
            decision = NOTHING
        turn.add(self._blueprint, self.behaviour, decision, SYSTEM_CALLER.user)
        self.agenda.clear(turn, due)
        self.agenda.change(turn, decision.timers)

    async def _take_look(self, turn: Turn, post: Watch | Read | Replay) -> None:
        """Look after the append, when the state is durable."""
        turn.later(self._look, post)

    async def _take_restate(self, turn: Turn, word: Restate) -> None:
        turn.rows += tuple(self.behaviour.restate())
        turn.rest = turn.rest or Rest()
        turn.answer(word.reply, Done())

    async def _take_rest(self, turn: Turn, word: Rest) -> None:
        turn.rest = word if turn.rest is None or word.now else turn.rest

    _TAKE: ClassVar[Mapping[type, Callable[..., Awaitable[None]]]] = {
        Envelope: _take_command,
        Due: _take_due,
        Watch: _take_look,
        Read: _take_look,
        Replay: _take_look,
        Restate: _take_restate,
        Rest: _take_rest,
    }

    async def _decide(self, turn: Turn, command: Any, caller: Caller, arrived: int = 0) -> Decision:
        """Return the decision, fetching what the actor asks to recall or consult; raises `Refusal`."""
        context = self._context(turn, caller, arrived)
        answer = self.behaviour.decide(command, context)
        recalls = 0
        while not isinstance(answer, Decision):
            recalls += 1
            if recalls > _RECALLS:
                raise RuntimeError(f"{self.name}: {command.do} asks without end, the last time for {answer!r}")
            await self._fetch(turn, context, answer)
            answer = self.behaviour.decide(command, context)
        return answer

    async def _fetch(self, turn: Turn, context: Context, asked: Recall | Consult) -> None:
        """Put what was asked for into the context."""
        if isinstance(asked, Consult):
            context.found = asked.lookup.into(await self._services.journal.look_up(asked.stream, asked.lookup))
            return
        facts = {seq: await self._recall(turn, seq) for seq in asked.seqs}
        context.recalled = {**context.recalled, **facts}

    def _context(self, turn: Turn, caller: Caller, arrived: int = 0) -> Context:
        services = self._services
        return Context(
            turn.at,
            caller,
            turn.seq + 1,
            services.random,
            arrived=arrived,
            guardians=services.guardians,
            members=services.members,
            knows=services.knows,
            belongs=services.belongs,
        )

    async def _recall(self, turn: Turn, seq: int) -> Fact | None:
        if not 0 < seq <= turn.seq:
            return None
        known = turn.fact(seq) or self._audience.ring.fact(seq)
        if known is not None:
            return known
        records = await self._services.journal.read(self.name, seq - 1, seq, 1)
        return self._blueprint.fact(records[0]) if records else None

    def answer(self, turn: Turn) -> ActorCrashed | None:
        """Give the answers in order; a look that crashes is answered too, and the others still get theirs."""
        crash = None
        for act, what in turn.answers:
            try:
                act(what)
            except Exception as error:  # the actor's own code, showing: as in `_take`
                crash = self.crash(what, error)
                refuse(what, internal(crash.incident, self._services.settings.retry_ms))
        return crash

    def left_over(self, turn: Turn, batch: list[Post | Word], crash: ActorCrashed | None) -> list[Post | Word]:
        """Return what stands in the mailbox again after a crash: what was not taken, and who wanted to look.

        The state in memory is not to be shown any more: a crash in `apply` may have left it half changed.
        """
        if crash is None:
            return []
        looks = [what for act, what in turn.answers if act == self._look]
        turn.answers = [(act, what) for act, what in turn.answers if act != self._look]
        return [*looks, *batch[turn.taken :]]

    def _look(self, post: Watch | Read | Replay) -> None:
        try:
            self._LOOK[type(post)](self._audience, self.behaviour, self.head, post)
        except Refusal as refusal:
            post.reply(refusal)

    _LOOK: ClassVar[Mapping[type, Callable[..., None]]] = {
        Watch: Audience.watch,
        Read: Audience.read,
        Replay: Audience.replay,
    }

    def crash(self, post: Any, error: Exception) -> ActorCrashed:
        """Report a crash with its command, and count it against that command."""
        incident = self._services.supervisor.report(f"{self.name} {_verb(post)}", error)
        self._services.quarantine.note_crash(self.name, _fingerprint(post), incident)
        return ActorCrashed(self.name, incident)

    def _quarantined(self, post: Post | Word) -> str | None:
        """Return the incident of a post that is not to be run any more."""
        quarantine = self._services.quarantine
        if not quarantine.suspects(self.name):
            return None
        incident = quarantine.incident(self.name, _fingerprint(post))
        if incident is not None and isinstance(post, Due):
            self.agenda.leave_alone(post)
        return incident


def _verb(post: Any) -> str:
    return str(post.command.do) if isinstance(post, Envelope) else f"({type(post).__name__.lower()})"


def _fingerprint(post: Any) -> Fingerprint:
    """Return what makes two posts the same one sent again; the caller counts: nobody closes a verb to others."""
    if isinstance(post, Envelope):
        digest = post.digest or blake2b(repr(post.command).encode("utf-8", "replace"), digest_size=16).digest()
        return _verb(post), digest + post.caller.user.encode()
    if isinstance(post, Due):
        return _verb(post), post.key.encode()
    caller = getattr(post, "caller", SYSTEM_CALLER)
    return _verb(post), caller.user.encode()


def _ignore(answer: Any) -> None:
    """Take an answer that nobody waits for."""
