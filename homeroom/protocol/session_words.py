"""A class session: the words of its plan and of its people. Its verbs, and the events that they cause.

A session is a chat (`protocol.chat`) with a plan, people who come and go, and a floor (`session_floor`: hands, questions, polls).
Never here: the floor's words, the state and what an event does to it (`session_state`), who may do what (`actors.session`), and
the conversation of one connection, which `protocol.session` is about.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.room import Title

MINUTE_MS = 60_000
OPENS_MS = 5 * MINUTE_MS
"""So long before the planned start everybody may join (requirements 1.3)."""
CAPACITY_MAX = 1_000
PEOPLE_MAX = 2_000
"""How many different people one session knows: those on its list, those who were ever in it, and those who may not come."""
ENROLL_MAX = 500
MATERIALS_MAX = 20

Status = Literal["scheduled", "live", "ended", "cancelled"]
Audience = Literal["open", "listed", "course"]
Standing = Literal["here", "lost", "gone"]
LeaveReason = Literal["left", "lost", "removed", "ended", "cancelled"]
"""Why somebody is not in a session any more: by itself, its connection was lost, thrown out, or everybody at once."""

Description = Annotated[str, Meta(max_length=2_000, description="plain text of any number of lines")]
Course = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="the id of a course; empty: none")]
MaybeId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="an id, or nothing")]
Minutes = Annotated[int, Meta(ge=1, le=24 * 60)]
Capacity = Annotated[
    int,
    Meta(ge=0, le=CAPACITY_MAX, description="how many may be in it at once, its owner not counted; 0: as many as fit"),
]
Reason = Annotated[str, Meta(max_length=500)]
People = Annotated[tuple[Id, ...], Meta(max_length=ENROLL_MAX)]
SecureUrl = Annotated[str, Meta(max_length=500, pattern=r"\Ahttps://[^\s\\\x00-\x1f\"<>]+\Z", description="https only")]
Recording = Annotated[
    str, Meta(max_length=500, pattern=r"\A(?:https://[^\s\\\x00-\x1f\"<>]+)?\Z", description="https only; empty: none")
]


class Material(Struct, frozen=True):
    """Something to have at hand: its name and where it lies."""

    title: Title
    url: SecureUrl


Materials = Annotated[tuple[Material, ...], Meta(max_length=MATERIALS_MAX)]


# --- commands


class _Command(Struct, frozen=True, omit_defaults=True):
    """The arguments of one verb; the class names the verb as `do`."""


class Create(_Command, frozen=True):
    """Make a session; its maker owns it. Times are Unix ms.

    Its end is given as `ends` or as `minutes` (60 when neither is), never as both. `open`: everybody of the
    school may join; `listed`: the people enrolled, and nobody else learns of it; `course`: they, and whoever belongs to the course, as long as they do. A session that is not listed is
    told to its `course`: of those that the school's records know, it is one to which its maker belongs. `owner`, its name and `group` are honoured from the
    system alone, which makes sessions for study groups; `people` are enrolled from the beginning.
    """

    do: ClassVar[str] = "create"
    title: Title
    starts: Millis
    description: Description = ""
    course: Course = ""
    ends: Millis | None = None
    minutes: Minutes | None = None
    capacity: Capacity = 0
    audience: Audience = "open"
    owner: MaybeId = ""
    owner_name: Name = ""
    people: People = ()
    materials: Materials = ()
    group: MaybeId = ""


class Change(_Command, frozen=True):
    """Change the plan; what is not given stays. The start can be moved only before it has started.

    The session of a study group stays with the group: `audience` and `course` are changed by admins of the school alone. One that is for
    its course stays with that one. Of a
    start that is moved several times within five minutes, those who are expected are told the first and the last.
    """

    do: ClassVar[str] = "change"
    title: Title | None = None
    starts: Millis | None = None
    description: Description | None = None
    course: Course | None = None
    ends: Millis | None = None
    minutes: Minutes | None = None
    capacity: Capacity | None = None
    audience: Audience | None = None
    materials: Materials | None = None


class Start(_Command, frozen=True):
    """Begin: from now on it is live."""

    do: ClassVar[str] = "start"


class End(_Command, frozen=True):
    """End it for everybody; what was recorded, if known already."""

    do: ClassVar[str] = "end"
    recording: SecureUrl | None = None


class Cancel(_Command, frozen=True):
    """Let it not take place; its history is kept. Where the study group that planned it ends or calls it off, also one that is live ends."""

    do: ClassVar[str] = "cancel"
    reason: Reason = ""


class AdmitEarly(_Command, frozen=True):
    """Let everybody join from now on, however long it is until the start."""

    do: ClassVar[str] = "admit_early"


class Enroll(_Command, frozen=True):
    """Put people on the list: they may join, and are reminded. To the session of a study group they come by joining the group."""

    do: ClassVar[str] = "enroll"
    people: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ENROLL_MAX)]


class Expel(_Command, frozen=True):
    """Take people off the list and out of the session; they cannot join again unless enrolled."""

    do: ClassVar[str] = "expel"
    people: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ENROLL_MAX)]


class HandOver(_Command, frozen=True):
    """From its study group: who owned the session is no member any more; it belongs to another one now, and who had it is out."""

    do: ClassVar[str] = "hand_over"
    owner: Id
    owner_name: Name = ""


class Join(_Command, frozen=True):
    """Come in. Attendance counts the time in which the server hears of the person: a WebSocket, heartbeats
    (`POST /api/presence/heartbeat`, at least one a minute) or what the person does in the session.

    Somebody who joins by REST and gives no such sign is lost after 20 s, and counted up to the last sign, these 20 s not
    included. Who does something in the session within two minutes of it was here all the time, the join included. Who comes back
    within two minutes by a connection or a heartbeat alone was here since the last sign; if there was none since the join, since this one.
    Looking, typing and a vote in an anonymous poll are no sign.
    """

    do: ClassVar[str] = "join"


class Leave(_Command, frozen=True):
    """Go out."""

    do: ClassVar[str] = "leave"


class SetRecording(_Command, frozen=True):
    """Say where the recording lies; empty takes it away."""

    do: ClassVar[str] = "set_recording"
    url: Recording


class Attendees(_Command, frozen=True):
    """Ask who is and who was in the session."""

    do: ClassVar[str] = "attendees"


class Attendance(_Command, frozen=True):
    """Ask how long people were there: all of them by the owner, one's own, or one's children's.

    What counts, and that joining by REST needs heartbeats, stands at `join`.
    """

    do: ClassVar[str] = "attendance"


class AttendanceSheet(_Command, frozen=True):
    """Ask for the ledger behind `attendance` as a sheet, one row an interval."""

    do: ClassVar[str] = "attendance_sheet"


class Roster(_Command, frozen=True):
    """Ask who is on the list, and who may not come."""

    do: ClassVar[str] = "roster"


class Away(_Command, frozen=True):
    """From a presence: nothing has been heard of a person here since `at` (Unix ms), and the grace for it has passed."""

    do: ClassVar[str] = "away"
    user: Id
    at: Millis


class Back(_Command, frozen=True):
    """From a presence: a person of whom nothing was heard is here again since `at` (Unix ms)."""

    do: ClassVar[str] = "back"
    user: Id
    at: Millis


class LoseCourse(_Command, frozen=True):
    """From the records: a person belongs to a course no longer. Whoever came by it, and is not on the list, is out of the session."""

    do: ClassVar[str] = "lose_course"
    user: Id
    course: Id


# --- events


class _Event(Struct, frozen=True, omit_defaults=True):
    """What happened; the class names its wire type."""


class Created(_Event, frozen=True):
    """The session is planned. `owner` is empty when nobody owns it, `group` unless a study group planned it."""

    type: ClassVar[str] = "session.created"
    title: Title
    starts: Millis
    ends: Millis
    owner: MaybeId = ""
    owner_name: Name = ""
    description: Description = ""
    course: Course = ""
    capacity: Capacity = 0
    audience: Audience = "open"
    materials: Materials = ()
    group: MaybeId = ""


class Changed(_Event, frozen=True):
    """The plan as it is from now on, whole."""

    type: ClassVar[str] = "session.changed"
    title: Title
    starts: Millis
    ends: Millis
    description: Description = ""
    course: Course = ""
    capacity: Capacity = 0
    audience: Audience = "open"
    materials: Materials = ()


class Started(_Event, frozen=True):
    """It is live."""

    type: ClassVar[str] = "session.started"


class Ended(_Event, frozen=True):
    """It has ended, and nobody is in it any more; every attendance is final."""

    type: ClassVar[str] = "session.ended"
    recording: Recording = ""


class Cancelled(_Event, frozen=True):
    """It does not take place, and nobody is in it any more."""

    type: ClassVar[str] = "session.cancelled"
    reason: Reason = ""


class DoorsOpened(_Event, frozen=True):
    """Everybody who may join at all may do so now, before the usual time."""

    type: ClassVar[str] = "session.doors_opened"


class Enrolled(_Event, frozen=True):
    """People were put on the list, which now names `count`. Who they are is never sent: a list shows who stays away."""

    type: ClassVar[str] = "session.enrolled"
    count: int
    people: tuple[Id, ...] | None = None


class Expelled(_Event, frozen=True):
    """People were taken off the list, which now names `count`. Who they are is never sent."""

    type: ClassVar[str] = "session.expelled"
    count: int
    people: tuple[Id, ...] | None = None


class HandedOver(_Event, frozen=True):
    """The session belongs to somebody else now: who owned it is no member of its study group any more."""

    type: ClassVar[str] = "session.handed_over"
    owner: Id
    owner_name: Name = ""


class ParticipantJoined(_Event, frozen=True):
    """A person came in; `role` is its role in the school."""

    type: ClassVar[str] = "session.participant_joined"
    user: Id
    role: Annotated[str, Meta(max_length=20)]
    name: Name = ""


class ParticipantLost(_Event, frozen=True):
    """Nothing is heard of a person since `at`; its seat is kept for it for a time."""

    type: ClassVar[str] = "session.participant_lost"
    user: Id
    at: Millis


class ParticipantReturned(_Event, frozen=True):
    """A lost person is here again, and counts as having been here all the time; of whom nothing was heard since the join, only from now on, unless it did something in the session itself."""

    type: ClassVar[str] = "session.participant_returned"
    user: Id


class ParticipantLeft(_Event, frozen=True):
    """A person is not in the session any more."""

    type: ClassVar[str] = "session.participant_left"
    user: Id
    reason: LeaveReason


class RecordingSet(_Event, frozen=True):
    """The recording lies there; empty: nowhere any more."""

    type: ClassVar[str] = "session.recording_set"
    url: Recording


class Reminded(_Event, frozen=True):
    """Those who are expected were reminded, so many minutes before the planned start."""

    type: ClassVar[str] = "session.reminded"
    minutes: int


PLAN_EVENTS: tuple[type[Any], ...] = (
    Created, Changed, Started, Ended, Cancelled, DoorsOpened, Enrolled, Expelled, HandedOver, ParticipantJoined,
    ParticipantLost, ParticipantReturned, ParticipantLeft, RecordingSet, Reminded,
)  # fmt: skip
