"""A row that cannot be removed because others refer to it: who they are, as far as whoever asked may read them.

The database refuses such a removal by the name of a constraint, and of that transaction nothing can be asked any more; so they are looked
up when it has been taken back. Never here: types that look before, and say more (`RecordType.before`).
"""

from collections.abc import Sequence

from homeroom.engine.behaviour import Caller, Refusal
from homeroom.engine.database import Database
from homeroom.records.access import allowed
from homeroom.records.declare import RecordType

TOLD_MAX = 10
"""Records that a refusal names at the most."""


class StillNeeded(Refusal):
    """`conflict`: rows of `owner` refer by `column` to one of `ids`, rows of `type` that were to go."""

    def __init__(self, type: RecordType, ids: Sequence[str], owner: RecordType, column: str) -> None:
        super().__init__("conflict", _words(type, owner), data={"by": owner.name, "field": column})
        self.type, self.ids, self.owner, self.column = type, ids, owner, column


async def with_referrers(database: Database, refusal: StillNeeded, caller: Caller) -> Refusal:
    """Return the refusal with the `records` that are in the way, `TOLD_MAX` at the most, none that the caller may not read.

    Raises `DatabaseError`.
    """
    found = await database.fetch(_statement(refusal, caller.role), caller.user, list(refusal.ids))
    if not found:
        return refusal
    records = [{"type": refusal.owner.name, **row} for row in found[:TOLD_MAX]]
    named = ", ".join(repr(row["id"]) for row in records) + (" and more" if len(found) > TOLD_MAX else "")
    data = {**refusal.data, "records": records}
    return Refusal("conflict", f"{_words(refusal.type, refusal.owner)}: {named}", data=data)


def _words(type: RecordType, owner: RecordType) -> str:
    return f"{owner.plural.replace('_', ' ')} still refer to this {type.name.replace('_', ' ')}"


def _statement(refusal: StillNeeded, role: str) -> str:
    owner = refusal.owner
    shown = "r.id, r.title" if "title" in owner.columns else "r.id"
    return (
        f"SELECT {shown} FROM {owner.plural} AS r WHERE r.{refusal.column} = ANY($2::text[]) "  # noqa: S608 - declared
        f"AND {allowed(owner, owner.read, role)} AND $1::text IS NOT NULL ORDER BY r.id LIMIT {TOLD_MAX + 1}"
    )
