"""The description of the REST doors agrees with what is served, and both come from the same table."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import trio

from homeroom.http.app import all_routes
from homeroom.http.metrics import Metrics
from homeroom.http.rest import twin_paths
from homeroom.http.routes import Route
from homeroom.protocol.errors import ERRORS
from tests.http.rest_school import Reply, School
from tests.protocol.documents import texts_at

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
PAGES = {"/", "/docs", "/docs/", "/static/<path:name>", "/docs/<path:name>"}


@pytest.fixture
async def document(rest_school: School) -> dict[str, Any]:
    found: dict[str, Any] = (await rest_school.call("GET", "/openapi.json")).body
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_rule_that_is_served_is_described_and_nothing_else_is(
    rest_school: School, document: dict[str, Any]
) -> None:
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in rest_school.app.url_map.iter_rules()
        if rule.rule not in PAGES
        for method in (rule.methods or set()) & METHODS
    }
    assert served == {(method, path) for method, path, _ in operations(document)}


async def test_it_is_made_for_who_asks_first_once_and_by_a_thread_so_that_nobody_else_waits(
    rest_school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: list[int] = []

    def describe(routes: Sequence[Route], version: str, chapters: Mapping[str, str]) -> dict[str, Any]:
        makers.append(threading.get_ident())
        return {"doors": len(routes)}

    monkeypatch.setattr("homeroom.http.app.describe", describe)
    answers: list[Reply] = []

    async def ask() -> None:
        answers.append(await rest_school.call("GET", "/openapi.json"))

    assert (await rest_school.call("GET", "/healthz")).status == 200
    assert makers == []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    assert [answer.body["doors"] > 100 for answer in answers] == [True] * 3
    assert len(makers) == 1
    assert makers != [threading.get_ident()]


async def test_every_verb_with_a_door_is_described_with_its_arguments(
    rest_school: School, document: dict[str, Any]
) -> None:
    for kind in rest_school.kinds:
        for verb in kind.verbs:
            for method, path in twin_paths(kind, verb):
                operation = document["paths"][path][method.lower()]
                inputs = {parameter["name"] for parameter in operation["parameters"]} - {"id", "Idempotency-Key"}
                content = operation.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema", {})
                inputs |= set(resolve(document, schema).get("properties", {}))
                assert inputs == set(verb.command.__struct_encode_fields__), (kind.name, verb.command.do)


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(texts_at("$ref", document))
    assert found
    for reference in found:
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in document["components"]["schemas"]


async def test_every_operation_has_a_name_of_its_own_a_summary_and_every_placeholder(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for _, path, operation in operations(document):
        assert operation["summary"]
        inside = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert inside == set(re.findall(r"\{(\w+)\}", path))
        assert all(parameter["schema"] for parameter in operation["parameters"])


async def test_bodies_and_what_is_inside_them_say_that_they_take_no_other_fields(document: dict[str, Any]) -> None:
    tried = 0
    for _, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for schema in _structures(document, content["schema"]) if content else ():
            assert schema["additionalProperties"] is False, path
            tried += 1
    assert tried > 100


def _structures(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the structures of a body: its own, and those inside it."""
    found = resolve(document, schema)
    if "properties" in found:
        yield found
    for reference in texts_at("$ref", found):
        yield from _structures(document, {"$ref": reference})


async def test_every_error_is_a_problem_document_and_passing_ones_say_when_to_come_back(
    document: dict[str, Any],
) -> None:
    problems = {f"#/components/schemas/{name}" for name in document["components"]["schemas"] if name == "Problem"}
    for _, path, operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert "500" in errors, path
        for status, answer in errors.items():
            (schema,) = [content["schema"]["$ref"] for content in answer["content"].values()]
            assert {schema} == problems
            assert list(answer["content"]) == ["application/problem+json"]
            assert ("Retry-After" in answer.get("headers", {})) == (status in {"429", "500", "503"})


async def test_who_needs_a_token_is_told(rest_school: School, document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    described = {(method, path): operation for method, path, operation in operations(document)}
    for route in all_routes(rest_school.parts, Metrics({})):
        operation = described[route.method, route.path]
        assert operation["security"] == {"needed": [{"bearer": []}], "ignored": []}.get(
            route.bearer, [{}, {"bearer": []}]
        )
        assert ("401" in operation["responses"]) or route.bearer == "ignored"


async def test_writes_of_verbs_take_a_key_and_reads_do_not(rest_school: School, document: dict[str, Any]) -> None:
    for kind in rest_school.kinds:
        for verb in kind.verbs:
            for method, path in twin_paths(kind, verb):
                names = [one["name"] for one in document["paths"][path][method.lower()]["parameters"]]
                assert ("Idempotency-Key" in names) == (method != "GET")


async def test_the_bounds_of_fields_are_told(document: dict[str, Any]) -> None:
    say = document["paths"]["/api/rooms/{id}/messages"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert resolve(document, say)["properties"]["text"]["maxLength"] == 4_000
    parameters = document["paths"]["/api/rooms/{id}/messages"]["get"]["parameters"]
    (limit,) = [one["schema"] for one in parameters if one["name"] == "limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 50)


async def test_the_codes_of_the_description_are_the_protocols(document: dict[str, Any]) -> None:
    answers = [answer for *_, operation in operations(document) for answer in operation["responses"].items()]
    told = set(re.findall(r"`(\w+)`: ", str([answer for status, answer in answers if status >= "400"])))
    assert told <= set(ERRORS)
    assert {"forbidden", "rate_limited", "too_large", "bad_command"} <= told


async def test_patterns_are_those_of_every_language(document: dict[str, Any]) -> None:
    found = list(texts_at("pattern", document))
    assert len(found) > 10
    assert all(pattern.startswith("^") and pattern.endswith("$") and "\\A" not in pattern for pattern in found)


async def test_the_parameters_of_the_catch_up_are_described_and_their_example_is_a_stream_of_this_server(
    rest_school: School, document: dict[str, Any]
) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/api/realtime/sync"]["get"]["parameters"]}
    assert set(parameters) == {"streams", "tables", "since", "wait"}
    assert all(one["description"] for one in parameters.values())
    example = parameters["streams"]["example"]
    assert example.partition(":")[0] in {kind.name for kind in rest_school.kinds}
    assert (await rest_school.call("GET", f"/api/realtime/sync?streams={example}", ("ann", "student"))).status == 200


async def test_every_parameter_whose_type_has_words_shows_them(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        for one in operation["parameters"]:
            if "description" in one["schema"]:
                assert one["description"] == one["schema"]["description"], path


async def test_ids_and_addresses_in_paths_say_what_they_are_made_of(document: dict[str, Any]) -> None:
    def told(path: str) -> dict[str, Any]:
        parameter: dict[str, Any] = document["paths"][path]["get"]["parameters"][0]
        return parameter

    own = told("/api/presence/user/{user}")
    assert own["description"].startswith("the id of the person whose it is")
    for given, path in (
        ("room:lobby", "/api/rooms/{id}"),
        ("lobby", "/api/rooms/{id}"),
        ("ann", "/api/presence/user/{user}"),
    ):
        assert re.match(told(path)["schema"]["pattern"], given)
    assert not re.match(told("/api/rooms/{id}")["schema"]["pattern"], "session:s1")
    address = told("/api/presence/of/{address}")
    assert re.match(address["schema"]["pattern"], "session:s1")
    assert not re.match(address["schema"]["pattern"], "s1")


async def test_the_description_says_where_a_token_comes_from(document: dict[str, Any]) -> None:
    told = document["info"]["description"]
    assert "`POST /api/auth/login`" in told
    assert "homeroom token create" in told
    assert "post" in document["paths"]["/api/auth/login"]
