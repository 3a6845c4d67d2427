"""One simulated school, from its first day to its last: `simulate(seed)`.

    doors open ─► chaos (people talk, disasters strike) ─► the disasters end ─► all is answered ─► all are at the newest event
    ─► quiet for a while ─► everybody leaves ─► nothing is left ─► a stop in order ─► everything is compared with the journal

The same seed gives the same trace, byte for byte: trio's scheduler and every other source of chance are seeded, the clock is
simulated, and there are no sockets, threads or files. `python -m tests.simulation.replay SEED` runs one seed and prints its trace.
Never here: what may go wrong (`disasters`), and what is right (`judge`, `follower`).
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import trio
import trio.testing

from homeroom.engine.behaviour import Refusal
from homeroom.engine.journal_memory import MemoryStore
from homeroom.protocol.presence import Status
from tests.simulation.disasters import World
from tests.simulation.judge import Judge
from tests.simulation.people import Person
from tests.simulation.plan import PEOPLE, ROOMS, TESS, Plan, draw_plan
from tests.simulation.saboteur import POISON_TAKEN, Sabotage
from tests.simulation.server import Life, Server
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth
from tests.simulation.weather import Weather

HEALED_WITHIN_S = 120.0
"""After the last disaster: a half-open connection is noticed after 60 s, and the longest wait before coming back is 30 s."""
ARRIVED_WITHIN_S = 10.0
QUIET_S = 70.0
"""Longer than a presence may be believed without a sign of life."""
LONGEST_RUN_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one seed."""

    plan: Plan
    blames: list[str]
    counts: Mapping[str, int]
    reach: Mapping[str, int]
    slowest_s: Mapping[str, float]
    """The longest that each device waited for an answer."""
    trace: Trace

    def report(self, lines: int = 60) -> str:
        """Return what a failure tells: the seed, the disasters and their times, the counts, the end of the trace."""
        struck = "".join(f"\n  {each.at:7.3f} s {each.what} ({each.seconds:.3f} s)" for each in self.plan.disasters)
        names = ("acknowledged", "lost", "doubled", "missing")
        counts = ", ".join(f"{self.counts.get(name, 0)} {name}" for name in names)
        blames = "".join(f"\n  {blame[:2_000]}" for blame in self.blames[:10])
        return (
            f"seed {self.plan.seed}: replay it with `python -m tests.simulation.replay {self.plan.seed}`\n"
            f"disasters:{struck}\ncounts: {counts}\nbroken promises: {len(self.blames)}{blames}\n"
            f"the end of the trace:\n{self.trace.tail(lines)}"
        )


class SimulationFailed(AssertionError):
    """A promise was broken, or the simulation itself fell over; the text is the report."""


def simulate(seed: int, plan: Plan | None = None) -> Outcome:
    """Run one seed to its end; raises `SimulationFailed` when a task of the product fell over."""
    plan = plan or draw_plan(seed)
    school = School(plan)
    try:
        with _deterministic(seed), _logged(school):
            trio.run(school.run, clock=trio.testing.MockClock(autojump_threshold=0))
    except Exception as error:
        school.judge.blames.append(f"fell over: {error!r}")
        raise SimulationFailed(school.outcome().report()) from error
    return school.outcome()


class School:
    """Everything of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trace = Trace()
        self.store = MemoryStore(epoch=f"epoch-{plan.seed}")
        self.truth = Truth(self.store)
        self.judge = Judge(self.truth, self.trace)
        weather = Weather(plan.chance("weather"), self.trace)
        self.server = Server(plan, self.store, weather, self.judge, self.trace)
        self.people = [Person(device, self.server, self.truth, self.judge, self.trace) for device in plan.devices]

    def outcome(self) -> Outcome:
        """Return what became of it."""
        judge, slowest = self.judge, dict.fromkeys((person.name for person in self.people), 0.0)
        for order in judge.orders:
            slowest[order.by] = max(slowest[order.by], order.took_s)
        return Outcome(self.plan, judge.blames, judge.counts, judge.reach, slowest, self.trace)

    async def run(self) -> None:
        """Run it to its end."""
        with trio.fail_after(LONGEST_RUN_S):
            async with trio.open_nursery() as nursery:
                await self.server.start(nursery)
                world = World(self.plan, self.server, self.people, self.trace, nursery)
                for person in self.people:
                    nursery.start_soon(person.live)
                await self._open_rooms()
                await self._suffer(world)
                await self._heal()
                await self._catch_up()
                await self._be_quiet()
                await self._leave(nursery)
                await self.server.stop()
        self._check_poison()
        self.judge.settle()

    # --- its days

    async def _open_rooms(self) -> None:
        tess = next(person for person in self.people if person.device.person is TESS)
        for person in self.people:
            await person.opened.wait()
        await tess.order(ROOMS[0], "create", {"title": "Lobby"}, patient=True)
        await tess.order(ROOMS[1], "create", {"title": "Den", "visibility": "closed"}, patient=True)
        for other in PEOPLE:
            await tess.order(ROOMS[1], "invite", {"user": other.user}, patient=True)

    async def _suffer(self, world: World) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.suffer)
            await trio.sleep(self.plan.chaos_s)
        for person in self.people:
            person.quiet = True
        self.server.weather.clear()
        self.server.set_up(True)
        self.server.saboteur.share = 0.0
        self.trace.note("school", "the disasters are over")

    async def _heal(self) -> None:
        """Wait until everybody is connected and every command has an answer."""
        await self._until(self._healed, HEALED_WITHIN_S, "heals")

    async def _catch_up(self) -> None:
        """Let one thing more happen everywhere, and wait until everybody has seen it."""
        tess = next(person for person in self.people if person.device.person is TESS)
        for room in ROOMS:
            await tess.order(room, "set_mode", {"mode": "open"}, patient=True)
            order = await tess.order(room, "say", {}, patient=True)
            self.judge.expect(order.fate == "acknowledged", f"the last word at {room} was {order.fate}")
        for person in self.people:
            arguments = {"status": "online", "activity": f"on {person.name}"}
            address = f"presence:{person.device.person.user}"
            order = await person.order(address, "set", arguments, patient=True)
            self.judge.expect(order.fate == "acknowledged", f"the last choice of {person.name} was {order.fate}")
        await self._until(self._arrived, ARRIVED_WITHIN_S, "catches up")
        for person in self.people:
            for name, follower in person.followers.items():
                if self.truth.stream(name).may_watch(person.device.person):
                    follower.finish()
                elif follower.live:
                    self.judge.blame(f"{follower.where} is still shown what it may not see")

    async def _be_quiet(self) -> None:
        """Stay connected and do nothing: who is here stays here, and everybody sees the same people."""
        for person in self.people:
            person.retry_s = 2 * QUIET_S
        await trio.sleep(QUIET_S)
        await self._until(self._arrived, ARRIVED_WITHIN_S, "catches up again")
        faces = {person.user: await self._face(person.user) for person in PEOPLE}
        for user, status in faces.items():
            hidden = self.truth.stream(f"presence:{user}").behaviour().state.own.hidden
            self.judge.expect((status == "offline") == hidden, f"{user} is connected and {status}, hidden: {hidden}")
        for person in self.people:
            self._check_roster(person, faces)
        self._check_queues()

    def _check_roster(self, person: Person, faces: dict[str, Status]) -> None:
        for room in ROOMS:
            follower = person.followers[room]
            if follower.live:
                members = self.truth.stream(room).behaviour().state.shown.members
                right = {user: faces[user] for user in members if faces[user] != "offline"}
                seen = {user: status for user, status in follower.roster.items() if status != "offline"}
                self.judge.expect(seen == right, f"{follower.where} sees {seen}, here are {right}")

    async def _leave(self, nursery: trio.Nursery) -> None:
        """Let everybody go, and look for what is left."""
        for person in self.people:
            person.leave()
        await trio.sleep(QUIET_S)
        for user in PEOPLE:
            self.judge.expect(await self._face(user.user) == "offline", f"{user.user} has left and is still here")
        await trio.sleep(1.0)
        life = self._life()
        left = {name: life.hub.watchers(name) for name in sorted(life.hub)}
        self.judge.expect(not left, f"the hub still holds {left}")
        self.judge.expect(life.gateway.statistics()["connections"] == 0, "connections are left")
        self.judge.expect(not life.ends, "streams are left open")
        self._check_queues()
        if self.plan.sleepless:
            await self._until(lambda: life.engine.statistics()["actors"]["active"] == 0, 1_500.0, "goes to sleep")

    # --- looking

    def _healed(self) -> bool:
        connected = all(
            person.client is not None and person.client.status.phase == "connected" for person in self.people
        )
        return self.server.life is not None and connected and not any(person.open for person in self.people)

    def _arrived(self) -> bool:
        return all(
            follower.live and follower.last == follower.stream.head
            for person in self.people
            for name, follower in person.followers.items()
            if self.truth.stream(name).may_watch(person.device.person)
        )

    async def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        with trio.move_on_after(seconds):
            while not condition():  # noqa: ASYNC110 - looked at from outside: nothing here tells when it changes
                await trio.sleep(0.5)
            return
        self.judge.blame(f"the school never {what}: {self._state()}")

    def _state(self) -> str:
        people = {
            person.name: (person.client.status.phase if person.client else "", person.open) for person in self.people
        }
        late = [
            f"{follower.where} at {follower.last} of {follower.stream.head}"
            for person in self.people
            for follower in person.followers.values()
            if follower.last != follower.stream.head
        ]
        statistics = self.server.life.engine.statistics() if self.server.life else "no server"
        return f"{people} {late} {statistics}"

    async def _face(self, user: str) -> Status:
        try:
            page = await self._life().engine.ref(f"presence:{user}").read(TESS, None, 1)
        except Refusal as refusal:
            self.judge.blame(f"presence:{user} cannot be read: {refusal}")
            return "offline"
        status: Status = page.state["status"]
        return status

    def _life(self) -> Life:
        if self.server.life is None:
            raise RuntimeError("the server is down")
        return self.server.life

    def _check_queues(self) -> None:
        """Look for what still waits anywhere, when nothing should."""
        life = self._life()
        figures = life.engine.statistics()
        found = {
            "mailboxes": figures["actors"]["mailbox_depth"],
            "refusing": figures["actors"]["refusing"],
            "messages": figures["courier"]["depth"],
            "parked": figures["courier"]["parked"],
            "undelivered": len(self.store.messages),
            "look-ups": figures["look_ups"],
            "appends": figures["journal"]["pending"],
            "events": figures["hub"]["waiting"],
            "bytes": life.gateway.statistics()["waiting_bytes"],
            "answers": len(life.actors.waiting),
        }
        waiting = {name: count for name, count in found.items() if count}
        self.judge.expect(not waiting, f"there still wait: {waiting} {sorted(life.actors.waiting.values())}")

    def _check_poison(self) -> None:
        for (life, address, text), times in self.server.saboteur.poisoned.items():
            self.judge.reached({"poisoned": times}, {})
            self.judge.expect(times <= POISON_TAKEN, f"{text} was run {times} times at {address} in life {life}")

    def log(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Take a line of the product's log: only sabotage may crash anything."""
        error = event.pop("exc_info", None)
        self.trace.note(f"log {method}", " ".join(f"{key}={event[key]}" for key in sorted(event)))
        if error is not None and not isinstance(error, Sabotage):
            self.judge.blame(f"the log says: {event} {error!r}")
        raise structlog.DropEvent


@contextmanager
def _deterministic(seed: int) -> Iterator[None]:
    """Let trio's scheduler draw from the seed; the switch exists for this purpose and is turned back."""
    runner: Any = trio._core._run
    before = runner._ALLOW_DETERMINISTIC_SCHEDULING, runner._r.getstate()
    runner._ALLOW_DETERMINISTIC_SCHEDULING = True
    runner._r.seed(seed)
    try:
        yield
    finally:
        runner._ALLOW_DETERMINISTIC_SCHEDULING = before[0]
        runner._r.setstate(before[1])


@contextmanager
def _logged(school: School) -> Iterator[None]:
    """Lead the log into the trace."""
    before = structlog.get_config()
    structlog.configure(processors=[school.log], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
