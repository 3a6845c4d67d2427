"""What comes in at a record's doors, as structures: under the names of the columns, with the words of the sources understood.

Pure. Never here: whether the caller may, and what the values mean together (the declaration's checks).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.blueprint import NO_SUCH_THING
from homeroom.http.record_shapes import SHOWN_ALWAYS, Shapes
from homeroom.http.spellings import respell, respell_body, spellings
from homeroom.protocol.rest_json import read_query, read_values
from homeroom.protocol.stray import check_path
from homeroom.protocol.verbs import decode_object
from homeroom.records.declare import RecordType
from homeroom.records.declare_faults import QUERY_WORDS
from homeroom.records.listing import ListQuery

T = TypeVar("T", bound=Struct)
_ID = re.compile(r"\A[A-Za-z0-9_.\-]{1,64}\Z")


def read_text(body: bytes, field: str) -> dict[str, Any]:
    """Return a body that is no JSON but a text as what a JSON body would hold; raises `bad_command` for what is no UTF-8."""
    try:
        return {field: body.decode()}
    except UnicodeError:
        data = {"field": field, "allowed": "text in UTF-8: save it as CSV UTF-8"}
        raise Refusal(
            "bad_command", f"{field}: the file is not UTF-8: save it as CSV UTF-8 and send it again", data=data
        ) from None


def read_record_body(
    body: bytes | Mapping[str, Any],
    type: type[T],
    record: RecordType,
    path: Mapping[str, str] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> T:
    """Return a request's body, JSON or read already, as the structure `type`, with the names in the `path` and what was `asked` beside it.

    Raises `bad_frame` for what is no JSON object or over a limit, `bad_command` for what does not fit: an unknown field, a wrong
    value, a name in two spellings, another value than the path has.
    """
    known = type.__struct_encode_fields__
    sent = decode_object(body) if isinstance(body, bytes) else body
    given = respell_body(sent, type, _other_names(type, record))
    if asked:
        check_path(given, asked, "query")
        given = {**given, **asked}
    laid = {name: value for name, value in (path or {}).items() if name in known}
    values = _in_our_words(given, record)
    check_path(values, laid)
    return read_values({**values, **laid}, type, elsewhere=laid)


@lru_cache(maxsize=1_000)
def _other_names(type: type[Struct], record: RecordType) -> Mapping[str, str]:
    """Return how else the fields of a body may be called."""
    return spellings(type.__struct_encode_fields__, other_words(type, record))


def other_words(type: type[Struct], record: RecordType) -> dict[str, str]:
    """Return the words of other systems for the fields of a body: other word → field."""
    known = type.__struct_encode_fields__
    return {alias: name for alias, name in record.aliases.items() if name in known and alias not in known}


def row_id(text: str) -> str:
    """Return the id of a row from a path; raises `not_found` for what is none."""
    if not _ID.match(text):
        raise Refusal("not_found", NO_SUCH_THING)
    return text


def read_list(given: Mapping[str, str], shapes: Shapes, record: RecordType) -> ListQuery:
    """Return what a list's query asks for; raises `bad_command` for what does not fit.

    A filter without a value asks for rows that have none there, where the column may have none.
    """
    values = _clean_query(given, shapes.asked)
    without = {name: "" for name, value in values.items() if not value and _may_lack(record, name)}
    if "sort" in values:
        values["sort"] = _our_order(values["sort"], record)
    said = {name: value for name, value in values.items() if name not in without}
    asked: Any = read_query(_in_our_words(said, record), shapes.query)
    filters = {name: getattr(asked, name) for name in said if name not in QUERY_WORDS}
    order = asked.sort if "sort" in said else ""
    fields, include = _fields(asked.fields, shapes, record), frozenset(filter(None, asked.include.split(",")))
    return ListQuery(asked.limit, asked.after, order, {**filters, **without}, fields, include)


def read_look(given: Mapping[str, str], shapes: Shapes, record: RecordType) -> frozenset[str]:
    """Return the columns to show of one row, none for all; raises `bad_command` for one that there is not."""
    asked: Any = read_query(_clean_query(given, {}), shapes.look)
    return frozenset(_fields(asked.fields, shapes, record))


def _clean_query(given: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    values = respell(given, other)
    for name, value in values.items():
        if "\0" in value:
            data = {"field": name, "allowed": "text without NUL"}
            raise Refusal("bad_command", f"{name}: the text holds NUL", data=data)
    return values


def _may_lack(record: RecordType, name: str) -> bool:
    return name in record.filters and record.columns[name].optional


def _fields(text: str, shapes: Shapes, record: RecordType) -> tuple[str, ...]:
    if not text:
        return ()
    names = dict.fromkeys(shapes.spellings.get(word.strip(), word.strip()) for word in text.split(","))
    stray = next((name for name in names if name not in record.columns), None)
    if stray is not None:
        allowed = ", ".join(record.columns)
        msg = f"fields: no column {stray[:64]!r}"
        raise Refusal("bad_command", msg, data={"field": "fields", "allowed": allowed})
    return (*names, *SHOWN_ALWAYS)


def _our_order(text: str, record: RecordType) -> str:
    name = text.removeprefix("-")
    other = spellings(record.columns, record.aliases)
    return text[: len(text) - len(name)] + other.get(name, name)


def _in_our_words(values: Mapping[str, Any], record: RecordType) -> dict[str, Any]:
    """Return values with the words of the sources replaced: `canceled` is `cancelled`."""
    return {name: _in_our_word(value, record.spellings.get(name, {})) for name, value in values.items()}


def _in_our_word(value: Any, words: Mapping[str, str]) -> Any:
    if not words or not isinstance(value, str):
        return value
    return ",".join(words.get(word, word) for word in value.split(","))
