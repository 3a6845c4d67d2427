"""A look at a whole leaderboard in steps, so that nobody else waits longer than for one of them.

Never here: what follows when the order is wrong (`board`).
"""

from collections.abc import Iterable

from homeroom.actors.board_order import Order
from homeroom.actors.board_people import BoardMemory, mark_of, stands

CHECKED = 100
"""People of a step: a third of a millisecond."""


class Check:
    """Who is still to be looked at; volatile, and at its end whenever the board was made anew."""

    __slots__ = ("_users",)

    def __init__(self, users: Iterable[str] = ()) -> None:
        self._users = list(users)

    def __bool__(self) -> bool:
        return bool(self._users)

    def step(self, memory: BoardMemory, order: Order) -> bool:
        """Look at some more people, and at as many places; tells whether these are as the points have it."""
        stop = len(self._users)
        users = self._users[-CHECKED:]
        del self._users[-CHECKED:]
        return _have_their_places(memory, order, users) and _belong_there(memory, order, stop - len(users), stop)


def _have_their_places(memory: BoardMemory, order: Order, users: Iterable[str]) -> bool:
    found = ((user, memory.people.get(user)) for user in users)
    return all(order.has(mark_of(user, one)) for user, one in found if one and stands(one, memory.number))


def _belong_there(memory: BoardMemory, order: Order, start: int, stop: int) -> bool:
    found = ((mark, memory.people.get(mark.user)) for mark in order.part(start, stop))
    return all(one and stands(one, memory.number) and mark_of(mark.user, one) == mark for mark, one in found)
