"""The inbox of one person: notices come in from actors and staff, are read and dismissed by their person, and by nobody else.

Never here: the words (`protocol.inbox`), what an event does to what is shown (`protocol.inbox_state`) and remembered
(`inbox_memory`), whether a notice interrupts (`inbox_silence`), and older notices (`inbox_history`).
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from homeroom.actors.fitting import fit_data, fit_link, fit_name, fit_text
from homeroom.actors.hours import load_zone
from homeroom.actors.inbox_history import (
    INBOXES,
    NOTICES,
    SENDER,
    count_unread,
    look_up_about,
    look_up_notices,
    page_unread,
    project_inbox,
    shown_about,
)
from homeroom.actors.inbox_memory import HELD_BACK, UNREAD_MAX, InboxMemory, is_older, remember, unread_of
from homeroom.actors.inbox_silence import Asked, judge, silent_until
from homeroom.engine.behaviour import (
    NOTHING,
    At,
    Behaviour,
    Caller,
    Consult,
    Context,
    Decision,
    Disarm,
    Fact,
    Fired,
    Recall,
    Refusal,
    Row,
    Tell,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import inbox as words
from homeroom.protocol.access import ROLES, STAFF, SYSTEM_ONLY, allow
from homeroom.protocol.inbox import FOREVER, Notice, Notified, Notify, UnreadCount
from homeroom.protocol.inbox_state import InboxState, find_notice, reduce_inbox, show_inbox

MUTES_MAX = 100
HUSHES_MAX = 20
TYPES_MAX = 64
"""Types that a digest names."""
TAKEN_BACK = "(taken back)"
"""The title of a notice that was taken back, where what happened is told again."""
DIGEST = "digest"
"""The deadline at which a silence ends."""


class Inbox(Behaviour[InboxMemory]):
    """The inbox of the person `id`. Relations: `self`, `other`."""

    @classmethod
    def fresh(cls, id: str) -> InboxMemory:
        """Return the inbox of somebody who was never told anything."""
        return InboxMemory()

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return whether it is the caller's own."""
        return frozenset(("self" if caller.user == self.id else "other",))

    def decide(self, command: Any, context: Context) -> Decision | Recall | Consult:
        """Answer a command; each decision says how it may be refused."""
        decide = _DECISIONS.get(type(command))
        if decide is None:
            raise Refusal("bad_command", f"an inbox does not know {type(command).__name__}")
        return decide(self, command, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change what is remembered and what is shown."""
        remember(self.state, fact)
        reduce_inbox(self.state.shown, fact)

    def view(self, caller: Caller) -> InboxState:
        """Return the newest notices and the count of unread ones."""
        return show_inbox(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without its key."""
        event = fact.event
        return replace(event, key="") if isinstance(event, Notified) and event.key else event

    def show(self, fact: Fact, caller: Caller) -> Any:
        """Return the event, of a notice that was taken back since without its words."""
        event = self.public(fact)
        if isinstance(event, Notified) and fact.seq in self.state.withdrawn:
            return replace(event, notice=replace(event.notice, title=TAKEN_BACK, message="", data={}, url=""))
        return event

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the changes of the history and of the count."""
        return project_inbox(self.id, fact)

    def restate(self) -> Iterable[Row]:
        """Return how many notices are unread: whoever was told nothing lately may have no row of it yet."""
        yield count_unread(self.id, self.state.shown.unread)

    # --- what comes in

    def _notify(self, command: Notify, context: Context) -> Decision:
        """`bad_command` for a title that is none. A second notice of the same key changes nothing."""
        if command.key and command.key in self.state.keys:
            return NOTHING
        return self._take_in(command, context)

    def _send(self, command: words.Send, context: Context) -> Decision:
        """`forbidden` to others but for staff; `bad_command` for an unfit title, datum or link, or for `user` in somebody else's inbox."""
        caller, user = context.caller, command.user or self.id
        if user != self.id and caller.role not in STAFF:
            raise Refusal("forbidden", "only staff send to others")
        if self.id not in {user, caller.user}:
            raise Refusal(
                "bad_command", "user: this is the inbox of somebody else", data={"field": "user", "allowed": self.id}
            )
        data = {**fit_data("data", command.data), SENDER: caller.user, "from_name": caller.name[:200]}
        title, url = fit_name("title", command.title), fit_link("url", command.url)
        notify = Notify(command.type, title, command.message, data, command.priority, url)
        if user == self.id:
            return dataclasses.replace(self._take_in(notify, context), reply=words.Sent(str(context.seq)))
        return Decision(reply=words.Sent(user=user), tells=(Tell(f"inbox:{user}", notify),))

    def _take_in(self, command: Notify, context: Context) -> Decision:
        """Keep a notice. When there are too many unread ones, the oldest counts as read."""
        memory, unread = self.state, self.state.shown.unread + 1
        notice = self._notice(command, context)
        burst = memory.bursts.get(command.type) if notice.why == "burst" else None
        head, more = (str(burst.head), burst.more + 1) if burst else (None, 0)
        events: list[Any] = [Notified(notice, unread, head, more, command.key)]
        if unread > UNREAD_MAX:
            events.append(words.NoticesRead((str(unread_of(memory)[0]),), UNREAD_MAX, expired=True))
        until = silent_until(memory, context.now) if notice.why in HELD_BACK else 0
        timers = (At(DIGEST, until),) if 0 < until < FOREVER and not memory.held else ()
        return Decision(tuple(events), timers=timers)

    def _notice(self, command: Notify, context: Context) -> Notice:
        why = judge(self.state, Asked(command.type, command.priority, context.now))
        return Notice(
            str(context.seq),
            context.now,
            command.type,
            fit_name("title", command.title),
            command.message and fit_text("message", command.message),
            command.data,
            command.priority,
            command.url,
            toast=not why,
            why=why,
        )

    def _take_back(self, command: words.TakeBack, context: Context) -> Decision | Consult:
        """Dismiss each notice about what is gone; of those that are not shown any more the table tells."""
        if context.found is None:
            return Consult(f"inbox:{self.id}", look_up_about(command))
        older = {seq for seq in context.found if seq <= self.state.dropped}
        unread, events = self.state.shown.unread, list[Any]()
        for seq in sorted(older.union(shown_about(self.state, command))):
            unread -= self._is_unread(seq)
            events.append(words.Dismissed(str(seq), unread))
        return Decision(tuple(events))

    # --- reading

    def _read(self, command: words.MarkRead, context: Context) -> Decision | Recall:
        """`not_found` for what is no notice; replies how many are unread now. What was read or dismissed stays so."""
        unread, seq = self.state.shown.unread, int(command.notification)
        if not self._is_unread(seq):
            return self._check_notice(seq, context) or Decision(reply=UnreadCount(unread))
        event = words.NoticesRead((command.notification,), unread - 1)
        return Decision((event,), UnreadCount(unread - 1))

    def _read_all(self, command: words.ReadAll, context: Context) -> Decision:
        """Mark what came up to one notice; reply how many are unread now."""
        upto = min(int(command.upto or FOREVER), context.seq - 1)
        unread = unread_of(self.state)
        left = sum(seq > upto for seq in unread)
        if left == len(unread):
            return Decision(reply=UnreadCount(left))
        return Decision((words.AllRead(str(upto), left),), UnreadCount(left))

    def _dismiss(self, command: words.Dismiss, context: Context) -> Decision | Recall:
        """`not_found` for what is no notice; replies how many are unread now."""
        unread, seq = self.state.shown.unread, int(command.notification)
        if find_notice(self.state.shown, command.notification) is None:
            recall = self._check_notice(seq, context)
            if recall is not None or seq > self.state.dropped:
                return recall or Decision(reply=UnreadCount(unread))
        left = unread - self._is_unread(seq)
        return Decision((words.Dismissed(command.notification, left),), UnreadCount(left))

    def _list(self, command: words.ListNotices, context: Context) -> Decision | Recall:
        if command.unread:
            return page_unread(self.state, command, context.recalled)
        return Decision(lookup=look_up_notices(self.state, command))

    def _is_unread(self, seq: int) -> bool:
        notice = find_notice(self.state.shown, str(seq))
        return not notice.read if notice is not None else is_older(self.state, seq)

    def _check_notice(self, seq: int, context: Context) -> Recall | None:
        """Return what is to be recalled to know whether `seq` ever was a notice; raises `not_found` when it was none."""
        if find_notice(self.state.shown, str(seq)) is not None:
            return None
        if seq not in context.recalled:
            return Recall((seq,))
        fact = context.recalled[seq]
        if fact is None or not isinstance(fact.event, Notified):
            raise Refusal("not_found", "no such notification")
        return None

    # --- silence

    def _mute(self, command: words.MuteType, context: Context) -> Decision:
        """`full` at `MUTES_MAX` muted types."""
        muted = self.state.shown.muted
        until = _until(command.seconds, context.now)
        if muted.get(command.type) == until:
            return NOTHING
        if command.type not in muted and sum(end > context.now for end in muted.values()) >= MUTES_MAX:
            raise Refusal("full", f"{MUTES_MAX} types are muted")
        return Decision((words.TypeMuted(command.type, until),))

    def _unmute(self, command: words.UnmuteType, context: Context) -> Decision:
        return Decision((words.TypeUnmuted(command.type),)) if command.type in self.state.shown.muted else NOTHING

    def _quiet_hours(self, command: words.SetQuietHours, context: Context) -> Decision:
        """`bad_command` for one time without the other, two that are the same, and no zone."""
        quiet = _quiet_hours(command)
        if quiet == self.state.shown.quiet:
            return NOTHING
        return self._settle(words.QuietHoursChanged(quiet), context, quiet=quiet)

    def _dnd(self, command: words.Dnd, context: Context) -> Decision:
        until = _until(command.seconds, context.now) if command.on else 0
        if until == self.state.shown.dnd or (not until and self.state.shown.dnd <= context.now):
            return NOTHING
        return self._settle(words.DndChanged(until), context, dnd=until)

    def _hush(self, command: words.Hush, context: Context) -> Decision:
        """`full` at `HUSHES_MAX` of them; one that is over already changes nothing."""
        hushed = self.state.shown.hushed
        if command.until <= context.now or hushed.get(command.by) == command.until:
            return NOTHING
        if command.by not in hushed and sum(end > context.now for end in hushed.values()) >= HUSHES_MAX:
            raise Refusal("full", f"{HUSHES_MAX} ask for silence already")
        event = words.Hushed(command.by, command.until)
        return self._settle(event, context, hushed={**hushed, command.by: command.until})

    def _unhush(self, command: words.Unhush, context: Context) -> Decision:
        hushed = self.state.shown.hushed
        if command.by not in hushed:
            return NOTHING
        left = {by: until for by, until in hushed.items() if by != command.by}
        return self._settle(words.Unhushed(command.by), context, hushed=left)

    def _settle(self, event: Any, context: Context, **changes: Any) -> Decision:
        """Return the decision for `event`, by which the silence changes so; when it ends by that, the digest comes with it."""
        if not self.state.held:
            return Decision((event,))
        after = replace(self.state, shown=replace(self.state.shown, **changes))
        until = silent_until(after, context.now)
        if not until:
            return Decision((event, self._digest()), timers=(Disarm(DIGEST),))
        return Decision((event,), timers=(Disarm(DIGEST) if until == FOREVER else At(DIGEST, until),))

    def _fired(self, command: Fired, context: Context) -> Decision:
        """Tell what came in a silence that has ended, or wait on for the next one that joined it."""
        if not self.state.held:
            return NOTHING
        until = silent_until(self.state, context.now)
        if until:
            return Decision(timers=(At(DIGEST, until),) if until < FOREVER else ())
        return Decision((self._digest(),))

    def _digest(self) -> words.Digested:
        held = self.state.held
        types = dict(Counter(held.values()).most_common(TYPES_MAX))
        return words.Digested(len(held), types, len(held) - sum(types.values()), self.state.held_since)


def _until(seconds: int | None, now: int) -> int:
    return FOREVER if seconds is None else now + seconds * 1_000


def _quiet_hours(command: words.SetQuietHours) -> words.QuietHours | None:
    """Return the hours asked for, `None` for none; raises `bad_command`."""
    if command.start is None and command.end is None:
        return None
    if command.start is None or command.end is None:
        name = "start" if command.start is None else "end"
        data = {"field": name, "allowed": "both times, or none"}
        raise Refusal("bad_command", f"{name}: it is missing: quiet hours have two times", data=data)
    if command.start == command.end:
        data = {"field": "end", "allowed": "another time than `start`"}
        raise Refusal("bad_command", "end: quiet hours have two different times", data=data)
    load_zone(command.zone)
    return words.QuietHours(command.start, command.end, command.zone)


_DECISIONS: dict[type[Any], Callable[[Inbox, Any, Context], Decision | Recall | Consult]] = {
    Notify: Inbox._notify,
    words.TakeBack: Inbox._take_back,
    words.Send: Inbox._send,
    words.MarkRead: Inbox._read,
    words.ReadAll: Inbox._read_all,
    words.Dismiss: Inbox._dismiss,
    words.ListNotices: Inbox._list,
    words.MuteType: Inbox._mute,
    words.UnmuteType: Inbox._unmute,
    words.SetQuietHours: Inbox._quiet_hours,
    words.Dnd: Inbox._dnd,
    words.Hush: Inbox._hush,
    words.Unhush: Inbox._unhush,
    Fired: Inbox._fired,
}

OWNER = allow(ROLES, "self")
_OWN = "/api/notifications"

INBOX = Kind(
    name="inbox",
    plural="notifications",
    behaviour=Inbox,
    state=InboxMemory,
    verbs=(
        Verb(
            words.Send,
            OWNER | allow(STAFF),
            f"POST {_OWN}/send",
            "control",
            words.Sent,
            also=(f"POST {_OWN}/{{id}}/send",),
            people=("user", "{id}"),
        ),
        Verb(words.MarkRead, OWNER, f"POST {_OWN}/{{notification}}/read", "control", UnreadCount, remembered=False),
        Verb(words.ReadAll, OWNER, f"POST {_OWN}/read-all", "control", UnreadCount),
        Verb(words.Dismiss, OWNER, f"DELETE {_OWN}/{{notification}}", "control", UnreadCount),
        Verb(words.ListNotices, OWNER, f"GET {_OWN}", "read", words.NoticePage, remembered=False),
        Verb(words.MuteType, OWNER, f"POST {_OWN}/mute", "control"),
        Verb(words.UnmuteType, OWNER, f"POST {_OWN}/unmute", "control"),
        Verb(words.SetQuietHours, OWNER, f"PUT {_OWN}/quiet-hours", "control"),
        Verb(words.Dnd, OWNER, f"PUT {_OWN}/dnd", "control"),
        *(
            Verb(command, SYSTEM_ONLY, None, "control")
            for command in (Notify, words.TakeBack, words.Hush, words.Unhush)
        ),
    ),
    events=words.INBOX_EVENTS,
    watch=OWNER,
    tables=(NOTICES, INBOXES),
    view=InboxState,
    ids="the id of the person whose it is",
    restated=1,
)
