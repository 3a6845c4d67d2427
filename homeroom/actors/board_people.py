"""The people of a leaderboard: what each has, chose, and is called. Ten thousand of them stay well below a megabyte.

A person is remembered beyond the period: for what it chose, and for the sources that were counted for it, which the event
`Person.seq` holds (so the state need not).
Never here: the order (`board_order`), and deciding (`board`).
"""

from collections import Counter

from msgspec import Struct, field

from homeroom.actors.board_order import Mark, Order
from homeroom.protocol.board import Entry
from homeroom.protocol.board_persona import ALIAS_MAX
from homeroom.protocol.board_state import BoardState
from homeroom.protocol.text import skeleton

PEOPLE_MAX = 20_000
PERIODS_KEPT = 60
"""After so many periods without points somebody who chose nothing is forgotten: a year of weeks, five of months."""


class Person(Struct, frozen=True, array_like=True, gc=False):
    """Somebody: `n` its entry's number (0: never scored), `number` the period in which it has `points`.

    `since` and `at`: the event by which these were reached, and its time; `seq`: the last event that counted something.
    """

    name: str = ""
    points: int = 0
    since: int = 0
    at: int = 0
    n: int = 0
    number: int = -1
    seq: int = 0
    alias: str = ""
    out: bool = False

    @property
    def shown_name(self) -> str:
        """Return what it is called on the board."""
        return self.alias or self.name


class Final(Struct, frozen=True, array_like=True, gc=False):
    """One of the first of a period that is over."""

    user: str
    points: int


class BoardMemory(Struct):
    """The durable state: what is shown, everybody by user id, how many periods are over, and the first of the last one."""

    shown: BoardState = field(default_factory=BoardState)
    people: dict[str, Person] = field(default_factory=dict)
    number: int = 0
    last: list[Final] = field(default_factory=list)


def mark_of(user: str, person: Person) -> Mark:
    """Return the place of a person in the order of its points."""
    return Mark(-person.points, person.since, user)


def entry_of(user: str, person: Person) -> Entry:
    """Return the entry of a person as it is stored, with its user id; `protocol.board_state.mask` makes it fit to be seen."""
    return Entry(person.n, person.shown_name, person.points, person.since, person.at, user, alias=bool(person.alias))


def stands(person: Person | None, number: int) -> bool:
    """Tell whether somebody is on the board, for others to see, in the period `number`."""
    return person is not None and not person.out and person.number == number


def order_people(memory: BoardMemory) -> Order:
    """Return the order of all that stand on the board, from nothing."""
    people = memory.people.items()
    return Order(mark_of(user, person) for user, person in people if stands(person, memory.number))


def count_names(memory: BoardMemory) -> Counter[str]:
    """Return how often each user id, name and alias is taken, by what they look like (`protocol.text.skeleton`)."""
    return Counter(name for user, person in memory.people.items() for name in _names(user, person))


def recount_names(taken: Counter[str], user: str, before: Person | None, after: Person | None) -> None:
    """Let somebody go by other names; `None`: it was not known before, or is forgotten."""
    if before and after and (before.name, before.alias) == (after.name, after.alias):
        return
    taken.update(_names(user, after) if after else ())
    for name in _names(user, before) if before else ():
        taken[name] -= 1
        if not taken[name]:
            del taken[name]


def _names(user: str, person: Person) -> list[str]:
    return [looks for name in (user, person.name, person.alias) if (looks := skeleton(name))]


def free_alias(alias: str, taken: Counter[str], mine: str) -> str:
    """Return `alias`, or with the next number behind it when somebody goes by that, or has such an id; `mine` is the alias so far."""
    found, number, own = alias, 1, {"", skeleton(mine)}
    while (looks := skeleton(found)) not in own and taken[looks]:
        number += 1
        behind = f" {number}"
        found = alias[: ALIAS_MAX - len(behind)] + behind
    return found


def forget_people(memory: BoardMemory) -> dict[str, Person]:
    """Forget those who had no points for long and chose nothing; returns them."""
    eldest, people = memory.number - PERIODS_KEPT, memory.people
    gone = [user for user, one in people.items() if one.number <= eldest and not (one.alias or one.out)]
    return {user: people.pop(user) for user in gone}
