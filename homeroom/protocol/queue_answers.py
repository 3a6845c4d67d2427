"""What a queue answers: to students about their own entry, to those who help about everybody's.

Never here: lists over all queues (`queue_lists`), and the verbs (`queue`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.queue import EntryId, Note, Outcome, Question, Status, Topic


class Estimate(Struct, frozen=True):
    """How long a wait may be, from and to, ms; `basis` is the number of finished conversations that it follows from."""

    low_ms: Millis
    high_ms: Millis
    basis: Annotated[int, Meta(ge=1)]


class Ticket(Struct, frozen=True, omit_defaults=True):
    """One's own entry. `position` counts from 1 while in line, else it is 0; `estimate` is absent while nothing is known.

    `room` is the private room's address once admitted; a `pending` entry waits for the word that one stands in no other queue of the group.
    """

    entry: EntryId
    status: Status
    position: int = 0
    held: bool = False
    estimate: Estimate | None = None
    question: Question = ""
    topic: Topic = ""
    joined: Millis = 0
    room: str = ""


class MyTicket(Struct, frozen=True):
    """The answer to `mine`: the entry, if there is one."""

    ticket: Ticket | None


class Conversation(Struct, frozen=True, omit_defaults=True):
    """The answer to `admit`, and a row of `conversations`: the private room's address, who is in it, and since when."""

    room: str
    entries: tuple[EntryId, ...]
    assistant: str
    since: Millis
    ends: Millis = 0


class Conversations(Struct, frozen=True):
    """The private conversations that go on. `ends`: when one ends unless somebody speaks, 0 before the warning."""

    conversations: tuple[Conversation, ...]


class EntryRow(Struct, frozen=True, omit_defaults=True):
    """An entry as those who help see it; `helped`: how often the student was before."""

    entry: EntryId
    student: Id
    name: Name
    status: Outcome
    joined: Millis
    position: int = 0
    held: bool = False
    question: Question = ""
    topic: Topic = ""
    helped: int = 0
    assistant: str = ""
    room: str = ""
    note: Note = ""
    admitted: Millis = 0
    ended: Millis = 0
    reason: str = ""


class EntryRows(Struct, frozen=True):
    """Entries; `more`: there are older ones."""

    entries: tuple[EntryRow, ...]
    more: bool = False


class Claimed(Struct, frozen=True):
    """The answer to `claim`: whom one has taken, and until when unless one claims again."""

    entry: EntryRow
    until: Millis


class HelpedRow(Struct, frozen=True):
    """A student, how often it was helped in this queue, and when last."""

    student: Id
    name: Name
    times: int
    last: Millis


class HelpedRows(Struct, frozen=True):
    """Who was helped how often; `more`: there are others."""

    rows: tuple[HelpedRow, ...]
    more: bool = False


class Statistics(Struct, frozen=True):
    """How the queue is doing. `median_wait_ms` is of the newest `waits` admissions, absent without any; `today` is the day of the hours' zone."""

    in_line: int
    held: int
    claimed: int
    admitted: int
    served_today: int
    students_helped: int
    waits: int
    median_wait_ms: int | None
    conversations: int
    median_talk_ms: int | None
