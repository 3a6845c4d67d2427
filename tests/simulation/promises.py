"""What must hold of each kind at every moment at which something has become durable, from the durable state alone.

Rules of this file: a check is a generator of complaints, one line each, and looks at nothing but the journal (`Stream`, `Truth`). All
are cheap enough to be made after every event. Never here: what must hold only when all is quiet (`reckoning`), and noting
complaints (`judge`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from homeroom.actors.board_people import mark_of, stands
from homeroom.actors.inbox_memory import unread_of
from homeroom.actors.sitting_clock import DEADLINE
from homeroom.protocol.group_state import admins_of
from homeroom.protocol.queue_state import look_out
from homeroom.protocol.session_state import SessionState, seats_taken
from homeroom.protocol.sitting import GRACE_MS
from tests.simulation.truth import Stream, Truth

Check = Callable[[Stream, Truth], Iterator[str]]


def check(stream: Stream, truth: Truth) -> Iterator[str]:
    """Return what is wrong with one stream now."""
    promises = PROMISES.get(stream.kind)
    if promises is not None:
        yield from promises(stream, truth)


def standing_in(truth: Truth) -> Iterator[tuple[str, str, str]]:
    """Return every open entry of every queue whose students may stand in no other: its group, student and queue."""
    for queue in truth.streams("queue:"):
        memory = queue.behaviour().state
        for entry, held in memory.entries.items():
            if memory.shown.settings.exclusive and memory.shown.entries[entry].status != "pending":
                yield memory.shown.settings.exclusive, held.student, queue.id


def _session(stream: Stream, truth: Truth) -> Iterator[str]:
    memory = stream.behaviour().state
    shown = memory.shown
    inside = {user for user, one in shown.people.items() if one.standing != "gone"}
    if shown.capacity and seats_taken(shown) > shown.capacity:
        yield f"{seats_taken(shown)} seats of {shown.capacity} are taken"
    if shown.status in {"ended", "cancelled"} and inside:
        yield f"{sorted(inside)} are in it although it is {shown.status}"
    if memory.ledger.keys() != shown.people.keys():
        yield f"its ledger knows {sorted(memory.ledger)}, came have {sorted(shown.people)}"
    for user, one in shown.people.items():
        if (one.standing == "here") != (not memory.ledger[user].left):
            yield f"{user} is {one.standing} and in the ledger until {memory.ledger[user].left}"
    if memory.roster.keys() & memory.barred.keys() or shown.enrolled != len(memory.roster):
        yield f"its list counts {shown.enrolled}: {sorted(memory.roster)}, barred {sorted(memory.barred)}"
    yield from _floor(shown)


def _floor(shown: SessionState) -> Iterator[str]:
    """Look for people who count twice: among the hands, behind a question, in a poll."""
    if len(set(shown.hands)) != len(shown.hands):
        yield f"somebody has two hands: {shown.hands}"
    for question in shown.questions.values():
        if len({*question.upvoters, question.by}) != len(question.upvoters) + 1:
            yield f"a question counts somebody twice: {question}"
    for poll in shown.polls.values():
        if not poll.anonymous and not poll.multiple and sum(poll.counts) != poll.voters:
            yield f"a poll counts {poll.counts} of {poll.voters} voters"


def _group(stream: Stream, truth: Truth) -> Iterator[str]:
    shown = stream.behaviour().state.shown
    if len(shown.members) > shown.max_members:
        yield f"{len(shown.members)} are in a group of {shown.max_members}"
    if not shown.deleted and not admins_of(shown):
        yield "nobody leads the group"
    if (
        shown.members.keys() & (shown.invited.keys() | shown.barred.keys())
        or shown.invited.keys() & shown.barred.keys()
    ):
        yield f"somebody is two things to the group: {sorted(shown.members)} {shown.invited} {shown.barred}"


def _queue(stream: Stream, truth: Truth) -> Iterator[str]:
    memory = stream.behaviour().state
    shown, deadlines = memory.shown, stream.deadlines
    students = [held.student for held in memory.entries.values()]
    if len(students) != len(set(students)):
        yield f"somebody has two open entries: {students}"
    waiting = sorted(entry for entry, place in shown.entries.items() if place.status == "waiting")
    if sorted(shown.line) != waiting or len(shown.entries) > shown.settings.capacity:
        yield f"in line are {shown.line}, waiting {waiting}, {len(shown.entries)} in all"
    if [look_out(shown, entry).position for entry in shown.line] != [*range(1, len(shown.line) + 1)]:
        yield f"positions are not 1 to {len(shown.line)}"
    for entry, place in shown.entries.items():
        if bool(place.assistant) != (place.status in {"claimed", "admitted"}):
            yield f"entry {entry} is {place.status}, of {place.assistant!r}"
        if (f"lease.{entry}" in deadlines) != (place.status == "claimed"):
            yield f"entry {entry} is {place.status}, deadlines are {sorted(deadlines)}"
    for room in memory.conversations:
        if not {f"warn.{room}", f"end.{room}"} & deadlines.keys():
            yield f"nothing ends the conversation {room}: {sorted(deadlines)}"
    yield from _alone(truth)


def _alone(truth: Truth) -> Iterator[str]:
    """Look for somebody who stands in two queues of one group."""
    places: dict[tuple[str, str], str] = {}
    for group, student, queue in standing_in(truth):
        other = places.setdefault((group, student), queue)
        if other != queue:
            yield f"{student} stands in {other} and in {queue}"


def _inbox(stream: Stream, truth: Truth) -> Iterator[str]:
    memory = stream.behaviour().state
    unread = [notice.id for notice in memory.shown.notices if not notice.read]
    if not memory.shown.unread == len(unread_of(memory)) == len(memory.older) + len(unread):
        yield f"{memory.shown.unread} count as unread, but {len(memory.older)} and {unread} are"
    if not {str(seq) for seq in memory.held} <= {*unread, *map(str, memory.older)}:
        yield f"{sorted(memory.held)} are kept back, and {unread} unread"


def _board(stream: Stream, truth: Truth) -> Iterator[str]:
    memory = stream.behaviour().state
    there = [(mark_of(user, one), one.n) for user, one in memory.people.items() if stands(one, memory.number)]
    right = [number for _, number in sorted(there)]
    if [entry.entry for entry in memory.shown.top] != right or memory.shown.entries != len(right):
        yield f"the board shows {[entry.entry for entry in memory.shown.top]} of {memory.shown.entries}, in order are {right}"


def _exam(stream: Stream, truth: Truth) -> Iterator[str]:
    memory = stream.behaviour().state
    shown = memory.shown
    if not 0 <= shown.submitted <= shown.started:
        yield f"{shown.submitted} of {shown.started} are submitted"
    if not shown.participants.keys() <= memory.seats.keys():
        yield f"{sorted(shown.participants)} take part, listed are {sorted(memory.seats)}"
    if shown.enrolled != len(memory.seats):
        yield f"{shown.enrolled} count as listed, {sorted(memory.seats)} are"


def _sitting(stream: Stream, truth: Truth) -> Iterator[str]:
    shown: Any = stream.behaviour().state.shown
    armed = stream.deadlines.get(DEADLINE, 0)
    right = shown.closes + GRACE_MS if shown.status == "running" and not shown.paused else 0
    if armed != right:
        yield f"it is {shown.status} until {shown.closes}, paused {shown.paused}, and its deadline is {armed}"


PROMISES: Mapping[str, Check] = {
    "session": _session,
    "group": _group,
    "queue": _queue,
    "inbox": _inbox,
    "board": _board,
    "exam": _exam,
    "sitting": _sitting,
}
