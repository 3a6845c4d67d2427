"""Nothing becomes durable that cannot be read back: it would keep its actor from starting for ever (P5, P19)."""

import pytest
from trio.testing import MockClock

from tests.engine.trial import N_MAX, Add, House, Send

pytestmark = pytest.mark.usefixtures("logs")
BEYOND = N_MAX + 1


async def test_an_event_beyond_its_bounds_is_a_crash_of_its_decision_and_the_actor_goes_on(
    house: House, autojump_clock: MockClock
) -> None:
    await house.done(Add(1))
    assert (await house.refused(Add(BEYOND), client="ada/tab", number=1, digest=b"x")).code == "internal"
    await house.done(Add(2))
    assert house.stored() == ["tally.added"] * 2
    await house.restart()
    assert await house.total() == 3


async def test_a_message_its_receiver_could_not_read_is_a_crash_of_its_sender_and_is_never_under_way(
    house: House, autojump_clock: MockClock
) -> None:
    assert (await house.refused(Send("tally:b", BEYOND, quiet=True))).code == "internal"
    await house.restart()
    await house.done(Send("tally:b", 7))
    assert await house.total("tally:b") == 7
