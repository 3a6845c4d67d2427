"""What those who run a queue may look at: everybody with an entry, the conversations, the figures, the past.

The stream shows none of this (`protocol.queue_events`); it is asked for by verbs, and kept in read models of which only those who
may ask see anything. Never here: the rows of the read models (`queue_history`).
"""

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from homeroom.actors.hours import local_day
from homeroom.actors.queue_history import look_up_helped, look_up_history
from homeroom.actors.queue_line import Here
from homeroom.engine.behaviour import Context, Decision
from homeroom.protocol.queue import AskHistory, AskStatistics, EntryId, ListConversations, ListEntries, ListHelped
from homeroom.protocol.queue_answers import Conversation, Conversations, EntryRow, EntryRows, Statistics
from homeroom.protocol.queue_state import QueueState


def entry_row(here: Here, state: QueueState, entry: EntryId) -> EntryRow:
    """Return an open entry as those who help see it in `state`."""
    held, place = here.memory.entries[entry], state.entries[entry]
    return EntryRow(
        entry=entry,
        student=held.student,
        name=held.name,
        status=place.status,
        joined=place.joined,
        position=state.line.index(entry) + 1 if entry in state.line else 0,
        held=place.held,
        question=held.question,
        topic=held.topic,
        helped=here.memory.helped.get(held.student, 0),
        assistant=place.assistant,
        room=f"room:{held.room}" if held.room else "",
        note=held.note,
        admitted=place.admitted,
    )


def entries(here: Here, command: ListEntries, context: Context) -> Decision:
    """Reply with all open entries, the line first and in its order."""
    line = here.shown.line
    others = [entry for entry in here.shown.entries if entry not in set(line)]
    return Decision(reply=EntryRows(tuple(entry_row(here, here.shown, entry) for entry in (*line, *others))))


def conversations(here: Here, command: ListConversations, context: Context) -> Decision:
    """Reply with the conversations that go on, the oldest first."""
    talks = here.memory.conversations.items()
    rows = (Conversation(f"room:{room}", talk.entries, talk.assistant, talk.since, talk.ends) for room, talk in talks)
    return Decision(reply=Conversations(tuple(rows)))


def statistics(here: Here, command: AskStatistics, context: Context) -> Decision:
    """Reply with the figures of today and of the newest waits and conversations."""
    memory, places = here.memory, list(here.shown.entries.values())
    zone = here.shown.hours[0].zone if here.shown.hours else "UTC"
    statuses = [place.status for place in places]
    reply = Statistics(
        in_line=len(here.shown.line),
        held=sum(place.held for place in places),
        claimed=statuses.count("claimed"),
        admitted=statuses.count("admitted"),
        served_today=memory.served if memory.day == local_day(zone, context.now) else 0,
        students_helped=len(memory.helped),
        waits=len(memory.waits),
        median_wait_ms=_median(memory.waits),
        conversations=len(memory.talks),
        median_talk_ms=_median(memory.talks),
    )
    return Decision(reply=reply)


def helped(here: Here, command: ListHelped, context: Context) -> Decision:
    """Look up who was helped how often."""
    return Decision(lookup=look_up_helped(command))


def history(here: Here, command: AskHistory, context: Context) -> Decision:
    """Look up past entries."""
    return Decision(lookup=look_up_history(command))


def _median(values: list[int]) -> int | None:
    return round(median(values)) if values else None


LOOK_DECISIONS: Mapping[type[Any], Callable[[Here, Any, Context], Decision]] = {
    ListEntries: entries,
    ListConversations: conversations,
    AskStatistics: statistics,
    ListHelped: helped,
    AskHistory: history,
}
