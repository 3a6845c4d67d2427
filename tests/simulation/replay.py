"""`python -m tests.simulation.replay SEED…` runs seeds and prints their traces (one seed) or their reports (several)."""

import sys
import traceback
from collections import Counter
from time import process_time

from tests.simulation.school import Outcome, SimulationFailed, simulate


def main(seeds: list[int]) -> int:
    """Run `seeds`; returns how many of them broke a promise."""
    broken = 0
    reach: Counter[str] = Counter()
    began = process_time()
    for seed in seeds:
        try:
            outcome = simulate(seed)
        except SimulationFailed as failed:
            broken += 1
            traceback.print_exception(failed)
            continue
        broken += bool(outcome.blames)
        reach.update(outcome.reach)
        reach.update(outcome.counts)
        _show(outcome, alone=len(seeds) == 1)
    spent_s = (process_time() - began) / len(seeds)
    sys.stderr.write(f"{dict(sorted(reach.items()))}\n{len(seeds)} seeds, {broken} broken, {spent_s:.3f} s a seed\n")
    return broken


def _show(outcome: Outcome, *, alone: bool) -> None:
    if alone:
        print(*outcome.trace.lines, sep="\n")  # noqa: T201 - this is a program
        print(outcome.trace.digest(), outcome.counts)  # noqa: T201 - the same
    if outcome.blames:
        print(outcome.report(0 if alone else 5))  # noqa: T201 - the same


def _parse(words: list[str]) -> list[int]:
    """Return the seeds of `7 9 100-120`."""
    found: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


if __name__ == "__main__":
    sys.exit(1 if main(_parse(sys.argv[1:])) else 0)
