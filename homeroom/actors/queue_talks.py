"""The private conversations of a queue: their rooms are convened, watched for silence, and disbanded.

A conversation in which nobody speaks for `idle_minutes` is warned of `WARN_MS` before it ends; the room tells when somebody
speaks, at most once a minute (`protocol.room.Stirred`). Both times are durable deadlines, so a restart forgets neither.
Never here: whose turn it is (`queue_line`, `queue_service`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from homeroom.actors.hours import local_day
from homeroom.actors.queue_line import Here, pace_after, settle
from homeroom.actors.queue_notices import tell_admitted, tell_warned
from homeroom.engine.behaviour import NOTHING, At, Context, Decision, Disarm, Tell
from homeroom.protocol import queue_events as said
from homeroom.protocol.presence import Disengage, Engage
from homeroom.protocol.queue import EntryId, Note
from homeroom.protocol.queue_hall import GiveUp
from homeroom.protocol.room import Convene, Disband, Person, Release, Stirred

WARN_MS = 120_000
WARN, END, LEASE = "warn.", "end.", "lease."
"""The deadlines of a conversation, and that of a claim; the room or the entry follows."""
ACTIVITY = "In office hours"
_ENDINGS: Mapping[said.Ending, str] = {
    "completed": "The conversation is finished.",
    "left": "The conversation is finished.",
    "idle": "Nobody has spoken for a while.",
}


class Admission(NamedTuple):
    """What takes entries into a room: the event, who is told, and the deadline of silence."""

    event: said.Admitted
    tells: tuple[Tell, ...]
    timers: tuple[At | Disarm, ...]


def admission(
    here: Here, context: Context, students: Mapping[EntryId, Person], assistant: Person, room: str | None = None
) -> Admission:
    """Return what takes `students` into `room` with `assistant`, or into a new one."""
    room = room or f"talk-{context.random.getrandbits(128):032x}"
    convene = Convene(f"Office hours: {here.shown.settings.title}"[:200], (assistant, *students.values()), here.address)
    tells = [Tell(f"room:{room}", convene)]
    tells += [tell_admitted(here.id, student.id, entry, room) for entry, student in students.items()]
    tells += [Tell(f"presence:{person.id}", Engage(here.address, ACTIVITY)) for person in convene.people]
    timers = (*(Disarm(LEASE + entry) for entry in students), *_watch(here, room, context.now))
    return Admission(said.Admitted(tuple(students), assistant.id, room), tuple(tells), timers)


def finish(
    here: Here, context: Context, entries: tuple[EntryId, ...], reason: said.Ending, note: Note = ""
) -> Decision:
    """Return the decision by which admitted or claimed entries are finished, and rooms with nobody left end."""
    talks = [
        context.now - here.shown.entries[entry].admitted for entry in entries if here.shown.entries[entry].admitted
    ]
    pace = pace_after(here.memory, talks if reason == "completed" else ())
    zone = here.shown.hours[0].zone if here.shown.hours else "UTC"
    students = tuple(here.memory.entries[entry].student for entry in entries)
    event = said.Completed(entries, reason, pace, note, local_day(zone, context.now), students)
    tells = (*give_up(here, entries), *leave_rooms(here, entries, _ENDINGS[reason]))
    return settle(here, context, (event,), tells=tells, timers=forget_deadlines(here, entries))


def give_up(here: Here, entries: Iterable[EntryId]) -> tuple[Tell, ...]:
    """Return the words to the hall, if the queue has one, that these students stand here no longer."""
    group = here.shown.settings.exclusive
    if not group:
        return ()
    students = ((entry, here.memory.entries[entry].student) for entry in entries)
    return tuple(Tell(f"hall:{group}", GiveUp(here.id, student, entry)) for entry, student in students)


def leave_rooms(here: Here, entries: tuple[EntryId, ...], why: str) -> tuple[Tell, ...]:
    """Return the words that end the rooms in which none but these entries are, take these out of the others, and free who is in none."""
    ending = _ending(here, entries)
    leaving = [held for entry in entries if (held := here.memory.entries[entry]).room]
    free = {held.student for held in leaving}
    busy = {talk.assistant for room, talk in here.memory.conversations.items() if room not in ending}
    free |= {here.memory.conversations[room].assistant for room in ending} - busy
    rooms = (Tell(f"room:{room}", Disband(why)) for room in ending)
    taken_out = (Tell(f"room:{held.room}", Release(held.student)) for held in leaving if held.room not in ending)
    return (*taken_out, *rooms, *(Tell(f"presence:{user}", Disengage(here.address)) for user in sorted(free)))


def forget_deadlines(here: Here, entries: tuple[EntryId, ...]) -> tuple[Disarm, ...]:
    """Return the deadlines to forget of these entries' claims, and of the conversations that end with them."""
    ending = (Disarm(key + room) for room in _ending(here, entries) for key in (WARN, END))
    return (*(Disarm(LEASE + entry) for entry in entries), *ending)


# --- silence


def stirred(here: Here, command: Stirred, context: Context) -> Decision:
    """Count the silence of a conversation anew; one that was warned of is not about to end any more."""
    talk = here.memory.conversations.get(command.room)
    if talk is None:
        return NOTHING
    events = (said.Stirred(talk.entries),) if talk.ends else ()
    return Decision(events, timers=_watch(here, command.room, context.now))


def warn(here: Here, room: str, context: Context) -> Decision:
    """Warn everybody in a conversation that it ends in `WARN_MS`."""
    talk = here.memory.conversations.get(room)
    if talk is None or talk.ends:
        return NOTHING
    until = context.now + WARN_MS
    people = {entry: here.memory.entries[entry].student for entry in talk.entries}
    tells = [tell_warned(here.id, student, entry, room, until) for entry, student in people.items()]
    tells.append(tell_warned(here.id, talk.assistant, talk.entries[0], room, until))
    return Decision((said.Warned(talk.entries, until),), tells=tuple(tells), timers=(At(END + room, until),))


def end_silent(here: Here, room: str, context: Context) -> Decision:
    """End a conversation that was warned of and stayed silent."""
    talk = here.memory.conversations.get(room)
    if talk is None or not talk.ends or context.now < talk.ends:
        return NOTHING
    return finish(here, context, talk.entries, "idle")


def _watch(here: Here, room: str, now: int) -> tuple[At | Disarm, ...]:
    idle_ms = here.shown.settings.idle_minutes * 60_000
    return At(WARN + room, now + idle_ms - WARN_MS), Disarm(END + room)


def _ending(here: Here, entries: tuple[EntryId, ...]) -> list[str]:
    """Return the rooms of which nobody is left without these entries."""
    return [room for room, talk in here.memory.conversations.items() if set(talk.entries) <= set(entries)]
