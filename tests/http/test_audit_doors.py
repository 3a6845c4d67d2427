"""The audit of all things: for admins, narrowed and paged; types by their names, in the singular or the plural."""

from collections.abc import Mapping
from typing import Any

import pytest

from homeroom.engine.database import Database
from homeroom.protocol.access import ADMINS, ROLES
from homeroom.records.audit import WRITE
from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import Person
from tests.http.schedules import Timetable

DOOR = "/api/audit-logs"
T = 1_600_000_000_000
"""A time at which nothing else happens in these tests."""


async def put(timetable: Timetable, *rows: tuple[str, str, str, str, int]) -> None:
    """Write changes past the store: type, id, action, by whom, and when after `T`."""
    for kind, thing, action, who, at in rows:
        await timetable.school.database.execute(WRITE, kind, thing, action, who, "", T + at)


async def found(timetable: Timetable, who: Person, **query: Any) -> list[str]:
    """Return the ids of the things of all pages, each of which has two changes."""
    names, after = list[str](), ""
    while True:
        asked = "&".join(f"{name}={value}" for name, value in {**query, "limit": 2, "after": after}.items())
        reply = await timetable.call("GET", f"{DOOR}?{asked}", who)
        assert reply.status == 200, reply.body
        names += [one["entity_id"] for one in reply.body["items"]]
        after = reply.body["after"]
        if not after:
            return names


async def test_admins_look_through_all_changes_the_newest_first(timetable: Timetable) -> None:
    ada = await timetable.person("admin")
    mark = ada[0]
    await put(
        timetable,
        ("class", f"{mark}.1", "created", "tom", 1),
        ("class", f"{mark}.1", "updated", f"{mark}.x", 2),
        ("user", f"{mark}.2", "logged_in", f"{mark}.x", 3),
        ("course", f"{mark}.3", "updated", f"{mark}.x", 3),
        ("course", f"{mark}.4", "deleted", f"{mark}.x", 9),
    )
    by = {"changed_by": f"{mark}.x"}
    assert await found(timetable, ada, **by) == [f"{mark}.{n}" for n in (4, 3, 2, 1)]
    asks: Mapping[str, tuple[Mapping[str, Any], list[int]]] = {
        "of a type": ({"entity_type": "course"}, [4, 3]),
        "of a type by its plural": ({"entity_type": "courses"}, [4, 3]),
        "done": ({"action": "updated"}, [3, 1]),
        "since": ({"start": T + 3}, [4, 3, 2]),
        "until": ({"end": T + 3}, [3, 2, 1]),
        "in between, by other words": ({"from": T + 2, "to": T + 3, "changedBy": f"{mark}.x"}, [3, 2, 1]),
        "by the feed's words": ({"target_type": "courses", "actor_id": f"{mark}.x", "start": T}, [4, 3]),
        "of one": ({"entity_type": "class", "entity_id": f"{mark}.1"}, [1]),
    }
    for what, (query, numbers) in asks.items():
        asked = query if {"changedBy", "actor_id"} & query.keys() else {**by, **query}
        assert await found(timetable, ada, **asked) == [f"{mark}.{n}" for n in numbers], what
    whole = await timetable.call("GET", f"{DOOR}?entity_id={mark}.1", await timetable.person("super_admin"))
    newest, oldest = whole.body["items"]
    assert (newest["entity_type"], newest["action"], newest["created_at"], oldest["changed_by"]) == (
        "class",
        "updated",
        T + 2,
        "tom",
    )


@pytest.mark.parametrize("role", ROLES)
async def test_the_audit_of_all_things_is_for_admins_alone(timetable: Timetable, role: str) -> None:
    reply = await timetable.call("GET", DOOR, await timetable.person(role))
    assert reply.code == ("ok" if role in ADMINS else "forbidden")
    assert (await timetable.call("GET", DOOR)).code == "unauthenticated"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("entity_type=bogus", "entity_type"),
        ("entity_type=", "entity_type"),
        ("start=9&end=8", "end"),
        ("start=x", "start"),
        ("from=1&start=1", "start"),
        ("changed_by=a%20b", "changed_by"),
        ("action=UPDATED", "action"),
        ("action=bogus", "action"),
        ("from=9&to=8", "end"),
        ("actor_id=a&changed_by=a", "changed_by"),
        ("after=nothing", "after"),
        ("limit=101", "limit"),
        ("person=ann", "person"),
    ],
)
async def test_a_wrong_question_is_named(timetable: Timetable, query: str, field: str) -> None:
    reply = await timetable.call("GET", f"{DOOR}?{query}", await timetable.person("admin"))
    assert (reply.status, reply.code, reply.body["d"]["field"]) == (400, "bad_command", field)


async def test_a_page_of_one_thing_leads_to_no_page_of_all(timetable: Timetable) -> None:
    ada = await timetable.person("admin")
    await put(timetable, *(("class", f"{ada[0]}.1", "updated", "tom", n) for n in (1, 2)))
    first = await timetable.call("GET", f"{DOOR}/class/{ada[0]}.1?limit=1", ada)
    reply = await timetable.call("GET", f"{DOOR}?after={first.body['after']}", ada)
    assert (reply.code, reply.body["d"]["field"]) == ("bad_command", "after")


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.name)
async def test_each_type_is_known_by_its_name_and_by_its_door(timetable: Timetable, record: Any) -> None:
    ada = await timetable.person("admin")
    thing = f"{ada[0]}.t"
    await put(timetable, (record.name, thing, "updated", "tom", 1))
    doors = [path.rpartition("/")[2] for path in (record.door, *record.also)]
    for word in (record.name, record.plural, *doors):
        reply = await timetable.call("GET", f"{DOOR}/{word}/{thing}", ada)
        assert [one["entity_type"] for one in reply.body["items"]] == [record.name], word


async def test_a_type_that_there_is_not_is_refused_with_those_that_there_are(timetable: Timetable) -> None:
    for role in ("admin", "student"):
        reply = await timetable.call("GET", f"{DOOR}/bogus/x", await timetable.person(role))
        assert (reply.status, reply.body["d"]["field"]) == (400, "entity_type")
        assert {"user", "schedule"} <= set(reply.body["d"]["allowed"].removeprefix("one of ").split(", "))


async def test_an_action_that_there_is_not_is_refused_with_those_that_there_are(timetable: Timetable) -> None:
    reply = await timetable.call("GET", f"{DOOR}?action=bogus", await timetable.person("admin"))
    allowed = set(reply.body["d"]["allowed"].removeprefix("one of ").split(", "))
    assert {"created", "updated", "deleted", "logged_in", "status_changed", "calendar_link_made"} <= allowed
    described = (await timetable.call("GET", "/openapi.json")).body["paths"][DOOR]["get"]["parameters"]
    assert next(set(one["schema"]["enum"]) for one in described if one["name"] == "action") == allowed


async def test_the_types_are_described_as_words(timetable: Timetable) -> None:
    paths = (await timetable.call("GET", "/openapi.json")).body["paths"]
    for path in (DOOR, f"{DOOR}/{{entity_type}}/{{entity_id}}"):
        described = {one["name"]: one["schema"] for one in paths[path]["get"]["parameters"]}
        assert set(described["entity_type"]["enum"]) == {record.name for record in RECORD_TYPES}, path


async def test_the_planner_takes_an_index_for_a_person_and_for_a_time(database: Database) -> None:
    await database.execute(
        """INSERT INTO audit_logs (entity_type, entity_id, action, changed_by, at)
SELECT 'class', 'c' || n, 'updated', 'u' || n % 500, n FROM generate_series(1, 20000) AS n"""
    )
    await database.execute("ANALYZE audit_logs")
    for where, index in (
        ("changed_by = 'u7'", "audit_logs_by"),
        ("at <= 300", "audit_logs_at"),
        ("TRUE", "audit_logs_at"),
    ):
        sql = f"EXPLAIN SELECT id FROM audit_logs WHERE {where} ORDER BY at DESC, id DESC LIMIT 51"  # noqa: S608 - constants
        plan = "\n".join(row["QUERY PLAN"] for row in await database.fetch(sql))
        assert index in plan, plan
