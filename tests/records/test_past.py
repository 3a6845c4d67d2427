"""What of past events somebody is shown: of a record that is gone, or not theirs to read any more, ids alone; of others all of it."""

from typing import Any

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.declare import RecordType
from homeroom.records.doors import Doors
from homeroom.records.school.announcements import ANNOUNCEMENT
from homeroom.records.school.classes import CLASS
from homeroom.records.school.entries import COMMENT, ENTRY
from homeroom.records.school.guardianships import GUARDIANSHIP
from homeroom.records.school.homepage import HOMEPAGE
from homeroom.records.school.report_cards import REPORT_CARD
from homeroom.records.school.resources import RESOURCE
from homeroom.records.school.schedules import SCHEDULE
from homeroom.records.school.students import MENTORSHIP
from homeroom.records.school.terms import TERM
from homeroom.records.school.users import USER
from tests.records.school_rows import put, put_school
from tests.records.school_store import CALLERS, SchoolStore, refused


@pytest.fixture
async def school(database: Database) -> SchoolStore:
    await put_school(database)
    return SchoolStore(database)


async def past(school: SchoolStore, who: str, stream: str) -> list[tuple[str, Any]]:
    """Return the type of each event of a stream, and its data as somebody is shown it now."""
    events = [event for one in school.posted if one.stream == stream for event in one.events]
    shown = await Doors(school.database, ()).review(CALLERS[who], events)
    before, after = ([school.wire.decode_plain(event) for event in some] for some in (events, shown))
    for one, other in zip(before, after, strict=True):
        assert {**one, "d": 0} == {**other, "d": 0}, "an event stays what it is, but for its data"
    return [(event["type"], event["d"]) for event in after]


def titles(found: list[tuple[str, Any]]) -> list[str | None]:
    """Return the title in each event, `None` where there is no row."""
    return [data["row"]["title"] if "row" in data else None for _, data in found]


async def announce(school: SchoolStore, **more: Any) -> str:
    made = await school.create("ada", ANNOUNCEMENT, **{"title": "Secret", "body": "Body", **more})
    return str(made["id"])


async def test_who_may_read_a_record_is_shown_all_that_was_said_of_it(school: SchoolStore) -> None:
    made = await announce(school, class_id="10a")
    await school.update("ada", ANNOUNCEMENT, made, title="Later")
    assert titles(await past(school, "ann", "class:10a")) == ["Secret", "Later"]


async def test_of_a_record_that_is_gone_the_ids_are_left(school: SchoolStore) -> None:
    made = await announce(school, class_id="10a")
    kept = await announce(school, class_id="10a", title="Kept")
    await school.delete("ada", ANNOUNCEMENT, made)
    for who in ("ann", "tess", "ada"):
        found = await past(school, who, "class:10a")
        assert titles(found) == [None, "Kept", None]
        assert found[0] == ("announcement.created", {"id": made, "operation": "INSERT", "version": 1})
        assert found[1][1]["id"] == kept


@pytest.mark.parametrize("change", [{"target_role": "teacher"}, {"expires_at": 1}, {"status": "draft"}])
async def test_what_is_narrowed_over_or_taken_back_is_not_shown_to_those_it_was_for(
    school: SchoolStore, change: dict[str, Any]
) -> None:
    made = await announce(school)
    names = ", ".join(f"{name} = ${number}" for number, name in enumerate(change, 2))
    sql = f"UPDATE announcements SET {names} WHERE id = $1"  # noqa: S608 - said above
    await school.database.execute(sql, made, *change.values())
    assert titles(await past(school, "ann", "role:student")) == [None]
    assert titles(await past(school, "ada", "role:student")) == ["Secret"]


async def test_whose_link_has_ended_reads_nothing_of_the_child_in_the_own_stream(school: SchoolStore) -> None:
    await school.create("ann", ENTRY, title="Private", body="text")
    assert titles(await past(school, "pam", "user:pam")) == ["Private"]
    assert titles(await past(school, "mia", "user:mia")) == ["Private"]
    (link,) = await school.column(GUARDIANSHIP, "id", "guardian_id = 'pam'")
    await school.delete("ada", GUARDIANSHIP, link)
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    assert "Private" not in str(await past(school, "pam", "user:pam"))
    assert "Private" not in str(await past(school, "mia", "user:mia"))
    assert "Private" in str(await past(school, "ann", "user:ann"))


async def test_what_was_published_before_it_was_taken_back_is_not_what_is_published_now(school: SchoolStore) -> None:
    term = await school.create("ada", TERM, title="Term", starts_on="2026-09-01", ends_on="2026-12-20")
    made = await school.create(
        "tess", REPORT_CARD, student_id="ann", class_id="10a", term_id=term["id"], comment="wrong"
    )
    for step in ("finalize", "publish", "revert"):
        await school.act("tess", REPORT_CARD, made["id"], step)
    assert "wrong" not in str(await past(school, "ann", "user:ann"))
    await school.update("tess", REPORT_CARD, made["id"], comment="right")
    for step in ("finalize", "publish"):
        await school.act("tess", REPORT_CARD, made["id"], step)
    for stream in ("user:ann", f"reportcard:{made['id']}"):
        found = str(await past(school, "ann", stream))
        assert "right" in found
        assert "wrong" not in found


TAKEN_BACK: dict[str, tuple[RecordType, dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "unpublished": (HOMEPAGE, {"section": "s", "published": True}, {"published": False}, {"published": True}, "role:student"),
    "narrowed": (ANNOUNCEMENT, {"body": "b"}, {"target_role": "teacher"}, {"target_role": None}, "role:student"),
    "moved": (RESOURCE, {"url": "https://a.example/"}, {"class_id": "10b"}, {"class_id": "10a"}, "class:10a"),
}  # fmt: skip
"""Of a type: what it says, how it is taken back and shown again, and who hears of it."""


@pytest.mark.parametrize("how", TAKEN_BACK)
async def test_what_was_taken_back_and_mended_does_not_come_again(school: SchoolStore, how: str) -> None:
    record, values, back, again, stream = TAKEN_BACK[how]
    await put(school.database, CLASS, "10b", title="10b")
    made = (await school.create("ada", record, title="Secret", **{**again, **values}))["id"]
    await school.update("ada", record, made, title="Secret still")
    assert titles(await past(school, "ann", stream)) == ["Secret", "Secret still"]
    await school.update("ada", record, made, **back)
    await school.update("ada", record, made, title="Mended")
    await school.update("ada", record, made, **again)
    await school.update("ada", record, made, title="Mended further")
    shown = titles(await past(school, "ann", stream))
    assert shown == [None, None, *[None] * (len(shown) - 4), "Mended", "Mended further"]
    assert titles(await past(school, "ada", stream))[:2] == ["Secret", "Secret still"]


@pytest.mark.parametrize("stream", ["role:student", "class:10a", "course:chess"])
async def test_what_is_over_and_mended_is_told_to_nobody_before_it_has_time_again(
    school: SchoolStore, stream: str
) -> None:
    kind, _, name = stream.partition(":")
    made = await announce(school, **({f"{kind}_id": name} if kind != "role" else {}))
    await school.database.execute("UPDATE announcements SET published_at = 0, expires_at = 1")
    await school.update("ada", ANNOUNCEMENT, made, title="Mended")
    assert [one.stream for one in school.posted].count(stream) == 1, "when it was made"
    await school.update("ada", ANNOUNCEMENT, made, expires_at=None)
    await school.update("ada", ANNOUNCEMENT, made, title="Mended further")
    assert titles(await past(school, "bob", stream)) == [None, "Mended", "Mended further"]


async def test_what_is_told_beside_the_rows_names_no_more_than_ids_of_what_is_gone(school: SchoolStore) -> None:
    at = school.clock.now() + 3_600_000
    values = {
        "mentor_id": "tess",
        "class_id": "10a",
        "title": "Trip",
        "start_at": at,
        "end_at": at + 60_000,
        "is_group_session": True,
    }
    made = await school.create("tess", SCHEDULE, **values)
    assert "Trip" in str(await past(school, "ann", "class:10a"))
    await school.delete("tess", SCHEDULE, made["id"])
    found = dict(await past(school, "ann", "class:10a"))
    assert found["schedule.assigned"] == {"id": made["id"], "mentor_id": "tess", "class_id": "10a"}


async def test_events_that_are_no_records_pass_as_they_are(school: SchoolStore) -> None:
    said = [
        school.wire.event(kind, 1, "system", school.wire.encode(data))
        for kind, data in (
            ("exam.published", {"id": "none", "title": "Exam"}),
            ("class.updated", {}),
            ("class.updated", "x"),
            ("class.updated", {"id": "none", "operation": "UPDATE", "version": 2}),
        )
    ]
    assert await Doors(school.database, ()).review(CALLERS["ann"], said) == said


async def test_what_cannot_be_asked_is_not_shown(school: SchoolStore) -> None:
    await announce(school, class_id="10a")
    await school.database.execute("ALTER TABLE announcements RENAME TO elsewhere")
    with pytest.raises(Refusal, match="unavailable"):
        await past(school, "ann", "class:10a")


async def test_whoever_mentors_a_student_no_longer_says_nothing_more_of_an_entry(school: SchoolStore) -> None:
    entry = await school.create("ann", ENTRY, title="Title", body="text")
    made = await school.create("mia", COMMENT, entry_id=entry["id"], body="Good")
    own = await school.create("ann", COMMENT, entry_id=entry["id"], body="Thanks")
    await school.update("mia", COMMENT, made["id"], body="Very good")
    await school.update("ada", MENTORSHIP, "mia-ann", active=False)
    await refused("not_found", school.update("mia", COMMENT, made["id"], body="Rewritten"))
    await refused("not_found", school.delete("mia", COMMENT, made["id"]))
    await refused("forbidden", school.update("ada", COMMENT, made["id"], body="Rewritten"))
    await school.update("ann", COMMENT, own["id"], body="Thank you")
    assert await school.column(COMMENT, "body") == ["Thank you", "Very good"]


async def test_a_role_that_a_token_no_longer_has_shows_nothing(school: SchoolStore) -> None:
    """The token of before says teacher."""
    made = await announce(school, class_id="10a")
    assert await school.store.read(ANNOUNCEMENT, made, CALLERS["tess"])
    await school.database.execute("UPDATE users SET role = 'parent' WHERE id = 'tess'")
    doors = Doors(school.database, ())
    for stream in ("class:10a",):
        with pytest.raises(Refusal, match="not_found"):
            await doors.look(stream, CALLERS["tess"])
    assert titles(await past(school, "tess", "class:10a")) == [None]
    await school.update("ada", USER, "tess", role="teacher")
    assert titles(await past(school, "tess", "class:10a")) == ["Secret"]
