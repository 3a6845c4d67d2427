"""The study group: a chat with a limited number of members, public or private. Who may do what, who comes and goes.

Never here: the words (`protocol.group`), what an event does to the wire state (`protocol.group_state`), messages (`chat`), the
counters (`group_figures`), the lists (`group_rows`), planning sessions (`group_sessions`).

    making, joining     for all but parents; a public group is joined without a word, a private one by invitation
    inviting            every member; who was removed is invited again by admins alone
    admins              any number; promoting, demoting, removing and deleting are theirs, and one is always left
    the last admin      makes another one before it leaves; with the last member the group ends
    a deleted group     is gone for its members; the school's admins still read what was said
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from homeroom.actors.chat import TYPING_TIMER, Chat, Standing
from homeroom.actors.chat_memory import ChatMemory
from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.group_figures import Figures, count, read_weeks
from homeroom.actors.group_rows import project_group
from homeroom.actors.group_sessions import call_off, cancel_all, enrol, schedule, take_out
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
from homeroom.protocol import chat
from homeroom.protocol import group as words
from homeroom.protocol.access import ADMINS, GUARDIAN_ROLE, STAFF
from homeroom.protocol.chat_state import KEPT
from homeroom.protocol.group import GroupDeleted, GroupInvited, GroupJoined, GroupLeft, GroupRoleChanged
from homeroom.protocol.group_state import GroupState, admins_of, reduce_group, show_group
from homeroom.protocol.inbox import Notify
from homeroom.protocol.presence import Enter, Exit

RANKS = {"member": 1, "admin": 2}
SCHOOL_RANK = 3
"""That of the school's admins. Nobody silences or removes a person of the same or a higher rank; a stranger has rank 0."""
_AFTERWARDS = (words.Look, words.Members, words.Activity, words.Delete, chat.History, chat.Audit)
"""What is still answered when the group was deleted."""
_NO_PARENTS = "study groups are for students and staff"


class GroupMemory(Struct):
    """The state of a group: what it shows, what its chat remembers beside that, and how much happens."""

    shown: GroupState = field(default_factory=GroupState)
    chat: ChatMemory = field(default_factory=ChatMemory)
    figures: Figures = field(default_factory=Figures)


class Group(Behaviour[GroupMemory]):
    """One study group.

    Relations: `stranger` (of a public group), `outsider` (of a private, deleted or unmade one), `barred`, `invited`, `member`,
    `admin`; everybody stands in exactly one.
    """

    def __init__(self, id: str, state: GroupMemory) -> None:
        super().__init__(id, state)
        self._chat = Chat(f"group:{id}", state.shown.chat, state.chat)

    @classmethod
    def fresh(cls, id: str) -> GroupMemory:
        """Return a group that does not exist yet."""
        return GroupMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return the one relation of `caller`."""
        return frozenset((self._relation(caller.user),))

    def hidden(self, caller: Caller) -> bool:
        """Tell that there is no such group: to everybody before it is made, to outsiders of a private or deleted one."""
        if not self.state.shown.created:
            return True
        return caller.role not in ADMINS and self._relation(caller.user) == "outsider"

    def within_reach(self, caller: Caller) -> Mapping[str, str | Refusal]:
        """Return that whoever may join could be a member, and to parents that they are none."""
        if self._relation(caller.user) not in {"stranger", "invited"}:
            return {}
        return {"member": _NO_PARENTS if caller.role == GUARDIAN_ROLE else "join first"}

    def decide(self, command: Any, context: Context) -> Decision | Recall:
        """Answer a command; each decision says how it may be refused. `conflict` when the group was deleted."""
        if isinstance(command, Fired):
            return self._chat.fired(command.key) if command.key.startswith(TYPING_TIMER) else NOTHING
        group = self.state.shown
        if not group.created and not isinstance(command, words.Create):
            raise Refusal("not_found", "no such group")
        if group.deleted and not isinstance(command, _AFTERWARDS):
            raise Refusal("conflict", "the group was deleted")
        decide = _DECISIONS.get(type(command))
        if decide is not None:
            return decide(self, command, context)
        answer = self._chat.decide(command, context, self._standing(context.caller))
        if answer is None:
            raise Refusal("bad_command", f"a group does not know {type(command).__name__}")
        return answer

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the group."""
        if not self._chat.apply(fact):
            reduce_group(self.state.shown, fact, KEPT)
        count(self.state.figures, fact)

    def view(self, caller: Caller) -> GroupState:
        """Return the group with its newest messages, the same for everybody who may see it."""
        return show_group(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what is for the journal alone."""
        return self._chat.public(fact.event)

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event without the words of messages retracted since."""
        return self._chat.show(fact.event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the lists, of history and audit."""
        return (*self._chat.project(fact), *project_group(fact, self.state.shown, self.state.figures))

    # --- the group itself

    def _create(self, command: words.Create, context: Context) -> Decision:
        """`conflict` when the group exists; `bad_command` for a name without anything visible."""
        if self.state.shown.created:
            raise Refusal("conflict", "the group exists")
        caller = context.caller
        created = words.GroupCreated(**_fit(asdict(command)))
        return Decision(
            (created, GroupJoined(caller.user, "admin", caller.name[:200])), tells=(self._enter(caller.user),)
        )

    def _change(self, command: words.Change, context: Context) -> Decision:
        """`conflict` for a limit under the number of members; what is so already is nothing."""
        group = self.state.shown
        before = words.GroupChanged(
            group.name, group.max_members, group.visibility, group.description, group.course, group.specialty
        )
        given = {name: value for name, value in asdict(command).items() if value is not None}
        after = replace(before, **_fit(given))
        if after.max_members < len(group.members):
            raise Refusal("conflict", f"the group has {len(group.members)} members")
        return NOTHING if after == before else Decision((after,))

    def _delete(self, command: words.Delete, context: Context) -> Decision:
        """End everything; a second time is nothing."""
        group = self.state.shown
        if group.deleted:
            return NOTHING
        users = tuple(group.members)
        return Decision(
            (GroupDeleted("deleted"),),
            signals=tuple(signal for user in users for signal in self._chat.stop_typing(user)),
            tells=(*(self._exit(user) for user in users), *cancel_all(group, context.now)),
            evict=users,
        )

    # --- coming and going

    def _join(self, command: words.Join | words.Accept, context: Context) -> Decision:
        """`full` at the group's limit; who is a member already is told nothing."""
        user, group = context.caller.user, self.state.shown
        if user in group.members:
            return NOTHING
        if len(group.members) >= group.max_members:
            raise Refusal("full", f"the group takes {group.max_members} members")
        joined = GroupJoined(user, "member", context.caller.name[:200])
        return Decision((joined,), tells=(self._enter(user), *enrol(group, user, context.now)))

    def _accept(self, command: words.Accept, context: Context) -> Decision:
        """`conflict` without an invitation, `full` as `_join`."""
        user, group = context.caller.user, self.state.shown
        if user not in group.members and user not in group.invited:
            raise Refusal("conflict", "nobody invited you")
        return self._join(command, context)

    def _decline(self, command: words.Decline, context: Context) -> Decision:
        """Without an invitation there is nothing to decline."""
        user = context.caller.user
        invited = user in self.state.shown.invited
        return Decision((words.InvitationEnded(user, "declined"),)) if invited else NOTHING

    def _leave(self, command: words.Leave, context: Context) -> Decision:
        """`conflict` for the last admin among other members; who is no member is told nothing."""
        user = context.caller.user
        if user not in self.state.shown.members:
            return NOTHING
        self._check_admin_left(user)
        return self._part(GroupLeft(user, "left"), context.now)

    def _invite(self, command: words.Invite, context: Context) -> Decision:
        """`conflict` for oneself; `forbidden` for one who was removed, but by admins; `full` at `INVITED_MAX` invitations."""
        group, caller = self.state.shown, context.caller
        if command.user == caller.user:
            raise Refusal("conflict", "nobody invites themselves")
        if command.user in group.members or command.user in group.invited:
            return NOTHING
        if command.user in group.barred and self._rank(caller) < RANKS["admin"]:
            raise Refusal("forbidden", "who was removed is invited by admins alone")
        if len(group.invited) >= words.INVITED_MAX:
            raise Refusal("full", f"{words.INVITED_MAX} invitations are open")
        return Decision((GroupInvited(command.user),), tells=(self._notify(command.user, caller, context.seq),))

    def _remove(self, command: words.Remove, context: Context) -> Decision:
        """`conflict` for oneself or the last admin; `forbidden` for the same or a higher rank; `not_found` for neither member nor invited."""
        group, user = self.state.shown, command.user
        if user in group.invited:
            return Decision((words.InvitationEnded(user, "withdrawn"),))
        if user not in group.members:
            if user in group.barred:
                return NOTHING
            raise Refusal("not_found", "no such member")
        if user == context.caller.user:
            raise Refusal("conflict", "who wants to go leaves")
        self._check_rank(context.caller, user)
        self._check_admin_left(user)
        return self._part(GroupLeft(user, "removed"), context.now)

    def _promote(self, command: words.Promote, context: Context) -> Decision:
        """`not_found` for no member; `conflict` where no admin would be left."""
        member = self.state.shown.members.get(command.user)
        if member is None:
            raise Refusal("not_found", "no such member")
        if member.role == command.role:
            return NOTHING
        if command.role == "member" and len(admins_of(self.state.shown)) == 1:
            raise Refusal("conflict", "a group has an admin: promote somebody else first")
        return Decision((GroupRoleChanged(command.user, command.role),))

    def _mute(self, command: chat.Mute, context: Context) -> Decision | Recall:
        """`not_found` for no member, `forbidden` for one of the same or a higher rank."""
        if command.user not in self.state.shown.members:
            raise Refusal("not_found", "no such member")
        self._check_rank(context.caller, command.user)
        return self._chat.decide(command, context, self._standing(context.caller)) or NOTHING

    def _part(self, left: GroupLeft, now: int) -> Decision:
        """Let a member go; the group ends with the last one."""
        user, group = left.user, self.state.shown
        ended = (GroupDeleted("empty"),) if len(group.members) == 1 else ()
        told = cancel_all(group, now) if ended else take_out(group, user, now)
        return Decision(
            (left, *ended),
            signals=self._chat.stop_typing(user),
            tells=(self._exit(user), *told),
            evict=(user,),
        )

    # --- sessions and questions

    def _schedule(self, command: words.Schedule, context: Context) -> Decision:
        return schedule(self.id, self.state.shown, command, context)

    def _call_off(self, command: words.CallOff, context: Context) -> Decision:
        return call_off(self.state.shown, command, context)

    def _look(self, command: words.Look, context: Context) -> Decision:
        group = self.state.shown
        return Decision(
            reply=words.GroupCard(
                self.id,
                group.name,
                group.description,
                group.course,
                group.specialty,
                group.visibility,
                len(group.members),
                group.max_members,
                group.created,
                max(group.created, self.state.figures.listed),
            )
        )

    def _members(self, command: words.Members, context: Context) -> Decision:
        members = self.state.shown.members.items()
        entries = (words.MemberEntry(user, member.role, member.name, member.since) for user, member in members)
        return Decision(reply=words.MemberList(tuple(entries)))

    def _activity(self, command: words.Activity, context: Context) -> Decision:
        group, figures = self.state.shown, self.state.figures
        last = max(group.created, figures.last)
        return Decision(reply=words.GroupFigures(group.chat.posted, len(group.members), last, read_weeks(figures)))

    # --- messages to others

    def _enter(self, user: str) -> Tell:
        return Tell(f"presence:{user}", Enter(f"group:{self.id}"))

    def _exit(self, user: str) -> Tell:
        return Tell(f"presence:{user}", Exit(f"group:{self.id}"))

    def _notify(self, user: str, by: Caller, seq: int) -> Tell:
        """Return the notice of an invitation; each invitation is one of its own."""
        group, who = self.state.shown, by.name[:200] or by.user
        notice = Notify(
            type="group.invited",
            title=f"Invitation to {group.name}",
            message=f"{who} invites you to the study group {group.name}.",
            data={"group": self.id, "by": by.user},
            url=f"/study-groups/{self.id}",
            key=f"group:{self.id}@{seq}",
        )
        return Tell(f"inbox:{user}", notice)

    # --- who is who

    def _relation(self, user: str) -> str:
        group = self.state.shown
        if not group.created or group.deleted:
            return "outsider"
        member = group.members.get(user)
        if member is not None:
            return member.role
        if user in group.invited:
            return "invited"
        if group.visibility == "private":
            return "outsider"
        return "barred" if user in group.barred else "stranger"

    def _rank(self, caller: Caller) -> int:
        return SCHOOL_RANK if caller.role in ADMINS else RANKS.get(self._relation(caller.user), 0)

    def _standing(self, caller: Caller) -> Standing:
        """Return that an admin of the group moderates, and may also announce: a group of students has no staff of its own."""
        leads = self._rank(caller) >= RANKS["admin"]
        return Standing(moderates=leads, staff=leads or caller.role in STAFF)

    def _check_rank(self, caller: Caller, user: str) -> None:
        """Raise `forbidden` unless the caller stands above `user`."""
        if self._rank(caller) <= RANKS.get(self._relation(user), 0):
            raise Refusal("forbidden", "only somebody of a higher rank may do that")

    def _check_admin_left(self, user: str) -> None:
        """Raise `conflict` when others are left without an admin as `user` goes."""
        group = self.state.shown
        if len(group.members) > 1 and admins_of(group) == [user]:
            raise Refusal("conflict", "a group has an admin: promote another member first")


_DECISIONS: dict[type[Any], Callable[[Group, Any, Context], Decision | Recall]] = {
    words.Create: Group._create,
    words.Change: Group._change,
    words.Delete: Group._delete,
    words.Join: Group._join,
    words.Accept: Group._accept,
    words.Decline: Group._decline,
    words.Leave: Group._leave,
    words.Invite: Group._invite,
    words.Remove: Group._remove,
    words.Promote: Group._promote,
    words.Schedule: Group._schedule,
    words.CallOff: Group._call_off,
    words.Look: Group._look,
    words.Members: Group._members,
    words.Activity: Group._activity,
    chat.Mute: Group._mute,
}
_FITTING: dict[str, Callable[[str, str], str]] = {"name": fit_name, "description": fit_text, "specialty": fit_name}


def _fit(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given with its texts made fit to be kept; raises `bad_command` by name."""
    fitted = dict(given)
    for name, fit in _FITTING.items():
        if fitted.get(name) or (name == "name" and name in fitted):
            fitted[name] = fit(name, fitted[name])
    return fitted
