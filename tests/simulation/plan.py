"""What one seed is going to do: the figures of the engine, who comes with which devices, and which disasters strike when.

Rules of this file: everything is drawn from the seed alone, before anything runs. Never here: carrying it out.
"""

from dataclasses import dataclass, field
from random import Random

from homeroom.engine.behaviour import Caller
from homeroom.engine.settings import EngineSettings
from homeroom.protocol.codec import Format
from tests.simulation.network import Line

LOBBY, DEN = "room:lobby", "room:den"
ROOMS = (LOBBY, DEN)
CORNERS = ("lesson", "exam", "hours", "study")
"""The parts of the school beside its rooms (`corners`). A seed opens one of them, or two, so that it costs no more than it shows."""
FORMATS: tuple[Format, ...] = ("msgpack", "msgpack", "json")
TESS = Caller("tess", "teacher", "Tess")
PEOPLE = (
    TESS,
    Caller("ann", "student", "Ann"),
    Caller("ben", "student", "Ben"),
    Caller("cas", "student", "Cas"),
    Caller("ada", "admin", "Ada"),
)
DISASTERS = (
    "cut", "cut", "cut all", "swallow", "stall", "stall", "outage", "storm", "storm", "slow", "kill", "kill", "drain",
    "sabotage", "sabotage", "rival", "vandal", "crowd", "poison", "repeat",
)  # fmt: skip
"""The more often one stands here, the more often it strikes."""


@dataclass(frozen=True, slots=True)
class Device:
    """One client of one person: `ann.1`. `pause_s`: the mean time between two commands; `patient`: share of patient calls."""

    name: str
    person: Caller
    line: Line
    format: Format
    pause_s: float
    patient: float


@dataclass(frozen=True, slots=True)
class Disaster:
    """What strikes: at which second of the run, for how long, and whom (an index, to be taken modulo)."""

    at: float
    what: str
    seconds: float
    whom: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's plan. Disasters strike within `chaos_s`."""

    seed: int
    engine: EngineSettings
    devices: tuple[Device, ...]
    disasters: tuple[Disaster, ...]
    chaos_s: float
    corners: tuple[str, ...] = CORNERS
    sleepless: bool = field(default=False)
    """At the end, wait until the last actor sleeps."""

    @property
    def contested(self) -> bool:
        """Tell whether a second owner writes for a time: what it signals reaches nobody, and what it wrote is learned of late."""
        return any(disaster.what == "rival" for disaster in self.disasters)

    def chance(self, whose: str) -> Random:
        """Return a source of chance of its own for each part, so that one drawing more does not change the others."""
        return Random(f"{self.seed} {whose}")


def draw_plan(seed: int) -> Plan:
    """Return the plan of a seed."""
    chance = Random(f"{seed} plan")
    chaos_s = chance.uniform(4.5, 7.5)
    devices = tuple(_draw_devices(chance))
    kinds = chance.sample(DISASTERS, chance.randint(2, 6))
    struck = [_draw_disaster(chance, what, chaos_s) for what in chance.choices(kinds, k=chance.randint(3, 9))]
    disasters = tuple(sorted(struck, key=lambda each: (each.at, each.what, each.whom)))
    corners = dict.fromkeys((CORNERS[seed % len(CORNERS)], chance.choice(CORNERS)))
    return Plan(seed, _draw_engine(chance), devices, disasters, chaos_s, tuple(corners), chance.random() < 0.06)


def _draw_engine(chance: Random) -> EngineSettings:
    """Return figures that are small often enough to reach every bound."""
    return EngineSettings(
        mailbox=chance.choice((4, 16, 1_000)),
        batch=chance.choice((1, 3, 256)),
        ring=chance.choice((2, 16, 512)),
        page_events=chance.choice((2, 16, 256)),
        page_bytes=chance.choice((300, 131_072)),
        snapshot_events=chance.choice((3, 20, 300)),
        receipt_clients=chance.choice((1, 3, 256)),
        receipts_per_client=chance.choice((1, 8)),
        messages=chance.choice((1, 4, 10_000)),
        look_ups=chance.choice((1, 64)),
        sweep_s=2.0,
    )


def _draw_devices(chance: Random) -> list[Device]:
    devices = []
    for person in PEOPLE:
        for number in range(1, chance.choice((1, 1, 1, 1, 2)) + 1):
            line = Line(
                capacity=chance.choice((1_024, 65_536)),
                delay_s=chance.choice((0.0, 0.0, 0.01, 0.08)),
                pieces=chance.choice((0.0, 0.0, 0.0, 0.3)),
            )
            name, speech = f"{person.user}.{number}", chance.choice(FORMATS)
            devices.append(Device(name, person, line, speech, chance.uniform(0.4, 1.8), chance.choice((0.0, 0.5, 1.0))))
    return devices


def _draw_disaster(chance: Random, what: str, chaos_s: float) -> Disaster:
    return Disaster(chance.uniform(1.0, chaos_s), what, chance.uniform(0.2, 6.0), chance.randrange(1_000))
