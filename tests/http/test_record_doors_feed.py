"""What happened, and who did it: the doors of the activity feed and of the audit."""

import pytest

from tests.http.record_school import Person, RecordSchool


async def happenings(notes: RecordSchool, person: Person, query: str) -> list[tuple[str, str]]:
    reply = await notes.call("GET", f"/api/activity-feed?{query}", person)
    assert reply.status == 200, reply.body
    return [(line["event_type"], line["target_id"]) for line in reply.body["items"]]


async def test_each_change_is_in_the_feed_of_those_concerned_and_of_no_others(notes: RecordSchool) -> None:
    tom, sam, sue, ada = [await notes.person(role) for role in ("teacher", "student", "student", "admin")]
    note = await notes.note(tom, sam)
    door = f"/api/notes/{note['id']}"
    await notes.call("PATCH", door, tom, body={"weight": 2})
    await notes.call("POST", f"{door}/finish", tom)
    await notes.call("DELETE", door, ada)
    events = [(f"note.{what}", note["id"]) for what in ("deleted", "finished", "updated", "created")]
    for person, seen in ((tom, events), (sam, events), (sue, []), (ada, events)):
        assert await happenings(notes, person, f"target_type=note&target_id={note['id']}") == seen, person
    assert await happenings(notes, tom, f"target_id={note['id']}&type=note.created,note.finished") == [
        events[1],
        events[3],
    ]


async def test_the_feed_takes_the_names_of_the_sources_and_is_read_page_by_page(notes: RecordSchool) -> None:
    tom, sam = await notes.person("teacher"), await notes.person("student")
    made = [await notes.note(tom, sam, title=f"No {number}") for number in range(3)]
    assert await happenings(notes, tom, "type=note:created") == [("note.created", note["id"]) for note in made[::-1]]
    first = await notes.call("GET", "/api/activity-feed?limit=2&type=note:created&targetType=note", tom)
    rest = await notes.call("GET", f"/api/activity-feed?limit=2&type=note:created&after={first.body['after']}", tom)
    assert [line["target_id"] for line in (*first.body["items"], *rest.body["items"])] == [
        one["id"] for one in made[::-1]
    ]
    assert rest.body["after"] == ""


async def test_the_feed_is_narrowed_to_who_did_it_and_takes_the_words_of_the_audit(notes: RecordSchool) -> None:
    tom, ada, sam = await notes.person("teacher"), await notes.person("admin"), await notes.person("student")
    note = await notes.note(tom, sam)
    await notes.call("PATCH", f"/api/notes/{note['id']}", ada, body={"weight": 2})
    created, updated = ("note.created", note["id"]), ("note.updated", note["id"])
    asks = {
        f"actor_id={ada[0]}": [updated],
        f"changed_by={tom[0]}": [created],
        f"entity_type=notes&entity_id={note['id']}": [updated, created],
        f"target_type=Note&target_id={note['id']}&from={note['created_at']}": [updated, created],
        f"target_id={note['id']}&to={note['created_at'] - 1}": [],
    }
    for query, seen in asks.items():
        assert await happenings(notes, tom, query) == seen, query
    paths = (await notes.call("GET", "/openapi.json")).body["paths"]
    told = {
        door: {one["name"] for one in paths[door]["get"]["parameters"]}
        for door in ("/api/activity-feed", "/api/audit-logs")
    }
    assert {"start", "end"} <= told["/api/activity-feed"] & told["/api/audit-logs"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=created", "type"),
        ("type=note.created,", "type"),
        ("type=a%00.b", "type"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=nonsense", "after"),
        ("target_id=a b", "target_id"),
        ("targetId=x&target_id=x", "target_id"),
        ("start=soon", "start"),
        ("start=-1", "start"),
        ("end=99999999999999999999", "end"),
        ("start=5&end=4", "end"),
        ("from=5&to=4", "end"),
        ("from=5&start=5", "start"),
        ("target_type=bogus", "target_type"),
        ("target_type=", "target_type"),
        ("type=bogus.thing", "type"),
        ("type=note.created,note.bogus", "type"),
        ("actor_id=a b", "actor_id"),
        ("kind=x", "kind"),
    ],
)
async def test_a_wrong_query_of_the_feed_is_named(notes: RecordSchool, query: str, field: str) -> None:
    reply = await notes.call("GET", f"/api/activity-feed?{query}", await notes.person("student"))
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", field)


async def test_the_audit_tells_who_changed_what_and_the_values_to_admins_alone(notes: RecordSchool) -> None:
    tom, sam, sue, ada = [await notes.person(role) for role in ("teacher", "student", "student", "admin")]
    note = await notes.note(tom, sam, secret="nothing")
    await notes.call("PATCH", f"/api/notes/{note['id']}", tom, body={"weight": 2, "secret": "something"})
    door = f"/api/audit-logs/note/{note['id']}"
    newest = (await notes.call("GET", f"{door}?limit=1", ada)).body
    (change,) = newest["items"]
    assert (change["action"], change["changed_by"]) == ("updated", tom[0])
    assert (change["old_value"]["weight"], change["new_value"]["weight"]) == (0, 2)
    older = (await notes.call("GET", f"{door}?limit=1&after={newest['after']}", ada)).body
    assert [one["action"] for one in older["items"]] == ["created"]
    (seen, _) = (await notes.call("GET", door, sam)).body["items"]
    assert "weight" in seen["fields"]
    assert "secret" not in seen["fields"]
    assert not {"old_value", "new_value"} & seen.keys()
    assert (await notes.call("GET", door, sue)).code == "not_found"
    assert (await notes.call("GET", "/api/audit-logs/note/never", sue)).code == "not_found"
    assert (await notes.call("GET", "/api/audit-logs/note/a%20b", ada)).status in {400, 404}


async def test_nobody_writes_into_the_feed_or_the_audit(notes: RecordSchool) -> None:
    ada = await notes.person("super_admin")
    for path in ("/api/activity-feed", "/api/audit-logs/note/x"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await notes.call(method, path, ada, body={})).status == 405
