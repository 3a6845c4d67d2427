"""What happens to a sitting: its timeline. Each record carries the hash of the one before (`sitting_chain`).

Its stream is followed by its student, by the staff of the exam and, once the result is released, by the student's parents. Keys,
marks before the release, and the hashes stand in the journal and are never sent (`SITTING_SECRETS`).
Never here: what an event does (`sitting_state`).
"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from homeroom.protocol.chat import CHAT_EVENTS
from homeroom.protocol.exam import PersonName, Specialty, Title
from homeroom.protocol.exam_messages import Hold, Staff
from homeroom.protocol.exam_paper import QUESTIONS_MAX, Paper, Question
from homeroom.protocol.grading import Mark, Value
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.sitting import AnswerVerdict, Device, EndReason, Left, Result, Rev

Link = Annotated[str, Meta(max_length=32, description="the hash of the record before; never sent")]
AllMinutes = Annotated[int, Meta(ge=0, le=2**31)]


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class Requested(_Event, frozen=True):
    """The student wants to start, and the exam was asked."""

    type: ClassVar[str] = "sitting.requested"
    device: Device = ""
    prev: Link = ""


class Declined(_Event, frozen=True):
    """The exam does not let the student start, or takes the paper back."""

    type: ClassVar[str] = "sitting.declined"
    code: Annotated[str, Meta(max_length=32)]
    msg: Annotated[str, Meta(max_length=200)] = ""
    prev: Link = ""


class Prepared(_Event, frozen=True):
    """The paper is here; it is shown when the sitting starts. Paper, staff and how it is held are never sent."""

    type: ClassVar[str] = "sitting.prepared"
    exam: Id
    user: Id
    title: Title
    minutes: AllMinutes
    window: Millis = 0
    opened: bool = False
    name: PersonName = ""
    specialty: Specialty = ""
    held: bool = False
    reveal: bool = False
    ranked: bool = True
    staff: Staff = ()
    paper: Paper | None = None
    prev: Link = ""


class Unlocked(_Event, frozen=True):
    """The exam is open: the sitting may start."""

    type: ClassVar[str] = "sitting.unlocked"
    prev: Link = ""


class Locked(_Event, frozen=True):
    """The exam is closed: the sitting may not start any more."""

    type: ClassVar[str] = "sitting.locked"
    prev: Link = ""


class Started(_Event, frozen=True):
    """The clock runs until `closes`, Unix ms. The questions, in this student's order, are put in when it is sent."""

    type: ClassVar[str] = "sitting.started"
    closes: Millis
    device: Device = ""
    questions: Annotated[tuple[Question, ...], Meta(max_length=QUESTIONS_MAX)] = ()
    prev: Link = ""


class TakenOver(_Event, frozen=True):
    """Another device of the student writes from now on; the one before is to stop."""

    type: ClassVar[str] = "sitting.taken_over"
    device: Device
    prev: Link = ""


class AnswerSaved(_Event, frozen=True):
    """An answer is kept. `arrived` is when it came in at the door, and decided the verdict."""

    type: ClassVar[str] = "sitting.answer_saved"
    question: Id
    rev: Rev
    arrived: Millis
    value: Value = None
    verdict: AnswerVerdict = "in_time"
    device: Device = ""
    client_at: Millis = 0
    prev: Link = ""


class LateKept(_Event, frozen=True):
    """A value came too late; it does not count, and is kept to be reviewed."""

    type: ClassVar[str] = "sitting.late_answer_kept"
    question: Id
    rev: Rev
    arrived: Millis
    value: Value = None
    device: Device = ""
    client_at: Millis = 0
    prev: Link = ""


class Progressed(_Event, frozen=True):
    """Where the student is, by its own account."""

    type: ClassVar[str] = "sitting.progressed"
    question: Id
    remaining_ms: Left = 0
    client_at: Millis = 0
    prev: Link = ""


class Flagged(_Event, frozen=True):
    """The student marked a question, or took the mark away."""

    type: ClassVar[str] = "sitting.flagged"
    question: Id
    on: bool = True
    client_at: Millis = 0
    prev: Link = ""


class Extended(_Event, frozen=True):
    """So many minutes more. `closes` is the deadline now, 0: not started; a sitting that had ended by itself goes on."""

    type: ClassVar[str] = "sitting.extended"
    minutes: AllMinutes
    closes: Millis = 0
    prev: Link = ""


class ClockStopped(_Event, frozen=True):
    """The clock stands, `since` a time that is not after the event's own; 0: since that."""

    type: ClassVar[str] = "sitting.paused"
    whose: Hold
    since: Millis = 0
    prev: Link = ""


class ClockWentOn(_Event, frozen=True):
    """One hold less; without any the clock goes on, and `closes` is the deadline now (0: not started, or another hold is there)."""

    type: ClassVar[str] = "sitting.resumed"
    whose: Hold
    closes: Millis = 0
    prev: Link = ""


class Submitted(_Event, frozen=True):
    """The sitting ended with what is saved. `closes` is the deadline by which later answers are judged."""

    type: ClassVar[str] = "sitting.submitted"
    reason: EndReason
    answered: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)]
    closes: Millis
    client_at: Millis = 0
    prev: Link = ""


class Reopened(_Event, frozen=True):
    """The sitting goes on until `closes`."""

    type: ClassVar[str] = "sitting.reopened"
    closes: Millis
    prev: Link = ""


class Graded(_Event, frozen=True):
    """Answers were judged; `complete`: all are. The marks are never sent: the release shows them."""

    type: ClassVar[str] = "sitting.graded"
    complete: bool
    marks: dict[str, Mark] = {}
    prev: Link = ""


class ReleaseOrdered(_Event, frozen=True):
    """The result is to be released as soon as everything is judged."""

    type: ClassVar[str] = "sitting.release_ordered"
    prev: Link = ""


class ResultReleased(_Event, frozen=True):
    """The student and the parents may see the result; a later one replaces it."""

    type: ClassVar[str] = "sitting.released"
    result: Result
    prev: Link = ""


class StaffChanged(_Event, frozen=True):
    """Others watch over the sitting. Who is never sent here: the exam tells."""

    type: ClassVar[str] = "sitting.staff_changed"
    staff: Staff = ()
    prev: Link = ""


class SittingProgress(Struct, frozen=True, omit_defaults=True):
    """Ephemeral, on the stream of the exam's proctors: how far one student is; the newest tells all."""

    type: ClassVar[str] = "proctor.progressed"
    user: Id
    status: Annotated[str, Meta(max_length=16)]
    name: PersonName = ""
    answered: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)] = 0
    questions: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)] = 0
    current: Annotated[str, Meta(max_length=64)] = ""
    closes: Millis = 0


SITTING_EVENTS: tuple[type[Any], ...] = (
    Requested, Declined, Prepared, Unlocked, Locked, Started, TakenOver, AnswerSaved, LateKept, Progressed, Flagged, Extended,
    ClockStopped, ClockWentOn, Submitted, Reopened, Graded, ReleaseOrdered, ResultReleased, StaffChanged, *CHAT_EVENTS,
)  # fmt: skip
CALM_SITTING_EVENTS = frozenset({Progressed.type})
SITTING_SECRETS: dict[type[Any], dict[str, Any]] = {
    Prepared: {"paper": None, "staff": (), "specialty": "", "reveal": False, "ranked": True},
    Graded: {"marks": {}},
    StaffChanged: {"staff": ()},
}
"""What is for the journal alone beside every `prev`, by event, and what stands there instead when it is sent."""
