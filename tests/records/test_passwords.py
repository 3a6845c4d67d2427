"""Passwords: hashed and checked beside the event loop, a few at a time."""

import pytest
import trio
from argon2 import PasswordHasher

from homeroom.engine.behaviour import Refusal
from homeroom.records.passwords import LONGEST, Passwords
from tests.records.hashes import CHEAP


@pytest.fixture
async def passwords() -> Passwords:
    return Passwords(CHEAP)


async def test_the_right_password_is_right_and_every_other_is_wrong(passwords: Passwords) -> None:
    kept = await passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert await passwords.verify(kept, "correct horse")
    for other in ("correct horse ", "Correct horse", "", "x" * (LONGEST + 1), "\ud800", "correct\x00horse"):
        assert not await passwords.verify(kept, other)


async def test_the_same_password_never_has_the_same_hash(passwords: Passwords) -> None:
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_nobody_has_no_password_not_even_the_stand_ins(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "nobody's password")
    assert not await passwords.verify("not a hash", "correct horse")


async def test_a_hash_of_other_costs_is_outdated(passwords: Passwords) -> None:
    kept = await passwords.hash("correct horse")
    assert not passwords.outdated(kept)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)).outdated(kept)


@pytest.mark.parametrize("password", ["", "short", "x" * (LONGEST + 1), "with\x00nul in it", "line\nfeed in it"])
async def test_a_password_that_is_no_good_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(Refusal) as caught:
        await passwords.hash(password)
    assert caught.value.code == "bad_command"
    if password:
        assert password not in caught.value.msg


async def test_too_many_at_once_are_refused_and_the_others_served() -> None:
    passwords = Passwords(CHEAP, at_once=1, waiting=3)
    kept = await passwords.hash("correct horse")
    right: list[bool] = []
    codes: list[str] = []

    async def verify() -> None:
        try:
            right.append(await passwords.verify(kept, "correct horse"))
        except Refusal as refusal:
            codes.append(refusal.code)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(verify)
    assert all(right)
    assert len(right) >= 4
    assert set(codes) == {"overloaded"}
    assert len(right) + len(codes) == 50
