"""Who belongs to a course no longer is no longer in its class sessions: those that they came to by it are told so.

What is refused and shown already goes by where the person belongs this moment (`places`); here ends what was granted before:
their seat, and their subscriptions. Never here: whether they may stay (each session decides), and the course's own channel.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import structlog
import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Lookup, Refusal
from homeroom.engine.engine import Engine
from homeroom.protocol.session_words import LoseCourse

log = structlog.get_logger(__name__)

KIND = "course:"
RETRY_S = 0.5
_GOING_ON = ("scheduled", "live")
Watchers = Callable[[str], int]
"""Returns how many follow a stream."""
After = tuple[int, str]
"""The start and the stream of the last session of a page."""
Question = Callable[[str, str, After | None], Lookup]
"""Returns the question for the next sessions of a course that a person was in: rows with `stream`, `starts`, `status`."""


class LostCourses:
    """Those who lost a course, in their order, until their sessions know."""

    def __init__(self, engine: Engine, question: Question, watchers: Watchers) -> None:
        self._engine = engine
        self._question = question
        self._watchers = watchers
        self._waiting: deque[tuple[str, str]] = deque()
        self._more = trio.Event()

    def lost(self, person: str, place: str) -> None:
        """Take in that somebody belongs to a place no longer."""
        if place.startswith(KIND):
            self._waiting.append((person, place.removeprefix(KIND)))
            self._more.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell the sessions, for ever; a database that is away is asked again."""
        task_status.started()
        while True:
            await self._more.wait()
            self._more = trio.Event()
            while self._waiting:
                person, course = self._waiting[0]
                try:
                    await self._tell_all(person, course)
                except Refusal as refusal:
                    log.warning("sessions could not be told of a lost course", reason=refusal.msg)
                    self._waiting.rotate(-1)  # others are not held up by it
                    await trio.sleep(RETRY_S)
                else:
                    self._waiting.popleft()

    async def _tell_all(self, person: str, course: str) -> None:
        """Tell all sessions of the course that the person was in; raises `Refusal` when one could not be told now."""
        after: After | None = None
        while True:
            rows = await self._engine.look_up(self._question(person, course, after))
            for row in rows:
                if self._concerned(row):
                    await self._tell(row["stream"], LoseCourse(person, course))
            if not rows:
                return
            after = rows[-1]["starts"], rows[-1]["stream"]

    def _concerned(self, row: Mapping[str, Any]) -> bool:
        """Tell whether there is anything to end: of a session that is over, subscriptions alone."""
        return row["status"] in _GOING_ON or self._watchers(row["stream"]) > 0

    async def _tell(self, address: str, command: LoseCourse) -> None:
        answer = await self._engine.ref(address).ask(command, SYSTEM_CALLER)
        if isinstance(answer, Refusal) and answer.retry_ms is not None:
            raise answer
