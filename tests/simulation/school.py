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

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Done
from homeroom.protocol.presence import Status
from tests.simulation.clock import SimulatedClock
from tests.simulation.corners import Wish, closing, opening
from tests.simulation.disasters import World
from tests.simulation.judge import Judge
from tests.simulation.people import Person
from tests.simulation.plan import PEOPLE, TESS, Plan, draw_plan
from tests.simulation.saboteur import POISON_TAKEN, Sabotage
from tests.simulation.server import Life, Server
from tests.simulation.store import WatchedStore
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth
from tests.simulation.weather import Weather

HEALED_WITHIN_S = 120.0
"""After the last disaster: a half-open connection is noticed after 60 s, and the longest wait before coming back is 30 s."""
ARRIVED_WITHIN_S = 15.0
"""An actor that crashed too often rests for 10 s."""
CARRIED_WITHIN_S = 3.0
QUIET_S = 70.0
"""Longer than a presence may be believed without a sign of life."""
LONGEST_RUN_S = 3_600.0
RETAINING = ("board", "proctor")
"""Kinds whose newest signals are kept at hand for those who come later: the first of a board, and the students who write."""


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
            trio.run(school.run, clock=SimulatedClock())
    except Exception as error:
        school.judge.blames.append(f"fell over: {error!r}")
        raise SimulationFailed(school.outcome().report()) from error
    return school.outcome()


class School:
    """Everything of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trace = Trace()
        self.store = WatchedStore(f"epoch-{plan.seed}")
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
                await self._open()
                for person in self.people:
                    nursery.start_soon(person.live)
                for person in self.people:
                    await person.opened.wait()
                await self._suffer(world)
                await self._heal()
                await self._catch_up()
                await self._be_quiet()
                await self._leave(nursery)
                now = self.truth.now()
                await self.server.stop()
        self._check_poison()
        self.judge.settle(now)

    # --- its days

    async def _open(self) -> None:
        """Make everything before anybody comes, and without their network: that takes its share of the time."""
        for user, wish in opening(self.plan, self.truth.now(), self.plan.chance("opening")):
            caller = next(person for person in PEOPLE if person.user == user)
            command = self.server.verbs.convert(wish.to.partition(":")[0], wish.do, wish.arguments)
            answer = await self._life().engine.ref(wish.to).ask(command, caller)
            self.judge.expect(isinstance(answer, Done), f"{wish} of {user} was answered {answer}")

    async def _do(self, user: str, wish: Wish) -> None:
        """Have something done by the first device of `user`, whatever it takes."""
        person = next(person for person in self.people if person.device.person.user == user)
        order = await person.wish(wish, patient=True)
        self.judge.expect(order.fate == "acknowledged" or not wish.certain, f"{wish} of {user} was {order.fate}")

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
        for user, wish in closing(self.plan):
            await self._do(user, wish)
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
        for person in self.people if not self.plan.contested else ():
            self._check_roster(person, faces)
        await self._empty_queues()

    def _check_roster(self, person: Person, faces: dict[str, Status]) -> None:
        """Compare who is here with whom a client sees, wherever people are shown."""
        for follower in person.followers.values():
            people = follower.stream.blueprint.kind.people
            if follower.live and people is not None:
                view = follower.stream.behaviour().view(TESS)
                over = getattr(view, "ended", 0) or getattr(view, "deleted", 0)  # nobody is present in what is over
                here = () if over else people(view)
                right = {user: faces[user] for user in here if faces[user] != "offline"}
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
        left = {name: life.hub.watchers(name) for name in sorted(life.hub) if name.partition(":")[0] not in RETAINING}
        left |= {name: life.hub.watchers(name) for name in sorted(life.hub) if life.hub.watchers(name)}
        self.judge.expect(not left or self.plan.contested, f"the hub still holds {left}")
        self.judge.expect(life.gateway.statistics()["connections"] == 0, "connections are left")
        self.judge.expect(not life.ends, "streams are left open")
        await self._empty_queues()
        if self.plan.sleepless:
            await self._until(self._asleep, 1_500.0, "goes to sleep", look_s=20.0)

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

    def _asleep(self) -> bool:
        """Tell whether every actor sleeps but sessions with a secret poll, whose ballots keep coming back."""
        polls = [stream.name for stream in self.truth.streams("session:") if "ballot." in "".join(stream.deadlines)]
        active: int = self._life().engine.statistics()["actors"]["active"]
        return active <= len(polls)

    async def _until(self, condition: Callable[[], bool], seconds: float, what: str, look_s: float = 1.0) -> None:
        with trio.move_on_after(seconds):
            while not condition():  # noqa: ASYNC110 - looked at from outside: nothing here tells when it changes
                await trio.sleep(look_s)
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
            if follower.last != follower.stream.head and follower.stream.may_watch(person.device.person)
        ]
        life = self.server.life
        waits = (self._waiting(), sorted(life.actors.waiting.values())) if life is not None else "no server"
        return f"{people} {late} {waits}"

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

    async def _empty_queues(self) -> None:
        """Look for what still waits anywhere, when nothing should: a deadline may be on its way at just this moment."""
        await self._until(lambda: not self._waiting(), CARRIED_WITHIN_S, "comes to rest")

    def _waiting(self) -> dict[str, int]:
        """Return what waits, and how much of it."""
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
        return {name: count for name, count in found.items() if count}

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
