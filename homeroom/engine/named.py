"""The people whom a command names: found by the places that its verb's row says, and looked for before it is carried out.

Looked for last, when the actor has decided: who may not do it is told that, and learns nothing of who is at the school.
Never here: who is (`records.directory`), and what becomes of them.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from homeroom.engine.behaviour import Refusal

PEOPLE_TOLD = 20
"""Places that one answer names at the most."""
THING = "{id}"
"""The place of the actor's own id, where that is a person's."""
_EACH = "[]"

Strangers = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Returns those of some ids that are nobody's: of people who never were, or were deleted. Raises `Refusal` when nobody can be asked now."""


async def no_strangers(ids: Collection[str]) -> Collection[str]:
    """Return that all of `ids` are somebody's: the `Strangers` of an engine that was told of no people."""
    return ()


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


async def check_people(named: Sequence[tuple[str, str]], strangers: Strangers) -> None:
    """Raise `bad_command` that says where somebody is `named` who is nobody; several stand in the `errors` of its data."""
    if not named:
        return
    nobody = set(await strangers(frozenset(person for _, person in named)))
    wrong = [(where, f"there is no {person!r}") for where, person in named if person in nobody]
    if wrong:
        raise _unknown(wrong)


def _unknown(wrong: Sequence[tuple[str, str]]) -> Refusal:
    told = [{"field": where, "wrong": why, "allowed": "the id of a person"} for where, why in wrong[:PEOPLE_TOLD]]
    data: dict[str, Any] = {"field": wrong[0][0], "allowed": "the id of a person"}
    more = {"errors": told} if len(told) > 1 else {}
    return Refusal("bad_command", ": ".join(wrong[0]), data={**data, **more})
