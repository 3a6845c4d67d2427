"""Whom parents stand for: known to every command without a database, within seconds of a change, and never from a token."""

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
import trio
from msgspec import Struct
from trio.testing import MockClock

from homeroom.actors.room import ROOM
from homeroom.engine.behaviour import Behaviour, Caller, Context, Decision, Fact
from homeroom.engine.journal_memory import START_MS
from homeroom.engine.kind import Kind, Verb
from homeroom.engine.postgres import Disconnected
from homeroom.http.identity import Identity
from homeroom.http.keys import KeyRing, secret_key
from homeroom.http.tokens import Tokens
from homeroom.http.wards import OVERLAP_MS, Wards
from homeroom.protocol.access import EVERYBODY, ROLES
from homeroom.records.school.guardianships import Link
from tests.http.harness import believe, open_house


class MovingClock:
    """A clock on trio's."""

    def now(self) -> int:
        return START_MS + int(trio.current_time() * 1000)


class Table:
    """What the command line wrote; `away` makes it fail."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, str], Link] = {}
        self.away = False
        self.asked: list[int] = []

    def set(self, guardian: str, ward: str, *, active: bool = True, behind_ms: int = 0) -> None:
        self.links[guardian, ward] = Link(guardian, ward, active, MovingClock().now() - behind_ms)

    async def read(self, since: int) -> Iterable[Link]:
        self.asked.append(since)
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Disconnected("gone")
        return [link for link in self.links.values() if link.at >= since]


class Revoked:
    """Whose connections were closed."""

    def __init__(self) -> None:
        self.users: list[tuple[str, str | None]] = []

    def __call__(self, user: str, family: str | None) -> None:
        self.users.append((user, family))


def test_links_add_up_and_an_ended_one_is_told_once() -> None:
    wards = Wards(MovingClock())
    assert [wards.take(Link("pam", ward, True, 1)) for ward in ("ann", "bob", "ann")] == [False] * 3
    assert wards.of("pam") == {"ann", "bob"}
    assert [wards.take(Link("pam", "ann", False, 2)) for _ in range(2)] == [True, False]
    assert wards.of("pam") == {"bob"}
    assert wards.of("pit") == frozenset()
    assert not wards.take(Link("pit", "ann", False, 3)), "one that ended before it was heard of takes nothing away"


def test_the_parents_of_a_child_are_told_in_the_order_of_their_ids() -> None:
    wards = Wards(MovingClock())
    for guardian, ward in (("pit", "ann"), ("pam", "ann"), ("pam", "bob"), ("pit", "ann")):
        wards.take(Link(guardian, ward, True, 1))
    assert (wards.guardians_of("ann"), wards.guardians_of("bob")) == (("pam", "pit"), ("pam",))
    wards.take(Link("pam", "ann", False, 2))
    assert (wards.guardians_of("ann"), wards.guardians_of("bob")) == (("pit",), ("pam",))
    wards.take(Link("pit", "ann", False, 3))
    assert wards.guardians_of("ann") == ()


async def test_p15_a_change_counts_within_five_seconds_and_an_end_closes_what_it_had_granted(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    table, wards, revoked = Table(), Wards(MovingClock()), Revoked()
    table.set("pam", "ann", behind_ms=10**9)
    await nursery.start(wards.follow, table.read, revoked)
    assert wards.of("pam") == {"ann"}
    table.set("pam", "bob")
    await trio.sleep(5)
    assert wards.of("pam") == {"ann", "bob"}
    assert revoked.users == []
    table.set("pam", "ann", active=False)
    await trio.sleep(5)
    assert wards.of("pam") == {"bob"}
    assert revoked.users == [("pam", None)]
    await trio.sleep(60)
    assert revoked.users == [("pam", None)]


async def test_what_ended_before_the_start_closes_nothing(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    table, wards, revoked = Table(), Wards(MovingClock()), Revoked()
    table.set("pam", "ann", active=False, behind_ms=5)
    await nursery.start(wards.follow, table.read, revoked)
    await trio.sleep(10)
    assert (wards.of("pam"), revoked.users) == (frozenset(), [])


async def test_a_database_that_was_away_is_asked_for_all_that_was_missed(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    table, wards = Table(), Wards(MovingClock())
    await nursery.start(wards.follow, table.read, Revoked())
    table.away = True
    await trio.sleep(1)
    table.set("pam", "ann")
    await trio.sleep(3_600)
    table.away = False
    await trio.sleep(5)
    assert wards.of("pam") == {"ann"}


async def test_a_commit_that_came_late_or_from_a_slow_clock_is_not_overlooked(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    table, wards = Table(), Wards(MovingClock())
    await nursery.start(wards.follow, table.read, Revoked())
    await trio.sleep(600)
    table.set("pam", "ann", behind_ms=OVERLAP_MS - 5_000)
    await trio.sleep(5)
    assert wards.of("pam") == {"ann"}
    assert min(table.asked[100:]) > START_MS, "only what is new is read again and again"


@pytest.mark.parametrize("role", ROLES)
async def test_only_parents_have_wards_and_a_token_carries_none(role: str) -> None:
    known = {"pat": frozenset({"ann"})}
    tokens = Tokens(KeyRing([secret_key(b"k" * 32)]), MovingClock(), wards=lambda user: known.get(user, frozenset()))
    now = MovingClock().now() // 1000
    claims = {
        "iss": "homeroom", "aud": "homeroom", "sub": "pat", "role": role, "iat": now, "exp": now + 60, "wards": ["bob"],
    }  # fmt: skip
    identity = await tokens.authenticate(tokens.sign(claims))
    assert identity.caller == Caller("pat", role, "pat", frozenset({"ann"}) if role == "parent" else frozenset())
    known["pat"] = frozenset({"ann", "cid"})
    assert identity.caller.wards == (frozenset({"ann", "cid"}) if role == "parent" else frozenset())
    assert identity.caller is identity.caller


class Whose(Struct, frozen=True):
    """Ask whom one stands for."""

    do: ClassVar[str] = "whose"


class Mirror(Behaviour[int]):
    """Shows callers themselves."""

    @classmethod
    def fresh(cls, id: str) -> int:
        return 0

    def relations(self, caller: Caller) -> frozenset[str]:
        return frozenset()

    def decide(self, command: Any, context: Context) -> Decision:
        return Decision(reply=sorted(context.caller.wards))

    def apply(self, fact: Fact) -> None:
        self.state += 1

    def view(self, caller: Caller) -> int:
        return self.state


MIRROR = Kind(
    "mirror", "mirrors", Mirror, int, (Verb(Whose, EVERYBODY, reply=list[str], remembered=False),), (), watch=EVERYBODY
)


async def test_a_connection_that_is_open_already_stands_for_those_of_this_moment() -> None:
    wards = Wards(MovingClock())

    async def authenticate(token: str) -> Identity:
        who = await believe(token)
        return Identity(who.id, who.name, who.role, who.expires, who.family, wards.of)

    async with open_house(kinds=(ROOM, MIRROR), authenticate=authenticate) as house:
        pam = await house.enter("pam/parent")
        assert (await pam.do("mirror:m", "whose"))["d"] == []
        wards.take(Link("pam", "ann", True, 1))
        assert (await pam.do("mirror:m", "whose"))["d"] == ["ann"]
        if wards.take(Link("pam", "ann", False, 2)):
            house.gateway.revoke("pam")
        assert (await pam.wait_closed()).code == 4403
