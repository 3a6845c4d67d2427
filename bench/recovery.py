"""Kill the server, then its PostgreSQL, while a hundred clients talk: `python -m bench.recovery [--plant BUG]`.

Every acknowledged message must be in the journal once and in order, no command done twice after resending, and every client back
with the verdict `resumed` and without a gap in under 5 s. Prints acknowledged, lost, doubled, missing and the rest; exit code 1
when a promise was broken. With `--plant` it must fail: a check that cannot fail proves nothing.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from bench import people
from bench.checker import Findings, Resume, examine
from bench.conversation import Conversation, Plan
from bench.houses import House, homeroom
from bench.kept import read_journal
from bench.planted import BUGS
from homeroom.engine.claim import running_dsn

SERVER, POSTGRES = "server", "postgres"
ROOM = "recovery"


@dataclass(frozen=True, slots=True)
class Scale:
    """How many clients say how many messages a second in all, for how many seconds before and after each fault.

    All must be back `within` seconds.
    """

    clients: int = 100
    rate: float = 100.0
    calm_s: float = 6.0
    faults: Sequence[str] = (SERVER, POSTGRES, SERVER)
    seed: int = 1
    within: float = 5.0


def house_with(bug: str | None) -> House:
    """Return Homeroom, with a planted defect if one is named."""
    return homeroom(entry=("-m", "bench.planted", bug) if bug else ("-m", "homeroom"))


async def tell_the_story(house: House, scale: Scale) -> tuple[Findings, Sequence[Resume]]:
    """Let people talk in `house` (open), do the faults, and compare the books; prints when each fault came."""
    tokens = await people.enrol(house, scale.clients + 1)
    await trio.to_thread.run_sync(people.call, house, f"room:{ROOM}", "create", '{"title": "Recovery"}')
    figures = (scale.rate, scale.seed, scale.within)
    conversation = Conversation(Plan(house.port, f"room:{ROOM}", tokens, *figures))
    begun = time.monotonic()
    async with trio.open_nursery() as nursery:
        await nursery.start(conversation.run)
        for fault in scale.faults:
            await trio.sleep(scale.calm_s)
            print(f"seed {scale.seed}: kill -9 of the {fault} at {time.monotonic() - begun:.2f} s", flush=True)
            await conversation.fault(partial(FAULTS[fault], house), breaks_connections=fault == SERVER)
        await trio.sleep(scale.calm_s)
        await conversation.finish()
        nursery.cancel_scope.cancel()
    journal = await trio.to_thread.run_sync(read_journal, _dsn(house), f"room:{ROOM}")
    evidence = conversation.evidence(journal)
    return examine(evidence), evidence.resumes


async def _kill_server(house: House) -> None:
    await trio.to_thread.run_sync(house.kill)
    await trio.to_thread.run_sync(house.open)


async def _kill_postgres(house: House) -> None:
    """Kill the postmaster and all that serve for it at once; the server starts another."""
    for pid in house.postgres():
        os.kill(pid, signal.SIGKILL)


FAULTS: Mapping[str, Callable[[House], Awaitable[None]]] = {SERVER: _kill_server, POSTGRES: _kill_postgres}


def _dsn(house: House) -> str:
    dsn = running_dsn(house.data)
    assert dsn is not None, "the database runs"
    return dsn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the story, print what was found and return the exit code."""
    options = _options(argv)
    scale = Scale(options.clients, options.rate, options.calm, tuple(options.faults), options.seed)
    with house_with(options.plant) as house:
        findings, resumes = trio.run(tell_the_story, house, scale)
    for resume in sorted(resumes, key=lambda resume: resume.seconds)[:: max(len(resumes) // 10, 1)]:
        print(f"  {resume.client} {resume.verdict} after {resume.seconds:.2f} s")
    for name, cases in findings.breaches().items():
        print(f"{name}: {len(cases)}; the first: {'; '.join(cases[:3])}")
    print(findings.summary())
    print("FAIL" if findings.breaches() else "PASS")
    return 1 if findings.breaches() else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second in all")
    parser.add_argument("--calm", type=float, default=6.0, help="seconds of talk before, between and after the faults")
    parser.add_argument("--faults", nargs="+", choices=sorted(FAULTS), default=[SERVER, POSTGRES, SERVER])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=sorted(BUGS), help="a defect that must be found")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
