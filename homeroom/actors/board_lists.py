"""The answers of a leaderboard to those who look: a part of it in order, and one's own place with those around it.

Never here: changes (`board`).
"""

from collections.abc import Iterable

from homeroom.actors.board_order import Mark, Order
from homeroom.actors.board_people import BoardMemory, Person, mark_of
from homeroom.engine.behaviour import Context
from homeroom.protocol.board import AskStanding, EntryList, ListEntries, Own, Row, Standing
from homeroom.protocol.board_state import ranks


def list_entries(memory: BoardMemory, order: Order, command: ListEntries, context: Context) -> EntryList:
    """Return the entries behind the place `after`."""
    stop = command.after + command.limit
    shown = memory.shown
    return EntryList(
        shown.period,
        shown.specialty,
        shown.began,
        shown.ends,
        context.now,
        len(order),
        rows=tuple(_rows(memory, order, command.after, stop)),
        more=len(order) > stop,
        own=_own(memory, order, context.caller.user),
        last=tuple(_last_rows(memory)),
    )


def tell_standing(memory: BoardMemory, order: Order, command: AskStanding, context: Context) -> Standing:
    """Return the caller's own place and so many on each side; those who are not shown see between whom they would stand."""
    own = _own(memory, order, context.caller.user)
    if own.row is None:
        return Standing(len(order), own, ())
    place = own.row.place - 1
    start, stop = max(0, place - command.around), place + command.around + own.shown
    return Standing(len(order), own, tuple(_rows(memory, order, start, stop)))


def _own(memory: BoardMemory, order: Order, user: str) -> Own:
    person = memory.people.get(user, Person())
    row = None
    if person.number == memory.number:
        mark = mark_of(user, person)
        row = _row(order.place(mark) + 1, order.rank(person.points), user, person)
    return Own(row, not person.out, person.alias)


def _rows(memory: BoardMemory, order: Order, start: int, stop: int) -> Iterable[Row]:
    for place, mark in enumerate(order.part(start, stop), start + 1):
        yield _row(place, order.rank(_points(mark)), mark.user, memory.people[mark.user])


def _last_rows(memory: BoardMemory) -> Iterable[Row]:
    """Yield the first of the last period that are not out today, with the places they had."""
    places = enumerate(ranks(final.points for final in memory.last), 1)
    for (place, rank), final in zip(places, memory.last, strict=True):
        person = memory.people.get(final.user)
        if person is not None and not person.out:
            yield _row(place, rank, final.user, person, final.points)


def _row(place: int, rank: int, user: str, person: Person, points: int | None = None) -> Row:
    shown = "" if person.alias else user
    total = person.points if points is None else points
    return Row(place, rank, person.n, person.shown_name, total, shown, bool(person.alias))


def _points(mark: Mark) -> int:
    return -mark.negated
