"""A class session in the real engine, with presences and inboxes: what only the joint can break."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from homeroom.actors.presence import GRACE_MS
from homeroom.actors.session_people import RETURN_MS
from homeroom.actors.session_polls import AGAIN_MS, SETTLE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.envelope import Answer
from homeroom.engine.journal_memory import Fate, MemoryJournal
from homeroom.protocol.chat import Say
from homeroom.protocol.presence import Connected, Disconnected, Mine
from homeroom.protocol.session_floor import Ask, PollClose, PollOpen, PollVote, WithdrawQuestion
from homeroom.protocol.session_words import Attendance, Create, End, Enroll, Join, Start
from homeroom.protocol.verbs import command_digest
from tests.actors.people import ANN, BEN, EVE, TEACHER
from tests.actors.school import Onlooker, School, open_school, open_school_on

SESSION = "session:algebra"
MINUTE = 60_000
STUDENTS = (ANN, BEN, EVE)


async def open_live(school: School, *people: Caller) -> None:
    """Start a session with people in it who are connected."""
    starts = await MemoryJournal(school.store).now() + 2 * MINUTE
    await school.do(SESSION, Create("Algebra", starts), TEACHER)
    await school.do(SESSION, Start(), TEACHER)
    for who in people:
        await school.do(f"presence:{who.user}", Connected(f"c-{who.user}"))
        await school.do(SESSION, Join(), who)


async def minutes(school: School, user: str) -> float:
    """Return how many minutes somebody was there."""
    people = (await school.do(SESSION, Attendance(), TEACHER)).people
    total: int = next(one.total_ms for one in people if one.user == user)
    return total / MINUTE


async def unread(school: School, who: Caller) -> list[str]:
    """Return the types of somebody's notices."""
    state = await school.state(f"inbox:{who.user}", who)
    return [notice["type"] for notice in state["notices"]]


async def test_who_was_in_a_session_is_told_that_it_has_ended_and_not_to_join_it(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_live(school, ANN)
        with pytest.raises(Refusal, match="forbidden: not yours: say: join first"):
            await school.do(SESSION, Say("hello"), EVE)
        await school.do(SESSION, End(), TEACHER)
        with pytest.raises(Refusal, match="conflict: the session has ended") as told:
            await school.do(SESSION, Say("too late"), ANN)
        assert told.value.data == {"status": "ended"}
        with pytest.raises(Refusal, match="conflict: the session has ended"):
            await school.do(SESSION, Join(), EVE)
        with pytest.raises(Refusal, match=r"forbidden: not yours: say$"):
            await school.do(SESSION, Say("who was never here"), EVE)
        with pytest.raises(Refusal, match=r"forbidden: not yours: end$"):
            await school.do(SESSION, End(), ANN)


async def test_a_lost_connection_closes_the_interval_where_it_was_last_heard_of(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_live(school, ANN, BEN)
        await trio.sleep(600)
        await school.do("presence:ann", Disconnected("c-ann"))
        await trio.sleep((GRACE_MS + RETURN_MS) / 1_000 + 5)
        people = (await school.state(SESSION, TEACHER))["people"]
        assert (people["ann"]["standing"], people["ben"]["standing"]) == ("gone", "here")
        assert await minutes(school, "ann") == pytest.approx(10, abs=0.01)
        assert (await school.do("presence:ann", Mine(), ANN)).doing == ""


async def test_a_short_loss_of_the_connection_leaves_one_interval(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_live(school, ANN)
        await trio.sleep(600)
        await school.do("presence:ann", Disconnected("c-ann"))
        await trio.sleep(60)
        assert (await school.state(SESSION, TEACHER))["people"]["ann"]["standing"] == "lost"
        await school.do("presence:ann", Connected("c2"))
        await trio.sleep(540)
        people = (await school.do(SESSION, Attendance(), TEACHER)).people
        assert [(one.user, one.intervals) for one in people] == [("ann", 1)]
        assert await minutes(school, "ann") == pytest.approx(20, abs=0.01)


async def test_E12_who_joins_without_a_connection_gets_no_attendance(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_live(school, BEN)
        await school.do(SESSION, Join(), ANN)
        for _ in range(20):
            await trio.sleep(60)
            await school.do(SESSION, Join(), ANN)
        await school.do(SESSION, End(), TEACHER)
        assert await minutes(school, "ann") == pytest.approx(0, abs=0.02)
        assert await minutes(school, "ben") == pytest.approx(20, abs=0.01)


async def test_who_is_in_a_session_is_shown_as_busy_with_it(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        await open_live(school, ANN)
        await trio.sleep(1)
        assert (await school.do("presence:ann", Mine(), ANN)).doing == "In a live session"
        await school.do(SESSION, End(), TEACHER)
        await trio.sleep(1)
        assert (await school.do("presence:ann", Mine(), ANN)).doing == ""


async def test_reminders_reach_the_inboxes_of_the_enrolled_once_across_restarts(autojump_clock: MockClock) -> None:
    async with open_school() as school:
        starts = await MemoryJournal(school.store).now() + 20 * MINUTE
        await school.do(SESSION, Create("Algebra", starts), TEACHER)
        await school.do(SESSION, Enroll(("ann",)), TEACHER)
        await trio.sleep(5 * 60 + 5)
    async with open_school(school.store) as again:
        await trio.sleep(16 * 60)
        assert sorted(await unread(again, ANN)) == [
            "session.join_now",
            "session.scheduled",
            "session.starting_soon",
            "session.starts",
        ]
        assert await unread(again, BEN) == []


async def test_E10_a_secret_vote_sent_again_gets_its_first_answer_and_nothing_kept_tells_one_choice_from_another(
    autojump_clock: MockClock,
) -> None:
    kept = []
    for choice in (0, 1):
        async with open_school() as school:
            await open_live(school, *STUDENTS)
            poll = (await school.do(SESSION, PollOpen("Clear?", ("yes", "no"), anonymous=True), TEACHER)).id

            async def vote(to: School, number: int, chosen: int, name: str = poll) -> Answer:
                command = PollVote(name, (chosen,))
                digest = command_digest(command.do, command)
                return await to.engine.ref(SESSION).ask(command, ANN, client="ann/tab", number=number, digest=digest)

            first, again = [await vote(school, 1, choice) for _ in range(2)]
            other = await vote(school, 1, 1 - choice)
            await trio.sleep(5)
            second, foreign = await vote(school, 2, choice), await vote(school, 1, choice, "999")
        async with open_school(school.store) as restarted:
            later = await vote(restarted, 1, choice)
        assert [getattr(answer, "again", None) for answer in (first, again, other, later)] == [False, True, True, True]
        assert [getattr(answer, "code", None) for answer in (second, foreign)] == ["conflict", "conflict"]
        stream = school.store.peek(SESSION)
        marks = [(record.by, record.body, record.receipt) for record in stream.records if "poll" in record.type]
        kept.append(repr((stream.alone, stream.receipts, marks)))
    assert kept[0] == kept[1]
    assert "ann/tab" in kept[0]


async def test_E10_a_named_vote_with_other_choices_under_the_same_number_is_another_command(
    autojump_clock: MockClock,
) -> None:
    async with open_school() as school:
        await open_live(school, *STUDENTS)
        poll = (await school.do(SESSION, PollOpen("Clear?", ("yes", "no")), TEACHER)).id
        answers = [
            await school.engine.ref(SESSION).ask(
                command, ANN, client="ann/tab", number=1, digest=command_digest(command.do, command)
            )
            for command in (PollVote(poll, (0,)), PollVote(poll, (0,)), PollVote(poll, (1,)))
        ]
    assert [getattr(answer, "again", None) for answer in answers] == [False, True, None]
    assert getattr(answers[2], "code", None) == "conflict"


async def test_E10_a_secret_poll_is_counted_once_and_its_events_name_nobody(autojump_clock: MockClock) -> None:
    onlooker = Onlooker(ANN)
    async with open_school() as school:
        await open_live(school, *STUDENTS)
        poll = (await school.do(SESSION, PollOpen("Clear?", ("yes", "no"), anonymous=True), TEACHER)).id
        await school.watch(SESSION, onlooker)
        for number, who in enumerate(STUDENTS):
            await school.do(SESSION, PollVote(poll, (number % 2,)), who)
        with pytest.raises(Refusal, match="conflict"):
            await school.do(SESSION, PollVote(poll, (0,)), ANN)
        await trio.sleep(1)
    async with open_school(school.store) as again:
        await trio.sleep(61)
        with pytest.raises(Refusal, match="conflict"):
            await again.do(SESSION, PollVote(poll, (0,)), BEN)
        await again.do(SESSION, PollClose(poll), TEACHER)
        await trio.sleep(SETTLE_MS / 1_000 + 31)
        state = await again.state(SESSION, ANN)
        held = state["polls"][poll]
        assert (held["counts"], held["voters"], held["counted"]) == ([2, 1], 3, True)
    shown = [event for event in onlooker.events(SESSION) if event[0].startswith("session.poll")]
    assert shown == [("session.poll_marked", {"id": poll})] * 3
    kept = again.store.stream(SESSION)
    assert not [key for key in kept.deadlines if "ballot" in key]
    marks = [record for record in kept.records if record.type == "session.poll_marked"]
    assert {record.by for record in marks} == {"system"}


class VanishingAnswers:
    """Fates of a journal: the next append of the session becomes durable without an answer, when `armed`."""

    armed = False

    def __call__(self, method: str, stream: str) -> Fate:
        """Return what befalls a call."""
        hit = self.armed and method == "append" and stream == SESSION
        self.armed = self.armed and not hit
        return Fate(fail="after") if hit else Fate()


async def test_P1_after_a_vote_in_doubt_a_second_one_is_a_conflict_and_the_first_is_counted(
    autojump_clock: MockClock,
) -> None:
    fates = VanishingAnswers()
    journal = MemoryJournal(fates=fates)
    async with open_school_on(journal, journal.store) as school:
        await open_live(school, *STUDENTS)
        poll = (await school.do(SESSION, PollOpen("Clear?", ("yes", "no"), anonymous=True), TEACHER)).id
        for who in (ANN, BEN):
            await school.do(SESSION, PollVote(poll, (0,)), who)
        fates.armed = True
        with pytest.raises(Refusal, match="unavailable"):
            await school.do(SESSION, PollVote(poll, (1,)), EVE)
        assert school.engine.statistics()["counters"]["doubts"] == 1
        codes = {await refusal(school, PollVote(poll, (0,)), EVE)}
        while "conflict" not in codes:
            await trio.sleep(0.001)
            codes.add(await refusal(school, PollVote(poll, (0,)), EVE))
        assert codes <= {"unavailable", "conflict"}
        await school.do(SESSION, PollClose(poll), TEACHER)
        await trio.sleep(AGAIN_MS / 1_000 + 2)
        held = (await school.state(SESSION, ANN))["polls"][poll]
        assert (held["counts"], held["voters"]) == ([2, 1], 3)


async def refusal(school: School, command: Any, who: Caller) -> str:
    """Return the code with which a command is refused, "ok" when it is not."""
    try:
        await school.do(SESSION, command, who)
    except Refusal as refused:
        return refused.code
    return "ok"


async def test_what_was_withdrawn_is_not_shown_to_who_comes_later(autojump_clock: MockClock) -> None:
    late = Onlooker(BEN)
    async with open_school() as school:
        await open_live(school, ANN, BEN)
        question = (await school.do(SESSION, Ask("a secret"), ANN)).id
        await school.do(SESSION, WithdrawQuestion(question), TEACHER)
        await school.do(SESSION, Say("go on"), BEN)
        await school.do(SESSION, End(), TEACHER)
        await school.watch(SESSION, late, since=0)
        await trio.sleep(1)
        types: list[Any] = [type_ for type_, _ in late.events(SESSION)]
    assert types[0] == "session.created"
    assert types[-1] == "session.ended"
    assert "secret" not in repr(late.frames)
