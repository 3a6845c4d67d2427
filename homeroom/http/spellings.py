"""The spellings of the sources, taken on input: `studentId` for `student_id`, in queries and at the top of bodies.

What the server itself says is always the other one. Pure. Never here: which names there are (the declarations of the records).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from homeroom.engine.behaviour import Refusal
from homeroom.engine.kind import Turned


def camel(name: str) -> str:
    """Return how the sources spell a name of ours: `start_at_from` is `startAtFrom`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def spellings(names: Iterable[str], others: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return other spelling → name, for each of `names` that has one; `others` are further words, as they are and in camelCase."""
    known = dict.fromkeys(names)
    words = {**{name: name for name in known}, **(others or {})}
    found = {spelling: name for word, name in words.items() for spelling in (word, camel(word))}
    return {other: name for other, name in found.items() if other not in known}


def respell(values: Mapping[str, Any], other: Mapping[str, str]) -> dict[str, Any]:
    """Return `values` under the names of ours; raises `bad_command` for one that is given in two spellings at once."""
    ours: dict[str, Any] = {}
    for name, value in values.items():
        own = other.get(name, name)
        if own in ours:
            raise _twice(own)
        ours[own] = value
    return ours


def turn(values: Mapping[str, Any], turned: Iterable[Turned]) -> dict[str, Any]:
    """Return `values` with what other systems say in another way said in ours; raises `bad_command` for what is said in both."""
    ours = dict(values)
    for one in turned:
        if not ours.keys().isdisjoint(one.names):
            said = one.turn(*(ours.pop(name, None) for name in one.names))
            if one.field in ours:
                raise _twice(one.field)
            ours[one.field] = said
    return ours


def _twice(own: str) -> Refusal:
    data = {"field": own, "allowed": f"{own}, once"}
    return Refusal("bad_command", f"{own}: given twice, in two spellings", data=data)
