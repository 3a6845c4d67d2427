"""The people whom a command names: found by the places that its verb's row says, and looked for before it is carried out.

Looked for last, when the actor has decided: who may not do it is told that, and learns nothing of who is at the school. Where a command puts
students on a list, those who have left the school are refused as well, in the same answer.
Never here: who is (`records.directory`), and what becomes of them.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from homeroom.engine.behaviour import Refusal

PEOPLE_TOLD = 20
"""Places that one answer names at the most."""
THING = "{id}"
"""The place of the actor's own id, where that is a person's."""
_EACH = "[]"
_PERSON, _STUDENT = "the id of a person", "the id of a student who is at the school"
"""What is allowed where somebody is named, and where students are listed."""

NOBODY = ""
"""What `Strangers` say of an id that is nobody's: of people who never were, or were deleted."""
Named = Sequence[tuple[str, str]]
"""Where an id stands in a command, and the id, each."""

Strangers = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""Returns those of some ids who are not at the school: id -> `NOBODY`, or as what a student has left (`graduated`).

Raises `Refusal` when nobody can be asked now.
"""


async def no_strangers(ids: Collection[str]) -> Mapping[str, str]:
    """Return that all of `ids` are at the school: the `Strangers` of an engine that was told of no people."""
    return {}


def people_in(places: Iterable[str], command: Any, thing: str) -> Iterator[tuple[str, str]]:
    """Yield each id that a command has at `places`, with where it stands: `people[].id` are those at `people[0].id` and on.

    `thing` is the actor's own id, that of the place `{id}`. What is empty or not said names nobody.
    """
    for place in places:
        if place == THING:
            yield "id", thing
        else:
            yield from _found(command, place.replace(_EACH, f".{_EACH}").split("."), "")


def _found(value: Any, steps: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    if not value:
        return
    if not steps:
        yield where, value
    elif steps[0] == _EACH:
        for number, one in enumerate(value):
            yield from _found(one, steps[1:], f"{where}[{number}]")
    else:
        yield from _found(getattr(value, steps[0]), steps[1:], f"{where}.{steps[0]}" if where else steps[0])


async def check_people(named: Named, listed: Named, strangers: Strangers) -> None:
    """Raise `bad_command` that says where somebody is `named` who is nobody, or `listed` who is that, or has left the school as a student.

    Several stand in the `errors` of its data.
    """
    every = (*named, *listed)
    if not every:
        return
    missing = await strangers(frozenset(person for _, person in every))
    wrong = [(where, f"there is no {person!r}", _PERSON) for where, person in every if missing.get(person) == NOBODY]
    left = [(where, f"{person!r} is {missing[person]}", _STUDENT) for where, person in listed if missing.get(person)]
    if wrong or left:
        raise _refusal(wrong + left)


def _refusal(wrong: Sequence[tuple[str, str, str]]) -> Refusal:
    told = [{"field": where, "wrong": why, "allowed": allowed} for where, why, allowed in wrong[:PEOPLE_TOLD]]
    field, why, allowed = wrong[0]
    more = {"errors": told} if len(told) > 1 else {}
    return Refusal("bad_command", f"{field}: {why}", data={"field": field, "allowed": allowed, **more})
