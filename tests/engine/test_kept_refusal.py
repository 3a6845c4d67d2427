"""A refusal that is kept together with what it caused: events happen, the answer is the refusal, and so it stays."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.envelope import Answer
from tests.engine.trial import Dawdle, House, Late

pytestmark = pytest.mark.usefixtures("logs")

LATE = ("too_late", "number 1 came too late", 5, {"kept": True})


async def late(house: House, number: int, digest: bytes = b"x") -> tuple[Any, ...]:
    """Come too late, and return what is told."""
    answer = await house.refused(Late(7), client="ada/tab", number=number, digest=digest)
    return answer.code, answer.msg, answer.retry_ms, answer.data


async def test_what_a_refusal_keeps_is_durable_and_the_answer_is_the_refusal(
    house: House, autojump_clock: MockClock
) -> None:
    assert await late(house, 1) == LATE
    assert house.stored() == ["tally.added"]
    assert await house.total() == 7


async def test_the_command_sent_again_is_refused_alike_and_keeps_nothing_more(
    house: House, autojump_clock: MockClock
) -> None:
    for _ in range(3):
        assert await late(house, 1) == LATE
    assert (await late(house, 1, b"y"))[0] == "conflict"
    assert (await late(house, 2))[1] == "number 2 came too late"
    assert house.stored() == ["tally.added"] * 2


async def test_repeats_within_one_batch_are_refused_alike(house: House, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []
    for _ in range(3):
        house.tell(Late(7), answers, client="ada/tab", number=1, digest=b"x")
    await wait_all_tasks_blocked()
    assert [getattr(answer, "msg", None) for answer in answers] == [LATE[1]] * 3
    assert house.stored() == ["tally.added"]


async def test_it_is_refused_alike_by_the_next_server_too(house: House, autojump_clock: MockClock) -> None:
    await late(house, 1)
    await house.restart()
    assert await late(house, 1) == LATE
    assert await house.total() == 7


async def test_a_message_that_is_refused_so_is_carried_once(house: House, autojump_clock: MockClock) -> None:
    await house.done(Dawdle("tally:b", 7))
    await trio.sleep(5)
    assert house.stored("tally:b") == ["tally.added"]
    assert not house.store.messages


@pytest.mark.parametrize("number", [0, 1])
async def test_a_refusal_counts_as_one(house: House, autojump_clock: MockClock, number: int) -> None:
    await late(house, number)
    assert house.counter("refusals") == 1
