"""OpenAPI 3.1, made from the same table of routes that is served and the same structures that check the input.

Pure: routes in, a document out. Never here: a word about a particular route.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from homeroom.http.door_words import FORM, ROW_IDS, TAGS, with_words
from homeroom.http.examples import Examples
from homeroom.http.problems import PROBLEM_TYPE, Problem, title_of
from homeroom.http.routes import BAD_INPUT, RAW_TYPE, Nothing, Route
from homeroom.http.schema_book import SchemaBook
from homeroom.http.versions import ETAG_HEADER, MATCH_PARAMETER
from homeroom.protocol.errors import ERRORS
from homeroom.protocol.ids import Id
from homeroom.protocol.summaries import summary_of

BEARER = "bearer"
DESCRIPTION = (
    "The REST doors. The WebSocket's side is described by /asyncapi.json.\n\n"
    "Nearly all doors want an access token, in the header `Authorization: Bearer …`. `POST /api/auth/login` with "
    '`{"login": "…", "password": "…"}` answers one as `access_token`, and `POST /api/auth/refresh` the next one; on the server\'s '
    "machine, `homeroom token create LOGIN` prints one."
)
ALWAYS = ("internal",)
BINARY: Mapping[str, Any] = {"type": "string", "format": "binary"}
FILES: Mapping[str, Any] = {
    "multipart/form-data": {"type": "object", "properties": {"file": BINARY}, "required": ["file"]},
}
"""What a body of a type is, where that is not just bytes."""
SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "needed": [{BEARER: []}],
    "welcome": [{}, {BEARER: []}],
    "lenient": [{}, {BEARER: []}],
    "ignored": [],
}
LOCATION_HEADER = {"description": "where the new thing is", "schema": {"type": "string"}}
RANGE_PARAMETERS = (
    {
        "name": "Range",
        "in": "header",
        "required": False,
        "description": "One part alone, `bytes=0-1023`: answered with 206 and `Content-Range`. Of several parts all of it comes.",
        "schema": {"type": "string"},
    },
)
KNOWN_PARAMETER = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what one has: 304 without a body, when it is still that.",
    "schema": {"type": "string"},
}
_FURTHER = re.compile(r"_[2-9]\Z")
"""How the name of a further door to the same ends."""
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, the same request is not done twice: the first answer comes again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


def describe(routes: Sequence[Route], version: str, chapters: Mapping[str, str] = TAGS) -> dict[str, Any]:
    """Return the document that describes `routes`; `chapters` says what each tag is about."""
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
        "tags": [_tag(name, chapters) for name in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": book.components,
            "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


class _Book(SchemaBook):
    """The schemas of the routes, and the operations made of them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        super().__init__(routes)
        self._examples = Examples(self.components)
        self._first = {route.name: route for route in routes}

    def operation(self, route: Route) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": route.name,
            "summary": route.summary,
            "tags": [route.tag],
            "security": SECURITY[route.bearer],
            "parameters": self._parameters(route),
            "responses": self._responses(route),
        }
        first = self._first.get(_FURTHER.sub("", route.name), route)
        if first is not route:
            operation |= {"deprecated": True, "description": f"Another name of `{first.method} {first.path}`."}
        if route.body is not None or route.streamed:
            operation["requestBody"] = self._body(route)
        return operation

    def _parameters(self, route: Route) -> list[dict[str, Any]]:
        known = self.properties(route.body) | self.properties(route.query)
        known |= {name: self.of(shape) for name, shape in route.shapes.items()}
        found = [self._place(route, name, known.get(name) or self.of(Id)) for name in route.placeholders]
        required = set(self.resolved(self.of(route.query)).get("required", ()))
        for name, schema in self.properties(route.query).items():
            if name not in route.placeholders:
                found.append(_parameter(name, "query", name in required, schema))
        headers = [
            (route.keyed, (KEY_PARAMETER,)),
            (route.matched, (MATCH_PARAMETER,)),
            (route.ranged, RANGE_PARAMETERS),
            (304 in route.also, (KNOWN_PARAMETER,)),
        ]
        return [*found, *(dict(header) for taken, some in headers if taken for header in some)]

    def _place(self, route: Route, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a parameter in the path."""
        if name == "id" and route.tag in ROW_IDS:
            schema = {**schema, "description": f"{ROW_IDS[route.tag]}: {FORM}"}
        return _parameter(name, "path", True, _never_null(schema))

    def _responses(self, route: Route) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": self.of(route.reply)} if route.reply is not None else {}
        kinds = route.gives or (route.mimetype.partition(";")[0],)
        told = {"description": _answer_words(route), "content": dict.fromkeys(kinds, content)}
        headers = [(route.tagged, "ETag", ETAG_HEADER), (route.status == 201, "Location", LOCATION_HEADER)]
        found = {name: dict(header) for there, name, header in headers if there}
        responses: dict[str, Any] = {str(route.status): told | ({"headers": found} if found else {})}
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
            "description": "; ".join(f"`{code}`: {title_of(code)}" for code in codes),
            "content": {PROBLEM_TYPE: {"schema": self.of(Problem)}},
        }
        if any(ERRORS[code].retry for code in codes):
            response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
        return response

    def _body(self, route: Route) -> dict[str, Any]:
        """Return what is sent: a structure without what already stands in the path, a text in place of it, or a file."""
        if route.body is None:
            return {"required": True, "content": {name: {"schema": FILES.get(name, BINARY)} for name in route.takes}}
        schema = self._lighter(self.without(route.body, route.placeholders), self.properties(route.query))
        required = bool(schema.get("required") or self.resolved(schema).get("required"))
        content = {"application/json": {"schema": schema, **self._example(schema)}}
        return {"required": required, "content": {**content, **_raw(route)}, **_other_words(route)}

    def _example(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the example of a body; of one with a form that nothing fits there is none, which is no reason to describe nothing."""
        try:
            return {"example": self._examples.of(schema)}
        except ValueError:
            return {}

    def _lighter(self, schema: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the schema of a body of which fields may stand in the query instead: those need not be in it."""
        needed = self.resolved(schema).get("required", ())
        if not set(needed) & set(asked):
            return schema
        return {**self.resolved(schema), "required": [name for name in needed if name not in asked]}


def _answer_words(route: Route) -> str:
    """Return what a door answers: the first words of the structure, where it has one of its own."""
    reply = route.reply
    if not isinstance(reply, type) or not issubclass(reply, Struct):
        return "a file" if reply is None and route.gives else "the text" if reply is str else "the document"
    if reply is Nothing:
        return "Done: an empty object."
    return summary_of(reply.__doc__, "Done.")


def _tag(name: str, chapters: Mapping[str, str]) -> dict[str, str]:
    return {"name": name, "description": chapters[name]} if name in chapters else {"name": name}


def _raw(route: Route) -> dict[str, Any]:
    """Return what a door takes in place of JSON: a file, whose other types are told in words.

    Generators of clients know JSON, forms and bytes: a door with `text/csv` among its types has no function in some of their clients.
    """
    if RAW_TYPE not in route.takes:
        return {}
    others = " or ".join(f"`{name}`" for name in route.takes if name != RAW_TYPE)
    return {
        RAW_TYPE: {"schema": {**BINARY, "description": f"the file itself, in UTF-8; also with `Content-Type` {others}"}}
    }


def _other_words(route: Route) -> dict[str, Any]:
    """Return what is said of the names that other systems give to fields: in words, and for programs.

    They are no properties of the schema, which could not say that each is one of ours in another word, to be given once.
    """
    if not route.words:
        return {}
    told = ", ".join(f"`{other}` for `{own}`" for other, own in sorted(route.words.items()))
    return {"description": f"Words of other systems are taken as well: {told}.", "x-other-words": dict(route.words)}


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what always stands in a path: without a default, and never nothing."""
    some = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **(some[0] if len(some) == 1 else {"anyOf": some})} if some else rest


def _parameter(name: str, place: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter; the words and the example of its type stand where tools look for those of a parameter."""
    schema = with_words(name, schema)
    told: dict[str, Any] = {"name": name, "in": place, "required": required}
    for one in (schema, *schema.get("anyOf", ())):
        if "description" in one:
            told.setdefault("description", one["description"])
        if one.get("examples"):
            told.setdefault("example", one["examples"][0])
    return {**told, "schema": schema}
