"""The read model of sittings: one row each, for the staff's lists, a student's own, and its parents'; and the seal of its timeline.

The seal is the hash of the newest record at the time of the row: with it the end of a timeline can be checked as well, which nothing after
it holds. Single answers do not write the row, so that an exam's busiest moment writes nothing twice.
Never here: who may ask (`exam`, and the rule of the list).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from homeroom.actors.asked_person import Child, asked_person
from homeroom.actors.sitting_memory import SittingMemory
from homeroom.engine.behaviour import Caller, Fact, Lookup, Row
from homeroom.engine.kind import Listing, Table
from homeroom.protocol.access import ROLES, allow
from homeroom.protocol.chat import CHAT_EVENTS
from homeroom.protocol.exam import STUDENTS_MAX, Seat, SittingRow, SittingsPage
from homeroom.protocol.grading import score
from homeroom.protocol.paging import After, Page, PageLimit, cut_page, decode_after
from homeroom.protocol.sheet import Cell, Sheet, sheet_time
from homeroom.protocol.sitting_events import AnswerSaved, Flagged, TakenOver
from homeroom.protocol.sitting_state import answered

SITTINGS = Table(
    "sittings",
    ("person",),
    {
        "person": "text", "exam": "text", "name": "text", "title": "text", "status": "text", "started": "bigint",
        "closes": "bigint", "submitted": "bigint", "reason": "text", "answered": "integer", "questions": "integer",
        "late": "integer", "score": "bigint", "most": "bigint", "released": "boolean", "sealed_seq": "bigint", "sealed": "text",
    },
    (("exam", "person"), ("person", "started")),
)  # fmt: skip
RESULTS_MAX = 2 * STUDENTS_MAX
"""Lines of a sheet: who is listed, and as many who came and were taken off the list."""
_RESULTS = ("student", "name", "status", "submitted", "reason", "answered", "questions", "late", "score", "most")
_UNWRITTEN = frozenset({AnswerSaved, Flagged, TakenOver})
_SEALS_ONLY = frozenset(CHAT_EVENTS)


def project_sitting(memory: SittingMemory, fact: Fact) -> Iterable[Row]:
    """Return the row after `fact`, once there is a paper."""
    state, kind = memory.shown, type(fact.event)
    if not state.exam or kind in _UNWRITTEN:
        return
    seal = {"sealed_seq": fact.seq, "sealed": memory.head}
    yield Row(SITTINGS.name, {"person": state.user}, seal if kind in _SEALS_ONLY else {**_values(memory), **seal})


def _values(memory: SittingMemory) -> dict[str, Any]:
    state = memory.shown
    return {
        "exam": state.exam,
        "name": state.name,
        "title": state.title,
        "status": state.status,
        "started": state.started,
        "closes": state.closes,
        "submitted": state.submitted,
        "reason": state.reason,
        "answered": answered(state),
        "questions": len(memory.paper.questions),
        "late": len(state.late),
        "score": score(memory.marks) if state.graded else None,
        "most": memory.paper.points,
        "released": state.result is not None,
    }


def read_row(row: Mapping[str, Any]) -> SittingRow:
    """Return a row as staff see it."""
    return SittingRow(
        sitting=row["stream"],
        exam=row["exam"],
        user=row["person"],
        name=row["name"],
        status=row["status"],
        started=row["started"],
        closes=row["closes"],
        submitted=row["submitted"],
        reason=row["reason"],
        answered=row["answered"],
        questions=row["questions"],
        late=row["late"],
        score=row["score"],
        most=row["most"],
        released=row["released"],
    )


def look_up_sittings(exam: str, limit: int, after: str) -> Lookup:
    """Return the question for one page of an exam's sittings, ordered by student."""

    def into(rows: list[Mapping[str, Any]]) -> SittingsPage:
        return SittingsPage(tuple(map(read_row, rows[:limit])), len(rows) > limit)

    return _of_exam(exam, into, limit + 1, ("person", after) if after else None)


def look_up_results(exam: str, seats: Mapping[str, Seat], questions: int, most: int) -> Lookup:
    """Return the question for the sheet of an exam's results, ordered by student: all sittings, and who of `seats` has none.

    `questions` are so many, worth `most`, as in the sittings.
    """

    def into(rows: list[Mapping[str, Any]]) -> Sheet:
        lines = {row["person"]: _line(row) for row in rows}
        absent = {user: _absent(user, seat, questions, most) for user, seat in seats.items() if user not in lines}
        every = sorted({**lines, **absent}.items())[:RESULTS_MAX]
        return Sheet(f"results-{exam}", _RESULTS, tuple(line for _, line in every))

    return _of_exam(exam, into, RESULTS_MAX, None)


def _line(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    cells = {**row, "student": row["person"], "submitted": sheet_time(row["submitted"])}
    return tuple(cells[name] for name in _RESULTS)


def _absent(user: str, seat: Seat, questions: int, most: int) -> tuple[Cell, ...]:
    """Return the line of a student who never came, or whose sitting has not written its row yet: nothing answered, and no points."""
    return (user, seat.name, seat.status, None, "", 0, questions, 0, None, most)


def _of_exam(exam: str, into: Callable[[list[Mapping[str, Any]]], Any], limit: int, above: Any) -> Lookup:
    return Lookup(
        SITTINGS.name,
        into,
        order="person",
        limit=limit,
        where={"exam": exam},
        above=above,
        ascending=True,
        everywhere=True,
    )


# --- one's own


class SittingsQuery(Struct, frozen=True):
    """Which sittings: one's own, or those of a child (`user`, for parents); the newest first."""

    user: Child = ""
    limit: PageLimit = 50
    after: After = ""


class OwnSitting(Struct, frozen=True):
    """A sitting as its student and the parents see it in a list; `score` is there once the result is released."""

    sitting: str
    exam: str
    title: str
    user: str
    status: str
    started: int
    submitted: int
    score: int | None
    most: int


class OwnSittings(Page[OwnSitting], frozen=True):
    """A page of them; `after` leads to the next one, empty when there is none."""


def ask_sittings(query: SittingsQuery, caller: Caller) -> Lookup:
    """`not_found` for a child that is not the caller's."""
    person = asked_person(query.user, caller)

    def into(rows: list[Mapping[str, Any]]) -> OwnSittings:
        kept, after = cut_page(rows, query.limit, "started")
        return OwnSittings(tuple(map(_read_own, kept)), after)

    beyond = decode_after(query.after, int)
    return Lookup(
        SITTINGS.name,
        into,
        order="started",
        limit=query.limit + 1,
        where={"person": person},
        everywhere=True,
        beyond=beyond,
    )


def _read_own(row: Mapping[str, Any]) -> OwnSitting:
    return OwnSitting(
        sitting=row["stream"],
        exam=row["exam"],
        title=row["title"],
        user=row["person"],
        status=row["status"],
        started=row["started"],
        submitted=row["submitted"],
        score=row["score"] if row["released"] else None,
        most=row["most"],
    )


OWN_SITTINGS = Listing(
    "/api/sittings", "sittings", SittingsQuery, OwnSittings, ask_sittings, allow(ROLES), budget="read"
)
