"""The state of a queue on the wire, what an event does to it, and the estimates that follow from it.

`reduce_queue` serves the actor and every client alike. A client finds its own position in `line` by the number of its entry, and
its estimate by `look_out`; both change with the events, so nothing needs to be asked again.
Never here: who stands behind an entry (`actors.queue_memory`), and the words (`queue`, `queue_events`).
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from homeroom.protocol import queue_events as said
from homeroom.protocol.chat_state import Happening
from homeroom.protocol.hours import Hours
from homeroom.protocol.ids import Millis
from homeroom.protocol.queue import Settings, Status
from homeroom.protocol.queue_answers import Estimate

_UNMADE = Settings("-")


class Place(Struct, frozen=True, omit_defaults=True):
    """An open entry as everybody sees it. `ends`: when its conversation ends unless somebody speaks, 0 before the warning."""

    status: Status
    joined: Millis
    held: bool = False
    assistant: str = ""
    admitted: Millis = 0
    ends: Millis = 0


class QueueState(Struct):
    """A queue as its subscribers see it, the same for each of them. `created` is 0 while it does not exist.

    `changed` is when it was opened or closed last, 0 before; `line` holds the numbers of those who wait, in order, the held among them.
    """

    settings: Settings = _UNMADE
    owner: str = ""
    owner_name: str = ""
    created: Millis = 0
    status: Literal["open", "closed"] = "closed"
    changed: Millis = 0
    assistants: dict[str, str] = field(default_factory=dict)
    hours: tuple[Hours, ...] = ()
    entries: dict[str, Place] = field(default_factory=dict)
    line: list[str] = field(default_factory=list)
    pace: said.Pace | None = None
    announcement: str = ""
    announced: Millis = 0


def reduce_queue(state: QueueState, fact: Happening) -> None:
    """Let `fact` change `state`; an unknown event changes nothing, so that an old client outlives a new server."""
    change = _CHANGES.get(type(fact.event))
    if change is not None:
        change(state, fact, fact.event)


def show_queue(state: QueueState) -> QueueState:
    """Return a copy of `state` that later changes do not reach."""
    return replace(state, assistants=dict(state.assistants), entries=dict(state.entries), line=list(state.line))


class Outlook(NamedTuple):
    """Where an entry stands, from 1 (0: not in line), and how long its wait may be, if anything is known of that."""

    position: int
    estimate: Estimate | None


def look_out(state: QueueState, entry: str) -> Outlook:
    """Return what is known of the wait of `entry`.

    At best those who help are about to be free, whoever holds stays away, and every conversation is one of the shorter ones; at
    worst they have just begun one, all resume, and every conversation is one of the longer ones. Nobody knows how many
    help; those who have somebody now are counted, and one at least. Without a basis there is no estimate.
    """
    if entry not in state.line:
        return Outlook(0, None)
    ahead = state.line.index(entry)
    if state.pace is None:
        return Outlook(ahead + 1, None)
    active = sum(not state.entries[other].held for other in state.line[:ahead])
    helpers = max(len({place.assistant for place in state.entries.values() if place.assistant}), 1)
    low = active // helpers * state.pace.low_ms
    high = -(-(ahead + helpers) // helpers) * state.pace.high_ms
    return Outlook(ahead + 1, Estimate(low, high, state.pace.basis))


def head(state: QueueState) -> str | None:
    """Return who is next: the first in line who does not hold."""
    return next((entry for entry in state.line if not state.entries[entry].held), None)


# --- what an event does to the state


def _created(state: QueueState, fact: Happening, e: said.Created) -> None:
    state.settings, state.owner, state.owner_name, state.created = e.settings, e.owner, e.owner_name, fact.at


def _edited(state: QueueState, fact: Happening, e: said.Edited) -> None:
    state.settings = e.settings


def _appointed(state: QueueState, fact: Happening, e: said.Appointed) -> None:
    state.assistants[e.user] = e.name


def _retired(state: QueueState, fact: Happening, e: said.Retired) -> None:
    state.assistants.pop(e.user, None)


def _scheduled(state: QueueState, fact: Happening, e: said.Scheduled) -> None:
    state.hours = e.hours


def _opened(state: QueueState, fact: Happening, e: said.Opened) -> None:
    state.status, state.changed = "open", fact.at


def _closed(state: QueueState, fact: Happening, e: said.Closed) -> None:
    state.status, state.changed = "closed", fact.at


def _announced(state: QueueState, fact: Happening, e: said.Announced) -> None:
    state.announcement, state.announced = e.text, fact.at


def _reordered(state: QueueState, fact: Happening, e: said.Reordered) -> None:
    state.line = list(e.line)


def _joined(state: QueueState, fact: Happening, e: said.Joined) -> None:
    state.entries[e.entry] = Place("waiting" if e.position else "pending", fact.at)
    if e.position:
        state.line.insert(e.position - 1, e.entry)


def _placed(state: QueueState, fact: Happening, e: said.Confirmed | said.Returned | said.Requeued) -> None:
    """Put an entry into the line, held no longer and nobody's."""
    state.entries[e.entry] = Place("waiting", state.entries[e.entry].joined)
    state.line.insert(e.position - 1, e.entry)


def _held(state: QueueState, fact: Happening, e: said.Held) -> None:
    state.entries[e.entry] = replace(state.entries[e.entry], held=True)


def _resumed(state: QueueState, fact: Happening, e: said.Resumed) -> None:
    state.entries[e.entry] = replace(state.entries[e.entry], held=False)


def _claimed(state: QueueState, fact: Happening, e: said.Claimed) -> None:
    state.line.remove(e.entry)
    state.entries[e.entry] = replace(state.entries[e.entry], status="claimed", held=False, assistant=e.assistant)


def _skipped(state: QueueState, fact: Happening, e: said.Skipped) -> None:
    state.line.remove(e.entry)
    state.line.insert(e.position - 1, e.entry)


def _admitted(state: QueueState, fact: Happening, e: said.Admitted) -> None:
    for entry in e.entries:
        if entry in state.line:
            state.line.remove(entry)
        state.entries[entry] = Place("admitted", state.entries[entry].joined, assistant=e.assistant, admitted=fact.at)


def _completed(state: QueueState, fact: Happening, e: said.Completed) -> None:
    for entry in e.entries:
        state.entries.pop(entry, None)
    state.pace = e.pace or state.pace


def _left(state: QueueState, fact: Happening, e: said.Left) -> None:
    state.entries.pop(e.entry, None)
    if e.entry in state.line:
        state.line.remove(e.entry)


def _warned(state: QueueState, fact: Happening, e: said.Warned) -> None:
    for entry in e.entries:
        state.entries[entry] = replace(state.entries[entry], ends=e.until)


def _stirred(state: QueueState, fact: Happening, e: said.Stirred) -> None:
    for entry in e.entries:
        state.entries[entry] = replace(state.entries[entry], ends=0)


_CHANGES: dict[type[Any], Callable[[QueueState, Any, Any], None]] = {
    said.Created: _created,
    said.Edited: _edited,
    said.Appointed: _appointed,
    said.Retired: _retired,
    said.Scheduled: _scheduled,
    said.Opened: _opened,
    said.Closed: _closed,
    said.Announced: _announced,
    said.Reordered: _reordered,
    said.Joined: _joined,
    said.Confirmed: _placed,
    said.Held: _held,
    said.Resumed: _resumed,
    said.Claimed: _claimed,
    said.Returned: _placed,
    said.Skipped: _skipped,
    said.Requeued: _placed,
    said.Admitted: _admitted,
    said.Completed: _completed,
    said.Left: _left,
    said.Warned: _warned,
    said.Stirred: _stirred,
}
