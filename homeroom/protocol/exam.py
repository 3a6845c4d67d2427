"""An exam: what is said to it, and what it answers.

Never here: what happens then (`exam_events`), its state (`exam_state`), one student's part (`sitting`), what exam and sittings
tell each other (`exam_messages`), and who may do what (`actors.exam`).
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.exam_paper import QUESTIONS_MAX, Item, Key, Question, Score
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.instant import INSTANT

STUDENTS_MAX = 1_000
STAFF_MAX = 50
ENROL_MAX = 200
ANNOUNCEMENTS_KEPT = 50
MINUTES_MAX = 7 * 1_440
TIME_MAX = 2**52
"""The latest time that is set, Unix ms: extensions and pauses move it further, and what comes out is a number on the wire."""

Title = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
Description = Annotated[str, Meta(max_length=4_000)]
Words = Annotated[str, Meta(min_length=1, max_length=2_000)]
PersonName = Annotated[str, Meta(max_length=200)]
Tag = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,40}\Z", description="at most 40 of A-Z a-z 0-9 _ - .")]
Specialty = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_\-]{0,50}\Z", description="at most 50 of A-Z a-z 0-9 _ -")]
Minutes = Annotated[int, Meta(ge=1, le=MINUTES_MAX)]
Time = Annotated[int, Meta(ge=0, le=TIME_MAX, description="Unix milliseconds, server clock; 0: by hand", extra=INSTANT)]
Many = Annotated[int, Meta(ge=0, le=2**31)]
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]
ExamStatus = Literal["none", "draft", "published", "open", "closed", "deleted"]
ReleaseMode = Literal["by_hand", "at_close"]


class Person(Struct, frozen=True, omit_defaults=True):
    """A person of the exam."""

    id: Id
    name: PersonName = ""


class Settings(Struct, frozen=True, omit_defaults=True):
    """How an exam is held. `opens` and `closes` are Unix ms, 0: by hand; `minutes` is what each student has from its own start.

    `release`: when the results are shown; with `reveal` the right answers are shown with them.
    `ranked`: released points count on the leaderboards, where everybody sees them; without it they stay between student,
    parents and staff.
    """

    title: Title
    description: Description = ""
    course: Tag = ""
    specialty: Specialty = ""
    opens: Millis = 0
    closes: Millis = 0
    minutes: Minutes = 60
    shuffle_questions: bool = False
    shuffle_options: bool = False
    release: ReleaseMode = "by_hand"
    reveal: bool = False
    ranked: bool = True


# --- commands


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class Create(_Command, frozen=True):
    """Make the exam, as a draft; its maker owns it. `seed` decides every student's order of questions; 0: any.

    `release` is when students and parents see results: `at_close`, once the exam is closed, each as soon as it is graded; `by_hand`, when
    the verb `release` is sent, which is possible once it is closed. With `reveal` they see the right answers then as well. `ranked` lets
    released points count on the leaderboards. What a plan shows is told to its `course`: of those that the school's records know, it is
    one to which its maker belongs.
    """

    do: ClassVar[str] = "create"
    title: Title
    description: Description = ""
    course: Tag = ""
    specialty: Specialty = ""
    opens: Time = 0
    closes: Time = 0
    minutes: Minutes = 60
    shuffle_questions: bool = False
    shuffle_options: bool = False
    release: ReleaseMode = "by_hand"
    reveal: bool = False
    ranked: bool = True
    seed: Seed = 0
    questions: Annotated[tuple[Item, ...], Meta(max_length=QUESTIONS_MAX)] = ()
    students: Annotated[tuple[Person, ...], Meta(max_length=ENROL_MAX)] = ()


class Edit(_Command, frozen=True):
    """Change a draft; what is not given stays."""

    do: ClassVar[str] = "edit"
    title: Title | None = None
    description: Description | None = None
    course: Tag | None = None
    specialty: Specialty | None = None
    opens: Time | None = None
    closes: Time | None = None
    minutes: Minutes | None = None
    shuffle_questions: bool | None = None
    shuffle_options: bool | None = None
    release: ReleaseMode | None = None
    reveal: bool | None = None
    ranked: bool | None = None


class Delete(_Command, frozen=True):
    """Take a draft away for good; once it is published, an exam is closed instead. Its id is not free again."""

    do: ClassVar[str] = "delete"


class PutQuestion(_Command, frozen=True):
    """Add a question to a draft, or put another in the place of the one with its id."""

    do: ClassVar[str] = "put_question"
    question: Question
    key: Key = Key()


class RemoveQuestion(_Command, frozen=True):
    """Take a question out of a draft."""

    do: ClassVar[str] = "remove_question"
    question: Id


class Enroll(_Command, frozen=True):
    """List students: only these know of the exam, and only when it is published.

    `course`: also all students of the exam's course, as they are now; for who belongs to it, and for admins.
    """

    do: ClassVar[str] = "enroll"
    people: Annotated[tuple[Person, ...], Meta(max_length=ENROL_MAX)] = ()
    course: bool = False


class Expel(_Command, frozen=True):
    """Take a student off the list; a sitting that has begun ends."""

    do: ClassVar[str] = "expel"
    user: Id


class Appoint(_Command, frozen=True):
    """Let another member of staff watch over the exam as well."""

    do: ClassVar[str] = "appoint"
    user: Id
    name: PersonName = ""


class Dismiss(_Command, frozen=True):
    """End that again."""

    do: ClassVar[str] = "dismiss"
    user: Id


class Publish(_Command, frozen=True):
    """Let the listed students know of the exam; from now on the paper is fixed."""

    do: ClassVar[str] = "publish"


class Open(_Command, frozen=True):
    """Let students start, before the exam opens by itself."""

    do: ClassVar[str] = "open"


class Close(_Command, frozen=True):
    """End the exam now: every sitting is submitted as it stands."""

    do: ClassVar[str] = "close"


class Extend(_Command, frozen=True):
    """Give more time: to one student, or to all, those who have not started included."""

    do: ClassVar[str] = "extend"
    minutes: Minutes
    user: Id | None = None


class Pause(_Command, frozen=True):
    """Stop the clock: of one student, or of all."""

    do: ClassVar[str] = "pause"
    user: Id | None = None


class Resume(_Command, frozen=True):
    """Let the clock go on: every deadline moves by as long as it stood."""

    do: ClassVar[str] = "resume"
    user: Id | None = None


class Announce(_Command, frozen=True):
    """Say something to all who sit the exam."""

    do: ClassVar[str] = "announce"
    text: Words


class Release(_Command, frozen=True):
    """Show every student its result, as soon as it is graded. Close the exam first: as long as it is open it is refused."""

    do: ClassVar[str] = "release"


class Join(_Command, frozen=True):
    """Come into the exam."""

    do: ClassVar[str] = "join"


class Leave(_Command, frozen=True):
    """Go out of the exam; a sitting that was started goes on."""

    do: ClassVar[str] = "leave"


class AskPaper(_Command, frozen=True):
    """Ask for the questions with their keys, as staff."""

    do: ClassVar[str] = "paper"


class AskStudents(_Command, frozen=True):
    """Ask who is listed, and how far each is."""

    do: ClassVar[str] = "students"


class AskSittings(_Command, frozen=True):
    """Ask for a page of the sittings as they were last written down, by student. Who never came has none."""

    do: ClassVar[str] = "sittings"
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    after: Annotated[str, Meta(max_length=64)] = ""


class AskResults(_Command, frozen=True):
    """Ask for all results as a sheet, a line for each student; `submitted` is a time in UTC, empty for who never handed in.

    It has everybody on the list, also who never came: `status` is `listed` then, and `score` empty. Who came and was taken off the list
    later stays on it. The list is as `enroll` made it: a course's students of the time at which they were listed.
    """

    do: ClassVar[str] = "results"


# --- replies


class Admission(Struct, frozen=True):
    """The answer to `join`: the address of one's own sitting, and the exam by the server's clock. `closes` 0: by hand."""

    sitting: str
    now: Millis
    status: ExamStatus
    opens: Millis
    closes: Millis
    minutes: Minutes
    participants: Many


class PaperAnswer(Struct, frozen=True):
    """The paper as its author wrote it, keys included: for staff."""

    items: tuple[Item, ...]
    seed: Seed


SeatStatus = Literal["listed", "prepared", "running", "submitted"]


class Seat(Struct, frozen=True, omit_defaults=True):
    """A listed student as the exam knows it. `extra`: minutes of its own; `closes`: the deadline of its sitting; `held`: its clock stands."""

    name: PersonName = ""
    status: SeatStatus = "listed"
    extra: Many = 0
    closes: Millis = 0
    held: bool = False
    begun: bool = False


class StudentsAnswer(Struct, frozen=True):
    """Who is listed, by id: for staff."""

    students: dict[str, Seat]


class SittingRow(Struct, frozen=True):
    """A sitting as it was last written down; `answered` is brought up to date with each `progress`. Times are Unix ms, 0: not yet.

    `score` is `None` until everything is graded.
    """

    sitting: str
    exam: str
    user: str
    name: PersonName
    status: str
    started: Millis
    closes: Millis
    submitted: Millis
    reason: str
    answered: Many
    questions: Many
    late: Many
    score: Score | None
    most: Score
    released: bool


class SittingsPage(Struct, frozen=True):
    """A page of sittings, ordered by student; `more`: there are further ones, after the last student of this page."""

    rows: tuple[SittingRow, ...]
    more: bool
