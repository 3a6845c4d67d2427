"""One actor: its mailbox, its turns, its lives. The heart of the engine.

A life (`live`):
 1. activate: load snapshot and tail, publish what had become durable unseen, `wake`, and put overdue deadlines first;
 2. turn after turn: wait for posts and take a batch, decide and apply post by post, append once, then publish, then signals, messages and
    timers, then the answers, in the order of the posts;
 3. activate again when an append failed: what is not known to be durable was shown to nobody;
 4. end by sleeping (a snapshot is kept), or by a crash: then the supervisor begins the next life, and the rest of the batch
    stands in the mailbox again.

Rules of this file: the loop awaits the mailbox and the journal, for a command that puts people somewhere whether they are there
(`named`), and nothing else; every post with a way back is answered exactly once, also when the task is cancelled. Never here: restarting (`supervisor`), showing (`audience`), what anything means.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog
import trio

from homeroom.engine.audience import Audience
from homeroom.engine.behaviour import Refusal
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.desk import Desk
from homeroom.engine.envelope import Envelope, Outlet, Post, Watch
from homeroom.engine.errors import ActorCrashed, internal
from homeroom.engine.journal import JournalError, Loaded, Message, Saved, Superseded
from homeroom.engine.loading import Restored, restore
from homeroom.engine.mailbox import Mailbox
from homeroom.engine.ring import Entry
from homeroom.engine.services import Services, refuse
from homeroom.engine.statistics import ActorFigures
from homeroom.engine.supervisor import backoff
from homeroom.engine.turn import Turn
from homeroom.engine.words import Read, Rest, Word

log = structlog.get_logger("homeroom.engine")


class Actor:
    """The runner of one behaviour; a transient child of the supervisor, named by its address."""

    __slots__ = (
        "_audience",
        "_blueprint",
        "_desk",
        "_doubted",
        "_ended",
        "_isolating",
        "_mailbox",
        "_published",
        "_redecided",
        "_refusal",
        "_rest",
        "_saved",
        "_saved_at",
        "_saving",
        "_services",
        "_tried",
        "name",
    )

    def __init__(
        self, address: str, blueprint: Blueprint, services: Services, owed: frozenset[str], ended: Callable[[str], None]
    ) -> None:
        """Make an actor that has not begun to live. `owed`: deadlines to fire since the owner starts anew."""
        self.name = address
        self._blueprint = blueprint
        self._services = services
        self._ended = ended
        self._mailbox = Mailbox(services.settings.mailbox, services.clock)
        self._audience = Audience(address, blueprint, services, self)
        self._desk = Desk(address, blueprint, services, self._audience, owed)
        self._published: int | None = None  # what subscribers were given; `None` before the first life
        self._refusal: Refusal | None = None  # what every post is answered at once, while away
        self._rest: Rest | None = None
        self._doubted: Turn | None = None  # its append got no answer; settled by the next life
        self._redecided = False  # the batch was superseded once already
        self._isolating = 0  # posts to be taken one by one, since their batch could not be appended
        self._saving = False
        self._saved = 0  # the number of the newest snapshot
        self._tried = 0  # the number of the newest attempt at one
        self._saved_at = services.clock.now()

    # --- seen from outside

    @property
    def refusing(self) -> bool:
        """Tell whether it answers every post with a refusal now: the journal is away, or it is suspended."""
        return self._refusal is not None

    def post(self, post: Post | Word) -> None:
        """Take a post, or answer it at once with a refusal. Never blocks."""
        if self._refusal is not None:
            refuse(post, self._refusal)
        elif _is_urgent(post):
            self._mailbox.put_urgent(post)
        else:
            try:
                self._mailbox.put_nowait(post)
            except trio.WouldBlock:
                self._services.counters.overloads += 1
                refuse(post, self._services.overloaded())

    def unwatch(self, outlet: Outlet) -> bool:
        """End the subscription of `outlet`; tells whether there was one."""
        return self._audience.leave(outlet)

    def suspend(self, seconds: float) -> None:
        """Crashed too often: answer `unavailable` until the next life."""
        self._refuse_all(Refusal("unavailable", "this actor is suspended", retry_ms=int(seconds * 1000)))

    def tired(self, now: int) -> bool:
        """Tell whether it has been idle for its kind's time, and nothing speaks against sleep."""
        return now - self._desk.busy_at >= self._blueprint.idle_ms and self._may_sleep()

    def relax(self, now: int) -> None:
        """Forget the newest events, which the journal has too, when nobody looks and nothing has happened for a while."""
        if not len(self._audience) and now - self._desk.busy_at >= self._services.settings.ring_idle_s * 1000:
            self._audience.ring.clear()

    def figures(self, now: int) -> ActorFigures:
        """Return its figures."""
        return ActorFigures(
            address=self.name,
            depth=len(self._mailbox),
            lag_ms=self._mailbox.lag(now),
            unsaved=self._desk.head - self._saved,
            snapshot_age_ms=now - self._saved_at,
            watchers=len(self._audience),
            refusing=self.refusing,
        )

    # --- a life

    async def live(self) -> None:
        """Live one life. Returns when asleep; raises `ActorCrashed`. Cancelled: all that waits is answered `unavailable`."""
        try:
            goes_on = await self._activate()
            while goes_on:
                await self._mailbox.arrival()
                await self._services.journal.company.wait()
                goes_on = await self._turn(self._mailbox.take(1 if self._isolating else self._services.settings.batch))
                if goes_on and self._wants_sleep():
                    goes_on = await self._stay_awake()
        except trio.Cancelled:
            self.end()
            raise

    async def _activate(self) -> bool:
        """Load until the journal answers; meanwhile posts are refused. Tells whether there is a life to live."""
        failures = 0
        while True:
            try:
                await self._load()
            except JournalError as error:
                log.warning("actor not loaded", actor=self.name, error=str(error), attempt=failures)
                self._refuse_all(self._services.unavailable())
            else:
                return True
            if self._services.draining:
                self.end()
                return False
            await trio.sleep(backoff(failures, 0.02, self._services.settings.reload_max_s, self._services.random))
            failures += 1

    async def _load(self) -> None:
        """Begin from the journal, with nothing of the life before."""
        services, desk = self._services, self._desk
        loaded = await services.journal.load(self.name)
        await desk.ledger.settle()
        restored = await restore(services.journal, self._blueprint, self.name, loaded, services.settings.ring)
        unseen = await self._unseen(restored, loaded)
        made = await self._was_made(unseen)
        desk.begin(restored.behaviour, loaded.head, receipts=loaded.receipts)
        self._saved = restored.saved
        overdue = desk.agenda.load(loaded.deadlines, services.clock.now())
        self._make_up(unseen, made)
        self._published = loaded.head
        turn = desk.wake()
        self._perform(turn, await self._append(turn))
        self._refusal = None
        services.counters.activations += 1
        self._mailbox.put_back(overdue)

    async def _unseen(self, restored: Restored, loaded: Loaded) -> list[Entry]:
        """Return what was committed although its answer was lost; before the first life, the newest events."""
        published, entries = self._published, restored.entries
        if published is None or published >= loaded.head:
            return entries if published is None else []
        if entries and entries[0].fact.seq <= published + 1:
            return [entry for entry in entries if entry.fact.seq > published]
        records = await self._services.journal.read(self.name, published, loaded.head, loaded.head - published)
        facts = [(self._blueprint.fact(record), record.body) for record in records]
        return [self._blueprint.entry(restored.behaviour, fact, body) for fact, body in facts]

    async def _was_made(self, unseen: list[Entry]) -> bool:
        """Tell whether the turn in doubt became durable."""
        turn = self._doubted
        if turn is None or turn.entries or not turn.receipts:
            return turn is not None and turn.became_durable(unseen)
        last = turn.receipts[-1]
        found = await self._services.journal.receipt(self.name, last.client, last.command)
        return found is not None and found[0] == last

    def _make_up(self, unseen: list[Entry], made: bool) -> None:
        """Show what was committed although its answer was lost, with the farewells and signals of its turn."""
        turn, self._doubted = self._doubted, None
        if turn is None or not made:
            self._audience.publish(unseen, ())
            return
        self._audience.publish(unseen, turn.evictions)
        self._signal(turn)

    # --- a turn

    async def _turn(self, batch: list[Post | Word]) -> bool:
        """Carry out a batch, or as much of it as there is before a crash; raises `ActorCrashed` when that is done.

        Tells whether the life goes on.
        """
        turn = Turn(self._services.clock.now(), self._desk.head)
        try:
            crash = await self._desk.take_all(turn, batch)
            messages = await self._append(turn)
        except JournalError as error:
            self._give_up(turn, batch, error)
            self._services.counters.reloads += 1
            return await self._activate()
        except Exception as error:  # what the actor wanted kept cannot be kept: find out by whose fault
            raise self._isolate(batch, error) from error
        except BaseException:
            _refuse_posts(batch, self._services.unavailable())
            raise
        self._redecided = False
        self._isolating = max(self._isolating - 1, 0)
        self._mailbox.put_back(self._desk.left_over(turn, batch, crash))
        self._perform(turn, messages)
        crash = self._desk.answer(turn) or crash
        if crash is not None:
            raise crash
        self._save_now_and_then(turn)
        return True

    # --- when it is durable, or not

    async def _append(self, turn: Turn) -> Sequence[Message]:
        if not turn.durable:
            return ()
        turn.appending = True
        return await self._services.journal.append(turn.unit(self.name))

    def _perform(self, turn: Turn, messages: Sequence[Message]) -> None:
        """Show what has become durable, and hand over what it causes."""
        services = self._services
        self._published = self._desk.head = turn.seq
        self._rest = turn.rest or self._rest
        self._audience.publish(turn.entries, turn.evictions)
        self._signal(turn)
        if messages:
            services.courier.send(messages)
        self._desk.agenda.finish(turn)
        self._desk.ledger.trim()
        services.counters.turns += 1
        services.counters.commands += turn.taken
        services.counters.events += len(turn.records)

    def _signal(self, turn: Turn) -> None:
        for signal, event in turn.signals:
            self._services.hub.signal(signal.stream, signal.key, event, retain=signal.retain, drop=signal.drop)

    def _give_up(self, turn: Turn, batch: list[Post | Word], error: JournalError) -> None:
        """Answer a batch `unavailable` that could not be made durable, or let it be decided anew, once, after a reload."""
        counters = self._services.counters
        log.warning("turn failed", actor=self.name, error=str(error), posts=len(batch))
        if isinstance(error, Superseded):
            counters.superseded += 1
            if not self._redecided:
                self._redecided = True
                self._mailbox.put_back(batch)
                return
        elif turn.appending:
            counters.doubts += 1
            self._doubted = turn
            self._desk.ledger.doubt(turn.consumed)
        self._redecided = False
        _refuse_posts(batch, self._services.unavailable())
        self._refuse_all(self._services.unavailable())

    def _isolate(self, batch: list[Post | Word], error: Exception) -> ActorCrashed:
        """Find the culprit of an append that the journal cannot take: the next life takes the posts one by one."""
        if len(batch) > 1:
            self._isolating = len(batch)
            self._mailbox.put_back(batch)
            return ActorCrashed(self.name, self._services.supervisor.report(self.name, error))
        crash = self._desk.crash(batch[0], error)
        self._isolating = max(self._isolating - 1, 0)
        refuse(batch[0], internal(crash.incident, self._services.settings.retry_ms))
        return crash

    # --- snapshots and sleep

    def _save_now_and_then(self, turn: Turn) -> None:
        """Start to keep a snapshot every so many events; one that failed is tried again after as many."""
        since = self._desk.head - max(self._saved, self._tried)
        if turn.records and since >= self._services.settings.snapshot_events and not self._saving:
            self._saving = True
            self._tried = self._desk.head
            saved = self._blueprint.save(self._desk.behaviour, self._desk.head)
            self._services.start(f"snapshot of {self.name}", partial(self._save, saved))

    async def _save(self, saved: Saved) -> None:
        """Keep a snapshot; when that fails, the journal still holds everything."""
        counters = self._services.counters
        try:
            await self._services.journal.save(self.name, saved)
        except JournalError as error:
            counters.snapshot_failures += 1
            log.warning("snapshot failed", actor=self.name, error=str(error))
        else:
            counters.snapshots += 1
            self._saved = max(self._saved, saved.seq)
            self._saved_at = self._services.clock.now()
        finally:
            self._saving = False

    def _wants_sleep(self) -> bool:
        """Tell whether to sleep now: being asked to, or when nothing ever happened here and nobody waits."""
        rest, self._rest = self._rest, None
        if rest is not None and rest.now:
            self._rest = rest
            return not len(self._mailbox)
        return (rest is not None or (self._desk.head == 0 and self._desk.agenda.empty)) and self._may_sleep()

    def _may_sleep(self) -> bool:
        """Tell whether nobody waits or looks, and nothing of this life would be lost."""
        return not (len(self._mailbox) or self._saving or len(self._audience) or self._desk.agenda.restless)

    async def _stay_awake(self) -> bool:
        """Keep a snapshot and end, unless somebody came meanwhile; tells whether the life goes on."""
        if self._desk.head > self._saved:
            await self._save(self._blueprint.save(self._desk.behaviour, self._desk.head))
        if len(self._mailbox) or not (self._rest or self._may_sleep()):
            return True
        self._services.counters.sleeps += 1
        self.end()
        return False

    def end(self) -> None:
        """Leave the registry, and answer whatever still waits `unavailable`; in one step with the last look into the mailbox, so no post is left behind."""
        self._desk.agenda.forget_volatile()
        self._refuse_all(self._services.unavailable())
        self._ended(self.name)

    def _refuse_all(self, refusal: Refusal) -> None:
        """Answer all that waits, and from now on everything at once."""
        self._refusal = refusal
        _refuse_posts(self._mailbox.take_all(), refusal)


def _refuse_posts(posts: Iterable[Post | Word], refusal: Refusal) -> None:
    for post in posts:
        refuse(post, refusal)


def _is_urgent(post: Post | Word) -> bool:
    """Tell whether a post is the engine's own: those are bounded by their nature, and never refused for lack of room."""
    return not isinstance(post, Watch | Read) and not (isinstance(post, Envelope) and not post.message)
