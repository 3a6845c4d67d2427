"""Queues to start a test from, and what is asked of them again and again."""

from typing import Any

from homeroom.actors.queue import QUEUE
from homeroom.engine.behaviour import Caller
from homeroom.protocol.inbox import Notify
from homeroom.protocol.queue import Admit, Appoint, Complete, Create, Join, ListEntries, Open
from homeroom.protocol.queue_answers import EntryRow, Ticket
from homeroom.protocol.queue_state import reduce_queue
from tests.actors.driver import Driver
from tests.actors.people import TEACHER

MINUTE = 60_000
CAT = Caller("cat", "student", "Cat")
DAN = Caller("dan", "student", "Dan")
MAKER = Caller(TEACHER.user, "admin", TEACHER.name)
"""The teacher, for once with the right to choose any id for a queue."""


def new_queue(id: str = "t-1") -> Driver:
    """Return a queue that does not exist yet."""
    return Driver(QUEUE, id, reduce_queue)


def open_queue(**settings: Any) -> Driver:
    """Return an open queue of the teacher, with the colleague as assistant."""
    queue = new_queue()
    queue.do(Create("Algebra", **settings), MAKER)
    queue.do(Appoint("colleague", "Carl Colleague"), TEACHER)
    queue.do(Open(), TEACHER)
    return queue


def join_all(queue: Driver, *people: Caller) -> list[str]:
    """Let people join one after the other, a second apart; returns their entries."""
    return [join(queue, person).entry for person in people]


def join(queue: Driver, person: Caller, question: str = "") -> Ticket:
    """Let somebody join a second later."""
    queue.now += 1_000
    ticket: Ticket = queue.do(Join(question), person)
    return ticket


def line(queue: Driver) -> list[str]:
    """Return the students in line, in order."""
    return [row.student for row in rows(queue) if row.position]


def rows(queue: Driver) -> tuple[EntryRow, ...]:
    """Return what those who help see."""
    entries: tuple[EntryRow, ...] = queue.do(ListEntries(), TEACHER).entries
    return entries


def help_once(queue: Driver, person: Caller, minutes: int = 5, helper: Caller = TEACHER) -> None:
    """Let somebody join, be admitted at once, and be finished with after some minutes."""
    entry = queue.do(Join(), person).entry
    queue.do(Admit(entry), helper)
    queue.now += minutes * MINUTE
    queue.do(Complete(entry), helper)


def notices(queue: Driver, user: str) -> list[Notify]:
    """Return what somebody was told into the inbox."""
    return [tell.command for tell in queue.tells if tell.to == f"inbox:{user}"]


def titles(queue: Driver, user: str) -> list[str]:
    """Return the titles of what somebody was told."""
    return [notice.title for notice in notices(queue, user)]
