"""Records in a real database: each write with all that follows from it, or nothing; and each only for whom it is."""

from typing import Any

import pytest

from homeroom.engine.behaviour import Refusal
from homeroom.engine.database import Database
from homeroom.records.declare import Unit
from homeroom.records.in_the_way import TOLD_MAX
from tests.records.trial import (
    ANN,
    BOB,
    BOOKMARK,
    BOSS,
    CHIEF,
    LOCK,
    NOTE,
    PAGE,
    TESS,
    TOM,
    Comment,
    Made,
    Pages,
    Trial,
    prepare,
)

SHOW, MAKE = PAGE.actions[0], PAGE.deeds[0]
TOLD = {"table:pages", "role:admin", "user:tess"}


@pytest.fixture
async def trial(database: Database) -> Trial:
    await prepare(database)
    return Trial(database)


async def refused(call: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


async def test_a_row_comes_back_as_it_was_made(trial: Trial) -> None:
    made = await trial.page(
        CHIEF,
        id="p1",
        student_id="ann",
        code="x-1",
        due_on="2026-02-28",
        points=7,
        weight=0.25,
        tags=["a", "b"],
        marks=[{"subject": "maths", "comment": "good"}],
        secret="hush",
    )
    assert made == await trial.store.read(PAGE, "p1", CHIEF)
    assert made["version"] == 1
    assert made["created_at"] == made["updated_at"] == trial.clock.ms
    assert made["tags"] == ["a", "b"]
    assert made["marks"] == [{"subject": "maths", "comment": "good"}]
    assert (made["weight"], made["points"], made["pinned"], made["status"]) == (0.25, 7, False, "draft")


async def test_a_write_is_on_each_channel_in_the_feed_and_in_the_audit(trial: Trial) -> None:
    made = await trial.page(student_id="ann", secret="hush")
    assert set(await trial.streams()) == TOLD | {"user:ann"}
    for stream in TOLD | {"user:ann"}:
        (kept,) = await trial.journal(stream)
        ((seq, told),) = trial.published(stream)
        assert (kept["seq"], seq) == (1, 1)
        assert kept["type"] == told["type"] == "page.created"
        assert kept["at"] == told["at"]
        assert kept["by"] == told["by"] == "boss"
        assert kept["d"] == told["d"]
        ids = {"id": made["id"], "operation": "INSERT", "version": 1}
        if stream in ("table:pages", "user:ann"):
            assert told["d"] == ids
        else:
            assert told["d"]["row"]["title"] == "A page"
            assert {**told["d"], "row": None} == {**ids, "row": None}
    (audit,) = await trial.database.fetch("SELECT * FROM audit_logs")
    assert (audit["entity_type"], audit["entity_id"], audit["action"]) == ("page", made["id"], "created")
    assert audit["changed_by"] == "boss"
    assert audit["old_value"] is None
    assert '"hush"' in audit["new_value"]
    (line,) = await trial.database.fetch("SELECT * FROM activity_feed")
    assert (line["event_type"], line["actor_id"], line["target_id"]) == ("page.created", "boss", made["id"])
    assert set(line["channels"]) == TOLD | {"user:ann"}


async def test_what_is_hidden_is_in_no_event_and_what_was_before_only_in_the_audit(trial: Trial) -> None:
    made = await trial.page(CHIEF, secret="hush", title="Old title")
    await trial.store.update(PAGE, made["id"], {"title": "New title", "secret": "still"}, TESS)
    await trial.store.delete(PAGE, made["id"], TESS)
    said = b"".join(event for one in trial.posted for event in one.events)
    kept = b"".join([row["body"] for row in await trial.database.fetch("SELECT body FROM journal")])
    assert b"hush" not in said + kept
    assert b"still" not in said + kept
    for _, event in trial.published("user:tess")[1:]:
        assert "Old title" not in str(event)
    feed = str([dict(row) for row in await trial.database.fetch("SELECT payload FROM activity_feed")])
    assert "title" not in feed
    changed = (await trial.database.fetch("SELECT old_value, new_value FROM audit_logs ORDER BY id"))[1]
    assert "Old title" in changed["old_value"]
    assert "hush" in changed["old_value"]
    assert "New title" in changed["new_value"]
    assert "mentor_id" not in changed["new_value"], "the audit of a change holds what changed"


async def test_streams_that_a_row_has_left_hear_of_it_and_not_what_it_is_now(trial: Trial) -> None:
    made = await trial.page()
    await trial.store.update(PAGE, made["id"], {"mentor_id": "tom"}, BOSS)
    (_, left), (_, reached) = trial.published("user:tess")[1], trial.published("user:tom")[0]
    assert left["d"] == {"id": made["id"], "operation": "UPDATE", "version": 2}
    assert reached["d"]["row"]["mentor_id"] == "tom"


async def test_numbers_go_on_and_events_of_one_unit_are_in_their_order(trial: Trial) -> None:
    body = Pages(("One", "Two", "Three"), "tess")
    made = await trial.store.perform(PAGE, MAKE, body, BOSS)
    assert isinstance(made, Made)
    assert len(set(made.ids)) == 3
    seqs = [(seq, event["d"]["row"]["title"]) for seq, event in trial.published("user:tess")]
    assert seqs == [(1, "One"), (2, "Two"), (3, "Three")]
    assert [(row["seq"], row["d"]["row"]["title"]) for row in await trial.journal("user:tess")] == seqs
    assert trial.published("class:10a")[0][1]["d"] == {"count": 3}
    await trial.page(title="Four")
    assert [seq for seq, _ in trial.published("user:tess")] == [1, 2, 3, 4]


async def test_a_deed_is_for_its_roles(trial: Trial) -> None:
    assert (await refused(trial.store.perform(PAGE, MAKE, Pages((), "tess"), TESS))).code == "forbidden"


async def test_who_may_not_see_gets_not_found_and_who_may_not_change_forbidden(trial: Trial) -> None:
    made = await trial.page(student_id="ann")
    for call in (
        lambda: trial.store.read(PAGE, made["id"], TOM),
        lambda: trial.store.update(PAGE, made["id"], {"title": "Mine"}, TOM),
        lambda: trial.store.delete(PAGE, made["id"], BOB),
        lambda: trial.store.act(PAGE, SHOW, made["id"], None, TOM),
        lambda: trial.store.read(PAGE, "nothing", BOSS),
        lambda: trial.store.update(PAGE, "nothing", {"title": "Mine"}, BOSS),
        lambda: trial.store.delete(PAGE, "nothing", BOSS),
    ):
        assert (await refused(call())).code == "not_found"
    assert (await trial.store.read(PAGE, made["id"], ANN))["title"] == "A page"
    for call in (
        lambda: trial.store.update(PAGE, made["id"], {"title": "Mine"}, ANN),
        lambda: trial.store.delete(PAGE, made["id"], ANN),
        lambda: trial.store.act(PAGE, SHOW, made["id"], None, ANN),
        lambda: trial.store.create(PAGE, {"mentor_id": "tess", "title": "Mine"}, ANN),
        lambda: trial.store.create(PAGE, {"mentor_id": "tess", "title": "Mine"}, TOM),
    ):
        assert (await refused(call())).code == "forbidden"
    assert (await trial.left())["journal"] == 4, "of what was refused nothing is left"


async def test_what_would_not_be_the_caller_s_any_more_is_taken_back(trial: Trial) -> None:
    made = await trial.page(TESS)
    before = await trial.left()
    assert (await refused(trial.store.update(PAGE, made["id"], {"mentor_id": "tom"}, TESS))).code == "forbidden"
    assert await trial.store.read(PAGE, made["id"], TESS) == made
    assert await trial.left() == before


async def test_columns_are_seen_and_set_by_those_who_may(trial: Trial) -> None:
    made = await trial.page(student_id="ann", secret="hush", points=3)
    assert "secret" not in made, "an admin is not told"
    assert (await trial.store.read(PAGE, made["id"], TESS))["secret"] == "hush"
    assert "secret" not in await trial.store.read(PAGE, made["id"], ANN)
    wrong = await refused(trial.store.update(PAGE, made["id"], {"points": 4}, TESS))
    assert (wrong.code, wrong.data) == ("forbidden", {"field": "points"})
    same = await trial.store.update(PAGE, made["id"], {"points": 3, "title": "New"}, TESS)
    assert same["version"] == 2, "what stays as it is needs no right"
    wrong = await refused(trial.store.create(PAGE, {"mentor_id": "tess", "title": "x", "points": 1}, TESS))
    assert wrong.data == {"field": "points"}
    for call in (trial.page(sealed="boss"), trial.store.update(PAGE, made["id"], {"sealed": "x"}, BOSS)):
        wrong = await refused(call)
        assert (wrong.code, wrong.data["field"]) == ("bad_command", "sealed")


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"titel": "x"}, "titel"),
    ({"title": ""}, "title"),
    ({"title": " \t "}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"title": 5}, "title"),
    ({"title": "x\0y"}, "title"),
    ({"status": "lost"}, "status"),
    ({"points": 101}, "points"),
    ({"points": True}, "points"),
    ({"due_on": "2026-02-30"}, "due_on"),
    ({"due_on": "tomorrow"}, "due_on"),
    ({"tags": ["a"] * 6}, "tags"),
    ({"marks": [{"subject": "no blanks"}]}, "marks[0].subject"),
    ({"mentor_id": "nobody"}, "mentor_id"),
    ({"mentor_id": "ann"}, "mentor_id"),
    ({"student_id": "tom"}, "student_id"),
    ({"pinned": True}, "points"),
    ({"id": "no id"}, "id"),
]


async def test_what_does_not_fit_is_refused_by_its_field(trial: Trial) -> None:
    for values, field in UNFIT:
        wrong = await refused(trial.page(**values))
        assert (wrong.code, wrong.data["field"]) == ("bad_command", field), values
    assert not any((await trial.left()).values())
    assert trial.posted == []


async def test_texts_are_cleaned_on_their_way_in(trial: Trial) -> None:
    made = await trial.page(
        title="  A \u202e title ",
        body="<p>Hi <script>alert(1)</script><b onclick=x>you</b></p>",
        marks=[{"subject": "maths", "comment": "so\x07so"}],
    )
    assert made["title"] == "A title"
    assert made["body"] == "<p>Hi <b>you</b></p>"
    assert made["marks"][0]["comment"] == "soso"


async def test_what_is_there_already_is_a_conflict_that_names_the_fields_and_the_row(trial: Trial) -> None:
    made = await trial.page(id="p1", code="x")
    other = await trial.page(code="y")
    for call, fields in (
        (trial.page(code="x"), ["mentor_id", "code"]),
        (trial.page(id="p1"), ["id"]),
        (trial.store.update(PAGE, other["id"], {"code": "x"}, BOSS), ["mentor_id", "code"]),
    ):
        wrong = await refused(call)
        assert (wrong.code, wrong.msg) == ("conflict", f"{' and '.join(fields)}: taken already by page 'p1' (draft)")
        records = [{"type": "page", "id": "p1", "title": made["title"], "status": "draft"}]
        assert wrong.data == {"fields": fields, "records": records}
    assert await trial.page(mentor_id="tom", code="x") != made


async def test_of_a_row_in_the_way_that_one_may_not_read_nothing_is_said(trial: Trial) -> None:
    await trial.page(id="p1", mentor_id="tom", code="x")
    wrong = await refused(trial.page(TESS, id="p1", code="y"))
    assert (wrong.msg, wrong.data) == ("id: taken already", {"fields": ["id"]})


async def test_rows_of_one_request_that_are_in_the_way_of_each_other_name_no_row(trial: Trial) -> None:
    async def work(unit: Unit) -> None:
        await unit.insert_many(PAGE, [{"mentor_id": "tess", "code": "x", "title": title} for title in "ab"])

    wrong = await refused(trial.store.once(("twice",), BOSS, None, work))
    assert (wrong.msg, wrong.data) == ("mentor_id and code: taken already", {"fields": ["mentor_id", "code"]})


async def test_a_stale_version_is_a_conflict(trial: Trial) -> None:
    made = await trial.page()
    await trial.store.update(PAGE, made["id"], {"title": "Second"}, BOSS, 1)
    for call in (
        trial.store.update(PAGE, made["id"], {"title": "Third"}, BOSS, 1),
        trial.store.delete(PAGE, made["id"], BOSS, 1),
        trial.store.act(PAGE, SHOW, made["id"], None, TESS, 1),
    ):
        wrong = await refused(call)
        assert (wrong.code, wrong.data) == ("conflict", {"version": 2})
    await trial.store.delete(PAGE, made["id"], BOSS, 2)


async def test_what_changes_nothing_is_not_written(trial: Trial) -> None:
    values: dict[str, Any] = {"tags": ["a"], "marks": [{"subject": "maths"}], "weight": 1, "due_on": "2026-02-28"}
    made = await trial.page(secret="hush", **values)
    before = await trial.left()
    assert await trial.store.update(PAGE, made["id"], {"title": " A page", **values}, BOSS) == made
    assert await trial.left() == before


async def test_an_action_is_its_own_event_and_refuses_by_its_own_rules(trial: Trial) -> None:
    made = await trial.page()
    shown = await trial.store.act(PAGE, SHOW, made["id"], Comment("look"), TESS)
    assert (shown["status"], shown["sealed"], shown["version"]) == ("shown", "tess", 2)
    assert [event["type"] for _, event in trial.published("role:admin")] == ["page.created", "page.shown"]
    assert (await refused(trial.store.act(PAGE, SHOW, made["id"], None, TESS))).code == "conflict"
    (newest, _) = await trial.database.fetch("SELECT action FROM audit_logs ORDER BY id DESC")
    assert newest["action"] == "shown"


async def test_what_others_refer_to_stays_and_they_are_named(trial: Trial) -> None:
    made = await trial.page()
    locks = [await trial.store.create(LOCK, {"page_id": made["id"]}, BOSS) for _ in range(2)]
    wrong = await refused(trial.store.delete(PAGE, made["id"], BOSS))
    named = sorted(lock["id"] for lock in locks)
    assert (wrong.code, wrong.msg) == (
        "conflict", f"page locks still refer to this page: {named[0]!r}, {named[1]!r}",
    )  # fmt: skip
    records = [{"type": "lock", "id": one} for one in named]
    assert wrong.data == {"by": "lock", "field": "page_id", "records": records}
    for _ in range(TOLD_MAX):
        await trial.store.create(LOCK, {"page_id": made["id"]}, BOSS)
    wrong = await refused(trial.store.delete(PAGE, made["id"], BOSS))
    assert len(wrong.data["records"]) == TOLD_MAX
    assert wrong.msg.endswith(" and more")
    assert await trial.store.read(PAGE, made["id"], BOSS)


async def test_what_goes_with_a_row_is_told_and_written_down_as_well(trial: Trial) -> None:
    made = await trial.page()
    for text in ("10a", "10b"):
        await trial.store.create(NOTE, {"id": f"n{text}", "page_id": made["id"], "text": text}, BOB)
    await trial.store.create(BOOKMARK, {"id": "b1", "page_id": made["id"], "owner_id": "bob"}, BOB)
    await trial.store.delete(PAGE, made["id"], TESS)
    types = [event["type"] for _, event in trial.published("user:tess")]
    assert types == ["page.created", "note.pinned", "note.pinned", "note.deleted", "note.deleted", "page.deleted"]
    assert trial.published("class:10b")[-1][1]["type"] == "page.deleted"
    cleared = trial.published("user:bob")[-1][1]
    assert cleared["type"] == "bookmark.updated"
    assert cleared["d"]["row"]["page_id"] is None
    actions = await trial.database.fetch(
        "SELECT entity_type, action FROM audit_logs WHERE changed_by = 'tess' ORDER BY id"
    )
    assert [(row["entity_type"], row["action"]) for row in actions] == [
        ("note", "deleted"),
        ("note", "deleted"),
        ("bookmark", "updated"),
        ("page", "deleted"),
    ]
    assert (await trial.left())["notes"] == 0
