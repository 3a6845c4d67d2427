"""Class sessions from the plan to the replay: one instructor and three students, over real sockets and PostgreSQL.

Presence's grace is shortened (`planted`). Never here: each rule by itself (`tests.actors`).
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from time import time
from typing import Any

import pytest
import trio

from homeroom.protocol.session_words import MINUTE_MS, OPENS_MS
from tests.e2e.journey import Person, School, Watch, agree, school_of
from tests.e2e.server import Server

SOON_MS = 2_500
"""So far ahead something due is planned here: longer than planning it takes, on a slow machine as well."""
TARA, THEO, OUTSIDER = "demo-teacher-1", "demo-teacher-2", "demo-student-4"
STUDENTS = ANN, BEN, EVE = "demo-student-1", "demo-student-2", "demo-student-3"
PAULA, PETER = "demo-parent-1", "demo-parent-2"
"""The parent of Ann and Ben, and that of Eve."""


@pytest.fixture
def server(brisk: Server) -> Iterator[Server]:
    """Give the school with the short grace."""
    with brisk.lent():
        yield brisk


def now() -> int:
    """Return the present time as the server has it, Unix ms."""
    return int(time() * 1000)


class Lesson:
    """A session with its people, each of whom follows it."""

    def __init__(self, id: str, people: dict[str, Person]) -> None:
        self.id, self.address, self.path = id, f"session:{id}", f"/api/live-sessions/{id}"
        self.people = people
        self.watches: dict[str, Watch] = {}

    @classmethod
    async def plan(cls, school: School, maker: str, students: tuple[str, ...], **plan: Any) -> "Lesson":
        """Let `maker` plan a session through REST, and let everybody follow it."""
        people = {user: await school.enter(user) for user in (maker, *students)}
        made = await people[maker].rest("POST", "/api/live-sessions", plan, status=201)
        lesson = cls(made["id"], people)
        for user, person in people.items() if plan.get("audience") == "listed" else ((maker, people[maker]),):
            lesson.watches[user] = await person.follow(lesson.address)
        return lesson

    async def do(self, who: str, verb: str, /, **fields: Any) -> Any:
        """Let somebody carry out a verb of the session."""
        return await self.people[who].do(self.address, verb, **fields)

    async def refused(self, who: str, verb: str, /, **fields: Any) -> str:
        """Return the code by which somebody is refused."""
        return (await self.people[who].refused(self.address, verb, **fields)).code

    async def shown(self, type: str, /, *, but: str = "", **fields: Any) -> None:
        """Wait until everybody who follows, `but` one, was shown an event."""
        for user, watch in self.watches.items():
            if user != but:
                await watch.event(type, **fields)


async def test_a_class_of_three_goes_through_a_whole_session(server: Server) -> None:
    starts = now() + 60 * MINUTE_MS
    plan = {"title": "Algebra", "starts": starts, "minutes": 45, "capacity": 3, "course": "algebra-1"}
    async with school_of(server) as school:
        lesson = await Lesson.plan(school, TARA, STUDENTS, **plan, audience="listed", people=STUDENTS)
        await invite(lesson, school)
        await remind(lesson, school)
        await begin(lesson)
        await talk(lesson)
        await raise_hands(lesson)
        await put_questions(lesson)
        await lose_one(lesson)
        poll = await vote(lesson)
        await survive_a_kill(lesson, school)
        await finish_the_vote(lesson, poll)
        await go_and_come_back(lesson)
        await end(lesson)
        await count_attendance(lesson, school)
        await replay(lesson)


async def invite(lesson: Lesson, school: School) -> None:
    """Tell those on the list, with a link; nobody else knows of it, and nobody comes in so early but staff."""
    outsider = await school.enter(OUTSIDER)
    await outsider.rest("GET", lesson.path, status=404)
    for student in STUDENTS:
        notice = await lesson.people[student].notice("session.scheduled")
        assert (notice["url"], notice["data"]["session"]) == (f"/live-sessions/{lesson.id}", lesson.id)
        assert await lesson.refused(student, "join") == "conflict"
    cards = await lesson.people[ANN].rest("GET", "/api/live-sessions/course/algebra-1?scope=mine")
    assert [(card["id"], card["status"]) for card in cards["sessions"]] == [(lesson.id, "scheduled")]
    assert (await outsider.rest("GET", "/api/live-sessions/course/algebra-1"))["sessions"] == []
    assert await lesson.refused(ANN, "start") == "forbidden"
    await lesson.do(TARA, "join")
    await lesson.shown("session.participant_joined", user=TARA, role="teacher")


async def remind(lesson: Lesson, school: School) -> None:
    """Move it, which they are told; when the door opens they are reminded, also by a server that was killed meanwhile."""
    starts = now() + OPENS_MS + SOON_MS
    await lesson.people[TARA].rest("PUT", lesson.path, {"starts": starts, "title": "Algebra II"})
    await lesson.shown("session.changed", starts=starts, title="Algebra II")
    early = await lesson.people[ANN].refused(lesson.address, "join")
    assert (early.code, early.data) == ("conflict", {"opens": starts - OPENS_MS})
    for student in STUDENTS:
        await lesson.people[student].notice("session.rescheduled")
    await school.kill()
    for student in STUDENTS:
        notice = await lesson.people[student].notice("session.join_now")
        assert (notice["title"], notice["priority"], notice["data"]["starts"]) == ("Join now available", "high", starts)
        assert now() >= starts - OPENS_MS


async def begin(lesson: Lesson) -> None:
    """Start with two, whom everybody sees come; the third is told, and comes with one command."""
    for student in (ANN, BEN):
        entered = await lesson.do(student, "join")
        assert entered["status"] == "scheduled"
        await lesson.shown("session.participant_joined", user=student, role="student")
    for student in (ANN, BEN):
        await lesson.watches[TARA].signal("room.presence", user=student, status="online", activity="In a live session")
    await lesson.do(TARA, "start")
    await lesson.shown("session.started")
    notice = await lesson.people[EVE].notice("session.started")
    assert notice["title"] == "Session has started, join now"
    entered = await lesson.do(EVE, "join")
    assert (entered["status"], entered["inside"]) == ("live", 4)
    await lesson.shown("session.participant_joined", user=EVE)
    attendees = (await lesson.people[BEN].rest("GET", f"{lesson.path}/attendees"))["data"]["people"]
    assert [(one["user"], one["role"]) for one in attendees] == [
        (TARA, "teacher"),
        *((student, "student") for student in STUDENTS),
    ]


async def talk(lesson: Lesson) -> None:
    """Type and talk, which all others see; what is said is kept, and counted until it is read."""
    await lesson.do(ANN, "typing")
    await lesson.watches[BEN].signal("room.typing", user=ANN, typing=True)
    said = await lesson.do(ANN, "say", text="Is <b>x</b> known?")
    await lesson.shown("room.message_posted", id=said["id"], text="Is <b>x</b> known?")
    await lesson.watches[BEN].signal("room.typing", user=ANN, typing=False)
    answer = await lesson.do(TARA, "say", text="Not yet.", reply_to=said["id"])
    await lesson.shown("room.message_posted", id=answer["id"], reply_to=said["id"])
    unread = (await lesson.people[EVE].rest("GET", f"{lesson.path}/unread"))["data"]
    assert unread["unread"] == 2
    await lesson.do(EVE, "read", upto=answer["id"])
    await lesson.watches[TARA].event("room.read", user=EVE, upto=answer["id"])


async def raise_hands(lesson: Lesson) -> None:
    """Raise hands, which stand in the order in which they were raised; the instructor takes the first."""
    for student in (BEN, ANN):
        await lesson.do(student, "raise_hand")
        await lesson.shown("session.hand_raised", user=student)
    assert all(watch.state.hands == [BEN, ANN] for watch in lesson.watches.values())
    assert await lesson.refused(ANN, "lower_hand", user=BEN) == "forbidden"
    await lesson.do(TARA, "lower_hand", user=BEN)
    await lesson.shown("session.hand_lowered", user=BEN)
    assert lesson.watches[EVE].state.hands == [ANN]


async def put_questions(lesson: Lesson) -> None:
    """Put a question that two more want answered, and answer it."""
    question = (await lesson.do(EVE, "ask", text="Why minus?"))["id"]
    await lesson.shown("session.question_asked", id=question, text="Why minus?")
    assert await lesson.refused(EVE, "upvote", question=question) == "conflict"
    for student in (ANN, BEN):
        await lesson.do(student, "upvote", question=question)
    for student in (ANN, BEN):
        await lesson.watches[TARA].event("session.question_upvoted", id=question, user=student)
    assert await lesson.refused(ANN, "answer", question=question) == "forbidden"
    await lesson.do(TARA, "answer", question=question, text="By definition.")
    await lesson.shown("session.question_answered", id=question, text="By definition.")
    shown = lesson.watches[EVE].state.questions[question]
    assert (shown.upvoters, shown.answered_by) == ((ANN, BEN), TARA)


async def lose_one(lesson: Lesson) -> None:
    """Cut one off, who is missed, keeps the seat, and is back as if never gone, with all that was said meanwhile."""
    ben, tara = lesson.people[BEN], lesson.watches[TARA]
    ben.cable.pull()
    await tara.event("session.participant_lost", user=BEN)
    await lesson.do(EVE, "say", text="Where is Ben?")
    assert tara.state.people[BEN].standing == "lost"
    ben.cable.plug()
    await tara.event("session.participant_returned", user=BEN)
    await lesson.watches[BEN].event("room.message_posted", text="Where is Ben?")
    await lesson.shown("session.participant_returned", but=TARA, user=BEN)


async def vote(lesson: Lesson) -> str:
    """Hold a poll with one choice, and leave one with several open; returns the open one."""
    single = (await lesson.do(TARA, "poll_open", question="Done?", options=["Yes", "No"]))["id"]
    await lesson.shown("session.poll_opened", id=single, options=["Yes", "No"])
    for student, choice in ((ANN, 0), (BEN, 1), (EVE, 0)):
        await lesson.do(student, "poll_vote", poll=single, choices=[choice])
    for student in STUDENTS:
        await lesson.watches[TARA].event("session.poll_voted", id=single, user=student)
    assert await lesson.refused(EVE, "poll_vote", poll=single, choices=[1]) == "conflict"
    assert await lesson.refused(ANN, "poll_close", poll=single) == "forbidden"
    await lesson.do(TARA, "poll_close", poll=single)
    await lesson.shown("session.poll_closed", id=single)
    assert lesson.watches[BEN].state.polls[single].counts == (2, 1)
    open_: str = (await lesson.do(TARA, "poll_open", question="Which?", options=["a", "b", "c"], multiple=True))["id"]
    await lesson.do(ANN, "poll_vote", poll=open_, choices=[0, 2])
    await lesson.shown("session.poll_voted", id=open_, user=ANN, choices=[0, 2])
    return open_


async def survive_a_kill(lesson: Lesson, school: School) -> None:
    """Kill the server while all of them talk: it comes back with everybody in it, and everything said is there once."""
    async with trio.open_nursery() as nursery:
        for student in STUDENTS:
            for number in range(3):
                nursery.start_soon(say, lesson, student, f"{student} over the kill, {number}")
        await school.kill()
    after = await lesson.do(TARA, "say", text="Are you there?")
    await lesson.shown("room.message_posted", id=after["id"])
    for user, watch in lesson.watches.items():
        texts = [event.d["text"] for event in watch.of("room.message_posted") if "over the kill" in event.d["text"]]
        assert sorted(texts) == sorted(f"{student} over the kill, {n}" for student in STUDENTS for n in range(3)), user
        assert watch.of("session.participant_left") == []
        assert watch.state.hands == [ANN]
    here = await lesson.watches[TARA].until(
        lambda state: all(person.standing == "here" for person in state.people.values()), "everybody back"
    )
    assert here.status == "live"


async def say(lesson: Lesson, user: str, text: str) -> None:
    """Say something, whatever happens to the server."""
    await lesson.do(user, "say", text=text)


async def finish_the_vote(lesson: Lesson, poll: str) -> None:
    """Count the vote from before the kill, and no second one; a secret one tells what was chosen, and never by whom."""
    assert await lesson.refused(ANN, "poll_vote", poll=poll, choices=[1]) == "conflict"
    await lesson.do(BEN, "poll_vote", poll=poll, choices=[2])
    await lesson.do(TARA, "poll_close", poll=poll)
    await lesson.shown("session.poll_closed", id=poll)
    assert lesson.watches[EVE].state.polls[poll].counts == (1, 0, 2)
    secret = (await lesson.do(TARA, "poll_open", question="Clear?", options=["Yes", "No"], anonymous=True))["id"]
    for student, choice in ((ANN, 0), (BEN, 1), (EVE, 1)):
        await lesson.do(student, "poll_vote", poll=secret, choices=[choice])
        assert await lesson.refused(student, "poll_vote", poll=secret, choices=[0]) == "conflict"
    for _ in STUDENTS:
        marked = await lesson.watches[TARA].event("session.poll_marked", id=secret)
        assert (marked.by, marked.d) == ("system", {"id": secret})
    await lesson.do(TARA, "poll_close", poll=secret)
    await lesson.shown("session.poll_counted", id=secret, voters=3, counts=[1, 2])


async def go_and_come_back(lesson: Lesson) -> None:
    """Go, which everybody sees, and come again for a second stretch."""
    await lesson.do(EVE, "leave")
    await lesson.shown("session.participant_left", user=EVE, reason="left")
    assert await lesson.refused(EVE, "say", text="Hello?") == "forbidden"
    await lesson.do(EVE, "join")
    await lesson.shown("session.participant_joined", user=EVE)


async def end(lesson: Lesson) -> None:
    """End it for everybody at once, with the link to the recording; nobody does anything more in it."""
    assert await lesson.refused(ANN, "end") == "forbidden"
    await lesson.people[TARA].rest("POST", f"{lesson.path}/end", {"recording": "https://example.org/algebra"})
    await lesson.shown("session.ended", recording="https://example.org/algebra")
    assert await lesson.refused(ANN, "join") == "conflict"
    assert await lesson.refused(ANN, "say", text="Too late") in {"conflict", "forbidden"}
    owned = await lesson.people[TARA].rest("GET", "/api/live-sessions/instructor/my-sessions?status=ended")
    (card,) = owned["sessions"]
    assert (card["id"], card["inside"], card["recording"]) == (lesson.id, 0, "https://example.org/algebra")


async def count_attendance(lesson: Lesson, school: School) -> None:
    """Count the attendance: the union of the stretches that everybody saw, to the millisecond; each sees what concerns them."""
    stretches = stretches_of(lesson.watches[TARA])
    totals = {user: sum(left - joined for joined, left in found) for user, found in stretches.items()}
    asked = await lesson.people[TARA].do(lesson.address, "attendance")
    assert asked["final"] is True
    assert {one["user"]: one["total_ms"] for one in asked["people"]} == totals
    assert {one["user"]: one["intervals"] for one in asked["people"]} == {TARA: 1, ANN: 1, BEN: 1, EVE: 2}
    sheet = await lesson.people[TARA].rest("GET", f"{lesson.path}/attendance.csv")
    rows = list(csv.DictReader(sheet.splitlines()))
    assert sorted(row["person"] for row in rows) == sorted((TARA, *STUDENTS, EVE))
    assert all(int(row["total_seconds"]) == totals[row["person"]] // 1_000 for row in rows)
    paula, peter = await school.enter_all(PAULA, PETER)
    for person, concerned in ((lesson.people[ANN], {ANN}), (paula, {ANN, BEN}), (peter, {EVE})):
        seen = await person.do(lesson.address, "attendance")
        assert {one["user"]: one["total_ms"] for one in seen["people"]} == {user: totals[user] for user in concerned}
        mine = csv.DictReader((await person.rest("GET", f"{lesson.path}/attendance.csv")).splitlines())
        assert {row["person"] for row in mine} == concerned
    await paula.rest("GET", lesson.path, status=403)
    listed = await paula.rest("GET", f"/api/live-sessions?user={ANN}&limit=100")
    assert lesson.address.partition(":")[2] in {card["id"] for card in listed["sessions"]}


def stretches_of(watch: Watch) -> dict[str, list[tuple[int, int]]]:
    """Return from when to when each person was there, by the events that somebody was shown."""
    joined: dict[str, int] = {}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in watch.events:
        if event.type == "session.participant_joined":
            joined[event.d["user"]] = event.at
        elif event.type == "session.participant_left":
            found[event.d["user"]].append((joined.pop(event.d["user"]), event.at))
    (ended,) = watch.of("session.ended")
    for user, since in joined.items():
        found[user].append((since, ended.at))
    return found


async def replay(lesson: Lesson) -> None:
    """Look at it again, page by page: what everybody saw, with its times; and each kept the same state all the while."""
    events: list[Any] = []
    page: dict[str, Any] = {"next": 0}
    while "next" in page:
        page = await lesson.people[ANN].rest("GET", f"{lesson.path}/replay?limit=40&after={page['next']}")
        events += page["events"]
    assert all(earlier["at"] <= later["at"] for earlier, later in pairwise(events))
    live = lesson.watches[TARA].events
    assert [(one["seq"], one["at"], one["type"], one["by"], one["d"]) for one in events[-len(live) :]] == [
        (one.seq, one.at, one.type, one.by, one.d) for one in live
    ]
    state = await agree(lesson.watches.values())
    assert state == await lesson.people[TARA].look(lesson.address)
    assert (state.status, state.recording) == ("ended", "https://example.org/algebra")
    assert not {"session.join_now", "session.started"} & set(lesson.people[TARA].notices())


async def test_an_open_session_has_so_many_seats_and_can_be_called_off(server: Server) -> None:
    plan = {"title": "Open hour", "starts": now() + 60 * MINUTE_MS, "capacity": 2, "course": "open-1"}
    async with school_of(server) as school:
        lesson = await Lesson.plan(school, THEO, STUDENTS, **plan)
        await fill(lesson)
        await throw_out(lesson)
        await call_off(lesson)


async def fill(lesson: Lesson) -> None:
    """Open the doors early; two find a seat, the third when one of them goes."""
    assert await lesson.refused(ANN, "join") == "conflict"
    await lesson.do(THEO, "admit_early")
    await lesson.shown("session.doors_opened")
    for student in (ANN, BEN):
        await lesson.people[student].rest("POST", f"{lesson.path}/join", {})
        lesson.watches[student] = await lesson.people[student].follow(lesson.address)
        await lesson.watches[THEO].event("session.participant_joined", user=student)
    await lesson.people[EVE].rest("POST", f"{lesson.path}/join", {}, status=409)
    assert await lesson.refused(EVE, "join") == "full"
    cards = (await lesson.people[EVE].rest("GET", "/api/live-sessions/course/open-1"))["sessions"]
    assert [(card["inside"], [face["user"] for face in card["faces"]]) for card in cards] == [(2, [ANN, BEN])]
    await lesson.people[BEN].rest("POST", f"{lesson.path}/leave", {})
    await lesson.shown("session.participant_left", user=BEN, reason="left")
    await lesson.do(EVE, "join")
    await lesson.shown("session.participant_joined", user=EVE)


async def throw_out(lesson: Lesson) -> None:
    """Expel one, who is seen to go, is shown nothing more, and cannot come in again."""
    await lesson.do(THEO, "expel", people=[ANN])
    await lesson.watches[THEO].event("session.participant_left", user=ANN, reason="removed")
    assert await lesson.watches.pop(ANN).gone() == "forbidden"
    assert await lesson.refused(ANN, "join") == "forbidden"


async def call_off(lesson: Lesson) -> None:
    """Call it off: those in it are told, and nobody joins or starts it any more."""
    await lesson.people[THEO].rest("DELETE", lesson.path, {"reason": "Ill"})
    await lesson.shown("session.cancelled", reason="Ill")
    for student in (BEN, EVE):
        notice = await lesson.people[student].notice("session.cancelled")
        assert (notice["message"], notice["priority"]) == ("Open hour: Ill", "high")
    assert "session.cancelled" not in lesson.people[ANN].notices()
    assert await lesson.refused(EVE, "join") == "conflict"
    assert await lesson.refused(THEO, "start") == "conflict"
    cards = (await lesson.people[THEO].rest("GET", "/api/live-sessions?status=canceled"))["sessions"]
    assert [(card["id"], card["inside"]) for card in cards] == [(lesson.id, 0)]
