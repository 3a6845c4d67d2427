"""Examples of bodies, made from their schemas and the names of their fields: always the same ones, and each fits its schema.

A body's example has what it must have and what it is there for, or its first field where that is nothing. Pure. Never here: what a door makes of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

NOON_MS, HOUR_MS = 1_793_534_400_000, 3_600_000
"""A noon, and how much later what ends it is."""
_ENDS = ("end_at", "ends", "closes", "closes_at", "expires_at", "due_at", "until", "deadline")
_STARTS = ("start_at", "starts", "publish_at", "opens", "at", "since")
TIMES: Mapping[str, int] = {**dict.fromkeys(_STARTS, NOON_MS), **dict.fromkeys(_ENDS, NOON_MS + HOUR_MS)}
TEXTS: Mapping[str, str] = {
    "address": "room:lobby",
    "assignee_id": "tara-1",
    "body": "Please bring your books.",
    "class_id": "10a",
    "code": "MATH-1",
    "cohort_id": "autumn-2026",
    "comment": "Well done.",
    "course": "algebra-1",
    "course_id": "algebra-1",
    "csv": "login,name\nben,Ben\n",
    "date": "2026-11-02",
    "day": "2026-11-02",
    "description": "What it is about.",
    "email": "ben@example.org",
    "ends_on": "2027-01-31",
    "entry_id": "entry-1",
    "exam_id": "exam-1",
    "focus_stack": "Algebra",
    "guardian_id": "paula-1",
    "login": "ben",
    "mentor_id": "tara-1",
    "name": "Ben",
    "new_password": "a long new password",
    "note": "Well done.",
    "number": "S-1001",
    "old_password": "the password so far",
    "password": "correct horse battery",
    "question": "Why is the sky blue?",
    "question_id": "q1",
    "reason": "It is the better one.",
    "refresh_token": "the-token-of-the-login",
    "room": "101",
    "series": "FREQ=WEEKLY;BYDAY=MO;COUNT=10",
    "starts_on": "2026-09-01",
    "subject_id": "algebra",
    "teacher_id": "tara-1",
    "term_id": "autumn-2026",
    "text": "Good morning",
    "title": "Algebra",
    "topic": "Fractions",
    "upload_id": "upload-1",
    "value": "b",
    "vacancy_id": "vacancy-1",
    "zone": "Europe/Berlin",
}
"""Field -> what stands in it, where that fits its schema."""
FORMS: Sequence[str] = (
    "ben-1",
    "2026-11-02",
    "08:30",
    "room:lobby",
    "https://example.org/notes",
    "UTC",
    "#2b6cb0",
    "1",
)
"""What is tried where a text has a form of its own."""


TELLING = frozenset({"value"})
"""What a body is there for though it may be left out: without a value an answer says that there is none."""


class Examples:
    """Makes examples of schemas that may refer to `components`."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components

    def of(self, schema: Schema, name: str = "") -> Any:
        """Return a value that fits; raises `ValueError` for a schema that nothing here fits."""
        if "$ref" in schema:
            return self.of(self._components[schema["$ref"].rpartition("/")[2]], name)
        for key in ("enum", "examples"):
            if schema.get(key):
                return schema[key][0]
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            return self.of(next(one for one in schema["anyOf"] if one.get("type") != "null"), name)
        make = _MAKERS.get(schema.get("type", "any"))
        if make is None:
            raise ValueError(f"{name}: no example of {schema}")
        return make(self, schema, name)

    def _object(self, schema: Schema, name: str) -> dict[str, Any]:
        fields: Mapping[str, Schema] = schema.get("properties", {})
        needed = [one for one in fields if one in TELLING or one in schema.get("required", ())] or list(fields)[:1]
        return {one: self.of(fields[one], one) for one in needed}

    def _list(self, schema: Schema, name: str) -> list[Any]:
        parts: Sequence[Schema] = schema.get("prefixItems", ())
        if parts:
            return [self.of(one, name) for one in parts]
        first = self.of(schema.get("items") or {"type": "string"}, name.removesuffix("s"))
        return [_other(first, number) for number in range(max(1, schema.get("minItems", 0)))]

    def _text(self, schema: Schema, name: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength", 100)
        plain = [TEXTS[name]] if name in TEXTS else []
        for text in (*plain, *FORMS) if "pattern" in schema else (*plain, _words(name, least, most)):
            if least <= len(text) <= most and re.search(schema.get("pattern", ""), text):
                return text
        raise ValueError(f"{name}: no text fits {schema}")

    def _whole(self, schema: Schema, name: str) -> int:
        wanted = TIMES.get(name, 1)
        return int(max(schema.get("minimum", wanted), min(wanted, schema.get("maximum", wanted))))

    def _number(self, schema: Schema, name: str) -> float:
        return float(self._whole(schema, name))

    def _flag(self, schema: Schema, name: str) -> bool:
        return not schema.get("default", False)

    def _any(self, schema: Schema, name: str) -> str:
        return TEXTS.get(name, "anything")


def _words(name: str, least: int, most: int) -> str:
    """Return a text of a length that fits, made of the field's name."""
    text = (name.replace("_", " ") or "text").capitalize()
    return (text * (least // len(text) + 1) if len(text) < least else text)[:most]


def _other(value: Any, number: int) -> Any:
    """Return a value like the first one of a list, and different: lists of things want different ones."""
    if isinstance(value, Mapping):
        return {name: _other(one, number) for name, one in value.items()}
    return f"{value}{number + 1}" if number and isinstance(value, str) else value


_MAKERS: Mapping[str, Any] = {
    "object": Examples._object,
    "array": Examples._list,
    "string": Examples._text,
    "integer": Examples._whole,
    "number": Examples._number,
    "boolean": Examples._flag,
    "any": Examples._any,
}
