"""The description has what generators of clients need: plain names, no form that they cannot read, words and an example everywhere."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
import trio
from jsonschema_rs import Draft202012Validator
from msgspec.structs import fields

from homeroom.actors.kinds import KINDS
from homeroom.engine.database import Database
from homeroom.http.app import all_routes
from homeroom.http.door_words import FIELDS, IDS, OTHERWISE, OWN, tag_words, with_words
from homeroom.http.examples import Examples
from homeroom.http.metrics import Metrics
from homeroom.http.openapi import describe
from homeroom.http.routes import Route
from homeroom.http.schema_names import plain_name, plain_names, singular
from homeroom.protocol.chat import UnreadCount as OfChat
from homeroom.protocol.exam_paper import Item
from homeroom.protocol.inbox import UnreadCount as OfInbox
from homeroom.protocol.rest_json import encode_json, read_body
from homeroom.protocol.session_words import Join
from homeroom.protocol.summaries import summary_of
from homeroom.records.types import RECORD_TYPES
from tests.http.record_school import make_school
from tests.http.test_openapi import operations, resolve
from tests.protocol.documents import texts_at

Document = dict[str, Any]


@pytest.fixture(scope="module")
def routes() -> list[Route]:
    """Return every door there is: they are looked at, and nobody knocks."""

    async def table() -> list[Route]:
        parts = make_school(cast("Database", None), RECORD_TYPES, kinds=KINDS).school.parts
        assert parts.records is not None
        nobody: Any = object()
        records = replace(parts.records, reception=nobody, feeds=nobody, figures=nobody)
        return all_routes(replace(parts, records=records, places=nobody), Metrics({}))

    return trio.run(table)


@pytest.fixture(scope="module")
def document(routes: list[Route]) -> Document:
    """Return the description of all of them."""
    return describe(routes, "1", tag_words(RECORD_TYPES))


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from schemas_in(one)


def test_every_schema_has_a_plain_name_of_its_own_which_is_its_title(document: Document) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name)] == []
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}
    assert [name for name, count in Counter(name.lower() for name in schemas).items() if count > 1] == []
    assert {"SessionJoin", "ExamCreate", "EntryShown", "ChatUnreadCount", "InboxUnreadCountDone", "Done"} <= set(
        schemas
    )


def test_a_name_does_not_depend_on_what_else_is_described() -> None:
    assert plain_names([Join]) == {Join: "SessionJoin"}
    assert plain_names([OfChat, OfInbox]) == {OfChat: "ChatUnreadCount", OfInbox: "InboxUnreadCount"}
    assert plain_name(Item, long=True) == "ExamPaperItem"
    with pytest.raises(ValueError, match="two structures of the description have one name: SessionWordsJoin"):
        plain_names([Join, type("Join", (), {"__module__": Join.__module__})])
    assert [singular(word) for word in ("entries", "classes", "courses", "attendance")] == [
        "entry", "class", "course", "attendance",
    ]  # fmt: skip


def test_every_list_says_what_is_in_it_and_no_items_are_a_boolean(document: Document) -> None:
    lists = [one for one in schemas_in(document) if one.get("type") == "array"]
    assert len(lists) > 50
    assert [one for one in lists if "items" not in one and "prefixItems" not in one] == []
    assert [one for one in schemas_in(document) if isinstance(one.get("items"), bool)] == []


def test_no_place_in_a_path_may_be_nothing(document: Document) -> None:
    places = [one for *_, operation in operations(document) for one in operation["parameters"] if one["in"] == "path"]
    assert [one for one in places if "null" in texts_at("type", one["schema"]) or not one["required"]] == []


def test_every_operation_tells_what_it_is_about_what_it_answers_and_who_may(document: Document) -> None:
    chapters = {one["name"]: one.get("description") for one in document["tags"]}
    assert [name for name, words in chapters.items() if not words] == []
    for _, path, operation in operations(document):
        assert operation["operationId"], path
        assert operation["summary"], path
        assert {"security"} <= operation.keys(), path
        assert set(operation["tags"]) <= set(chapters)
        good = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert good, path
        assert all(len(answer["description"]) > 4 for answer in good), path


def test_a_parameter_of_a_query_is_required_only_where_the_server_refuses_without_it(
    routes: list[Route], document: Document
) -> None:
    tried = 0
    for route in routes:
        operation = document["paths"][route.path][route.method.lower()]
        told = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
        needed = {one.encode_name for one in fields(route.query) if one.required} if route.query else set()
        assert {name for name, one in told.items() if one["required"]} == needed - set(route.placeholders), route.path
        assert [name for name, one in told.items() if one["required"] and "default" in one["schema"]] == []
        tried += len(told)
    assert tried > 400
    lists = [one for _, _, one in operations(document) if {"limit", "after"} <= {p["name"] for p in one["parameters"]}]
    assert len(lists) > 50
    assert [one for one in lists for p in one["parameters"] if p["name"] in ("limit", "after") and p["required"]] == []


def test_every_body_has_an_example_that_fits_its_schema_and_that_the_server_reads(
    routes: list[Route], document: Document
) -> None:
    by_door = {(route.method, route.path): route for route in routes}
    tried = 0
    for method, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        schema = {**content["schema"], "components": document["components"]}
        assert list(Draft202012Validator(schema).iter_errors(content["example"])) == [], path
        route = by_door[method, path]
        given = {name: one for name, one in content["example"].items() if name not in route.placeholders}
        if not set(route.placeholders) & set(getattr(route.body, "__struct_encode_fields__", ())):
            read_body(encode_json(given), cast("type", route.body))
        tried += 1
    assert tried > 250


def test_an_example_is_the_same_each_time_and_one_that_cannot_be_made_is_a_defect(document: Document) -> None:
    make = Examples(document["components"]["schemas"]).of
    schema = {"type": "object", "properties": {"title": {"type": "string", "minLength": 12}}, "required": ["title"]}
    assert make(schema) == make(schema) == {"title": "TitleTitleTitle"}
    assert make({"type": "array", "items": {"type": "string"}, "minItems": 2}, "options") == ["Option", "Option2"]
    with pytest.raises(ValueError, match="odd: no text fits"):
        make({"type": "string", "pattern": "^[^a-z0-9A-Z]$"}, "odd")


def test_an_answer_says_which_of_its_fields_are_always_there(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for record in RECORD_TYPES:
        name = next(one for one in schemas if one.lower() == f"{record.name.replace('_', '')}shown")
        assert set(schemas[name]["required"]) == set(record.columns) - set(record.hidden), name
        assert "`fields`" in schemas[name]["description"]
    assert set(schemas["EntryPage"]["required"]) == {"items", "after"}
    assert schemas["Done"].get("required", []) == []  # what a reply does not say is left out


def test_a_further_name_of_a_door_is_deprecated_and_tells_the_first_one(document: Document) -> None:
    old = document["paths"]["/api/reportcards"]["get"]
    assert old["deprecated"]
    assert old["description"] == "Another name of `GET /api/report-cards`."
    assert "deprecated" not in document["paths"]["/api/report-cards"]["get"]
    assert sum(operation.get("deprecated", False) for *_, operation in operations(document)) > 40


def test_ids_of_people_say_that_they_are_those_of_users(document: Document) -> None:
    schemas = document["components"]["schemas"]
    told = schemas["EntryShown"]["properties"]["student_id"]["description"]
    assert told.startswith(IDS["student_id"])
    assert "A-Z a-z 0-9" in told
    (id_of,) = [one for one in document["paths"]["/api/students/{id}"]["get"]["parameters"] if one["in"] == "path"]
    assert "GET /api/students?user_id=" in id_of["description"]
    (asked,) = [one for one in document["paths"]["/api/tasks"]["get"]["parameters"] if one["name"] == "mentor_id"]
    assert asked["description"].startswith(IDS["mentor_id"])


def test_a_field_keeps_words_of_its_own_and_a_reference_stays_one() -> None:
    assert with_words("title", {"type": "string"}) == {"type": "string", "description": FIELDS["title"]}
    own = {"type": "string", "description": "the heading"}
    assert with_words("title", own) is own
    reference = {"$ref": "#/components/schemas/Hours"}
    assert with_words("title", reference) is reference


def test_words_fit_the_type_of_their_field(document: Document) -> None:
    """What is said by the name of a field alone is sooner or later said of another thing of that name."""
    unfit = {
        "boolean": re.compile(r"(?!whether|only|also)"),
        "integer": re.compile(r"whether|the (?!number|place|points|status)|.*, by|who\b"),
        "array": re.compile(r"whether|how many|when\b|the (id|name|number) "),
        "object": re.compile(r"whether|how many|when\b|the (id|name|number) "),
    }
    commons = {*FIELDS.values(), *OTHERWISE.values(), *OWN.values(), *IDS.values()}
    found, tried = list[str](), 0
    for name, one in document["components"]["schemas"].items():
        for field, schema in one.get("properties", {}).items():
            words = str(schema.get("description", ""))
            kind = next((one.get("type") for one in schema.get("anyOf", [schema]) if one.get("type") in unfit), "")
            if words.partition(":")[0] in commons or words in commons:
                tried += 1
                found += [f"{name}.{field}: {words}"] if kind and unfit[kind].match(words) else []
    assert found == []
    assert tried > 500


def test_words_that_are_those_of_one_structure_or_type_stand_there(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for place, words in OWN.items():
        structure, _, field = place.partition(".")
        assert schemas[structure]["properties"][field]["description"] == words, place
    told = {words for one in schemas.values() for words in texts_at("description", one)}
    assert [words for words in OTHERWISE.values() if words not in told] == []
    assert schemas["ExamEnroll"]["properties"]["course"]["description"].startswith("also all students")


def test_moments_in_bodies_say_how_else_they_are_taken_and_are_numbers_for_clients(document: Document) -> None:
    schemas, said = document["components"]["schemas"], "; a text in ISO 8601 with an offset is taken as well"
    for structure, field in (("SessionCreate", "starts"), ("ScheduleChange", "start_at"), ("ExamEdit", "opens")):
        schema = schemas[structure]["properties"][field]
        assert schema["description"].endswith(said)
        assert "string" not in texts_at("type", schema)
    told = [
        name for name, one in schemas.items() if any(words.endswith(said) for words in texts_at("description", one))
    ]
    answered = {"ScheduleShown", "ExamSettings", "SessionState", "SittingState", "ScheduleSeries"}
    assert answered <= schemas.keys() - {*told}


def test_most_fields_have_words(document: Document) -> None:
    told = [
        (f"{name}.{field}", schema)
        for name, one in document["components"]["schemas"].items()
        for field, schema in one.get("properties", {}).items()
        if "$ref" not in schema
    ]
    silent = [name for name, schema in told if not any(texts_at("description", schema))]
    assert len(silent) < len(told) / 8, silent


def test_bodies_are_of_types_that_generators_of_clients_know_and_of_others_words_tell(document: Document) -> None:
    known = {"application/json", "application/octet-stream", "multipart/form-data"}
    bodies = [one["requestBody"]["content"] for *_, one in operations(document) if "requestBody" in one]
    assert [content for content in bodies if not content.keys() <= known] == []
    listed = document["paths"]["/api/classes/{class_id}/import"]["post"]["requestBody"]["content"]
    assert [*listed] == ["application/json", "application/octet-stream"]
    file = listed["application/octet-stream"]["schema"]
    assert (file["format"], "`text/csv`" in file["description"]) == ("binary", True)


def test_a_file_comes_in_as_the_one_part_of_a_form_or_raw_and_goes_out_as_what_it_is(document: Document) -> None:
    taken = document["paths"]["/api/uploads"]["post"]["requestBody"]["content"]
    assert taken["multipart/form-data"]["schema"]["required"] == ["file"]
    assert taken["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    assert taken["application/octet-stream"]["schema"]["format"] == "binary"
    content = document["paths"]["/api/uploads/{id}/content"]["get"]
    assert {"image/png", "application/pdf"} <= content["responses"]["200"]["content"].keys()
    assert {"Range", "If-None-Match"} <= {one["name"] for one in content["parameters"]}


def test_a_new_thing_says_where_it_is(document: Document) -> None:
    for _, path, operation in operations(document):
        if "201" in operation["responses"]:
            assert "Location" in operation["responses"]["201"]["headers"], path


def test_every_reference_in_it_leads_somewhere(document: Document) -> None:
    known = document["components"]["schemas"]
    assert all(resolve(document, {"$ref": reference})["title"] in known for reference in texts_at("$ref", document))


def test_summaries_and_answers_are_told_in_whole_sentences(document: Document) -> None:
    told = {path: one["summary"] for _, path, one in operations(document)}
    assert {path: words for path, words in told.items() if not words.endswith(".")} == {}
    assert told["/api/live-sessions/{id}/join"].endswith("or what the person does in the session.")
    assert summary_of("One\nand\ntwo. Three.\n\nFour.", "") == "One and two."
    assert summary_of("One. Two\nand three", "") == "One. Two and three"
    assert summary_of("One.\nTwo.", "") == "One."
    assert summary_of(None, "None.") == "None."


def test_the_example_of_an_answer_saves_one(document: Document) -> None:
    for path, method in (("/api/sittings/{id}/answers/{question}", "put"), ("/api/sittings/{id}/answer", "post")):
        body = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        assert body["example"].items() >= {"rev": 1, "value": "b"}.items()
