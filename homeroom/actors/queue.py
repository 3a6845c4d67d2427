"""Office hours: a queue of students, those who help them, and the private rooms they meet in.

Who is who, which verb there is, and who may what; the decisions stand in `queue_house` (how it is run), `queue_places` (students),
`queue_service` (those who help), `queue_talks` (private rooms) and `queue_looks`. One actor takes one command at a time: that is
why a student has one open entry, a ticket one owner, and the line one order (promise P18, requirements 1.7 and 1.9 #15 to #18).
Never here: the words (`protocol.queue`), and what an event does (`protocol.queue_state`, `queue_memory`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import structs

from homeroom.actors.queue_history import QUEUE_LISTS, QUEUE_TABLES, project_queue
from homeroom.actors.queue_house import EXPIRE, HOURS, HOUSE_DECISIONS, change_hours, expire
from homeroom.actors.queue_line import Here
from homeroom.actors.queue_looks import LOOK_DECISIONS
from homeroom.actors.queue_memory import QueueMemory, remember
from homeroom.actors.queue_places import PLACE_DECISIONS
from homeroom.actors.queue_service import SERVICE_DECISIONS, lapse
from homeroom.actors.queue_talks import END, LEASE, WARN, end_silent, stirred, warn
from homeroom.actors.table_told import QUEUE_TELLS, QUEUE_TOLD
from homeroom.engine.behaviour import NOTHING, Behaviour, Caller, Context, Decision, Fact, Fired, Refusal, Row
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import queue as asked
from homeroom.protocol import queue_answers as told
from homeroom.protocol import queue_events as said
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, SYSTEM_ROLE, allow
from homeroom.protocol.hours import Occurrences
from homeroom.protocol.queue_state import QueueState, show_queue
from homeroom.protocol.room import Stirred


class Queue(Behaviour[QueueMemory]):
    """One queue.

    Relations: `owner`, `assistant`, `listed` (on the list of a `listed` one), `stranger` (of an open one), `outsider` (of a listed
    one, or of none); everybody stands in exactly one.
    """

    @classmethod
    def fresh(cls, id: str) -> QueueMemory:
        """Return a queue that does not exist yet."""
        return QueueMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset((self._relation(caller.user),))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such queue: to everybody before it is made, to outsiders of a listed one."""
        if not self.state.shown.created:
            return True
        return caller.role not in ADMINS and self._relation(caller.user) == "outsider"

    def decide(self, command: Any, context: Context) -> Decision:
        """Answer a command; each decision says how it may be refused."""
        here = Here(self.id, self.state)
        if isinstance(command, Fired):
            return _fire(here, command.key, context)
        if not self.state.shown.created and not isinstance(command, asked.Create):
            if context.caller.role == SYSTEM_ROLE:
                return NOTHING
            raise Refusal("not_found", "no such queue")
        decide = _DECISIONS.get(type(command))
        if decide is None:
            raise Refusal("bad_command", f"a queue does not know {type(command).__name__}")
        return decide(here, command, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the queue and what is remembered beside it."""
        remember(self.state, fact)

    def view(self, caller: Caller) -> QueueState:
        """Return the queue without anybody's name or question, the same for everybody who may see it."""
        return show_queue(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        private = _PRIVATE.get(type(fact.event))
        return fact.event if private is None else structs.replace(fact.event, **private)

    def signer(self, fact: Fact) -> str:
        """Return that nobody in particular caused what is about entries: a student's id would name who stands in line."""
        return SYSTEM_ROLE if type(fact.event) in said.UNSIGNED else fact.by

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the read models."""
        return project_queue(fact, self.state)

    def _relation(self, user: str) -> str:
        shown = self.state.shown
        if shown.created and user == shown.owner:
            return "owner"
        if user in shown.assistants:
            return "assistant"
        if not shown.created or shown.settings.audience == "listed":
            return "listed" if user in self.state.listed else "outsider"
        return "stranger"


def _fire(here: Here, key: str, context: Context) -> Decision:
    """Do what a deadline is for; one of something that has ended meanwhile is nothing."""
    if key == HOURS:
        return change_hours(here, context)
    if key == EXPIRE:
        return expire(here, context)
    for prefix, act in _DEADLINES.items():
        if key.startswith(prefix):
            return act(here, key.removeprefix(prefix), context)
    return NOTHING


_DEADLINES: Mapping[str, Callable[[Here, str, Context], Decision]] = {LEASE: lapse, WARN: warn, END: end_silent}
_DECISIONS: Mapping[type[Any], Callable[[Here, Any, Context], Decision]] = {
    **HOUSE_DECISIONS,
    **PLACE_DECISIONS,
    **SERVICE_DECISIONS,
    **LOOK_DECISIONS,
    Stirred: stirred,
}
_PRIVATE: Mapping[type[Any], Mapping[str, Any]] = {
    said.Enlisted: {"users": ()},
    said.Struck: {"users": ()},
    said.Reordered: {"ranks": {}},
    said.Joined: {"student": "-", "name": "", "question": "", "topic": "", "rank": 0, "turn": 0},
    said.Confirmed: {"rank": 0, "turn": 0},
    said.Requeued: {"rank": 0, "turn": 0},
    said.Admitted: {"room": "-"},
    said.Completed: {"note": "", "day": 0, "students": ()},
    said.Noted: {"entry": "1", "text": ""},
    said.GroupNoted: {"there": {}, "gone": ()},
}
"""What is for the journal alone, by event, and what stands there instead: the field's default, which is not sent."""

OWNERS = allow(ROLES, "owner") | allow(ADMINS)
HELPERS = allow(ROLES, "owner", "assistant") | allow(ADMINS)
STUDENTS = allow(("student",), "stranger", "listed")
VIEWERS = HELPERS | STUDENTS | allow(("teacher",), "stranger", "listed")

_ROOT = "/api/office-hours"
_QUEUE = f"{_ROOT}/{{id}}"


def _look(command: type[Any], rule: Any, path: str, reply: type[Any], *also: str) -> Verb:
    return Verb(command, rule, f"GET {path}", "read", reply, remembered=False, also=also)


QUEUE = Kind(
    name="queue",
    plural="office-hours",
    behaviour=Queue,
    state=QueueMemory,
    verbs=(
        Verb(asked.Create, allow(STAFF), f"POST {_ROOT}", "control", also=(f"PUT {_QUEUE}",), fresh=True, own=True),
        Verb(asked.Edit, OWNERS, f"PATCH {_QUEUE}", "control"),
        Verb(asked.Appoint, OWNERS, f"PUT {_QUEUE}/assistants/{{user}}", "control", people=("user",)),
        Verb(asked.Retire, OWNERS, f"DELETE {_QUEUE}/assistants/{{user}}", "control", anybody=("user",)),
        Verb(asked.Enlist, OWNERS, budget="control", listed=("users[]",)),
        Verb(asked.Strike, OWNERS, budget="control", anybody=("users[]",)),
        Verb(asked.Schedule, OWNERS, f"PUT {_QUEUE}/hours", "control", also=(f"POST {_ROOT}/schedule",)),
        Verb(asked.Open, HELPERS, budget="control"),
        Verb(asked.Close, HELPERS, budget="control"),
        Verb(asked.Reopen, HELPERS, budget="control"),
        Verb(asked.Announce, HELPERS, budget="control"),
        Verb(asked.Join, STUDENTS, "", "control", told.Ticket, also=(f"POST {_ROOT}/join-queue/{{id}}",)),
        Verb(asked.Leave, STUDENTS, budget="control"),
        Verb(asked.Hold, STUDENTS, budget="control", reply=told.Ticket),
        Verb(asked.Resume, STUDENTS, budget="control", reply=told.Ticket),
        _look(asked.Mine, STUDENTS, f"{_QUEUE}/mine", told.MyTicket),
        _look(asked.UpcomingHours, VIEWERS, f"{_QUEUE}/hours", Occurrences, f"GET {_ROOT}/instructor/{{id}}"),
        Verb(asked.Claim, HELPERS, "", "control", told.Claimed),
        Verb(asked.Release, HELPERS, f"DELETE {_QUEUE}/claims/{{entry}}", "control"),
        Verb(asked.Admit, HELPERS, "", "control", told.Conversation, also=(f"POST {_ROOT}/admit/{{entry}}",)),
        Verb(asked.Skip, HELPERS, budget="control"),
        Verb(asked.Requeue, HELPERS, budget="control"),
        Verb(asked.Complete, HELPERS, budget="control"),
        Verb(asked.WriteNote, HELPERS, f"PUT {_QUEUE}/entries/{{entry}}/note", "control"),
        _look(
            asked.ListEntries,
            HELPERS,
            f"{_QUEUE}/entries",
            told.EntryRows,
            f"GET {_ROOT}/queue/{{id}}",
            f"GET {_ROOT}/queue",
        ),
        _look(asked.ListConversations, HELPERS, f"{_QUEUE}/conversations", told.Conversations),
        _look(asked.AskStatistics, HELPERS, f"{_QUEUE}/statistics", told.Statistics),
        _look(asked.ListHelped, HELPERS, f"{_QUEUE}/helped", told.HelpedRows),
        Verb(
            asked.AskHistory,
            HELPERS,
            f"GET {_QUEUE}/history",
            "read",
            told.EntryRows,
            remembered=False,
            anybody=("student",),
        ),
        *(
            Verb(command, SYSTEM_ONLY, None, "control")
            for command in (asked.Granted, asked.Denied, asked.Elsewhere, Stirred)
        ),
    ),
    events=said.QUEUE_EVENTS,
    watch=VIEWERS,
    calm=frozenset({said.GroupNoted.type, said.Noted.type}),
    tables=QUEUE_TABLES,
    version=2,
    told=QUEUE_TOLD,
    tells=QUEUE_TELLS,
    view=QueueState,
    lists=QUEUE_LISTS,
    ids="the id of the teacher whose office hours they are; of further ones, 26 of a-z 2-7",
)
"""Version 2 remembers the term in the group; there is no upgrade of a snapshot, the journal tells it."""
