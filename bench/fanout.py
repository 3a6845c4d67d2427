"""What one delivered message costs the server, beside Socket.IO in the same run: `python -m bench.fanout`.

One room, 100 members, 180-byte messages at 100 and at 500 a second in all, each member in turn, at random (Poisson) times that
are the same for both servers. The figure is the user and system CPU of all processes of the server, PostgreSQL counted in,
divided by the messages delivered. Exit code 1 when a target is missed or one delivery is.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import processes
from bench.crowd import Crowd, Tally
from bench.dialects import Dialect, SocketIo
from bench.houses import Cpu, House, homeroom, socketio
from bench.people import enrolled

TARGETS = {100: 0.8, 500: 0.35}
"""Messages a second → the largest allowed share of Socket.IO's CPU per delivery."""
P99_MS = 50.0
ARRIVALS = ("random", "even")


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one server: deliveries and CPU in the counted part of the run."""

    name: str
    rate: int
    cpu: Cpu
    deliveries: int
    seconds: float
    generator: float
    tally: Tally

    @property
    def micros(self) -> float:
        """Return CPU microseconds for each delivered message."""
        return self.cpu.total / max(self.deliveries, 1) * 1e6

    def delay_ms(self, share: float) -> float:
        """Return the delay that `share` of all deliveries did not exceed, from sending to hearing."""
        delays = sorted(self.tally.delays) or [float("inf")]
        return delays[min(int(share * len(delays)), len(delays) - 1)] * 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, print its table and return the exit code."""
    options = _options(argv)
    _pin(os.getpid(), options.cores[-1])
    results: list[Result] = []
    with socketio() as node, homeroom() as home:
        for house in (node, home):
            _pin(house.pid, options.cores[0])
        tokens = enrolled(home, options.members)
        for turn, rate in enumerate(rate for rate in options.rates for _ in range(options.rounds)):
            for house, dialect in ((node, SocketIo()), (home, tokens.dialect(f"round-{turn}"))):
                results.append(_measured(house, dialect, rate, options))
                print(_line(results[-1]), flush=True)
    return _judge(results, options)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=sorted(TARGETS), help="messages a second in all")
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=15.0, help="the counted part of each run")
    parser.add_argument("--warm-up", type=float, default=4.0, help="seconds before it")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each rate; the median counts")
    parser.add_argument("--arrivals", choices=ARRIVALS, default="random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cores", type=int, nargs=2, default=sorted(os.sched_getaffinity(0))[:2], help="server, generator"
    )
    return parser.parse_args(argv)


def _pin(pid: int, core: int) -> None:
    """Give the server one core and the generator another, where there are two; PostgreSQL floats."""
    processes.pin(pid, core)


def schedule(rate: int, seconds: float, arrivals: str, seed: int) -> list[float]:
    """Return the times, in seconds from the start, at which messages are said."""
    if arrivals == "even":
        return [number / rate for number in range(int(rate * seconds))]
    dice, at, times = random.Random(seed), 0.0, []
    while (at := at + dice.expovariate(rate)) < seconds:
        times.append(at)
    return times


def _measured(house: House, dialect: Dialect, rate: int, options: argparse.Namespace) -> Result:
    times = schedule(rate, options.warm_up + options.seconds, options.arrivals, options.seed)
    count_from = next(number for number, at in enumerate(times) if at >= options.warm_up)
    with Crowd(dialect, house.port, options.members) as crowd:
        crowd.idle(1.0)
        marks = [
            (house.cpu(), time.process_time(), time.monotonic(), crowd.deliveries)
            for _ in crowd.talk(times, count_from)
        ]
        (cpu, own, at, heard), (cpu_end, own_end, at_end, heard_end) = marks
        return Result(house.name, rate, cpu_end.since(cpu), heard_end - heard, at_end - at, own_end - own, crowd.tally)


def _line(result: Result) -> str:
    tally, per = result.tally, 1e6 / max(result.deliveries, 1)
    return (
        f"{result.name:<10} {result.rate:>4}/s  {result.micros:6.2f} µs/delivery"
        f" (own {result.cpu.own * per:.2f}, PostgreSQL {result.cpu.children * per:.2f})"
        f"  p50 {result.delay_ms(0.5):.1f} p99 {result.delay_ms(0.99):.1f} ms"
        f"  seen {tally.seen}/{tally.expected}, answered {tally.answered}/{tally.sent}, refused {len(tally.refused)}"
        f"  [server core {result.cpu.own / result.seconds:.0%}, generator {result.generator / result.seconds:.0%},"
        f" sent at most {tally.late * 1000:.1f} ms late]"
    )


def _judge(results: Sequence[Result], options: argparse.Namespace) -> int:
    """Print each target with PASS or FAIL and return the exit code."""
    verdicts: list[tuple[bool, str]] = []
    for rate in options.rates:
        mine, theirs = ([r for r in results if r.rate == rate and r.name == name] for name in ("Homeroom", "Socket.IO"))
        ratio = statistics.median(r.micros for r in mine) / statistics.median(r.micros for r in theirs)
        p99 = statistics.median(r.delay_ms(0.99) for r in mine)
        target = TARGETS.get(rate)
        if target is not None:
            verdicts.append(
                (ratio <= target, f"{rate}/s: {ratio:.2f} x Socket.IO's CPU per delivery (at most {target})")
            )
        verdicts.append((p99 < P99_MS, f"{rate}/s: p99 {p99:.1f} ms (under {P99_MS:.0f})"))
    whole = all(
        r.tally.seen == r.tally.expected and r.tally.answered == r.tally.sent and not r.tally.refused for r in results
    )
    verdicts.append((whole, "every message was heard by every member, once and in order, and answered"))
    for good, words in verdicts:
        print(f"{'PASS' if good else 'FAIL'}  {words}")
    return 0 if all(good for good, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
