"""Durable messages from actor to actor, carried until the receiver's own transaction has consumed them.

Rules of this file: one message from a sender to a receiver is under way at a time, so their order is kept, and a receiver takes
those of many senders in one turn; the journal holds every message until it is consumed, so forgetting one here only delays it; the
receiver deduplicates by number.
No task a message: answers come back as calls. Never here: what a message says.
"""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random

import structlog
import trio

from homeroom.engine.behaviour import Refusal
from homeroom.engine.envelope import Answer, Reply
from homeroom.engine.journal import Journal, Message, Unavailable
from homeroom.engine.settings import EngineSettings
from homeroom.engine.statistics import Counters
from homeroom.engine.supervisor import backoff

log = structlog.get_logger("homeroom.engine")

AGAIN = frozenset({"unavailable", "overloaded", "timeout", "internal"})
"""Answers after which a message is carried again; every other one means that the receiver consumed it."""

Way = tuple[str, str]
"""From whom to whom."""

Deliver = Callable[[Message, Reply], None]
"""Puts a message into its receiver's mailbox; raises `Refusal` when nobody can ever take it."""


class Courier:
    """Carries messages; `live` is a permanent child of the supervisor and does what must wait."""

    name = "courier"

    def __init__(
        self, journal: Journal, random: Random, settings: EngineSettings, counters: Counters, deliver: Deliver
    ) -> None:
        self._journal, self._random, self._settings, self._counters = journal, random, settings, counters
        self._deliver = deliver
        self._queues: dict[Way, deque[Message]] = {}
        self._failures: dict[Way, int] = {}
        self._crashes: dict[int, int] = {}
        self._retries: list[tuple[float, int, Way]] = []
        self._parked: set[int] = set()
        self._refreshing: list[set[int]] = []  # one set of numbers finished meanwhile for each read under way
        self._overflowed = False  # while it is, all new messages are left to the journal, so that order is kept
        self._left_out = 0
        self._depth = 0
        self._changed = trio.Event()

    def __len__(self) -> int:
        return self._depth

    @property
    def parked(self) -> int:
        """Return how many messages wait for the next start of the server."""
        return len(self._parked)

    def send(self, messages: Sequence[Message]) -> None:
        """Carry messages that have just become durable. What exceeds the memory is read from the journal later."""
        for message in messages:
            if self._overflowed or self._depth >= self._settings.messages:
                self._left_out += 1
                self._overflowed = True
            else:
                self._add(message)

    async def refresh(self) -> None:
        """Take in the messages of the journal that are not known here; raises `Unavailable`."""
        finished: set[int] = set()
        left_out = self._left_out
        self._refreshing.append(finished)
        try:
            found = await self._journal.messages()
        finally:
            self._refreshing = [each for each in self._refreshing if each is not finished]
        known = {message.number for queue in self._queues.values() for message in queue} | self._parked | finished
        missing = [message for message in found if message.number not in known]
        room = max(self._settings.messages - self._depth, 0)
        for message in missing[:room]:
            self._add(message)
        self._overflowed = len(missing) > room or left_out != self._left_out
        if self._overflowed:
            self._changed.set()  # perhaps nothing is under way, whose end would have it looked at again

    async def live(self) -> None:
        """Carry again what was refused, and read what did not fit into memory, for ever."""
        failures = 0
        while True:
            self._carry_again()
            if self._overflowed and self._depth <= self._settings.messages // 2:
                failures = 0 if await self._try_refresh() else failures + 1
            await self._wait(backoff(failures - 1, 0.1, 2.0, self._random))

    def suspend(self, seconds: float) -> None:
        """Do nothing: what waits is carried in the next life."""

    def _add(self, message: Message) -> None:
        way = _way(message)
        queue = self._queues.get(way)
        self._depth += 1
        if queue is None:
            self._queues[way] = deque((message,))
            self._carry(way)
        else:
            queue.append(message)

    def _carry(self, way: Way) -> None:
        """Hand over the first message of a way."""
        message = self._queues[way][0]
        try:
            self._deliver(message, lambda answer: self._take_answer(message, answer))
        except Refusal as refusal:
            self._park(message, str(refusal))

    def _take_answer(self, message: Message, answer: Answer) -> None:
        if not isinstance(answer, Refusal):
            self._counters.delivered += 1
            self._finish(message)
        elif answer.code in AGAIN:
            self._retry_or_park(message, answer)
        else:
            log.warning("message refused", number=message.number, to=message.to, do=message.do, code=answer.code)
            self._finish(message)

    def _retry_or_park(self, message: Message, refusal: Refusal) -> None:
        """Come back later; a message that crashes its receiver again and again waits for the next start."""
        if refusal.code == "internal":
            crashes = self._crashes[message.number] = self._crashes.get(message.number, 0) + 1
            if crashes >= self._settings.quarantine_after:
                self._park(message, str(refusal))
                return
        way = _way(message)
        failures = self._failures[way] = self._failures.get(way, -1) + 1
        when = trio.current_time() + backoff(failures, 0.05, 2.0, self._random)
        heappush(self._retries, (when, message.number, way))
        self._changed.set()

    def _park(self, message: Message, why: str) -> None:
        log.error("message parked", number=message.number, to=message.to, do=message.do, why=why)
        self._counters.parked += 1
        self._parked.add(message.number)
        self._finish(message)

    def _finish(self, message: Message) -> None:
        """Go on with the next message of the same way; by a retry at once, so that no chain of calls grows."""
        for finished in self._refreshing:
            finished.add(message.number)
        self._crashes.pop(message.number, None)
        way = _way(message)
        self._failures.pop(way, None)
        queue = self._queues[way]
        queue.popleft()
        self._depth -= 1
        if not queue:
            del self._queues[way]
        else:
            heappush(self._retries, (trio.current_time(), queue[0].number, way))
        if queue or self._overflowed:
            self._changed.set()

    def _carry_again(self) -> None:
        now = trio.current_time()
        while self._retries and self._retries[0][0] <= now:
            self._carry(heappop(self._retries)[2])

    async def _try_refresh(self) -> bool:
        try:
            await self.refresh()
        except Unavailable:
            return False
        return True

    async def _wait(self, failing_s: float) -> None:
        """Wait for a change since the last look, or for what is due."""
        deadline = self._retries[0][0] if self._retries else float("inf")
        if failing_s:
            deadline = min(deadline, trio.current_time() + failing_s)
        with trio.CancelScope(deadline=deadline):
            await self._changed.wait()
        self._changed = trio.Event()


def _way(message: Message) -> Way:
    return message.source, message.to
