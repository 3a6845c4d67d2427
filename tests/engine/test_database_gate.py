"""Who connects to a database that does not answer, and what those who go in the middle of it mean for others."""

from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.database import Gate
from homeroom.engine.postgres import Connection, Disconnected, Driver
from homeroom.engine.postgres_settings import PostgresSettings


class Silent:
    """A driver whose server takes its time, or refuses."""

    def __init__(self) -> None:
        self.settings = PostgresSettings()
        self.answers = trio.Event()
        self.refuses = False

    async def connect(self) -> Connection:
        """Return something once the server answers."""
        await self.answers.wait()
        if self.refuses:
            raise Disconnected("refused")
        return cast("Connection", object())


def gate_to(driver: Silent) -> Gate:
    """Return the gate before `driver`."""
    return Gate(cast("Driver", driver))


async def give_up_after(gate: Gate, seconds: float) -> None:
    """Ask for a connection and hang up."""
    with trio.move_on_after(seconds):
        await gate.connect()


async def test_one_who_hangs_up_while_connecting_makes_the_database_away_for_nobody(autojump_clock: MockClock) -> None:
    driver = Silent()
    gate = gate_to(driver)
    await give_up_after(gate, 0.01)
    assert gate.failures == 0
    driver.answers.set()
    assert await gate.connect() is not None


async def test_a_server_that_never_answers_is_away_for_those_who_come_next(autojump_clock: MockClock) -> None:
    gate = gate_to(Silent())
    await give_up_after(gate, 2.7)
    assert gate.failures == 1
    with pytest.raises(Disconnected):
        await gate.connect()


async def test_who_waited_behind_another_one_connects_when_that_one_hangs_up(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    driver, got = Silent(), list[Any]()
    gate = gate_to(driver)
    nursery.start_soon(give_up_after, gate, 0.5)
    await wait_all_tasks_blocked()

    async def wait_behind() -> None:
        got.append(await gate.connect())

    nursery.start_soon(wait_behind)
    await trio.sleep(1)
    driver.answers.set()
    await wait_all_tasks_blocked()
    assert len(got) == 1


async def test_a_refusal_closes_the_gate_for_a_moment(autojump_clock: MockClock) -> None:
    driver = Silent()
    driver.answers.set()
    driver.refuses = True
    gate = gate_to(driver)
    for _ in range(2):
        with pytest.raises(Disconnected):
            await gate.connect()
    assert (gate.attempts, gate.failures) == (1, 1)
