"""Deadlines: durable ones over restarts, moves and crashes; timers of this life; those for the owner's start."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import SYSTEM_CALLER, Fired, Refusal
from homeroom.engine.envelope import Due
from homeroom.engine.settings import EngineSettings
from tests.engine.trial import START_MS, Add, Boom, Forget, House, Remind, Sink

pytestmark = pytest.mark.usefixtures("logs")
FIRED = "tally.reminded"


def at(seconds: float) -> int:
    """Return the Unix ms of trio's time `seconds`."""
    return START_MS + int(seconds * 1000)


async def test_a_deadline_fires_at_its_time_and_once(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(30)))
    await trio.sleep(29.9)
    assert house.stored() == []
    await trio.sleep(1)
    assert house.stored() == [FIRED]
    await trio.sleep(300)
    assert house.stored() == [FIRED]
    assert house.store.peek("tally:a").deadlines == {}


async def test_a_deadline_wakes_a_sleeping_actor(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    await house.done(Remind("bell", at(1000)))
    await trio.sleep(500)
    assert house.active == 0
    await trio.sleep(501)
    assert house.stored() == ["tally.added", FIRED]


async def test_a_deadline_fires_after_a_restart(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(30)))
    await house.restart()
    await trio.sleep(29)
    assert house.stored() == []
    await trio.sleep(2)
    assert house.stored() == [FIRED]


async def test_a_deadline_that_came_while_the_server_was_down_fires_at_the_start(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Remind("bell", at(30)))
    await house.crash()
    await trio.sleep(3600)
    assert house.stored() == []
    await house.start()
    await trio.sleep(1)
    assert house.stored() == [FIRED]


async def test_a_moved_deadline_does_not_fire_at_the_old_time(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(10)))
    await house.done(Remind("bell", at(50)))
    await trio.sleep(40)
    assert house.stored() == []
    await trio.sleep(15)
    assert house.stored() == [FIRED]


@pytest.mark.parametrize("later", [50, 500])
async def test_a_deadline_moved_before_a_restart_fires_at_the_new_time_only(
    house: House, autojump_clock: MockClock, later: int
) -> None:
    await house.done(Remind("bell", at(10)))
    await house.done(Remind("bell", at(later)))
    await house.restart()
    await trio.sleep(later - 1)
    assert house.stored() == []
    await trio.sleep(2)
    assert house.stored() == [FIRED]


async def test_a_deadline_moved_forward_fires_earlier(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(5000)))
    await house.done(Remind("bell", at(10)))
    await trio.sleep(11)
    assert house.stored() == [FIRED]


async def test_a_disarmed_deadline_does_not_fire(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(10)))
    await house.done(Forget("bell"))
    await trio.sleep(20)
    assert house.stored() == []
    assert house.store.peek("tally:a").deadlines == {}


async def test_arming_what_stands_already_costs_no_append(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(10)))
    before = house.count("append")
    await house.done(Remind("bell", at(10)))
    await house.done(Forget("other"))
    assert house.count("append") == before


async def test_deadlines_fire_in_the_order_of_their_times(house: House, autojump_clock: MockClock) -> None:
    for name, seconds in (("c", 30), ("a", 10), ("b", 20)):
        await house.done(Remind(name, at(seconds)))
    sink = Sink()
    await house.joined(sink)
    await trio.sleep(40)
    assert [event["d"]["key"] for event in sink.events] == ["a", "b", "c"]


async def test_a_deadline_survives_a_failed_append_and_a_crashed_journal(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Remind("bell", at(10)))
    house.fail("append", times=2)
    await trio.sleep(9)
    house.journal.available = False
    await trio.sleep(60)
    house.journal.available = True
    await trio.sleep(60)
    assert house.stored() == [FIRED]


async def test_an_append_in_doubt_fires_a_deadline_once(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(10)))
    house.fail("append", "after")
    await trio.sleep(200)
    assert house.stored() == [FIRED]


async def test_a_deadline_that_crashes_its_actor_is_left_alone_after_three_times(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    await house.done(Remind("boom", at(10)))
    await trio.sleep(300)
    assert house.counter("crashes") == 3
    assert house.counter("suspensions") == 0
    assert (await house.done(Add(1))).seq == 2
    assert "boom" in house.store.peek("tally:a").deadlines


async def test_the_look_ahead_waits_for_a_journal_that_is_away(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(300)))
    await trio.sleep(200)
    house.fail("deadlines", times=5)
    await trio.sleep(110)
    assert house.stored() == [FIRED]


async def test_many_overdue_deadlines_all_fire(house: House, autojump_clock: MockClock) -> None:
    for i in range(250):
        house.store.stream(f"tally:t{i}").deadlines["bell"] = at(5)
    await house.restart()
    await trio.sleep(30)
    assert all(house.stored(f"tally:t{i}") == [FIRED] for i in range(250))


async def test_a_deadline_of_an_unknown_kind_hurts_nobody(house: House, autojump_clock: MockClock) -> None:
    house.store.stream("lost:a").deadlines["bell"] = at(5)
    house.store.stream("lost:b").deadlines["start"] = None
    await house.restart()
    await house.done(Remind("bell", at(10)))
    await trio.sleep(20)
    assert house.stored() == [FIRED]


# --- for the owner's start


async def test_a_deadline_without_a_time_fires_when_the_owner_starts_anew(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Remind("lost"))
    await trio.sleep(500)
    assert house.stored() == []
    await house.restart()
    await trio.sleep(1)
    assert house.stored() == [FIRED]
    await house.restart()
    await trio.sleep(1)
    assert house.stored() == [FIRED]


async def test_it_fires_before_anything_else_and_not_when_armed_anew(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("lost"))
    await house.restart()
    answers: list[Any] = []
    house.tell(Add(1), answers)
    house.tell(Remind("lost"), answers)
    await trio.sleep(300)
    assert house.stored() == [FIRED, "tally.added"]
    assert house.store.peek("tally:a").deadlines == {"lost": None}


async def test_it_fires_also_when_its_actor_cannot_be_loaded_at_first(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("lost"))
    await house.crash()
    house.fail("load", times=3)
    await house.start()
    await trio.sleep(10)
    assert house.stored() == [FIRED]


async def test_its_actor_does_not_sleep_since_it_stands_for_something_of_this_life(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Remind("lost"))
    await trio.sleep(1000)
    assert house.active == 1
    await house.done(Forget("lost"))
    await trio.sleep(0.1)
    assert house.active == 0


# --- of this life


async def test_a_volatile_timer_fires_moves_and_is_disarmed(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("soon", volatile=5000))
    await house.done(Remind("moved", volatile=5000))
    await house.done(Remind("moved", volatile=20_000))
    await house.done(Remind("never", volatile=5000))
    await house.done(Forget("never"))
    await trio.sleep(6)
    assert house.stored() == [FIRED]
    await trio.sleep(20)
    assert house.stored() == [FIRED, FIRED]


async def test_a_volatile_timer_keeps_its_actor_awake_and_dies_with_the_server(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    await house.done(Remind("soon", volatile=100_000))
    await trio.sleep(90)
    assert house.active == 1
    await house.restart()
    await trio.sleep(200)
    assert house.stored() == ["tally.added"]


async def test_timers_do_not_fire_in_a_life_after_a_crash(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    await house.done(Remind("soon", volatile=5000))
    await house.refused(Boom())
    await trio.sleep(20)
    assert house.stored() == ["tally.added"]


async def test_the_heap_does_not_grow_with_moves(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(horizon_s=10_000)).start()
    for i in range(400):
        await house.done(Remind("bell", at(5000 + i)))
    await house.done(Remind("tick", volatile=1))
    await trio.sleep(1)
    assert len(house.engine._timers._heap) < 80
    assert house.engine.statistics()["timers"]["armed"] == 1


async def test_a_due_time_in_the_past_fires_at_once(house: House, autojump_clock: MockClock) -> None:
    await house.done(Remind("bell", at(-10)))
    await wait_all_tasks_blocked()
    await trio.sleep(0.01)
    assert house.stored() == [FIRED]


async def test_fired_is_no_verb_for_anybody(house: House, autojump_clock: MockClock) -> None:
    answer = await house.ask(Fired("bell"), SYSTEM_CALLER)
    assert isinstance(answer, Refusal)
    assert answer.code == "bad_command"


async def test_a_stale_post_of_a_moved_or_unowed_deadline_does_not_fire(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Remind("bell", at(10)))
    await house.done(Remind("bell", at(50)))
    await house.done(Remind("lost"))
    ref = house.engine.ref("tally:a")
    for due in (Due("bell", at(10)), Due("bell", None), Due("lost", None), Due("other", at(10))):
        ref.tell(due)
    await trio.sleep(1)
    assert house.stored() == []
    ref.tell(Due("bell", at(50)))
    await trio.sleep(1)
    assert house.stored() == [FIRED]
