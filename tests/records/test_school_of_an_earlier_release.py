"""A school that an earlier release has kept: what its read models lack is there soon after the start, once, while the school runs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from homeroom.actors.kinds import KINDS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.clock import TrioClock
from homeroom.engine.database import Database
from homeroom.engine.envelope import Answer, Done
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.engine.migrate import migrate
from homeroom.engine.restating import Restating
from homeroom.house import MIGRATIONS
from homeroom.protocol.exam import Create as CreateExam
from homeroom.protocol.exam import Person, Publish
from homeroom.protocol.inbox import MarkRead, Notify
from homeroom.protocol.session_lists import ListSessions
from homeroom.protocol.session_words import AdmitEarly, Create, Enroll, Join
from homeroom.protocol.zones import find_zone
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.school.grading_tasks import GRADING_TASK
from tests.actors.exams import CAPITAL, PI
from tests.actors.school import Onlooker, School, open_kept_school, open_school
from tests.records.counted import ZONE
from tests.records.school_rows import AT, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

TESS = dataclasses.replace(CALLERS["tess"], places=frozenset({"course:cs1"}))
ANN = dataclasses.replace(CALLERS["ann"], places=frozenset({"course:cs1"}))
ANN_WITHDRAWN = CALLERS["ann"]
BOB = dataclasses.replace(CALLERS["bob"], places=frozenset({"course:cs1"}))
HOUR = 3_600_000
TOLD = {"ann": 1, "bob": 1, "cid": 4, "pam": 1, "tess": 2}
"""How many notices each is told, of which they read the first; Ann and Bob are told of the exam and the session besides."""
ALL = ["exam:mid", *(f"inbox:{person}" for person in TOLD), "session:algebra"]
_AS_BEFORE = (
    "DROP TABLE read_inboxes", "DROP TABLE read_exam_questions", "DROP TABLE restated",
    "ALTER TABLE read_session_people DROP COLUMN bound", "UPDATE read_exam_people SET staff = NULL",
    "DROP FUNCTION notices_told", "DROP TABLE shown_anew", "DROP TABLE skipped_times", "DELETE FROM migrations WHERE name >= '0211'",
)  # fmt: skip
"""What takes everything away that came since."""


async def _live(school: School, now: int) -> None:
    """Let notices be told and read, an exam be published, and people come to a session by its course and otherwise."""
    for person, told in TOLD.items():
        for _ in range(told):
            await school.do(f"inbox:{person}", Notify("exam.graded", "Graded"))
        await school.do(f"inbox:{person}", MarkRead("1"), CALLERS[person])
    draft = CreateExam("Midterm", minutes=30, questions=(CAPITAL, PI), students=(Person("ann", "Ann"),))
    await school.do("exam:mid", draft, TESS)
    await school.do("exam:mid", Publish(), TESS)
    await school.do("session:algebra", Create("Algebra", now + HOUR, course="cs1", audience="course"), TESS)
    await school.do("session:algebra", AdmitEarly(), TESS)
    for who in (ANN, BOB):
        await school.do("session:algebra", Join(), who)
    await school.do("session:algebra", Enroll(("bob",)), TESS)


@pytest.fixture
async def left(database: Database) -> Database:
    """Return a school's database as an earlier release left it."""
    await put_school(database)
    async with open_kept_school(database) as school:
        await _live(school, await PostgresJournal(database).now())
    for sql in _AS_BEFORE:
        await database.execute(sql)
    await migrate(database, MIGRATIONS)
    return database


async def _unread(database: Database) -> dict[str, int]:
    reader = FigureReader(database, TrioClock(AT), find_zone(ZONE), inboxes=True)
    found = await reader.of([Reader(one, CALLERS[one].role) for one in ("cid", "pam", "tess")])
    return {one: figures.unread for one, figures in found.items()}


async def _sessions(school: School, caller: Caller) -> list[str]:
    page = await school.ask("session_list", ListSessions(), caller)
    return [card.id for card in page.sessions]


async def test_what_read_models_lack_from_earlier_is_there_soon_after_the_start(left: Database) -> None:
    async with open_kept_school(left) as school:
        assert await _unread(left) == {"cid": 0, "pam": 0, "tess": 0}
        assert await _sessions(school, ANN_WITHDRAWN) == ["algebra"]
        await school.do("inbox:tess", Notify("exam.graded", "Graded"))  # meanwhile
        await Restating(left, KINDS, school.engine.ref, page=2).run()
        assert await _unread(left) == {"cid": 3, "pam": 0, "tess": 2}
        assert await _sessions(school, ANN_WITHDRAWN) == []
        assert (
            await _sessions(school, ANN)
            == await _sessions(school, dataclasses.replace(BOB, places=frozenset()))
            == ["algebra"]
        )
    rows = await left.fetch("SELECT question, points, there FROM read_exam_questions ORDER BY question")
    assert [tuple(row.values()) for row in rows] == [("capital", 2, True), ("pi", 2, True)]
    await _check_graders(SchoolStore(left))


async def _check_graders(school: SchoolStore) -> None:
    """Answers of the older exam are checked: who shares them out, and which questions there are."""
    about = {"exam_id": "mid", "student_id": "ann", "assignee_id": "tess"}
    wrong = await refused("bad_command", school.create("tess", GRADING_TASK, question_id="river", **about))
    assert wrong.msg.startswith("question_id"), wrong.msg
    await refused("forbidden", school.create("theo", GRADING_TASK, question_id="pi", **about))


class Roll:
    """Actors that only answer, `answers` first; keeps who was asked, and calls `then` after each."""

    def __init__(self, answers: Sequence[Answer] = (), then: Callable[[list[str]], object] = len) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        self._then = then

    def ref(self, address: str) -> Any:
        self.asked.append(address)
        return self

    async def restate(self) -> Answer:
        self._then(self.asked)
        await trio.lowlevel.checkpoint()
        return self._answers.pop(0) if self._answers else Done()


async def test_it_goes_on_where_an_earlier_start_ended_and_is_done_once(left: Database) -> None:
    inboxes = [kind for kind in KINDS if kind.name == "inbox"]
    with trio.CancelScope() as scope:
        first = Roll(then=lambda asked: scope.cancel() if len(asked) == 3 else None)
        await Restating(left, inboxes, first.ref, page=2).run()
    assert scope.cancelled_caught
    second, third, raised = Roll(), Roll(), Roll()
    await Restating(left, inboxes, second.ref, page=2).run()
    assert (first.asked, second.asked) == (ALL[1:4], ALL[3:6])
    await Restating(left, inboxes, third.ref, page=2).run()
    assert third.asked == []
    later = [dataclasses.replace(kind, restated=kind.restated + 1) for kind in inboxes]
    await Restating(left, later, raised.ref, page=2).run()
    assert raised.asked == ALL[1:6], "a later release has more to say"
    await Restating(left, inboxes, third.ref, page=2).run()
    assert third.asked == [], "an earlier one beside it has not"


async def test_one_that_cannot_be_restated_holds_nobody_up_and_one_that_is_away_is_asked_again(left: Database) -> None:
    away, broken = Refusal("unavailable", "away", retry_ms=1), Refusal("internal", "incident", retry_ms=1)
    roll = Roll([away, away, broken])
    await Restating(left, KINDS, roll.ref).run()
    assert sorted(roll.asked) == sorted([*ALL, *[roll.asked[0]] * 2])
    assert [roll.asked.count(roll.asked[0]), len(set(roll.asked))] == [3, len(ALL)]


async def test_an_actor_that_was_only_woken_for_it_sleeps_again_and_one_that_is_watched_stays() -> None:
    async with open_school() as school:
        for person in ("ann", "bob"):
            await school.do(f"inbox:{person}", Notify("exam.graded", "Graded"))
        await school.watch("inbox:bob", Onlooker(BOB))
        for person in ("ann", "bob"):
            assert await school.engine.ref(f"inbox:{person}").restate() == Done()
        await wait_all_tasks_blocked()
        assert school.engine.awake("inbox") == ["bob"]
