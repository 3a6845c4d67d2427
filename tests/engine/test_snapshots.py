"""Snapshots: when they are kept, that they are only a shortcut, and how those of earlier releases are read."""

from dataclasses import replace
from typing import Any

import msgpack
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from homeroom.engine.journal import Saved
from homeroom.engine.settings import EngineSettings
from homeroom.protocol.stored import StoredWire
from tests.engine.trial import ADA, TALLY, Add, Boom, Expel, House, TallyState, Veil

pytestmark = pytest.mark.usefixtures("logs")


def saved(house: House, to: str = "tally:a") -> Saved | None:
    return house.store.peek(to).saved


async def test_a_snapshot_is_kept_every_so_many_events(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(snapshot_events=10)).start()
    for _ in range(25):
        await house.done(Add(1))
    await trio.sleep(1)
    kept = saved(house)
    assert kept is not None
    assert kept.seq == 20
    assert house.counter("snapshots") == 2


async def test_a_snapshot_is_kept_on_sleep_and_the_next_life_starts_from_it(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(3))
    await trio.sleep(100)
    kept = saved(house)
    assert kept is not None
    assert (kept.seq, house.active) == (1, 0)
    assert await house.total() == 3


async def test_a_snapshot_that_fails_stops_nothing(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(snapshot_events=2)).start()
    house.fail("save", times=50)
    for _ in range(9):
        await house.done(Add(1))
    await trio.sleep(100)
    assert (saved(house), house.active) == (None, 0)
    assert house.counter("snapshot_failures") > 1
    assert await house.total() == 9


async def test_an_actor_unchanged_since_its_snapshot_saves_nothing_on_sleep(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    await trio.sleep(100)
    before = house.count("save")
    await house.total()
    await trio.sleep(100)
    assert (house.count("save"), house.active) == (before, 0)


async def test_a_state_half_changed_by_a_crash_is_never_saved(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(snapshot_events=1)).start()
    answers: list[Any] = []
    for command in (Add(1), Boom("apply"), Add(1)):
        house.tell(command, answers)
    await trio.sleep(1)
    kept = saved(house)
    assert kept is not None
    assert msgpack.unpackb(kept.body)["total"] == kept.seq == 2


def upgraded(version: int, upgrades: dict[int, Any]) -> Any:
    return replace(TALLY, version=version, upgrades=upgrades)


async def test_a_snapshot_of_an_earlier_release_is_upgraded_step_by_step(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery).start()
    await house.done(Add(3))
    await house.crash()
    house.store.stream("tally:a").saved = Saved(1, 1, msgpack.packb({"sum": 2}))
    house.kind = upgraded(
        3, {1: lambda old: {"amount": old["sum"] + 40}, 2: lambda old: {"total": old["amount"], "log": ["old"]}}
    )
    await house.start()
    assert await house.total() == 42
    await house.done(Add(1))
    await trio.sleep(100)
    kept = saved(house)
    assert kept is not None
    assert (kept.version, kept.seq, msgpack.unpackb(kept.body)["total"]) == (3, 2, 43)


@pytest.mark.parametrize(
    "kept",
    [
        Saved(2, 9, msgpack.packb({"total": 1000})),
        Saved(2, 1, msgpack.packb({"total": 1000})),
        Saved(2, 2, msgpack.packb({"total": "many"})),
        Saved(2, 2, b"\xc1"),
    ],
    ids=["of a later release", "without an upgrade", "of another type", "not msgpack"],
)
async def test_a_snapshot_that_cannot_be_read_is_replaced_by_the_whole_history(
    nursery: trio.Nursery, autojump_clock: MockClock, kept: Saved
) -> None:
    house = await House(nursery).start()
    for n in (1, 2, 3):
        await house.done(Add(n))
    await house.crash()
    house.store.stream("tally:a").saved = kept
    house.kind = upgraded(2, {})
    await house.start()
    assert await house.total() == 6
    assert (await house.done(Add(1))).seq == 4


MOVES = st.one_of(
    st.builds(Add, n=st.integers(-3, 9), times=st.integers(1, 4)),
    st.builds(Veil, seq=st.integers(1, 9)),
    st.builds(Expel, user=st.sampled_from(["ben", "cy"])),
    st.sampled_from(["restart", "sleep"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(MOVES, max_size=30), st.integers(1, 7))
def test_snapshot_and_tail_equal_the_replay_of_all_and_the_live_state(moves: list[Any], every: int) -> None:
    trio.run(_live_through, moves, every, clock=MockClock(autojump_threshold=0))


async def _live_through(moves: list[Any], every: int) -> None:
    async with trio.open_nursery() as nursery:
        house = await House(nursery, settings=EngineSettings(snapshot_events=every)).start()
        for move in moves:
            if move == "restart":
                await house.restart()
            elif move == "sleep":
                await trio.sleep(100)
            else:
                await house.ask(move)
        live = (await house.engine.ref("tally:a").read(ADA, None, 1)).state
        await house.restart()
        from_tail = (await house.engine.ref("tally:a").read(ADA, None, 1)).state
        house.store.stream("tally:a").saved = None
        await house.restart()
        replayed = (await house.engine.ref("tally:a").read(ADA, None, 1)).state
        assert live == from_tail == replayed
        nursery.cancel_scope.cancel()


def test_the_state_survives_its_stored_form() -> None:
    wire = StoredWire()
    state = TallyState(total=3, log=["x"], out=["ben"])
    assert wire.decode(wire.encode(state), TallyState) == state
