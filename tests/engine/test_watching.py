"""Subscribing: snapshots, coming back from the ring and from the journal, and never a gap or an overlap."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Watch
from homeroom.engine.settings import EngineSettings
from tests.engine.trial import ADA, Add, Boom, Expel, House, Sink, Veil

pytestmark = pytest.mark.usefixtures("logs")
SMALL = EngineSettings(ring=4, page_events=5, replay_events=60)


def cursor(house: House, seq: int) -> tuple[str, int]:
    return (house.engine.epoch, seq)


async def filled(nursery: trio.Nursery, count: int, settings: EngineSettings = SMALL) -> House:
    house = await House(nursery, settings=settings).start()
    for n in range(1, count + 1):
        await house.done(Add(n))
    return house


async def test_without_a_cursor_a_snapshot_and_the_events_that_follow(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(3))
    sink = Sink()
    joined = await house.joined(sink)
    assert (joined.epoch, joined.seq, joined.state) == ("memory", 1, {"total": 3, "events": 1})
    await house.done(Add(1))
    assert sink.numbers == [2]


async def test_a_recent_cursor_is_resumed_from_memory(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 10)
    house.calls.clear()
    sink = Sink()
    joined = await house.joined(sink, cursor(house, 7))
    assert (joined.state, joined.count, joined.seq) == (None, 3, 10)
    await house.done(Add(1))
    assert sink.numbers == [8, 9, 10, 11]
    assert house.count("read") == 0


async def test_an_idle_actor_forgets_its_newest_events_and_resumes_from_the_journal(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 10)
    await trio.sleep(SMALL.ring_idle_s + 2)
    house.calls.clear()
    sink = Sink()
    joined = await house.joined(sink, cursor(house, 7))
    await trio.sleep(1)
    assert (joined.count, sink.numbers) == (3, [8, 9, 10])
    assert house.count("read") == 1
    await house.done(Add(1))
    assert sink.numbers == [8, 9, 10, 11]


async def test_the_newest_cursor_is_resumed_with_nothing(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    sink = Sink()
    joined = await house.joined(sink, cursor(house, 1))
    assert (joined.state, joined.count) == (None, 0)
    await house.done(Add(1))
    assert sink.numbers == [2]


async def test_an_old_cursor_is_resumed_by_the_feeder_while_new_events_arrive(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 40)
    sink = Sink()
    house.fail("read", "", times=20, delay=0.05, lag=0.05)
    joined = await house.joined(sink, cursor(house, 3))
    assert (joined.state, joined.count, joined.seq) == (None, 37, 40)
    for _ in range(30):
        await house.done(Add(1))
        await trio.sleep(0.02)
    await trio.sleep(5)
    assert sink.numbers == list(range(4, 71))
    assert sink.waits > 3
    assert house.hub.follows("tally:a", sink)


async def test_the_feeder_waits_for_a_slow_outlet_and_others_do_not(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 40)
    slow, quick = Sink(), Sink()
    slow.room = trio.Event()
    await house.joined(slow, cursor(house, 0))
    await house.joined(quick, cursor(house, 38))
    await house.done(Add(1))
    assert (slow.numbers, quick.numbers) == ([], [39, 40, 41])
    slow.room.set()
    await trio.sleep(1)
    assert slow.numbers == list(range(1, 42))


async def test_the_feeder_survives_failures_of_the_journal(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    sink = Sink()
    house.fail("read", times=4)
    await house.joined(sink, cursor(house, 0))
    await trio.sleep(10)
    assert sink.numbers == list(range(1, 41))


async def test_the_feeder_survives_a_crash_of_its_actor(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    sink = Sink()
    house.fail("read", "", times=5, delay=0.1)
    await house.joined(sink, cursor(house, 0))
    await house.refused(Boom("apply"))
    await trio.sleep(10)
    assert sink.numbers == list(range(1, 41))


async def test_the_feeder_ends_when_its_outlet_is_closed(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    sink = Sink()
    sink.room = trio.Event()
    await house.joined(sink, cursor(house, 0))
    sink.closed = True
    sink.room.set()
    await trio.sleep(200)
    assert (sink.numbers, house.active) == ([], 0)


async def test_unwatch_ends_a_subscription_and_a_feeder(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    fed, live = Sink(), Sink()
    fed.room = trio.Event()
    await house.joined(fed, cursor(house, 0))
    await house.joined(live)
    ref = house.engine.ref("tally:a")
    assert (ref.unwatch(fed), ref.unwatch(live), ref.unwatch(live)) == (True, True, False)
    fed.room.set()
    await house.done(Add(1))
    await trio.sleep(1)
    assert (fed.numbers, live.numbers) == ([], [])


async def test_access_withdrawn_ends_a_feeder_with_gone(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    sink = Sink("ada")
    sink.room = trio.Event()
    await house.joined(sink, cursor(house, 0))
    await house.done(Expel("ada"))
    assert len(sink.of("gone")) == 1
    sink.room.set()
    await trio.sleep(1)
    assert sink.numbers == []
    assert [frame["code"] for frame in sink.of("gone")] == ["forbidden"]


async def test_a_second_watch_of_an_outlet_replaces_the_first(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    sink = Sink()
    sink.room = trio.Event()
    await house.joined(sink, cursor(house, 0))
    await house.joined(sink)
    sink.room.set()
    await house.done(Add(1))
    await trio.sleep(1)
    assert sink.numbers == [41]


@pytest.mark.parametrize("since", [("another", 39), ("memory", 41), ("memory", 9)])
async def test_a_cursor_too_old_of_another_epoch_or_from_the_future_gets_a_snapshot(
    nursery: trio.Nursery, autojump_clock: MockClock, since: tuple[str, int]
) -> None:
    settings = EngineSettings(ring=4, replay_events=30)
    house = await filled(nursery, 40, settings)
    joined = await house.joined(Sink(), since)
    assert joined.state == {"total": 820, "events": 40}


async def test_resuming_works_after_a_restart(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 40)
    await house.restart()
    near, far = Sink(), Sink()
    await house.joined(near, cursor(house, 38))
    await house.joined(far, cursor(house, 2))
    await house.done(Add(1))
    await trio.sleep(1)
    assert near.numbers == [39, 40, 41]
    assert far.numbers == list(range(3, 42))


async def test_many_come_back_at_once_while_others_talk(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 50)
    sinks = [Sink() for _ in range(50)]
    answers: list[Any] = []
    for since, sink in enumerate(sinks):
        await house.joined(sink, cursor(house, since))
        house.tell(Add(1), answers)
    await trio.sleep(10)
    newest = len(house.stored())
    for since, sink in enumerate(sinks):
        assert sink.numbers == list(range(since + 1, newest + 1))


async def test_a_large_backlog_is_fed_in_pages_of_bounded_bytes(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 40, EngineSettings(page_bytes=300))
    sink = Sink()
    await house.joined(sink, cursor(house, 0))
    await trio.sleep(1)
    assert sink.numbers == list(range(1, 41))
    assert max(len(frame["e"]) for frame in sink.of("ev")) < 12


async def test_reading_once_gives_a_state_then_events_page_by_page(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 20)
    ref = house.engine.ref("tally:a")
    page = await ref.read(ADA, None, 10)
    assert (page.seq, page.state, list(page.events), page.more) == (20, {"total": 210, "events": 20}, [], False)
    seqs, more, since = [], True, 0
    while more:
        page = await ref.read(ADA, cursor(house, since), 7)
        seqs.append((page.seq, len(page.events), page.state))
        since, more = page.seq, page.more
    assert seqs == [(7, 7, None), (14, 7, None), (20, 6, None)]
    page = await ref.read(ADA, cursor(house, 20), 7)
    assert (page.seq, list(page.events), page.more) == (20, [], False)


async def test_reading_without_the_journal_is_unavailable(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await filled(nursery, 20)
    house.fail("read")
    with pytest.raises(Refusal, match="unavailable"):
        await house.engine.ref("tally:a").read(ADA, cursor(house, 0), 7)


async def test_replays_from_the_journal_hide_what_is_hidden_now(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await filled(nursery, 20)
    await house.done(Veil(2))
    sink = Sink()
    await house.joined(sink, cursor(house, 0))
    await trio.sleep(1)
    assert [event["d"].get("n") for event in sink.events[:3]] == [1, 0, 3]
    page = await house.engine.ref("tally:a").read(ADA, cursor(house, 1), 1)
    assert b"\xa1n\x00" in page.events[0]


async def test_a_watcher_joined_during_an_append_sees_neither_gap_nor_overlap(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    for _ in range(10):
        house.fail("append", "", lag=0.01)
        answers: list[Any] = []
        sink, joins = Sink(), []  # type: ignore[var-annotated] # of `Joined`
        house.tell(Add(1), answers)
        await wait_all_tasks_blocked()
        house.tell(Add(1), answers)
        house.engine.ref("tally:a").tell(Watch(sink, ADA, None, joins.append))
        house.tell(Add(1), answers)
        await trio.sleep(1)
        assert sink.numbers == list(range(joins[0].seq + 1, len(house.stored()) + 1))
