"""The private link to one's calendar: what it shows, how it ends, and that nobody else learns it."""

from collections.abc import AsyncIterator, Callable

import pytest
import trio
from icalendar import Calendar, Event

from homeroom.engine.journal_memory import START_MS
from homeroom.http.budgets import BudgetSettings, Rate
from homeroom.records.feeds import PAGE
from tests.http.record_school import Person, make_note_tables
from tests.http.rest_school import Reply
from tests.http.schedules import HOUR, ZONE, Timetable, open_timetable

LINK = "/api/schedules/feed"


@pytest.fixture(scope="module")
def timetable_url(new_database: Callable[[], str]) -> str:
    """Return the DSN of the database that these tests share: each makes its own people."""
    dsn = new_database()
    trio.run(make_note_tables, dsn)
    return dsn


@pytest.fixture
async def timetable(timetable_url: str) -> AsyncIterator[Timetable]:
    """Offer a school."""
    async with open_timetable(timetable_url) as opened:
        yield opened


async def slot_in(timetable: Timetable, mentor: Person, student: Person | None, hours: int, **more: object) -> str:
    """Return the id of a new slot so many hours from now."""
    times = {"start_at": START_MS + hours * HOUR, "end_at": START_MS + (hours + 1) * HOUR}
    return str((await timetable.slot(mentor, student, "2026-01-01 00:00", **{**times, **more}))["id"])


async def link_of(timetable: Timetable, who: Person) -> str:
    """Return the path of a new link."""
    made = await timetable.call("POST", LINK, who)
    assert made.status == 201, made.body
    return str(made.body["path"])


def events(reply: Reply) -> dict[str, Event]:
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
    assert (await timetable.call("POST", "/api/schedules/series", tom, body=body)).status == 200
    assert len(events(await timetable.call("GET", await link_of(timetable, tom)))) == 2 * PAGE + 1


async def test_guesses_and_eager_programs_are_slowed_down(timetable_url: str) -> None:
    budgets = BudgetSettings({"chat": Rate(1e6, 1e6), "calendar": Rate(0.1, 2), "calendars": Rate(0.1, 5)})
    async with open_timetable(timetable_url, budgets=budgets) as school:
        path = await link_of(school, await school.person("teacher"))
        codes = [(await school.call("GET", path)).code for _ in range(3)]
        assert codes == ["ok", "ok", "rate_limited"]
        guesses = [await school.call("GET", "/api/calendars/guess.ics") for _ in range(3)]
        assert [guess.code for guess in guesses] == ["not_found", "not_found", "rate_limited"]
        assert int(guesses[-1].headers["Retry-After"]) >= 1


async def test_the_doors_are_described_with_the_day_and_the_zone(timetable: Timetable) -> None:
    paths = (await timetable.call("GET", "/openapi.json")).body["paths"]
    described = {one["name"]: one for one in paths["/api/schedules"]["get"]["parameters"]}
    assert {"date", "zone", "student_id", "start_at_from", "limit", "after"} <= described.keys()
    assert not described["date"]["required"]
    assert "security" not in paths["/api/calendars/{link}"]["get"]
    assert "text/calendar" in paths["/api/calendars/{link}"]["get"]["responses"]["200"]["content"]
    assert {"post", "delete"} == paths["/api/schedules/feed"].keys()
    assert {"patch", "delete"} == paths["/api/schedules/{id}/series"].keys()
