"""A write that the database refuses because of other rows: which they are, as far as whoever asked may read them.

The database refuses by the name of a constraint, and of that transaction nothing can be asked any more; so they are looked up when it has
been taken back. Never here: what is refused so (`needed`, `taken`), and types that look before, and say more (`RecordType.before`).
"""

from collections.abc import Mapping
from typing import Any

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.records.access import allowed
from homeroom.records.declare import RecordType

TOLD_MAX = 10
"""Records that a refusal names at the most."""


class InTheWay(Refusal):
    """`conflict` with rows of `owner`: those over `r` for which `condition` holds, SQL in which `$2` is `asked`."""

    shown: tuple[str, ...] = ("title",)
    """The columns that are told of each beside its id, where its type has them."""
    before_names = ": "
    """What stands in the words between what is said and the names."""

    def __init__(self, msg: str, data: Mapping[str, Any], owner: RecordType, condition: str, asked: Any) -> None:
        super().__init__("conflict", msg, data=dict(data))
        self.owner, self.condition, self.asked = owner, condition, asked

    def name_of(self, record: Mapping[str, Any]) -> str:
        """Return what one of the records is called in the words."""
        return repr(record["id"])


async def with_records(database: Database, refusal: InTheWay, caller: Caller) -> Refusal:
    """Return the refusal with the `records` that are in the way, `TOLD_MAX` at the most, none that the caller may not read.

    Raises `DatabaseError`.
    """
    found = await database.fetch(_statement(refusal, caller.role), caller.user, refusal.asked)
    if not found:
        return refusal
    records = [{"type": refusal.owner.name, **row} for row in found[:TOLD_MAX]]
    named = ", ".join(map(refusal.name_of, records)) + (" and more" if len(found) > TOLD_MAX else "")
    return Refusal("conflict", f"{refusal.msg}{refusal.before_names}{named}", data={**refusal.data, "records": records})


def _statement(refusal: InTheWay, role: str) -> str:
    owner = refusal.owner
    # What is hidden from some is told to nobody here.
    shown = [name for name in refusal.shown if name in owner.columns and name not in owner.hidden]
    return (
        f"SELECT {', '.join(f'r.{name}' for name in ('id', *shown))} FROM {owner.plural} AS r WHERE ({refusal.condition}) "  # noqa: S608 - declared
        f"AND {allowed(owner, owner.read, role)} AND $1::text IS NOT NULL ORDER BY r.id LIMIT {TOLD_MAX + 1}"
    )
