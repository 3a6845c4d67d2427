"""Whoever watches is told their figures when those change: soon, together, once, by the clock too, and nobody else's."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio

from homeroom.engine.behaviour import Caller, Refusal, Row
from homeroom.engine.clock import Clock, TrioClock
from homeroom.engine.database import Database
from homeroom.engine.hub import Hub
from homeroom.protocol.dashboard import Figures, SystemFigures
from homeroom.protocol.stored import MsgpackFrames
from homeroom.protocol.zones import day_window, find_zone
from homeroom.records.figures import FigureReader, Reader
from homeroom.records.pulse import Pulse
from homeroom.records.recount import Recount
from homeroom.records.school.attendance import ATTENDANCE
from homeroom.records.school.entries import ENTRY
from homeroom.records.school.students import STUDENT
from homeroom.records.school.terms import TERM
from homeroom.records.school.users import USER
from homeroom.records.tallies import day_of
from homeroom.records.types import RECORD_TYPES
from tests.records.counted import ZONE
from tests.records.school_rows import AT, put, put_school
from tests.records.school_store import CALLERS, SchoolStore
from tests.records.watching import Watching

BERLIN = find_zone(ZONE)
PATIENCE_S = 20.0


class Told(Watching):
    """A person's outlet that says when something has come."""

    @property
    def told(self) -> list[dict[str, Any]]:
        """The figures that came, in order."""
        for frame in self.frames:
            assert (frame["t"], frame["to"]) == ("sig", f"user:{self.user}")
        return [event["d"] for frame in self.frames for event in frame["e"] if event["type"] == "metrics.updated"]

    async def wait(self, *way: str, value: Any) -> None:
        """Wait until a figure is told to have a value."""
        with trio.fail_after(PATIENCE_S):
            while not self.told or _find(self.told[-1], way) != value:
                await self.came.wait()
                self.came = trio.Event()


def _find(figures: Any, way: Iterable[str]) -> Any:
    for name in way:
        figures = figures.get(name) if figures is not None else None
    return figures


class HandClock:
    """A clock that is put forward by hand."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now(self) -> int:
        return self.ms


class Failing(FigureReader):
    """A reader that fails the first time."""

    failures = 1

    async def of(self, readers: Iterable[Reader]) -> dict[str, Figures]:
        if self.failures:
            self.failures -= 1
            raise Refusal("unavailable", "the database is away")
        return await super().of(readers)


class House:
    """The school with a pulse."""

    def __init__(self, database: Database, clock: Clock, make: type[FigureReader] = FigureReader) -> None:
        self.school = SchoolStore(database)
        self.hub = Hub({"msgpack": MsgpackFrames()})
        reader = make(database, clock, BERLIN, system=lambda: SystemFigures(connections=7))
        self.pulse = Pulse(database, reader, self.hub, wire=self.school.wire, clock=clock, zone=BERLIN)
        self.school.touched = self.pulse.touched

    def watch(self, user: str) -> Told:
        """Let a person watch."""
        sink = Told(user)
        self.hub.subscribe(f"user:{user}", sink, 0)
        self.pulse.joined(f"user:{user}", CALLERS[user])
        return sink


@asynccontextmanager
async def open_house(
    database: Database, clock: Clock | None = None, make: type[FigureReader] = FigureReader
) -> AsyncIterator[House]:
    await put_school(database)
    await Recount(RECORD_TYPES, BERLIN).ensure(database)
    house = House(database, clock or TrioClock(AT), make)
    async with trio.open_nursery() as nursery:
        await nursery.start(house.hub.run)
        await nursery.start(house.pulse.run)
        yield house
        nursery.cancel_scope.cancel()


async def test_a_new_entry_reaches_the_mentor_the_student_the_parent_and_the_admin_and_nobody_else(
    database: Database,
) -> None:
    async with open_house(database) as house:
        sinks = {user: house.watch(user) for user in ("mia", "ann", "pam", "ada", "tess", "bob", "pit")}
        for sink in sinks.values():
            await sink.wait("today", value="2027-01-15")
        before = {user: len(sink.told) for user, sink in sinks.items()}
        await house.school.create("ann", ENTRY, title="Mine", body="All.")
        await sinks["mia"].wait("teacher", "entries", "pending", value=1)
        await sinks["ann"].wait("student", "entries", "pending", value=1)
        await sinks["ada"].wait("school", "entries_pending", value=1)
        with trio.fail_after(PATIENCE_S):
            while sinks["pam"].told[-1]["parent"]["children"][0]["figures"]["entries"]["total"] != 1:
                await sinks["pam"].came.wait()
                sinks["pam"].came = trio.Event()
        assert {user: len(sinks[user].told) - before[user] for user in ("tess", "bob", "pit")} == dict.fromkeys(
            ("tess", "bob", "pit"), 0
        )
        assert sinks["ada"].told[-1]["school"]["system"]["connections"] == 7


async def test_many_changes_are_told_in_few_signals_and_the_last_is_true(database: Database) -> None:
    async with open_house(database) as house:
        mentor = house.watch("mia")
        await mentor.wait("teacher", "entries", "total", value=0)
        for number in range(40):
            await house.school.create("ann", ENTRY, title=f"Entry {number}", body="All.")
        await mentor.wait("teacher", "entries", "total", value=40)
        assert len(mentor.told) < 30


async def test_what_changes_no_figure_is_not_told(database: Database) -> None:
    async with open_house(database) as house:
        entry = await house.school.create("ann", ENTRY, title="Mine", body="All.")
        student = house.watch("ann")
        await student.wait("student", "entries", "total", value=1)
        await house.school.update("ann", ENTRY, entry["id"], title="Better")
        await house.school.create("ann", ENTRY, title="Another", body="All.")
        await student.wait("student", "entries", "total", value=2)
        totals = [told["student"]["entries"]["total"] for told in student.told]
        assert totals == [1, 2]


async def test_at_midnight_of_the_school_s_zone_today_begins_anew(database: Database) -> None:
    midnight = day_window(day_of(AT, BERLIN) + timedelta(days=1), BERLIN)[0]
    clock = HandClock(midnight - 50)
    async with open_house(database, clock) as house:
        values = {"class_id": "10a", "student_id": "ann", "date": "2027-01-15", "status": "late"}
        await house.school.create("tess", ATTENDANCE, **values)
        teacher = house.watch("tess")
        await teacher.wait("teacher", "attendance_today", "late", value=1)
        clock.ms = midnight
        await teacher.wait("today", value="2027-01-16")
        await teacher.wait("teacher", "attendance_today", "late", value=0)


async def test_a_term_that_begins_changes_what_students_see_of_their_attendance(database: Database) -> None:
    async with open_house(database) as house:
        await put(database, TERM, "spring", title="Spring", starts_on="2027-02-01", ends_on="2027-06-30")
        values = {"class_id": "10a", "student_id": "ann", "date": "2027-01-15", "status": "present"}
        await house.school.create("tess", ATTENDANCE, **values)
        student = house.watch("ann")
        await student.wait("student", "attendance", "present", value=1)
        body = TERM.deeds[0].body(term_id="spring")
        await house.school.perform("ada", TERM, "activate", body)
        await student.wait("student", "attendance", "present", value=0)


async def test_while_the_database_is_away_what_is_to_be_told_waits(database: Database) -> None:
    async with open_house(database, make=Failing) as house:
        await house.watch("mia").wait("teacher", "mentees", value=1)


async def test_rows_of_an_exam_are_read_again_for_those_who_watch_over_it(database: Database) -> None:
    for sql in (
        "CREATE TABLE read_exam_people (stream text, person text, active boolean, staff boolean)",
        "CREATE TABLE read_sittings (stream text, person text, exam text, status text, score bigint)",
        "CREATE TABLE read_exams (stream text, status text)",
        "INSERT INTO read_exam_people VALUES ('exam:mid', 'tess', true, true), ('exam:mid', 'ann', true, NULL)",
        "INSERT INTO read_sittings VALUES ('sitting:mid.ann', 'ann', 'mid', 'submitted', NULL)",
    ):
        await database.execute(sql)

    class WithExams(FigureReader):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more, exams=True)

    async with open_house(database, make=WithExams) as house:
        teacher, other, admin = house.watch("tess"), house.watch("theo"), house.watch("ada")
        await teacher.wait("teacher", "sittings_waiting", value=1)
        await other.wait("teacher", "sittings_waiting", value=0)
        await admin.wait("school", "exams_open", value=0)
        await database.execute("UPDATE read_sittings SET score = 3")
        house.pulse.wrote([Row("sittings", {"person": "ann"}, {"exam": "mid", "score": 3})])
        await teacher.wait("teacher", "sittings_waiting", value=0)
        await database.execute("INSERT INTO read_exams VALUES ('exam:mid', 'open')")
        house.pulse.wrote([Row("exams", {}, {"status": "open"})])
        await admin.wait("school", "exams_open", value=1)
        assert len(other.told) == 1


@pytest.mark.parametrize("role", ["teacher", "student", "parent", "admin", "super_admin"])
async def test_who_watches_is_told_once_more_and_who_does_no_longer_is_forgotten(database: Database, role: str) -> None:
    async with open_house(database) as house:
        sink = Told("somebody")
        house.hub.subscribe("user:somebody", sink, 0)
        house.pulse.joined("user:somebody", Caller("somebody", role))
        await sink.wait("today", value="2027-01-15")
        house.hub.forget(sink)
        house.pulse.published("user:somebody")
        await house.watch("mia").wait("today", value="2027-01-15")
        assert len(sink.told) == 1


async def test_a_student_who_comes_and_goes_is_told_to_the_teacher_and_the_office(database: Database) -> None:
    async with open_house(database) as house:
        teacher, mentor, admin = house.watch("tess"), house.watch("mia"), house.watch("ada")
        await teacher.wait("teacher", "active_students", value=2)
        await mentor.wait("teacher", "active_students", value=1)
        await admin.wait("school", "active_students", value=3)
        await house.school.create("ada", USER, id="eve", login="eve", name="Eve")
        await admin.wait("school", "active_students", value=4)
        record = await house.school.create("ada", STUDENT, user_id="ann", number="1", class_id="10a")
        await house.school.update("ada", STUDENT, record["id"], status="graduated")
        await teacher.wait("teacher", "active_students", value=1)
        await mentor.wait("teacher", "active_students", value=0)
        await mentor.wait("teacher", "mentees", value=0)
        await admin.wait("school", "active_students", value=3)
