"""One student's sitting of an exam: what is said to it, and what it answers.

Never here: what happens then (`sitting_events`), its state (`sitting_state`), what the exam tells it (`exam_messages`), and who may
do what (`actors.sitting`).
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.exam import Minutes
from homeroom.protocol.exam_paper import QUESTIONS_MAX, Key, Question, Score
from homeroom.protocol.grading import Mark, Value
from homeroom.protocol.ids import MAX_SEQ, Id, Millis

REV_MAX = 2**52
"""The highest revision that a client makes; above it there is room for those that staff make by letting late values count."""
GRACE_MS = 2_000
"""An answer counts that came in at the door at most so long after the deadline, inclusive (P17)."""

NewRev = Annotated[int, Meta(ge=1, le=REV_MAX, description="grows with every change of this answer on any device")]
Rev = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="the revision that is kept")]
Seen = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="the revision that was changed; 0: none was there")]
Device = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="at most 64 of A-Z a-z 0-9 _ - .")]
Left = Annotated[int, Meta(ge=0, le=MAX_SEQ, description="milliseconds, as the client shows them")]
Comment = Annotated[str, Meta(max_length=2_000)]
AnswerVerdict = Annotated[
    Literal["in_time", "in_grace", "admitted"],
    Meta(
        description=f"in_grace: up to {GRACE_MS} ms after the deadline, counts as well; admitted: later, let in by staff"
    ),
]
EndReason = Literal["", "student", "deadline", "closed", "expelled"]
SittingStatus = Literal["none", "waiting", "declined", "prepared", "running", "submitted"]


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class Start(_Command, frozen=True):
    """Begin, or come back; the clock runs from the first time. `device` becomes the one that writes, and takes over from any other.

    The questions come with the sitting, in its snapshot: follow it, or look at it at `GET /api/sittings/{id}`. Before the exam is
    open, and for who is not listed, a start is refused at once. The answer may be `waiting`: until the paper has come, a moment, or
    until a paused exam goes on. The sitting then starts by itself (`sitting.started`, its questions with it) or says why not (`sitting.declined`).
    """

    do: ClassVar[str] = "start"
    device: Device = ""


class SaveAnswer(_Command, frozen=True):
    """Save an answer. `rev` is one more than the revision that was seen; `expected`, where given, is that one.

    `client_at` is the client's own time, kept for diagnosis and believed by nobody.
    """

    do: ClassVar[str] = "answer"
    question: Id
    rev: NewRev
    value: Value = None
    expected: Seen | None = None
    device: Device = ""
    client_at: Millis = 0


class Progress(_Command, frozen=True):
    """Tell where one is. `remaining_ms` is what the client shows of the time, kept for diagnosis and believed by nobody."""

    do: ClassVar[str] = "progress"
    question: Id
    remaining_ms: Left = 0
    client_at: Millis = 0


class Flag(_Command, frozen=True):
    """Mark a question, to come back to it; or take the mark away (`on` false)."""

    do: ClassVar[str] = "flag"
    question: Id
    on: bool = True
    client_at: Millis = 0


class Submit(_Command, frozen=True):
    """Hand in what is saved. It ends the sitting; a second time is answered like the first.

    Only the device that writes may, if devices name themselves: one that was taken over has to `start` again first. Once there was a
    second device, `device` is to be given.
    """

    do: ClassVar[str] = "submit"
    client_at: Millis = 0
    device: Device = ""


class AskResult(_Command, frozen=True):
    """Ask for the result, once it is released."""

    do: ClassVar[str] = "result"


class ExtendSitting(_Command, frozen=True):
    """Give this student more time, as staff, while the sitting runs."""

    do: ClassVar[str] = "extend"
    minutes: Minutes


class Reopen(_Command, frozen=True):
    """Let a submitted sitting go on for so many minutes, as staff, until its result is released."""

    do: ClassVar[str] = "reopen"
    minutes: Minutes


class Grade(_Command, frozen=True):
    """Judge the answer to one question in whole points, as staff; the server's own mark is overruled.

    Without `comment` the one that is there stays; an empty one takes it away.
    """

    do: ClassVar[str] = "grade"
    question: Id
    points: Score
    comment: Comment | None = None


class AdmitLate(_Command, frozen=True):
    """Let the late value of a question count after all, as staff."""

    do: ClassVar[str] = "admit_late"
    question: Id


class Review(_Command, frozen=True):
    """Ask for everything that is known of the sitting, marks and keys included, as staff."""

    do: ClassVar[str] = "review"


# --- what answers are made of


class Saved(Struct, frozen=True, omit_defaults=True):
    """An answer as it is kept: when it came in at the door (Unix ms), and what that means."""

    value: Value
    rev: Rev
    arrived: Millis
    verdict: AnswerVerdict = "in_time"


class LateValue(Struct, frozen=True, omit_defaults=True):
    """A value that came too late, kept to be reviewed."""

    value: Value
    rev: Rev
    arrived: Millis


class Result(Struct, frozen=True, omit_defaults=True):
    """A released result: the points of `most` possible, the mark of each question, and the keys where the exam reveals them."""

    score: Score
    most: Score
    marks: dict[str, Mark] = {}
    keys: dict[str, Key] = {}


# --- replies


class StartAnswer(Struct, frozen=True):
    """The answer to `start`. `waiting`: the paper is on its way, or the exam is paused, and the stream tells `sitting.started`, or
    `sitting.declined` if the exam was closed or the student was expelled meanwhile; sending `start` again answers how it stands.

    `closes` is the deadline by the server's clock, and `now` is that clock; 0 while it waits.
    """

    status: SittingStatus
    closes: Millis
    now: Millis
    answered: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)]


class SaveReply(Struct, frozen=True):
    """The answer to `answer`: what is kept now. `saved` is false when a newer revision was there already."""

    question: Id
    rev: Rev
    saved: bool
    closes: Millis
    now: Millis


class SubmitReply(Struct, frozen=True):
    """The answer to `submit`: when and how the sitting ended, and how many questions are answered."""

    submitted: Millis
    reason: EndReason
    answered: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)]


class ReviewAnswer(Struct, frozen=True):
    """A sitting for those who judge it. `score` is `None` until everything is judged."""

    questions: tuple[Question, ...]
    keys: dict[str, Key]
    answers: dict[str, Saved]
    late: dict[str, LateValue]
    marks: dict[str, Mark]
    score: Score | None
    most: Score
    flags: tuple[Id, ...]
    closes: Millis
    submitted: Millis
    reason: EndReason
    released: bool
