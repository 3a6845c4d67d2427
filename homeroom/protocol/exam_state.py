"""An exam on the wire, and what an event does to it.

`reduce_exam` serves the actor and every client alike, which is why state + events equals a fresh view. It reads nothing of an
event that is not sent. Never here: the words (`exam`, `exam_events`), and who may see an exam (`actors.exam`).
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat_state import Happening
from homeroom.protocol.exam import ANNOUNCEMENTS_KEPT, ExamStatus, Many, PersonName, Settings, Words
from homeroom.protocol.exam_events import (
    Announced,
    Appointed,
    Began,
    Closed,
    Created,
    Deleted,
    Dismissed,
    Edited,
    Ended,
    Enrolled,
    Expelled,
    Extended,
    Joined,
    Left,
    Opened,
    Paused,
    Published,
    QuestionPut,
    QuestionRemoved,
    Released,
    Resumed,
)  # fmt: skip
from homeroom.protocol.exam_paper import Score
from homeroom.protocol.ids import Millis


class Participant(Struct, frozen=True):
    """A student who came in, and when (Unix ms)."""

    name: PersonName
    since: Millis


class Announcement(Struct, frozen=True):
    """What was said, by whom, and when (Unix ms)."""

    at: Millis
    by: str
    name: PersonName
    text: Words


class ExamState(Struct):
    """An exam as its followers see it, staff and students alike. `paused` is since when, 0 while the clocks go on.

    `closes` is the end in force, extensions and pauses included, 0: by hand; `extra` are the minutes by which everybody's time was
    extended; `proctors` are the staff beside the owner.
    """

    settings: Settings | None = None
    status: ExamStatus = "none"
    owner: str = ""
    owner_name: str = ""
    created: Millis = 0
    closes: Millis = 0
    extra: Many = 0
    questions: Many = 0
    points: Score = 0
    paused: Millis = 0
    released: bool = False
    enrolled: Many = 0
    started: Many = 0
    submitted: Many = 0
    proctors: dict[str, str] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)


def reduce_exam(state: ExamState, fact: Happening) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)


def show_exam(state: ExamState) -> ExamState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(
        state,
        proctors=dict(state.proctors),
        participants=dict(state.participants),
        announcements=list(state.announcements),
    )


def _settle(state: ExamState, settings: Settings) -> None:
    state.settings, state.closes = settings, settings.closes


def _created(state: ExamState, fact: Happening, e: Created) -> None:
    _settle(state, e.settings)
    state.status, state.owner, state.owner_name, state.created = "draft", e.owner, e.name, fact.at


def _edited(state: ExamState, fact: Happening, e: Edited) -> None:
    _settle(state, e.settings)


def _deleted(state: ExamState, fact: Happening, e: Deleted) -> None:
    state.status = "deleted"


def _questions(state: ExamState, fact: Happening, e: QuestionPut | QuestionRemoved) -> None:
    state.questions, state.points = e.count, e.points


def _enrolled(state: ExamState, fact: Happening, e: Enrolled | Expelled) -> None:
    state.enrolled = e.count


def _appointed(state: ExamState, fact: Happening, e: Appointed) -> None:
    state.proctors[e.user] = e.name


def _dismissed(state: ExamState, fact: Happening, e: Dismissed) -> None:
    state.proctors.pop(e.user, None)


def _published(state: ExamState, fact: Happening, e: Published) -> None:
    state.status = "published"


def _opened(state: ExamState, fact: Happening, e: Opened) -> None:
    state.status = "open"


def _closed(state: ExamState, fact: Happening, e: Closed) -> None:
    state.status, state.paused = "closed", 0


def _extended(state: ExamState, fact: Happening, e: Extended) -> None:
    state.closes, state.extra = e.closes, state.extra + e.minutes


def _paused(state: ExamState, fact: Happening, e: Paused) -> None:
    state.paused = fact.at


def _resumed(state: ExamState, fact: Happening, e: Resumed) -> None:
    state.paused, state.closes = 0, e.closes


def _announced(state: ExamState, fact: Happening, e: Announced) -> None:
    state.announcements.append(Announcement(fact.at, fact.by, e.name, e.text))
    del state.announcements[:-ANNOUNCEMENTS_KEPT]


def _joined(state: ExamState, fact: Happening, e: Joined) -> None:
    state.participants[e.user] = Participant(e.name, fact.at)


def _left(state: ExamState, fact: Happening, e: Left) -> None:
    state.participants.pop(e.user, None)


def _began(state: ExamState, fact: Happening, e: Began) -> None:
    state.started, state.submitted = e.started, e.submitted


def _ended(state: ExamState, fact: Happening, e: Ended) -> None:
    state.submitted = e.submitted


def _released(state: ExamState, fact: Happening, e: Released) -> None:
    state.released = True


_CHANGES: dict[type[Any], Callable[[ExamState, Any, Any], None]] = {
    Created: _created,
    Edited: _edited,
    Deleted: _deleted,
    QuestionPut: _questions,
    QuestionRemoved: _questions,
    Enrolled: _enrolled,
    Expelled: _enrolled,
    Appointed: _appointed,
    Dismissed: _dismissed,
    Published: _published,
    Opened: _opened,
    Closed: _closed,
    Extended: _extended,
    Paused: _paused,
    Resumed: _resumed,
    Announced: _announced,
    Joined: _joined,
    Left: _left,
    Began: _began,
    Ended: _ended,
    Released: _released,
}
