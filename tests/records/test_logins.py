"""Families of refresh tokens in a real database: taken once, and ended when one comes again (A11)."""

import pytest
import trio

from homeroom.engine.database import Database
from homeroom.engine.postgres import Disconnected
from homeroom.records.logins import Ended, Grant, Logins
from homeroom.records.users import Users
from tests.records.audit_rows import read_audit

DAY_MS = 86_400_000


class StandingClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def logins(database: Database, clock: StandingClock) -> Logins:
    await Users(database, clock).add("ann", "Ann", "student", None, id="ann")
    await Users(database, clock).add("bob", "Bob", "student", None, id="bob")
    return Logins(database, clock, ttl_s=30 * 86_400)


async def rotate(logins: Logins, grant: Grant) -> Grant:
    after = await logins.rotate(grant.refresh)
    assert isinstance(after, Grant)
    return after


async def test_a_refresh_token_gives_the_next_one_of_the_same_login(logins: Logins) -> None:
    first = await logins.start("ann", "1.1.1.1")
    second = await rotate(logins, first)
    third = await rotate(logins, second)
    assert {(grant.user, grant.family) for grant in (first, second, third)} == {("ann", first.family)}
    assert len({first.refresh, second.refresh, third.refresh}) == 3


async def test_a11_a_refresh_token_that_comes_again_ends_its_login(logins: Logins, database: Database) -> None:
    first = await logins.start("ann", "1.1.1.1")
    second = await rotate(logins, first)
    ended = await logins.rotate(first.refresh)
    assert isinstance(ended, Ended)
    assert (ended.user, ended.family) == ("ann", first.family)
    assert await logins.rotate(second.refresh) is None
    newest, *_ = await read_audit(database, "ann")
    assert newest.action == "refresh_reused"


async def test_a11_of_two_who_use_one_token_at_the_same_time_one_at_most_gets_on(logins: Logins) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    found: list[object] = []

    async def use() -> None:
        found.append(await logins.rotate(grant.refresh))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(use)
    assert sum(isinstance(one, Grant) for one in found) == 1
    assert sum(isinstance(one, Ended) for one in found) == 1


async def test_a_login_that_ended_does_not_end_another_one(logins: Logins) -> None:
    one, other = await logins.start("ann", "1.1.1.1"), await logins.start("ann", "2.2.2.2")
    assert await logins.end(one.refresh) == Ended("ann", one.family, logins._clock.now())
    assert await logins.rotate(one.refresh) is None
    assert (await rotate(logins, other)).family == other.family


async def test_a_used_refresh_token_still_ends_its_login(logins: Logins) -> None:
    first = await logins.start("ann", "1.1.1.1")
    second = await rotate(logins, first)
    assert await logins.end(first.refresh) is not None
    assert await logins.rotate(second.refresh) is None


async def test_ending_twice_is_nothing_new(logins: Logins) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    assert await logins.end_family("ann", grant.family) is not None
    assert await logins.end_family("ann", grant.family) is None
    assert await logins.end(grant.refresh) is None


async def test_nobody_ends_the_login_of_somebody_else(logins: Logins) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    assert await logins.end_family("bob", grant.family) is None
    await rotate(logins, grant)


@pytest.mark.parametrize("text", ["", "hr1.", "hr1.made-up", "' OR 1=1 --", "\x00", "\ud800", "x" * 10_000])
async def test_what_is_no_refresh_token_gives_nothing(logins: Logins, text: str) -> None:
    await logins.start("ann", "1.1.1.1")
    assert await logins.rotate(text) is None
    assert await logins.end(text) is None


async def test_a_refresh_token_is_good_for_its_time_and_no_longer(logins: Logins, clock: StandingClock) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    clock.ms += 30 * DAY_MS - 1
    grant = await rotate(logins, grant)
    clock.ms += 30 * DAY_MS
    assert await logins.rotate(grant.refresh) is None


async def test_somebody_who_may_not_come_in_any_more_gets_no_further(
    logins: Logins, database: Database, clock: StandingClock
) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    await database.execute("UPDATE users SET active = false WHERE id = 'ann'")
    assert await logins.rotate(grant.refresh) is None


async def test_only_hashes_of_refresh_tokens_are_kept(logins: Logins, database: Database) -> None:
    grant = await logins.start("ann", "1.1.1.1")
    (row,) = await database.fetch("SELECT refresh_tokens::text AS all FROM refresh_tokens")
    assert grant.refresh not in row["all"]
    assert grant.refresh.removeprefix("hr1.").encode().hex() not in row["all"]
    assert grant.refresh not in repr(grant)


async def test_what_ended_is_told_since_a_time(logins: Logins, clock: StandingClock) -> None:
    one, other = await logins.start("ann", "1.1.1.1"), await logins.start("bob", "1.1.1.1")
    await logins.end(one.refresh)
    clock.ms += 5_000
    await logins.end(other.refresh)
    assert await logins.ended_since(clock.ms) == [Ended("bob", other.family, clock.ms)]
    assert len(await logins.ended_since(0)) == 2


async def test_sweeping_removes_what_nobody_can_use(logins: Logins, clock: StandingClock) -> None:
    old = await logins.start("ann", "1.1.1.1")
    clock.ms += 31 * DAY_MS
    new = await logins.start("ann", "1.1.1.1")
    assert await logins.sweep() == 1
    assert await logins.rotate(old.refresh) is None
    await rotate(logins, new)


async def test_the_sweep_goes_on_when_the_database_comes_back(
    logins: Logins, clock: StandingClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await logins.start("ann", "1.1.1.1")
    clock.ms += 31 * DAY_MS
    swept, sweeps = trio.Event(), list[int]()
    sweep = logins.sweep

    async def sweep_badly_at_first() -> int:
        sweeps.append(1)
        if len(sweeps) == 1:
            raise Disconnected("gone")
        gone = await sweep()
        swept.set()
        return gone

    monkeypatch.setattr(logins, "sweep", sweep_badly_at_first)
    nursery.start_soon(logins.run, 0.01)
    with trio.fail_after(10):
        await swept.wait()
    assert await logins.end(old.refresh) is None
