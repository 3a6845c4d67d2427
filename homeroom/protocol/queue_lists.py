"""Lists over all queues: those one may join or helps in, and one's own entries everywhere.

Never here: what they are made from (`actors.queue_history`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from homeroom.protocol.chat import Name
from homeroom.protocol.ids import Id, Millis
from homeroom.protocol.paging import After, PageLimit
from homeroom.protocol.queue import Audience, EntryId, Mode, Outcome, Question, Topic

Scope = Literal["open", "listed", "helping", "all"]


class QueuesQuery(Struct, frozen=True, omit_defaults=True):
    """Which queues: `open` to every student; those one is `listed` for; where one is `helping`; `all` is for admins."""

    scope: Scope = "open"
    owner: Id | None = None
    status: Literal["open", "closed"] | None = None
    limit: PageLimit = 50
    after: After = ""


class QueueRow(Struct, frozen=True):
    """A queue in a list; `waiting` counts those in line."""

    id: Id
    title: str
    owner: Id
    owner_name: Name
    audience: Audience
    mode: Mode
    status: Literal["open", "closed"]
    waiting: Annotated[int, Meta(ge=0)]
    created: Millis


class QueueRows(Struct, frozen=True):
    """A page of queues, the newest first; `after` asks for the next one, empty: there is none."""

    queues: tuple[QueueRow, ...]
    after: str = ""


class TicketsQuery(Struct, frozen=True, omit_defaults=True):
    """Which of one's own entries, past and present."""

    status: Outcome | None = None
    limit: PageLimit = 50
    after: After = ""


class TicketRow(Struct, frozen=True, omit_defaults=True):
    """One of one's own entries, without what is noted about it."""

    queue: Id
    entry: EntryId
    status: Outcome
    joined: Millis
    question: Question = ""
    topic: Topic = ""
    room: str = ""
    admitted: Millis = 0
    ended: Millis = 0
    reason: str = ""


class TicketRows(Struct, frozen=True):
    """A page of one's own entries, the newest first; `after` asks for the next one, empty: there is none."""

    entries: tuple[TicketRow, ...]
    after: str = ""
