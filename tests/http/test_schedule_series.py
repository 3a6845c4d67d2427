"""Series of schedules at the doors: made at once or not at all, changed from one on or as a whole, and never in the way of anybody."""

from collections import Counter
from random import Random
from typing import Any

import pytest
import trio

from homeroom.records.recurrence import OCCURRENCES_MAX
from tests.http.record_school import Person
from tests.http.schedules import DOOR, HOUR, SERIES, ZONE, Timetable, at, shown

WEEKS = "FREQ=WEEKLY;COUNT=4"


async def rows_of(timetable: Timetable, who: Person, series: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a series, by time."""
    return await timetable.day(who, f"series_id={series['series_id']}&sort=start_at&limit=100")


async def test_a_lesson_at_nine_is_at_nine_on_both_sides_of_summer_time(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    made = await timetable.series(tom, sam, "2026-03-16 09:00", WEEKS)
    rows = await rows_of(timetable, sam, made)
    assert shown(rows) == ["03-16 09:00", "03-23 09:00", "03-30 09:00", "04-06 09:00"]
    assert [row["end_at"] - row["start_at"] for row in rows] == [HOUR] * 4
    assert [row["occurrence_at"] for row in rows] == [row["start_at"] for row in rows]
    assert made["occurrences"] == [{name: row[name] for name in ("id", "start_at", "end_at")} for row in rows]
    assert {(row["series"], row["zone"]) for row in rows} == {(WEEKS, ZONE)}


async def test_a_series_is_told_once_to_whom_it_is_for_and_each_of_it_as_a_row(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    made = await timetable.series(tom, sam, "2026-01-12 09:00", WEEKS)
    told = timetable.told(f"user:{sam[0]}")
    assert [kind for kind, _ in told] == ["schedule.created"] * 4 + ["schedule.assigned"]
    assert (told[-1][1]["count"], told[-1][1]["series_id"]) == (4, made["series_id"])


async def test_a_series_with_one_clash_is_not_made_at_all(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    busy = await timetable.slot(tom, None, "2026-01-26 09:30", title="Staff meeting")
    body = timetable.body(tom, sam, "2026-01-12 09:00", series=WEEKS, zone=ZONE)
    reply = await timetable.call("POST", SERIES, tom, body=body)
    assert (reply.code, reply.body["d"]["title"]) == ("conflict", "Staff meeting")
    assert [row["id"] for row in await timetable.day(tom, "")] == [busy["id"]]
    assert timetable.told(f"user:{sam[0]}") == []


async def test_a_series_sent_twice_with_one_key_is_made_once(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    body = timetable.body(tom, None, "2026-01-12 09:00", series=WEEKS, zone=ZONE)
    first, second = [
        await timetable.call("POST", SERIES, tom, body=body, headers={"Idempotency-Key": "s-1"}) for _ in range(2)
    ]
    assert (first.status, first.body) == (second.status, second.body)
    assert len(await timetable.day(tom, "")) == 4


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"series": "FREQ=SECONDLY;COUNT=3"}, "series"),
        ({"series": "FREQ=DAILY;COUNT=371"}, "series"),
        ({"series": "FREQ=DAILY;BYHOUR=3"}, "series"),
        ({"series": "FREQ=WEEKLY;BYDAY=TU"}, "start_at"),
        ({"series": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "start_at"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"end_at": at("2026-01-12 08:00")}, "end_at"),
        ({"status": "completed"}, "status"),
        (
            {"start_at": at("2099-12-30 09:00"), "end_at": at("2099-12-30 10:00"), "series": "FREQ=DAILY;COUNT=9"},
            "start_at",
        ),
    ],
)
async def test_what_is_no_series_is_named(timetable: Timetable, more: dict[str, Any], field: str) -> None:
    tom = await timetable.person("teacher")
    body = {**timetable.body(tom, None, "2026-01-12 09:00", series=WEEKS, zone=ZONE), **more}
    reply = await timetable.call("POST", SERIES, tom, body=body)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)
    assert await timetable.day(tom, "") == []


async def test_those_that_follow_move_by_the_clock_and_one_that_was_moved_alone_keeps_its_distance(
    timetable: Timetable,
) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    made = await timetable.series(tom, sam, "2026-03-16 09:00", WEEKS)
    first, second, third, _ = await rows_of(timetable, tom, made)
    alone = {"start_at": third["start_at"] + HOUR, "end_at": third["end_at"] + HOUR}
    assert (await timetable.call("PATCH", f"{DOOR}/{third['id']}", tom, body=alone)).status == 200
    change = {"scope": "following", "start_at": second["start_at"] + 25 * HOUR, "end_at": second["end_at"] + 25 * HOUR}
    moved = await timetable.call("PATCH", f"{DOOR}/{second['id']}/series", tom, body={**change, "title": "Later"})
    assert moved.status == 200, moved.body
    rows = await rows_of(timetable, tom, made)
    assert shown(rows) == ["03-16 09:00", "03-24 10:00", "03-31 11:00", "04-07 10:00"]
    assert [row["title"] for row in rows] == ["Lesson", "Later", "Later", "Later"]
    assert rows[0] == first
    assert shown(moved.body["occurrences"]) == shown(rows[1:])


async def test_a_series_that_is_moved_into_the_hour_that_the_clocks_skip_and_back_is_as_before(
    timetable: Timetable,
) -> None:
    tom = await timetable.person("teacher")
    made = await timetable.series(tom, None, "2026-03-28 02:30", "FREQ=DAILY;COUNT=3")
    first, skipped, _ = (one["id"] for one in made["occurrences"])

    async def moved(id: str, start: str) -> list[str]:
        change = {"scope": "all", "start_at": at(start), "end_at": at(start) + HOUR // 2}
        assert (await timetable.call("PATCH", f"{DOOR}/{id}/series", tom, body=change)).status == 200
        return shown(await rows_of(timetable, tom, made))

    early = ["03-28 01:30", "03-29 01:30", "03-30 01:30"]
    skipping = ["03-28 02:30", "03-29 03:30", "03-30 02:30"]
    assert shown(made["occurrences"]) == skipping
    assert await moved(first, "2026-03-28 01:30") == early
    assert await moved(first, "2026-03-28 02:30") == skipping
    assert await moved(skipped, "2026-03-29 03:30") == skipping
    assert await moved(skipped, "2026-03-29 01:30") == early
    assert (await timetable.call("DELETE", f"{DOOR}/{first}/series", tom, body={"scope": "all"})).status == 200


async def test_a_daily_series_moves_by_a_day_over_its_own_places(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    made = await timetable.series(tom, None, "2026-03-27 09:00", "FREQ=DAILY;COUNT=4")
    day = {"start_at": at("2026-03-28 09:00"), "end_at": at("2026-03-28 10:00"), "scope": "all"}
    first = made["occurrences"][0]["id"]
    assert (await timetable.call("PATCH", f"{DOOR}/{first}/series", tom, body=day)).status == 200
    assert shown(await rows_of(timetable, tom, made)) == ["03-28 09:00", "03-29 09:00", "03-30 09:00", "03-31 09:00"]
    clash = await timetable.slot(tom, None, "2026-04-01 09:00")
    day = {"start_at": at("2026-03-29 09:00"), "end_at": at("2026-03-29 10:00"), "scope": "all"}
    refused = await timetable.call("PATCH", f"{DOOR}/{first}/series", tom, body=day)
    assert (refused.code, refused.body["d"]["id"]) == ("conflict", clash["id"])
    assert shown(await rows_of(timetable, tom, made))[0] == "03-28 09:00"


async def test_what_is_completed_stays_when_the_rest_is_called_off_or_taken_away(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    made = await timetable.series(tom, sam, "2025-06-13 09:00", WEEKS)
    ids = [one["id"] for one in made["occurrences"]]
    await timetable.call("PATCH", f"{DOOR}/{ids[0]}/status", sam, body={"status": "completed"})
    off = await timetable.call(
        "PATCH", f"{DOOR}/{ids[2]}/series", tom, body={"scope": "following", "status": "canceled"}
    )
    assert [one["id"] for one in off.body["occurrences"]] == ids[2:]
    statuses = [row["status"] for row in await rows_of(timetable, tom, made)]
    assert statuses == ["completed", "scheduled", "cancelled", "cancelled"]
    assert timetable.told(f"user:{sam[0]}")[-1][0] == "schedule.status_changed"
    gone = await timetable.call("DELETE", f"{DOOR}/{ids[0]}/series", tom, body={"scope": "all"})
    assert [one["id"] for one in gone.body["occurrences"]] == [ids[1]]
    assert [row["id"] for row in await rows_of(timetable, tom, made)] == [ids[0], *ids[2:]]
    none = await timetable.call("DELETE", f"{DOOR}/{ids[0]}/series", tom, body={"scope": "all"})
    assert none.code == "conflict"


async def test_what_is_over_is_neither_changed_nor_taken_away_with_its_series(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    made = await timetable.series(tom, None, "2025-06-06 09:00", WEEKS)
    ids = [one["id"] for one in made["occurrences"]]
    before = await rows_of(timetable, tom, made)
    for scope, title in (("all", "All"), ("following", "Following")):
        door, body = f"{DOOR}/{ids[0]}/series", {"scope": scope, "title": title}
        changed = await timetable.call("PATCH", door, tom, body=body)
        assert [one["id"] for one in changed.body["occurrences"]] == ids[2:]
    rows = await rows_of(timetable, tom, made)
    assert rows[:2] == before[:2]
    assert [row["title"] for row in rows[2:]] == ["Following"] * 2
    gone = await timetable.call("DELETE", f"{DOOR}/{ids[0]}/series", tom, body={"scope": "all"})
    assert [one["id"] for one in gone.body["occurrences"]] == ids[2:]
    assert await rows_of(timetable, tom, made) == before[:2]


async def test_a_series_is_its_mentors_alone(timetable: Timetable) -> None:
    tom, tess, sam = (
        await timetable.person("teacher"),
        await timetable.person("teacher"),
        await timetable.person("student"),
    )
    made = await timetable.series(tom, sam, "2026-01-12 09:00", WEEKS)
    door = f"{DOOR}/{made['occurrences'][0]['id']}/series"
    body = {"scope": "all", "title": "Mine"}
    assert (await timetable.call("PATCH", door, tess, body=body)).code == "not_found"
    assert (await timetable.call("PATCH", door, sam, body=body)).code == "forbidden"
    assert (await timetable.call("DELETE", door, tess, body={"scope": "all"})).code == "not_found"
    single = await timetable.slot(tom, sam, "2026-05-12 09:00")
    assert (await timetable.call("PATCH", f"{DOOR}/{single['id']}/series", tom, body=body)).code == "conflict"
    assert (await timetable.call("PATCH", f"{DOOR}/nothing/series", tom, body=body)).code == "not_found"
    another = timetable.body(tess, sam, "2026-06-12 09:00", series=WEEKS, zone=ZONE)
    assert (await timetable.call("POST", SERIES, tom, body=another)).code == "forbidden"


async def test_a_series_and_a_slot_that_want_the_same_time_do_not_both_win(timetable: Timetable) -> None:
    tom, tess, sam = (
        await timetable.person("teacher"),
        await timetable.person("teacher"),
        await timetable.person("student"),
    )
    body = timetable.body(tom, sam, "2026-01-12 09:00", series="FREQ=WEEKLY;COUNT=20", zone=ZONE)
    codes: dict[str, str] = {}

    async def make_series() -> None:
        codes["series"] = (await timetable.call("POST", SERIES, tom, body=body)).code

    async def make_slot() -> None:
        codes["slot"] = (await timetable.ask(tess, sam, "2026-03-16 09:30")).code

    async with trio.open_nursery() as nursery:
        nursery.start_soon(make_series)
        nursery.start_soon(make_slot)
    assert sorted(codes.values()) == ["conflict", "ok"]


async def test_the_longest_series_is_made_and_taken_away_in_one_go(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    made = await timetable.series(tom, sam, "2026-01-12 09:00", f"FREQ=DAILY;COUNT={OCCURRENCES_MAX}")
    assert len(made["occurrences"]) == OCCURRENCES_MAX
    first = made["occurrences"][0]["id"]
    gone = await timetable.call("DELETE", f"{DOOR}/{first}/series", tom, body={"scope": "all"})
    assert (gone.status, len(gone.body["occurrences"])) == (200, OCCURRENCES_MAX)
    assert await timetable.day(tom, "") == []


async def test_slots_of_a_series_never_come_to_overlap_one_another(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    made = await timetable.series(tom, None, "2026-01-12 09:00", "FREQ=DAILY;COUNT=3")
    second = made["occurrences"][1]
    alone = {"start_at": second["start_at"] + HOUR, "end_at": second["end_at"] + HOUR}
    assert (await timetable.call("PATCH", f"{DOOR}/{second['id']}", tom, body=alone)).status == 200
    door = f"{DOOR}/{made['occurrences'][0]['id']}/series"
    whole_day = await timetable.call("PATCH", door, tom, body={"scope": "all", "end_at": at("2026-01-13 09:00")})
    assert (whole_day.code, "id" in whole_day.body["d"]) == ("conflict", False)
    into = await timetable.call("PATCH", f"{DOOR}/{second['id']}", tom, body={"start_at": at("2026-01-12 09:30")})
    assert into.code == "bad_command", "longer than a day"
    back = {"start_at": at("2026-01-12 09:30"), "end_at": at("2026-01-12 10:30")}
    over = await timetable.call("PATCH", f"{DOOR}/{second['id']}", tom, body=back)
    assert (over.code, over.body["d"]["id"]) == ("conflict", made["occurrences"][0]["id"])


async def test_the_series_of_a_class_is_told_to_the_class(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    group = await timetable.school_class(sam, teacher=tom)
    made = await timetable.series(tom, None, "2026-01-12 09:00", WEEKS, class_id=group)
    told = [kind for kind, _ in timetable.told(f"class:{group}") if kind.startswith("schedule")]
    assert told == ["schedule.created"] * 4 + ["schedule.assigned"]
    assert len(await rows_of(timetable, sam, made)) == 4


_OVERLAPS = """SELECT a.id FROM schedules a JOIN schedules b ON a.id < b.id AND a.start_at < b.end_at AND b.start_at < a.end_at
WHERE a.status = 'scheduled' AND b.status = 'scheduled' AND a.mentor_id = ANY($1::text[])
AND (a.mentor_id = b.mentor_id OR a.student_id = b.student_id)"""


async def test_whoever_writes_at_once_nobody_is_ever_in_two_places(timetable: Timetable) -> None:
    random = Random(7)
    mentors = [await timetable.person("teacher") for _ in range(3)]
    students = [await timetable.person("student") for _ in range(3)]
    codes: Counter[str] = Counter()

    async def write(mentor: Person, student: Person, minutes: int, repeats: int) -> None:
        start = at("2026-01-12 08:00") + minutes * 60_000
        body = timetable.body(mentor, student, "2026-01-12 08:00", start_at=start, end_at=start + HOUR)
        rule = {"series": f"FREQ=DAILY;COUNT={repeats}", "zone": ZONE} if repeats > 1 else {}
        reply = await timetable.call("POST", SERIES if rule else DOOR, mentor, body={**body, **rule})
        codes[reply.code] += 1
        if reply.code == "ok" and rule:
            moved = {"scope": "all", "start_at": start + HOUR, "end_at": start + 2 * HOUR}
            door = f"{DOOR}/{reply.body['occurrences'][0]['id']}/series"
            codes[(await timetable.call("PATCH", door, mentor, body=moved)).code] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(24):
            wanted = random.choice(mentors), random.choice(students), random.randrange(600), random.randint(1, 4)
            nursery.start_soon(write, *wanted)
    assert codes.keys() == {"ok", "conflict"}
    found = await timetable.school.database.fetch(_OVERLAPS, [mentor[0] for mentor in mentors])
    assert found == []


async def test_the_texts_of_a_series_are_as_long_as_so_many_slots_have_room_for(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    body = timetable.body(tom, None, "2026-01-12 09:00", series="FREQ=DAILY;COUNT=300", zone=ZONE)
    long = await timetable.call("POST", SERIES, tom, body={**body, "description": "\U0001f600" * 400})
    assert (long.status, long.body["d"]["field"]) == (400, "description")
    assert "300" in long.body["d"]["allowed"]
    made = await timetable.call("POST", SERIES, tom, body={**body, "description": "x" * 1_000})
    assert made.status == 201
    first = made.body["occurrences"][0]["id"]
    change = {"scope": "all", "description": "\U0001f600" * 400}
    assert (await timetable.call("PATCH", f"{DOOR}/{first}/series", tom, body=change)).code == "bad_command"
    few = {"scope": "following", "description": "\U0001f600" * 400}
    last = made.body["occurrences"][-10]["id"]
    assert (await timetable.call("PATCH", f"{DOOR}/{last}/series", tom, body=few)).status == 200
