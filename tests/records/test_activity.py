"""The feed and the audit in a real database: each line for those who may follow what it was told on, each value for admins."""

import pytest
from msgspec.structs import replace

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.records.activity import Activity, FeedQuery
from homeroom.records.audit import AuditReader, write_audit
from tests.records.trial import ANN, BOB, BOOKMARK, BOSS, CHIEF, NOTE, PAGE, TESS, TOM, Trial, prepare

EVERYTHING = FeedQuery()
MEMBERSHIPS = {"class": "SELECT b.id FROM bookmarks b WHERE b.owner_id = :me"}
"""In the trial whoever has a bookmark is in the class of its id."""


@pytest.fixture
async def trial(database: Database) -> Trial:
    await prepare(database)
    trial = Trial(database)
    await trial.page(id="p1", student_id="ann")
    await trial.page(id="p2", mentor_id="tom")
    await trial.store.create(NOTE, {"page_id": "p1", "text": "10a"}, TOM)
    await trial.store.update(PAGE, "p1", {"title": "New"}, TESS)
    return trial


@pytest.fixture
async def feed(trial: Trial) -> Activity:
    return Activity(trial.store.reads, MEMBERSHIPS)


async def told(feed: Activity, caller: Caller, query: FeedQuery = EVERYTHING) -> list[str]:
    """Return what of the feed somebody gets, page by page."""
    found, after = list[str](), query.after
    while True:
        page = await feed.page(replace(query, after=after), caller)
        found += [
            f"{line.event_type} {line.target_id if line.target_type == 'page' else ''}".strip() for line in page.items
        ]
        after = page.after
        if not after:
            return found


async def test_everybody_gets_the_lines_of_the_streams_that_they_may_follow(trial: Trial, feed: Activity) -> None:
    everything = ["page.updated p1", "note.pinned", "page.created p2", "page.created p1"]
    assert await told(feed, BOSS) == await told(feed, CHIEF) == everything
    assert await told(feed, TESS) == ["page.updated p1", "note.pinned", "page.created p1"]
    assert await told(feed, TOM) == ["page.created p2"]
    assert await told(feed, ANN) == ["page.updated p1", "page.created p1"]
    assert await told(feed, BOB) == []
    await trial.store.create(BOOKMARK, {"id": "10a", "owner_id": "bob"}, BOB)
    assert await told(feed, BOB) == ["bookmark.created", "page.updated p1"], "who is in a class gets its lines"


async def test_the_feed_is_narrowed_and_paged(trial: Trial, feed: Activity) -> None:
    everything = await told(feed, BOSS)
    for limit in (1, 3, 4):
        assert await told(feed, BOSS, FeedQuery(limit=limit)) == everything
    assert await told(feed, BOSS, FeedQuery(type="page:updated,note.pinned")) == everything[:2]
    assert await told(feed, BOSS, FeedQuery(type="page:statusChanged")) == []
    assert await told(feed, BOSS, FeedQuery(target_type="page", target_id="p1")) == [
        "page.updated p1",
        "page.created p1",
    ]
    (newest, *_) = (await feed.page(FeedQuery(), BOSS)).items
    assert (newest.actor_id, newest.payload) == ("tess", {"id": "p1", "operation": "UPDATE", "version": 2})
    assert await told(feed, BOSS, FeedQuery(start=newest.created_at)) == everything[:1]
    assert await told(feed, BOSS, FeedQuery(end=newest.created_at - 1)) == everything[1:]
    for wrong in (FeedQuery(after="made up"), FeedQuery(target_id="\0"), FeedQuery(type="\ud800")):
        with pytest.raises(Refusal) as caught:
            await feed.page(wrong, BOSS)
        assert caught.value.code == "bad_command"


async def test_values_before_and_after_are_for_admins(trial: Trial) -> None:
    audit = AuditReader(trial.store.reads, trial.store.catalog)
    await trial.store.update(PAGE, "p1", {"secret": "hush", "title": "Third"}, TESS)
    (newest, *_, oldest) = (await audit.page(("page", "p1"), BOSS)).items
    assert newest.old_value == {"version": 2, "updated_at": newest.created_at - 1_000, "title": "New", "secret": ""}
    assert newest.new_value is not None
    assert (newest.new_value["title"], newest.new_value["secret"]) == ("Third", "hush")
    assert (oldest.action, oldest.old_value, oldest.changed_by) == ("created", None, "boss")
    seen = (await audit.page(("page", "p1"), ANN)).items
    assert [change.action for change in seen] == ["updated", "updated", "created"]
    assert seen[0].fields == ("version", "updated_at", "title")
    assert {(change.old_value, change.new_value) for change in seen} == {(None, None)}
    assert "secret" in (await audit.page(("page", "p1"), TESS)).items[0].fields


async def test_the_audit_of_what_one_may_not_read_is_not_there(trial: Trial, database: Database) -> None:
    audit = AuditReader(trial.store.reads, trial.store.catalog)
    async with database.transaction() as connection:
        await write_audit(connection, ("user", "ann"), "logged_in", by="ann", at=1, detail="by hand")
    for entity, caller in (
        (("page", "p1"), TOM),
        (("page", "nothing"), TESS),
        (("user", "ann"), ANN),
        (("x", "y"), ANN),
    ):
        with pytest.raises(Refusal) as caught:
            await audit.page(entity, caller)
        assert caught.value.code == "not_found"
    (change,) = (await audit.page(("user", "ann"), BOSS)).items
    assert (change.action, change.detail, change.fields) == ("logged_in", "by hand", ())
    await trial.store.delete(PAGE, "p1", BOSS)
    assert (await audit.page(("page", "p1"), BOSS)).items[0].action == "deleted"
    first = await audit.page(("page", "p1"), BOSS, limit=1)
    assert (await audit.page(("page", "p1"), BOSS, limit=9, after=first.after)).items[0].action == "updated"


async def test_an_event_beside_the_changes_has_one_line_for_all_who_were_told_and_says_ids_alone(
    trial: Trial, feed: Activity
) -> None:
    async with trial.store.unit(TESS) as unit:
        await unit.update(PAGE, "p1", {"title": "Newer"})
        for stream in ("user:ann", "user:bob", "role:admin"):
            unit.post(stream, "page.praised", {"id": "p1", "student_id": "ann", "praise": "well done"})
        unit.post("user:ann", "page.praised", {"id": "p2"})
    newest = (await feed.page(FeedQuery(limit=3), BOSS)).items
    assert [(line.event_type, line.target_type, line.target_id) for line in newest] == [
        ("page.praised", "page", "p2"),
        ("page.praised", "page", "p1"),
        ("page.updated", "page", "p1"),
    ]
    assert newest[1].payload == {"id": "p1", "student_id": "ann"}
    assert await told(feed, BOB) == ["page.praised p1"]
    assert (await told(feed, TOM)) == ["page.created p2"], "who was not told finds nothing"


async def test_the_planner_finds_what_one_person_did_by_an_index(database: Database) -> None:
    await database.execute(
        """INSERT INTO activity_feed (event_type, actor_id, target_type, target_id, payload, channels, at)
SELECT 'class.updated', 'u' || n % 500, 'class', 'c' || n, '{}', ARRAY['table:classes'], n FROM generate_series(1, 20000) AS n"""
    )
    await database.execute("ANALYZE activity_feed")
    sql = "EXPLAIN SELECT f.id FROM activity_feed AS f WHERE TRUE AND f.actor_id = 'u7' ORDER BY f.id DESC LIMIT 51"
    plan = "\n".join(row["QUERY PLAN"] for row in await database.fetch(sql))
    assert "activity_feed_actor" in plan, plan
