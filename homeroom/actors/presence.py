"""The presence of one person: which connections it has, what it chose and is doing, and the face that follows from these.

What is durable is the face that others see, what the person chose and is engaged in, and its places (rooms, sessions, groups);
connections and times of life are of this life only. There are no sweeps: a person without connection is present until its lease
ends, and one timer each looks at the lease and at idleness, re-armed lazily, so that a beat costs no timer and no write.
Never here: connections' sockets, who may see a place, what a choice is (`presence_choices`), what places are told (`presence_places`),
and what the person's inbox is told (`presence_quiet`).

    last connection ends          lease of GRACE_MS
    the server started anew       lease of GRACE_MS: its clients come back within it
    a beat without connection     lease of BEATS_MS: two heartbeat periods (a client that cannot use WebSocket)
    woken, connections unknown    lease of BEATS_MS: what lived before answers within it
    no activity for IDLE_MS       away; a connection keeps it there, without one the lease decides

Whoever looks offline leaves no trace while it goes on looking so: a choice made meanwhile is of this life only, until an event that
is seen anyway (of `show`, of being seen again) makes it durable. When the actor is made anew before that, the choice that
was durable before stands again. The same holds for engagements, but that one which was durable ends for good. `hide`, `show` and `privacy`
themselves are kept at once, and joining or leaving a room is told by the room.

A session counts the time that a person is really here, whatever its face: it is told when the person goes and comes back. For that
alone the start of a server is waited for also by somebody who hides in a session; and who enters one without being here, or whose
presence was made anew, has the time of a lease to be heard of.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from homeroom.actors import presence_choices as choices
from homeroom.actors import presence_places as places
from homeroom.actors.presence_memory import PEOPLE, PresenceMemory, project_face, remember, without_secrets
from homeroom.actors.presence_quiet import Quiet
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
    Refusal,
    Row,
    Signal,
)
from homeroom.engine.kind import Kind, Verb
from homeroom.protocol import presence as words
from homeroom.protocol.access import ROLES, STAFF, SYSTEM_ONLY, SYSTEM_ROLE, allow
from homeroom.protocol.presence import Own, PresenceChanged, PresenceState, RoomEntered, RoomExited, Status

GRACE_MS = 20_000
BEATS_MS = 65_000
IDLE_MS = 300_000
HEARD_MS = 25_000
"""A new time of life is signalled at most this often."""
LOST, GONE, IDLE = "lost", "gone", "idle"


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
        self._doubt = 0  # since when sessions count somebody as here who was not heard of; 0: nobody
        self._unkept: Own | None = None
        self._quiet = Quiet(id, state.own)

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
        decision = decide(self, command, context)
        return self._quiet.keep(decision, self.state.own, self._unkept if self._present else None, command, context.now)

    def apply(self, fact: Fact) -> None:
        """Let `fact` change the face, the choice or the places."""
        remember(self.state, fact)

    def view(self, caller: Caller) -> PresenceState:
        """Return the face, the same for everybody."""
        return words.show_presence(self.state.shown)

    def public(self, fact: Fact) -> Any:
        """Return the event without what its owner chose and without the names of places."""
        return without_secrets(fact.event)

    def project(self, fact: Fact) -> Iterable[Row]:
        """Return the person's row; while hidden it stays as it was."""
        return project_face(self.state, fact)

    def wake(self, context: Context) -> Decision:
        """Show the face to the places again, and give whoever was here, or is in a session unseen, the time to be heard of."""
        face, sessions = self.state.shown, places.sessions_of(self.state.rooms)
        self._quiet = Quiet(self.id, self.state.own)
        self._heard = face.last_heard
        self._present = face.status != "offline"
        if not self._present and not sessions:
            return NOTHING
        self._active = context.now
        self._lease = context.now + BEATS_MS
        self._doubt = context.now if sessions else 0
        gone = After(GONE, BEATS_MS)
        if not self._present:
            return Decision(timers=(gone,))
        return Decision(signals=self._tell_places(face), timers=(gone, self._watch_idle()))

    # --- signs of life

    def _connected(self, command: words.Connected, context: Context) -> Decision:
        self._connections.add(command.conn)
        return self._live(context, active=True)

    def _disconnected(self, command: words.Disconnected, context: Context) -> Decision:
        """Start the grace when the last connection has ended; one that is unknown here changes nothing."""
        if command.conn not in self._connections:
            return NOTHING
        self._connections.discard(command.conn)
        self._heard = context.now
        return NOTHING if self._connections else self._lend(context.now, GRACE_MS)

    def _beat(self, command: words.Beat, context: Context) -> Decision:
        """Take a sign of life; the gateway's also names a connection, which a presence made anew does not know yet."""
        if command.conn is not None and context.caller.role == SYSTEM_ROLE:
            self._connections.add(command.conn)
        decision = self._live(context, active=command.active)
        if decision.events or not self._may_tell(context.now):
            return decision
        self._told = context.now
        return dataclasses.replace(decision, signals=(self._signal_heard(context.now),))

    def _live(self, context: Context, *, active: bool) -> Decision:
        """Be present; a choice that ends with the visit it was made in has ended when this is a new one."""
        own = self.own if self._present else choices.begin_visit(self.own)
        return self._show_face(own, context, self._hear(context, active=active))

    def _hear(self, context: Context, *, active: bool) -> Decision:
        """Note a sign of life; the person's own, not its client's alone, ends idleness. Returns what is to be done for it."""
        arrives = not self._present
        if active or arrives:
            self._idle, self._active = False, context.now
        self._present, self._heard, self._doubt = True, context.now, 0
        idle = () if self._watched else (self._watch_idle(),)
        timers = idle if self._connections else (*idle, *self._extend(context.now))
        sessions = places.sessions_of(self.state.rooms) if arrives else ()
        if not sessions:
            return Decision(timers=timers)
        return Decision(tells=places.tell_back(self.id, sessions, context.now), timers=(*timers, At(LOST, None)))

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
        sessions = places.sessions_of(self.state.rooms)
        if not self._present and not sessions:
            return NOTHING
        self._doubt = self._doubt or (context.now if sessions else 0)
        timers = () if self._connections else self._lend(context.now, GRACE_MS).timers
        return Decision(timers=(At(LOST, None), *timers))

    def _gone(self, context: Context) -> Decision:
        """Go offline when the lease has ended, or look again when it was lengthened meanwhile.

        Sessions are told since when: the last sign of life, or when the presence was made anew, as nobody knows better.
        """
        if self._connections or not (self._present or self._doubt):
            return NOTHING
        left = self._lease - context.now
        if left > 0:
            return Decision(timers=(After(GONE, left),))
        since, sessions = max(self._heard, self._doubt), places.sessions_of(self.state.rooms)
        self._present, self._doubt = False, 0
        told = (
            Decision(tells=places.tell_away(self.id, sessions, since), timers=(Disarm(LOST),)) if sessions else NOTHING
        )
        return self._show_face(self.own, context, told)

    def _idled(self, context: Context) -> Decision:
        """Go away after five minutes without activity, or look again; the timer runs as long as somebody is here."""
        self._watched = False
        if not self._present:
            return NOTHING
        left = self._active + IDLE_MS - context.now
        self._idle = left <= 0
        timers = (self._watch_idle(left if left > 0 else IDLE_MS),)
        return self._show_face(self.own, context, Decision(timers=timers))

    def _watch_idle(self, ms: int = IDLE_MS) -> After:
        self._watched = True
        return After(IDLE, ms)

    # --- choices

    def _set(self, command: words.SetStatus, context: Context) -> Decision:
        """`bad_command` for an activity that is no plain line; replies what is true now."""
        own = choices.choose(self.own, command)
        return self._reply(own, self._show_face(own, context, self._hear(context, active=True)))

    def _hide(self, command: words.Hide, context: Context) -> Decision:
        return self._choose(replace(self.own, hidden=True), context)

    def _show(self, command: words.Show, context: Context) -> Decision:
        return self._choose(replace(self.own, hidden=False), context)

    def _keep_private(self, command: words.Privacy, context: Context) -> Decision:
        return self._choose(replace(self.own, discreet=command.activity == "hidden"), context)

    def _choose(self, own: Own, context: Context) -> Decision:
        return self._reply(own, self._show_face(own, context))

    def _engage(self, command: words.Engage, context: Context) -> Decision:
        """`bad_command` for an activity that is no plain line; what is the newest engagement already is nothing."""
        return self._show_face(choices.engage(self.own, command), context)

    def _disengage(self, command: words.Disengage, context: Context) -> Decision:
        return self._show_face(choices.disengage(self.own, command.by), context)

    def _mine(self, command: words.Mine, context: Context) -> Decision:
        return self._reply(self.own, NOTHING)

    # --- places

    def _enter(self, command: words.Enter, context: Context) -> Decision:
        """`full` at `PLACES_MAX` places: the person belongs there all the same, and its presence is not shown there.

        A session, whose attendance hangs on it, is never refused: of `SESSIONS_MAX`, the oldest is let go, and told so.
        """
        place, face, rooms = places.kept_place(command.room), self.state.shown, self.state.rooms
        here_since = max(self._heard, self._doubt) if not self._present else context.now
        attending = self._attend(context.now) if places.is_session(place) else ()
        if place in rooms:
            return Decision(timers=attending)
        signals = (places.signal_face(place, face),) if face.status != "offline" else ()
        entered = Decision((RoomEntered(place),), signals=signals, timers=attending)
        return places.make_way(entered, self.id, place, rooms, here_since)

    def _attend(self, now: int) -> tuple[At | After, ...]:
        """Be counted as here by a session: who is not, and is not heard of within the grace, was not here at all.

        One grace for all sessions: who joins one after the other is not counted the longer for it.
        """
        if self._present or self._doubt:
            return (At(LOST, None),)
        self._doubt, self._lease = now, max(self._lease, now + GRACE_MS)
        return (At(LOST, None), After(GONE, GRACE_MS))

    def _exit(self, command: words.Exit, context: Context) -> Decision:
        place, face = places.kept_place(command.room), self.state.shown
        if place not in self.state.rooms:
            return NOTHING
        attends = any(places.is_session(other) for other in self.state.rooms if other != place)
        timers = () if attends or face.status != "offline" else (Disarm(LOST),)
        self._doubt = self._doubt if attends else 0
        return Decision(
            (RoomExited(place),), signals=(places.signal_face(place, PresenceState(self.id)),), timers=timers
        )

    # --- the face

    def _show_face(self, own: Own, context: Context, first: Decision = NOTHING) -> Decision:
        """Decide the event, if any, that makes `own` and the present signs of life durable and seen; none that tells of the unseen.

        `first` holds the timers and messages that the signs of life caused.
        """
        before, kept = self.state.shown, self.state.own
        status = self._status(own)
        activity = choices.shown_activity(own) if status != "offline" else ""
        same_face = (status, activity) == (before.status, before.activity)
        unseen = same_face and status == "offline" and (own.hidden, own.discreet) == (kept.hidden, kept.discreet)
        lasting = choices.without_ended(kept, own) if unseen else own
        self._unkept = own if own != lasting else None
        if same_face and lasting == kept:
            return first
        heard = before.last_heard if same_face and status == "offline" else max(self._heard, before.last_heard)
        event = PresenceChanged(status, activity, heard, lasting if lasting != kept else None)
        if same_face:
            return dataclasses.replace(first, events=(event,))
        self._told = context.now
        signals = self._tell_places(PresenceState(self.id, status, activity, heard))
        if status == "offline":
            signals = (*signals, self._signal_heard(heard, drop=True))
        timers = (*first.timers, *self._keep_lost(before.status, status))
        return Decision((event,), signals=signals, tells=first.tells, timers=timers)

    def _status(self, own: Own) -> Status:
        if own.hidden or not self._present:
            return "offline"
        if own.chosen != "online":
            return own.chosen
        return "away" if self._idle else "online"

    def _keep_lost(self, before: Status, after: Status) -> tuple[At | Disarm, ...]:
        """Have the start of a server look after a person that is seen here, or counted by a session, and only then."""
        if (before == "offline") == (after == "offline"):
            return ()
        counted = self._present and bool(places.sessions_of(self.state.rooms))
        return (At(LOST, None),) if after != "offline" or counted else (Disarm(LOST),)

    def _tell_places(self, face: PresenceState) -> tuple[Signal, ...]:
        return tuple(places.signal_face(place, face) for place in self.state.rooms)

    def _signal_heard(self, at: int, *, drop: bool = False) -> Signal:
        return Signal(f"presence:{self.id}", "heard", words.Heard(self.id, at), retain=not drop, drop=drop)

    def _may_tell(self, now: int) -> bool:
        return self.state.shown.status != "offline" and now - self._told >= HEARD_MS

    def _reply(self, own: Own, decision: Decision) -> Decision:
        shown, conns = self._status(own), len(self._connections)
        reply = words.OwnPresence(own.chosen, own.activity, own.hidden, shown, conns, choices.doing(own), own.discreet)
        return dataclasses.replace(decision, reply=reply)


_TIMERS: dict[str, Callable[[Presence, Context], Decision]] = {
    LOST: Presence._lost,
    GONE: Presence._gone,
    IDLE: Presence._idled,
}
_DECISIONS: dict[type[Any], Callable[[Presence, Any, Context], Decision]] = {
    words.SetStatus: Presence._set,
    words.Beat: Presence._beat,
    words.Hide: Presence._hide,
    words.Show: Presence._show,
    words.Privacy: Presence._keep_private,
    words.Engage: Presence._engage,
    words.Disengage: Presence._disengage,
    words.Mine: Presence._mine,
    words.Connected: Presence._connected,
    words.Disconnected: Presence._disconnected,
    words.Enter: Presence._enter,
    words.Exit: Presence._exit,
    Fired: Presence._fired,
}

OWNER = allow(ROLES, "self")

PRESENCE = Kind(
    name="presence",
    plural="presence",
    behaviour=Presence,
    state=PresenceMemory,
    verbs=(
        Verb(words.SetStatus, OWNER, "PUT /api/presence/status", "control", words.OwnPresence),
        Verb(words.Beat, OWNER | SYSTEM_ONLY, "POST /api/presence/heartbeat", "beat", remembered=False),
        Verb(words.Hide, OWNER, "POST /api/presence/hide", "control", words.OwnPresence),
        Verb(words.Show, OWNER, "POST /api/presence/show", "control", words.OwnPresence),
        Verb(words.Privacy, OWNER, "PUT /api/presence/privacy", "control", words.OwnPresence),
        Verb(words.Mine, OWNER, "GET /api/presence/mine", "read", words.OwnPresence, remembered=False),
        *(
            Verb(command, SYSTEM_ONLY, None, "beat")
            for command in (words.Connected, words.Disconnected, words.Enter, words.Exit, words.Engage, words.Disengage)
        ),
    ),
    events=words.PRESENCE_EVENTS,
    watch=OWNER | allow(STAFF),
    tables=(PEOPLE,),
    idle_s=600.0,
    view=PresenceState,
    ids="the id of the person whose it is",
)
"""`idle_s` is longer than the idle timer's period, so whoever is here is never put to sleep with its connections."""
