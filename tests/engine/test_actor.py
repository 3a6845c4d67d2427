"""Turns: the order of things, one append a batch, crashes, quarantine, suspension, and a journal that fails."""

from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Answer, Done, Envelope, Watch
from homeroom.engine.journal import Record, Superseded
from homeroom.engine.settings import EngineSettings, Strategy
from tests.engine.trial import (
    ADA,
    BEN,
    EVE,
    Add,
    Boom,
    Consider,
    Expel,
    Find,
    House,
    Peek,
    Poison,
    Sink,
    Tally,
    Veil,
    Wave,
)

pytestmark = pytest.mark.usefixtures("logs")


def _crash(*_: Any) -> Any:
    raise ZeroDivisionError("broken")


def codes(answers: list[Answer]) -> list[str]:
    return [answer.code if isinstance(answer, Refusal) else "ok" for answer in answers]


async def test_a_command_is_durable_before_it_is_answered(house: House, autojump_clock: MockClock) -> None:
    answer = await house.done(Add(3))
    assert (answer.reply, answer.seq, answer.again) == ({"total": 3, "seq": 1}, 1, False)
    assert house.stored() == ["tally.added"]


async def test_a_batch_is_appended_once_and_answered_in_order(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    answers: list[Any] = []
    for n in (1, 2, -1, 3):
        house.tell(Add(n), answers)
    before = house.count("append")
    await wait_all_tasks_blocked()
    assert house.count("append") == before + 1
    assert codes(answers) == ["ok", "ok", "conflict", "ok"]
    assert [answer.reply["total"] for answer in answers if isinstance(answer, Done)] == [2, 4, 7]


async def test_each_command_of_a_batch_is_decided_on_the_events_before_it(
    house: House, autojump_clock: MockClock
) -> None:
    answers: list[Any] = []
    for _ in range(5):
        house.tell(Add(1, times=2), answers)
    await wait_all_tasks_blocked()
    assert [answer.reply["seq"] for answer in answers] == [1, 3, 5, 7, 9]
    assert [answer.seq for answer in answers] == [2, 4, 6, 8, 10]


async def test_what_causes_nothing_durable_is_not_appended(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    before = house.count("append")
    await house.done(Wave())
    await house.refused(Add(-1))
    assert house.count("append") == before


async def test_events_are_published_before_the_answer_is_given(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    seen: list[list[int]] = []
    house.tell(Add(1), [])
    house.engine.ref("tally:a").tell(Envelope(Add(1), ADA, lambda answer: seen.append(sink.numbers)))
    await wait_all_tasks_blocked()
    assert seen == [[2, 3]]


async def test_nothing_is_shown_before_the_append_has_returned(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    house.fail("append", "", lag=1.0)
    answers: list[Answer] = []
    house.tell(Add(1), answers)
    await wait_all_tasks_blocked()
    assert (sink.numbers, answers) == ([], [])
    await trio.sleep(1.5)
    assert (sink.numbers, codes(answers)) == ([2], ["ok"])


async def test_rows_of_read_models_are_found_by_a_look_up(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(2, times=2))
    assert (await house.done(Find())).reply == [4, 2]


async def test_a_look_up_without_an_answer_of_the_journal_is_unavailable(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    house.fail("look_up")
    assert (await house.refused(Find())).code == "unavailable"


async def test_too_many_look_ups_at_once_are_overloaded(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(look_ups=2)).start()
    await house.done(Add(1))
    house.fail("look_up", "", times=2, delay=1.0)
    answers: list[Answer] = []
    for _ in range(3):
        house.tell(Find(), answers)
    await trio.sleep(2)
    assert codes(answers) == ["overloaded", "ok", "ok"]


async def test_recalled_events_come_from_the_batch_the_ring_and_the_journal(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=EngineSettings(ring=2)).start()
    for n in range(1, 7):
        await house.done(Add(n))
    answers: list[Any] = []
    house.tell(Add(7), answers)
    house.tell(Peek((1, 6, 7, 8, 99)), answers)
    await wait_all_tasks_blocked()
    assert answers[1].reply == [1, 6, 7, None, None]
    assert house.count("read") >= 1


async def test_a_journal_that_does_not_answer_a_recall_makes_the_whole_batch_unavailable(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=EngineSettings(ring=1)).start()
    await house.done(Add(1, times=9))
    house.fail("read")
    answers: list[Answer] = []
    house.tell(Peek((1,)), answers)
    house.tell(Add(1), answers)
    await wait_all_tasks_blocked()
    assert codes(answers) == ["unavailable", "unavailable"]
    await trio.sleep(1)
    assert (await house.done(Add(1))).seq == 10
    assert house.counter("doubts") == 0


async def test_rows_of_another_actor_are_consulted_before_a_decision_and_leave_no_trace(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(2, times=2), to="tally:b")
    assert (await house.done(Consider("tally:b"))).reply == [4, 2]
    assert (await house.done(Consider("tally:nobody"))).reply == []
    assert house.store.stream("tally:a").records == []


async def test_a_journal_that_does_not_answer_a_consultation_makes_the_whole_batch_unavailable(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    house.fail("look_up")
    answers: list[Answer] = []
    house.tell(Consider("tally:b"), answers)
    house.tell(Add(1), answers)
    await wait_all_tasks_blocked()
    assert codes(answers) == ["unavailable", "unavailable"]
    await trio.sleep(1)
    assert (await house.done(Add(1))).seq == 2


async def test_a_frozen_journal_keeps_nobody_longer_than_one_call(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    await house.restart()
    await house.total()
    house.fail("newest_command", times=200, delay=3.0)
    house.fail("load", times=200, delay=3.0)
    started = trio.current_time()
    answers: list[Answer] = []
    for tab in range(100):
        house.tell(Add(1), answers, client=f"ada/{tab}", number=1)
    await trio.sleep(3.1)
    assert codes(answers) == ["unavailable"] * 100
    assert (await house.refused(Add(1))).code == "unavailable"
    assert trio.current_time() - started < 3.2


# --- access


async def test_who_may_not_is_forbidden_and_who_may_not_know_finds_nothing(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Expel("ben"))
    assert (await house.refused(Add(1), BEN)).code == "forbidden"
    assert (await house.refused(Add(1), EVE)).code == "not_found"
    for caller, code in ((BEN, "forbidden"), (EVE, "not_found")):
        answer = await house.watch(Sink(), None, caller)
        assert isinstance(answer, Refusal)
        assert answer.code == code
        with pytest.raises(Refusal, match=code):
            await house.engine.ref("tally:a").read(caller, None, 10)


async def test_an_unknown_kind_is_not_found(house: House, autojump_clock: MockClock) -> None:
    for address in ("nothing:a", "tally", "tally:", ""):
        with pytest.raises(Refusal, match="not_found"):
            house.engine.ref(address)


async def test_whoever_loses_access_gets_the_event_and_then_gone(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    ben, ada = Sink("ben"), Sink("ada")
    await house.joined(ben)
    await house.joined(ada)
    await house.done(Expel("ben"))
    await house.done(Add(1))
    await trio.sleep(1)
    assert ben.numbers == [2]
    assert [frame["code"] for frame in ben.of("gone")] == ["forbidden"]
    assert ada.numbers == [2, 3]


# --- crashes


@pytest.mark.parametrize("where", ["decide", "apply", "project", "journal"])
async def test_a_crash_is_answered_with_an_incident_and_the_rest_of_the_batch_goes_on(
    house: House, where: str, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    answers: list[Any] = []
    house.tell(Add(1), answers)
    house.tell(Boom(where), answers)
    house.tell(Add(1), answers)
    await trio.sleep(1)
    assert codes(answers) == ["ok", "internal", "ok"]
    assert answers[1].msg.startswith("incident ")
    assert answers[1].retry_ms is not None
    assert sink.numbers == [2, 3]
    assert house.stored() == ["tally.added"] * 3
    assert await house.total() == 3


async def test_a_subscriber_in_a_crashed_batch_sees_the_state_of_the_next_life(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    sink, answers = Sink(), []  # type: ignore[var-annotated] # of `Joined`
    house.engine.ref("tally:a").tell(Watch(sink, ADA, None, answers.append))
    house.tell(Boom("apply"), [])
    await trio.sleep(1)
    assert answers[0].state == {"total": 1, "events": 1}


async def test_a_command_that_crashed_three_times_is_not_run_any_more(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    refusals = [await house.refused(Boom()) for _ in range(10)]
    assert {refusal.code for refusal in refusals} == {"internal"}
    assert house.counter("crashes") == 3
    assert house.counter("suspensions") == 0
    assert len({refusal.msg for refusal in refusals[2:]}) == 1
    assert (await house.done(Add(1))).seq == 2


async def test_a_quarantined_command_is_still_run_for_others(house: House, autojump_clock: MockClock) -> None:
    for _ in range(4):
        await house.refused(Boom())
    assert house.counter("crashes") == 3
    await house.refused(Boom(), BEN)
    assert house.counter("crashes") == 4


async def test_a_quarantined_command_that_was_carried_out_before_gets_its_first_answer(
    house: House, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity: dict[str, Any] = {"client": "ada/phone", "digest": b"add one"}
    first = await house.done(Add(1), number=1, **identity)
    with monkeypatch.context() as broken:
        broken.setattr(Tally, "_on_add", _crash)  # the program breaks, and a verb that worked crashes
        for number in (2, 3, 4):
            await house.refused(Add(1), number=number, **identity)
        assert (await house.refused(Add(1), number=5, **identity)).code == "internal"
        again = await house.done(Add(1), number=1, **identity)
    assert (again.again, again.seq) == (True, first.seq)


async def test_too_many_crashes_suspend_one_actor_while_others_go_on(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=EngineSettings(quarantine_after=100)).start()
    await house.done(Add(1))
    answers: list[Any] = []
    for _ in range(6):
        answers.append(await house.ask(Boom()))
        await wait_all_tasks_blocked()
    await trio.sleep(0.1)
    refusal = await house.refused(Add(1))
    assert refusal.code == "unavailable"
    assert refusal.retry_ms is not None
    assert refusal.retry_ms > 1000
    assert (await house.done(Add(1), to="tally:b")).seq == 1
    await trio.sleep(11)
    assert (await house.done(Add(1))).seq == 2
    assert house.counter("suspensions") == 1


async def test_crashes_further_apart_than_the_period_never_suspend(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    strategy = Strategy(intensity=2, period_s=10)
    house = await House(nursery, settings=EngineSettings(quarantine_after=100, actors=strategy)).start()
    for _ in range(8):
        assert (await house.refused(Boom())).code == "internal"
        await trio.sleep(6)
    assert house.counter("suspensions") == 0


async def test_a_view_that_crashes_is_answered_and_hurts_nobody_else(house: House, autojump_clock: MockClock) -> None:
    sink = Sink()
    await house.done(Add(1))
    await house.joined(sink)
    await house.done(Poison())
    for _ in range(5):
        answer = await house.watch(Sink())
        assert isinstance(answer, Refusal)
        assert answer.code == "internal"
    await house.done(Add(1))
    assert sink.numbers == [2, 3]
    assert house.counter("suspensions") == 0


async def test_a_history_that_cannot_be_applied_makes_its_actor_unavailable_and_no_other(
    house: House, autojump_clock: MockClock
) -> None:
    house.store.stream("tally:bad").records.append(Record(1, "tally.unheard_of", 1, "ada", b"\x80"))
    refusal = await house.refused(Add(1), to="tally:bad")
    assert refusal.code == "unavailable"
    await house.done(Add(1))


# --- the journal fails


async def test_an_append_that_fails_is_unavailable_and_the_actor_goes_on(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    house.fail("append")
    refusal = await house.refused(Add(1))
    assert refusal.code == "unavailable"
    assert refusal.retry_ms is not None
    await trio.sleep(1)
    assert (await house.done(Add(5))).reply == {"total": 6, "seq": 2}


async def test_an_append_in_doubt_that_was_committed_is_shown_once_and_answered_again(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    house.fail("append", "after")
    identity: dict[str, Any] = {"client": "ada/tab", "number": 7, "digest": b"d"}
    assert (await house.refused(Add(2, times=2), **identity)).code == "unavailable"
    await trio.sleep(1)
    assert sink.numbers == [2, 3]
    answer = await house.done(Add(2, times=2), **identity)
    assert (answer.again, answer.seq) == (True, 3)
    assert answer.encoded is not None
    assert msgpack.unpackb(answer.encoded) == {"total": 5, "seq": 2}
    await house.done(Add(1))
    assert sink.numbers == [2, 3, 4]
    assert house.stored() == ["tally.added"] * 4


async def test_what_was_not_committed_is_never_shown(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    house.fail("append", "before")
    await house.refused(Add(2))
    await trio.sleep(1)
    assert sink.numbers == []
    await house.done(Add(1))
    assert [event["d"]["n"] for event in sink.events] == [1]


async def test_posts_are_refused_at_once_while_the_journal_is_away_and_it_heals_by_itself(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    house.journal.available = False
    started = trio.current_time()
    for _ in range(20):
        assert (await house.refused(Add(1))).code == "unavailable"
    assert trio.current_time() - started < 3
    await trio.sleep(10)
    house.journal.available = True
    await trio.sleep(2)
    assert (await house.done(Add(1))).seq == 2


async def test_an_actor_that_cannot_be_loaded_refuses_and_is_loaded_later(
    house: House, autojump_clock: MockClock
) -> None:
    house.fail("load", times=3)
    assert (await house.refused(Add(1))).code == "unavailable"
    await trio.sleep(3)
    assert (await house.done(Add(1))).seq == 1


async def test_a_superseded_batch_is_decided_anew_on_what_the_other_wrote(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    sink = Sink()
    await house.joined(sink)
    house.store.stream("tally:a").records.append(Record(2, "tally.added", 1, "ben", msgpack.packb({"n": 40})))
    answer = await house.done(Add(1))
    assert (answer.reply, answer.seq) == ({"total": 42, "seq": 3}, 3)
    await trio.sleep(1)
    assert sink.numbers == [2, 3]
    assert house.counter("superseded") == 1


async def test_a_batch_superseded_twice_is_unavailable(
    house: House, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))

    async def append(unit: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise Superseded("somebody else")

    monkeypatch.setattr(house.journal, "append", append)
    assert (await house.refused(Add(1))).code == "unavailable"
    monkeypatch.undo()
    await trio.sleep(1)
    assert (await house.done(Add(1))).seq == 2


async def test_a_slow_append_gathers_the_next_batch(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1))
    house.fail("append", "", lag=0.1)
    answers: list[Answer] = []
    house.tell(Add(1), answers)
    await wait_all_tasks_blocked()
    for _ in range(50):
        house.tell(Add(1), answers)
    before = house.count("append")
    await trio.sleep(0.2)
    assert house.count("append") == before + 1
    assert codes(answers) == ["ok"] * 51


async def test_a_full_mailbox_is_overloaded_and_visible(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    house = await House(nursery, settings=EngineSettings(mailbox=5)).start()
    await house.done(Add(1))
    house.fail("append", "", lag=0.1)
    answers: list[Any] = []
    house.tell(Add(1), answers)
    await wait_all_tasks_blocked()
    for _ in range(8):
        house.tell(Add(1), answers)
    assert codes(answers) == ["overloaded"] * 3
    assert all(answer.retry_ms for answer in answers)
    assert house.engine.statistics()["actors"]["mailbox_depth"] == 5
    await trio.sleep(1)
    assert codes(answers) == ["overloaded"] * 3 + ["ok"] * 6


async def test_replayed_events_are_shown_as_they_may_be_seen_now(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(5))
    await house.done(Veil(1))
    sink = Sink()
    await house.joined(sink, (house.engine.epoch, 0))
    assert [event["d"] for event in sink.events] == [{"n": 0}, {"seq": 1}]
