"""What happens to an exam, as its stream tells it to staff and to every listed student alike.

It tells of the exam as a whole, in counts. Who is listed, whose time was extended, the questions and above all their keys stand
in the journal and are never sent (`SECRETS`); staff ask for them by verbs. Never here: what an event does (`exam_state`).
"""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from homeroom.protocol.exam import MINUTES_MAX, Many, Minutes, PersonName, Seed, Settings, Words
from homeroom.protocol.exam_paper import Key, Question, Score
from homeroom.protocol.ids import Id, Millis


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class Created(_Event, frozen=True):
    """The exam exists, as a draft. `seed` is never sent."""

    type: ClassVar[str] = "exam.created"
    settings: Settings
    owner: Annotated[str, Meta(max_length=64)] = ""
    name: PersonName = ""
    seed: Seed = 0


class Edited(_Event, frozen=True):
    """The draft was changed to this. Replayed to those who sit the exam, this and `exam.created` hold what was published."""

    type: ClassVar[str] = "exam.edited"
    settings: Settings


class Deleted(_Event, frozen=True):
    """The draft is gone, for its staff as well."""

    type: ClassVar[str] = "exam.deleted"


class QuestionPut(_Event, frozen=True):
    """The draft has another question; the exam has so many now, worth so much. Question and key are never sent."""

    type: ClassVar[str] = "exam.question_put"
    count: Many
    points: Score
    question: Question | None = None
    key: Key | None = None


class QuestionRemoved(_Event, frozen=True):
    """The draft has one question less. Which one is never sent."""

    type: ClassVar[str] = "exam.question_removed"
    count: Many
    points: Score
    question: Annotated[str, Meta(max_length=64)] = ""


class Enrolled(_Event, frozen=True):
    """So many students are listed now. Who is never sent."""

    type: ClassVar[str] = "exam.enrolled"
    count: Many
    user: Annotated[str, Meta(max_length=64)] = ""
    name: PersonName = ""


class Expelled(_Event, frozen=True):
    """So many students are listed now. Who was taken off is never sent."""

    type: ClassVar[str] = "exam.expelled"
    count: Many
    user: Annotated[str, Meta(max_length=64)] = ""


class Appointed(_Event, frozen=True):
    """A member of staff watches over the exam as well."""

    type: ClassVar[str] = "exam.proctor_appointed"
    user: Id
    name: PersonName = ""


class Dismissed(_Event, frozen=True):
    """A member of staff does no longer."""

    type: ClassVar[str] = "exam.proctor_dismissed"
    user: Id


class Published(_Event, frozen=True):
    """The listed students know of the exam now."""

    type: ClassVar[str] = "exam.published"


class Opened(_Event, frozen=True):
    """Students may start."""

    type: ClassVar[str] = "exam.opened"


class Closed(_Event, frozen=True):
    """Nobody may start any more, and every sitting has ended or ends now."""

    type: ClassVar[str] = "exam.closed"
    by_hand: bool = False


class Extended(_Event, frozen=True):
    """Everybody has so many minutes more; the exam closes so much later, at `closes` (0: by hand)."""

    type: ClassVar[str] = "exam.extended"
    minutes: Minutes
    closes: Millis


class Granted(_Event, frozen=True):
    """One student has more time. Who and how much is never sent here: the sitting tells."""

    type: ClassVar[str] = "exam.time_granted"
    user: Annotated[str, Meta(max_length=64)] = ""
    minutes: Annotated[int, Meta(ge=0, le=MINUTES_MAX)] = 0


class Paused(_Event, frozen=True):
    """All clocks stand."""

    type: ClassVar[str] = "exam.paused"


class Resumed(_Event, frozen=True):
    """All clocks go on; the exam closes at `closes` (0: by hand)."""

    type: ClassVar[str] = "exam.resumed"
    closes: Millis


class Held(_Event, frozen=True):
    """One student's clock stands, or goes on. Whose is never sent here: the sitting tells."""

    type: ClassVar[str] = "exam.clock_held"
    user: Annotated[str, Meta(max_length=64)] = ""
    on: bool = False


class Announced(_Event, frozen=True):
    """Something was said to all who sit the exam."""

    type: ClassVar[str] = "exam.announced"
    text: Words
    name: PersonName = ""


class Joined(_Event, frozen=True):
    """A student came in; so many are here."""

    type: ClassVar[str] = "exam.participant_joined"
    user: Id
    name: PersonName = ""
    count: Many = 0


class Left(_Event, frozen=True):
    """A student went out; so many are here."""

    type: ClassVar[str] = "exam.participant_left"
    user: Id
    count: Many = 0


class Began(_Event, frozen=True):
    """A sitting has begun, or goes on after it was ended; so many have begun, and so many are submitted. Whose is never sent."""

    type: ClassVar[str] = "exam.sitting_began"
    started: Many
    submitted: Many
    user: Annotated[str, Meta(max_length=64)] = ""
    closes: Millis = 0


class Ended(_Event, frozen=True):
    """A sitting was submitted; so many are. Whose is never sent."""

    type: ClassVar[str] = "exam.sitting_ended"
    submitted: Many
    user: Annotated[str, Meta(max_length=64)] = ""


class Released(_Event, frozen=True):
    """The results are shown, each to its student, when it is graded."""

    type: ClassVar[str] = "exam.results_released"


EXAM_EVENTS: tuple[type[Any], ...] = (
    Created, Edited, Deleted, QuestionPut, QuestionRemoved, Enrolled, Expelled, Appointed, Dismissed, Published, Opened, Closed,
    Extended, Granted, Paused, Resumed, Held, Announced, Joined, Left, Began, Ended, Released,
)  # fmt: skip
CALM_EXAM_EVENTS = frozenset({Joined.type, Left.type, Began.type, Ended.type, Enrolled.type})
"""Counts for a dashboard: a class that starts within a second is a handful of frames."""
SECRETS: dict[type[Any], dict[str, Any]] = {
    Created: {"seed": 0},
    QuestionPut: {"question": None, "key": None},
    QuestionRemoved: {"question": ""},
    Enrolled: {"user": "", "name": ""},
    Expelled: {"user": ""},
    Granted: {"user": "", "minutes": 0},
    Held: {"user": "", "on": False},
    Began: {"user": "", "closes": 0},
    Ended: {"user": ""},
}
"""What is for the journal alone, by event, and what stands there instead when it is sent."""
