"""OpenAPI 3.1, made from the same table of routes that is served and the same structures that check the input.

Pure: routes in, a document out. Never here: a word about a particular route.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from homeroom.http.problems import PROBLEM_TYPE, Problem
from homeroom.http.routes import BAD_INPUT, Route
from homeroom.http.versions import ETAG_HEADER, MATCH_PARAMETER
from homeroom.protocol.errors import ERRORS
from homeroom.protocol.ids import Id
from homeroom.protocol.rest_json import json_schemas

BEARER = "bearer"
DESCRIPTION = (
    "The REST doors. The WebSocket's side is described by /asyncapi.json.\n\n"
    "Nearly all doors want an access token, in the header `Authorization: Bearer …`. `POST /api/auth/login` with "
    '`{"login": "…", "password": "…"}` answers one as `access_token`, and `POST /api/auth/refresh` the next one; on the server\'s '
    "machine, `homeroom token create LOGIN` prints one."
)
ALWAYS = ("internal",)
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, the same request is not done twice: the first answer comes again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document that describes `routes`."""
    book = _Book(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = book.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Homeroom",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": book.components,
            "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


class _Book:
    """The schemas of all structures of the routes, made together so that equal names do not meet."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types: list[Any] = [Problem, Id]
        for route in routes:
            types += [shape for shape in (route.body, route.query, route.reply) if shape is not None]
            types += route.shapes.values()
        unique = list({id(shape): shape for shape in types}.values())
        schemas, self.components = json_schemas(unique)
        self._schemas = {id(shape): schema for shape, schema in zip(unique, schemas, strict=True)}
        closed: set[str] = set()
        for route in routes:
            self._close(self._of(route.body), closed)

    def operation(self, route: Route) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": route.name,
            "summary": route.summary,
            "tags": [route.tag],
            "parameters": self._parameters(route),
            "responses": self._responses(route),
        }
        if route.bearer in {"needed", "welcome"}:
            operation["security"] = [{BEARER: []}] if route.bearer == "needed" else [{}, {BEARER: []}]
        if route.body is not None:
            schema = self._body(route)
            required = bool(schema.get("required") or self._resolved(schema).get("required"))
            operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
        if route.streamed:
            content = {name: {"schema": {"type": "string", "format": "binary"}} for name in route.takes}
            operation["requestBody"] = {"required": True, "content": content}
        return operation

    def _parameters(self, route: Route) -> list[dict[str, Any]]:
        known = self._properties(route.body) | self._properties(route.query)
        known |= {name: self._of(shape) for name, shape in route.shapes.items()}
        found = [
            _parameter(name, "path", True, known.get(name) or self._schemas[id(Id)]) for name in route.placeholders
        ]
        required = set(self._resolved(self._of(route.query)).get("required", ()))
        for name, schema in self._properties(route.query).items():
            if name not in route.placeholders:
                found.append(_parameter(name, "query", name in required, schema))
        headers = [(route.keyed, KEY_PARAMETER), (route.matched, MATCH_PARAMETER)]
        return [*found, *(dict(header) for taken, header in headers if taken)]

    def _responses(self, route: Route) -> dict[str, Any]:
        content = {"schema": self._of(route.reply)} if route.reply is not None else {}
        responses: dict[str, Any] = {
            str(route.status): {"description": "done", "content": {route.mimetype.partition(";")[0]: content}}
        }
        if route.tagged:
            responses[str(route.status)]["headers"] = {"ETag": dict(ETAG_HEADER)}
        responses |= {str(status): {"description": meaning} for status, meaning in route.also.items()}
        by_status: dict[int, list[str]] = {}
        for code in self._codes(route):
            by_status.setdefault(ERRORS[code].status, []).append(code)
        for status, codes in sorted(by_status.items()):
            responses[str(status)] = self._problem(codes)
        return responses

    def _codes(self, route: Route) -> Sequence[str]:
        codes = [*ALWAYS, *route.errors]
        if route.body is not None or route.query is not None or route.placeholders:
            codes += BAD_INPUT
        if route.body is not None:
            codes.append("too_large")
        if route.bearer in {"needed", "welcome"}:
            codes.append("unauthenticated")
        return list(dict.fromkeys(codes))

    def _problem(self, codes: Sequence[str]) -> dict[str, Any]:
        response: dict[str, Any] = {
            "description": "; ".join(f"`{code}`: {ERRORS[code].meaning}" for code in codes),
            "content": {PROBLEM_TYPE: {"schema": self._schemas[id(Problem)]}},
        }
        if any(ERRORS[code].retry for code in codes):
            response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
        return response

    def _body(self, route: Route) -> dict[str, Any]:
        """Return the body's schema, without what already stands in the path."""
        schema = self._of(route.body)
        resolved = self._resolved(schema)
        inside = set(route.placeholders) & set(resolved.get("properties", {}))
        if not inside:
            return schema
        cut = copy.deepcopy(resolved)
        cut["properties"] = {name: value for name, value in cut["properties"].items() if name not in inside}
        cut["required"] = [name for name in cut.get("required", ()) if name not in inside]
        return cut

    def _close(self, schema: dict[str, Any], closed: set[str]) -> None:
        """Say of a body's structures, and of those inside them, that they take no other fields."""
        for name in {reference.rpartition("/")[2] for reference in _references(schema)} - closed:
            closed.add(name)
            component = self.components[name]
            if "properties" in component:
                component["additionalProperties"] = False
            self._close(component, closed)

    def _of(self, type: Any) -> dict[str, Any]:
        return {} if type is None else self._schemas[id(type)]

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference: str | None = schema.get("$ref")
        if reference is None:
            return schema
        found: dict[str, Any] = self.components[reference.rpartition("/")[2]]
        return found

    def _properties(self, type: Any) -> dict[str, Any]:
        properties: dict[str, Any] = self._resolved(self._of(type)).get("properties", {})
        return properties


def _references(value: Any) -> Iterator[str]:
    """Yield what a schema refers to, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)


def _parameter(name: str, place: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter; the words and the example of its type stand where tools look for those of a parameter."""
    told: dict[str, Any] = {"name": name, "in": place, "required": required}
    for one in (schema, *schema.get("anyOf", ())):
        if "description" in one:
            told.setdefault("description", one["description"])
        if one.get("examples"):
            told.setdefault("example", one["examples"][0])
    return {**told, "schema": schema}
