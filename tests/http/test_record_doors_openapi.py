"""The description of the records' doors says every bound that their declarations have, and agrees with what is served."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec import NODEFAULT

from homeroom.engine.database import Database
from homeroom.http.app import all_routes
from homeroom.http.metrics import Metrics
from homeroom.protocol.access import NOBODY
from homeroom.records.columns import Column
from homeroom.records.declare import Action, Deed, RecordType
from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import RecordSchool, make_school
from tests.http.test_openapi import resolve

Document = dict[str, Any]


@pytest.fixture
async def school() -> RecordSchool:
    """Return a school of all record types, which is asked nothing that needs a database."""
    return make_school(cast("Database", None), RECORD_TYPES)


@pytest.fixture
async def document(school: RecordSchool) -> Document:
    """Return the description."""
    found: Document = (await school.call("GET", "/openapi.json")).body
    return found


def body_of(document: Document, method: str, path: str) -> dict[str, Any]:
    content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
    return cast("dict[str, Any]", resolve(document, content["schema"])["properties"])


def parameters_of(document: Document, method: str, path: str) -> dict[str, Any]:
    return {one["name"]: one for one in document["paths"][path][method]["parameters"]}


def variants(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", schema.get("anyOf", [schema]))


SAYS: dict[str, Callable[[Column, dict[str, Any]], bool]] = {
    "words": lambda column, schema: not column.words or sorted(schema["enum"]) == sorted(column.words),
    "low": lambda column, schema: (
        not column.low or schema.get("minLength", schema.get("minimum", schema.get("minItems"))) == column.low
    ),
    "since": lambda column, schema: column.since is None or schema["minimum"] == column.since,
    "high": lambda column, schema: (
        column.high is None or schema.get("maxLength", schema.get("maximum", schema.get("maxItems"))) == column.high
    ),
    "pattern": lambda column, schema: column.pattern is None or "pattern" in schema,
}


BESIDE = {"user": {"password"}}
"""What a creation takes beside the columns."""


def changes_of(record: RecordType) -> tuple[str, ...]:
    """Return the methods that change a row: none where nobody may."""
    return () if record.update == NOBODY else ("put", "patch")


async def test_the_bodies_of_a_type_have_its_columns_with_all_their_bounds(document: Document) -> None:
    for record in RECORD_TYPES:
        check_bodies(document, record)


def check_bodies(document: Document, record: RecordType) -> None:
    created = body_of(document, "post", record.door)
    assert set(created) - BESIDE.get(record.name, set()) == {column.name for column in record.writable(create=True)}
    for method in changes_of(record):
        changed = body_of(document, method, f"{record.door}/{{id}}")
        assert set(changed) == {column.name for column in record.writable(create=False)}
        for name, schema in changed.items():
            (bare,) = [one for one in variants(schema) if one.get("type") != "null"][:1]
            assert [what for what, says in SAYS.items() if not says(record.columns[name], bare)] == [], name
            assert record.columns[name].optional == any(one.get("type") == "null" for one in variants(schema)), name


async def test_the_parameters_and_answers_of_a_type_are_told(document: Document) -> None:
    for record in RECORD_TYPES:
        check_parameters(document, record)


def check_parameters(document: Document, record: RecordType) -> None:
    asked = parameters_of(document, "get", record.door)
    assert {"limit", "after", "fields", *record.filters} <= asked.keys()
    assert ("sort" in asked) == bool(record.sorts)
    for method in (*changes_of(record), "delete"):
        assert {"If-Match", "Idempotency-Key"} <= parameters_of(document, method, f"{record.door}/{{id}}").keys()
    for path, method, status in ((record.door, "post", "201"), (f"{record.door}/{{id}}", "get", "200")):
        answer = document["paths"][path][method]["responses"][status]
        assert "ETag" in answer["headers"]
        shown = resolve(document, answer["content"]["application/json"]["schema"])
        assert list(shown["properties"]) == list(record.columns)


async def test_what_a_new_row_must_have_is_told(document: Document) -> None:
    for record in RECORD_TYPES:
        content = document["paths"][record.door]["post"]["requestBody"]["content"]["application/json"]
        needed = {column.name for column in record.own_columns() if column.default is NODEFAULT} - record.mine
        assert set(resolve(document, content["schema"]).get("required", ())) == needed - record.made_by_server


async def test_every_door_of_a_declaration_is_served(school: RecordSchool) -> None:
    served = {(route.method, route.path) for route in all_routes(school.school.parts, Metrics({}))}
    for record in RECORD_TYPES:
        for path in (record.door, *record.also):
            assert {("GET", path), ("POST", path)} <= served
            assert {(method, f"{path}/{{id}}") for method in ("GET", "DELETE")} <= served
            changes = {(method, f"{path}/{{id}}") for method in ("PUT", "PATCH")}
            assert changes & served == (changes if changes_of(record) else set())
        things: tuple[Action | Deed, ...] = (*record.actions, *record.deeds)
        for thing in things:
            assert {tuple(door.split(" ")) for door in (thing.door, *thing.also)} <= served
