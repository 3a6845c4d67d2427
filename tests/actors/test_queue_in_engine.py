"""The joint with the real engine: messages between queues, halls, rooms and inboxes, leases and hours of a server that was killed."""

from typing import Any

import msgspec
import pytest
import trio

from homeroom.actors.queue_service import LEASE_MS
from homeroom.engine.behaviour import Caller, Refusal
from homeroom.protocol.chat import Say
from homeroom.protocol.hours import Hours
from homeroom.protocol.queue import (
    Admit,
    Appoint,
    AskHistory,
    Claim,
    Complete,
    Create,
    Join,
    Leave,
    ListConversations,
    ListHelped,
    Mine,
    Open,
    Schedule,
)
from tests.actors.people import ANN, BEN, COLLEAGUE, EVE, TEACHER
from tests.actors.queues import CAT, MAKER, MINUTE
from tests.actors.school import Onlooker, School, open_school

QUEUE, OTHER = "queue:t-1", "queue:t-2"


async def begin(school: School, address: str = QUEUE, **settings: Any) -> None:
    """Open a queue of the teacher with the colleague as assistant."""
    await school.do(address, Create("Algebra", **settings), MAKER)
    await school.do(address, Appoint("colleague", "Carl"), TEACHER)
    await school.do(address, Open(), TEACHER)


async def settle() -> None:
    """Let all messages between actors arrive."""
    await trio.testing.wait_all_tasks_blocked(0.02)


async def test_a_student_is_called_into_a_private_room_that_ends_with_the_conversation() -> None:
    async with open_school() as school:
        await begin(school)
        for person in (ANN, BEN):
            await school.do(QUEUE, Join("why?"), person)
        room = (await school.do(QUEUE, Admit(entries=("1", "2")), TEACHER)).room
        await settle()
        assert (await school.do(room, Say("hello"), ANN)).id
        with pytest.raises(Refusal, match="not_found"):
            await school.do(room, Say("let me in"), EVE)
        assert (await school.do(QUEUE, ListConversations(), COLLEAGUE)).conversations[0].entries == ("1", "2")
        await school.do(QUEUE, Complete(entries=("1", "2"), note="done"), TEACHER)
        await settle()
        with pytest.raises(Refusal, match="conflict"):
            await school.do(room, Say("too late"), ANN)
        assert [row.note for row in (await school.do(QUEUE, AskHistory(), TEACHER)).entries] == ["done", "done"]
        helped = (await school.do(QUEUE, ListHelped(), TEACHER)).rows
        assert sorted((row.student, row.times) for row in helped) == [("ann", 1), ("ben", 1)]


async def test_z3_frames_resumes_and_snapshots_name_nobody_in_line() -> None:
    eve, late = Onlooker(EVE), Onlooker(EVE)
    async with open_school() as school:
        await begin(school)
        await school.watch(QUEUE, eve)
        await school.do(QUEUE, Join("my secret question"), ANN)
        await school.do(QUEUE, Admit(), TEACHER)
        await school.do(QUEUE, Leave(), ANN)
        await settle()
        await school.watch(QUEUE, late, since=0)
        told = msgspec.json.encode([eve.frames, late.frames, await school.state(QUEUE, EVE)]).decode()
    assert [name for name, _ in eve.events(QUEUE)] == ["queue.joined", "queue.admitted", "queue.completed"]
    assert len(late.events(QUEUE)) == 6
    for word in ('"ann"', "Ann", "secret", "talk-"):
        assert word not in told
    assert {event["by"] for frame in eve.frames for event in frame["e"]} == {"system"}


async def test_e9_of_assistants_who_claim_at_the_same_time_exactly_one_wins() -> None:
    outcomes: list[str] = []
    helpers = [Caller(f"helper-{number}", "student") for number in range(10)]
    async with open_school() as school:
        await begin(school)
        for helper in helpers:
            await school.do(QUEUE, Appoint(helper.user), TEACHER)
        await school.do(QUEUE, Join(), ANN)

        async def claim(helper: Caller) -> None:
            try:
                await school.do(QUEUE, Claim("1"), helper)
            except Refusal as refusal:
                outcomes.append(refusal.code)
            else:
                outcomes.append("ok")

        async with trio.open_nursery() as nursery:
            for helper in helpers:
                nursery.start_soon(claim, helper)
    assert sorted(outcomes) == ["conflict"] * 9 + ["ok"]


async def test_e9_a_claim_of_a_server_that_was_killed_is_given_back_at_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_school() as school:
        await begin(school)
        for person in (ANN, BEN, CAT):
            await school.do(QUEUE, Join(), person)
        await school.do(QUEUE, Claim(), COLLEAGUE)
    async with open_school(school.store) as again:
        with pytest.raises(Refusal, match="conflict"):
            await again.do(QUEUE, Claim("1"), TEACHER)
        await trio.sleep(LEASE_MS / 1000 + 1)
        assert (await again.do(QUEUE, Claim(), TEACHER)).entry.student == "ann"
        assert (await again.do(QUEUE, Mine(), CAT)).ticket.position == 2


async def test_a_queue_opens_by_its_hours_also_after_a_kill(autojump_clock: trio.testing.MockClock) -> None:
    async with open_school() as school:
        await school.do(QUEUE, Create("Algebra"), MAKER)
        every_day = tuple(Hours(day, "00:00", "23:59", "UTC") for day in range(7))
        await school.do(QUEUE, Schedule(every_day), TEACHER)
    async with open_school(school.store) as again:
        await trio.sleep(24 * 3600)
        assert (await again.state(QUEUE, EVE))["status"] == "open"
        assert (await again.do(QUEUE, Join(), ANN)).position == 1


async def test_talking_in_the_room_keeps_it_open_and_silence_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with open_school() as school:
        await begin(school)
        await school.do(QUEUE, Join(), ANN)
        room = (await school.do(QUEUE, Admit(), TEACHER)).room
        for _ in range(3):
            await trio.sleep(10 * MINUTE / 1000)
            await school.do(room, Say("still here"), ANN)
        await trio.sleep(14 * MINUTE / 1000)
        assert (await school.do(QUEUE, ListConversations(), TEACHER)).conversations[0].ends > 0
        await trio.sleep(2 * MINUTE / 1000)
        assert (await school.do(QUEUE, ListConversations(), TEACHER)).conversations == ()
        with pytest.raises(Refusal, match="conflict"):
            await school.do(room, Say("too late"), ANN)


async def test_a_student_stands_in_one_queue_of_a_group_only() -> None:
    async with open_school() as school:
        for address in (QUEUE, OTHER):
            await begin(school, address, exclusive="maths")
        await settle()
        await school.do(QUEUE, Join(), ANN)
        await settle()
        assert (await school.do(QUEUE, Mine(), ANN)).ticket.position == 1
        with pytest.raises(Refusal, match="conflict") as refused:
            await school.do(OTHER, Join(), ANN)
        assert refused.value.data["queue"] == "t-1"
        await school.do(QUEUE, Leave(), ANN)
        await settle()
        await school.do(OTHER, Join(), ANN)
        await settle()
        assert (await school.do(OTHER, Mine(), ANN)).ticket.position == 1
