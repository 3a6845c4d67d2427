"""What strikes the school, and its end: each disaster is a function of the world, the table names them.

Never here: when (`plan`), and whether promises were kept (`judge`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

import trio

from homeroom.actors.kinds import KINDS
from homeroom.client.websocket import Cut, Handshake, Rejected, WebSocket
from homeroom.engine.clock import TrioClock
from homeroom.engine.engine import Engine
from homeroom.engine.envelope import Envelope
from homeroom.engine.hub import Hub
from homeroom.engine.journal_memory import Fate, MemoryJournal
from homeroom.protocol.chat import Say
from homeroom.protocol.stored import StoredWire
from tests.simulation.identities import guardians_of
from tests.simulation.network import Line
from tests.simulation.people import Person
from tests.simulation.plan import ROOMS, TESS, Disaster, Plan
from tests.simulation.server import Server
from tests.simulation.trace import Trace

HEALED_AFTER_OUTAGE_S = 5.0
GARBAGE = (b"\x00" * 40, b"GET /ws HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01\x02\x00\x01", b"POST / HTTP/1.1\r\n\r\n")
FRAMES = (b"\xc1", b"\x81\xa1t\xa3cmd", b"{}", b"\x82\xa1t\xa4ping\xa1n\x01", b"\x81\xa1t\xa5hello", b"\xde\xff\xff")


@dataclass
class World:
    """Everything that can be struck."""

    plan: Plan
    server: Server
    people: list[Person]
    trace: Trace
    nursery: trio.Nursery
    """Where what outlasts a disaster runs: the lives of the server, and commands."""
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = self.plan.chance("disasters")

    async def suffer(self) -> None:
        """Let all disasters of the plan strike, each at its time; returns when the last one is over."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for disaster in self.plan.disasters:
                nursery.start_soon(self._strike, disaster, began)

    async def _strike(self, disaster: Disaster, began: float) -> None:
        await trio.sleep_until(began + disaster.at)
        self.trace.note("disaster", f"{disaster.what} for {disaster.seconds:.3f} s")
        await _STRIKES[disaster.what](self, disaster)

    def person(self, disaster: Disaster) -> Person:
        """Return whom it strikes."""
        return self.people[disaster.whom % len(self.people)]


async def _cut(world: World, disaster: Disaster) -> None:
    end = world.person(disaster).end
    if end is not None:
        end.cut()


async def _cut_all(world: World, disaster: Disaster) -> None:
    for person in world.people:
        if person.end is not None:
            person.end.cut()


async def _swallow(world: World, disaster: Disaster) -> None:
    end = world.person(disaster).end
    if end is not None:
        end.swallow()


async def _stall(world: World, disaster: Disaster) -> None:
    """Stop reading, for longer than the server's patience."""
    end = world.person(disaster).end
    if end is not None:
        end.stall(True)
        await trio.sleep(disaster.seconds * 3)
        end.stall(False)


async def _outage(world: World, disaster: Disaster) -> None:
    """Take the journal away; when nothing else strikes, all is well again soon after it is back."""
    world.server.set_up(False)
    await trio.sleep(disaster.seconds)
    world.server.set_up(True)
    if {each.what for each in world.plan.disasters} == {"outage"}:
        await trio.sleep(HEALED_AFTER_OUTAGE_S)
        life = world.server.life
        refusing = life.engine.statistics()["actors"]["refusing"] if life is not None and world.server.weather.up else 0
        world.server.judge.expect(
            not refusing, f"{refusing} actors still refuse {HEALED_AFTER_OUTAGE_S} s after an outage"
        )


async def _storm(world: World, disaster: Disaster) -> None:
    weather = world.server.weather
    weather.failing, weather.doubtful = 0.1, 0.35
    await trio.sleep(disaster.seconds)
    weather.failing = weather.doubtful = 0.0


async def _slow(world: World, disaster: Disaster) -> None:
    weather = world.server.weather
    weather.slow_s = 0.05 * 4 ** (disaster.whom % 4 / 1.5)
    await trio.sleep(disaster.seconds)
    weather.slow_s = 0.004


async def _kill(world: World, disaster: Disaster) -> None:
    await world.server.kill()
    await trio.sleep(disaster.seconds / 4)
    await world.server.start(world.nursery)


async def _drain(world: World, disaster: Disaster) -> None:
    await world.server.stop()
    await trio.sleep(disaster.seconds / 4)
    await world.server.start(world.nursery)


async def _sabotage(world: World, disaster: Disaster) -> None:
    world.server.saboteur.share = 0.02 * (1 + disaster.whom % 6)
    await trio.sleep(disaster.seconds)
    world.server.saboteur.share = 0.0


async def _rival(world: World, disaster: Disaster) -> None:
    """Let a second owner write the same streams, and carry out some of the same commands."""
    server = world.server
    journal = MemoryJournal(server.store, lambda method, stream: Fate(delay=world.chance.random() * 0.01))
    hub, now = Hub({}), await journal.now()
    engine = Engine(
        KINDS, journal, StoredWire(), hub, clock=TrioClock(now), random=world.plan.chance("rival"), settings=world.plan.engine,
        guardians=guardians_of,
    )  # fmt: skip
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        await nursery.start(engine.run)
        with trio.move_on_after(disaster.seconds):
            while True:
                await trio.sleep(world.chance.expovariate(3.0))
                await _interfere(world, engine)
        nursery.cancel_scope.cancel()


async def _interfere(world: World, engine: Engine) -> None:
    room = world.chance.choice(ROOMS)
    life = world.server.life
    newest = life.actors.newest if life is not None else None
    if newest is None or world.chance.random() < 0.5:
        answer = await engine.ref(room).ask(Say("from afar"), TESS)
        world.trace.note("rival", f"says at {room}: {type(answer).__name__}")
    else:
        await _repeat(world, engine, *newest)


async def _repeat(world: World, engine: Engine, address: str, envelope: Envelope) -> None:
    """Carry out a command that the other owner has got as well."""
    if envelope.command.do not in {"say", "react", "read"}:
        return
    client, number = envelope.client, envelope.number
    world.server.judge.disputed |= {(client, number), getattr(envelope.command, "text", "")}
    answer = await engine.ref(address).ask(
        envelope.command, envelope.caller, client=client, number=number, digest=envelope.digest
    )
    world.trace.note("rival", f"{client}#{number} at {address}: {type(answer).__name__}")


async def _vandal(world: World, disaster: Disaster) -> None:
    """Connect, break every rule, and be gone."""
    for _ in range(6):
        try:
            end = await world.server.dial(Line(pieces=0.5))
        except OSError:
            return
        with trio.move_on_after(1.0 + disaster.seconds):
            await _vandalise(world, end)
        end.cut()
        await trio.aclose_forcefully(end)


async def _vandalise(world: World, end: trio.abc.Stream) -> None:
    chance = world.chance
    try:
        if chance.random() < 0.4:
            await end.send_all(chance.choice(GARBAGE))
            return
        socket = WebSocket(end, 100_000)
        await socket.shake_hands(Handshake("school:80", "/ws", "homeroom.v1.msgpack"))
        for _ in range(chance.randint(1, 4)):
            frame, text = chance.choice(FRAMES), chance.random() < 0.2
            await socket.send(frame.decode("latin-1").encode() if text else frame, text=text)
        await socket.receive()
    except (Cut, Rejected, trio.BrokenResourceError):
        return


async def _repeat_past(world: World, disaster: Disaster) -> None:
    """Send commands of long ago once more, as they were and as others."""
    for _ in range(4):
        life, judge = world.server.life, world.server.judge
        if life is not None and judge.past:
            to, envelope, seq = world.chance.choice(judge.past)
            ask = partial(life.engine.ref(to).ask, client=envelope.client, number=envelope.number)
            judge.repeated(to, envelope, seq, await ask(envelope.command, envelope.caller, digest=envelope.digest))
            if not _has_secrets(to, envelope):  # else its receipt holds no more than what the two have in common
                judge.forged(to, envelope, await ask(envelope.command, envelope.caller, digest=b"another body"))
        await trio.sleep(disaster.seconds / 4)


def _has_secrets(to: str, envelope: Envelope) -> bool:
    kind = next(kind for kind in KINDS if kind.name == to.partition(":")[0])
    verb = kind.verb(envelope.command.do)
    return verb is not None and bool(verb.secret)


async def _crowd(world: World, disaster: Disaster) -> None:
    await world.person(disaster).crowd(world.nursery, 10 + disaster.whom % 20)


async def _poison(world: World, disaster: Disaster) -> None:
    await world.person(disaster).poison(5)


_STRIKES: Mapping[str, Callable[[World, Disaster], Awaitable[None]]] = {
    "cut": _cut, "cut all": _cut_all, "swallow": _swallow, "stall": _stall, "outage": _outage, "storm": _storm, "slow": _slow,
    "kill": _kill, "drain": _drain, "sabotage": _sabotage, "rival": _rival, "vandal": _vandal, "crowd": _crowd,
    "poison": _poison,
    "repeat": _repeat_past,
}  # fmt: skip
