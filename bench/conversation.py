"""Many clients that talk in one room while its server is killed under them, and the books that they keep.

The clients are the product's own (`homeroom.client`), each with a person and a connection of its own; beside them stands one
`Witness` that shares nothing with them. Never here: faults themselves (`recovery`) and judging the books (`checker`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import trio

from bench.checker import Evidence, Kept, Resume, Talker
from bench.kept import key_of
from bench.witness import Witness
from homeroom.client import Client, Event, Resumed, Snapshot, Subscription, open_client

PADDING = "x" * 160


@dataclass(slots=True)
class Seat:
    """One client's books. `returns` holds what it waits to write down after a fault: `"resumed"` or `"answered"`."""

    name: str
    talker: Talker = field(default_factory=Talker)
    seen: list[Kept] = field(default_factory=list)
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who talks how much: `rate` messages a second in all, each client in turn with some jitter drawn from `seed`."""

    port: int
    room: str
    tokens: Sequence[str]
    rate: float
    seed: int = 1
    within: float = 5.0


class Conversation:
    """The talk of one room, from the first client's entrance to the last answer.

    Its life: (1) `run` lets everybody in and starts; (2) the body of the caller lets time pass and calls `fault`; (3) `finish`
    stops the talk and waits until everything said is answered and shown; (4) `evidence` is complete.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seats = [Seat(f"c{number}") for number in range(len(plan.tokens) - 1)]
        self.witness = Witness(plan.port, plan.tokens[-1], plan.room)
        self.resumes: list[Resume] = []
        self.expected_resumes = 0
        self._fault_at = 0.0
        self._talking = True
        self._begin = trio.Event()
        self._all_back = trio.Event()
        self._start = 0.0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let everybody in, then talk until cancelled; started when everybody talks."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.witness.run)
            for number, seat in enumerate(self.seats):
                await nursery.start(self._sit, number, seat)
            self._start = trio.current_time()
            self._begin.set()
            task_status.started()

    async def fault(self, do: Callable[[], Awaitable[None]], *, breaks_connections: bool) -> bool:
        """Do a fault, and wait until every client has come through it; tells whether they all did in twice the time allowed."""
        for seat in self.seats:
            seat.waits_for = "resumed" if breaks_connections else "answered"
        self.expected_resumes += len(self.seats) + breaks_connections
        self._all_back = trio.Event()
        self._fault_at = self.witness.fault_at = trio.current_time()
        await do()
        with trio.move_on_at(self._fault_at + 2 * self.plan.within):
            await self._all_back.wait()
        if not breaks_connections:
            await self.witness.repeat()
        return not any(seat.waits_for for seat in self.seats)

    async def finish(self, within: float = 10.0) -> None:
        """Stop talking, then wait until all that was said is answered and shown to everybody, or time is up."""
        self._talking = self.witness.talking = False
        with trio.move_on_after(within):
            while not self._settled():  # noqa: ASYNC110 - every book has a part in it, and it is looked at once a run
                await trio.sleep(0.05)

    def evidence(self, journal: Sequence[Kept]) -> Evidence:
        """Return all books beside the journal."""
        return Evidence(
            talkers={"witness": self.witness.talker} | {seat.name: seat.talker for seat in self.seats},
            watchers={"witness": self.witness.seen} | {seat.name: seat.seen for seat in self.seats},
            journal=journal,
            repeats=self.witness.repeats,
            resumes=[*self.resumes, *self.witness.resumes],
            expected_resumes=self.expected_resumes,
            within=self.plan.within,
        )

    def _settled(self) -> bool:
        talkers = [self.witness.talker, *(seat.talker for seat in self.seats)]
        newest = max((seq for talker in talkers for seq in talker.acknowledged.values()), default=0)
        shown = all(
            seen and seen[-1].seq >= newest for seen in (self.witness.seen, *(seat.seen for seat in self.seats))
        )
        return shown and all(len(talker.said) == len(talker.acknowledged) for talker in talkers)

    async def _sit(self, number: int, seat: Seat, task_status: trio.TaskStatus[None]) -> None:
        url = f"ws://127.0.0.1:{self.plan.port}/ws"
        opened = open_client(url, self.plan.tokens[number])
        async with opened as client, trio.open_nursery() as nursery:
            await client.call_patiently(self.plan.room, "join")
            await nursery.start(self._watch, seat, client.subscribe(self.plan.room))
            task_status.started()
            await self._begin.wait()
            await self._talk(number, seat, client)

    async def _watch(self, seat: Seat, items: Subscription, task_status: trio.TaskStatus[None]) -> None:
        first = True
        async for item in items:
            if isinstance(item, Event):
                seat.seen.append(Kept(item.seq, key_of(item.d["text"]) if item.type == "room.message_posted" else None))
            elif first:
                first = False
                task_status.started()
            elif isinstance(item, Resumed | Snapshot):
                self._returned(seat, "resumed" if isinstance(item, Resumed) else "snapshot")

    async def _talk(self, number: int, seat: Seat, client: Client) -> None:
        dice, turn, size = Random(f"{self.plan.seed}.{number}"), 0, len(self.seats)
        while self._talking:
            await trio.sleep_until(self._start + (turn * size + number + dice.random()) / self.plan.rate)
            turn += 1
            if self._talking:
                await self._say(seat, client, f"{seat.name}.{turn}")

    async def _say(self, seat: Seat, client: Client, key: str) -> None:
        after_fault = trio.current_time() >= self._fault_at
        seat.talker.said.append(key)
        reply = await client.call_patiently(self.plan.room, "say", text=f"{key} {PADDING}")
        assert reply.pos is not None, "what was said has a number"
        seat.talker.acknowledged[key] = reply.pos[1]
        if seat.waits_for == "answered" and after_fault:
            self._returned(seat, "stayed")

    def _returned(self, seat: Seat, verdict: str) -> None:
        """Write down how a client came through the last fault; a snapshot at any other time is written down too."""
        if seat.waits_for or verdict == "snapshot":
            self.resumes.append(Resume(seat.name, verdict, trio.current_time() - self._fault_at))
            seat.waits_for = ""
        if not any(seat.waits_for for seat in self.seats):
            self._all_back.set()
