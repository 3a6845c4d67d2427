"""The row by which study groups join the engine: their verbs with rules and doors, their lists, their tables.

The doors carry the names of the sources (requirements 1.8, 1.9 #19). Never here: what a verb does (`group`).
"""

from dataclasses import replace
from types import MappingProxyType

from homeroom.actors.chat_history import CHAT_TABLES
from homeroom.actors.chat_verbs import chat_verbs
from homeroom.actors.group import Group, GroupMemory
from homeroom.actors.group_rows import GROUP_LISTS, GROUP_TABLES, LEARNERS, LEARNING
from homeroom.actors.table_told import GROUP_TELLS, GROUP_TOLD
from homeroom.actors.their_words import PUBLIC
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import chat
from homeroom.protocol import group as words
from homeroom.protocol.access import ADMINS, GUARDIAN_ROLE, ROLES, allow
from homeroom.protocol.group_state import GroupState
from homeroom.protocol.presence import RoomPresence

_ROOT, _THIS = "/api/study-groups", "/api/study-groups/{id}"
MEMBERS = allow(ROLES, "member", "admin")
LEADERS = allow(ROLES, "admin") | allow(ADMINS)
READERS = MEMBERS | allow(ADMINS)
GUESTS = READERS | allow(LEARNING, "stranger", "invited")


def _chat() -> tuple[Verb, ...]:
    """Return the verbs of the chat; a message has a second door, the one that the sources give it."""
    verbs = chat_verbs("study-groups", MEMBERS, LEADERS, READERS)
    also = (f"POST {_THIS}/message",)
    return tuple(replace(verb, also=also) if verb.command is chat.Say else verb for verb in verbs)


_WORDS = MappingProxyType({"courseId": "course", "maxMembers": "max_members"})
"""What other systems call the fields of a group."""

GROUP = Kind(
    name="group",
    plural="study-groups",
    behaviour=Group,
    state=GroupMemory,
    verbs=(
        Verb(words.Create, LEARNERS, f"POST {_ROOT}", "control", fresh=True, words=_WORDS, turned=(PUBLIC,)),
        Verb(
            words.Change, LEADERS, f"PUT {_THIS}", "control", also=(f"PATCH {_THIS}",), words=_WORDS, turned=(PUBLIC,)
        ),
        Verb(words.Delete, LEADERS, f"DELETE {_THIS}", "control"),
        Verb(words.Join, GUESTS, budget="control"),
        Verb(words.Leave, GUESTS, budget="control"),
        Verb(words.Invite, READERS, budget="control", people=("user",)),
        Verb(words.Accept, GUESTS, budget="control"),
        Verb(words.Decline, GUESTS | allow((GUARDIAN_ROLE,), "invited"), budget="control"),
        Verb(words.Promote, LEADERS, budget="control", anybody=("user",)),
        Verb(words.Remove, LEADERS, budget="control", anybody=("user",)),
        Verb(words.Schedule, MEMBERS, f"POST {_THIS}/sessions", "control", words.Scheduled),
        Verb(words.CallOff, LEADERS, f"DELETE {_THIS}/sessions/{{session}}", "control"),
        Verb(words.Look, GUESTS, f"GET {_THIS}/look", "read", words.GroupCard, remembered=False),
        Verb(words.Members, READERS, f"GET {_THIS}/members", "read", words.MemberList, remembered=False),
        Verb(words.Activity, READERS, f"GET {_THIS}/activity", "read", words.GroupFigures, remembered=False),
        *_chat(),
    ),
    events=(*words.GROUP_EVENTS, RoomPresence),
    watch=READERS,
    calm=chat.CALM_CHAT_EVENTS,
    tables=(*CHAT_TABLES, *GROUP_TABLES),
    told=GROUP_TOLD,
    tells=GROUP_TELLS,
    view=GroupState,
    lists=GROUP_LISTS,
    people=lambda view: view.members,
)
