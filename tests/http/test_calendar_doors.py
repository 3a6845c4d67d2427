"""The private link to one's calendar: what it shows, how it ends, and that nobody else learns it."""

from typing import Any

import pytest
import trio
from icalendar import Calendar, Component

from homeroom.engine.journal_memory import START_MS
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.records import feeds
from homeroom.records.feeds import DESCRIPTION_MAX, PAGE
from tests.http.record_school import Person
from tests.http.rest_school import Reply
from tests.http.schedules import HOUR, ZONE, Timetable, open_timetable

LINK = "/api/schedules/feed"


async def slot_in(timetable: Timetable, mentor: Person, student: Person | None, hours: int, **more: object) -> str:
    """Return the id of a new slot so many hours from now."""
    times = {"start_at": START_MS + hours * HOUR, "end_at": START_MS + (hours + 1) * HOUR}
    return str((await timetable.slot(mentor, student, "2026-01-01 00:00", **{**times, **more}))["id"])


async def link_of(timetable: Timetable, who: Person) -> str:
    """Return the path of a new link."""
    made = await timetable.call("POST", LINK, who)
    assert made.status == 201, made.body
    return str(made.body["path"])


def events(reply: Reply) -> dict[str, Component]:
    """Return the events of a calendar by the ids of their slots."""
    assert reply.status == 200, reply.body
    return {
        str(event["UID"]).removesuffix("@homeroom"): event for event in Calendar.from_ical(reply.body).walk("VEVENT")
    }


async def test_a_link_shows_its_owners_calendar_to_whoever_has_it_without_a_login(timetable: Timetable) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    sam, sue, pam = (
        await timetable.person("student"),
        await timetable.person("student"),
        await timetable.person("parent"),
    )
    await timetable.school.link(pam, sam)
    group = await timetable.school_class(sam, teacher=tess)
    mine = await slot_in(timetable, tom, sam, 24, title="Maths; and, more", link="https://meet.example/a")
    lesson = await slot_in(timetable, tess, None, 48, class_id=group, is_group_session=True)
    other = await slot_in(timetable, tom, sue, 72)
    await slot_in(timetable, tom, sam, -24 * 365)
    shown = {}
    for who in (tom, sam, pam, sue):
        path = await link_of(timetable, who)
        reply = await timetable.call("GET", path)
        shown[who] = set(events(reply))
    assert shown == {tom: {mine, other}, sam: {mine, lesson}, pam: {mine, lesson}, sue: {other}}
    event = events(await timetable.call("GET", await link_of(timetable, sam)))[mine]
    assert (event["SUMMARY"], event["URL"], event["SEQUENCE"]) == ("Maths; and, more", "https://meet.example/a", 0)


async def test_what_is_called_off_is_shown_as_such(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    slot = await slot_in(timetable, tom, sam, 24)
    path = await link_of(timetable, sam)
    await timetable.call("PATCH", f"/api/schedules/{slot}/status", tom, body={"status": "cancelled"})
    event = events(await timetable.call("GET", path))[slot]
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 1)


async def test_a_calendar_is_not_kept_by_others_and_is_of_its_own_type(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    reply = await timetable.call("GET", await link_of(timetable, tom))
    assert reply.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert reply.headers["Cache-Control"].startswith("private")
    assert (reply.headers["Referrer-Policy"], reply.headers["X-Content-Type-Options"]) == ("no-referrer", "nosniff")


async def test_a_renewed_link_ends_the_one_before_and_a_revoked_one_is_no_more(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    first = await link_of(timetable, tom)
    second = await link_of(timetable, tom)
    assert first != second
    assert [(await timetable.call("GET", path)).status for path in (first, second)] == [404, 200]
    assert (await timetable.call("DELETE", LINK, tom)).status == 200
    assert (await timetable.call("GET", second)).code == "not_found"
    assert (await timetable.call("DELETE", LINK, tom)).code == "not_found"
    rows = await timetable.school.database.fetch(
        "SELECT action FROM audit_logs WHERE entity_type = 'user' AND entity_id = $1 ORDER BY id", tom[0]
    )
    assert [row["action"] for row in rows] == ["calendar_link_made"] * 2 + ["calendar_link_revoked"]


async def test_the_same_key_gives_the_same_link_and_none_that_has_ended_since(timetable: Timetable) -> None:
    tom, tess = await timetable.person("teacher"), await timetable.person("teacher")
    key = {"Idempotency-Key": "link"}
    first, again = [await timetable.call("POST", LINK, tom, headers=key) for _ in range(2)]
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (await timetable.call("GET", first.body["path"])).status == 200
    hers = await timetable.call("POST", LINK, tess, headers=key)
    assert hers.body["path"] != first.body["path"]
    assert (await timetable.call("POST", LINK, tom, headers={"Idempotency-Key": "link 2"})).code == "bad_command"
    newer = await link_of(timetable, tom)
    late = await timetable.call("POST", LINK, tom, headers=key)
    assert (late.status, late.code, late.body["d"]) == (409, "conflict", {"reason": "deleted"})
    assert (await timetable.call("GET", newer)).status == 200
    assert (await timetable.call("DELETE", LINK, tom)).status == 200
    assert (await timetable.call("POST", LINK, tom, headers=key)).code == "conflict"
    assert (await timetable.call("GET", LINK, tom)).code == "not_found"


async def test_who_is_not_let_in_any_more_has_no_calendar_either(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    path = await link_of(timetable, tom)
    await timetable.school.database.execute("UPDATE users SET active = false WHERE id = $1", tom[0])
    assert (await timetable.call("GET", path)).code == "not_found"
    assert (await timetable.call("POST", LINK, tom)).code == "forbidden"


@pytest.mark.parametrize("wrong", ["", "x", "a" * 26, "A" * 26, "a" * 26 + "%00", "a" * 64, "%2e%2e"])
async def test_a_guess_reads_nothing(timetable: Timetable, wrong: str) -> None:
    reply = await timetable.call("GET", f"/api/calendars/{wrong}.ics")
    assert reply.code == "not_found"


async def test_half_of_a_secret_is_none(timetable: Timetable) -> None:
    path = await link_of(timetable, await timetable.person("teacher"))
    last = "a" if path[-5] != "a" else "b"
    assert (await timetable.call("GET", f"{path[:-5]}{last}.ics")).code == "not_found"
    assert (await timetable.call("GET", path.replace("/calendars/", "/calendars/x"))).code == "not_found"


async def test_no_link_without_a_login_and_none_for_another(timetable: Timetable) -> None:
    assert (await timetable.call("POST", LINK)).code == "unauthenticated"
    assert (await timetable.call("DELETE", LINK)).code == "unauthenticated"
    assert (await timetable.call("GET", LINK)).code == "unauthenticated"


async def test_one_is_told_since_when_there_is_a_link_and_its_whole_address_once(notes_url: str) -> None:
    async with open_timetable(notes_url) as school:
        tom = await school.person("teacher")
        assert (await school.call("GET", LINK, tom)).code == "not_found"
        made = (await school.call("POST", LINK, tom)).body
        assert made.keys() == {"path"}, "nobody has said how the server is reached"
        assert START_MS <= (await school.call("GET", LINK, tom)).body["made_at"] <= school.school.school.clock.now()
        await school.call("DELETE", LINK, tom)
        assert (await school.call("GET", LINK, tom)).code == "not_found"
    async with open_timetable(notes_url, public_url="https://school.example") as school:
        made = (await school.call("POST", LINK, await school.person("teacher"))).body
        assert made["url"] == f"https://school.example{made['path']}"


async def test_a_calendar_names_the_teacher_the_class_and_the_room(timetable: Timetable) -> None:
    tess, sam = await timetable.person("teacher"), await timetable.person("student")
    group = await timetable.school_class(sam, teacher=tess)
    await timetable.school.database.execute("UPDATE classes SET room = '101' WHERE id = $1", group)
    await timetable.school.database.execute("UPDATE users SET name = 'Tess T.' WHERE id = $1", tess[0])
    lesson = await slot_in(timetable, tess, None, 48, class_id=group, is_group_session=True)
    path = await link_of(timetable, sam)
    event = events(await timetable.call("GET", path))[lesson]
    assert (str(event["LOCATION"]), str(event["DESCRIPTION"]).splitlines()[0]) == ("101", "Teacher: Tess T.")
    known = await tag_of(timetable, path)
    await timetable.school.database.execute("UPDATE classes SET room = '102' WHERE id = $1", group)
    assert (await timetable.call("GET", path, headers={"If-None-Match": known})).status == 200
    await timetable.school.database.execute("UPDATE users SET name = 'Tess U.' WHERE id = $1", tess[0])
    assert await tag_of(timetable, path) != known


async def test_a_calendar_shows_so_much_of_a_description_and_no_more(timetable: Timetable) -> None:
    tess = await timetable.person("teacher")
    long = await slot_in(timetable, tess, None, 48, description="\U0001f600" * 4_000)
    whole = await slot_in(timetable, tess, None, 50, description="x" * DESCRIPTION_MAX)
    found = events(await timetable.call("GET", await link_of(timetable, tess)))
    shown = "\U0001f600" * (DESCRIPTION_MAX - 1) + "…"
    assert str(found[long]["DESCRIPTION"]).splitlines()[0] == shown
    assert str(found[whole]["DESCRIPTION"]).splitlines()[0] == "x" * DESCRIPTION_MAX


async def test_of_one_person_calendars_are_made_one_after_the_other_and_too_many_at_once_are_refused(
    timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, most = list[str](), list[int]()
    begin, go_on = trio.Event(), trio.Event()

    async def slowly(write: Any, name: str, slots: Any) -> bytes:
        making.append(name)
        most.append(len(making))
        begin.set()
        await go_on.wait()
        making.remove(name)
        return bytes(write(name, slots))

    monkeypatch.setattr(feeds, "aside", slowly)
    path = await link_of(timetable, await timetable.person("teacher"))
    replies: list[int] = []

    async def read() -> None:
        replies.append((await timetable.call("GET", path)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(feeds.WAITING + 3):
            nursery.start_soon(read)
        await begin.wait()
        with trio.fail_after(60):
            while len(replies) < 2:
                await trio.lowlevel.checkpoint()
        go_on.set()
    assert sorted(replies) == [200] * (feeds.WAITING + 1) + [503, 503]
    assert max(most) == 1


async def test_the_secret_is_in_no_log_and_not_in_the_database(
    timetable: Timetable, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await link_of(timetable, await timetable.person("teacher"))
    secret = path.rpartition("/")[2].removesuffix(".ics")
    assert (await timetable.call("GET", path)).status == 200
    assert (await timetable.call("GET", path + "x")).status == 404
    logged = "".join(capsys.readouterr())
    assert "/api/calendars/{link}" in logged
    assert secret not in logged
    (row,) = await timetable.school.database.fetch(
        "SELECT string_agg(l::text, '') AS links, (SELECT string_agg(a::text, '') FROM audit_logs a) AS audit FROM calendar_links l"
    )
    assert secret not in row["links"] + row["audit"]
    assert secret.encode().hex() not in row["links"]


async def test_a_long_calendar_is_read_page_by_page_and_whole(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    body = timetable.body(tom, None, "2026-01-12 09:00", series=f"FREQ=DAILY;COUNT={2 * PAGE + 1}", zone=ZONE)
    start = START_MS + 24 * HOUR
    body = {**body, "start_at": start, "end_at": start + HOUR}
    assert (await timetable.call("POST", "/api/schedules/series", tom, body=body)).status == 201
    path = await link_of(timetable, tom)
    assert len(events(await timetable.call("GET", path))) == 2 * PAGE + 1
    assert await tag_of(timetable, path)


async def test_guesses_and_eager_programs_are_slowed_down(notes_url: str) -> None:
    budgets = BudgetSettings({"chat": Rate(1e6, 1e6), "calendar": Rate(0.1, 2), "calendars": Rate(0.1, 5)})
    async with open_timetable(notes_url, budgets=budgets) as school:
        path = await link_of(school, await school.person("teacher"))
        codes = [(await school.call("GET", path)).code for _ in range(3)]
        assert codes == ["ok", "ok", "rate_limited"]
        guesses = [await school.call("GET", f"/api/calendars/{'x' * 26}.ics") for _ in range(6)]
        assert [guess.code for guess in guesses] == ["not_found"] * 5 + ["rate_limited"]
        assert int(guesses[-1].headers["Retry-After"]) >= 1
        other = await link_of(school, await school.person("teacher"))
        assert (await school.call("GET", other)).status == 200, "who guesses takes nothing from those who have a link"


async def test_the_doors_are_described_with_the_day_and_the_zone(timetable: Timetable) -> None:
    paths = (await timetable.call("GET", "/openapi.json")).body["paths"]
    described = {one["name"]: one for one in paths["/api/schedules"]["get"]["parameters"]}
    assert {"date", "zone", "student_id", "start_at_from", "limit", "after"} <= described.keys()
    assert not described["date"]["required"]
    assert paths["/api/calendars/{link}"]["get"]["security"] == []
    assert "text/calendar" in paths["/api/calendars/{link}"]["get"]["responses"]["200"]["content"]
    assert {"get", "post", "delete"} == paths["/api/schedules/feed"].keys()
    assert {"patch", "delete"} == paths["/api/schedules/{id}/series"].keys()


async def test_who_has_the_calendar_as_it_is_gets_nothing_until_it_is_another(timetable: Timetable) -> None:
    tom, sam = await timetable.person("teacher"), await timetable.person("student")
    slot = await slot_in(timetable, tom, sam, 24)
    path = await link_of(timetable, sam)
    tags = [await tag_of(timetable, path)]

    async def change(method: str, suffix: str, **body: object) -> None:
        assert (await timetable.call(method, f"/api/schedules/{slot}{suffix}", tom, body=body or None)).status == 200
        reply = await timetable.call("GET", path, headers={"If-None-Match": tags[-1]})
        assert (reply.status, reply.headers["ETag"] in tags) == (200, False)
        tags.append(await tag_of(timetable, path))

    await change("PATCH", "", title="Another title")
    await change("PATCH", "/status", status="cancelled")
    await change("DELETE", "")
    await timetable.school.database.execute("UPDATE users SET name = 'Another' WHERE id = $1", sam[0])
    tags.append(await tag_of(timetable, path))
    assert len(set(tags)) == len(tags)


async def tag_of(timetable: Timetable, path: str) -> str:
    """Return the ETag of a calendar; whoever has it, alone or among others, gets no text."""
    whole = await timetable.call("GET", path)
    tag = whole.headers["ETag"]
    assert whole.body.startswith("BEGIN:VCALENDAR")
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        reply = await timetable.call("GET", path, headers={"If-None-Match": known})
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, "", tag)
        assert reply.headers["Cache-Control"] == whole.headers["Cache-Control"]
    assert (await timetable.call("GET", path, headers={"If-None-Match": '"other"'})).status == 200
    return tag


async def test_a_tag_that_is_known_opens_no_calendar_that_is_closed(timetable: Timetable) -> None:
    tom = await timetable.person("teacher")
    path = await link_of(timetable, tom)
    tag = await tag_of(timetable, path)
    await timetable.call("DELETE", LINK, tom)
    for known in (tag, "*"):
        assert (await timetable.call("GET", path, headers={"If-None-Match": known})).code == "not_found"
