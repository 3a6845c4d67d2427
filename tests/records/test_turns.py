"""Whose turn it is: a few at a time, fewer of one person, and persons who wait are taken in turn."""

import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.records.turns import Turns


async def come(turns: Turns, person: str, had: list[str]) -> None:
    """Wait for a turn and note that it came; it is not given back."""
    await turns.wait(person)
    had.append(person)


def test_whoever_comes_while_there_is_room_does_not_wait() -> None:
    turns = Turns(room=3, each=2, waiting=1)
    assert [turns.take(person) for person in ("ann", "ann", "ann", "bob", "cid")] == [True, True, False, True, False]
    turns.leave("bob")
    assert turns.take("cid")
    assert turns.statistics() == (3, 0)


async def test_those_of_one_person_wait_for_each_other_and_nobody_else_does() -> None:
    turns, had = Turns(room=3, each=1, waiting=5), list[str]()
    assert turns.take("ann")
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(come, turns, "ann", had)
        await wait_all_tasks_blocked()
        assert turns.take("bob")
        assert not had
        for held in range(1, 4):
            turns.leave("ann")
            await wait_all_tasks_blocked()
            assert had == ["ann"] * held
    assert turns.statistics() == (2, 0)


async def test_persons_with_something_in_a_queue_are_taken_in_turn() -> None:
    turns, had = Turns(room=1, each=1, waiting=5), list[str]()
    assert turns.take("dan")
    async with trio.open_nursery() as nursery:
        for person in ("ann", "ann", "ann", "bob", "cid"):
            nursery.start_soon(come, turns, person, had)
            await wait_all_tasks_blocked()
        turns.leave("dan")
        for _ in range(4):
            await wait_all_tasks_blocked()
            turns.leave(had[-1])
    assert had == ["ann", "bob", "cid", "ann", "ann"]


async def test_the_queue_of_a_person_is_bounded() -> None:
    turns, had = Turns(room=1, each=1, waiting=2), list[str]()
    assert turns.take("ann")
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            assert not turns.is_full("ann")
            nursery.start_soon(come, turns, "ann", had)
            await wait_all_tasks_blocked()
        assert turns.is_full("ann")
        assert not turns.is_full("bob")
        nursery.cancel_scope.cancel()
    assert not turns.is_full("ann")


async def test_who_gives_up_leaves_nothing_and_a_turn_that_comes_too_late_goes_on() -> None:
    turns, had, bored, late = Turns(room=1, each=1, waiting=5), list[str](), trio.CancelScope(), trio.CancelScope()
    assert turns.take("ann")

    async def come_in(scope: trio.CancelScope) -> None:
        with scope:
            await come(turns, "bob", had)

    async with trio.open_nursery() as nursery:
        for scope in (bored, late):
            nursery.start_soon(come_in, scope)
            await wait_all_tasks_blocked()
        nursery.start_soon(come, turns, "cid", had)
        await wait_all_tasks_blocked()
        bored.cancel()
        await wait_all_tasks_blocked()
        assert turns.statistics() == (1, 2)
        late.cancel()
        turns.leave("ann")
    assert had == ["cid"]
    turns.leave("cid")
    assert turns.statistics() == (0, 0)
    assert turns.take("ann")
