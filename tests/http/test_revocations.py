"""Which tokens count no more: remembered as long as they could live, and read again and again (A10, P15)."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from homeroom.engine.postgres import Disconnected
from homeroom.http.revocations import Revocations
from homeroom.records.logins import Ended

SECOND = 1_000
KEEP_S = 600


class MovingClock:
    """A clock on trio's."""

    def now(self) -> int:
        return 1_800_000_000_000 + int(trio.current_time() * 1000)


class Table:
    """What others wrote; `away` makes it fail."""

    def __init__(self) -> None:
        self.rows: list[Ended] = []
        self.away = False
        self.asked: list[int] = []

    async def read(self, since: int) -> Iterable[Ended]:
        self.asked.append(since)
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Disconnected("gone")
        return [row for row in self.rows if row.at >= since]


def test_a_login_that_ended_takes_its_tokens_along_and_no_others() -> None:
    revocations = Revocations(MovingClock())
    assert revocations.add(Ended("ann", "f1", 5 * SECOND))
    assert revocations.is_revoked("ann", "f1", 99)
    assert not revocations.is_revoked("ann", "f2", 1)
    assert not revocations.is_revoked("ann", "", 1)
    assert not revocations.is_revoked("bob", "f1", 1)


def test_a_change_of_a_person_takes_along_what_was_given_before_it() -> None:
    revocations = Revocations(MovingClock())
    revocations.add(Ended("ann", "", 10 * SECOND + 500))
    assert revocations.is_revoked("ann", "f1", 9)
    assert revocations.is_revoked("ann", "", 10)
    assert not revocations.is_revoked("ann", "f2", 10), "begun in the same second: it goes by its login"
    assert not revocations.is_revoked("ann", "", 11)
    assert not revocations.is_revoked("bob", "", 1)


def test_the_same_is_news_once_and_a_later_one_again() -> None:
    revocations = Revocations(MovingClock())
    assert [revocations.add(Ended("ann", "", at)) for at in (5, 5, 4, 6)] == [True, False, False, True]


async def test_a_database_that_goes_away_is_asked_again(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    table, revocations, closed = Table(), Revocations(MovingClock(), KEEP_S), list[tuple[str, str | None]]()

    def revoke(user: str, family: str | None) -> None:
        closed.append((user, family))

    await nursery.start(revocations.follow, table.read, revoke)
    table.away = True
    await trio.sleep(60)
    table.rows.append(Ended("ann", "f1", MovingClock().now()))
    table.rows.append(Ended("bob", "", MovingClock().now()))
    assert not revocations.is_revoked("ann", "f1", 0)
    table.away = False
    await trio.sleep(5)
    assert revocations.is_revoked("ann", "f1", 0)
    assert closed == [("ann", "f1"), ("bob", None)]
    await trio.sleep(60)
    assert len(closed) == 2


async def test_what_was_ended_before_the_start_closes_no_sockets_but_counts(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    table, revocations = Table(), Revocations(MovingClock(), KEEP_S)
    table.rows.append(Ended("ann", "f1", MovingClock().now() - 60 * SECOND))

    def revoke(user: str, family: str | None) -> None:
        pytest.fail("nobody is connected yet")

    await nursery.start(revocations.follow, table.read, revoke)
    assert revocations.is_revoked("ann", "f1", 0)


async def test_what_no_token_can_outlive_is_forgotten(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    table, revocations = Table(), Revocations(MovingClock(), KEEP_S)
    for number in range(100):
        revocations.add(Ended("ann", f"f{number}", MovingClock().now()))
    await nursery.start(revocations.follow, table.read, lambda user, family: None)
    await trio.sleep(KEEP_S - 10)
    assert len(revocations._ended) == 100
    await trio.sleep(20)
    assert not revocations._ended
