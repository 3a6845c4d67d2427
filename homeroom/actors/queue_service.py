"""What those who help do in a queue: claim, release, admit, skip, requeue, complete, note.

A claim is exclusive, because the queue is one actor and takes one command at a time (P18): the first to claim has the entry,
everybody else gets `conflict`. It is a lease of `LEASE_MS` that its holder renews by claiming again. The lease was chosen over asking the
presence: it says that somebody works on this entry, not that some tab is open, and it needs nobody else to be right.
Never here: what students do (`queue_places`), the rooms (`queue_talks`), and what is only looked up (`queue_looks`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeroom.actors.fitting import fit_text
from homeroom.actors.queue_line import Here, key_of, position_for, preview, returned, settle
from homeroom.actors.queue_looks import entry_row
from homeroom.actors.queue_talks import LEASE, admission, finish, forget_deadlines, leave_rooms
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Refusal
from homeroom.protocol import queue_events as said
from homeroom.protocol.access import ADMINS
from homeroom.protocol.queue import Admit, Claim, Complete, EntryId, Release, Requeue, Skip, WriteNote
from homeroom.protocol.queue_answers import Claimed, Conversation
from homeroom.protocol.queue_state import Place, head
from homeroom.protocol.room import Person

LEASE_MS = 60_000


def claim(here: Here, command: Claim, context: Context) -> Decision:
    """Take an entry, or renew the lease of one's own. `conflict` for another's, and when nobody waits; `not_found`."""
    user = context.caller.user
    entry = command.entry or _next(here)
    place = here.place(entry)
    until = context.now + LEASE_MS
    lease = At(LEASE + entry, until)
    if place.status == "claimed" and place.assistant == user:
        return Decision(reply=Claimed(entry_row(here, here.shown, entry), until), timers=(lease,))
    _check_free(entry, place)
    events = (said.Claimed(entry, user),)
    row = entry_row(here, preview(here, context, events), entry)
    return settle(here, context, events, reply=Claimed(row, until), timers=(lease,))


def release(here: Here, command: Release, context: Context) -> Decision:
    """Give an entry back; `forbidden` for another's, unless one owns the queue. One that waits is left alone."""
    place = here.place(command.entry)
    if place.status == "waiting":
        return NOTHING
    if place.status != "claimed":
        raise _conflict(command.entry, place)
    if place.assistant != context.caller.user and not _commands(here, context):
        raise Refusal("forbidden", "another assistant has claimed it", data={"assistant": place.assistant})
    back = returned(here, command.entry, "released")
    return settle(here, context, (back,), timers=(Disarm(LEASE + command.entry),))


def admit(here: Here, command: Admit, context: Context) -> Decision:
    """Take entries into a new room. `conflict` for who is in one already, is held, pending or another's, and when nobody waits."""
    caller = context.caller
    named = tuple(dict.fromkeys((*((command.entry,) if command.entry else ()), *command.entries)))
    entries = named or (_own_claim(here, caller.user) or _next(here),)
    for entry in entries:
        place = here.place(entry)
        if place.status != "claimed" or place.assistant != caller.user:
            _check_free(entry, place)
    students = {entry: Person(here.memory.entries[entry].student, here.memory.entries[entry].name) for entry in entries}
    taken = admission(here, context, students, Person(caller.user, caller.name[:200], "owner"))
    reply = Conversation(f"room:{taken.event.room}", entries, caller.user, context.now)
    return settle(here, context, (taken.event,), reply=reply, tells=taken.tells, timers=taken.timers)


def skip(here: Here, command: Skip, context: Context) -> Decision:
    """Let an entry, waiting or one's own, and the one behind it change places; behind the last there is nobody."""
    entry, place = command.entry, here.place(command.entry)
    events: tuple[Any, ...] = ()
    if place.status == "claimed" and place.assistant == context.caller.user:
        events = (returned(here, entry, "released"),)
    elif place.status != "waiting":
        raise _conflict(entry, place)
    line = preview(here, context, events).line
    position = line.index(entry) + 2
    if position <= len(line):
        events = (*events, said.Skipped(entry, position))
    return settle(here, context, events, timers=(Disarm(LEASE + entry),)) if events else NOTHING


def requeue(here: Here, command: Requeue, context: Context) -> Decision:
    """Send an admitted entry, or a claimed one of one's own, back into the line; its room ends if nobody else is in it."""
    entry, place, memory = command.entry, here.place(command.entry), here.memory
    if place.status != "admitted":
        _check_claimed(here, entry, place, context)
    ends = [key_of(memory, other) for other in here.shown.line] or [key_of(memory, entry)]
    if command.to == "front":
        rank, turn = ends[0][0], ends[0][1] - 1
    else:
        rank, turn = ends[-1][0], memory.turn + 1
    event = said.Requeued(entry, position_for(memory, (rank, turn, int(entry))), command.to, rank, turn)
    tells = leave_rooms(here, (entry,), "The conversation goes on later.")
    return settle(here, context, (event,), tells=tells, timers=forget_deadlines(here, (entry,)))


def complete(here: Here, command: Complete, context: Context) -> Decision:
    """Finish entries; `conflict` for those that wait or are another's, `bad_command` when none is named."""
    entries = tuple(dict.fromkeys((*((command.entry,) if command.entry else ()), *command.entries)))
    if not entries:
        raise Refusal("bad_command", "name an entry", data={"field": "entries", "allowed": "at least one"})
    for entry in entries:
        place = here.place(entry)
        if place.status != "admitted":
            _check_claimed(here, entry, place, context)
    note = fit_text("note", command.note) if command.note.strip() else ""
    return finish(here, context, entries, "completed", note)


def write_note(here: Here, command: WriteNote, context: Context) -> Decision:
    """Write a note to an open entry; the same text again is nothing, an empty one takes the note away."""
    here.place(command.entry)
    text = fit_text("text", command.text) if command.text.strip() else ""
    same = here.memory.entries[command.entry].note == text
    return NOTHING if same else Decision((said.Noted(command.entry, text),))


def lapse(here: Here, entry: EntryId, context: Context) -> Decision:
    """Put a claimed entry back at its place when its lease has run out (row E9)."""
    place = here.shown.entries.get(entry)
    if place is None or place.status != "claimed":
        return NOTHING
    return settle(here, context, (returned(here, entry, "assistant_gone"),))


# --- what several of them need


def _next(here: Here) -> EntryId:
    """Return who is next; `conflict` when nobody is."""
    entry = head(here.shown)
    if entry is None:
        raise Refusal("conflict", "nobody waits")
    return entry


def _own_claim(here: Here, user: str) -> EntryId | None:
    claimed = (entry for entry, place in here.shown.entries.items() if place.status == "claimed")
    return next((entry for entry in claimed if here.shown.entries[entry].assistant == user), None)


def _check_free(entry: EntryId, place: Place) -> None:
    """Raise `conflict` unless an entry stands in line and is not held."""
    if place.status != "waiting":
        raise _conflict(entry, place)
    if place.held:
        raise Refusal("conflict", "its student holds the place and is not to be called", data={"entry": entry})


def _check_claimed(here: Here, entry: EntryId, place: Place, context: Context) -> None:
    """Raise `conflict` unless an entry is claimed, by the caller or where the caller owns the queue."""
    own = place.assistant == context.caller.user or _commands(here, context)
    if place.status != "claimed" or not own:
        raise _conflict(entry, place)


def _conflict(entry: EntryId, place: Place) -> Refusal:
    data = {"entry": entry, "status": place.status, "assistant": place.assistant}
    by = f" by {place.assistant}" if place.assistant else ""
    return Refusal("conflict", f"the entry is {place.status}{by}", data=data)


def _commands(here: Here, context: Context) -> bool:
    return context.caller.user == here.shown.owner or context.caller.role in ADMINS


SERVICE_DECISIONS: Mapping[type[Any], Callable[[Here, Any, Context], Decision]] = {
    Claim: claim,
    Release: release,
    Admit: admit,
    Skip: skip,
    Requeue: requeue,
    Complete: complete,
    WriteNote: write_note,
}
