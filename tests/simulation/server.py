"""The server of the simulation: the real journal fake, hub, engine and gateway, as often as it is started; and who can reach it.

Each life has parts of its own on the common store. Never here: what strikes it (`disasters`), and its clients.
"""

from random import Random
from typing import Any

import trio

from homeroom.actors.kinds import KINDS
from homeroom.engine.clock import TrioClock
from homeroom.engine.engine import Engine
from homeroom.engine.journal import JournalError
from homeroom.http.budgets import Budgets, BudgetSettings, Rate
from homeroom.http.gateway import Gateway, GatewayParts
from homeroom.http.sync import PollFrames, Sync
from homeroom.http.websocket_frames import WebSocketFrames
from homeroom.protocol.stored import JsonFrames, MsgpackFrames, StoredWire
from homeroom.protocol.verbs import VerbTable
from tests.simulation.identities import believe, believe_at_once, guardians_of
from tests.simulation.judge import Judge
from tests.simulation.network import End, Line, connect
from tests.simulation.plan import Plan
from tests.simulation.saboteur import Saboteur
from tests.simulation.spies import WatchedActors, WatchedHub
from tests.simulation.store import WatchedStore
from tests.simulation.trace import Trace
from tests.simulation.weather import LifeJournal, Weather

GENEROUS = BudgetSettings({"chat": Rate(1e6, 1e6)})
LONGEST_WRITE_S = 10.0
"""A reader that takes nothing is cut after this at the latest."""
STOP_S = 10.0
VERBS = VerbTable({kind.name: {verb.command.do: verb.command for verb in kind.verbs} for kind in KINDS})


class Life:
    """One life of the server, from its start to its end by whatever means."""

    def __init__(self, server: "Server", journal: LifeJournal, now: int, epoch: str) -> None:
        wire, clock = StoredWire(), TrioClock(now)
        encoders: dict[str, Any] = {
            "msgpack": WebSocketFrames("msgpack", MsgpackFrames()),
            "json": WebSocketFrames("json", JsonFrames()),
            "poll": PollFrames(),
        }
        plan, name = server.plan, f"life {server.lives}"
        self.journal = journal
        self.hub = WatchedHub(encoders, server.judge)
        self.engine = Engine(
            server.saboteur.sabotage_all(),
            journal,
            wire,
            self.hub,
            clock=clock,
            random=plan.chance(f"{name} engine"),
            settings=plan.engine,
            guardians=guardians_of,
        )
        self.actors = WatchedActors(self.engine, server.judge, plan.engine.replay_events)
        budgets = Budgets(trio.current_time, GENEROUS)
        parts = GatewayParts(
            actors=self.actors,
            hub=self.hub,
            kinds=KINDS,
            verbs=server.verbs,
            authenticate=believe,
            budgets=budgets,
            clock=clock,
            random=plan.chance(f"{name} gateway"),
            epoch=epoch,
        )
        self.gateway = Gateway(parts)
        self.sync = Sync(
            self.engine.ref, self.hub, journal, wire, take=budgets.take, check=believe_at_once, clock=clock
        )
        self.ends: dict[End, None] = {}
        self.accepting = False
        self.over = trio.Event()
        self._server = server
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until killed or stopped."""
        try:
            async with trio.open_nursery() as self._nursery:
                self.journal.nursery = self._nursery
                for part in (self.hub.run, self.engine.run, self.gateway.run):
                    await self._nursery.start(part)
                self.accepting = True
                task_status.started()
        finally:
            self.over.set()

    def accept(self, line: Line, chance: Random) -> End:
        """Let somebody connect; returns their end."""
        if self._nursery is None:
            raise RuntimeError("not started")
        theirs, ours = connect(line, chance)
        self.ends[ours] = None
        self._nursery.start_soon(self._serve, ours)
        return theirs

    async def kill(self) -> None:
        """End without a word: first the network is gone, then everything else."""
        self.accepting, self.actors.over = False, True
        for end in self.ends:
            end.cut()
        await self._end()

    async def stop(self) -> None:
        """End as the server does on SIGTERM, and see that it does so in time."""
        began, self.accepting = trio.current_time(), False
        self.sync.stop()
        with trio.move_on_after(STOP_S + 5):
            await self.gateway.drain(STOP_S * 0.6)
            await self.engine.drain()
        took = trio.current_time() - began
        self._server.judge.expect(took <= STOP_S, f"the stop took {took:.1f} s")
        await self._end()
        for what in self.actors.waiting.values():
            self._server.judge.blame(f"{what} was never answered")

    async def _end(self) -> None:
        self._server.judge.reached(self.engine.statistics()["counters"], self.gateway.statistics()["closed"])
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
        await self.over.wait()

    async def _serve(self, end: End) -> None:
        try:
            await self.gateway.serve(end)
        finally:
            del self.ends[end]
            wait = end.outgoing.longest_wait_s
            self._server.judge.expect(wait <= LONGEST_WRITE_S, f"a reader held its connection up for {wait:.1f} s")
            await trio.aclose_forcefully(end)


class Server:
    """The server as the world sees it: up or down, and at one address."""

    def __init__(self, plan: Plan, store: WatchedStore, weather: Weather, judge: Judge, trace: Trace) -> None:
        self.plan, self.store, self.weather, self.judge, self.trace = plan, store, weather, judge, trace
        self.saboteur = Saboteur(plan.chance("saboteur"), trace)
        self.verbs = VERBS
        self.life: Life | None = None
        self.lives = 0
        self._chance = plan.chance("network")
        self._changing = trio.Lock()

    async def start(self, nursery: trio.Nursery) -> None:
        """Start, again and again until the journal answers."""
        async with self._changing:
            while self.life is None:
                self.lives += 1
                self.saboteur.life = self.lives
                journal = LifeJournal(self.store, self.weather, self.judge)
                try:
                    await journal.ensure_tables(table for kind in KINDS for table in kind.tables)
                    life = Life(self, journal, await journal.now(), await journal.epoch())
                    await nursery.start(life.run)
                except* JournalError:
                    self.trace.note("server", "cannot start")
                    await trio.sleep(0.5)
                else:
                    self.life = life
            self.trace.note("server", f"life {self.lives}")

    async def kill(self) -> None:
        """Kill it, if it is up."""
        async with self._changing:
            life, self.life = self.life, None
            if life is not None:
                self.trace.note("server", "killed")
                self.judge.reached({"killed": 1}, {})
                await life.kill()

    async def stop(self) -> None:
        """Stop it in order, if it is up."""
        async with self._changing:
            life, self.life = self.life, None
            if life is not None:
                self.trace.note("server", "stops")
                await life.stop()
                self.trace.note("server", "stopped")

    async def dial(self, line: Line) -> End:
        """Connect; raises `OSError` when nobody listens."""
        await trio.sleep(line.delay_s)
        if self.life is None or not self.life.accepting:
            raise OSError("nobody listens")
        return self.life.accept(line, self._chance)

    def set_up(self, up: bool) -> None:
        """Let the database go away or come back."""
        self.weather.up = up
        if self.life is not None:
            self.life.journal.available = up
