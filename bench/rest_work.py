"""What `bench.rest` asks, and which answers are right: a teacher who keeps tasks for one student. Pure: no sockets, no clock.

Every worker remembers what was acknowledged, and holds each answer to that. Never here: sending (`rest_loop`), and what the
database says in the end (`rest_kept`).
"""

import random
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from bench.web_line import Answer, request

PAGE = 100
"""Rows of a list; so many stay with each teacher from the beginning, and are never deleted."""
MIX: Mapping[str, int] = MappingProxyType({"read": 60, "list": 10, "update": 15, "create": 10, "delete": 5})
"""How often each is asked for in a hundred of the mix."""
DESCRIPTION = "Read the chapter on levers, answer the questions at its end, and bring a drawing of your own."


class Wrong(Exception):
    """An answer was not the right one."""


@dataclass(slots=True)
class Row:
    """A task as it was acknowledged."""

    title: str
    version: int


class Worker:
    """One connection's teacher, with a student; `seed` decides the order of what is asked."""

    def __init__(self, teacher: str, student: str, token: str, seed: str) -> None:
        self.teacher, self.student, self.token = teacher, student, token
        self.rows: dict[str, Row] = {}
        """All tasks there are, by id."""
        self.spare: list[str] = []
        """Those of them that may be deleted, the newest last."""
        self.done: Counter[str] = Counter()
        """How many of what were acknowledged."""
        self._order: list[str] = []
        self._dice = random.Random(seed)
        self._named = 0
        self._asked: tuple[Callable[[Worker, Answer, str], None], str] = (_wrong, "")

    def ask(self, what: str) -> bytes | None:
        """Return the request for `what`, an operation or `mix`; `None` when there is nothing left to do it to."""
        if what == "mix":
            (what,) = self._dice.choices(list(MIX), list(MIX.values()))
            what = "create" if what == "delete" and not self.spare else what
        operation = OPERATIONS[what]
        target = operation.target(self)
        if target is None:
            return None
        self._asked = (operation.take, target)
        return operation.ask(self, target)

    def take(self, answer: Answer) -> None:
        """Take the answer to what was asked last; raises `Wrong`."""
        take, target = self._asked
        self._asked = (_wrong, "")
        try:
            take(self, answer, target)
        except (KeyError, TypeError, msgspec.DecodeError) as error:
            raise Wrong(f"{answer.status} {answer.body[:300]!r}: {error!r}") from None

    def title(self) -> str:
        """Return a title nobody else has said."""
        self._named += 1
        return f"{self.teacher} {self._named}"

    def any(self) -> str:
        """Return the id of one of its tasks."""
        return self._dice.choice(self._order)

    def first(self, count: int) -> list[str]:
        """Return the first ids in their order."""
        return self._order[:count]

    def add(self, id: str, row: Row) -> None:
        """Know of a new task."""
        self.rows[id] = row
        self.spare.append(id)
        insort(self._order, id)

    def remove(self, id: str) -> None:
        """Know of a task that it is gone."""
        self.spare.remove(id)
        del self.rows[id], self._order[bisect_left(self._order, id)]

    def settle(self) -> None:
        """Keep all tasks there are for good."""
        self.spare.clear()


@dataclass(frozen=True, slots=True)
class Operation:
    """What it is done to (a new title, an id), how it is asked for, and what is to come of it."""

    target: Callable[[Worker], str | None]
    ask: Callable[[Worker, str], bytes]
    take: Callable[[Worker, Answer, str], None]


def _create(worker: Worker, title: str) -> bytes:
    body = {"student_id": worker.student, "title": title, "description": DESCRIPTION, "due_at": 1_900_000_000_000}
    return request("POST", "/api/tasks", worker.token, body)


def _created(worker: Worker, answer: Answer, title: str) -> None:
    row = _json(answer, 201)
    _same(row, {"title": title, "student_id": worker.student, "mentor_id": worker.teacher, "version": 1})
    _same(row, {"status": "pending", "description": DESCRIPTION})
    worker.add(row["id"], Row(title, 1))
    worker.done["create"] += 1


def _read(worker: Worker, id: str) -> bytes:
    return request("GET", f"/api/tasks/{id}", worker.token)


def _was_read(worker: Worker, answer: Answer, id: str) -> None:
    _same(_json(answer, 200), {"id": id, "title": worker.rows[id].title, "version": worker.rows[id].version})


def _list(worker: Worker, target: str) -> bytes:
    return request("GET", f"/api/tasks?limit={PAGE}", worker.token)


def _was_listed(worker: Worker, answer: Answer, target: str) -> None:
    page = _json(answer, 200)
    shown = {row["id"]: Row(row["title"], row["version"]) for row in page["items"]}
    if list(shown) != worker.first(PAGE) or bool(page["after"]) != (len(worker.rows) > PAGE):
        raise Wrong(f"a list of {len(shown)} of {len(worker.rows)}, not the first in order")
    if any(worker.rows[name] != row for name, row in shown.items()):
        raise Wrong("a list that shows a task as it is not")


def _update(worker: Worker, id: str) -> bytes:
    worker.rows[id] = Row(worker.title(), worker.rows[id].version + 1)
    return request("PATCH", f"/api/tasks/{id}", worker.token, {"title": worker.rows[id].title})


def _updated(worker: Worker, answer: Answer, id: str) -> None:
    _was_read(worker, answer, id)
    worker.done["update"] += 1


def _delete(worker: Worker, id: str) -> bytes:
    return request("DELETE", f"/api/tasks/{id}", worker.token)


def _deleted(worker: Worker, answer: Answer, id: str) -> None:
    _same({"body": _json(answer, 200)}, {"body": {}})
    worker.remove(id)
    worker.done["delete"] += 1


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "create": Operation(Worker.title, _create, _created),
        "read": Operation(Worker.any, _read, _was_read),
        "list": Operation(lambda worker: "", _list, _was_listed),
        "update": Operation(Worker.any, _update, _updated),
        "delete": Operation(lambda worker: worker.spare[-1] if worker.spare else None, _delete, _deleted),
    }
)
ROUND = ("create", "read", "list", "update", "mix", "delete")
"""What is measured, in this order: what was created is deleted in the end."""


def _wrong(worker: Worker, answer: Answer, target: str) -> None:
    raise Wrong(f"an answer to nothing: {answer.status} {answer.body[:300]!r}")


def _json(answer: Answer, status: int) -> Any:
    if answer.status != status:
        raise Wrong(f"{answer.status} instead of {status}: {answer.body[:300]!r}")
    return msgspec.json.decode(answer.body)


def _same(row: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    other = {name: row[name] for name, value in expected.items() if row[name] != value}
    if other:
        raise Wrong(f"{other}, expected {expected}")
