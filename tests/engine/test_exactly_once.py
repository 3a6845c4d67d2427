"""One command id, one effect: repeats, conflicts, restarts, forgotten receipts."""

from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.envelope import Answer
from homeroom.engine.settings import EngineSettings
from tests.engine.trial import Add, Find, Forget, House, Nod, Peek, Remind, Send, Wave

pytestmark = pytest.mark.usefixtures("logs")


def tab(number: int, digest: bytes = b"x", client: str = "ada/tab") -> dict[str, Any]:
    return {"client": client, "number": number, "digest": digest}


async def test_a_repeated_command_gets_its_first_answer_and_has_no_second_effect(
    house: House, autojump_clock: MockClock
) -> None:
    first = await house.done(Add(2), **tab(1))
    again = await house.done(Add(2), **tab(1))
    assert (first.again, again.again, again.seq) == (False, True, first.seq)
    assert again.encoded is not None
    assert msgpack.unpackb(again.encoded) == first.reply
    assert house.stored() == ["tally.added"]


async def test_the_same_id_with_another_body_is_a_conflict(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(2), **tab(1))
    assert (await house.refused(Add(3), **tab(1, b"y"))).code == "conflict"
    assert house.stored() == ["tally.added"]


async def test_repeats_within_one_batch_have_one_effect(house: House, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []
    for _ in range(3):
        house.tell(Add(1), answers, **tab(1))
    await wait_all_tasks_blocked()
    assert [getattr(answer, "again", None) for answer in answers] == [False, True, True]
    assert house.stored() == ["tally.added"]


async def test_clients_do_not_share_their_numbers(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1), **tab(1))
    assert not (await house.done(Add(1), **tab(1, client="ben/tab"))).again
    assert not (await house.done(Add(1), **tab(1, client="ada/other"))).again


async def test_number_zero_is_never_remembered(house: House, autojump_clock: MockClock) -> None:
    for _ in range(2):
        assert not (await house.done(Add(1), client="ada/tab", number=0)).again


async def test_a_refused_command_and_one_that_only_signals_are_run_again(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1), **tab(1))
    for _ in range(2):
        assert (await house.refused(Add(-1), **tab(2))).code == "conflict"
        assert not (await house.done(Wave(), **tab(3))).again
    assert not (await house.done(Add(1), **tab(2))).again


async def test_a_repeat_after_a_restart_gets_the_first_answer(house: House, autojump_clock: MockClock) -> None:
    first = await house.done(Add(2, times=3), **tab(4))
    await house.done(Add(1), **tab(5))
    await house.restart()
    again = await house.done(Add(2, times=3), **tab(4))
    assert (again.again, again.seq) == (True, first.seq)
    assert (await house.refused(Add(9), **tab(5, b"y"))).code == "conflict"
    assert len(house.stored()) == 4


async def test_a_repeat_after_sleep_gets_the_first_answer(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(2), **tab(4))
    await trio.sleep(120)
    assert house.active == 0
    assert (await house.done(Add(2), **tab(4))).again


async def test_receipts_that_were_forgotten_are_looked_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    settings = EngineSettings(receipt_clients=2, receipts_per_client=2)
    house = await House(nursery, settings=settings).start()
    for number in range(1, 6):
        await house.done(Add(1), **tab(number))
    for client in ("b/t", "c/t", "d/t"):
        await house.done(Add(1), **tab(1, client=client))
    for number in range(1, 6):
        assert (await house.done(Add(1), **tab(number))).again
    assert (await house.done(Add(1), **tab(1, client="b/t"))).again
    assert len(house.stored()) == 8


async def test_more_repeats_in_a_batch_than_receipts_are_kept_have_one_effect(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    house = await House(nursery, settings=EngineSettings(receipt_clients=1, receipts_per_client=1)).start()
    answers: list[Answer] = []
    for number in (1, 2, 3, 1, 2, 3):
        house.tell(Add(1), answers, **tab(number, client="ada/tab"))
        house.tell(Add(1), answers, **tab(number, client="ben/tab"))
    await wait_all_tasks_blocked()
    assert len(house.stored()) == 6
    assert sum(getattr(answer, "again", False) for answer in answers) == 6


async def test_a_known_client_costs_no_look_up(house: House, autojump_clock: MockClock) -> None:
    for number in range(1, 4):
        await house.done(Add(1), **tab(number))
    assert house.count("newest_command") == 0
    await house.restart()
    house.calls.clear()
    for number in range(4, 8):
        await house.done(Add(1), **tab(number))
    assert house.count("newest_command") == 1
    assert house.count("receipt") == 0


async def test_a_look_up_that_fails_is_unavailable_and_changes_nothing(house: House, autojump_clock: MockClock) -> None:
    await house.done(Add(1), **tab(1))
    await house.restart()
    house.fail("newest_command")
    assert (await house.refused(Add(1), **tab(1))).code == "unavailable"
    await trio.sleep(1)
    assert (await house.done(Add(1), **tab(1))).again


async def test_numbers_carried_out_of_order_are_remembered_all_the_same(
    house: House, autojump_clock: MockClock
) -> None:
    for number in (1, 5, 3):
        assert not (await house.done(Add(1), **tab(number))).again
    for number in (5, 3, 1):
        assert (await house.done(Add(1), **tab(number))).again
    assert not (await house.done(Add(1), **tab(4))).again


async def test_a_command_that_changed_nothing_has_no_effect_when_it_is_sent_again_later(
    house: House, autojump_clock: MockClock
) -> None:
    first = await house.done(Nod(), **tab(5))
    await house.done(Add(1), **tab(6))
    again = await house.done(Nod(), **tab(5))
    assert (first.again, first.seq, first.reply) == (False, None, {"events": 0})
    assert (again.again, again.seq) == (True, None)
    assert again.encoded is not None
    assert msgpack.unpackb(again.encoded) == first.reply
    assert house.counter("again") == 1
    assert (await house.refused(Forget("x"), **tab(5, b"y"))).code == "conflict"


async def test_a_deadline_disarmed_in_vain_and_armed_then_outlives_the_repeat(
    house: House, autojump_clock: MockClock
) -> None:
    due = house.clock.now() + 60_000
    await house.done(Forget("bell"), **tab(1))
    await house.done(Remind("bell", due), **tab(2))
    assert (await house.done(Forget("bell"), **tab(1))).again
    assert dict((await house.journal.load("tally:a")).deadlines) == {"bell": due}


async def test_a_message_told_without_an_event_is_told_once(house: House, autojump_clock: MockClock) -> None:
    for _ in range(2):
        await house.done(Send("tally:b", 3, quiet=True), **tab(1))
        await trio.sleep(1)
    assert await house.total("tally:b") == 3


@pytest.mark.parametrize("more", [0, 1])
async def test_a_command_that_changed_nothing_is_known_after_a_restart_and_after_sleep(
    house: House, autojump_clock: MockClock, more: int
) -> None:
    """Also where nothing else ever happened: the stream has no event then."""
    first = await house.done(Nod(), **tab(4))
    for number in range(more):
        await house.done(Add(1), **tab(5 + number))
    await house.restart()
    assert (await house.done(Nod(), **tab(4))).again
    await trio.sleep(120)
    assert house.active == 0
    again = await house.done(Nod(), **tab(4))
    assert again.encoded is not None
    assert (again.again, msgpack.unpackb(again.encoded)) == (True, first.reply)
    assert (await house.refused(Add(1), **tab(4, b"y"))).code == "conflict"
    assert not (await house.done(Nod(), **tab(3))).again


async def test_repeats_in_one_batch_of_a_command_that_changes_nothing_are_told_so(
    house: House, autojump_clock: MockClock
) -> None:
    answers: list[Answer] = []
    for command, number in ((Nod(), 1), (Add(1), 2), (Nod(), 1)):
        house.tell(command, answers, **tab(number))
    await wait_all_tasks_blocked()
    assert [getattr(answer, "again", None) for answer in answers] == [False, False, True]
    assert house.count("append") == 1


@pytest.mark.parametrize("command", [Wave(), Peek((1,)), Find()])
async def test_what_only_reads_or_signals_writes_nothing_and_is_run_each_time(
    house: House, autojump_clock: MockClock, command: Any
) -> None:
    await house.done(Add(1), **tab(1))
    appends = house.count("append")
    for _ in range(2):
        assert not (await house.done(command, **tab(2))).again
    assert house.count("append") == appends


async def test_without_a_number_a_command_that_changed_nothing_writes_nothing(
    house: House, autojump_clock: MockClock
) -> None:
    for _ in range(2):
        assert not (await house.done(Nod(), client="ada/tab", number=0)).again
    assert house.count("append") == 0


async def test_a_message_leaves_no_receipt_of_its_own(house: House, autojump_clock: MockClock) -> None:
    await house.done(Send("tally:b", 0, quiet=True))
    await trio.sleep(1)
    assert not house.store.peek("tally:b").alone
    assert list(await house.journal.messages()) == []


@pytest.mark.parametrize(("fail", "again"), [("after", True), ("before", False)])
async def test_a_receipt_alone_whose_append_got_no_answer_is_looked_up(
    house: House, autojump_clock: MockClock, fail: str, again: bool
) -> None:
    house.fail("append", fail)
    assert (await house.refused(Nod(), **tab(1))).code == "unavailable"
    await trio.sleep(2)
    assert (await house.done(Nod(), **tab(1))).again is again
