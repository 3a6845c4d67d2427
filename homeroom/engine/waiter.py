"""One answer awaited by one task. Never here: timeouts (whoever answers is bounded) and several answers."""

from typing import Generic, TypeVar

import trio

AnswerT = TypeVar("AnswerT")


class Waiter(Generic[AnswerT]):
    """Give `take` away as a reply callback, then `wait` for the answer."""

    __slots__ = ("_answer", "_event")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._answer: list[AnswerT] = []

    def take(self, answer: AnswerT) -> None:
        """Accept the answer; only the first counts."""
        self._answer.append(answer)
        self._event.set()

    async def wait(self) -> AnswerT:
        """Wait for the answer. Cancelled: the answer, when it comes, is ignored; what was asked may still be done."""
        await self._event.wait()
        return self._answer[0]
