"""What the demo school is to have, wish by wish, each carried out once: what was changed or taken away since stays so.

The audit, which nothing is ever taken out of, tells what was done already. Never here: what is wished for (`school`, `days`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller, Refusal
from homeroom.records.declare import Moment, RecordType
from homeroom.records.demo.people import CALLERS
from homeroom.records.store import Store
from homeroom.records.unit import Unit

log = structlog.get_logger(__name__)

_DONE = """SELECT DISTINCT entity_type, entity_id, action FROM audit_logs
WHERE (entity_type, entity_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"""
AWAY = frozenset({"unavailable", "overloaded"})
"""Refusals that are about this moment and not about the wish."""


class Mark(NamedTuple):
    """How the audit tells that a wish was carried out."""

    entity: str
    id: str
    word: str


@dataclass(frozen=True, slots=True)
class Make:
    """A row with an id of its own."""

    type: RecordType
    id: str
    values: Mapping[str, Any]

    @property
    def mark(self) -> Mark:
        """Return how the audit tells of it."""
        return _mark(self.type, self.id, self.type.event("created"))

    async def carry_out(self, unit: Unit) -> None:
        """Add the row; raises `Refusal`."""
        await unit.insert(self.type, {"id": self.id, **self.values})


@dataclass(frozen=True, slots=True)
class Act:
    """An action of a row, by its name."""

    type: RecordType
    id: str
    name: str
    body: Any = None

    @property
    def mark(self) -> Mark:
        """Return how the audit tells of it."""
        return _mark(self.type, self.id, self._action.event)

    async def carry_out(self, unit: Unit) -> None:
        """Make the change; raises `Refusal`."""
        action = self._action
        held = await unit.hold(self.type, self.id, action.rule)
        changes = action.change(held.row(), self.body, Moment(unit.now, unit.caller))
        await unit.change(held, changes, None, action.event)

    @property
    def _action(self) -> Any:
        return next(action for action in self.type.actions if action.name == self.name)


@dataclass(frozen=True, slots=True)
class Do:
    """A deed that is about the row `id`; `event` is what it tells of that row."""

    type: RecordType
    id: str
    name: str
    body: Any
    event: str

    @property
    def mark(self) -> Mark:
        """Return how the audit tells of it."""
        return _mark(self.type, self.id, self.event)

    async def carry_out(self, unit: Unit) -> None:
        """Do it; raises `Refusal`."""
        deed = next(deed for deed in self.type.deeds if deed.name == self.name)
        await deed.perform(unit, self.body)


Wish = Make | Act | Do
SYSTEM = SYSTEM_CALLER.user
_VOICES: Mapping[str, Caller] = {**CALLERS, SYSTEM: SYSTEM_CALLER}


@dataclass(frozen=True, slots=True)
class Part:
    """Wishes that are carried out together, or not at all, by one person of the demo, or by the school's own voice (`SYSTEM`)."""

    by: str
    wishes: Sequence[Wish]


async def carry_out(store: Store, parts: Iterable[Part]) -> None:
    """Carry out what was not before, part by part; one that does not fit into the school any more is left out.

    Raises `unavailable` and `overloaded`: what was carried out by then stays, and the rest is for another time.
    """
    for part in parts:
        try:
            async with store.unit(_VOICES[part.by]) as unit:
                done = await _done(unit, part.wishes)
                for wish in part.wishes:
                    if wish.mark not in done:
                        await wish.carry_out(unit)
        except Refusal as refusal:
            if refusal.code in AWAY:
                raise
            log.info("left out of the demo", by=part.by, first=part.wishes[0].mark, code=refusal.code, why=refusal.msg)


async def _done(unit: Unit, wishes: Sequence[Wish]) -> set[Mark]:
    marks = [wish.mark for wish in wishes]
    rows = await unit.fetch(_DONE, [mark.entity for mark in marks], [mark.id for mark in marks])
    return {Mark(row["entity_type"], row["entity_id"], row["action"]) for row in rows}


def _mark(type: RecordType, id: str, event: str) -> Mark:
    return Mark(type.name, id, event.partition(".")[2])
