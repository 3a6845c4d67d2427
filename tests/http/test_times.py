"""Times that people write are milliseconds: those in seconds are refused by their field, and what was kept before is still read."""

from typing import Any

import msgspec
import pytest

from homeroom.records.columns import SINCE_MS
from homeroom.records.school.schedule_series import ChangeSeries
from homeroom.records.types import RECORD_TYPES
from tests.http.schedules import DOOR, HOUR, SERIES, Timetable, at

SECONDS = at("2026-01-12 09:00") // 1_000
WRITTEN: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "announcement": ("/api/announcements", {"title": "News", "body": "News"}, ("publish_at", "expires_at")),
    "task": ("/api/tasks", {"title": "Read"}, ("due_at",)),
    "vacancy": ("/api/vacancies", {"title": "Cook"}, ("closes_at",)),
    "schedule": (DOOR, {"title": "Talk"}, ("start_at", "end_at")),
    "series": (SERIES, {"title": "Talk", "series": "FREQ=DAILY;COUNT=2"}, ("start_at", "end_at")),
}


@pytest.mark.parametrize("what", WRITTEN)
async def test_a_time_in_seconds_is_refused_by_its_field(timetable: Timetable, what: str) -> None:
    path, body, times = WRITTEN[what]
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    admin = await timetable.person("admin")
    people = {"mentor_id": tom[0], "student_id": sam[0]} if what in {"task", "schedule", "series"} else {}
    fit = dict(zip(times, (SECONDS * 1_000, SECONDS * 1_000 + HOUR), strict=False))
    for name in times:
        reply = await timetable.call("POST", path, admin, body={**body, **people, **fit, name: SECONDS})
        assert (reply.code, reply.body["d"]["field"]) == ("bad_command", name)
        assert "milliseconds since 1970" in reply.body["d"]["allowed"]


def test_every_time_that_people_write_has_its_bound() -> None:
    own = {
        (record.name, column.name): column.since
        for record in RECORD_TYPES
        for column in record.writable(create=True)
        if column.kind == "integer" and column.name.endswith("_at")
    }
    known = {(what, name) for what, (_, _, times) in WRITTEN.items() for name in times if what != "series"}
    assert own == dict.fromkeys(known, SINCE_MS)
    for name in ("start_at", "end_at"):
        with pytest.raises(msgspec.ValidationError, match=str(SINCE_MS)):
            msgspec.convert({"id": "slot", "scope": "all", name: SECONDS}, ChangeSeries)


async def test_a_slot_that_was_kept_with_seconds_is_read_and_put_right(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00")
    sql = "UPDATE schedules SET start_at = $1, end_at = $2"
    await timetable.school.database.execute(sql, SECONDS, SECONDS + 1)
    door = f"{DOOR}/{slot['id']}"
    assert (await timetable.call("GET", door, tom)).body["start_at"] == SECONDS
    named = await timetable.call("PATCH", door, tom, body={"title": "Later"})
    assert (named.status, named.body["start_at"]) == (200, SECONDS)
    times = {"start_at": slot["start_at"], "end_at": slot["end_at"]}
    assert (await timetable.call("PATCH", door, tom, body=times)).body["start_at"] == slot["start_at"]
    wrong = await timetable.call("PATCH", door, tom, body={"start_at": SECONDS})
    assert (wrong.code, wrong.body["d"]["field"]) == ("bad_command", "start_at")
