"""What a benchmark says in the end: delays in words, who used how much of which core, and each target with PASS or FAIL.

Never here: what is measured.
"""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import processes
from bench.houses import Cpu, House


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, whether it was met, and the figures by which one sees it."""

    good: bool
    words: str


def judged(verdicts: Iterable[Verdict]) -> int:
    """Print each verdict and return the exit code."""
    lines = list(verdicts)
    for verdict in lines:
        print(f"{'PASS' if verdict.good else 'FAIL'}  {verdict.words}", flush=True)
    return 0 if lines and all(verdict.good for verdict in lines) else 1


def quantile_ms(delays: Sequence[float], share: float) -> float:
    """Return the milliseconds that `share` of `delays` (seconds) did not exceed; infinite when there are none."""
    ordered = sorted(delays) or [float("inf")]
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000


def delays_line(delays: Sequence[float]) -> str:
    """Return median, p99 and the longest of `delays` (seconds)."""
    p50, p99, most = (quantile_ms(delays, share) for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, longest {most:.1f} ms"


class Load:
    """The clocks of the server, of PostgreSQL and of this process, from when it is made."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._before = self._read()

    def line(self, late: float | None = None) -> str:
        """Return who used how much of one core since then, and who had to wait for one; the generator sent at most `late` s late.

        A server that waited had company on its core: its delays are then not only its own.
        """
        before, after = self._before, self._read()
        seconds = after.at - before.at
        cpu = after.cpu.since(before.cpu)
        shares = [
            f"{name} {share / seconds:.0%}"
            for name, share in (
                ("server", cpu.own),
                ("PostgreSQL", cpu.children),
                ("generator", after.own - before.own),
                ("waited for a core: server", after.server_waited - before.server_waited),
                ("generator", after.own_waited - before.own_waited),
            )
        ]
        kept = "" if late is None else f"; sent at most {late * 1000:.1f} ms late"
        return f"[{seconds:.1f} s; {', '.join(shares)}{kept}]"

    def _read(self) -> "_Clocks":
        waited = processes.waited_seconds
        own, at = time.process_time(), time.monotonic()
        return _Clocks(self._house.cpu(), own, at, waited(self._house.pid), waited(os.getpid()))


@dataclass(frozen=True, slots=True)
class _Clocks:
    """All in seconds: CPU of the server, our own, the time, and how long each of both waited for a core."""

    cpu: Cpu
    own: float
    at: float
    server_waited: float
    own_waited: float
