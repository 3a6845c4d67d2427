"""The server and its PostgreSQL are killed while people talk; every promise about what they said is checked.

The same story as `bench/recovery.py` at a size that CI bears, and the two planted defects, each of which it must find.
"""

from collections.abc import Sequence
from pathlib import Path

import trio

from bench.recovery import POSTGRES, SERVER, Scale, house_with, tell_the_story

CLIENTS, RATE = 10, 50.0
WITHIN_S = 30.0
"""In how many seconds all come back: how soon is measured by the benchmark, on a machine that does nothing else."""


async def _breaches(furnished: Path, bug: str | None, faults: Sequence[str]) -> set[str]:
    """Tell the story and return the names of the broken promises; the counts are printed."""
    house = house_with(bug).furnish(furnished)
    try:
        await trio.to_thread.run_sync(house.open)
        findings, _ = await tell_the_story(house, Scale(CLIENTS, RATE, calm_s=1.0, faults=faults, within=WITHIN_S))
    finally:
        await trio.to_thread.run_sync(house.close)
    print(findings.summary())  # noqa: T201 - every test of a fault prints its counts
    assert findings.acknowledged > CLIENTS * len(faults)
    assert bug or findings.repeated > 0
    return {f"{name}: {cases[:3]}" if bug is None else name for name, cases in findings.breaches().items()}


async def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_and_then_the_database_are_killed(
    furnished: Path,
) -> None:
    assert await _breaches(furnished, None, [SERVER, POSTGRES]) == set()


async def test_the_check_finds_acknowledgements_before_the_commit(furnished: Path) -> None:
    assert "lost" in await _breaches(furnished, "asynchronous-commit", [SERVER])


async def test_the_check_finds_a_deduplication_that_forgets(furnished: Path) -> None:
    assert "doubled" in await _breaches(furnished, "forgetful-dedup", [SERVER])
