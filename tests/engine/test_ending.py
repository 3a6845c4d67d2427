"""Whoever posts while the engine ends is answered, at every moment of it.

Found by the simulation: between the end of the last actor and the end of the engine's own task a post met a closed nursery.
"""

import pytest
import trio
from trio.testing import MockClock

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Answer
from tests.engine.trial import Add, House

pytestmark = pytest.mark.usefixtures("logs")
STEPS, TIMES = 8, 8
"""The moment is one step of the scheduler long, whose order within a step is chance."""


async def test_a_post_is_answered_at_every_moment_of_the_end(house: House, autojump_clock: MockClock) -> None:
    answers: list[Answer] = []

    async def post_after(steps: int) -> None:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        house.tell(Add(1), answers, to="tally:late")

    for steps in [*range(STEPS)] * TIMES:
        await house.done(Add(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(post_after, steps)
            await house.crash()
        await house.start()
    assert len(answers) == STEPS * TIMES
    assert any(isinstance(answer, Refusal) for answer in answers)
