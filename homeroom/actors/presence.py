"""The presence of one person: which connections it has, what it chose, and the face that follows from both.

What is durable is the face that others see, what the person chose, and its rooms; connections and times of life are of this life
only. There are no sweeps: a person without connection is present until its lease ends, and one timer each looks at the lease
and at idleness, re-armed lazily, so that a beat costs no timer and no write.
Never here: connections' sockets, and who may see a room.

    last connection ends          lease of GRACE_MS
    the server started anew       lease of GRACE_MS: its clients come back within it
    a beat without connection     lease of BEATS_MS: two heartbeat periods (a client that cannot use WebSocket)
    woken, connections unknown    lease of BEATS_MS: what lived before answers within it
    no activity for IDLE_MS       away; a connection keeps it there, without one the lease decides

Whoever looks offline leaves no trace while it goes on looking so: a choice made meanwhile is of this life only, until an event that
is seen anyway (of `show`, of being seen again) makes it durable. When the actor is made anew before that, the choice that
was durable before stands again. `hide` and `show` themselves are kept at once, and joining or leaving a room is told by the room.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.actors.fitting import fit_name
from homeroom.engine.behaviour import (
    NOTHING,
    After,
    At,
    Behaviour,
    Caller,
    Context,
    Decision,
    Disarm,
    Fact,
    Fired,
    Kind,
    Refusal,
    Row,
    Signal,
    Table,
    Verb,
)
from homeroom.protocol.access import ROLES, STAFF, SYSTEM_ONLY, SYSTEM_ROLE, allow
from homeroom.protocol.presence import (
    PRESENCE_EVENTS,
    Beat,
    Connected,
    Disconnected,
    Enter,
    Exit,
    Heard,
    Hide,
    Mine,
    Own,
    OwnPresence,
    PresenceChanged,
    PresenceState,
    RoomEntered,
    RoomExited,
    RoomPresence,
    SetStatus,
    Show,
    Status,
    reduce_presence,
    show_presence,
)

GRACE_MS = 20_000
BEATS_MS = 65_000
IDLE_MS = 300_000
HEARD_MS = 25_000
"""A new time of life is signalled at most this often."""
LOST, GONE, IDLE = "lost", "gone", "idle"
_RESET: tuple[Status, ...] = ("away", "offline")
"""Choices that end with the visit they were made in; `busy` and `dnd` outlive it."""

PEOPLE = Table(
    "presence",
    ("person",),
    {"person": "text", "status": "text", "activity": "text", "last_seen": "bigint"},
)
"""The faces of all people: who is `online` now, and when the others were last seen. The hidden are `offline` here as well."""


class PresenceMemory(Struct):
    """The durable state: the face shown, what the person chose, the rooms that show it."""

    shown: PresenceState = field(default_factory=PresenceState)
    own: Own = field(default_factory=Own)
    rooms: dict[str, None] = field(default_factory=dict)


class Presence(Behaviour[PresenceMemory]):
    """The presence of the person `id`. Relations: `self`, `other`."""

    def __init__(self, id: str, state: PresenceMemory) -> None:
        super().__init__(id, state)
        self._connections: set[str] = set()
        self._present = False
        self._idle = False
        self._heard = 0
        self._active = 0
        self._lease = 0
        self._told = 0
        self._watched = False
        self._unkept: Own | None = None

    @property
    def own(self) -> Own:
        """What the person chose, durable or not."""
        return self._unkept or self.state.own

    @classmethod
    def fresh(cls, id: str) -> PresenceMemory:
        """Return somebody who was never here."""
        return PresenceMemory(PresenceState(user=id))

    def relations(self, caller: Caller) -> frozenset[str]:
        """Return whether it is the caller's own."""
        return frozenset(("self" if caller.user == self.id else "other",))

    def decide(self, command: Any, context: Context) -> Decision:
        """Answer a command. Nothing here is refused but an unfit activity."""
        decide = _DECISIONS.get(type(command))
        if decide is None:
            raise Refusal("bad_command", f"a presence does not know {type(command).__name__}")
        return decide(self, command, context)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the face, the choice or the rooms."""
        event = fact.event
        reduce_presence(self.state.shown, fact)
        if isinstance(event, PresenceChanged) and event.own is not None:
            self.state.own = event.own
        elif isinstance(event, RoomEntered) and event.room is not None:
            self.state.rooms[event.room] = None
        elif isinstance(event, RoomExited) and event.room is not None:
            self.state.rooms.pop(event.room, None)

    def view(self, caller: Caller) -> PresenceState:
        """Return the face, the same for everybody."""
        return show_presence(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what its owner chose and without the names of rooms."""
        event = fact.event
        if isinstance(event, PresenceChanged):
            return replace(event, own=None)
        return replace(event, room=None) if isinstance(event, RoomEntered | RoomExited) else event

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the person's row; while hidden it stays as it was."""
        if isinstance(fact.event, PresenceChanged):
            face = self.state.shown
            values = {"status": face.status, "activity": face.activity, "last_seen": face.last_heard}
            yield Row(PEOPLE.name, {"person": self.id}, values)

    def wake(self, context: Context) -> Decision:
        """Show the face to the rooms again, and give whoever was here the time to be heard of."""
        self._heard = self.state.shown.last_heard
        self._present = self.state.shown.status != "offline"
        if not self._present:
            return NOTHING
        self._active = context.now
        self._lease = context.now + BEATS_MS
        return Decision(signals=self._tell_rooms(self.state.shown), timers=(After(GONE, BEATS_MS), self._watch_idle()))

    # --- signs of life

    def _connected(self, command: Connected, context: Context) -> Decision:
        self._connections.add(command.conn)
        return self._live(context, active=True)

    def _disconnected(self, command: Disconnected, context: Context) -> Decision:
        """Start the grace when the last connection has ended; one that is unknown here changes nothing."""
        if command.conn not in self._connections:
            return NOTHING
        self._connections.discard(command.conn)
        self._heard = context.now
        return NOTHING if self._connections else self._lend(context.now, GRACE_MS)

    def _beat(self, command: Beat, context: Context) -> Decision:
        """Take a sign of life; the gateway's also names a connection, which a presence made anew does not know yet."""
        if command.conn is not None and context.caller.role == SYSTEM_ROLE:
            self._connections.add(command.conn)
        decision = self._live(context, active=command.active)
        if decision.events or not self._may_tell(context.now):
            return decision
        self._told = context.now
        return Decision(signals=(self._signal_heard(context.now),), timers=decision.timers)

    def _live(self, context: Context, *, active: bool) -> Decision:
        """Be present; a choice that ends with the visit it was made in has ended when this is a new one."""
        own = self.own
        if not self._present and own.chosen in _RESET and not own.hidden:
            own = replace(own, chosen="online")
        timers = self._hear(context, active=active)
        return self._show_face(own, context, timers)

    def _hear(self, context: Context, *, active: bool) -> tuple[After, ...]:
        """Note a sign of life; the person's own, not its client's alone, ends idleness. Returns the timers to arm."""
        if active or not self._present:
            self._idle, self._active = False, context.now
        self._present, self._heard = True, context.now
        idle = () if self._watched else (self._watch_idle(),)
        return idle if self._connections else (*idle, *self._extend(context.now))

    def _extend(self, now: int) -> tuple[After, ...]:
        """Lengthen the lease; the timer that is armed already finds out when it fires."""
        armed = self._lease > now
        self._lease = max(self._lease, now + BEATS_MS)
        return () if armed else (After(GONE, BEATS_MS),)

    def _lend(self, now: int, ms: int) -> Decision:
        self._lease = now + ms
        return Decision(timers=(After(GONE, ms),))

    def _fired(self, command: Fired, context: Context) -> Decision:
        fired = _TIMERS.get(command.key)
        return fired(self, context) if fired else NOTHING

    def _lost(self, context: Context) -> Decision:
        """Give the connections that ended with the last server the grace to come back, and look again at the next start."""
        if not self._present:
            return NOTHING
        timers = () if self._connections else self._lend(context.now, GRACE_MS).timers
        return Decision(timers=(At(LOST, None), *timers))

    def _gone(self, context: Context) -> Decision:
        """Go offline when the lease has ended, or look again when it was lengthened meanwhile."""
        if self._connections or not self._present:
            return NOTHING
        left = self._lease - context.now
        if left > 0:
            return Decision(timers=(After(GONE, left),))
        self._present = False
        return self._show_face(self.own, context)

    def _idled(self, context: Context) -> Decision:
        """Go away after five minutes without activity, or look again; the timer runs as long as somebody is here."""
        self._watched = False
        if not self._present:
            return NOTHING
        left = self._active + IDLE_MS - context.now
        self._idle = left <= 0
        return self._show_face(self.own, context, (self._watch_idle(left if left > 0 else IDLE_MS),))

    def _watch_idle(self, ms: int = IDLE_MS) -> After:
        self._watched = True
        return After(IDLE, ms)

    # --- choices

    def _set(self, command: SetStatus, context: Context) -> Decision:
        """`bad_command` for an activity that is no plain line; replies what is true now."""
        own = self.own
        if command.status is not None:
            own = replace(own, chosen="online" if command.status == "available" else command.status)
        if command.activity is not None:
            own = replace(own, activity=command.activity and fit_name("activity", command.activity))
        timers = self._hear(context, active=True)
        return self._reply(own, self._show_face(own, context, timers))

    def _hide(self, command: Hide, context: Context) -> Decision:
        own = replace(self.own, hidden=True)
        return self._reply(own, self._show_face(own, context))

    def _show(self, command: Show, context: Context) -> Decision:
        own = replace(self.own, hidden=False)
        return self._reply(own, self._show_face(own, context))

    def _mine(self, command: Mine, context: Context) -> Decision:
        return self._reply(self.own, NOTHING)

    # --- rooms

    def _enter(self, command: Enter, context: Context) -> Decision:
        if command.room in self.state.rooms:
            return NOTHING
        face = self.state.shown
        signals = (self._signal(command.room, face),) if face.status != "offline" else ()
        return Decision((RoomEntered(command.room),), signals=signals)

    def _exit(self, command: Exit, context: Context) -> Decision:
        if command.room not in self.state.rooms:
            return NOTHING
        return Decision((RoomExited(command.room),), signals=(self._signal(command.room, PresenceState(self.id)),))

    # --- the face

    def _show_face(self, own: Own, context: Context, timers: tuple[After, ...] = ()) -> Decision:
        """Decide the event, if any, that makes `own` and the present signs of life durable and seen; none that tells of the unseen."""
        now, before, kept = context.now, self.state.shown, self.state.own
        status = self._status(own)
        activity = own.activity if status != "offline" else ""
        same_face = (status, activity) == (before.status, before.activity)
        unseen = same_face and status == "offline" and own.hidden == kept.hidden
        self._unkept = own if unseen else None
        if unseen or (same_face and own == kept):
            return Decision(timers=timers)
        heard = before.last_heard if same_face and status == "offline" else max(self._heard, before.last_heard)
        event = PresenceChanged(status, activity, heard, own if own != kept else None)
        if same_face:
            return Decision((event,), timers=timers)
        self._told = now
        signals = self._tell_rooms(PresenceState(self.id, status, activity, heard))
        if status == "offline":
            signals = (*signals, self._signal_heard(heard, drop=True))
        return Decision((event,), signals=signals, timers=(*timers, *_keep_lost(before.status, status)))

    def _status(self, own: Own) -> Status:
        if own.hidden or not self._present:
            return "offline"
        if own.chosen != "online":
            return own.chosen
        return "away" if self._idle else "online"

    def _tell_rooms(self, face: PresenceState) -> tuple[Signal, ...]:
        return tuple(self._signal(room, face) for room in self.state.rooms)

    def _signal(self, room: str, face: PresenceState) -> Signal:
        """Offline is the absence of a value: it is sent and forgotten."""
        here = face.status != "offline"
        event = RoomPresence(self.id, face.status, face.activity, face.last_heard)
        return Signal(f"room:{room}", f"presence:{self.id}", event, retain=here, drop=not here)

    def _signal_heard(self, at: int, *, drop: bool = False) -> Signal:
        return Signal(f"presence:{self.id}", "heard", Heard(self.id, at), retain=not drop, drop=drop)

    def _may_tell(self, now: int) -> bool:
        return self.state.shown.status != "offline" and now - self._told >= HEARD_MS

    def _reply(self, own: Own, decision: Decision) -> Decision:
        reply = OwnPresence(own.chosen, own.activity, own.hidden, self._status(own), len(self._connections))
        return Decision(decision.events, reply, decision.signals, timers=decision.timers)


def _keep_lost(before: Status, after: Status) -> tuple[At | Disarm, ...]:
    """Have the start of a server look after a person that is seen here, and only then."""
    if (before == "offline") == (after == "offline"):
        return ()
    return (Disarm(LOST),) if after == "offline" else (At(LOST, None),)


_TIMERS: dict[str, Callable[[Presence, Context], Decision]] = {
    LOST: Presence._lost,
    GONE: Presence._gone,
    IDLE: Presence._idled,
}
_DECISIONS: dict[type[Any], Callable[[Presence, Any, Context], Decision]] = {
    SetStatus: Presence._set,
    Beat: Presence._beat,
    Hide: Presence._hide,
    Show: Presence._show,
    Mine: Presence._mine,
    Connected: Presence._connected,
    Disconnected: Presence._disconnected,
    Enter: Presence._enter,
    Exit: Presence._exit,
    Fired: Presence._fired,
}

OWNER = allow(ROLES, "self")

PRESENCE = Kind(
    name="presence",
    plural="presence",
    behaviour=Presence,
    state=PresenceMemory,
    verbs=(
        Verb(SetStatus, OWNER, "PUT /api/presence/status", "control", OwnPresence),
        Verb(Beat, OWNER | SYSTEM_ONLY, "POST /api/presence/heartbeat", "beat", remembered=False),
        Verb(Hide, OWNER, "POST /api/presence/hide", "control", OwnPresence),
        Verb(Show, OWNER, "POST /api/presence/show", "control", OwnPresence),
        Verb(Mine, OWNER, "GET /api/presence/mine", "read", OwnPresence, remembered=False),
        *(Verb(command, SYSTEM_ONLY, None, "beat") for command in (Connected, Disconnected, Enter, Exit)),
    ),
    events=PRESENCE_EVENTS,
    watch=OWNER | allow(STAFF),
    tables=(PEOPLE,),
    idle_s=600.0,
    view=PresenceState,
)
"""`idle_s` is longer than the idle timer's period, so whoever is here is never put to sleep with its connections."""
