"""Fifty class sessions of twenty people each who talk: how soon everybody hears what is said.

Each session has its teacher and nineteen students, each with a connection. They speak in turn at random (Poisson) times; whoever is
about to speak is seen typing before. The rate is of all sessions together; the least that requirements 1.0 ask of a
node is 1 000 messages a minute. A delay is that of each message to each of the twenty, its author included, from before sending to after
reading. Never here: the command line (`school`), and the members' sockets (`crowd`).
"""

import time
from dataclasses import dataclass

from bench import processes
from bench.crowd import Crowd
from bench.dialects import HomeroomClasses
from bench.fanout import schedule
from bench.figures import Load, Verdict, delays_line, quantile_ms
from bench.houses import House, homeroom
from bench.people import enrolled
from bench.person import Person

P99_MS = 100.0
TYPING_S = 1.0
"""Whoever speaks is seen typing so long before."""


@dataclass(frozen=True, slots=True)
class Scale:
    """So many sessions of so many people; they say `rate` messages a second in all, for a warm-up and for `seconds` that count."""

    sessions: int = 50
    people: int = 20
    rate: int = 100
    seconds: float = 15.0
    warm_up: float = 4.0
    seed: int = 1
    core: int | None = None


def measure(scale: Scale) -> list[Verdict]:
    """Hold the sessions; prints the figures."""
    size = scale.sessions * scale.people
    with homeroom() as house:
        if scale.core is not None:
            processes.pin(house.pid, scale.core)
        teachers = enrolled(house, scale.sessions, "teacher", "teacher").tokens
        students = enrolled(house, size - scale.sessions, name="student").tokens
        rooms = [_start(house, number, token) for number, token in enumerate(teachers)]
        talk = HomeroomClasses("", [*teachers, *students], rooms=rooms)
        with Crowd(talk, house.port, size, hearers=scale.people, ahead=round(scale.rate * TYPING_S)) as crowd:
            crowd.idle(2.0)
            return _talked(house, crowd, scale)


def _start(house: House, number: int, token: str) -> str:
    """Let a teacher make and start a session, open to everybody; returns its address."""
    address = f"session:class-{number}"
    with Person(house.port, token) as teacher:
        teacher.do(address, "create", title="A lesson", starts=round(time.time() * 1000))
        teacher.do(address, "start")
    return address


def _talked(house: House, crowd: Crowd, scale: Scale) -> list[Verdict]:
    times = schedule(scale.rate, scale.warm_up + scale.seconds, "random", scale.seed)
    talk = crowd.talk(times, next(number for number, at in enumerate(times) if at >= scale.warm_up))
    next(talk)
    load = Load(house)
    next(talk)
    tally, what = crowd.tally, f"{scale.sessions} sessions of {scale.people}, {scale.rate} messages a second"
    print(f"{what}: {delays_line(tally.delays)}, {len(tally.delays)} deliveries {load.line(tally.late)}", flush=True)
    p99 = quantile_ms(tally.delays, 0.99)
    whole = tally.seen == tally.expected and tally.answered == tally.sent and not tally.refused
    words = f"heard {tally.seen} of {tally.expected}, answered {tally.answered} of {tally.sent}, refused {len(tally.refused)}"
    return [Verdict(p99 < P99_MS, f"{what}: p99 {p99:.1f} ms (under {P99_MS:.0f})"), Verdict(whole, f"{what}: {words}")]
