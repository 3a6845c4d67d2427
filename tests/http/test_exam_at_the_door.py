"""An exam at the real door: what counts is when an answer reached it, however long it then waited inside.

The clock of these tests stands still and goes on to the millisecond when they say so. Never here: which answers count in an actor by
itself (`tests/actors/test_sitting.py`), and whole processes that die (`tests/e2e/test_exam_day.py`).
"""

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from homeroom.engine.behaviour import Caller
from homeroom.engine.envelope import Done
from homeroom.engine.journal_memory import WELL, Fate
from homeroom.http.websocket_frames import CONTINUATION
from homeroom.protocol.exam import Create, Open, Pause, Person, Publish
from homeroom.protocol.sitting import GRACE_MS, Review, ReviewAnswer
from tests.actors.exams import CLOSED
from tests.http.harness import House, open_house
from tests.http.peer import Peer, ws_frame

TEACHER = Caller("t-1", "teacher", "Teacher")
STUDENTS = ("ann", "ben", "cat", "dan", "eve")
LENGTH_MS = 10_000
SLOW_S = 3.0
PATIENCE_S = 50.0
HOUR_MS = 3_600_000


@dataclass
class Hall:
    """A house with an exam in it that closes at `closes`, and the clock of both."""

    house: House
    clock: MockClock
    closes: int

    async def seat(self, user: str, client: str = "tab") -> Peer:
        """Return a student's connection whose sitting runs."""
        peer = await self.house.enter(user, client)
        assert (await peer.do("exam:mid", "join"))["t"] == "ok"
        await wait_all_tasks_blocked()  # exam and sitting have told each other all
        started = await peer.do(sitting(user), "start")
        assert (started["d"]["status"], started["d"]["closes"]) == ("running", self.closes)
        return peer

    def go_to(self, ms: int) -> None:
        """Let it be so many ms after the deadline."""
        self.clock.jump((self.closes + ms - self.house.clock.now()) / 1000)
        assert self.house.clock.now() == self.closes + ms

    def slow(self, method: str, stream: str) -> None:
        """Let the journal take its time for one thing, from now on."""
        self.house.journal.fates = lambda *call: Fate(delay=SLOW_S) if call == (method, stream) else WELL

    async def review(self, user: str) -> ReviewAnswer:
        """Return everything that is kept of a sitting."""
        done = await self.house.engine.ref(sitting(user)).ask(Review(), TEACHER)
        assert isinstance(done, Done)
        assert isinstance(done.reply, ReviewAnswer)
        return done.reply


def sitting(user: str) -> str:
    """Return the address of a student's sitting."""
    return f"sitting:mid.{user}"


def answer(user: str, id: int, question: str, value: Any, **more: Any) -> dict[str, Any]:
    """Return the frame that saves a first answer."""
    body = {"question": question, "rev": 1, "value": value, **more}
    return {"t": "cmd", "id": id, "to": sitting(user), "do": "answer", "d": body}


@asynccontextmanager
async def open_hall(clock: MockClock) -> AsyncIterator[Hall]:
    """Open a house and an exam for five students in it."""
    async with at_most(PATIENCE_S), open_house() as house:
        clock.jump(0.0005)  # the middle of a millisecond, so that no rounding moves a time into another
        closes = house.clock.now() + LENGTH_MS
        people = tuple(Person(user) for user in STUDENTS)
        exam = house.engine.ref("exam:mid")
        for command in (Create("Midterm", closes=closes, questions=CLOSED, students=people), Publish(), Open()):
            assert isinstance(await exam.ask(command, TEACHER), Done)
        yield Hall(house, clock, closes)


@asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    """Fail after so many real seconds, for a clock that stands still never does."""
    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as scope:
        guard = threading.Timer(seconds, token.run_sync_soon, (scope.cancel,))
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
    assert not scope.cancelled_caught, f"what is waited for did not come within {seconds:g} s"


async def test_e1_an_answer_is_judged_to_the_millisecond_by_when_it_reached_the_door_and_by_no_clock_of_the_clients(
    mock_clock: MockClock,
) -> None:
    moments = dict(zip(STUDENTS, (0, 1, GRACE_MS - 1, GRACE_MS, GRACE_MS + 1), strict=True))
    told = []
    async with open_hall(mock_clock) as hall:
        peers = {user: await hall.seat(user) for user in STUDENTS}
        for number, (user, moment) in enumerate(moments.items()):
            hall.go_to(moment)
            forged = hall.closes + (-HOUR_MS if number % 2 else HOUR_MS)
            await peers[user].put(answer(user, 50, "pi", 3.14, client_at=forged))
            told.append(await peers[user].answer(50))
        reviews = [await hall.review(user) for user in STUDENTS]
    assert [frame.get("code", "ok") for frame in told] == ["ok"] * 4 + ["too_late"]
    assert told[4]["d"] == {"closes": hall.closes, "arrived": hall.closes + GRACE_MS + 1, "kept": True}
    counted = [review.answers["pi"] for review in reviews[:4]]
    assert [saved.verdict for saved in counted] == ["in_time"] + ["in_grace"] * 3
    assert [saved.arrived - hall.closes for saved in counted] == [*moments.values()][:4]
    assert (reviews[4].answers, reviews[4].late["pi"].value) == ({}, 3.14)
    assert [review.score for review in reviews] == [2, 2, 2, 2, 0]


async def test_e3_an_answer_that_reached_the_door_in_time_counts_although_its_turn_comes_after_the_deadline_has_fired(
    mock_clock: MockClock,
) -> None:
    async with open_hall(mock_clock) as hall:
        ann = await hall.seat("ann")
        hall.slow("append", sitting("ann"))
        hall.go_to(GRACE_MS - 100)
        await ann.put({"t": "cmd", "id": 51, "to": sitting("ann"), "do": "flag", "d": {"question": "pi"}})
        await ann.ping()  # the answer tells that what came before it has been read
        hall.go_to(GRACE_MS)
        await ann.put(answer("ann", 52, "pi", 3.14))
        await ann.ping()
        hall.go_to(GRACE_MS + 1)
        await ann.put(answer("ann", 53, "river", "Seine SECRETKEY"))
        await ann.ping()
        for _ in range(2):  # the append of the flag, and that of all the rest
            await wait_all_tasks_blocked()
            mock_clock.jump(SLOW_S)
        counted, late = await ann.answer(52), await ann.answer(53)
        review = await hall.review("ann")
    assert (counted["t"], counted["d"]["saved"]) == ("ok", True)
    assert counted["d"]["now"] - hall.closes > GRACE_MS, "it was decided when the time was over"
    assert (late["code"], late["d"]["kept"]) == ("too_late", True)
    assert [(question, saved.verdict) for question, saved in review.answers.items()] == [("pi", "in_grace")]
    assert ([*review.late], review.reason, review.score) == (["river"], "deadline", 2)


async def test_an_answer_that_reached_the_door_after_a_pause_was_acknowledged_is_refused_however_long_the_sitting_is_busy(
    mock_clock: MockClock,
) -> None:
    async with open_hall(mock_clock) as hall:
        ann = await hall.seat("ann")
        hall.slow("append", sitting("ann"))
        hall.go_to(-5_000)
        await ann.put({"t": "cmd", "id": 51, "to": sitting("ann"), "do": "flag", "d": {"question": "pi"}})
        await ann.ping()  # the answer tells that what came before it has been read
        await ann.put(answer("ann", 52, "pi", 3.14))
        await ann.ping()
        assert isinstance(await hall.house.engine.ref("exam:mid").ask(Pause(), TEACHER), Done)
        hall.go_to(-4_999)
        await ann.put(answer("ann", 53, "river", "Seine SECRETKEY"))
        await ann.ping()
        for _ in range(2):  # the append of the flag, and that of all the rest
            await wait_all_tasks_blocked()
            mock_clock.jump(SLOW_S)
        before, after = await ann.answer(52), await ann.answer(53)
        review = await hall.review("ann")
    assert (before["t"], before["d"]["saved"]) == ("ok", True)
    assert (after["code"], after["d"]["paused"] - hall.closes) == ("conflict", -5_000)
    assert ([*review.answers], review.late) == (["pi"], {})


def in_one_message(frames: list[Any]) -> bytes:
    """Return frames as one array."""
    return ws_frame(msgpack.packb(frames))


def in_messages(frames: list[Any]) -> bytes:
    """Return each frame as a message of its own."""
    return b"".join(ws_frame(msgpack.packb(frame)) for frame in frames)


def with_the_last_in_fragments(frames: list[Any]) -> bytes:
    """Return each frame as a message, the last one in two fragments: it goes the long way through the WebSocket library."""
    last: bytes = msgpack.packb(frames[-1])
    return in_messages(frames[:-1]) + ws_frame(last[:9], fin=False) + ws_frame(last[9:], CONTINUATION)


@pytest.mark.parametrize("wrap", [in_one_message, in_messages, with_the_last_in_fragments])
async def test_p17_an_answer_that_waits_at_the_door_behind_slow_subscriptions_counts_by_when_it_was_read(
    mock_clock: MockClock, wrap: Callable[[list[Any]], bytes]
) -> None:
    async with open_hall(mock_clock) as hall:
        ann = await hall.seat("ann")
        hall.slow("load", "room:quiet")
        subscriptions = [{"t": "sub", "id": 60 + n, "to": to} for n, to in enumerate(("room:quiet", "exam:mid"))]
        hall.go_to(GRACE_MS)
        await ann.send(wrap([*subscriptions, answer("ann", 70, "pi", 3.14)]))
        await wait_all_tasks_blocked()
        mock_clock.jump(SLOW_S)
        told = await ann.answer(70)
        review = await hall.review("ann")
    assert told["t"] == "ok", told
    assert told["d"]["now"] == hall.closes + GRACE_MS + SLOW_S * 1000, "it was decided when the time was over"
    assert (review.answers["pi"].verdict, review.answers["pi"].arrived) == ("in_grace", hall.closes + GRACE_MS)


async def test_e2_a_jump_of_the_machines_clock_moves_no_deadline(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, wall = [], time.time
    async with open_hall(mock_clock) as hall:
        peers = {user: await hall.seat(user) for user in ("ann", "ben")}
        for user, moment, jump_s in (("ann", 0, 3_600), ("ben", GRACE_MS + 1, -3_600)):
            monkeypatch.setattr("time.time", lambda jump_s=jump_s: wall() + jump_s)
            hall.go_to(moment)
            await peers[user].put(answer(user, 50, "pi", 3.14))
            told.append(await peers[user].answer(50))
        kept = (await hall.review("ann")).answers["pi"]
    assert [frame.get("code", "ok") for frame in told] == ["ok", "too_late"]
    assert (kept.verdict, kept.arrived) == ("in_time", hall.closes)


async def test_e4_handing_in_again_from_any_tab_or_device_gives_the_same_result_object_and_has_one_effect(
    mock_clock: MockClock,
) -> None:
    async with open_hall(mock_clock) as hall:
        laptop = await hall.seat("ann", "laptop")
        submit = {"t": "cmd", "id": 50, "to": sitting("ann"), "do": "submit"}
        await laptop.put(submit, submit)  # a double click
        first, second = await laptop.answer(50), await laptop.answer(50)
        hall.go_to(-1)
        tablet = await hall.house.enter("ann", "tablet")
        other_device = await tablet.do(sitting("ann"), "submit")
        await laptop.aclose()
        back = await hall.house.enter("ann", "laptop")
        await back.put(submit)  # as after a timeout, or a reconnect
        retried = await back.answer(50)
        records = [record.type for record in hall.house.journal.store.stream(sitting("ann")).records]
    assert first["d"]["reason"] == "student"
    assert (second, retried) == (first | {"again": True},) * 2
    assert (other_device["t"], other_device["d"]) == ("ok", first["d"])
    assert records.count("sitting.submitted") == 1


async def test_e5_the_id_of_an_answer_with_another_value_is_a_conflict_and_changes_nothing(
    mock_clock: MockClock,
) -> None:
    async with open_hall(mock_clock) as hall:
        ann = await hall.seat("ann")
        await ann.put(answer("ann", 50, "pi", 3.14), answer("ann", 50, "pi", 2.7))
        saved, other = await ann.answer(50), await ann.answer(50)
        review = await hall.review("ann")
    assert (saved["t"], other["t"], other["code"]) == ("ok", "err", "conflict")
    assert (review.answers["pi"].value, review.answers["pi"].rev) == (3.14, 1)
