"""What must hold when all is quiet: what was promised to people, and what actors told each other, compared with the journal.

    P17  an acknowledged answer is in the sitting; it is submitted at its deadline, whoever was down then   `_sittings`
    P18  one open entry a student, in whatever queue; rooms for all who were admitted                       `_halls`, `_queues`
    P10  messages between actors are carried out once each, and each has its effect                         `_messages`, `_notices`

Rules of this file: as those of `promises`, whose checks are made once more. Never here: noting complaints (`judge`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from homeroom.actors.board_people import Person
from homeroom.actors.exam_memory import Hall
from homeroom.actors.session_attendance import INTERVALS, union_ms
from homeroom.actors.session_memory import total_ms
from homeroom.engine.behaviour import Fact
from homeroom.protocol import session_words as words
from homeroom.protocol.board import Scored
from homeroom.protocol.inbox import Notified, Notify
from homeroom.protocol.queue_events import Admitted
from homeroom.protocol.sitting import GRACE_MS
from homeroom.protocol.sitting_chain import ChainRecord, Checker
from homeroom.protocol.stored import StoredWire
from tests.simulation.orders import Order
from tests.simulation.promises import check, standing_in
from tests.simulation.truth import Stream, Truth

SLACK_MS = 2_000
"""A deadline may be carried out so much later by a server that is up."""


def reckon(truth: Truth, orders: Iterable[Order], now: int) -> Iterator[str]:
    """Return everything that is wrong at the end, at `now` (Unix ms), when nobody does anything any more."""
    told = [order for order in orders if order.fate == "acknowledged"]
    for stream in truth.streams():
        for complaint in check(stream, truth):
            yield f"{stream.name}: {complaint}"
    yield from _messages(truth)
    yield from _notices(truth)
    yield from _sessions(truth, now)
    yield from _halls(truth)
    yield from _queues(truth)
    yield from _sittings(truth, told, now)
    yield from _exams(truth, now)
    yield from _boards(truth, told)
    yield from _personas(truth)


# --- what actors told each other


def _messages(truth: Truth) -> Iterator[str]:
    for number, message in truth.store.sent.items():
        if not truth.store.carried[number]:
            yield f"message {number}, {message.do} to {message.to} from {message.source}, was never carried out"
    for number in truth.store.doubled:
        message = truth.store.sent[number]
        yield f"message {number}, {message.do} to {message.to} from {message.source}, was carried out once more"


def _notices(truth: Truth) -> Iterator[str]:
    """Look for notices that are there twice, and for those that an actor sent and that never came."""
    wire, keys = StoredWire(), {stream.name: _keys_of(stream) for stream in truth.streams("inbox:")}
    for name, found in keys.items():
        for key, times in found.items():
            if times > 1:
                yield f"{name} was told {key} {times} times"
    for message in truth.store.sent.values():
        key = wire.decode(message.body, Notify).key if message.do == Notify.do else ""
        if key and not keys.get(message.to, Counter())[key]:
            yield f"{message.to} was never told {key}"


def _keys_of(stream: Stream) -> Counter[str]:
    events = (fact.event for fact in stream.facts())
    return Counter(event.key for event in events if isinstance(event, Notified) and event.key)


# --- sessions


def _sessions(truth: Truth, now: int) -> Iterator[str]:
    """Compare the attendance that a session tells with the union of its intervals, and those of the read model."""
    for stream in truth.streams("session:"):
        memory, rows = stream.behaviour().state, truth.store.peek(stream.name).rows.get(INTERVALS.name, {})
        right = _intervals(stream.facts(), now)
        for user, visits in memory.ledger.items():
            total, union = total_ms(visits, now), union_ms(right.get(user, {}).values())
            kept = union_ms((row["joined"], row["gone"] or now) for key, row in rows.items() if key[0] == user)
            if not total == union == kept:
                yield f"{stream.name} counts {total} ms for {user}, there were {union}, written down are {kept}"


def _intervals(facts: Iterable[Fact], now: int) -> Mapping[str, dict[int, tuple[int, int]]]:
    """Return each person's intervals by their number, from the events alone; what goes on lasts until `now`."""
    found: dict[str, dict[int, tuple[int, int]]] = {}
    open_until = now
    for fact in facts:
        event: Any = fact.event
        if isinstance(event, words.ParticipantJoined):
            mine = found.setdefault(event.user, {})
            mine[len(mine)] = (fact.at, open_until)
        elif isinstance(event, words.ParticipantLost):
            _reach(found[event.user], event.at)
        elif isinstance(event, words.ParticipantReturned):
            _go_on(found[event.user], fact.at, open_until)
        elif isinstance(event, words.ParticipantLeft):
            _reach(found[event.user], fact.at)
        elif isinstance(event, words.Ended | words.Cancelled):
            for mine in found.values():
                _reach(mine, fact.at)
    return found


def _reach(mine: dict[int, tuple[int, int]], at: int) -> None:
    """End the newest interval at `at`, unless it has ended before."""
    joined, left = mine[len(mine) - 1]
    mine[len(mine) - 1] = (joined, min(left, at))


def _go_on(mine: dict[int, tuple[int, int]], at: int, until: int) -> None:
    joined, left = mine[len(mine) - 1]
    mine[len(mine) - 1] = (at if left == joined else joined, until)


# --- office hours


def _halls(truth: Truth) -> Iterator[str]:
    standing: dict[str, dict[str, str]] = {}
    for group, student, queue in standing_in(truth):
        standing.setdefault(group, {})[student] = queue
    for stream in truth.streams("hall:"):
        told = stream.behaviour().state.standing
        if told != standing.get(stream.id, {}):
            yield f"{stream.name} knows of {told}, in line are {standing.get(stream.id, {})}"


def _queues(truth: Truth) -> Iterator[str]:
    for stream in truth.streams("queue:"):
        pending = [
            entry for entry, place in stream.behaviour().state.shown.entries.items() if place.status == "pending"
        ]
        if pending:
            yield f"{stream.name} still waits for the hall: {pending}"
        for room in {fact.event.room for fact in stream.facts() if isinstance(fact.event, Admitted)}:
            made = truth.stream(f"room:{room}").behaviour().state
            if made.convener != stream.name:
                yield f"{stream.name} admitted somebody into {room}, which {made.convener!r} made"


# --- exams


def _sittings(truth: Truth, told: Iterable[Order], now: int) -> Iterator[str]:
    for stream in truth.streams("sitting:"):
        shown, checker = stream.behaviour().state.shown, Checker(stream.name)
        for record in stream.records:
            checker.take(ChainRecord(record.seq, record.at, record.type, record.by, record.body))
        if checker.verdict.place:
            yield f"the chain of {stream.name} is broken: {checker.verdict}"
        if shown.status == "running" and not shown.paused and now > shown.closes + GRACE_MS + SLACK_MS:
            yield f"{stream.name} was to be submitted at {shown.closes}, and it is {now}"
    for order in told:
        if (order.do, order.to.partition(":")[0]) == ("answer", "sitting") and order.reply["saved"]:
            yield from _answer(truth, order)


def _answer(truth: Truth, order: Order) -> Iterator[str]:
    """Look for an answer that was acknowledged: it is there unless a newer one, or one that was let count, is."""
    question, rev, value = (order.arguments[name] for name in ("question", "rev", "value"))
    kept = truth.stream(order.to).behaviour().state.shown.answers.get(question)
    if kept is None or kept.rev < rev or (kept.rev == rev and kept.value != value and kept.verdict != "admitted"):
        yield f"{order.client} was told that {question} is {value!r} ({rev}) at {order.to}, where {kept} stands"


def _exams(truth: Truth, now: int) -> Iterator[str]:
    """Compare what an exam knows of its sittings with these."""
    for stream in truth.streams("exam:"):
        memory = stream.behaviour().state
        due = Hall(stream.id, memory).ends(now) if memory.shown.status in {"published", "open"} else 0
        if due and now > due + SLACK_MS:
            yield f"{stream.name} was to close at {due}, and it is {now}"
        for user, seat in memory.seats.items():
            shown = truth.stream(f"sitting:{stream.id}.{user}").behaviour().state.shown
            same = seat.status == shown.status and (seat.status != "running" or seat.closes == shown.closes)
            if seat.begun and shown.reason != "expelled" and not same:
                yield f"{stream.name} knows {user} as {seat}, who is {shown.status} until {shown.closes}"


# --- boards


def _boards(truth: Truth, told: Iterable[Order]) -> Iterator[str]:
    """Look for points that were acknowledged and do not count, or count twice."""
    ledgers = {stream.name: _ledgers(stream) for stream in truth.streams("board:")}
    for name, people in ledgers.items():
        for user, ledger in people.items():
            counted = sum(one.points for one in ledger.values())
            has = truth.stream(name).behaviour().state.people[user].points
            if has != counted:
                yield f"{user} has {has} points at {name}, counted are {counted}"
    for order in told:
        source = order.arguments.get("source", "")
        if order.do == "score" and order.client.partition("/")[2] in source:  # else others gave points for it too
            found = ledgers[order.to].get(order.arguments["user"], {}).get(source)
            if found is None or found.points != order.arguments["points"]:
                yield f"{order.client} was told that {source} counts at {order.to}, where {found} stands"


def _personas(truth: Truth) -> Iterator[str]:
    """Look for a choice that holds on one board and not on another."""
    for stream in truth.streams("persona:"):
        chosen = stream.behaviour().state
        for board in chosen.boards:
            person = truth.stream(f"board:{board}").behaviour().state.people.get(stream.id, Person())
            if person.out != chosen.out or bool(person.alias) != bool(chosen.alias):
                yield f"{stream.id} chose {chosen}, and is {person} at board:{board}"


def _ledgers(stream: Stream) -> Mapping[str, Mapping[str, Any]]:
    """Return what the newest event of each person says was counted, by source."""
    found: dict[str, Mapping[str, Any]] = {}
    behaviour = stream.blueprint.fresh(stream.name)
    seqs: dict[str, int] = {}
    for fact in stream.facts():
        behaviour.apply(fact)
        if isinstance(fact.event, Scored):
            seqs = {user: one.seq for user, one in behaviour.state.people.items()}
            found |= {user: fact.event.ledger or {} for user, seq in seqs.items() if seq == fact.seq}
    return found
