"""Office hours, what is asked of them: the verbs of a queue.

A student joins with a question and gets an entry; the entry stands in line until somebody of those who help takes it. Who stands
behind an entry, and what is asked, is for the student and those who help alone: the stream (`queue_events`) names entries by number only.
Never here: the answers (`queue_answers`), the events, the state (`queue_state`), and who may do what (`actors.queue`).
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name, PageSize
from homeroom.protocol.hours import OCCURRENCES_MAX, SCHEDULES_MAX, Hours
from homeroom.protocol.ids import Id, Seq

ENTRIES_MAX = 200
ASSISTANTS_MAX = 50
LISTED_MAX = 2_000
GROUP_MAX = 20
"""Entries that are admitted into one private room at once."""
QUESTION_MAX = 500
NOTE_MAX = 2_000

EntryId = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,9}\Z", description="the how-manieth of its queue it is")]
Entries = Annotated[tuple[EntryId, ...], Meta(max_length=GROUP_MAX)]
Question = Annotated[str, Meta(max_length=QUESTION_MAX)]
Topic = Annotated[str, Meta(max_length=100)]
Note = Annotated[str, Meta(max_length=NOTE_MAX, description="for those who help alone")]
Title = Annotated[str, Meta(min_length=1, max_length=200, description="one line")]
Announcement = Annotated[str, Meta(min_length=1, max_length=1_000)]
Audience = Literal["open", "listed"]
Mode = Literal["queue", "drop_in"]
Order = Literal["fifo", "fewest_helped", "first_timers"]
Capacity = Annotated[int, Meta(ge=1, le=ENTRIES_MAX)]
IdleMinutes = Annotated[int, Meta(ge=3, le=240)]
People = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=500)]
Group = Annotated[
    str, Meta(max_length=64, pattern=r"\A[A-Za-z0-9_.\-]{0,64}\Z", description="queues of one group share no student")
]
Schedules = Annotated[tuple[Hours, ...], Meta(max_length=SCHEDULES_MAX)]
Status = Literal["pending", "waiting", "claimed", "admitted"]
Outcome = Literal["pending", "waiting", "claimed", "admitted", "completed", "cancelled"]


class Settings(Struct, frozen=True, omit_defaults=True):
    """How a queue is run.

    `audience`: `open` to every student of the school, or for those enlisted, and then hidden from all others. `mode`: stand in line, or
    drop in to the one conversation that goes on. `order`: first come; fewest helped first; those never helped first. `exclusive`
    names a group of queues in only one of which a student may stand. `idle_minutes`: a conversation in which nobody speaks so long ends.
    """

    title: Title
    audience: Audience = "open"
    mode: Mode = "queue"
    order: Order = "fifo"
    exclusive: Group = ""
    capacity: Capacity = 100
    idle_minutes: IdleMinutes = 15


# --- commands of those who run the queue


class Create(Settings, frozen=True, omit_defaults=True):
    """Make the queue, closed; its maker owns it. Its id is the maker's own: `POST` without one makes that, and what is asked there without
    an id (`schedule`, `queue`, `admit`) is asked of it. Any other id only an admin chooses, but 26 random letters a-z and
    digits 2-7: under such ids one makes further queues, by `PUT`.

    People find office hours by their instructor's id, so nobody makes those of another.
    """

    do: ClassVar[str] = "create"


class Edit(Struct, frozen=True, omit_defaults=True):
    """Run the queue in another way; what is not given stays. Another `mode` or group only while nobody has an entry.

    Whom it is for stays as it was made: who follows an open queue could not be told apart from those listed later.
    """

    do: ClassVar[str] = "edit"
    title: Title | None = None
    mode: Mode | None = None
    order: Order | None = None
    exclusive: Group | None = None
    capacity: Capacity | None = None
    idle_minutes: IdleMinutes | None = None


class Appoint(Struct, frozen=True, omit_defaults=True):
    """Let a person help: an assistant."""

    do: ClassVar[str] = "appoint"
    user: Id
    name: Name = ""


class Retire(Struct, frozen=True):
    """Let an assistant help no longer; what it had claimed goes back to its place."""

    do: ClassVar[str] = "retire"
    user: Id


class Enlist(Struct, frozen=True):
    """Put students on the list of a `listed` queue."""

    do: ClassVar[str] = "enlist"
    users: People


class Strike(Struct, frozen=True):
    """Take students off the list, and their entries with them."""

    do: ClassVar[str] = "strike"
    users: People


class Schedule(Struct, frozen=True):
    """Write down the weekly hours, all of them, in place of those before; the queue opens and closes by them."""

    do: ClassVar[str] = "schedule"
    hours: Schedules


class Open(Struct, frozen=True):
    """Let students join, until closed by hand or by the end of the next hours."""

    do: ClassVar[str] = "open"


class Close(Struct, frozen=True, omit_defaults=True):
    """Let nobody join any more. Those in line are still helped, or with `dismiss` sent away with a notice."""

    do: ClassVar[str] = "close"
    dismiss: bool = False


class Reopen(Struct, frozen=True):
    """Open again what was closed, with the line as it stands."""

    do: ClassVar[str] = "reopen"


class Announce(Struct, frozen=True):
    """Tell something to everybody who follows the queue."""

    do: ClassVar[str] = "announce"
    text: Announcement


# --- commands of students


class Join(Struct, frozen=True, omit_defaults=True):
    """Stand in line with a question. Whoever has an entry already gets the same one."""

    do: ClassVar[str] = "join"
    question: Question = ""
    topic: Topic = ""


class Leave(Struct, frozen=True):
    """Give up one's entry, wherever it stands; a conversation that was reached counts as help."""

    do: ClassVar[str] = "leave"


class Hold(Struct, frozen=True):
    """Keep one's place and be passed over, until `resume`."""

    do: ClassVar[str] = "hold"


class Resume(Struct, frozen=True):
    """Be taken again, at one's place."""

    do: ClassVar[str] = "resume"


class Mine(Struct, frozen=True):
    """Ask for one's own entry."""

    do: ClassVar[str] = "mine"


class UpcomingHours(Struct, frozen=True, omit_defaults=True):
    """Ask when the queue will be open by its hours."""

    do: ClassVar[str] = "hours"
    limit: Annotated[int, Meta(ge=1, le=OCCURRENCES_MAX)] = 10


# --- commands of those who help


class Claim(Struct, frozen=True, omit_defaults=True):
    """Take an entry for oneself alone, the next one if none is named.

    A claim stands for 60 s and is renewed by claiming again, which a client does every 20 s; else the entry goes back to its place.
    """

    do: ClassVar[str] = "claim"
    entry: EntryId | None = None


class Release(Struct, frozen=True):
    """Give a claimed entry back to its place."""

    do: ClassVar[str] = "release"
    entry: EntryId


class Admit(Struct, frozen=True, omit_defaults=True):
    """Take an entry, or several together, into a private room made for them; the next one if none is named."""

    do: ClassVar[str] = "admit"
    entry: EntryId | None = None
    entries: Entries = ()


class Skip(Struct, frozen=True):
    """Let the one behind go first: the two change places."""

    do: ClassVar[str] = "skip"
    entry: EntryId


class Requeue(Struct, frozen=True, omit_defaults=True):
    """Send a claimed or admitted entry back into the line, to its front or its back."""

    do: ClassVar[str] = "requeue"
    entry: EntryId
    to: Literal["front", "back"] = "front"


class Complete(Struct, frozen=True, omit_defaults=True):
    """Finish entries that were admitted or claimed; with the last of a conversation its room ends."""

    do: ClassVar[str] = "complete"
    entry: EntryId | None = None
    entries: Entries = ()
    note: Note = ""


class WriteNote(Struct, frozen=True):
    """Write a note to an open entry, in place of the one before."""

    do: ClassVar[str] = "note"
    entry: EntryId
    text: Note


class ListEntries(Struct, frozen=True):
    """Ask for everybody who has an entry, with names and questions, the line first."""

    do: ClassVar[str] = "entries"


class ListConversations(Struct, frozen=True):
    """Ask for the private conversations that go on."""

    do: ClassVar[str] = "conversations"


class AskStatistics(Struct, frozen=True):
    """Ask how the queue is doing."""

    do: ClassVar[str] = "statistics"


class ListHelped(Struct, frozen=True, omit_defaults=True):
    """Ask who was helped how often, the most often first."""

    do: ClassVar[str] = "helped"
    limit: PageSize = 50


class AskHistory(Struct, frozen=True, omit_defaults=True):
    """Ask for past and present entries, newest first; those before an entry, or those of one student."""

    do: ClassVar[str] = "history"
    before: EntryId | None = None
    student: Id | None = None
    limit: PageSize = 50


# --- commands of the system


class Granted(Struct, frozen=True):
    """From the hall of an exclusive group: this entry counts. It names the entry, since its student may have left and joined again."""

    do: ClassVar[str] = "granted"
    entry: EntryId


class Denied(Struct, frozen=True):
    """From the hall: the student of this entry stands in another queue of the group already."""

    do: ClassVar[str] = "denied"
    entry: EntryId
    queue: Id


class Elsewhere(Struct, frozen=True, omit_defaults=True):
    """From the hall: who stands in which other queue now, and who in none any more. `term` is that of the `enrol` it goes back to."""

    do: ClassVar[str] = "elsewhere"
    term: Seq
    there: dict[Id, Id] = {}
    gone: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()
