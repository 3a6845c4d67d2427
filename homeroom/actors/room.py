"""The room: a chat with members. Who may do what, who comes and goes.

Never here: the words (`protocol.room`), what is done with messages (`chat`), what an event does to the wire state
(`protocol.room.reduce_room`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import Struct, field

from homeroom.actors.chat import TYPING_TIMER, Chat, Standing
from homeroom.actors.chat_history import CHAT_TABLES
from homeroom.actors.chat_memory import ChatMemory
from homeroom.actors.chat_verbs import chat_verbs
from homeroom.actors.fitting import fit_name
from homeroom.engine.behaviour import (
    NOTHING,
    Behaviour,
    Caller,
    Context,
    Decision,
    Fact,
    Fired,
    Recall,
    Refusal,
    Row,
    Tell,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import chat as words
from homeroom.protocol.access import ADMINS, ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.chat_state import KEPT
from homeroom.protocol.presence import Enter, Exit, RoomPresence
from homeroom.protocol.room import (
    MEMBERS_MAX,
    ROOM_EVENTS,
    Convene,
    Convened,
    Create,
    Created,
    Disband,
    Disbanded,
    Invite,
    Invited,
    InviteWithdrawn,
    Join,
    Joined,
    Leave,
    Left,
    Promote,
    Release,
    Remove,
    RoleChanged,
    RoomState,
    Stirred,
    reduce_room,
    show_room,
)

RANKS = {"member": 1, "moderator": 2, "owner": 3}
ADMIN_RANK = 4
"""Nobody acts on a person of the same or a higher rank; a stranger has rank 0."""
STIR_MS = 60_000
"""Whoever convened the room is told at most this often that people talk in it."""
_AFTERWARDS: frozenset[type[Any]] = frozenset({Leave, Release, words.History, words.Audit, words.Unread, words.Read})
"""What can still be done in a room that has ended."""


class RoomMemory(Struct):
    """The state of a room: what it shows, what its chat remembers beside that, and the address of who convened it, if any did."""

    shown: RoomState = field(default_factory=RoomState)
    chat: ChatMemory = field(default_factory=ChatMemory)
    convener: str = ""


class Room(Behaviour[RoomMemory]):
    """One room.

    Relations: `stranger` (of an open room), `outsider` (of a closed one, or of none), `barred`, `invited`, `member`,
    `moderator`, `owner`; everybody stands in exactly one.
    """

    def __init__(self, id: str, state: RoomMemory) -> None:
        super().__init__(id, state)
        self._chat = Chat(f"room:{id}", state.shown.chat, state.chat)
        self._stirred = 0

    @classmethod
    def fresh(cls, id: str) -> RoomMemory:
        """Return a room that does not exist yet."""
        return RoomMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset((self._relation(caller.user),))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such room: to everybody before it is made, to outsiders of a closed one."""
        room = self.state.shown
        if not room.created:
            return True
        return caller.role not in ADMINS and self._relation(caller.user) == "outsider"

    def within_reach(self, caller: Caller) -> Mapping[str, str | Refusal]:
        """Return that whoever may join could be a member."""
        return {"member": "join first"} if self._relation(caller.user) in {"stranger", "invited"} else {}

    def decide(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a command; each decision says how it may be refused."""
        if isinstance(command, Fired):
            return self._chat.fired(command.key) if command.key.startswith(TYPING_TIMER) else NOTHING
        self._check_time(command)
        decide = _DECISIONS.get(type(command))
        if decide is not None:
            return decide(self, command, context)
        answer = self._chat.decide(command, context, self._standing(context.caller))
        if answer is None:
            raise Refusal("bad_command", f"a room does not know {type(command).__name__}")
        return self._stir(answer, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the room."""
        if not self._chat.apply(fact):
            reduce_room(self.state.shown, fact, KEPT)
            if isinstance(fact.event, Convened):
                self.state.convener = fact.event.convener

    def view(self, caller: Caller) -> RoomState:
        """Return the room with its newest messages, the same for everybody who may see it."""
        return show_room(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        return self._chat.public(fact.event)

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event without the words of messages retracted since."""
        return self._chat.show(fact.event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of history and audit."""
        return self._chat.project(fact)

    # --- coming and going

    def _create(self, command: Create, context: Context) -> Decision:
        """`conflict` when the room exists. The maker owns it, unless it is the system."""
        if self.state.shown.created:
            raise Refusal("conflict", "the room exists")
        caller = context.caller
        owner = "" if caller.role == "system" else caller.user
        created = Created(fit_name("title", command.title), command.visibility, owner)
        if not owner:
            return Decision((created,))
        return Decision((created, Joined(owner, "owner", caller.name[:200])), tells=(self._tell_enter(owner),))

    def _convene(self, command: Convene, context: Context) -> Decision:
        """Make the room or bring in who is missing; a room of somebody else's making is left alone."""
        room, events = self.state.shown, list[Any]()
        if room.created and command.convener != (self.state.convener or None):
            return NOTHING
        missing = {person.id: person for person in command.people if person.id not in room.members}
        if not room.created:
            owner = next((person.id for person in command.people if person.role == "owner"), "")
            events.append(Created(fit_name("title", command.title), "closed", owner))
            events += [Convened(command.convener)] if command.convener else []
        owner = room.owner or (events[0].owner if events else "")
        for person in missing.values():
            role = person.role if person.role != "owner" or person.id == owner else "moderator"
            events.append(Joined(person.id, role, person.name))
        return Decision(tuple(events), tells=tuple(map(self._tell_enter, missing)))

    def _disband(self, command: Disband, context: Context) -> Decision:
        """End the room, once; nobody is shown present in it any more."""
        if self.state.shown.ended:
            return NOTHING
        members = self.state.shown.members
        return Decision(
            (Disbanded(command.reason),), tells=tuple(Tell(f"presence:{user}", Exit(self.id)) for user in members)
        )

    def _release(self, command: Release, context: Context) -> Decision:
        """Take a person out, an owner as well, with an invitation there may be; who is neither member nor invited is nothing."""
        room, user = self.state.shown, command.user
        if user in room.invited:
            return Decision((InviteWithdrawn(user),))
        return self._part(Left(user, "removed")) if user in room.members else NOTHING

    def _join(self, command: Join, context: Context) -> Decision:
        """`full` at `MEMBERS_MAX` members; who is a member already is told nothing."""
        user, room = context.caller.user, self.state.shown
        if user in room.members:
            return NOTHING
        if len(room.members) >= MEMBERS_MAX:
            raise Refusal("full", f"the room holds {MEMBERS_MAX} members")
        joined = Joined(user, "member", context.caller.name[:200])
        return Decision((joined,), tells=(self._tell_enter(user),))

    def _leave(self, command: Leave, context: Context) -> Decision:
        """`conflict` for the owner, who must hand the room over first; who is no member is told nothing."""
        user = context.caller.user
        member = self.state.shown.members.get(user)
        if member is None:
            return NOTHING
        if member.role == "owner":
            raise Refusal("conflict", "hand the room over first: promote another member to owner")
        return self._part(Left(user, "left"))

    def _invite(self, command: Invite, context: Context) -> Decision:
        """`full` at `MEMBERS_MAX` invitations; members and the invited need none."""
        room = self.state.shown
        if command.user in room.members or command.user in room.invited:
            return NOTHING
        if len(room.invited) >= MEMBERS_MAX:
            raise Refusal("full", f"{MEMBERS_MAX} invitations are open")
        return Decision((Invited(command.user),))

    def _remove(self, command: Remove, context: Context) -> Decision:
        """`forbidden` for a member of the same or a higher rank; `not_found` for neither member nor invited."""
        room = self.state.shown
        if command.user in room.invited:
            return Decision((InviteWithdrawn(command.user),))
        if command.user not in room.members:
            if command.user in room.barred:
                return NOTHING
            raise Refusal("not_found", "no such member")
        self._check_rank(context.caller, command.user)
        return self._part(Left(command.user, "removed"))

    def _promote(self, command: Promote, context: Context) -> Decision:
        """`not_found` for no member. Making an owner makes the owner of today a moderator."""
        room = self.state.shown
        member = room.members.get(command.user)
        if member is None:
            raise Refusal("not_found", "no such member")
        if member.role == command.role:
            return NOTHING
        if member.role == "owner":
            raise Refusal("conflict", "make another member the owner instead")
        events = [RoleChanged(command.user, command.role)]
        if command.role == "owner" and room.owner in room.members:
            events.append(RoleChanged(room.owner, "moderator"))
        return Decision(tuple(events))

    def _mute(self, command: words.Mute, context: Context) -> Decision | Recall:
        """`not_found` for no member, `forbidden` for one of the same or a higher rank."""
        if command.user not in self.state.shown.members:
            raise Refusal("not_found", "no such member")
        self._check_rank(context.caller, command.user)
        return self._chat.decide(command, context, self._standing(context.caller)) or NOTHING

    def _check_time(self, command: Any) -> None:
        """Raise `not_found` before the room is made, `conflict` for what cannot be done after its end."""
        room = self.state.shown
        if not room.created and not isinstance(command, Create | Convene):
            raise Refusal("not_found", "no such room")
        if room.ended and type(command) not in _AFTERWARDS and not isinstance(command, Disband):
            raise Refusal("conflict", "the room has ended", data={"ended": room.ended})

    def _stir(self, answer: Decision | Recall, context: Context) -> Decision | Recall:
        """Tell whoever convened the room that something was said, unless it was told a moment ago."""
        if not self.state.convener or isinstance(answer, Recall) or context.now - self._stirred < STIR_MS:
            return answer
        if not any(isinstance(event, words.MessagePosted) for event in answer.events):
            return answer
        self._stirred = context.now
        return replace(answer, tells=(*answer.tells, Tell(self.state.convener, Stirred(self.id))))

    def _part(self, left: Left) -> Decision:
        return Decision(
            (left,),
            signals=self._chat.stop_typing(left.user),
            tells=(Tell(f"presence:{left.user}", Exit(self.id)),),
            evict=(left.user,),
        )

    def _tell_enter(self, user: str) -> Tell:
        return Tell(f"presence:{user}", Enter(self.id))

    # --- who is who

    def _relation(self, user: str) -> str:
        room = self.state.shown
        member = room.members.get(user)
        if member is not None:
            return member.role
        if user in room.barred:
            return "barred" if room.visibility == "open" else "outsider"
        if user in room.invited:
            return "invited"
        return "stranger" if room.created and room.visibility == "open" else "outsider"

    def _rank(self, caller: Caller) -> int:
        return ADMIN_RANK if caller.role in ADMINS else RANKS.get(self._relation(caller.user), 0)

    def _standing(self, caller: Caller) -> Standing:
        return Standing(moderates=self._rank(caller) >= RANKS["moderator"], staff=caller.role in STAFF)

    def _check_rank(self, caller: Caller, user: str) -> None:
        """Raise `forbidden` unless the caller stands above `user`."""
        if self._rank(caller) <= RANKS.get(self._relation(user), 0):
            raise Refusal("forbidden", "only somebody of a higher rank may do that")


_DECISIONS: dict[type[Any], Callable[[Room, Any, Context], Decision | Recall]] = {
    Create: Room._create,
    Convene: Room._convene,
    Disband: Room._disband,
    Release: Room._release,
    Join: Room._join,
    Leave: Room._leave,
    Invite: Room._invite,
    Remove: Room._remove,
    Promote: Room._promote,
    words.Mute: Room._mute,
}

MEMBERS = allow(ROLES, "member", "moderator", "owner")
MODERATORS = allow(ROLES, "moderator", "owner") | allow(ADMINS)
OWNERS = allow(ROLES, "owner") | allow(ADMINS)
READERS = MEMBERS | allow(ADMINS)
GUESTS = READERS | allow(ROLES, "stranger", "invited")

ROOM = Kind(
    name="room",
    plural="rooms",
    behaviour=Room,
    state=RoomMemory,
    verbs=(
        Verb(Create, allow(STAFF) | SYSTEM_ONLY, "PUT /api/rooms/{id}", "control", fresh=True),
        Verb(Join, GUESTS, budget="control"),
        Verb(Leave, GUESTS, budget="control"),
        Verb(Invite, MODERATORS, budget="control", people=("user",)),
        Verb(Remove, MODERATORS, budget="control", anybody=("user",)),
        Verb(Promote, OWNERS, budget="control", anybody=("user",)),
        *(Verb(command, SYSTEM_ONLY, None, "control") for command in (Convene, Disband, Release)),
        *chat_verbs("rooms", MEMBERS, MODERATORS, READERS),
    ),
    events=(*ROOM_EVENTS, RoomPresence),
    watch=READERS,
    calm=words.CALM_CHAT_EVENTS,
    tables=CHAT_TABLES,
    version=2,
    view=RoomState,
    people=lambda room: room.members,
)
"""Version 2 remembers the edits of messages. A snapshot of version 1 does not tell them, so there is no upgrade: such a room is
made anew from its journal."""
