"""The mailbox: order, bounds, batches."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.clock import TrioClock
from homeroom.engine.envelope import Due
from homeroom.engine.mailbox import Mailbox


def due(number: int) -> Due:
    return Due("k", number)


async def numbers(mailbox: Mailbox, limit: int = 100) -> list[int | None]:
    await mailbox.arrival()
    return [post.due for post in mailbox.take(limit) if isinstance(post, Due)]


async def test_posts_come_out_in_order_and_in_batches_of_the_limit(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(100, TrioClock(0))
    for number in range(5):
        mailbox.put_nowait(due(number))
    assert await numbers(mailbox, 3) == [0, 1, 2]
    assert await numbers(mailbox, 3) == [3, 4]


async def test_a_full_mailbox_refuses_but_takes_the_engines_own_posts(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(1, TrioClock(0))
    mailbox.put_nowait(due(1))
    with pytest.raises(trio.WouldBlock):
        mailbox.put_nowait(due(2))
    mailbox.put_urgent(due(3))
    assert await numbers(mailbox) == [1, 3]


async def test_what_is_put_back_comes_first(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(9, TrioClock(0))
    mailbox.put_nowait(due(3))
    mailbox.put_back([due(1), due(2)])
    assert await numbers(mailbox) == [1, 2, 3]


async def test_the_reader_waits_and_is_woken_once(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    mailbox = Mailbox(9, TrioClock(0))
    got: list[list[int | None]] = []

    async def read() -> None:
        got.append(await numbers(mailbox))

    nursery.start_soon(read)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(due(1))
    mailbox.put_nowait(due(2))
    await wait_all_tasks_blocked()
    assert got == [[1, 2]]


async def test_a_cancelled_reader_took_nothing(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(9, TrioClock(0))
    with trio.move_on_after(1):
        await mailbox.arrival()
    mailbox.put_nowait(due(1))
    assert await numbers(mailbox) == [1]


async def test_lag_is_the_age_of_the_oldest_post(autojump_clock: MockClock) -> None:
    mailbox = Mailbox(9, TrioClock(0))
    assert mailbox.lag(5000) == 0
    await trio.sleep(2)
    mailbox.put_nowait(due(1))
    await trio.sleep(3)
    mailbox.put_nowait(due(2))
    assert mailbox.lag(5000) == 3000
