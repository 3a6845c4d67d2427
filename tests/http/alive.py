"""The common oracle after every attack: nobody else noticed, and nothing is left behind.

ALIVE: same process, a client in another room answered all the while with p99 under 250 ms, memory back to within 10 MB,
descriptors and tasks back to where they were, and no traceback in the log for something that a client caused.
"""

import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import psutil
import structlog
import trio

from tests.http.harness import DEN, House

P99_S = 0.25
MEMORY = 10_000_000
BACK_S = 10.0
PAUSE_S = 0.005


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.seen.append(record.getMessage())


async def until(true: Callable[[], bool], seconds: float = BACK_S, what: str = "") -> None:
    """Wait until `true()`, looking again every few ms; fails after `seconds`."""
    with trio.move_on_after(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for (a descriptor, a task) tells nobody when it is gone
            await trio.sleep(0.005)
    assert true(), what or "it never came true"


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def tasks(house: House) -> int:
    """Return how many tasks trio runs, without those of actors: they sleep after their idle time, not before."""
    return trio.lowlevel.current_statistics().tasks_living - int(house.engine.statistics()["actors"]["active"])


@contextmanager
def memory_back(most: int) -> Iterator[None]:
    """Fail when this block leaves more than `most` bytes behind.

    What was garbage before is collected before: given back in the block, it would hide what that has kept. What the process
    froze when the tests were gathered stays frozen, so that no collection looks at it.
    """
    gc.collect()
    memory = _resident()
    yield
    if _resident() - memory >= most:
        gc.collect()
    grown = _resident() - memory
    assert grown < most, f"{grown / 1e6:.1f} MB more than before"


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


@contextmanager
def nothing_blamed() -> Iterator[None]:
    """Fail when this block has an error logged."""
    handler = _Records()
    logging.getLogger().addHandler(handler)
    try:
        with structlog.testing.capture_logs() as entries:
            yield
    finally:
        logging.getLogger().removeHandler(handler)
    blamed = [entry for entry in entries if "exc_info" in entry or entry["log_level"] in {"error", "critical"}]
    assert not blamed, blamed
    assert not handler.seen, handler.seen


@asynccontextmanager
async def alive(house: House, *, kept: int = 0) -> AsyncIterator[None]:
    """Attack inside this block; the oracle speaks at its end. `kept`: bytes that the house rightly keeps of what was said."""
    delays: list[float] = []
    pause_s = PAUSE_S
    bystander = await house.member("bystander", DEN)
    await until(lambda: house.listener.statistics()["connections"] >= 1)

    async def talk() -> None:
        while True:
            begun = trio.current_time()
            answer = await bystander.do(DEN, "say", text="still here")
            assert answer["t"] == "ok", answer
            delays.append(trio.current_time() - begun)
            bystander.others.clear()
            await trio.sleep(pause_s)

    with memory_back(MEMORY + kept), nothing_blamed():
        files, living = descriptors(), tasks(house)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            yield
            enough, pause_s = len(delays) + 20, 0.0
            await until(lambda: len(delays) >= enough, what="the bystander is not answered any more")
            nursery.cancel_scope.cancel()
        await _back(house, files, living)
        await bystander.aclose()
    worst = sorted(delays)[int((len(delays) - 1) * 0.99)]
    assert worst < P99_S, f"p99 of {len(delays)} answers to the bystander: {worst * 1000:.0f} ms"


async def _back(house: House, files: int, living: int) -> None:
    await until(
        lambda: house.gateway.statistics()["connections"] == 1, what=f"still open: {house.gateway.statistics()}"
    )
    await until(lambda: descriptors() <= files, what=f"{descriptors()} descriptors, {files} before")
    await until(lambda: tasks(house) <= living, what=f"{tasks(house)} tasks, {living} before")
