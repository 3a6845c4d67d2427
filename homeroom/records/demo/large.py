"""The large demo school, put into a database class by class: each is there as a whole, or not at all.

What is there already stays as it is, so that a load that was broken off goes on where it was. Never here: who is in it (`plan`).
"""

from collections.abc import Callable, Iterable

import trio

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller
from homeroom.records.declare import RecordType
from homeroom.records.demo.bulk import act_on_all, insert_all
from homeroom.records.demo.plan import ClassPlan, Plan, Rows
from homeroom.records.school.entries import ENTRY, Review
from homeroom.records.school.users import USER
from homeroom.records.store import Store
from homeroom.records.unit import Unit

AT_ONCE = 2
"""Classes that are put into the database at a time: while one is written, the next is made ready."""
_THERE = "SELECT FROM classes WHERE id = $1"
_KEEP = "UPDATE users SET password = $2 WHERE id = ANY($1::text[]) AND password IS NULL"
_REVIEW = next(action for action in ENTRY.actions if action.name == "review")


async def load_large(store: Store, plan: Plan, password: str | None, advance: Callable[[int], object]) -> None:
    """Put the whole school of `plan` into the database; `advance` is told each time how many students more are there.

    `password` is the hash that everybody gets; `None`: nobody can log in with one. Raises `unavailable` and `overloaded`.
    """
    for table in plan.staff():
        async with store.unit(SYSTEM_CALLER) as unit:
            await _insert(unit, store, [table], password)
    numbers = iter(range(plan.classes))
    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(_load_classes, store, map(plan.of_class, numbers), password, advance)


async def _load_classes(
    store: Store, classes: Iterable[ClassPlan], password: str | None, advance: Callable[[int], object]
) -> None:
    """Load classes one after the other; whoever shares `classes` takes the next."""
    for one in classes:
        async with store.unit(SYSTEM_CALLER) as unit:
            if not await unit.fetch(_THERE, one.id):
                await _insert(unit, store, one.rows(), password)
        async with store.unit(Caller(one.teacher, "teacher")) as unit:
            if await _insert(unit, store, one.attendance(), None):
                reviews = {entry: Review(status) for entry, status in one.reviews().items()}  # type: ignore[arg-type]  # a table's word
                await act_on_all(unit, store.catalog, ENTRY, _REVIEW, reviews)
        advance(len(one.students))


async def _insert(unit: Unit, store: Store, tables: Iterable[tuple[RecordType, Rows]], password: str | None) -> int:
    """Add rows; returns how many were not there yet."""
    new = 0
    for record, rows in tables:
        new += await insert_all(unit, store.catalog, record, rows)
        if record is USER and password is not None:
            await unit.execute(_KEEP, [str(row["id"]) for row in rows], password)
    return new
