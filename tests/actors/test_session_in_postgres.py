"""The read models of a class session in the real database: its lists, its ledger, and the ballots that nothing is left of."""

import trio

from homeroom.actors.session_lists import SESSION_LISTS
from homeroom.actors.session_polls import SETTLE_MS
from homeroom.engine.behaviour import Caller
from homeroom.engine.database import Database
from homeroom.engine.group_commit import CommitSettings
from homeroom.engine.journal_memory import MemoryStore
from homeroom.engine.journal_postgres import PostgresJournal
from homeroom.protocol.presence import Connected
from homeroom.protocol.session_floor import PollClose, PollOpen, PollVote
from homeroom.protocol.session_lists import ListSessions, ListUpcoming
from homeroom.protocol.session_words import Attendance, AttendanceSheet, Cancel, Create, End, Join, Leave, Start
from tests.actors.people import ANN, BEN, EVE, TEACHER
from tests.actors.school import Onlooker, School, open_school_on

SESSION = "session:algebra"
HOUR = 3_600_000


class PollWatcher(Onlooker):
    """Waits for a secret poll to be counted."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.counted = trio.Event()

    def push(self, frame: bytes) -> None:
        super().push(frame)
        if "session.poll_counted" in [type_ for type_, _ in self.events(SESSION)]:
            self.counted.set()


async def teach(school: School, now: int) -> str:
    """Let a session take place with comings, goings and a secret poll, and two others be planned; returns the poll."""
    await school.do(SESSION, Create("'; DROP TABLE sessions; --", now + HOUR, course="maths"), TEACHER)
    await school.do(
        "session:b", Create("B", now + 2 * HOUR, course="maths", audience="listed", people=("ann",)), TEACHER
    )
    await school.do("session:c", Create("C", now + HOUR, course="maths"), TEACHER)
    await school.do("session:d", Create("D", now + HOUR, course="maths"), TEACHER)
    await school.do("session:d", Cancel(), TEACHER)
    await school.do(SESSION, Start(), TEACHER)
    for who in (ANN, BEN, EVE):
        await school.do(f"presence:{who.user}", Connected("c1"))
        await school.do(SESSION, Join(), who)
    poll: str = (await school.do(SESSION, PollOpen("Clear?", ("yes", "no"), anonymous=True), TEACHER)).id
    for who in (ANN, BEN, EVE):
        await school.do(SESSION, PollVote(poll, (1,)), who)
    await school.do(SESSION, Leave(), ANN)
    await school.do(SESSION, Join(), ANN)
    return poll


async def test_lists_and_attendance_answer_from_the_database_as_from_memory(database: Database) -> None:
    journal, onlooker = PostgresJournal(database, CommitSettings(linger_ms=0)), PollWatcher(TEACHER)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        async with open_school_on(journal, MemoryStore()) as school:
            poll = await teach(school, await journal.now())
            await school.watch(SESSION, onlooker)
            await school.do(SESSION, PollClose(poll), TEACHER)
            with trio.fail_after(SETTLE_MS / 1_000 + 5):
                await onlooker.counted.wait()
            await school.do(SESSION, End(), TEACHER)
            upcoming = await school.engine.look_up(SESSION_LISTS[1].ask(ListUpcoming("maths"), BEN))
            mine = await school.engine.look_up(SESSION_LISTS[0].ask(ListSessions(), ANN))
            totals = await school.do(SESSION, Attendance(), TEACHER)
            sheet = await school.do(SESSION, AttendanceSheet(), TEACHER)
            own = await school.do(SESSION, AttendanceSheet(), ANN)
            counts = (await school.state(SESSION, TEACHER))["polls"][poll]["counts"]
            left = await journal.load(SESSION)
        nursery.cancel_scope.cancel()
    assert [card.id for card in upcoming.sessions] == ["c"]
    assert [card.id for card in mine.sessions] == ["b", "algebra"]
    assert mine.sessions[1].title == "'; DROP TABLE sessions; --"
    assert [(one.user, one.intervals) for one in totals.people] == [("ann", 2), ("ben", 1), ("eve", 1)]
    assert sorted((row[0], row[5]) for row in sheet.rows) == [
        ("ann", "ended"),
        ("ann", "left"),
        ("ben", "ended"),
        ("eve", "ended"),
    ]
    assert [row[0] for row in own.rows] == ["ann", "ann"]
    assert counts == [0, 3]
    assert not [key for key in left.deadlines if "ballot" in key]
