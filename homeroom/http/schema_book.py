"""The schemas of all structures of the doors, made together: each under its plain name, with words for its fields.

What only answers have says which fields are always there: all but those that may be left out. What is sent, in a body or a query, needs
only what has no default; bodies say that they take no other fields. Pure. Never here: doors (`openapi`), and which words (`door_words`).
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import NODEFAULT, inspect

from homeroom.http.door_words import of_moment, with_words
from homeroom.http.problems import Problem
from homeroom.http.routes import Route
from homeroom.http.schema_names import given_names, plain_names
from homeroom.http.spellings import moments
from homeroom.protocol.ids import Id
from homeroom.protocol.rest_json import SCHEMA_PLACE, json_schemas
from homeroom.protocol.shape import structures_in

Schema = dict[str, Any]


class SchemaBook:
    """The schemas of `routes`. `components` are those that others refer to."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types: list[Any] = [Problem, Id]
        for route in routes:
            types += [shape for shape in (route.body, route.query, route.reply) if shape is not None]
            types += route.shapes.values()
        unique = list({id(shape): shape for shape in types}.values())
        found = structures_in(unique)
        plain, given = plain_names([*found]), given_names([*found])
        names = {given[one]: name for one, name in plain.items()}
        schemas, components = json_schemas(unique)
        self._schemas = {id(shape): _renamed(schema, names) for shape, schema in zip(unique, schemas, strict=True)}
        self.components: dict[str, Schema] = {
            names[name]: {**_renamed(schema, names), "title": names[name]} for name, schema in components.items()
        }
        sent = self._reached(route.body for route in routes)
        self._close(sent)
        answered = self._reached(route.reply for route in routes)
        self._tell_moments({plain[one]: info for one, info in found.items() if plain[one] in sent - answered})
        given_in = sent | self._reached(route.query for route in routes)
        self._complete({plain[one]: info for one, info in found.items() if plain[one] not in given_in})
        self._tell()

    def of(self, type: Any) -> Schema:
        """Return the schema of one of the routes' types, `{}` for none."""
        return {} if type is None else self._schemas[id(type)]

    def resolved(self, schema: Schema) -> Schema:
        """Return what a schema refers to, or itself."""
        reference: str | None = schema.get("$ref")
        return schema if reference is None else self.components[reference.rpartition("/")[2]]

    def properties(self, type: Any) -> dict[str, Schema]:
        """Return the fields of one of the routes' structures."""
        properties: dict[str, Schema] = self.resolved(self.of(type)).get("properties", {})
        return properties

    def without(self, type: Any, names: Iterable[str]) -> Schema:
        """Return the schema of a structure without some of its fields: a reference, where it has none of them."""
        schema = self.of(type)
        resolved = self.resolved(schema)
        inside = set(names) & set(resolved.get("properties", {}))
        if not inside:
            return schema
        cut = copy.deepcopy(resolved)
        cut["properties"] = {name: value for name, value in cut["properties"].items() if name not in inside}
        cut["required"] = [name for name in cut.get("required", ()) if name not in inside]
        cut.pop("title", None)
        return cut

    def _reached(self, types: Iterable[Any]) -> set[str]:
        """Return the names of the structures in some types, at any depth."""
        names: set[str] = set()
        todo = [self.of(one) for one in types]
        while todo:
            new = {reference.rpartition("/")[2] for reference in _references(todo.pop())} - names
            names |= new
            todo += [self.components[name] for name in new]
        return names

    def _close(self, names: Iterable[str]) -> None:
        """Say of the structures of bodies that they take no other fields."""
        for name in names:
            if "properties" in self.components[name]:
                self.components[name]["additionalProperties"] = False

    def _tell_moments(self, sent: Mapping[str, inspect.StructType]) -> None:
        """Say of the moments in structures that are only sent how else they are taken; clients are made for the numbers alone."""
        for name, info in sent.items():
            fields: dict[str, Schema] = self.components[name].get("properties", {})
            for field in moments(info):
                fields[field] = of_moment(fields[field])

    def _complete(self, answered: Mapping[str, inspect.StructType]) -> None:
        """Say of structures that are only answered which of their fields are always there: a query's may be left out, an answer's not."""
        for name, info in answered.items():
            schema = self.components[name]
            if "properties" in schema and not info.cls.__struct_config__.omit_defaults:
                always = [field.encode_name for field in info.fields if not _may_lack(field)]
                schema["required"] = [name for name in schema["properties"] if name in always or name == info.tag_field]

    def _tell(self) -> None:
        for title, schema in self.components.items():
            if "properties" in schema:
                fields: Mapping[str, Schema] = schema["properties"]
                schema["properties"] = {name: with_words(name, field, title) for name, field in fields.items()}


def _may_lack(field: inspect.Field) -> bool:
    """Tell whether a field may be left out: one without a value has no default that could be told."""
    return not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a schema that refers to others by their plain names."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            return {**value, "$ref": SCHEMA_PLACE.format(name=names[reference.rpartition("/")[2]])}
        return {key: _renamed(inside, names) for key, inside in value.items()}
    return [_renamed(one, names) for one in value] if isinstance(value, list) else value


def _references(value: Any) -> Iterator[str]:
    """Yield what a schema refers to, at any depth of its own."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
