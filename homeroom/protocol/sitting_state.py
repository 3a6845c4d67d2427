"""A sitting on the wire, and what an event does to it.

`reduce_sitting` serves the actor and every client alike, which is why state + events equals a fresh view. It reads nothing of an
event that is not sent. Never here: the words (`sitting`, `sitting_events`), and who may see a sitting (`actors.sitting`).
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol.chat_state import SHOWN, ChatState, Happening, enter_chat, reduce_chat, show_chat
from homeroom.protocol.exam import PersonName
from homeroom.protocol.exam_messages import Hold
from homeroom.protocol.exam_paper import Question
from homeroom.protocol.ids import Millis
from homeroom.protocol.sitting import EndReason, LateValue, Result, Saved, SittingStatus
from homeroom.protocol.sitting_events import (
    AllMinutes,
    AnswerSaved,
    ClockStopped,
    ClockWentOn,
    Declined,
    Extended,
    Flagged,
    Graded,
    LateKept,
    Locked,
    Prepared,
    Progressed,
    Reopened,
    Requested,
    ResultReleased,
    Started,
    Submitted,
    TakenOver,
    Unlocked,
)  # fmt: skip


class SittingState(Struct):
    """A sitting as its followers see it, the same for each of them. Times are Unix ms of the server, 0: not yet, or not.

    `window` is when the exam closes for this student, 0: by hand. `closes` is the deadline; while `paused` (since when) it stands and
    moves when the clock goes on, `holds` say why. `device` is the one that writes. `declined` says why the exam does not let the
    student start. `graded`: every answer is judged; `result` is there once it is released.
    """

    status: SittingStatus = "none"
    exam: str = ""
    user: str = ""
    name: PersonName = ""
    title: str = ""
    opened: bool = False
    minutes: AllMinutes = 0
    window: Millis = 0
    started: Millis = 0
    closes: Millis = 0
    paused: Millis = 0
    holds: list[Hold] = field(default_factory=list)
    device: str = ""
    declined: str = ""
    questions: tuple[Question, ...] = ()
    answers: dict[str, Saved] = field(default_factory=dict)
    late: dict[str, LateValue] = field(default_factory=dict)
    flags: dict[str, None] = field(default_factory=dict)
    current: str = ""
    submitted: Millis = 0
    reason: EndReason = ""
    graded: bool = False
    result: Result | None = None
    chat: ChatState = field(default_factory=ChatState)


def reduce_sitting(state: SittingState, fact: Happening, window: int = SHOWN) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)
    else:
        reduce_chat(state.chat, fact, window)


def show_sitting(state: SittingState, window: int = SHOWN) -> SittingState:
    """Return a copy of `state` that later changes do not reach, with the newest `window` messages."""
    return replace(
        state,
        holds=list(state.holds),
        answers=dict(state.answers),
        late=dict(state.late),
        flags=dict(state.flags),
        chat=show_chat(state.chat, window),
    )


def answered(state: SittingState) -> int:
    """Return how many questions have an answer that is not empty."""
    return sum(saved.value not in {None, "", ()} for saved in state.answers.values())


def _requested(state: SittingState, fact: Happening, e: Requested) -> None:
    state.declined = ""
    if state.status in {"none", "declined"}:
        state.status = "waiting"


def _declined(state: SittingState, fact: Happening, e: Declined) -> None:
    state.declined = e.code
    if state.status != "prepared" or e.code == "not_found":
        state.status = "declined"


def _prepared(state: SittingState, fact: Happening, e: Prepared) -> None:
    state.status, state.declined = "prepared", ""
    state.exam, state.user, state.name, state.title = e.exam, e.user, e.name, e.title
    state.opened, state.minutes, state.window = e.opened, e.minutes, e.window
    state.holds, state.paused = (["exam"], fact.at) if e.held else ([], 0)
    enter_chat(state.chat, e.user)


def _unlocked(state: SittingState, fact: Happening, e: Unlocked) -> None:
    state.opened, state.declined = True, ""


def _locked(state: SittingState, fact: Happening, e: Locked) -> None:
    state.opened = False


def _started(state: SittingState, fact: Happening, e: Started) -> None:
    state.status, state.started, state.closes = "running", fact.at, e.closes
    state.device, state.questions, state.declined = e.device, e.questions, ""


def _taken_over(state: SittingState, fact: Happening, e: TakenOver) -> None:
    state.device = e.device


def _saved(state: SittingState, fact: Happening, e: AnswerSaved) -> None:
    state.answers[e.question] = Saved(e.value, e.rev, e.arrived, e.verdict)
    if e.verdict == "admitted":
        state.late.pop(e.question, None)


def _late(state: SittingState, fact: Happening, e: LateKept) -> None:
    state.late[e.question] = LateValue(e.value, e.rev, e.arrived)


def _progressed(state: SittingState, fact: Happening, e: Progressed) -> None:
    state.current = e.question


def _flagged(state: SittingState, fact: Happening, e: Flagged) -> None:
    if e.on:
        state.flags[e.question] = None
    else:
        state.flags.pop(e.question, None)


def _run_again(state: SittingState, closes: int) -> None:
    """Let the sitting run until `closes`, also when it was submitted."""
    state.status, state.closes, state.submitted, state.reason, state.graded = "running", closes, 0, "", False


def _extended(state: SittingState, fact: Happening, e: Extended) -> None:
    state.minutes += e.minutes
    state.window += e.minutes * 60_000 if state.window else 0
    if e.closes:
        _run_again(state, e.closes)


def _stopped(state: SittingState, fact: Happening, e: ClockStopped) -> None:
    state.holds.append(e.whose)
    state.paused = state.paused or e.since or fact.at


def _went_on(state: SittingState, fact: Happening, e: ClockWentOn) -> None:
    state.holds.remove(e.whose)
    if state.holds:
        return
    state.window += fact.at - state.paused if state.window else 0
    state.paused, state.closes = 0, e.closes


def _submitted(state: SittingState, fact: Happening, e: Submitted) -> None:
    state.status, state.submitted, state.reason, state.closes = "submitted", fact.at, e.reason, e.closes
    state.holds, state.paused = [], 0


def _reopened(state: SittingState, fact: Happening, e: Reopened) -> None:
    _run_again(state, e.closes)


def _graded(state: SittingState, fact: Happening, e: Graded) -> None:
    state.graded = e.complete


def _released(state: SittingState, fact: Happening, e: ResultReleased) -> None:
    state.result = e.result


_CHANGES: dict[type[Any], Callable[[SittingState, Any, Any], None]] = {
    Requested: _requested,
    Declined: _declined,
    Prepared: _prepared,
    Unlocked: _unlocked,
    Locked: _locked,
    Started: _started,
    TakenOver: _taken_over,
    AnswerSaved: _saved,
    LateKept: _late,
    Progressed: _progressed,
    Flagged: _flagged,
    Extended: _extended,
    ClockStopped: _stopped,
    ClockWentOn: _went_on,
    Submitted: _submitted,
    Reopened: _reopened,
    Graded: _graded,
    ResultReleased: _released,
}
