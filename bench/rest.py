"""Records over REST, beside FastAPI with asyncpg doing the same transaction in the same run: `python -m bench.rest`.

Teachers keep tasks: create, read, list a hundred, update, delete, and a mix, in a closed loop on 1, 8 and 32 connections. A write
is one transaction on both sides: row, audit, activity, and an event on three channels; both use the same PostgreSQL with fsync. Exit code 1
when an answer is not the right one, or the database does not hold in the end what was acknowledged.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import trio

from bench import processes
from bench.figures import Verdict, judged, quantile_ms
from bench.houses import Cpu, House, fastapi, homeroom
from bench.people import enrol
from bench.rest_kept import database_of, differences, make_peer, read_kept
from bench.rest_loop import Loop, Run
from bench.rest_work import MIX, PAGE, ROUND, Worker
from bench.web_line import WebLine, request
from homeroom.engine.claim import running_dsn
from homeroom.http.keys import SECRET_FILE

PEER_DATABASE = "peer"
CONNECTIONS = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Side:
    """One server, its database and its workers."""

    house: House
    dsn: str
    workers: Sequence[Worker]


@dataclass(frozen=True, slots=True)
class Task:
    """One operation on so many connections for so long."""

    what: str
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """One operation on so many connections of one server: what the loop saw, the server's CPU, PostgreSQL's, and the generator's."""

    name: str
    what: str
    connections: int
    run: Run
    own: float
    postgres: float
    generator: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, print its table and return the exit code."""
    options = _options(argv)
    processes.pin(os.getpid(), options.cores[-1])
    with _sides(options) as sides:
        results = list(_measured(sides, options))
        _print_table(results, options)
        return judged(_verdicts(sides, results))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS))
    parser.add_argument("--operations", nargs="+", choices=ROUND, default=list(ROUND), help="in the order of the work")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each operation in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the servers take turns in each; the median counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--cores", type=int, nargs=2, default=sorted(os.sched_getaffinity(0))[:2], help="server, generator"
    )
    return parser.parse_args(argv)


# --- both sides


@contextmanager
def _sides(options: argparse.Namespace) -> Iterator[Sequence[Side]]:
    """Open both servers, each with its workers and their first tasks: what makes these warms both up."""
    size = max(options.connections)
    with ExitStack() as stack:
        home = stack.enter_context(homeroom())
        people = [(f"teacher-{n}", f"student-{n}") for n in range(size)]
        tokens = _mentored(home, people)
        dsn = running_dsn(home.data)
        assert dsn is not None, "the embedded PostgreSQL runs as long as the server"
        roles = [both for pair in people for both in zip(pair, ("teacher", "student"), strict=True)]
        make_peer(dsn, PEER_DATABASE, roles)
        other = database_of(dsn, PEER_DATABASE)
        peer = stack.enter_context(fastapi(other, (home.data / SECRET_FILE).read_text().strip()))
        sides = [Side(house, where, _workers(people, tokens, options)) for house, where in ((home, dsn), (peer, other))]
        for side in sides:
            processes.pin(side.house.pid, options.cores[0])
            _furnish(side)
        yield sides


def _mentored(house: House, people: Sequence[tuple[str, str]]) -> list[str]:
    """Add `people` to the school, each teacher the mentor of a student; returns the teachers' tokens."""
    size = len(people)
    trio.run(enrol, house, size, "student", "student")
    (admin,) = trio.run(enrol, house, 1, "admin", "head")
    tokens = trio.run(enrol, house, size, "teacher", "teacher")
    line = WebLine(house.port)
    for teacher, student in people:
        answer = line.ask(request("POST", "/api/mentorships", admin, {"mentor_id": teacher, "student_id": student}))
        assert answer.status == 201, answer
    line.close()
    return tokens


def _workers(people: Sequence[tuple[str, str]], tokens: Sequence[str], options: argparse.Namespace) -> list[Worker]:
    return [
        Worker(teacher, student, token, f"{options.seed}.{teacher}")
        for (teacher, student), token in zip(people, tokens, strict=True)
    ]


def _furnish(side: Side) -> None:
    with Loop(side.house.port, side.workers) as loop:
        run = loop.run("create", each=PAGE)
    assert not run.wrong, f"{side.house.name}: {run.wrong[0]}"
    for worker in side.workers:
        worker.settle()


# --- measuring


def _measured(sides: Sequence[Side], options: argparse.Namespace) -> Iterator[Result]:
    """Yield the result of each operation; who begins changes from round to round."""
    home = sides[0].house
    for turn in range(options.rounds):
        for connections in options.connections:
            with ExitStack() as stack:
                loops = [stack.enter_context(Loop(side.house.port, side.workers[:connections])) for side in sides]
                pairs = list(zip(sides, loops, strict=True))
                for what in options.operations:
                    for side, loop in pairs[:: 1 if turn % 2 == 0 else -1]:
                        yield _one(side.house, home, loop, Task(what, connections, options.seconds))


def _one(house: House, home: House, loop: Loop, task: Task) -> Result:
    """Measure one operation. PostgreSQL is a child of `home`, whoever is asked: the other server is idle meanwhile."""
    before, own = _clocks(house, home), time.process_time()
    run = loop.run(task.what, seconds=task.seconds)
    used = _clocks(house, home).since(before)
    return Result(house.name, task.what, task.connections, run, used.own, used.children, time.process_time() - own)


def _clocks(house: House, home: House) -> Cpu:
    return Cpu(processes.cpu_seconds([house.pid]), processes.cpu_seconds(home.postgres()))


# --- what is said of it


@dataclass(frozen=True, slots=True)
class Figures:
    """All rounds of one operation on so many connections of one server: requests a second (the median of the rounds), CPU in µs."""

    rate: float
    p50: float
    p99: float
    own: float
    postgres: float
    generator: float

    @staticmethod
    def of(results: Sequence[Result]) -> "Figures":
        """Return the figures of several rounds; infinite delays where nothing was answered."""
        delays = [delay for result in results for delay in result.run.delays]
        seconds, per = sum(result.run.seconds for result in results), 1e6 / max(len(delays), 1)
        return Figures(
            statistics.median(len(result.run.delays) / result.run.seconds for result in results),
            quantile_ms(delays, 0.5),
            quantile_ms(delays, 0.99),
            sum(result.own for result in results) * per,
            sum(result.postgres for result in results) * per,
            sum(result.generator for result in results) / seconds,
        )

    @property
    def cpu(self) -> float:
        """Return the server's CPU and PostgreSQL's for one request, µs."""
        return self.own + self.postgres

    def words(self) -> str:
        """Return them in words."""
        return (
            f"{self.rate:7.0f}/s  p50 {self.p50:6.1f} p99 {self.p99:6.1f} ms  CPU {self.cpu:6.0f} µs"
            f" (own {self.own:.0f}, PostgreSQL {self.postgres:.0f}) [generator {self.generator:.0%}]"
        )


def _print_table(results: Sequence[Result], options: argparse.Namespace) -> None:
    mix = ", ".join(f"{share} {what}" for what, share in MIX.items())
    print(f"{options.rounds} rounds of {options.seconds} s each; a list has {PAGE} rows; of 100 in the mix: {mix}")
    for connections in options.connections:
        for what in options.operations:
            found = [result for result in results if (result.what, result.connections) == (what, connections)]
            sides = {name: [result for result in found if result.name == name] for name in ("Homeroom", "FastAPI")}
            home, peer = map(Figures.of, sides.values())
            for name, figures in zip(sides, (home, peer), strict=True):
                print(f"{what:<6} {connections:>2} connections  {name:<8} {figures.words()}")
            print(
                f"{what:<6} {connections:>2} connections  ratio    {home.rate / peer.rate:.2f} x requests a second,"
                f" {home.p99 / peer.p99:.2f} x p99, {home.cpu / peer.cpu:.2f} x CPU a request"
            )


def _verdicts(sides: Sequence[Side], results: Sequence[Result]) -> Iterator[Verdict]:
    for side in sides:
        runs = [result.run for result in results if result.name == side.house.name]
        wrong = [error for run in runs for error in run.wrong]
        asked = sum(len(run.delays) for run in runs)
        yield Verdict(
            bool(asked) and not wrong,
            f"{side.house.name}: {asked - len(wrong)} of {asked} answers right {wrong[:1] or ''}",
        )
        writes = sum(sum(worker.done.values()) for worker in side.workers)
        other = differences(read_kept(side.dsn, side.workers), side.workers)
        kept = "row, audit, line of the feed and an event on three channels each, numbered without a gap, fsync and synchronous_commit on"
        yield Verdict(not other, f"{side.house.name}: {writes} acknowledged writes kept: {'; '.join(other) or kept}")


if __name__ == "__main__":
    sys.exit(main())
