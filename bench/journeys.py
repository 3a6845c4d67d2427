"""How soon others see what somebody does: `python -m bench.journeys`.

Seven journeys through the school, one after the other, again and again: a request by REST, and its effect at other people's clients,
which follow their own streams over WebSocket. A delay begins before the request is sent and ends when its answer and the effect
have been seen by everybody concerned. Exit code 1 when one took a second or more.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import processes
from bench.figures import Load, Verdict, delays_line, judged, quantile_ms
from bench.houses import homeroom
from bench.journeys_school import School
from bench.journeys_walked import JOURNEYS, Walk, Walkers

LIMIT_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Scale:
    """So many turns of each journey, in a class of so many `pupils`; before each a pause of up to `pause_s`, drawn from `seed`."""

    turns: int = 50
    pupils: int = 30
    pause_s: float = 0.3
    seed: int = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Walk, print the delays of each journey and return the exit code."""
    options = _options(argv)
    processes.pin(os.getpid(), options.cores[-1])
    with homeroom() as house:
        processes.pin(house.pid, options.cores[0])
        with School(house) as school:
            walkers = Walkers(school, options.pupils, options.turns)
            load = Load(house)
            delays = walked(walkers, Scale(options.turns, options.pupils, options.pause, options.seed))
            print(load.line(), flush=True)
    return judged(verdicts(delays))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=50, help="of each journey")
    parser.add_argument("--pupils", type=int, default=30, help="of the class whose attendance is marked")
    parser.add_argument("--pause", type=float, default=0.3, help="the longest, in seconds, before each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cores", type=int, nargs=2, default=sorted(os.sched_getaffinity(0))[:2], help="server, generator"
    )
    return parser.parse_args(argv)


def walked(walkers: Walkers, scale: Scale) -> Mapping[str, list[float]]:
    """Return the delays of each journey in seconds; infinite where the effect was not shown within ten."""
    dice = random.Random(scale.seed)
    delays: dict[str, list[float]] = {name: [] for name in JOURNEYS}
    for turn in range(scale.turns):
        for name, prepare in JOURNEYS.items():
            walk = prepare(walkers, turn)
            time.sleep(dice.random() * scale.pause_s)
            delays[name].append(_delay(walk))
    return delays


def _delay(walk: Walk) -> float:
    begun = time.monotonic()
    walk.do()
    try:
        for see in walk.sights:
            see()
    except TimeoutError:
        return float("inf")
    return time.monotonic() - begun


def verdicts(delays: Mapping[str, Sequence[float]]) -> Iterator[Verdict]:
    """Yield whether each journey was always shorter than the limit."""
    for name, each in delays.items():
        longest = quantile_ms(each, 1.0)
        yield Verdict(
            longest < LIMIT_MS, f"{name}: {delays_line(each)}, {len(each)} times (each under {LIMIT_MS:.0f} ms)"
        )


if __name__ == "__main__":
    sys.exit(main())
