"""What is wrong with input that does not fit its type: which field, and what is allowed there.

The decoder's words tell the place; what is allowed is told by the type at that place, in the words of the reference (`shape`).
Never here: deciding what fits.
"""

import re
from typing import Any, NamedTuple

from msgspec import inspect

from homeroom.protocol.shape import plain_words_of

_MISSING = re.compile(r"\AObject missing required field `([^`]+)`\Z")
_PLACE = re.compile(r"`\$([^`]*)`")
_DECODERS = re.compile(r"\A(?:Expected|Invalid enum value) ")
"""What the decoder says of a value that its type does not take, in words of Python and of its own."""
_PATTERN = " matching regex "
"""What the decoder says of a text that does not have its form."""
_STEP = re.compile(r"\.([^.\[\]]+)|\[(?:\d+|\.\.\.)\]")


class Misfit(NamedTuple):
    """The `field` by its place (`file.name`, `mentions[1]`), what is `allowed` there, and what was `wrong`."""

    field: str
    allowed: str
    wrong: str

    @property
    def data(self) -> dict[str, str]:
        """Return the `d` of the answer."""
        return {"field": self.field, "allowed": self.allowed}


def find_misfit(error: BaseException, type: Any, whole: str) -> Misfit:
    """Return what `error`, raised on decoding a `type`, means; `whole` names the input itself, for what is wrong with all of it."""
    said, _, where = ("the text is not UTF-8" if isinstance(error, UnicodeError) else str(error)).partition(" - at ")
    found = _PLACE.search(where)
    place = found[1] if found else ""
    missing = _MISSING.match(said)
    if missing:
        place, said = f"{place}.{missing[1]}", "missing"
    info = _at(type, place)
    allowed = _allowed(info) or said
    if _DECODERS.match(said):
        said = f"expected {(_PATTERN in said and _described(info)) or allowed}"
    return Misfit(place.removeprefix(".") or whole, allowed, said)


def allowed_at(type: Any, place: str) -> str | None:
    """Return what a type takes at a place (`.file.name`), in words."""
    return _allowed(_at(type, place))


def _at(type: Any, place: str) -> inspect.Type | None:
    """Return what the type has at `place`."""
    info: inspect.Type | None = inspect.type_info(type)
    for step in _STEP.finditer(place):
        info = _inside(info, step[1])
    return info


def _allowed(info: inspect.Type | None) -> str | None:
    """Return what a type takes; `None` for one there are no words for: the decoder's own must do then."""
    try:
        return None if info is None else plain_words_of(info)
    except KeyError:
        return None


def _described(info: inspect.Type | None) -> str | None:
    """Return how a text is described to people, who are better off with that than with a pattern."""
    match info:
        case inspect.Metadata():
            return (info.extra_json_schema or {}).get("description") or _described(info.type)
        case inspect.UnionType():
            return next(filter(None, map(_described, info.types)), None)
    return None


def _inside(info: inspect.Type | None, name: str | None) -> inspect.Type | None:
    """Return the type of the field `name`, or of the items when there is no name."""
    match info:
        case inspect.Metadata():
            return _inside(info.type, name)
        case inspect.UnionType():
            return next(filter(None, (_inside(one, name) for one in info.types)), None)
        case inspect.StructType() if name is not None:
            return next((field.type for field in info.fields if field.encode_name == name), None)
        case inspect.ListType() | inspect.VarTupleType() if name is None:
            return info.item_type
        case inspect.DictType() if name is None:
            return info.value_type
    return None
