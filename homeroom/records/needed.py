"""A row that cannot be removed because others refer to it. Never here: finding out which (`in_the_way`)."""

from collections.abc import Sequence

from homeroom.records.declare import RecordType
from homeroom.records.in_the_way import InTheWay


class StillNeeded(InTheWay):
    """`conflict`: rows of `owner` refer by `column` to one of `ids`, rows of `type` that were to go."""

    def __init__(self, type: RecordType, ids: Sequence[str], owner: RecordType, column: str) -> None:
        msg = f"{owner.plural.replace('_', ' ')} still refer to this {type.name.replace('_', ' ')}"
        data = {"by": owner.name, "field": column}
        super().__init__(msg, data, owner, f"r.{column} = ANY($2::text[])", list(ids))
