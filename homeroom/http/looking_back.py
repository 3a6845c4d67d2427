"""What the doors that look back have in common, the feed and the audit: the bounds in time, and the same words for the same things.

Never here: what is found (`records.activity`, `records.audit`), and which words there are (`records.vocabulary`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import fields

from homeroom.http.spellings import spellings
from homeroom.protocol.ids import Millis

Start = Annotated[Millis, Meta(description="from when on, Unix milliseconds, inclusive; also `from`")]
End = Annotated[Millis, Meta(description="until when, Unix milliseconds, inclusive; also `to`")]
_PAIRS = (("start", "from"), ("end", "to"), ("actor_id", "changed_by"), ("target_type", "entity_type"), ("target_id", "entity_id"))  # fmt: skip
"""The words of which each door has one as its own, and takes the other."""


def other_words(query: type[Struct]) -> Mapping[str, str]:
    """Return how else the fields of a query may be called: other word → field."""
    known = query.__struct_encode_fields__
    words = {other: own for pair in _PAIRS for own, other in (pair, pair[::-1]) if own in known}
    return spellings(known, words)


def said_in(query: Struct, question: type[Struct]) -> dict[str, Any]:
    """Return what a query says of the fields of the question that it becomes."""
    return {name: value for name in question.__struct_fields__ if (value := getattr(query, name)) is not UNSET}


def enumerated(query: type[Struct], name: str, words: Mapping[str, tuple[Sequence[str], str]]) -> type[Struct]:
    """Return `query` for the description, as `name`, with the words that some of its fields take, and what those are."""
    own = {one.name: one for one in fields(query)}
    typed = [_field(own[field].required, field, *told) for field, told in words.items()]
    space = {"__doc__": query.__doc__}
    return defstruct(name, typed, bases=(query,), module=query.__module__, namespace=space, frozen=True, kw_only=True)


def _field(required: bool, name: str, words: Sequence[str], told: str) -> Any:
    literal: Any = Literal
    described: Any = Annotated[literal[tuple(words)], Meta(description=told)]
    return (name, described) if required else (name, described | UnsetType, UNSET)
