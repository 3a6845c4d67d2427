"""What students do in a queue: join, leave, hold, resume; and what the hall of an exclusive group answers.

A place belongs to its student and not to a connection: whoever is cut off, or sleeps, stands where it stood.
Never here: what those who help do (`queue_service`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeroom.actors.fitting import fit_name, fit_text
from homeroom.actors.hours import occurrences
from homeroom.actors.queue_line import Here, position_for, preview, rank_of, settle, ticket_after, why_there
from homeroom.actors.queue_notices import tell_elsewhere
from homeroom.actors.queue_talks import LEASE, admission, finish, give_up
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Refusal, Tell
from homeroom.protocol import queue_events as said
from homeroom.protocol.hours import Occurrences
from homeroom.protocol.queue import Denied, Elsewhere, EntryId, Granted, Hold, Join, Leave, Mine, Resume, UpcomingHours
from homeroom.protocol.queue_answers import MyTicket
from homeroom.protocol.queue_hall import TakeStand
from homeroom.protocol.room import Person

DROP_IN_MAX = 90
"""Students in one drop-in conversation; whoever comes later begins the next one."""


def join(here: Here, command: Join, context: Context) -> Decision:
    """Make an entry; whoever has one gets the same. `conflict` when closed, or standing in another queue of the group; `full`."""
    known = here.memory.entry_of(context.caller.user)
    if known is not None:
        return Decision(reply=ticket_after(here, here.shown, known))
    _check_join(here, context)
    memory, caller = here.memory, context.caller
    waits = bool(here.shown.settings.exclusive)
    rank, turn = rank_of(memory, caller.user, here.shown.settings.order), memory.turn + 1
    entry = str(memory.number + 1)
    position = 0 if waits else position_for(memory, (rank, turn, int(entry)))
    joined = said.Joined(
        entry,
        position,
        why_there(memory, position) if position else "last",
        caller.user,
        caller.name[:200],
        fit_text("question", command.question) if command.question.strip() else "",
        fit_name("topic", command.topic) if command.topic.strip() else "",
        *((rank, turn) if position else ()),
    )
    if waits:
        ask = Tell(f"hall:{here.shown.settings.exclusive}", TakeStand(here.id, caller.user, entry))
        return _joined(here, context, joined, (joined,), tells=(ask,))
    return _let_in(here, context, joined, joined)


def leave(here: Here, command: Leave, context: Context) -> Decision:
    """Give up one's entry, at any time; who has none is told nothing."""
    entry = here.memory.entry_of(context.caller.user)
    if entry is None:
        return NOTHING
    if here.shown.entries[entry].status == "admitted":
        return finish(here, context, (entry,), "left")
    return depart(here, context, (entry,), "left")


def depart(
    here: Here,
    context: Context,
    entries: tuple[EntryId, ...],
    reason: said.Reason,
    *,
    before: tuple[Any, ...] = (),
    tells: tuple[Tell, ...] = (),
    evict: tuple[str, ...] = (),
) -> Decision:
    """Return the decision by which entries end without help, after the events `before`."""
    events = (*before, *(said.Left(entry, reason) for entry in entries))
    told = (*tells, *give_up(here, entries))
    return settle(here, context, events, tells=told, timers=[Disarm(LEASE + entry) for entry in entries], evict=evict)


def hold(here: Here, command: Hold, context: Context) -> Decision:
    """`not_found` without an entry; `conflict` unless it stands in line; held already is nothing."""
    entry = _waiting(here, context)
    held = here.shown.entries[entry].held
    return _tell_ticket(here, context, entry, () if held else (said.Held(entry),))


def resume(here: Here, command: Resume, context: Context) -> Decision:
    """`not_found` without an entry; `conflict` unless it stands in line; not held is nothing."""
    entry = _waiting(here, context)
    held = here.shown.entries[entry].held
    return _tell_ticket(here, context, entry, (said.Resumed(entry),) if held else ())


def mine(here: Here, command: Mine, context: Context) -> Decision:
    """Reply with the caller's own entry, if there is one."""
    entry = here.memory.entry_of(context.caller.user)
    return Decision(reply=MyTicket(None if entry is None else ticket_after(here, here.shown, entry)))


def upcoming(here: Here, command: UpcomingHours, context: Context) -> Decision:
    """Reply with the hours and what follows from them."""
    found = occurrences(here.shown.hours, context.now, command.limit)
    return Decision(reply=Occurrences(here.shown.hours, tuple(found)))


# --- the hall


def granted(here: Here, command: Granted, context: Context) -> Decision:
    """Let a pending entry stand in line; of one that has ended meanwhile the hall has been told already."""
    memory, entry = here.memory, command.entry
    if not _is_pending(here, entry):
        return NOTHING
    rank, turn = rank_of(memory, memory.entries[entry].student, here.shown.settings.order), memory.turn + 1
    position = position_for(memory, (rank, turn, int(entry)))
    return _let_in(here, context, said.Confirmed(entry, position, why_there(memory, position), rank, turn))


def denied(here: Here, command: Denied, context: Context) -> Decision:
    """End a pending entry, and say where its student stands."""
    if not _is_pending(here, command.entry):
        return NOTHING
    told = tell_elsewhere(here.id, here.memory.entries[command.entry].student, command.entry, command.queue)
    return Decision((said.Left(command.entry, "elsewhere"),), tells=(told,))


def elsewhere(here: Here, command: Elsewhere, context: Context) -> Decision:
    """Note who stands in the other queues of the group; what was said to an earlier term, or in another group, is nothing."""
    if not here.shown.settings.exclusive or command.term != here.memory.term:
        return NOTHING
    return Decision((said.GroupNoted(command.there, command.gone),))


# --- what several of them need


def _is_pending(here: Here, entry: EntryId) -> bool:
    """Tell whether an entry waits for the hall: for that of today, as the group stays while anybody has an entry."""
    place = here.shown.entries.get(entry)
    return place is not None and place.status == "pending"


def _check_join(here: Here, context: Context) -> None:
    """Raise `conflict` or `full` unless the caller may have an entry now."""
    shown, there = here.shown, here.memory.elsewhere.get(context.caller.user)
    if shown.status != "open":
        coming = occurrences(shown.hours, context.now, 2)
        opens = next((found.start for found in coming if found.start > context.now), None)
        raise Refusal("conflict", "the queue is closed", data={"opens": opens})
    if there is not None:
        raise Refusal(
            "conflict",
            f"you stand in the queue {there} already, and may stand in one of them only",
            data={"queue": there, "exclusive": shown.settings.exclusive},
        )
    if len(shown.entries) >= shown.settings.capacity:
        raise Refusal("full", f"the queue holds {shown.settings.capacity}")


def _let_in(
    here: Here, context: Context, placed: said.Joined | said.Confirmed, joined: said.Joined | None = None
) -> Decision:
    """Let an entry stand in line, or drop in to the conversation that goes on."""
    if here.shown.settings.mode != "drop_in":
        return _joined(here, context, joined, (placed,))
    held = joined or here.memory.entries[placed.entry]
    owner = Person(here.shown.owner, here.shown.owner_name, "owner")
    student = Person(held.student, held.name)
    taken = admission(here, context, {placed.entry: student}, owner, _drop_in_room(here))
    return _joined(here, context, joined, (placed, taken.event), tells=taken.tells, timers=taken.timers)


def _drop_in_room(here: Here) -> str | None:
    """Return the room of the owner's conversation that has room for one more."""
    for room, talk in here.memory.conversations.items():
        if talk.assistant == here.shown.owner and len(talk.entries) < DROP_IN_MAX:
            return room
    return None


def _joined(
    here: Here,
    context: Context,
    joined: said.Joined | None,
    events: tuple[Any, ...],
    *,
    tells: tuple[Tell, ...] = (),
    timers: tuple[At | Disarm, ...] = (),
) -> Decision:
    """Return the decision for `events`; whoever made the entry just now gets its ticket."""
    state = preview(here, context, events)
    room = events[-1].room if isinstance(events[-1], said.Admitted) else ""
    reply = ticket_after(here, state, joined.entry, joined, room) if joined else None
    return settle(here, context, events, reply=reply, tells=tells, timers=timers)


def _waiting(here: Here, context: Context) -> EntryId:
    """Return the caller's entry in line."""
    entry = here.memory.entry_of(context.caller.user)
    if entry is None:
        raise Refusal("not_found", "you have no entry here")
    status = here.shown.entries[entry].status
    if status != "waiting":
        raise Refusal("conflict", f"your entry is {status}", data={"status": status})
    return entry


def _tell_ticket(here: Here, context: Context, entry: EntryId, events: tuple[Any, ...]) -> Decision:
    reply = ticket_after(here, preview(here, context, events), entry)
    return settle(here, context, events, reply=reply)


PLACE_DECISIONS: Mapping[type[Any], Callable[[Here, Any, Context], Decision]] = {
    Join: join,
    Leave: leave,
    Hold: hold,
    Resume: resume,
    Mine: mine,
    UpcomingHours: upcoming,
    Granted: granted,
    Denied: denied,
    Elsewhere: elsewhere,
}
