"""Values on their way into a row: cleaned, checked against every bound, and put beside what is there already. Pure.

Never here: rules over more than one row (hooks of the record types), and who may set what (`unit`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from homeroom.engine.behaviour import Refusal
from homeroom.protocol.codec import UNDECODABLE
from homeroom.protocol.misfit import find_misfit
from homeroom.protocol.text import UnfitText, clean_name, clean_text
from homeroom.records.columns import Column, Row
from homeroom.records.declare import RecordType
from homeroom.records.rich_text import sanitise

ERRORS_TOLD = 20
"""Wrong fields that one answer names at the most."""
_BLANK = re.compile(r"\A\s*\Z")
_NO_PLACE = frozenset({".", ".."})
"""Ids that a path cannot hold: clients and proxies take them for a step."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_names(type: RecordType, values: Mapping[str, Any], *, create: bool) -> None:
    """Raise `bad_command` for the first of `values` that is no column, or none that a client sets."""
    known = _writable_names(type, create=create)
    for name in values:
        if name not in known:
            why = "set by the server" if name in type.columns else "no such field"
            raise misfit(name, why, "one of " + ", ".join(sorted(known)))


@lru_cache(maxsize=1_000)
def _writable_names(type: RecordType, *, create: bool) -> frozenset[str]:
    return frozenset(column.name for column in type.writable(create=create))


def new_row(type: RecordType, values: Mapping[str, Any], *, rich: bool = True) -> Row:
    """Return the row of `values`, defaults where nothing is said; raises `bad_command` that names the field.

    Not `rich`: its rich texts are still to be sanitised.
    """
    if values.get("id") in _NO_PLACE:
        raise misfit("id", "no path leads there", "another id")
    return _row(type, clean_values(type, values, rich=rich))


def changed_row(type: RecordType, old: Row, changes: Mapping[str, Any], *, rich: bool = True) -> Row:
    """Return `old` with `changes`; raises `bad_command` that names the field. Not `rich`: as for a new one."""
    return _row(type, {**msgspec.to_builtins(old), **clean_values(type, changes, rich=rich)})


def refitted(type: RecordType, row: Row, clean: Mapping[str, Any]) -> Row:
    """Return `row` with what is `clean` already, of builtin types; raises `bad_command` that names the field."""
    return _row(type, {**msgspec.to_builtins(row), **clean})


def clean_values(type: RecordType, values: Mapping[str, Any], *, rich: bool = True) -> dict[str, Any]:
    """Return `values` as builtin types, texts cleaned as their columns say; those with markup are sanitised if `rich`."""
    plain = msgspec.to_builtins(dict(values))
    return {name: _cleaned(type, name, value, rich=rich) for name, value in plain.items()}


def check_storable(field: str, text: str) -> str:
    """Return a text that is compared with what is kept; raises `bad_command` for one that cannot be kept at all."""
    if _UNSTORABLE.search(text):
        raise misfit(field, "the text holds NUL or half a character", "a text")
    return text


def misfit(field: str, wrong: str, allowed: str) -> Refusal:
    """Return the refusal that names a field, what is wrong there and what is allowed."""
    return Refusal("bad_command", f"{field}: {wrong}", data={"field": field, "allowed": allowed})


def misfits(found: Sequence[tuple[str, str, str]]) -> Refusal:
    """Return the refusal that names several fields, each with what is wrong there and what is allowed: the first one in its words.

    All of them stand in the `errors` of its data when there are more than one, `ERRORS_TOLD` at the most.
    """
    first = misfit(*found[0])
    if len(found) > 1:
        told = [{"field": field, "wrong": wrong, "allowed": allowed} for field, wrong, allowed in found[:ERRORS_TOLD]]
        first.data["errors"] = told
    return first


def _row(type: RecordType, values: Mapping[str, Any]) -> Row:
    try:
        row: Row = msgspec.convert(values, type.row)
    except UNDECODABLE as error:
        found = find_misfit(error, type.row, type.name)
        raise Refusal("bad_command", f"{found.field}: {found.wrong}", data=found.data) from None
    return row


def _cleaned(type: RecordType, name: str, value: Any, *, rich: bool) -> Any:
    column = type.columns.get(name)
    if column is None:
        raise misfit(name, "no such field", "one of " + ", ".join(type.columns))
    if column.since is not None and isinstance(value, int) and value < column.since:
        raise misfit(
            name, "before the year 2000: is it in seconds?", f"milliseconds since 1970, at least {column.since:,}"
        )
    try:
        clean = _clean(column, value)
        return sanitise(clean) if rich and name in type.rich and isinstance(clean, str) else clean
    except UnfitText as error:
        raise misfit(name, str(error), "a text") from None
    except ValueError:
        raise misfit(name, "no such day", "a day, YYYY-MM-DD") from None


def _clean(column: Column, value: Any) -> Any:
    if column.kind in ("list", "json"):
        return _clean_within(value)
    if column.kind != "text" or not isinstance(value, str):
        return value
    clean = _CLEANERS.get(column.style)
    return clean(value) if clean is not None else check_storable(column.name, value)


def _clean_within(value: Any) -> Any:
    """Return a nested value with all its texts cleaned."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {name: _clean_within(inside) for name, inside in value.items()}
    return [_clean_within(inside) for inside in value] if isinstance(value, list | tuple) else value


def _text(value: str) -> str:
    """Return a text without what cannot be seen or kept; one with nothing in it is left to the bounds."""
    return "" if _BLANK.match(value) else clean_text(value)


def _line(value: str) -> str:
    return "" if _BLANK.match(value) else clean_name(value)


def _day(value: str) -> str:
    return date.fromisoformat(value).isoformat()


_CLEANERS: Mapping[str, Callable[[str], str]] = {"text": _text, "line": _line, "date": _day}
