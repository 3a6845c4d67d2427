"""What an exam and its sittings tell each other: durable messages, which only the system sends and which nobody sees.

    exam -> sitting    prepare, unlock, decline, prolong, hold, go_on, finish, show_result, staff
    sitting -> exam    call, report
    exam -> proctor    staff

Messages from one sender to one receiver keep their order, so a sitting gets its paper before anything about it. Never here:
what people may say (`exam`, `sitting`).
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.exam import STAFF_MAX, Minutes, PersonName, Specialty, Title
from homeroom.protocol.exam_paper import Paper
from homeroom.protocol.ids import Id, Millis

Hold = Literal["exam", "student"]
"""Whose clock was stopped: everybody's, or this student's alone."""
Staff = Annotated[tuple[Id, ...], Meta(max_length=STAFF_MAX + 1)]


class _Message(Struct, frozen=True, omit_defaults=True):
    """A message between actors; the class names its verb as `do`."""


class Prepare(_Message, frozen=True):
    """Here is your paper. `window` is when the exam closes for this student, Unix ms, 0: by hand; `minutes` hold its extensions."""

    do: ClassVar[str] = "prepare"
    exam: Id
    user: Id
    title: Title
    minutes: Annotated[int, Meta(ge=1, le=2**31)]
    paper: Paper
    name: PersonName = ""
    specialty: Specialty = ""
    window: Millis = 0
    opened: bool = False
    held: bool = False
    reveal: bool = False
    ranked: bool = True
    staff: Staff = ()


class Unlock(_Message, frozen=True):
    """The exam is open: whoever waits to start, starts."""

    do: ClassVar[str] = "unlock"


class Decline(_Message, frozen=True):
    """You cannot start: no such exam as far as this student may know (`not_found`), or not now (`conflict`)."""

    do: ClassVar[str] = "decline"
    code: Literal["not_found", "conflict"]
    msg: Annotated[str, Meta(max_length=200)]


class Prolong(_Message, frozen=True):
    """So many minutes more, granted at a time (Unix ms): a sitting that ended by itself after that goes on."""

    do: ClassVar[str] = "prolong"
    minutes: Minutes
    at: Millis


class HoldClock(_Message, frozen=True):
    """Your clock stands, since a time (Unix ms; 0: since you hear of it): an answer that came in later has to come again."""

    do: ClassVar[str] = "hold"
    whose: Hold
    at: Millis = 0


class GoOn(_Message, frozen=True):
    """Your clock goes on, unless the other hold is still there."""

    do: ClassVar[str] = "go_on"
    whose: Hold


class Finish(_Message, frozen=True):
    """The exam is over. A sitting that runs ends when that was said by hand, else with its own deadline."""

    do: ClassVar[str] = "finish"
    reason: Literal["closed", "expelled"]
    at: Millis
    by_hand: bool = True


class ShowResult(_Message, frozen=True):
    """Release the result as soon as it is graded."""

    do: ClassVar[str] = "show_result"


class SetStaff(_Message, frozen=True):
    """These may watch over you."""

    do: ClassVar[str] = "staff"
    staff: Staff
    title: Title


class Call(_Message, frozen=True):
    """From a sitting: this student wants to start; answered by `prepare`, `unlock` or `decline`."""

    do: ClassVar[str] = "call"
    user: Id
    name: PersonName = ""


class Report(_Message, frozen=True):
    """From a sitting: it runs, with this deadline, or it was submitted."""

    do: ClassVar[str] = "report"
    user: Id
    status: Literal["running", "submitted"]
    closes: Millis = 0
