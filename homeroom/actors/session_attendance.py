"""The attendance of a class session: kept by itself, a row an interval, and told to those whom it concerns.

Totals come from the memory of the session, at any time and to the millisecond; the ledger, from the read model, which holds every
interval from the transaction of the event that opened, closed or reopened it. Both tell the same (`union_ms`).
The owner and admins see everybody, others themselves, parents their children (requirements 1.9 #14).
Never here: when an interval begins and ends (`session_memory`, `session_people`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from homeroom.actors.session_memory import SessionMemory, Visits, leads, total_ms
from homeroom.engine.behaviour import Caller, Decision, Fact, Lookup, Row
from homeroom.engine.kind import Table
from homeroom.protocol.session_state import AttendanceList, Attended, Participant
from homeroom.protocol.session_words import (
    Cancelled,
    Ended,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLost,
    ParticipantReturned,
)
from homeroom.protocol.sheet import Sheet, sheet_time

INTERVALS = Table(
    "session_attendance",
    ("person", "number"),
    {
        "person": "text", "number": "integer", "name": "text", "role": "text",
        "joined": "bigint", "gone": "bigint", "reason": "text",
    },
    indexes=(("person", "joined"),),
)  # fmt: skip
"""`gone` is empty while the interval goes on; times are Unix ms."""
SHEET_ROWS = 20_000
COLUMNS = ("person", "name", "role", "joined", "left", "reason", "seconds", "total_seconds")


def union_ms(intervals: Iterable[tuple[int, int]]) -> int:
    """Return how long at least one of `intervals`, each from one time to another in ms, went on."""
    total, reached = 0, 0
    for joined, gone in sorted(intervals):
        total += max(0, gone - max(joined, reached))
        reached = max(reached, gone)
    return total


def look_at_attendance(memory: SessionMemory, caller: Caller, now: int) -> Decision:
    """Return the totals that `caller` may see."""
    shown = memory.shown
    concerned = _concerned(memory, caller)
    people = sorted(shown.people.items(), key=lambda each: (each[1].joined, each[0]))
    seen = (each for each in people if concerned is None or each[0] in concerned)
    attended = tuple(_attended(user, person, memory.ledger[user], now) for user, person in seen)
    return Decision(reply=AttendanceList(attended, shown.status in ("ended", "cancelled")))


def look_at_ledger(id: str, memory: SessionMemory, caller: Caller, now: int) -> Decision:
    """Return the question for the intervals that `caller` may see, as a sheet; one that goes on counts up to `now`."""
    concerned = _concerned(memory, caller)
    totals = {user: total_ms(visits, now) for user, visits in memory.ledger.items()}

    def into(rows: list[Mapping[str, Any]]) -> Sheet:
        seen = (row for row in rows if concerned is None or row["person"] in concerned)
        return Sheet(f"attendance-{id}", COLUMNS, tuple(_line(row, totals, now) for row in seen))

    where = {"person": next(iter(concerned))} if concerned is not None and len(concerned) == 1 else {}
    return Decision(lookup=Lookup(INTERVALS.name, into, "joined", SHEET_ROWS, where, ascending=True))


def project_attendance(fact: Fact, memory: SessionMemory) -> Iterable[Row]:
    """Return the changes of intervals that `fact` causes; `memory` is the one after it."""
    event = fact.event
    if isinstance(event, ParticipantJoined | ParticipantLost | ParticipantReturned | ParticipantLeft):
        yield _row(event.user, memory)
    elif isinstance(event, Ended | Cancelled):
        reason = "ended" if isinstance(event, Ended) else "cancelled"
        for user, visits in memory.ledger.items():
            if (visits.left, visits.reason) == (fact.at, reason):
                yield _row(user, memory)


def _concerned(memory: SessionMemory, caller: Caller) -> frozenset[str] | None:
    """Return whose attendance `caller` may see; `None`: everybody's."""
    return None if leads(memory, caller) else caller.wards | {caller.user}


def _attended(user: str, person: Participant, visits: Visits, now: int) -> Attended:
    return Attended(user, person.role, person.name, total_ms(visits, now), visits.count, visits.first, visits.left)


def _row(user: str, memory: SessionMemory) -> Row:
    visits, person = memory.ledger[user], memory.shown.people[user]
    values = {
        "name": person.name,
        "role": person.role,
        "joined": visits.joined,
        "gone": visits.left or None,
        "reason": visits.reason or None,
    }
    return Row(INTERVALS.name, {"person": user, "number": visits.count}, values)


def _line(row: Mapping[str, Any], totals: Mapping[str, int], now: int) -> tuple[Any, ...]:
    """Return one interval: times in UTC, lengths in whole seconds."""
    gone = row["gone"]
    seconds = ((gone or now) - row["joined"]) // 1_000
    total = totals.get(row["person"], 0) // 1_000
    joined, left = sheet_time(row["joined"]), sheet_time(gone)
    return (row["person"], row["name"], row["role"], joined, left, row["reason"], seconds, total)
