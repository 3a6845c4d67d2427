"""Schedules at the doors: whose they are, days in a zone, clashes, and what has become of them."""

import pytest
import trio

from tests.http.schedules import DOOR, HOUR, ZONE, Timetable, at, shown

# --- whose they are


async def test_a_slot_is_seen_by_its_mentor_its_student_and_the_parents_and_by_nobody_else(
    timetable: Timetable,
) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    sam, sue = await timetable.person("student"), await timetable.person("student")
    pam, pit, ada = await timetable.person("parent"), await timetable.person("parent"), await timetable.person("admin")
    await timetable.school.link(pam, sam)
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00")
    door = f"{DOOR}/{slot['id']}"
    seen = [(await timetable.call("GET", door, who)).status for who in (tom, sam, pam, ada, tess, sue, pit)]
    assert seen == [200, 200, 200, 200, 404, 404, 404]
    assert (await timetable.call("PATCH", door, tom, body={"title": "Later"})).status == 200
    assert (await timetable.call("PATCH", door, sam, body={"title": "Never"})).code == "forbidden"
    assert (await timetable.call("PATCH", door, tess, body={"title": "Never"})).code == "not_found"
    for_another = timetable.body(tess, sue, "2026-01-12 15:00")
    assert (await timetable.call("POST", DOOR, tom, body=for_another)).code == "forbidden"
    assert (
        await timetable.call("POST", DOOR, sam, body=timetable.body(tom, sam, "2026-01-13 09:00"))
    ).code == "forbidden"


async def test_the_spellings_of_the_sources_are_taken(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    start = at("2026-01-12 09:00")
    body = {
        "mentorId": tom[0],
        "studentId": sam[0],
        "title": "A",
        "startTime": start,
        "endTime": start + HOUR,
        "focusStack": "Go",
    }
    made = await timetable.call("POST", DOOR, tom, body=body)
    assert (made.status, made.body["start_at"], made.body["focus_stack"]) == (201, start, "Go")
    done = await timetable.call("PATCH", f"{DOOR}/{made.body['id']}/status", tom, body={"status": "canceled"})
    assert done.body["status"] == "cancelled"
    assert shown(await timetable.day(tom, f"studentId={sam[0]}&date=2026-01-12")) == ["01-12 09:00"]


async def test_times_are_taken_as_iso_8601_writes_them_where_they_have_an_offset(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    people = {"mentor_id": tom[0], "student_id": sam[0], "title": "A"}
    times = {"startTime": "2026-01-12T08:00:00Z", "end_at": "2026-01-12T10:00:00.000+01:00"}
    made = await timetable.call("POST", DOOR, tom, body={**people, **times})
    assert (made.status, made.body["end_at"] - made.body["start_at"]) == (201, HOUR), made.body
    moved = await timetable.call("PATCH", f"{DOOR}/{made.body['id']}", tom, body={"endTime": "2026-01-12T11:00+01:00"})
    assert moved.body["end_at"] == made.body["start_at"] + 2 * HOUR
    for name in ("2026-01-12T11:00:00", "1970-01-21T00:00:00Z"):
        wrong = await timetable.call("PATCH", f"{DOOR}/{made.body['id']}", tom, body={"end_at": name})
        assert (wrong.code, wrong.body["d"]["field"]) == ("bad_command", "end_at")


async def test_a_slot_of_a_class_is_one_of_a_group_and_every_slot_is_in_the_school_s_zone_unless_said_otherwise(
    timetable: Timetable,
) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    group = await timetable.school_class(sam, teacher=tom)
    lesson = await timetable.slot(tom, None, "2026-01-12 09:00", class_id=group)
    assert (lesson["is_group_session"], lesson["zone"]) == (True, ZONE)
    denied = await timetable.ask(tom, None, "2026-01-12 10:00", class_id=group, is_group_session=False)
    assert (denied.code, denied.body["d"]["field"]) == ("bad_command", "is_group_session")
    alone = await timetable.slot(tom, sam, "2026-01-12 11:00", zone="Asia/Tokyo")
    assert (alone["is_group_session"], alone["zone"]) == (False, "Asia/Tokyo")
    door = f"{DOOR}/{alone['id']}"
    given = await timetable.call("PATCH", door, tom, body={"class_id": group, "student_id": None})
    assert (given.status, given.body["is_group_session"], given.body["zone"]) == (200, True, "Asia/Tokyo")
    both = await timetable.call("PATCH", door, tom, body={"is_group_session": False})
    assert both.body["d"]["field"] == "is_group_session"
    body = {name: given.body[name] for name in ("mentor_id", "class_id", "title", "start_at", "end_at")}
    whole = await timetable.call("PUT", door, tom, body=body)
    assert (whole.status, whole.body["is_group_session"], whole.body["zone"]) == (200, True, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"end_at": at("2026-01-12 09:00")}, "end_at"),
        ({"end_at": at("2026-01-13 09:01")}, "end_at"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"class_id": "c1"}, "class_id"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"status": "completed"}, "status"),
        ({"series": "FREQ=DAILY"}, "series"),
        ({"start_at": 5_000_000_000_000, "end_at": 5_000_000_000_001}, "start_at"),
        ({"student_id": "nobody"}, "student_id"),
    ],
)
async def test_what_does_not_fit_is_named(timetable: Timetable, more: dict[str, object], field: str) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    admin, body = await timetable.person("admin"), timetable.body(tom, sam, "2026-01-12 09:00")
    reply = await timetable.call("POST", DOOR, admin, body={**body, **more})
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)


# --- what has become of them


async def test_a_student_completes_a_slot_and_both_sides_are_told(timetable: Timetable) -> None:
    tom, sam, pam = (
        await timetable.person("teacher"),
        await timetable.person("student"),
        await timetable.person("parent"),
    )
    await timetable.school.link(pam, sam)
    slot = await timetable.slot(tom, sam, "2025-06-13 09:00")
    assert [kind for kind, _ in timetable.told(f"user:{sam[0]}")] == ["schedule.created", "schedule.assigned"]
    assert timetable.told(f"user:{sam[0]}")[1][1]["start_at"] == slot["start_at"]
    door = f"{DOOR}/{slot['id']}/status"
    assert (await timetable.call("PATCH", door, sam, body={"status": "cancelled"})).code == "forbidden"
    done = await timetable.call("PATCH", door, sam, body={"status": "completed"})
    assert (done.status, done.body["status"], done.body["version"]) == (200, "completed", 2)
    for user in (tom, sam, pam):
        kind, data = timetable.told(f"user:{user[0]}")[-1]
        assert (kind, data["row"]["status"]) == ("schedule.status_changed", "completed")
    assert timetable.told("table:schedules")[-1] == (
        "schedule.status_changed",
        {"id": slot["id"], "operation": "UPDATE", "version": 2},
    )
    assert (await timetable.call("PATCH", door, sam, body={"status": "completed"})).code == "conflict"
    assert (await timetable.call("PATCH", door, sam, body={"status": "scheduled"})).code == "forbidden"
    assert (await timetable.call("PATCH", door, pam, body={"status": "scheduled"})).code == "forbidden"
    to_come = await timetable.slot(tom, sam, "2026-01-12 09:00")
    early = await timetable.call("PATCH", f"{DOOR}/{to_come['id']}/status", sam, body={"status": "completed"})
    assert (early.code, early.body["d"]["start_at"]) == ("conflict", to_come["start_at"])
    assert (await timetable.call("PATCH", door, tom, body={"status": "scheduled"})).status == 200


async def test_a_slot_that_is_given_to_another_student_is_told_to_that_one(timetable: Timetable) -> None:
    tom, sam, sue = (
        await timetable.person("teacher"),
        await timetable.person("student"),
        await timetable.person("student"),
    )
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00")
    await timetable.call("PATCH", f"{DOOR}/{slot['id']}", tom, body={"student_id": sue[0]})
    assert ("schedule.assigned", sue[0]) in [
        (kind, data.get("student_id")) for kind, data in timetable.told(f"user:{sue[0]}")
    ]
    kind, data = timetable.told(f"user:{sam[0]}")[-1]
    assert (kind, data) == ("schedule.updated", {"id": slot["id"], "operation": "UPDATE", "version": 2})


# --- clashes


async def test_nobody_is_in_two_places_and_the_clash_is_named_to_whoever_may_see_it(timetable: Timetable) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    sam, sue = await timetable.person("student"), await timetable.person("student")
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00", title="Physics")
    times = {"start_at": slot["start_at"], "end_at": slot["end_at"]}
    mine = await timetable.ask(tom, sue, "2026-01-12 09:59")
    assert (mine.status, mine.code) == (409, "conflict")
    assert mine.body["d"] == {**times, "id": slot["id"], "title": "Physics", "mentor_id": tom[0], "student_id": sam[0]}
    hers = await timetable.ask(tess, sam, "2026-01-12 08:01")
    assert (hers.code, hers.body["d"]) == ("conflict", times), "the slot of another mentor is not hers to see"
    assert "Physics" not in str(hers.body)
    for start in ("2026-01-12 08:00", "2026-01-12 10:00"):
        await timetable.slot(tess, sam, start)


async def test_what_is_called_off_frees_its_time_and_comes_back_only_where_it_still_fits(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00")
    door = f"{DOOR}/{slot['id']}"
    assert (await timetable.call("PATCH", f"{door}/status", tom, body={"status": "cancelled"})).status == 200
    other = await timetable.slot(tom, sam, "2026-01-12 09:30")
    back = await timetable.call("PATCH", f"{door}/status", tom, body={"status": "scheduled"})
    assert (back.code, back.body["d"]["id"]) == ("conflict", other["id"])
    assert (await timetable.call("GET", door, tom)).body["status"] == "cancelled"


async def test_a_slot_may_be_moved_over_its_own_time_and_not_over_another(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    slot = await timetable.slot(tom, sam, "2026-01-12 09:00")
    other = await timetable.slot(tom, None, "2026-01-12 11:00", title="Staff")
    door = f"{DOOR}/{slot['id']}"
    half = HOUR // 2
    longer = {"start_at": slot["start_at"] - half, "end_at": slot["end_at"] + half}
    assert (await timetable.call("PATCH", door, tom, body=longer)).status == 200
    over = await timetable.call("PATCH", door, tom, body={"end_at": other["start_at"] + 1})
    assert (over.code, over.body["d"]["id"]) == ("conflict", other["id"])


async def test_a_class_keeps_its_students_busy_and_they_keep_the_class(timetable: Timetable) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    sam, sue = await timetable.person("student"), await timetable.person("student")
    group = await timetable.school_class(sam, teacher=tom)
    other = await timetable.school_class(sam, sue, teacher=tess)
    lesson = await timetable.slot(tom, None, "2026-01-12 09:00", class_id=group, is_group_session=True)
    alone = await timetable.ask(tess, sam, "2026-01-12 09:30")
    together = await timetable.ask(tess, None, "2026-01-12 09:30", class_id=other, is_group_session=True)
    assert (alone.code, together.code) == ("conflict", "conflict")
    assert alone.body["d"] == {"start_at": lesson["start_at"], "end_at": lesson["end_at"]}
    await timetable.slot(tess, sue, "2026-01-12 09:30")
    assert [kind for kind, _ in timetable.told(f"class:{group}")][-2:] == ["schedule.created", "schedule.assigned"]
    assert (await timetable.call("GET", f"{DOOR}/{lesson['id']}", sam)).status == 200
    assert (await timetable.call("GET", f"{DOOR}/{lesson['id']}", sue)).code == "not_found"


async def test_of_two_who_want_a_person_at_the_same_time_one_wins(timetable: Timetable) -> None:
    mentors = [await timetable.person("teacher") for _ in range(6)]
    sam = await timetable.person("student")
    codes: list[str] = []

    async def ask(number: int) -> None:
        codes.append((await timetable.ask(mentors[number], sam, f"2026-01-12 09:{number:02}")).code)

    async with trio.open_nursery() as nursery:
        for number in range(len(mentors)):
            nursery.start_soon(ask, number)
    assert sorted(codes) == ["conflict"] * 5 + ["ok"]


async def test_two_classes_with_students_in_common_never_wait_for_each_other(timetable: Timetable) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    sam, sue = await timetable.person("student"), await timetable.person("student")
    one, two = await timetable.school_class(sam, sue, teacher=tom), await timetable.school_class(sue, sam, teacher=tess)
    codes: list[str] = []

    async def ask(number: int) -> None:
        mentor, group = ((tom, one), (tess, two))[number % 2]
        reply = await timetable.ask(mentor, None, f"2026-01-12 09:{number:02}", class_id=group, is_group_session=True)
        codes.append(reply.code)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(ask, number)
    assert sorted(codes) == ["conflict"] * 7 + ["ok"]


# --- days


async def test_a_day_is_that_of_the_zone_on_days_of_23_and_25_hours(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    for start in ("2026-03-28 23:00", "2026-03-29 00:00", "2026-03-29 23:00", "2026-03-30 00:00"):
        await timetable.slot(tom, None, start)
    for start in ("2026-10-24 23:30", "2026-10-25 02:30", "2026-10-25 23:00", "2026-10-26 00:00"):
        await timetable.slot(tom, None, start)
    assert shown(await timetable.day(tom, "date=2026-03-29")) == ["03-29 00:00", "03-29 23:00"]
    assert shown(await timetable.day(tom, "date=2026-10-25")) == ["10-24 23:30", "10-25 02:30", "10-25 23:00"]
    assert shown(await timetable.day(tom, "date=2026-10-25&sort=-start_at")) == [
        "10-25 23:00",
        "10-25 02:30",
        "10-24 23:30",
    ]
    assert shown(await timetable.day(tom, "date=2026-10-25&zone=Asia/Tokyo")) == ["10-24 23:30", "10-25 02:30"]


async def test_the_day_of_a_student_holds_the_lessons_of_the_class_too(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    sam, sue = await timetable.person("student"), await timetable.person("student")
    group = await timetable.school_class(sam, teacher=tom)
    await timetable.slot(tom, None, "2026-01-12 09:00", class_id=group, is_group_session=True)
    await timetable.slot(tom, sam, "2026-01-12 11:00")
    await timetable.slot(tom, sue, "2026-01-12 12:00")
    for who in (tom, sam):
        rows = await timetable.day(who, f"studentId={sam[0]}&date=2026-01-12")
        assert shown(rows) == ["01-12 09:00", "01-12 11:00"]
    assert await timetable.day(sue, f"studentId={sam[0]}&date=2026-01-12") == []
    assert shown(await timetable.day(sue, "date=2026-01-12")) == ["01-12 12:00"]


async def test_by_whose_a_slot_is_nobody_finds_out_who_is_in_a_class(timetable: Timetable) -> None:
    tom, tess, pam = [await timetable.person(role) for role in ("teacher", "teacher", "parent")]
    sam, sue = [await timetable.person("student", mentored=False) for _ in range(2)]
    await timetable.school.link(pam, sam)
    group = await timetable.school_class(sam, sue, teacher=tom)
    await timetable.slot(tom, None, "2026-01-12 09:00", class_id=group, is_group_session=True)
    for query in ("studentId={}&date=2026-01-12", "student_id={}", "student_id={}&include=total"):
        for who, whose in ((pam, sam), (sam, sam), (tom, sue), (sue, sue)):
            assert len(await timetable.day(who, query.format(whose[0]))) == 1
        for who in (pam, sam, tess):
            assert await timetable.day(who, query.format(sue[0])) == []
    hidden = await timetable.call("GET", f"{DOOR}?student_id={sue[0]}&include=total", pam)
    assert hidden.body["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("date=2026-02-30", "date"),
        ("date=12.1.2026", "date"),
        ("date=9999-12-31", "date"),
        ("date=2026-01-12&zone=Nowhere", "zone"),
        ("date=2026-01-12&zone=../../etc/passwd", "zone"),
        ("zone=Europe/Berlin", "date"),
        ("date=2026-01-12&start_at_to=5", "start_at_to"),
        ("day=2026-01-12", "day"),
    ],
)
async def test_a_day_that_is_none_is_named(timetable: Timetable, query: str, field: str) -> None:
    tom = await timetable.person("teacher")
    reply = await timetable.call("GET", f"{DOOR}?{query}", tom)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", field)
