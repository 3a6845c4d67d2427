"""What the school writes about its students and for them, changed through the store: marks, report cards, entries, notices."""

from datetime import UTC, datetime
from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.protocol.inbox import Notify
from homeroom.protocol.zones import find_zone
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.announcements_due import publish_due
from homeroom.records.school.attendance import ATTENDANCE, Mark, MarkClass
from homeroom.records.school.entries import COMMENT, ENTRY, HISTORY_MAX, Review, Step
from homeroom.records.school.homepage import HOMEPAGE
from homeroom.records.school.preferences import PREFERENCE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.resources import RESOURCE
from homeroom.records.school.subjects import SUBJECT
from homeroom.records.school.tasks import TASK, TaskStatus
from homeroom.records.school.terms import TERM
from homeroom.records.school.uploads import UPLOAD
from homeroom.records.school.vacancies import APPLICATION, VACANCY, Decide
from tests.records.school_rows import AT, put, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused

DAY = "2026-09-01"
HOUR = 3_600_000


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


# --- attendance


async def test_a_class_is_marked_in_one_call_and_each_family_hears_of_its_own_alone(school: SchoolStore) -> None:
    marks = (Mark("ann", "present"), Mark("bob", "late", "bus"))
    done = await school.perform("tess", ATTENDANCE, "mark", MarkClass("10a", DAY, marks))
    assert (done.marked, done.updated, done.unchanged) == (2, 0, 0)
    for stream in ("user:ann", "user:pam", "user:mia", "user:bob"):
        assert school.told(stream) == ["attendance.marked"]
    assert school.told("class:10a") == ["attendance.marked"] * 2
    bodies = await school.database.fetch("SELECT body FROM journal WHERE stream = 'class:10a'")
    assert not [row for row in bodies if b"bus" in row["body"] or b"ann" in row["body"]]
    again = (Mark("ann", "present"), Mark("bob", "excused", "bus"))
    done = await school.perform("ada", ATTENDANCE, "mark", MarkClass("10a", DAY, again))
    assert (done.marked, done.updated, done.unchanged) == (0, 1, 1)
    assert school.told("user:bob") == ["attendance.updated"]
    assert school.told("user:ann") == []
    assert await school.column(ATTENDANCE, "marked_by") == ["ada", "tess"]


async def test_only_teachers_of_the_class_mark_and_only_who_is_in_it(school: SchoolStore) -> None:
    one = MarkClass("10a", DAY, (Mark("ann", "present"),))
    await refused("forbidden", school.perform("theo", ATTENDANCE, "mark", one))
    await refused("forbidden", school.perform("ann", ATTENDANCE, "mark", one))
    stranger = MarkClass("10a", DAY, (Mark("ann", "present"), Mark("cid", "present")))
    await refused("conflict", school.perform("tess", ATTENDANCE, "mark", stranger))
    twice = MarkClass("10a", DAY, (Mark("ann", "present"), Mark("ann", "late")))
    await refused("bad_command", school.perform("tess", ATTENDANCE, "mark", twice))
    assert await school.column(ATTENDANCE, "id") == []


async def test_nobody_is_marked_for_a_day_to_come(school: SchoolStore) -> None:
    school.clock.ms = int(datetime(2026, 9, 1, 23, 30, tzinfo=UTC).timestamp() * 1000)
    marks = (Mark("ann", "present"),)
    for wrong in (
        school.perform("tess", ATTENDANCE, "mark", MarkClass("10a", "2026-09-02", marks)),
        school.create("ada", ATTENDANCE, class_id="10a", student_id="ann", date="2026-09-02", status="absent"),
    ):
        assert (await refused("bad_command", wrong)).data == {"field": "date", "allowed": f"a day up to {DAY}"}
    berlin = SchoolStore(school.database, find_zone("Europe/Berlin"))
    berlin.clock.ms = school.clock.ms
    await berlin.perform("tess", ATTENDANCE, "mark", MarkClass("10a", "2026-09-02", marks))


async def test_all_who_cannot_be_marked_are_named(school: SchoolStore) -> None:
    await put(
        school.database, ATTENDANCE, "a", class_id="10a", student_id="pit", date=DAY, status="late", marked_by="ada"
    )
    marks = (Mark("ann", "present"), Mark("cid", "present"), Mark("pit", "present"), Mark("nobody", "late"))
    wrong = await refused("conflict", school.perform("tess", ATTENDANCE, "mark", MarkClass("10a", DAY, marks)))
    assert wrong.data["field"] == "marks[1].student_id"
    assert [(error["field"], error["wrong"]) for error in wrong.data["errors"]] == [
        ("marks[1].student_id", "'cid' is no student of class '10a'"),
        ("marks[3].student_id", "'nobody' is no student of class '10a'"),
    ]


async def test_whether_somebody_is_in_a_class_is_not_told_to_teachers_of_others(school: SchoolStore) -> None:
    for student in ("ann", "cid"):
        values = {"class_id": "10a", "student_id": student, "date": DAY, "status": "late"}
        await refused("forbidden", school.create("theo", ATTENDANCE, **values))


# --- report cards


@pytest.fixture
async def card(school: SchoolStore) -> str:
    await put(school.database, TERM, "t", title="Autumn", starts_on=DAY, ends_on="2026-12-20")
    await put(school.database, SUBJECT, "art", code="art", title="Art")
    marks = [{"subject_id": "art", "mark": "1-"}]
    made = await school.create("tess", REPORT_CARD, student_id="ann", class_id="10a", term_id="t", marks=marks)
    assert made["status"] == "draft"
    return str(made["id"])


async def test_a_report_card_goes_from_draft_to_published_and_back(school: SchoolStore, card: str) -> None:
    await refused("conflict", school.act("tess", REPORT_CARD, card, "publish"))
    await school.act("tess", REPORT_CARD, card, "finalize")
    wrong = school.update("tess", REPORT_CARD, card, comment="Well done")
    assert (await refused("conflict", wrong)).data == {"status": "finalized"}
    assert school.told("user:ann") == []
    await refused("not_found", school.store.read(REPORT_CARD, card, CALLERS["ann"]))
    published = await school.act("tess", REPORT_CARD, card, "publish")
    assert published["published_at"] == school.clock.ms
    assert school.told("user:ann") == school.told("user:pam") == ["reportcard.published"]
    assert (await school.store.read(REPORT_CARD, card, CALLERS["pam"]))["marks"][0]["mark"] == "1-"
    await school.act("ada", REPORT_CARD, card, "revert")
    assert school.told("user:ann") == ["reportcard.reverted"]
    await refused("not_found", school.store.read(REPORT_CARD, card, CALLERS["ann"]))
    await school.update("tess", REPORT_CARD, card, comment="Well done")
    assert school.told("user:ann") == []
    await refused("conflict", school.act("ada", REPORT_CARD, card, "revert"))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"student_id": "cid"}, "conflict"),
        ({"student_id": "ann"}, "conflict"),
        ({"term_id": "no-such"}, "bad_command"),
        ({"marks": [{"subject_id": "no-such", "mark": "1"}]}, "bad_command"),
        ({"marks": [{"subject_id": "art", "mark": "1"}] * 2}, "bad_command"),
        ({"marks": [{"subject_id": "art", "mark": "x" * 21}]}, "bad_command"),
        ({"status": "published"}, "bad_command"),
    ],
)
async def test_a_report_card_of_what_is_not_so_is_refused(
    school: SchoolStore, card: str, values: dict[str, Any], code: str
) -> None:
    given = {"student_id": "bob", "class_id": "10a", "term_id": "t", **values}
    await refused(code, school.create("tess", REPORT_CARD, **given))


# --- announcements


async def test_an_announcement_is_told_when_it_is_published_and_to_whom_it_is_for(school: SchoolStore) -> None:
    await school.create("tess", ANNOUNCEMENT, title="Trip", body="<b>Now</b><script>x</script>", class_id="10a")
    assert school.told("class:10a") == ["announcement.created"]
    assert await school.column(ANNOUNCEMENT, "body") == ["<b>Now</b>"]
    draft = await school.create("tess", ANNOUNCEMENT, title="Later", body="Later", class_id="10a", status="draft")
    assert school.told("class:10a") == []
    shown = await school.act("tess", ANNOUNCEMENT, draft["id"], "publish")
    assert (shown["status"], shown["published_at"]) == ("published", school.clock.ms)
    assert school.told("class:10a") == ["announcement.published"]
    await refused("conflict", school.act("tess", ANNOUNCEMENT, draft["id"], "publish"))
    await school.update("tess", ANNOUNCEMENT, draft["id"], status="draft")
    assert school.told("class:10a") == ["announcement.updated"]
    await refused("not_found", school.store.read(ANNOUNCEMENT, draft["id"], CALLERS["ann"]))


async def test_a_scheduled_announcement_is_published_when_its_time_has_come(school: SchoolStore) -> None:
    soon = school.clock.ms + 3_600_000
    made = await school.create("ada", ANNOUNCEMENT, title="Soon", body="Soon", target_role="parent", publish_at=soon)
    assert (made["status"], made["published_at"]) == ("scheduled", None)
    due = await school.column(ANNOUNCEMENT, "publish_at")
    for passed, next_due in ((0, due[0]), (3_600_000, None), (0, None)):
        school.clock.ms += passed
        async with school.store.unit(CALLERS["system"]) as unit:
            assert await publish_due(unit) == next_due
    assert school.told("role:parent") == ["announcement.published"]


LOST = {
    "class": "DELETE FROM class_memberships WHERE user_id = 'tess'",
    "role": "UPDATE users SET role = 'parent' WHERE id = 'tess'",
    "account": "UPDATE users SET active = false WHERE id = 'tess'",
    "place": "UPDATE users SET deleted_at = 1 WHERE id = 'tess'",
}


@pytest.mark.parametrize("lost", LOST)
async def test_a_scheduled_announcement_of_somebody_who_may_not_publish_it_any_more_is_a_draft_again(
    school: SchoolStore, lost: str
) -> None:
    soon = school.clock.ms + HOUR
    values = {"body": "Soon", "class_id": "10a", "publish_at": soon}
    kept = await school.create("tess", ANNOUNCEMENT, title="Kept", **values)
    await school.create("ada", ANNOUNCEMENT, title="Told", **values)
    await school.database.execute(LOST[lost])
    school.clock.ms = soon
    async with school.store.unit(CALLERS["system"]) as unit:
        assert await publish_due(unit) is None
    assert await school.column(ANNOUNCEMENT, "title", "status = 'published'") == ["Told"]
    assert await school.column(ANNOUNCEMENT, "title", "status = 'draft' AND published_at IS NULL") == ["Kept"]
    assert school.told("class:10a") == ["announcement.published"]
    told = {one.to: school.wire.decode(one.body, Notify) for one in school.carried}
    assert set(told) == {"inbox:ada"} | ({"inbox:tess"} if lost in {"class", "role"} else set())
    assert (told["inbox:ada"].type, told["inbox:ada"].data["id"]) == ("announcement.kept_back", kept["id"])


async def test_what_is_scheduled_says_for_when(school: SchoolStore) -> None:
    made = await school.create("ada", ANNOUNCEMENT, title="Hi", body="All", status="draft")
    for wrong in (
        school.create("ada", ANNOUNCEMENT, title="Hi", body="All", status="scheduled"),
        school.update("ada", ANNOUNCEMENT, made["id"], status="scheduled"),
    ):
        assert (await refused("bad_command", wrong)).data["field"] == "publish_at"
    assert await school.column(ANNOUNCEMENT, "status") == ["draft"]


async def test_one_that_ended_before_it_could_be_published_keeps_no_other_back(school: SchoolStore) -> None:
    start = school.clock.ms
    for title, ends in (("Missed", start + 2 * HOUR), ("Late", None)):
        times = {"publish_at": start + HOUR, "expires_at": ends}
        await school.create("ada", ANNOUNCEMENT, title=title, body="Soon", target_role="parent", **times)
    school.clock.ms += 3 * HOUR
    async with school.store.unit(CALLERS["system"]) as unit:
        assert await publish_due(unit) is None
    assert await school.column(ANNOUNCEMENT, "status", "title = 'Missed'") == ["scheduled"]
    assert await school.column(ANNOUNCEMENT, "status", "title = 'Late'") == ["published"]


@pytest.mark.parametrize(
    "wrong",
    [{"class_id": "10a", "target_role": "parent"}, {"expires_at": AT}, {"publish_at": 2 * AT, "expires_at": 2 * AT}],
)
async def test_an_announcement_has_one_audience_and_ends_after_it_begins(
    school: SchoolStore, wrong: dict[str, Any]
) -> None:
    await refused("bad_command", school.create("ada", ANNOUNCEMENT, title="News", body="News", **wrong))


async def test_an_announcement_that_has_ended_is_published_no_more(school: SchoolStore) -> None:
    ends = school.clock.ms + 60_000
    draft = {"title": "News", "body": "News", "status": "draft", "expires_at": ends}
    made = await school.create("ada", ANNOUNCEMENT, **draft)
    school.clock.ms = ends
    await refused("too_late", school.act("ada", ANNOUNCEMENT, made["id"], "publish"))


# --- entries, comments, tasks


async def test_an_entry_is_reviewed_by_the_mentor_and_changed_only_when_that_was_asked(school: SchoolStore) -> None:
    made = await school.create("ann", ENTRY, title="Plan", body="First")
    assert (made["student_id"], made["status"]) == ("ann", "pending")
    assert school.told("user:mia") == ["entry.created"]
    await refused("not_found", school.act("tess", ENTRY, made["id"], "review", Review("approved")))
    await refused("forbidden", school.act("ann", ENTRY, made["id"], "review", Review("approved")))
    await school.act("mia", ENTRY, made["id"], "review", Review("changes_requested", "More"))
    assert school.told("user:ann") == ["entry.created", "entry.status_changed"]
    again = await school.update("ann", ENTRY, made["id"], body="Second")
    assert again["status"] == "pending"
    approved = await school.act("mia", ENTRY, made["id"], "review", Review("approved"))
    assert [step["status"] for step in approved["history"]] == ["changes_requested", "pending", "approved"]
    assert approved["history"][0] | {"at": 0} == {
        "status": "changes_requested",
        "by": "mia",
        "at": 0,
        "comment": "More",
    }
    assert (approved["reviewed_by"], approved["reviewed_at"]) == ("mia", school.clock.ms)
    await refused("conflict", school.update("ann", ENTRY, made["id"], body="Third"))
    await refused("conflict", school.act("mia", ENTRY, made["id"], "review", Review("approved")))
    await refused("forbidden", school.delete("ann", ENTRY, made["id"]))


async def test_nobody_writes_an_entry_for_somebody_else(school: SchoolStore) -> None:
    await refused("forbidden", school.create("bob", ENTRY, student_id="ann", title="Plan", body="Plan"))
    await refused("forbidden", school.create("mia", ENTRY, student_id="ann", title="Plan", body="Plan"))


async def test_the_history_of_an_entry_has_a_bound(school: SchoolStore) -> None:
    steps = tuple(Step("approved", "mia", at) for at in range(HISTORY_MAX))
    values = {"student_id": "ann", "title": "Plan", "body": "Plan", "status": "approved"}
    await put(school.database, ENTRY, "e", history=steps, **values)
    after = await school.act("mia", ENTRY, "e", "review", Review("rejected"))
    assert len(after["history"]) == HISTORY_MAX
    assert (after["history"][0]["at"], after["history"][-1]["status"]) == (1, "rejected")


async def test_comments_are_between_the_student_and_the_mentor(school: SchoolStore) -> None:
    entry = await school.create("ann", ENTRY, title="Plan", body="Plan")
    made = await school.create("mia", COMMENT, entry_id=entry["id"], body="Good")
    assert made["author_id"] == "mia"
    assert school.told("user:ann") == ["entry.created", "comment.added"]
    await school.create("ann", COMMENT, entry_id=entry["id"], body="Thanks")
    await refused("forbidden", school.create("bob", COMMENT, entry_id=entry["id"], body="Me too"))
    await refused("forbidden", school.create("pam", COMMENT, entry_id=entry["id"], body="Me too"))
    await refused("forbidden", school.update("ann", COMMENT, made["id"], body="Bad"))
    await refused("bad_command", school.update("mia", COMMENT, made["id"], body=" "))
    other = await school.create("ann", ENTRY, title="Other", body="Other")
    await refused("bad_command", school.update("mia", COMMENT, made["id"], entry_id=other["id"]))
    await school.delete("ada", ENTRY, entry["id"])
    assert await school.column(COMMENT, "id") == []


async def test_a_task_is_given_by_the_mentor_and_moved_by_the_student(school: SchoolStore) -> None:
    made = await school.create("mia", TASK, student_id="ann", title="Read")
    assert school.told("user:ann") == ["task.assigned"]
    await refused("forbidden", school.create("theo", TASK, student_id="ann", title="Read"))
    await refused("forbidden", school.update("ann", TASK, made["id"], title="Rest"))
    await refused("forbidden", school.update("mia", TASK, made["id"], student_id="bob"))
    done = await school.act("ann", TASK, made["id"], "status", TaskStatus("done"))
    assert done["done_at"] == school.clock.ms
    assert school.told("user:mia") == ["task.assigned", "task.status_changed"]
    await refused("conflict", school.act("ann", TASK, made["id"], "status", TaskStatus("done")))
    await refused("forbidden", school.act("ann", TASK, made["id"], "status", TaskStatus("cancelled")))
    cancelled = await school.act("mia", TASK, made["id"], "status", TaskStatus("cancelled"))
    assert cancelled["done_at"] is None
    await refused("forbidden", school.act("ann", TASK, made["id"], "status", TaskStatus("pending")))
    await school.act("mia", TASK, made["id"], "status", TaskStatus("pending"))


# --- the rest


async def test_nobody_opens_a_file_to_others_that_is_not_theirs(school: SchoolStore) -> None:
    await put(school.database, UPLOAD, "secret", owner_id="mia", name="secret.pdf", status="completed")
    stolen = school.create("tess", RESOURCE, title="Mine", upload_id="secret")
    assert (await refused("bad_command", stolen)).data["field"] == "upload_id"
    await school.create("mia", RESOURCE, title="Mine", upload_id="secret")
    await refused("bad_command", school.create("mia", RESOURCE, title="Nothing"))
    both = {"url": "https://school.example/x", "upload_id": "secret"}
    await refused("bad_command", school.create("mia", RESOURCE, title="Both", **both))
    await refused("forbidden", school.create("mia", RESOURCE, title="Theirs", url=both["url"], class_id="10a"))
    made = await school.create("tess", RESOURCE, title="Ours", url=both["url"], class_id="10a")
    assert school.told("class:10a") == ["resource.created"]
    await refused("not_found", school.store.read(RESOURCE, made["id"], CALLERS["cid"]))
    assert (await school.store.read(RESOURCE, made["id"], CALLERS["pam"]))["title"] == "Ours"


async def test_a_vacancy_takes_one_application_of_each_until_it_is_closed(school: SchoolStore) -> None:
    vacancy = await school.create("ada", VACANCY, title="Cook", closes_at=school.clock.ms + 3_600_000)
    letter = {"vacancy_id": vacancy["id"], "name": "Pam", "email": "pam@school.example", "letter": "Dear school"}
    made = await school.create("pam", APPLICATION, **letter)
    assert school.told("role:admin") == ["vacancy.created", "application.submitted"]
    await refused("conflict", school.create("pam", APPLICATION, **letter))
    await refused("not_found", school.store.read(APPLICATION, made["id"], CALLERS["pit"]))
    await school.update("pam", APPLICATION, made["id"], letter="Dear Ada")
    await school.act("ada", APPLICATION, made["id"], "status", Decide("reviewing"))
    assert school.told("user:pam")[-1] == "application.status_changed"
    await refused("forbidden", school.update("pam", APPLICATION, made["id"], letter="Dear cook"))
    await refused("bad_command", school.create("pit", APPLICATION, **{**letter, "email": "nowhere"}))
    await school.act("ada", VACANCY, vacancy["id"], "close")
    assert school.told("role:admin")[-1] == "vacancy.closed"
    for gone in (letter, letter | {"vacancy_id": "no-such"}):
        wrong = await refused("bad_command", school.create("pit", APPLICATION, **gone))
        assert wrong.msg == "vacancy_id: there is no such vacancy, or it was closed"
    await refused("too_late", school.create("ada", APPLICATION, **letter))
    await refused("conflict", school.act("ada", VACANCY, vacancy["id"], "close"))
    await refused("not_found", school.store.read(VACANCY, vacancy["id"], CALLERS["pit"]))
    assert (await school.store.read(VACANCY, vacancy["id"], CALLERS["pam"]))["status"] == "closed"
    await school.act("ada", VACANCY, vacancy["id"], "reopen")
    school.clock.ms += 3_600_000
    await refused("too_late", school.create("pit", APPLICATION, **letter))


async def test_a_vacancy_ends_later_than_that_is_said(school: SchoolStore) -> None:
    over = school.create("ada", VACANCY, title="Cook", closes_at=school.clock.ms)
    assert (await refused("bad_command", over)).data["field"] == "closes_at"
    vacancy = await school.create("ada", VACANCY, title="Cook", closes_at=school.clock.ms + HOUR)
    school.clock.ms += 2 * HOUR
    assert (await school.update("ada", VACANCY, vacancy["id"], title="Baker"))["title"] == "Baker"
    again = school.update("ada", VACANCY, vacancy["id"], closes_at=school.clock.ms)
    assert (await refused("bad_command", again)).data["field"] == "closes_at"


async def test_a_time_in_seconds_is_none_whoever_writes_it(school: SchoolStore) -> None:
    announcement = {"title": "Soon", "body": "Soon", "publish_at": school.clock.ms // 1_000 + 86_400}
    wrong = await refused("bad_command", school.create("ada", ANNOUNCEMENT, **announcement))
    assert wrong.data == {"field": "publish_at", "allowed": "milliseconds since 1970, at least 946,684,800,000"}
    assert await school.column(ANNOUNCEMENT, "id") == []


async def test_the_homepage_shows_what_is_published(school: SchoolStore) -> None:
    made = await school.create("ada", HOMEPAGE, section="news", title="News", body="<p onclick='x'>Hi</p>")
    assert made["body"] == "<p>Hi</p>"
    await refused("not_found", school.store.read(HOMEPAGE, made["id"], CALLERS["pam"]))
    assert school.told("role:parent") == []
    await school.update("ada", HOMEPAGE, made["id"], published=True)
    assert school.told("role:parent") == ["homepage.updated"]
    assert (await school.store.read(HOMEPAGE, made["id"], CALLERS["pam"]))["title"] == "News"
    await refused("conflict", school.create("ada", HOMEPAGE, section="news", title="Twice"))


async def test_preferences_are_everybodys_own(school: SchoolStore) -> None:
    made = await school.create("ann", PREFERENCE, type="exam.starting", email=True)
    assert (made["user_id"], made["in_app"], made["email"]) == ("ann", True, True)
    assert school.told("user:ann") == ["preference.created"]
    await refused("conflict", school.create("ann", PREFERENCE, type="exam.starting"))
    await refused("bad_command", school.create("bob", PREFERENCE, type="exam.starting", user_id="ann"))
    await refused("not_found", school.store.read(PREFERENCE, made["id"], CALLERS["ada"]))
