"""A small actor kind and a small house around it, for the tests of the engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any, ClassVar

import msgpack
import trio
import trio.testing
from msgspec import Meta, Struct

from homeroom.engine.behaviour import (
    After,
    At,
    Behaviour,
    Caller,
    Consult,
    Context,
    Decision,
    Disarm,
    Fact,
    Fired,
    Lookup,
    Recall,
    Refusal,
    Row,
    Signal,
    Tell,
)
from homeroom.engine.clock import TrioClock
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Answer, Cursor, Done, Envelope, Joined, Watch
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import Fate, MemoryJournal, MemoryStore
from homeroom.engine.kind import Kind, Table, Verb
from homeroom.engine.settings import DEFAULTS, EngineSettings
from homeroom.engine.waiter import Waiter
from homeroom.protocol.access import SYSTEM_ONLY, allow
from homeroom.protocol.stored import MsgpackFrames, StoredWire

START_MS = 1_750_000_000_000
N_MAX = 2**40
"""What a stored number may be; commands may ask for more, which is the defect of an actor that does not look."""
ADA = Caller("ada", "student", "Ada")
BEN = Caller("ben", "student", "Ben")
EVE = Caller("eve", "parent", "Eve")


class Add(Struct, frozen=True):
    """Add `n`, in `times` events."""

    n: int
    times: int = 1
    do: ClassVar[str] = "add"


class Boom(Struct, frozen=True):
    """Crash, in `decide`, `apply`, `project` or the journal."""

    where: str = "decide"
    do: ClassVar[str] = "boom"


class Remind(Struct, frozen=True):
    """Arm a deadline: `due` Unix ms, `None` at the owner's start; `volatile`: ms from now."""

    key: str
    due: int | None = None
    volatile: int | None = None
    do: ClassVar[str] = "remind"


class Forget(Struct, frozen=True):
    key: str
    do: ClassVar[str] = "forget"


class Send(Struct, frozen=True):
    """Tell another counter to take `n`; `quiet`: without an event of one's own."""

    to: str
    n: int
    quiet: bool = False
    do: ClassVar[str] = "send"


class Take(Struct, frozen=True):
    """A message between counters: 0 is refused, below 0 crashes."""

    n: Annotated[int, Meta(le=N_MAX)]
    do: ClassVar[str] = "take"


class Pass(Struct, frozen=True):
    """A message that causes a message and no event."""

    to: str
    n: int
    do: ClassVar[str] = "pass"


class Late(Struct, frozen=True):
    """Add `n`, and refuse: what came too late is kept all the same."""

    n: int
    do: ClassVar[str] = "late"


class Dawdle(Struct, frozen=True):
    """Tell another counter `n` too late."""

    to: str
    n: int
    do: ClassVar[str] = "dawdle"


class Relay(Struct, frozen=True):
    """Tell `via` to pass `n` on to `to`."""

    via: str
    to: str
    n: int
    do: ClassVar[str] = "relay"


class Wave(Struct, frozen=True):
    """Signal only."""

    do: ClassVar[str] = "wave"


class Nod(Struct, frozen=True):
    """Signal only, and to be remembered; the reply counts the events so far."""

    do: ClassVar[str] = "nod"


class Peek(Struct, frozen=True):
    """Recall events and answer what they added."""

    seqs: tuple[int, ...]
    do: ClassVar[str] = "peek"


class Consider(Struct, frozen=True):
    """Answer the sums of another tally, consulted before it is decided."""

    of: str
    do: ClassVar[str] = "consider"


class Find(Struct, frozen=True):
    """Ask the read model."""

    do: ClassVar[str] = "find"


class Expel(Struct, frozen=True):
    user: str
    do: ClassVar[str] = "expel"


class Admit(Struct, frozen=True):
    """Take back an expulsion."""

    user: str
    do: ClassVar[str] = "admit"


class Veil(Struct, frozen=True):
    """Hide what event `seq` added, from now on."""

    seq: int
    do: ClassVar[str] = "veil"


class Poison(Struct, frozen=True):
    """Make each view crash."""

    do: ClassVar[str] = "poison"


class Added(Struct, frozen=True):
    n: Annotated[int, Meta(le=N_MAX)]
    type: ClassVar[str] = "tally.added"


class Broke(Struct, frozen=True):
    where: str
    type: ClassVar[str] = "tally.broke"


class Reminded(Struct, frozen=True):
    key: str
    type: ClassVar[str] = "tally.reminded"


class Sent(Struct, frozen=True):
    to: str
    n: int
    type: ClassVar[str] = "tally.sent"


class Expelled(Struct, frozen=True):
    user: str
    type: ClassVar[str] = "tally.expelled"


class Admitted(Struct, frozen=True):
    user: str
    type: ClassVar[str] = "tally.admitted"


class Veiled(Struct, frozen=True):
    seq: int
    type: ClassVar[str] = "tally.veiled"


class Poisoned(Struct, frozen=True):
    type: ClassVar[str] = "tally.poisoned"


class Waved(Struct, frozen=True):
    type: ClassVar[str] = "tally.waved"


class TallyState(Struct):
    total: int = 0
    log: list[str] = []
    out: list[str] = []
    veiled: list[int] = []
    poisoned: bool = False


class Tally(Behaviour[TallyState]):
    """Adds up, and does on demand whatever the engine has to cope with."""

    @classmethod
    def fresh(cls, id: str) -> TallyState:
        return TallyState()

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset({"out"}) if caller.user in self.state.out else frozenset({"in"})

    def hidden(self, caller: Caller) -> bool:
        return caller.role == "parent"

    def decide(self, command: Any, context: Context) -> Decision | Recall | Consult:
        method: Callable[[Any, Context], Decision | Recall | Consult] = getattr(
            self, f"_on_{type(command).__name__.lower()}"
        )
        return method(command, context)

    def _on_add(self, command: Add, context: Context) -> Decision:
        if command.n < 0:
            raise Refusal("conflict", "only upwards", data={"n": command.n})
        total = self.state.total + command.n * command.times
        return Decision(events=(Added(command.n),) * command.times, reply={"total": total, "seq": context.seq})

    def _on_boom(self, command: Boom, context: Context) -> Decision:
        if command.where == "decide":
            raise ZeroDivisionError("boom")
        return Decision(events=(Added(1), Broke(command.where)))

    def _on_remind(self, command: Remind, context: Context) -> Decision:
        if command.volatile is not None:
            return Decision(timers=(After(command.key, command.volatile),))
        return Decision(timers=(At(command.key, command.due),))

    def _on_forget(self, command: Forget, context: Context) -> Decision:
        return Decision(timers=(Disarm(command.key),))

    def _on_fired(self, command: Fired, context: Context) -> Decision:
        if command.key == "boom":
            raise ZeroDivisionError("boom")
        return Decision(events=(Reminded(command.key),))

    def _on_send(self, command: Send, context: Context) -> Decision:
        events = () if command.quiet else (Sent(command.to, command.n),)
        return Decision(events=events, tells=(Tell(command.to, Take(command.n)),))

    def _on_take(self, command: Take, context: Context) -> Decision:
        if command.n == 0:
            raise Refusal("conflict", "nothing to take")
        if command.n < 0:
            raise ZeroDivisionError("poisonous message")
        return Decision(events=(Added(command.n),))

    def _on_pass(self, command: Pass, context: Context) -> Decision:
        return Decision(tells=(Tell(command.to, Take(command.n)),))

    def _on_late(self, command: Late, context: Context) -> Decision:
        number = len(self.state.log) + 1
        late = Refusal("too_late", f"number {number} came too late", retry_ms=5, data={"kept": True})
        return Decision((Added(command.n),), refusal=late)

    def _on_dawdle(self, command: Dawdle, context: Context) -> Decision:
        return Decision((Sent(command.to, command.n),), tells=(Tell(command.to, Late(command.n)),))

    def _on_relay(self, command: Relay, context: Context) -> Decision:
        return Decision(tells=(Tell(command.via, Pass(command.to, command.n)),))

    def _on_wave(self, command: Wave, context: Context) -> Decision:
        return Decision(signals=(Signal(f"tally:{self.id}", context.caller.user, Waved()),))

    def _on_nod(self, command: Nod, context: Context) -> Decision:
        signal = Signal(f"tally:{self.id}", context.caller.user, Waved())
        return Decision(reply={"events": len(self.state.log)}, signals=(signal,))

    def _on_peek(self, command: Peek, context: Context) -> Decision | Recall:
        if not context.recalled:
            return Recall(command.seqs)
        return Decision(reply=[fact and getattr(fact.event, "n", None) for fact in context.recalled.values()])

    def _on_consider(self, command: Consider, context: Context) -> Decision | Consult:
        if context.found is None:
            return Consult(command.of, Lookup("sums", lambda rows: [row["total"] for row in rows], "total", 10))
        return Decision(reply=context.found)

    def _on_find(self, command: Find, context: Context) -> Decision:
        return Decision(lookup=Lookup("sums", lambda rows: [row["total"] for row in rows], "total", 10))

    def _on_expel(self, command: Expel, context: Context) -> Decision:
        return Decision(events=(Expelled(command.user),), evict=(command.user,))

    def _on_admit(self, command: Admit, context: Context) -> Decision:
        return Decision(events=(Admitted(command.user),))

    def _on_veil(self, command: Veil, context: Context) -> Decision:
        return Decision(events=(Veiled(command.seq),))

    def _on_poison(self, command: Poison, context: Context) -> Decision:
        return Decision(events=(Poisoned(),))

    def apply(self, fact: Fact) -> None:
        state, event = self.state, fact.event
        state.log.append(event.type)
        if isinstance(event, Added):
            state.total += event.n
        elif isinstance(event, Expelled):
            state.out.append(event.user)
        elif isinstance(event, Admitted):
            state.out.remove(event.user)
        elif isinstance(event, Veiled):
            state.veiled.append(event.seq)
        elif isinstance(event, Poisoned):
            state.poisoned = True
        elif isinstance(event, Broke) and event.where == "apply":
            raise ZeroDivisionError("boom in apply")

    def view(self, caller: Caller) -> Any:
        if self.state.poisoned:
            raise ZeroDivisionError("boom in view")
        return {"total": self.state.total, "events": len(self.state.log)}

    def show(self, fact: Fact, caller: Caller) -> Any:
        return Added(0) if fact.seq in self.state.veiled else self.public(fact)

    def project(self, fact: Fact) -> Iterable[Row]:
        if isinstance(fact.event, Broke):
            if fact.event.where == "project":
                raise ZeroDivisionError("boom in project")
            if fact.event.where == "journal":
                return (Row("sums", {"seq": "not a number"}, {"total": 1}),)
        if isinstance(fact.event, Added):
            return (Row("sums", {"seq": fact.seq}, {"total": self.state.total}),)
        return ()


COMMANDS = (
    Add, Boom, Remind, Forget, Send, Dawdle, Relay, Wave, Nod, Peek, Consider, Find, Expel, Admit, Veil, Poison,
)  # fmt: skip
READING = (Wave, Peek, Consider, Find)
TALLY = Kind(
    name="tally",
    plural="tallies",
    behaviour=Tally,
    state=TallyState,
    verbs=(
        *(Verb(command, allow(("student",), "in"), remembered=command not in READING) for command in COMMANDS),
        *(Verb(command, SYSTEM_ONLY) for command in (Take, Pass)),
        Verb(Late, allow(("student",), "in") | SYSTEM_ONLY),
    ),
    events=(Added, Broke, Reminded, Sent, Expelled, Admitted, Veiled, Poisoned, Waved),
    watch=allow(("student",), "in"),
    tables=(Table("sums", ("seq",), {"seq": "bigint", "total": "bigint"}),),
    idle_s=60.0,
)


class Sink:
    """An outlet that keeps what it gets; `room` False makes `wait_room` wait."""

    format = "msgpack"

    def __init__(self, user: str = "ada") -> None:
        self.user = user
        self.closed = False
        self.frames: list[dict[str, Any]] = []
        self.room = trio.Event()
        self.room.set()
        self.waits = 0

    def push(self, frame: bytes) -> None:
        self.frames.append(msgpack.unpackb(frame))

    async def wait_room(self) -> None:
        self.waits += 1
        await self.room.wait()
        if self.closed:
            raise trio.ClosedResourceError

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of all events, in the order they came."""
        return [frame["seq"] + i for frame in self.frames if frame["t"] == "ev" for i in range(len(frame["e"]))]

    @property
    def events(self) -> list[Any]:
        return [event for frame in self.frames if frame["t"] == "ev" for event in frame["e"]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["t"] == kind]


@dataclass
class House:
    """An engine on a memory journal that can be stopped and started again."""

    nursery: trio.Nursery
    store: MemoryStore = field(default_factory=lambda: MemoryStore(start_ms=START_MS))
    settings: EngineSettings = DEFAULTS
    kind: Kind = TALLY
    fates: list[tuple[str, Fate]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)

    async def start(self) -> "House":
        self.journal = MemoryJournal(self.store, self._fate)
        await self.journal.ensure_tables(self.kind.tables)
        self.hub = Hub({"msgpack": MsgpackFrames()})
        clock = self.clock = TrioClock(await self.journal.now())
        self.engine = Engine(
            [self.kind], self.journal, StoredWire(), self.hub, clock=clock, random=Random(7), settings=self.settings
        )
        self._scope = trio.CancelScope()
        await self.nursery.start(self._run)
        return self

    async def _run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.hub.run)
                await nursery.start(self.engine.run)
                task_status.started()
                await trio.sleep_forever()

    async def crash(self) -> None:
        """End like a kill: at once, and with nothing saved."""
        self._scope.cancel()
        await trio.testing.wait_all_tasks_blocked()

    async def restart(self) -> "House":
        await self.crash()
        self.fates.clear()
        return await self.start()

    def fail(self, method: str, fail: str = "before", *, times: int = 1, **more: float) -> None:
        """Let the next calls of a journal method fail."""
        self.fates += [(method, Fate(fail=fail, **more))] * times  # type: ignore[arg-type] # the words of `Fate`

    def _fate(self, method: str, stream: str) -> Fate:
        self.calls.append((method, stream))
        for index, (name, fate) in enumerate(self.fates):
            if name == method:
                del self.fates[index]
                return fate
        return Fate()

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    async def ask(self, command: Any, caller: Caller = ADA, to: str = "tally:a", **identity: Any) -> Answer:
        return await self.engine.ref(to).ask(command, caller, **identity)

    async def done(self, command: Any, caller: Caller = ADA, to: str = "tally:a", **identity: Any) -> Done:
        answer = await self.ask(command, caller, to, **identity)
        assert isinstance(answer, Done), answer
        return answer

    async def refused(self, command: Any, caller: Caller = ADA, to: str = "tally:a", **identity: Any) -> Refusal:
        answer = await self.ask(command, caller, to, **identity)
        assert isinstance(answer, Refusal), answer
        return answer

    def tell(self, command: Any, answers: list[Answer], to: str = "tally:a", **identity: Any) -> None:
        self.engine.ref(to).tell(Envelope(command, ADA, answers.append, **identity))

    async def watch(
        self, sink: Sink, since: Cursor | None = None, caller: Caller = ADA, to: str = "tally:a"
    ) -> Joined | Refusal:
        waiter: Waiter[Joined | Refusal] = Waiter()
        self.engine.ref(to).tell(Watch(sink, caller, since, waiter.take))
        return await waiter.wait()

    async def joined(self, sink: Sink, since: Cursor | None = None) -> Joined:
        answer = await self.watch(sink, since)
        assert isinstance(answer, Joined), answer
        return answer

    async def total(self, to: str = "tally:a") -> Any:
        page = await self.engine.ref(to).read(ADA, None, 10)
        return page.state["total"]

    def counter(self, name: str) -> int:
        value: int = self.engine.statistics()["counters"][name]
        return value

    @property
    def active(self) -> int:
        value: int = self.engine.statistics()["actors"]["active"]
        return value

    def stored(self, to: str = "tally:a") -> list[str]:
        """Return the types of the durable events."""
        return [record.type for record in self.store.peek(to).records]
