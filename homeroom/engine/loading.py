"""From the journal to a live behaviour: snapshot, upgrades, tail; or everything, when no snapshot can be read.

Rules of this file: snapshot + tail equals the replay of all, so a snapshot is never more than a shortcut.
Never here: deadlines, receipts, and showing what was missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from homeroom.engine.behaviour import Behaviour
from homeroom.engine.blueprint import Blueprint
from homeroom.engine.journal import Journal, Loaded, Record
from homeroom.engine.ring import Entry

log = structlog.get_logger("homeroom.engine")
_PAGE = 500


@dataclass(slots=True)
class Restored:
    """A behaviour at the head; `saved` is the number of its snapshot, `entries` the newest events, as they are shown."""

    behaviour: Behaviour[Any]
    saved: int
    entries: list[Entry]


async def restore(journal: Journal, blueprint: Blueprint, address: str, loaded: Loaded, newest: int) -> Restored:
    """Return the behaviour after all that was loaded, with at most `newest` entries; raises `JournalError`.

    Raises `ValueError` for an event that this release does not know, and whatever `apply` raises.
    """
    behaviour = _from_snapshot(blueprint, address, loaded)
    if behaviour is not None:
        restored = Restored(behaviour, loaded.saved.seq if loaded.saved else 0, [])
        _apply(blueprint, restored, loaded.tail, newest)
        return restored
    restored = Restored(blueprint.fresh(address), 0, [])
    for after in range(0, loaded.head, _PAGE):
        records = await journal.read(address, after, min(after + _PAGE, loaded.head), _PAGE)
        _apply(blueprint, restored, records, newest)
    return restored


def _from_snapshot(blueprint: Blueprint, address: str, loaded: Loaded) -> Behaviour[Any] | None:
    """Return the behaviour at the snapshot; `None` when this release cannot read it."""
    try:
        return blueprint.restore(address, loaded.saved)
    except ValueError as error:
        log.warning("snapshot unreadable", actor=address, error=str(error))
        return None


def _apply(blueprint: Blueprint, restored: Restored, records: Iterable[Record], newest: int) -> None:
    behaviour = restored.behaviour
    for record in records:
        fact = blueprint.fact(record)
        behaviour.apply(fact)
        restored.entries.append(blueprint.entry(behaviour, fact, record.body))
    del restored.entries[: max(len(restored.entries) - newest, 0)]
