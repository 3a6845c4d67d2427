"""What a whole school does at once, and how soon it is done: `python -m bench.school [exam] [presence] [sessions]`.

    exam       100 sittings save their answers: p99 under 250 ms, and nothing acknowledged is lost when all is killed
    presence   1 000 people come online within 10 s, 100 look at each: every change is seen in under 3 s
    sessions   50 class sessions of 20 people with chat: p99 under 100 ms

One server with its own PostgreSQL each. The server has one core and this program another. Exit code 1 when a target is missed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from bench import processes, school_exam, school_presence, school_sessions
from bench.figures import Verdict, judged
from bench.planted import BUGS


def main(argv: Sequence[str] | None = None) -> int:
    """Do what was asked for, print the verdicts and return the exit code."""
    options = _options(argv)
    processes.pin(os.getpid(), options.cores[-1])
    return judged([verdict for part in options.parts or PARTS for verdict in PARTS[part](options)])


def _exam(options: argparse.Namespace) -> list[Verdict]:
    scale = school_exam.Scale(rounds=options.rounds, seed=options.seed, bug=options.plant, core=options.cores[0])
    return school_exam.measure(scale)


def _presence(options: argparse.Namespace) -> list[Verdict]:
    scale = school_presence.Scale(options.people, options.people / 100, options.seed, options.cores[0])
    return [verdict for way in options.ways for verdict in school_presence.measure(scale, way)]


def _sessions(options: argparse.Namespace) -> list[Verdict]:
    scale = school_sessions.Scale(rate=options.rate, seconds=options.seconds, seed=options.seed, core=options.cores[0])
    return school_sessions.measure(scale)


PARTS: Mapping[str, Callable[[argparse.Namespace], list[Verdict]]] = {
    "exam": _exam,
    "presence": _presence,
    "sessions": _sessions,
}


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"{', '.join(PARTS)}; all unless told"
    )
    parser.add_argument("--rounds", type=int, default=10, help="exam: bursts of each of the judged kinds")
    parser.add_argument("--plant", choices=sorted(BUGS), help="exam: a defect that must be found")
    parser.add_argument("--people", type=int, default=1_000, help="presence: who come, a hundred a second")
    ways = list(school_presence.WAYS)
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways, help="presence: how one looks")
    parser.add_argument("--rate", type=int, default=100, help="sessions: messages a second in all of them")
    parser.add_argument("--seconds", type=float, default=15.0, help="sessions: the counted part of the run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cores", type=int, nargs=2, default=sorted(os.sched_getaffinity(0))[:2], help="server, generator"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
