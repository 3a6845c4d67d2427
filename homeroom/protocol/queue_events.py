"""What happens in a queue.

Students and those who help follow one stream, and a frame is the same for all who get it, so:

- events about entries name them by number; who stands behind one, the question, the notes and the private room are journal
  fields, which default to nothing and are never sent. Those who help ask for them by `entries`, students for their own by `mine`;
- whoever caused such an event is not named either: `by` says `system`; an assistant who took an entry stands in the event's data.

Every event that changes the order of the line says why (`why`), and where the entry stands now (`position`, from 1; 0: not in line).
Never here: what an event does to the state (`queue_state`).
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.queue import ENTRIES_MAX, Announcement, EntryId, Note, Question, Schedules, Settings, Topic

Position = Annotated[int, Meta(ge=0, le=ENTRIES_MAX)]
Line = Annotated[tuple[EntryId, ...], Meta(max_length=ENTRIES_MAX)]
How = Literal["hand", "schedule"]
Why = Literal[
    "last",
    "fewest_helped",
    "first_timer",
    "skipped",
    "front",
    "back",
    "released",
    "assistant_gone",
    "assistant_retired",
    "order",
]
WHYS: dict[str, str] = {
    "last": "Who comes last stands last.",
    "fewest_helped": "Who was helped less often goes before those who were helped more often.",
    "first_timer": "Who was never helped here goes before those who were.",
    "skipped": "Was not there when called and changed places with the one behind.",
    "front": "Sent back to the front of the line.",
    "back": "Sent back to the end of the line.",
    "released": "Given back by the assistant who had taken it, at its place.",
    "assistant_gone": "The assistant who had taken it has not been heard of for 60 seconds; it is back at its place.",
    "assistant_retired": "The assistant who had taken it helps no longer; it is back at its place.",
    "order": "The queue is run in another order now.",
}  # fmt: skip
"""Why the line changed, in words for people."""
Reason = Literal["left", "removed", "elsewhere", "closed", "expired"]
"""Why an entry ended unhelped: its student left; was taken off the list; stands in another queue of the group; the line was sent away; nobody came."""
Ending = Literal["completed", "left", "idle"]
"""Why a conversation ended: finished; its student left; nobody spoke."""


class Pace(Struct, frozen=True):
    """How long conversations take, ms: a quarter are shorter than `low_ms`, a quarter longer than `high_ms`, of the newest `basis`."""

    low_ms: Millis
    high_ms: Millis
    basis: Annotated[int, Meta(ge=1)]


class _Event(Struct, frozen=True, omit_defaults=True):
    """An event of a queue."""


# --- the queue itself


class Created(_Event, frozen=True):
    """The queue exists, and is closed."""

    type: ClassVar[str] = "queue.created"
    settings: Settings
    owner: Id
    owner_name: Name = ""


class Edited(_Event, frozen=True):
    """The queue is run in another way."""

    type: ClassVar[str] = "queue.edited"
    settings: Settings


class Appointed(_Event, frozen=True):
    """A person helps."""

    type: ClassVar[str] = "queue.appointed"
    user: Id
    name: Name = ""


class Retired(_Event, frozen=True):
    """A person helps no longer."""

    type: ClassVar[str] = "queue.retired"
    user: Id


class Enlisted(_Event, frozen=True):
    """Students were put on the list. `users` is never sent."""

    type: ClassVar[str] = "queue.enlisted"
    users: Annotated[tuple[Id, ...], Meta(max_length=500)] = ()


class Struck(_Event, frozen=True):
    """Students were taken off the list. `users` is never sent."""

    type: ClassVar[str] = "queue.struck"
    users: Annotated[tuple[Id, ...], Meta(max_length=500)] = ()


class Scheduled(_Event, frozen=True):
    """The weekly hours are these now."""

    type: ClassVar[str] = "queue.scheduled"
    hours: Schedules


class Opened(_Event, frozen=True):
    """Students may join; `again`: as before it was closed."""

    type: ClassVar[str] = "queue.opened"
    how: How = "hand"
    again: bool = False


class Closed(_Event, frozen=True):
    """Nobody may join any more; those in line are still helped."""

    type: ClassVar[str] = "queue.closed"
    how: How = "hand"


class Announced(_Event, frozen=True):
    """Those who run the queue say something to everybody who follows it."""

    type: ClassVar[str] = "queue.announced"
    text: Announcement


class Reordered(_Event, frozen=True):
    """The whole line stands like this now. `ranks`, of all entries, are never sent."""

    type: ClassVar[str] = "queue.reordered"
    line: Line
    why: Why
    ranks: dict[EntryId, int] = {}


# --- entries


class Joined(_Event, frozen=True):
    """An entry was made. At position 0 it is `pending`. All after `why` is never sent; `rank` and `turn` are its place in the order."""

    type: ClassVar[str] = "queue.joined"
    entry: EntryId
    position: Position = 0
    why: Why = "last"
    student: Id = "-"
    name: Name = ""
    question: Question = ""
    topic: Topic = ""
    rank: int = 0
    turn: int = 0


class Confirmed(_Event, frozen=True):
    """A pending entry stands in line now. `rank` and `turn` are never sent."""

    type: ClassVar[str] = "queue.confirmed"
    entry: EntryId
    position: Position
    why: Why = "last"
    rank: int = 0
    turn: int = 0


class Held(_Event, frozen=True):
    """An entry keeps its place and is passed over."""

    type: ClassVar[str] = "queue.held"
    entry: EntryId


class Resumed(_Event, frozen=True):
    """An entry is taken again when its turn comes."""

    type: ClassVar[str] = "queue.resumed"
    entry: EntryId


class Claimed(_Event, frozen=True):
    """Somebody who helps took an entry, for itself alone."""

    type: ClassVar[str] = "queue.claimed"
    entry: EntryId
    assistant: Id


class Returned(_Event, frozen=True):
    """A claimed entry is back at its place."""

    type: ClassVar[str] = "queue.returned"
    entry: EntryId
    position: Position
    why: Why


class Skipped(_Event, frozen=True):
    """An entry changed places with the one behind it."""

    type: ClassVar[str] = "queue.skipped"
    entry: EntryId
    position: Position
    why: Why = "skipped"


class Requeued(_Event, frozen=True):
    """A claimed or admitted entry stands in line again. `rank` and `turn` are never sent."""

    type: ClassVar[str] = "queue.requeued"
    entry: EntryId
    position: Position
    why: Why
    rank: int = 0
    turn: int = 0


class Admitted(_Event, frozen=True):
    """Entries were taken into a private room together. `room`, its id, is never sent."""

    type: ClassVar[str] = "queue.admitted"
    entries: Line
    assistant: Id
    room: Id = "-"


class Completed(_Event, frozen=True):
    """Conversations with these entries are finished; `pace` is the new one, if that gave one. `note`, `day` and `students` are never sent.

    `day`, of the hours' zone, is the one to whose figures they count.
    """

    type: ClassVar[str] = "queue.completed"
    entries: Line
    reason: Ending = "completed"
    pace: Pace | None = None
    note: Note = ""
    day: int = 0
    students: Annotated[tuple[Id, ...], Meta(max_length=ENTRIES_MAX)] = ()


class Left(_Event, frozen=True):
    """An entry ended without help."""

    type: ClassVar[str] = "queue.left"
    entry: EntryId
    reason: Reason = "left"


class Noted(_Event, frozen=True):
    """Those who help wrote a note; about what, and what, is never sent."""

    type: ClassVar[str] = "queue.noted"
    entry: EntryId = "1"
    text: Note = ""


class Warned(_Event, frozen=True):
    """The conversation with these entries ends at a time unless somebody speaks."""

    type: ClassVar[str] = "queue.warned"
    entries: Line
    until: Millis


class Stirred(_Event, frozen=True):
    """Somebody spoke in the conversation with these entries, which is not about to end any more."""

    type: ClassVar[str] = "queue.stirred"
    entries: Line


class GroupNoted(_Event, frozen=True):
    """For the journal: who stands in other queues of the group. Sent without content."""

    type: ClassVar[str] = "queue.group_noted"
    there: dict[Id, Id] = {}
    gone: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()


QUEUE_EVENTS: tuple[type[Any], ...] = (
    Created, Edited, Appointed, Retired, Enlisted, Struck, Scheduled, Opened, Closed, Announced, Reordered, Joined, Confirmed,
    Held, Resumed, Claimed, Returned, Skipped, Requeued, Admitted, Completed, Left, Noted, Warned, Stirred, GroupNoted,
)  # fmt: skip
UNSIGNED: frozenset[type[Any]] = frozenset({
    Joined, Confirmed, Held, Resumed, Claimed, Returned, Skipped, Requeued, Admitted, Completed, Left, Noted, Warned, Stirred,
})  # fmt: skip
"""Events of which nobody is told who caused them."""
