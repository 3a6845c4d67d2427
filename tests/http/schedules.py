"""What the tests of schedules do: a school in Berlin with the real record types, and slots in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from random import SystemRandom
from typing import Any

import msgspec

from homeroom.protocol.zones import find_zone, local_time
from homeroom.records.feeds import Feeds
from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import Person, RecordSchool, open_record_school
from tests.http.rest_school import Reply

ZONE = "Europe/Berlin"
HOUR = 3_600_000
DOOR = "/api/schedules"
SERIES = f"{DOOR}/series"
_MENTOR = "INSERT INTO mentorships (id, mentor_id, student_id, active, version, created_at, updated_at) VALUES ($1 || '-' || $2, $1, $2, true, 1, 1, 1)"


def at(text: str) -> int:
    """Return the Unix ms of a local time such as `2026-03-29 09:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=find_zone(ZONE)).timestamp()) * 1000


def shown(rows: list[dict[str, Any]]) -> list[str]:
    """Return when rows begin, on the clocks of the school."""
    return [local_time(row["start_at"], find_zone(ZONE)).strftime("%m-%d %H:%M") for row in rows]


@asynccontextmanager
async def open_timetable(dsn: str, *, public_url: str = "", **options: Any) -> AsyncIterator["Timetable"]:
    """Open a school whose zone is Berlin's, with calendars."""
    async with open_record_school(dsn, RECORD_TYPES, **options) as opened:
        school = opened.school
        assert school.parts.records is not None
        opened.store.catalog.zone = find_zone(ZONE)
        feeds = Feeds(opened.database, school.clock, SystemRandom())
        school.parts = replace(
            school.parts, records=replace(school.parts.records, feeds=feeds, zone=ZONE, public_url=public_url)
        )
        yield Timetable(opened)


class Timetable:
    """A school, and the hand that writes its timetable."""

    def __init__(self, school: RecordSchool) -> None:
        self.school = school
        self.call = school.call
        self._people: list[Person] = []

    async def person(self, role: str, *, mentored: bool = True) -> Person:
        """Return a new person; a new teacher is a mentor of all students so far, a new student has all teachers so far."""
        made = await self.school.person(role)
        for other in self._people if mentored else ():
            pair = {made[1]: made[0], other[1]: other[0]}
            if pair.keys() == {"teacher", "student"}:
                await self.school.database.execute(_MENTOR, pair["teacher"], pair["student"])
        if mentored:
            self._people.append(made)
        return made

    def body(self, mentor: Person, student: Person | None, start: str, **more: Any) -> dict[str, Any]:
        """Return a slot of an hour."""
        begin = at(start)
        body = {"mentor_id": mentor[0], "title": "Lesson", "start_at": begin, "end_at": begin + HOUR, **more}
        return {**body, "student_id": student[0]} if student else body

    async def ask(self, mentor: Person, student: Person | None, start: str, **more: Any) -> Reply:
        """Ask for a slot of an hour."""
        return await self.call("POST", DOOR, mentor, body=self.body(mentor, student, start, **more))

    async def slot(self, mentor: Person, student: Person | None, start: str, **more: Any) -> dict[str, Any]:
        """Return a new slot."""
        reply = await self.ask(mentor, student, start, **more)
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.body
        return made

    async def series(
        self, mentor: Person, student: Person | None, start: str, rule: str, **more: Any
    ) -> dict[str, Any]:
        """Return a new series."""
        body = self.body(mentor, student, start, series=rule, **more)
        reply = await self.call("POST", SERIES, mentor, body=body)
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.body
        return made

    async def school_class(self, *students: Person, teacher: Person) -> str:
        """Return the id of a new class with these people in it."""
        admin = await self.person("admin")
        made = await self.call("POST", "/api/classes", admin, body={"title": "10a", "grade": "10"})
        assert made.status == 201, made.body
        for user, part in [(teacher, "teacher"), *((student, "student") for student in students)]:
            body = {"class_id": made.body["id"], "user_id": user[0], "part": part}
            reply = await self.call("POST", "/api/class-memberships", admin, body=body)
            assert reply.status == 201, reply.body
        return str(made.body["id"])

    async def day(self, who: Person, query: str) -> list[dict[str, Any]]:
        """Return the slots that `who` sees of a list."""
        reply = await self.call("GET", f"{DOOR}?{query}", who)
        assert reply.status == 200, reply.body
        items: list[dict[str, Any]] = reply.body["items"]
        return items

    def told(self, stream: str) -> list[tuple[str, Any]]:
        """Return type and data of all that was told on a stream."""
        events = [
            msgspec.msgpack.decode(event)
            for posted in self.school.posted
            if posted.stream == stream
            for event in posted.events
        ]
        return [(event["type"], event["d"]) for event in events]
